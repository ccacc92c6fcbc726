"""The indexer loses nothing, whatever the store or the objects do (P1, P9)."""

import json
import os
from pathlib import Path

import pytest

from dicom_listener.indexer import Indexer
from tests.filing import T0, Node, element, raising
from worklist.errors import RefusedByStore, StoreUnavailable
from worklist.uid import SOPInstanceUID


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
