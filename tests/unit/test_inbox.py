"""The inbox: durable before Success, names never from the network (P1, P9)."""

import errno
import os
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pydicom
import pytest

from dicom_listener.association_evidence import (
    ListenerLock,
    mark_open,
    open_associations,
    remove_stale_temporaries,
)
from dicom_listener.inbox import FolderSync, Inbox, Origin, ReceivedName, file_header
from dicom_listener.incoming_file import can_be_unnamed

ORIGIN = Origin(
    association_id="0123456789abcdef-000001",
    calling_ae_title="CT01",
    called_ae_title="VIGIE",
    address="10.0.0.7",
)
NAME = "00000000000000000001_0123456789abcdef-000001_000001.dcm"


@pytest.fixture(params=["unnamed", "renamed"])
def inbox(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inbox:
    """An inbox on a file system with, and on one without, files that have no name."""
    if request.param == "renamed":
        monkeypatch.setattr("dicom_listener.inbox.can_be_unnamed", lambda _: False)
    else:  # whatever the tests' own file system is called
        monkeypatch.setattr("dicom_listener.incoming_file._file_system", lambda _: "ext4")
    return Inbox(tmp_path / "inbox")


class DiskTrace:
    """Records the order of the calls that make a file durable."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        self._fsync, self._rename, self._link = os.fsync, os.rename, os.link
        monkeypatch.setattr(os, "fsync", self.fsync)
        monkeypatch.setattr(os, "rename", self.rename)
        monkeypatch.setattr(os, "link", self.link)

    def link(self, source: str, target: str, **how: Any) -> None:
        if not target.endswith(".try"):
            self.calls.append("name")
        self._link(source, target, **how)

    def rename(self, source: str, target: str) -> None:
        self.calls.append("name")
        self._rename(source, target)

    def fsync(self, descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        self.calls.append("sync folder" if is_folder else "sync file")
        self._fsync(descriptor)


def test_p1_an_object_is_written_synced_named_and_its_folder_synced(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = DiskTrace(monkeypatch)
    incoming = inbox.create(b"header", "one")
    incoming.write(memoryview(b"data"))
    assert inbox.pending() == []
    incoming.finish(NAME)
    assert trace.calls == ["sync file", "name", "sync folder"]
    assert (inbox.root / NAME).read_bytes() == b"headerdata"
    assert inbox.pending() == [NAME]
    assert list(inbox.temporary.iterdir()) == []


def test_p1_an_object_whose_folder_cannot_be_synced_is_not_in_the_inbox(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    incoming = inbox.create(b"header", "one")
    incoming.write(memoryview(b"data"))
    synced: list[int] = []

    def fail_the_second(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) == 2:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail_the_second)
    with pytest.raises(OSError, match="Input/output"):
        incoming.finish(NAME)
    assert inbox.pending() == []


def test_p1_an_object_whose_bytes_cannot_be_synced_never_gets_a_name(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    incoming = inbox.create(b"header", "one")
    incoming.write(memoryview(b"data"))

    def fail(_: int) -> None:
        assert inbox.pending() == []
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output"):
        incoming.finish(NAME)
    assert inbox.pending() == []
    incoming.discard()
    assert list(inbox.temporary.iterdir()) == []


def test_what_is_discarded_leaves_nothing_and_keeps_nothing_open(inbox: Inbox) -> None:
    assert inbox.unnamed_files in (True, False)  # tried before descriptors are counted
    before = len(list(Path("/proc/self/fd").iterdir()))
    incoming = inbox.create(b"header", "one")
    incoming.write(memoryview(b"data"))
    assert len(list(inbox.temporary.iterdir())) == (0 if inbox.unnamed_files else 1)
    incoming.discard()
    incoming.discard()
    assert list(inbox.temporary.iterdir()) == []
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_file_without_a_name_is_tried_and_nothing_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "not supported")

    with monkeypatch.context() as no_unnamed_files:
        no_unnamed_files.setattr(os, "open", refuse)
        assert not can_be_unnamed(tmp_path)
    with monkeypatch.context() as no_proc:
        no_proc.setattr(os, "link", refuse)
        assert not can_be_unnamed(tmp_path)
    can_be_unnamed(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("file_system", "sound"), [("ext4", True), ("xfs", True), ("btrfs", False), ("nfs4", False)]
)
def test_p1_only_file_systems_that_sync_unnamed_files_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file_system: str, sound: bool
) -> None:
    device = tmp_path.stat().st_dev
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "22 1 0:21 / /proc rw shared:12 - proc proc rw\n"
        f"29 1 {os.major(device)}:{os.minor(device)} / / rw shared:1 - {file_system} /dev/x rw\n",
        encoding="utf-8",
    )
    monkeypatch.setattr("dicom_listener.incoming_file._MOUNTS", mounts)
    monkeypatch.setattr("dicom_listener.incoming_file._link_unnamed", lambda *_: None)
    assert can_be_unnamed(tmp_path) is sound
    mounts.unlink()
    assert not can_be_unnamed(tmp_path), "where nothing tells the type, files are renamed"


def test_p1_the_folder_that_stands_at_the_path_now_is_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "inbox"
    folder.mkdir()
    sync = FolderSync(folder)
    folder.rename(tmp_path / "taken away")
    folder.mkdir()
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    sync.sync()
    assert synced == [folder.stat().st_ino]


def test_what_a_dead_listener_left_half_received_is_removed_and_a_living_ones_kept(
    inbox: Inbox,
) -> None:
    lock = ListenerLock(inbox)
    for owner in (lock.listener_id, "0123456789abcdef"):
        (inbox.temporary / f"{owner}-000001_000001").write_bytes(b"half")
    remove_stale_temporaries(inbox)
    assert [path.name for path in inbox.temporary.iterdir()] == [
        f"{lock.listener_id}-000001_000001"
    ]
    lock.release()


def test_names_sort_by_the_time_of_reception_and_say_it() -> None:
    early = ReceivedName(received_at_ns=999, association_id="b-000002", number=9)
    late = ReceivedName(
        received_at_ns=1_767_225_600_123_456_789, association_id="a-000001", number=1
    )
    assert str(early) < str(late)
    assert ReceivedName.parse(str(late)) == late
    assert late.received_at == datetime(2026, 1, 1, 0, 0, 0, 123456, tzinfo=UTC)
    assert ReceivedName.parse("IM00001.dcm") is None


def test_the_file_header_says_where_the_object_came_from(tmp_path: Path) -> None:
    header = file_header(
        sop_class_uid=b"1.2.840.10008.5.1.4.1.1.2",
        sop_instance_uid=b"1.2.3",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        origin=ORIGIN,
        implementation_version_name="VIGIE",
    )
    path = tmp_path / "one.dcm"
    path.write_bytes(header)
    meta = pydicom.dcmread(path).file_meta
    assert meta.MediaStorageSOPInstanceUID == "1.2.3"
    assert meta.SendingApplicationEntityTitle == "CT01"
    assert meta.ReceivingApplicationEntityTitle == "VIGIE"
    assert meta.SourcePresentationAddress == "dicom://10.0.0.7"
    assert meta.FileMetaInformationGroupLength == len(header) - 144


def test_threads_that_wait_for_a_sync_share_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = FolderSync(tmp_path)
    started, go_on = threading.Event(), threading.Event()
    calls: list[int] = []

    def slow(descriptor: int) -> None:
        calls.append(descriptor)
        started.set()
        go_on.wait(10)

    monkeypatch.setattr(os, "fsync", slow)
    first = threading.Thread(target=sync.sync)
    first.start()
    started.wait(10)
    others = [threading.Thread(target=sync.sync) for _ in range(5)]
    for thread in others:
        thread.start()
    while sync._asked < 6:
        threading.Event().wait(0.01)
    go_on.set()
    for thread in [first, *others]:
        thread.join(10)
    assert len(calls) == 2


def test_a_failed_sync_fails_everybody_it_covered_and_nobody_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = FolderSync(tmp_path)
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(5, "broken")))
        with pytest.raises(OSError, match="broken"):
            sync.sync()
    sync.sync()


def test_an_association_is_seen_while_its_listener_lives(inbox: Inbox) -> None:
    lock = ListenerLock(inbox)
    origin = Origin(
        association_id=f"{lock.listener_id}-000001",
        calling_ae_title="CT01",
        called_ae_title="VIGIE",
        address="10.0.0.7",
    )
    marker = mark_open(inbox, origin, now=datetime(2026, 1, 1, tzinfo=UTC))
    assert [a.sender for a in open_associations(inbox)] == [("CT01", "10.0.0.7")]
    marker.unlink()
    assert open_associations(inbox) == []
    lock.release()


def test_the_marker_of_a_dead_listener_is_removed(inbox: Inbox) -> None:
    lock = ListenerLock(inbox)
    dead = f"{lock.listener_id}-000001"
    origin = Origin(
        association_id=dead, calling_ae_title="CT01", called_ae_title="VIGIE", address="10.0.0.7"
    )
    marker = mark_open(inbox, origin, now=datetime(2026, 1, 1, tzinfo=UTC))
    os.close(lock._descriptor)  # as the operating system does at a kill -9
    assert open_associations(inbox) == []
    assert not marker.exists()
    assert list(inbox.listeners.iterdir()) == []
