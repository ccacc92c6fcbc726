"""What was answered Success is on disk, and nothing else, however the listener ends (P1)."""

import errno
import os
import random
import signal
import socket
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import dcmread

from dicom_listener.association_evidence import open_associations
from dicom_listener.inbox import Inbox
from tests.disk_trace import DiskTrace
from tests.listening import (
    RunningListener,
    association,
    ct,
    eventually,
    half_received,
    listener_process,
)


@pytest.mark.parametrize("unnamed", [True, False])
def test_p1_success_is_sent_when_bytes_and_name_are_synced_in_this_order(
    start: Callable[..., RunningListener], monkeypatch: pytest.MonkeyPatch, unnamed: bool
) -> None:
    monkeypatch.setattr("dicom_listener.inbox.can_be_unnamed", lambda _: unnamed)
    listener = start()
    with association(listener.port) as peer:
        trace = DiskTrace(monkeypatch)
        send = socket.socket.sendall

        def note_the_answer(self: socket.socket, encoded: bytes) -> None:
            trace.calls.append("answer")
            send(self, encoded)

        monkeypatch.setattr(socket.socket, "sendall", note_the_answer)  # the peer uses send
        assert peer.send_c_store(ct("1.2.3.1")).Status == 0x0000
        assert peer.send_c_store(ct("1.2.3.2", 500_000)).Status == 0x0000
        assert trace.calls == ["sync file", "name", "sync folder", "answer"] * 2


@pytest.mark.parametrize("failing", ["sync of the file", "sync of the folder"])
def test_p1_a_disk_that_fails_to_sync_never_gives_success(
    start: Callable[..., RunningListener], monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    listener = start()
    sync = os.fsync

    def fail(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode) is (failing == "sync of the folder"):
            raise OSError(errno.ENOSPC, "full")
        sync(descriptor)

    with association(listener.port) as peer:
        with monkeypatch.context() as broken:
            broken.setattr(os, "fsync", fail)
            assert peer.send_c_store(ct()).Status == 0xA700
            assert listener.received() == []
        assert peer.send_c_store(ct()).Status == 0x0000
    assert len(listener.received()) == 1
    assert list(listener.inbox.temporary.iterdir()) == []


@pytest.mark.parametrize("unnamed", [True, False])
def test_a_connection_lost_in_mid_object_leaves_nothing_behind(
    start: Callable[..., RunningListener], monkeypatch: pytest.MonkeyPatch, unnamed: bool
) -> None:
    monkeypatch.setattr("dicom_listener.inbox.can_be_unnamed", lambda _: unnamed)
    listener = start()
    with association(listener.port) as peer:
        sending = threading.Thread(target=lambda: peer.send_c_store(ct(size=50_000_000)))
        sending.start()
        assert eventually(lambda: half_received(listener.inbox))
        peer.dul.socket.socket.shutdown(socket.SHUT_RDWR)
        sending.join(30)
    assert eventually(lambda: not half_received(listener.inbox))
    assert list(listener.inbox.temporary.iterdir()) == []
    assert listener.received() == []


def test_stopping_finishes_the_association_in_hand_and_takes_no_new_one(
    start: Callable[..., RunningListener],
) -> None:
    listener = start()
    with association(listener.port) as peer:
        assert peer.send_c_store(ct("1.2.3.1")).Status == 0x0000
        stopping = threading.Timer(0.05, listener.ask_to_stop)
        stopping.start()
        statuses = [peer.send_c_store(ct(f"1.2.3.{n}", 300_000)).Status for n in range(2, 30)]
        assert set(statuses) == {0x0000}
    listener.thread.join(20)
    assert not listener.thread.is_alive()
    assert len(listener.received()) == 29
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", listener.port), timeout=5)


def test_stopping_does_not_wait_for_an_idle_association(
    start: Callable[..., RunningListener],
) -> None:
    listener = start(stop_limit_s=30.0)
    with association(listener.port) as peer:
        started = time.monotonic()
        listener.stop()
        assert time.monotonic() - started < 8
        assert eventually(lambda: peer.is_aborted)


@pytest.mark.parametrize("seed", [1, 2])
def test_p1_after_kill_9_every_acknowledged_object_is_there_bit_for_bit(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    process, port = listener_process(tmp_path)
    acknowledged: dict[str, str] = {}

    def send(number: int) -> None:
        with association(port, timeout_s=2.0) as peer:
            for n in range(10_000):
                if not peer.is_established:
                    return
                ds = ct(f"1.2.{number}.{n}", size=20_000 + n)
                try:
                    status = peer.send_c_store(ds)
                except RuntimeError:  # the association ended under our feet
                    return
                if "Status" in status and status.Status == 0x0000:
                    acknowledged[ds.SOPInstanceUID] = ds.TextValue

    senders = [threading.Thread(target=send, args=(number,)) for number in range(2)]
    for thread in senders:
        thread.start()
    time.sleep(1.0 + chance.random())
    process.send_signal(signal.SIGKILL)
    process.communicate()
    for thread in senders:
        thread.join(30)
    kept = {
        ds.SOPInstanceUID: ds.TextValue for ds in map(dcmread, (tmp_path / "inbox").glob("*.dcm"))
    }
    assert acknowledged
    assert {uid: kept.get(uid) for uid in acknowledged} == acknowledged
    again, _ = listener_process(tmp_path)  # clears what the dead one left
    inbox = Inbox(tmp_path / "inbox")
    try:
        assert list(inbox.temporary.iterdir()) == []
        assert open_associations(inbox) == []
    finally:
        again.kill()
        again.communicate()
