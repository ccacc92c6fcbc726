"""The inbox: durable before Success, names never from the network (P1, P9)."""

import errno
import os
import threading
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

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
from tests.disk_trace import DiskTrace

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


@pytest.mark.parametrize("at_first", [True, False])
def test_p1_a_folder_that_took_the_inboxs_place_is_tried_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_first: bool
) -> None:
    tried: list[Path] = []

    def answer(folder: Path) -> bool:
        tried.append(folder)
        return at_first is (len(tried) == 1)

    monkeypatch.setattr("dicom_listener.inbox.can_be_unnamed", answer)
    root = tmp_path / "inbox"
    inbox = Inbox(root)
    for _ in range(3):
        receive(inbox, named_meanwhile=not at_first)
    root.rename(tmp_path / "taken away")
    (root / "tmp").mkdir(parents=True)
    for _ in range(3):
        receive(inbox, named_meanwhile=at_first)
    assert tried == [inbox.temporary] * 2, "once each folder"


def receive(inbox: Inbox, *, named_meanwhile: bool) -> None:
    """Receive an object, and see whether it has a temporary name until it is whole."""
    incoming = inbox.create(b"header", "one")
    incoming.write(memoryview(b"data"))
    assert len(list(inbox.temporary.iterdir())) == named_meanwhile
    incoming.finish(NAME)
    assert (inbox.root / NAME).read_bytes() == b"headerdata"
    (inbox.root / NAME).unlink()


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


class WatchedCondition(threading.Condition):
    """Tells when threads wait, and lets one of them notice late that it was woken."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = threading.Semaphore(0)  # one count for each wait begun
        self.late: threading.Thread | None = None
        self.late_may_go_on = threading.Event()

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.release()
        woken = super().wait(timeout)
        if threading.current_thread() is self.late:
            self.release()
            self.late_may_go_on.wait(10)
            self.acquire()
        return woken


class FakeDisk:
    """Stands for `sync_folder`: the first sync lasts until it is let go, and chosen ones fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, failing: frozenset[int]) -> None:
        self._failing = failing
        self._numbers = count(1)
        self.syncs = 0
        self.first_began, self.first_may_end = threading.Event(), threading.Event()
        monkeypatch.setattr("dicom_listener.inbox.sync_folder", self.sync)

    def sync(self, _: Path) -> None:
        number = self.syncs = next(self._numbers)
        if number == 1:
            self.first_began.set()
            self.first_may_end.wait(10)
        if number in self._failing:
            raise OSError(errno.EIO, f"sync {number} failed")


class Asker(threading.Thread):
    """Asks for a sync, and keeps how it ended."""

    def __init__(self, sync: FolderSync) -> None:
        super().__init__()
        self._sync = sync
        self.outcome = "none"

    def run(self) -> None:
        try:
            self._sync.sync()
        except OSError:
            self.outcome = "failed"
        else:
            self.outcome = "durable"


def watched_sync(folder: Path) -> tuple[FolderSync, WatchedCondition]:
    sync, condition = FolderSync(folder), WatchedCondition()
    sync._changed = condition
    return sync, condition


def test_threads_that_wait_for_a_sync_share_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = FakeDisk(monkeypatch, failing=frozenset())
    sync, condition = watched_sync(tmp_path)
    askers = [Asker(sync) for _ in range(6)]
    askers[0].start()
    assert disk.first_began.wait(10)
    for asker in askers[1:]:
        asker.start()
        assert condition.waits.acquire(timeout=10)
    disk.first_may_end.set()
    for asker in askers:
        asker.join(10)
    assert [asker.outcome for asker in askers] == ["durable"] * 6
    assert disk.syncs == 2


@pytest.mark.parametrize("failing", [set(), {2}, {3}, {2, 3}])
def test_p1_who_waits_gets_the_outcome_of_the_sync_that_covered_him_however_late_he_wakes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: set[int]
) -> None:
    disk = FakeDisk(monkeypatch, frozenset(failing))
    sync, condition = watched_sync(tmp_path)
    first, second, late, last = (Asker(sync) for _ in range(4))
    condition.late = late
    first.start()
    assert disk.first_began.wait(10)
    for waiting in (second, late):  # the second sync covers both
        waiting.start()
        assert condition.waits.acquire(timeout=10)
    disk.first_may_end.set()
    for thread in (first, second):
        thread.join(10)
    last.start()
    last.join(10)
    condition.late_may_go_on.set()
    late.join(10)
    of_sync = {number: "failed" if number in failing else "durable" for number in (1, 2, 3)}
    assert (first.outcome, second.outcome, last.outcome) == (of_sync[1], of_sync[2], of_sync[3])
    assert late.outcome == of_sync[2]
    assert disk.syncs == 3


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
