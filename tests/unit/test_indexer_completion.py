"""The indexer hands studies on when they are complete, and goes on when the store is back."""

import fcntl
import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dicom_listener.association_evidence import ListenerLock, mark_open
from dicom_listener.completion import CompletionSettings
from dicom_listener.inbox import Origin
from dicom_listener.indexer import IndexerSettings, run
from tests.filing import T0, Node
from worklist.study import (
    Completeness,
)
from worklist.uid import StudyInstanceUID


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


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
