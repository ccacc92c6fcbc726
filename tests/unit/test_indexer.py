"""The indexer loses nothing, whatever the store or the objects do (P1, P9)."""

import fcntl
import json
import os
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dicom_listener.association_evidence import ListenerLock, mark_open
from dicom_listener.command import C_STORE_RQ, Command
from dicom_listener.completion import CompletionSettings
from dicom_listener.handlers import StoreHandler
from dicom_listener.inbox import Inbox, Origin
from dicom_listener.indexer import Indexer, IndexerSettings, run
from dicom_listener.settings import ListenerSettings
from worklist.errors import RefusedByStore, StoreUnavailable
from worklist.study import (
    ArrivalResult,
    Completeness,
    InstanceArrival,
    QuarantinedObject,
    StudyArrival,
)
from worklist.uid import SOPInstanceUID, StudyInstanceUID

T0 = datetime(2026, 1, 5, 2, 31, tzinfo=UTC)


class FakeStore:
    """Remembers; can be down, and can choke on one object."""

    def __init__(self) -> None:
        self.instances: dict[SOPInstanceUID, InstanceArrival] = {}
        self.conflicts: list[InstanceArrival] = []
        self.quarantined: list[QuarantinedObject] = []
        self.completed: list[tuple[StudyInstanceUID, Completeness, datetime]] = []
        self.is_down = False
        self.poison: SOPInstanceUID | None = None
        self.on_poison: Exception = RefusedByStore("a value the database refuses")

    def existing_digests(
        self, uids: Sequence[SOPInstanceUID]
    ) -> dict[SOPInstanceUID, tuple[str, str]]:
        self._check()
        known = {uid: self.instances[uid] for uid in uids if uid in self.instances}
        return {uid: (one.sha256, one.transfer_syntax_uid) for uid, one in known.items()}

    def record_arrivals(
        self, arrivals: Sequence[InstanceArrival], *, now: datetime
    ) -> list[ArrivalResult]:
        self._check()
        if any(one.sop_instance_uid == self.poison for one in arrivals):
            raise self.on_poison
        results = []
        for one in arrivals:
            first = self.instances.setdefault(one.sop_instance_uid, one)
            if first is one:
                results.append(ArrivalResult.FILED)
            elif first.sha256 == one.sha256:
                results.append(ArrivalResult.ALREADY_FILED)
            else:
                self.conflicts.append(one)
                results.append(ArrivalResult.CONFLICT)
        return results

    def record_quarantined(
        self, quarantined: Sequence[QuarantinedObject], *, now: datetime
    ) -> None:
        self._check()
        self.quarantined += quarantined

    def studies_arriving(self) -> list[StudyArrival]:
        self._check()
        done = {uid for uid, _, _ in self.completed}
        studies: dict[StudyInstanceUID, list[InstanceArrival]] = {}
        for one in self.instances.values():
            studies.setdefault(one.study.study_instance_uid, []).append(one)
        return [
            StudyArrival(
                study_instance_uid=uid,
                first_received_at=min(one.received_at for one in ones),
                last_received_at=max(one.received_at for one in ones),
                reopened_at=None,
                instance_count=len(ones),
                expected_instance_count=None,
                senders=frozenset((one.calling_ae_title, one.sender_address) for one in ones),
                association_ids=frozenset(one.association_id for one in ones),
            )
            for uid, ones in studies.items()
            if uid not in done
        ]

    def complete_study(
        self, uid: StudyInstanceUID, *, completeness: Completeness, now: datetime
    ) -> None:
        self._check()
        self.completed.append((uid, completeness, now))

    def _check(self) -> None:
        if self.is_down:
            raise StoreUnavailable("down")


class Node:
    """A data folder with an indexer, a store, a clock and something that receives."""

    def __init__(self, data: Path, *, batch_size: int = 200) -> None:
        self.data = data
        self.now = T0
        self.store = FakeStore()
        self.settings = IndexerSettings(data=data, batch_size=batch_size)
        self.indexer = Indexer(self.settings, self.store, lambda: self.now)
        listener = ListenerSettings(data=data, disk_reserve_bytes=0)
        self.origin = Origin(
            association_id="0123456789abcdef-000001",
            calling_ae_title="CT01",
            called_ae_title="VIGIE",
            address="10.0.0.7",
        )
        self._handler = StoreHandler(
            inbox=Inbox(listener.inbox),
            settings=listener,
            origin=self.origin,
            clock_ns=lambda: int(self.now.timestamp() * 10**9),
        )

    def receive(self, uid: str, *, study: str = "1.2.1", more: bytes = b"") -> None:
        content = (
            element(0x00080018, b"UI", uid.encode())
            + element(0x0020000D, b"UI", study.encode())
            + element(0x0020000E, b"UI", study.encode() + b".1")
            + more
        )
        self.receive_bytes(content, uid.encode())

    def receive_bytes(self, content: bytes, uid: bytes) -> None:
        command = Command(
            field=C_STORE_RQ,
            message_id=1,
            has_data_set=True,
            sop_class_uid=b"1.2.840.10008.5.1.4.1.1.2",
            sop_instance_uid=uid,
        )
        reception = self._handler.begin(command, "1.2.840.10008.1.2.1")
        reception.write(memoryview(content))
        assert self._handler.finish(reception).status == 0

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.indexer.run_once()

    def archived(self) -> list[str]:
        root = self.data / "archive"
        return sorted(path.relative_to(root).as_posix() for path in root.rglob("*.dcm"))


def raising(error: Exception) -> Callable[..., None]:
    """A function that always fails."""

    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def element(tag: int, vr: bytes, value: bytes) -> bytes:
    value += b"\0" * (len(value) % 2)
    head = (tag >> 16).to_bytes(2, "little") + (tag & 0xFFFF).to_bytes(2, "little")
    return head + vr + len(value).to_bytes(2, "little") + value


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def test_what_was_received_is_archived_recorded_and_gone_from_the_inbox(node: Node) -> None:
    node.receive("1.2.3", more=element(0x00280010, b"US", b"\0\2"))
    node.indexer.run_once()
    assert node.archived() == ["1.2.1/1.2.1.1/1.2.3.dcm"]
    (one,) = node.store.instances.values()
    assert one.received_at == T0
    assert one.association_id == "0123456789abcdef-000001"
    assert (one.calling_ae_title, one.sender_address) == ("CT01", "10.0.0.7")
    assert one.rows == 512
    assert node.indexer.inbox.pending() == []


def test_the_same_object_twice_in_one_batch_is_filed_once(node: Node) -> None:
    node.receive("1.2.3")
    node.receive("1.2.3")
    node.indexer.run_once()
    assert len(node.archived()) == 1
    assert node.store.conflicts == []


def test_two_objects_with_one_uid_are_both_kept_and_visible(node: Node) -> None:
    for text in (b"one ", b"two "):
        node.receive("1.2.3", more=element(0x00204000, b"LT", text))
    node.indexer.run_once()
    assert len(node.archived()) == 2
    (conflict,) = node.store.conflicts
    assert "~" in conflict.archive_path


def test_one_uid_in_two_studies_is_a_conflict_too(node: Node) -> None:
    node.receive("1.2.3", study="1.2.1")
    node.indexer.run_once()
    node.receive("1.2.3", study="1.2.9")
    node.indexer.run_once()
    (conflict,) = node.store.conflicts
    assert conflict.archive_path.startswith("1.2.9/1.2.9.1/1.2.3~")


def test_what_cannot_be_read_is_in_quarantine_byte_for_byte_with_the_reason(node: Node) -> None:
    node.receive_bytes(b"no data set at all", b"../../etc/passwd")
    (received,) = (node.data / "inbox").glob("*.dcm")
    content = received.read_bytes()
    node.indexer.run_once()
    (one,) = node.store.quarantined
    kept = node.data / "quarantine" / one.quarantine_path
    assert kept.read_bytes() == content
    reason = json.loads((kept.parent / f"{kept.name}.reason.json").read_text())
    assert reason["reason"] == one.reason == "the data set has no SOP Instance UID"
    assert reason["sha256"] == one.sha256
    assert one.calling_ae_title == "CT01"
    assert node.indexer.inbox.pending() == []


def test_p1_with_the_database_down_everything_waits_in_the_inbox(node: Node) -> None:
    node.receive("1.2.3")
    node.receive_bytes(b"junk", b"1.2.4")
    node.store.is_down = True
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            node.indexer.run_once()
    assert len(node.indexer.inbox.pending()) == 2
    node.store.is_down = False
    node.indexer.run_once()
    assert len(node.store.instances) == len(node.store.quarantined) == 1
    assert node.indexer.inbox.pending() == []


@pytest.mark.parametrize("step", ["link", "sync", "record", "unlink"])
def test_p1_a_crash_at_any_step_loses_nothing_and_a_rerun_finishes(
    node: Node, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    class Killed(BaseException):
        """Stands for the end of the process."""

    def die(*_: object, **__: object) -> None:
        raise Killed

    node.receive("1.2.3")
    node.receive("1.2.4")
    with monkeypatch.context() as dying:
        if step == "link":
            dying.setattr(os, "link", die)
        elif step == "sync":
            dying.setattr(node.indexer.archive, "sync", die)
        elif step == "record":
            dying.setattr(node.store, "record_arrivals", die)
        else:
            dying.setattr(Path, "unlink", die)
        with pytest.raises(Killed):
            node.indexer.run_once()
    assert len(node.indexer.inbox.pending()) == 2
    again = Indexer(node.settings, node.store, lambda: T0)
    again.run_once()
    assert len(node.archived()) == 2
    assert len(node.store.instances) == 2
    assert node.store.conflicts == []
    assert again.inbox.pending() == []


def test_one_object_that_the_database_cannot_take_does_not_stop_the_others(node: Node) -> None:
    for number in range(9):
        node.receive(f"1.2.3.{number}")
    node.store.poison = SOPInstanceUID("1.2.3.5")
    node.indexer.run_once()
    assert len(node.store.instances) == 8
    (one,) = node.store.quarantined
    assert one.reason == "a value the database refuses"
    assert node.indexer.inbox.pending() == []


@pytest.mark.parametrize("error", [RuntimeError("a bug"), RefusedByStore("no room for a row")])
def test_p1_a_fault_that_is_not_the_objects_never_puts_it_into_quarantine(
    node: Node, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    for number in range(9):
        node.receive(f"1.2.3.{number}")
    node.store.poison = SOPInstanceUID("1.2.3.5")
    node.store.on_poison = RuntimeError("a bug")
    if isinstance(error, RefusedByStore):
        node.store.on_poison = error
        monkeypatch.setattr(node.store, "record_quarantined", raising(error))
    node.indexer.run_once()
    assert len(node.store.instances) == 8
    assert len(node.indexer.inbox.pending()) == 1
    monkeypatch.undo()
    node.store.poison = None
    node.wait(9)
    assert len(node.store.instances) == 8  # it is given time
    node.wait(1)
    assert len(node.store.instances) == 9
    assert node.store.quarantined == []
    assert node.indexer.inbox.pending() == []


def test_p1_a_database_that_cannot_work_puts_nothing_into_quarantine(node: Node) -> None:
    node.receive("1.2.3")
    node.store.poison = SOPInstanceUID("1.2.3")
    node.store.on_poison = StoreUnavailable("the database cannot do its work (read-only)")
    with pytest.raises(StoreUnavailable):
        node.indexer.run_once()
    assert list(node.indexer.quarantine.root.iterdir()) == []
    assert len(node.indexer.inbox.pending()) == 1


def test_a_file_that_cannot_be_read_now_is_tried_again_and_holds_up_nobody(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.receive("1.2.3")
    with monkeypatch.context() as broken:
        broken.setattr(os, "pread", lambda *_: (_ for _ in ()).throw(OSError(5, "broken disk")))
        node.indexer.run_once()
    assert len(node.indexer.inbox.pending()) == 1
    node.receive("1.2.4")
    node.wait(0.2)
    assert list(node.store.instances) == ["1.2.4"]
    node.wait(10)
    assert list(node.store.instances) == ["1.2.4", "1.2.3"]


def test_p1_an_archive_that_cannot_be_synced_keeps_objects_in_the_inbox(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.receive("1.2.3")
    node.receive("1.2.4")
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(5, "broken disk")))
        node.indexer.run_once()
    assert node.store.instances == {}
    assert node.store.quarantined == []
    node.wait(10)
    assert len(node.store.instances) == 2


def test_one_study_that_cannot_be_handed_on_does_not_stop_the_others(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete = node.store.complete_study

    def choke(uid: StudyInstanceUID, *, completeness: Completeness, now: datetime) -> None:
        if uid == "1.2.1":
            raise ValueError("a bug")
        complete(uid, completeness=completeness, now=now)

    monkeypatch.setattr(node.store, "complete_study", choke)
    node.receive("1.2.3", study="1.2.1")
    node.receive("1.2.4", study="1.2.2")
    node.indexer.run_once()
    node.wait(5)
    assert [uid for uid, _, _ in node.store.completed] == ["1.2.2"]


def test_a_study_is_complete_when_its_sender_is_gone_and_nothing_came_for_5_s(node: Node) -> None:
    node.receive("1.2.3")
    node.wait(4.9)
    assert node.store.completed == []
    node.wait(0.1)
    assert node.store.completed == [("1.2.1", Completeness.COMPLETE, node.now)]


def test_a_study_waits_while_its_sender_holds_an_association_open(node: Node) -> None:
    lock = ListenerLock(node.indexer.inbox)
    origin = Origin(
        association_id=f"{lock.listener_id}-000001",
        calling_ae_title="CT01",
        called_ae_title="VIGIE",
        address="10.0.0.7",
    )
    mark_open(node.indexer.inbox, origin, now=T0)
    node.receive("1.2.3")
    node.wait(10)
    assert node.store.completed == []
    lock.release()
    node.wait(0.2)
    assert len(node.store.completed) == 1


def test_images_that_wait_in_a_backlog_keep_their_study_open(tmp_path: Path) -> None:
    node = Node(tmp_path, batch_size=1)
    for number in range(50):
        node.receive(f"1.2.3.{number}")
        node.now += timedelta(seconds=0.5)
    node.receive("1.2.4", study="1.2.9")
    node.now += timedelta(hours=1)
    filed_at_completion = []
    complete = node.store.complete_study

    def note(uid: StudyInstanceUID, *, completeness: Completeness, now: datetime) -> None:
        filed_at_completion.append(len(node.store.instances))
        complete(uid, completeness=completeness, now=now)

    node.store.complete_study = note  # type: ignore[method-assign]
    node.indexer.run_once()
    assert filed_at_completion == [51, 51]


def test_the_loop_goes_on_when_the_database_comes_back(tmp_path: Path) -> None:
    node = Node(tmp_path)
    node.receive("1.2.3")
    node.store.is_down = True
    stop = threading.Event()
    settings = IndexerSettings(
        data=tmp_path, poll_s=0.01, longest_pause_s=0.05, completion=CompletionSettings()
    )
    thread = threading.Thread(target=run, args=(settings, node.store, stop))
    thread.start()
    stop.wait(0.2)
    assert len(node.indexer.inbox.pending()) == 1
    node.store.is_down = False
    for _ in range(500):
        if node.store.instances:
            break
        stop.wait(0.01)
    stop.set()
    thread.join(10)
    assert len(node.store.instances) == 1


def test_a_second_indexer_of_one_inbox_waits(tmp_path: Path) -> None:
    node = Node(tmp_path)
    node.receive("1.2.3")
    with (node.indexer.inbox.root / "indexer.lock").open("w") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        stop = threading.Event()
        thread = threading.Thread(target=run, args=(node.settings, node.store, stop))
        thread.start()
        stop.wait(0.3)
        assert node.store.instances == {}
        stop.set()
        thread.join(10)
    assert node.store.instances == {}
