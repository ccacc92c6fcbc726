"""Peers are told what the archive really holds, once, and until they take it."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dicom_listener.association_evidence import ListenerLock, mark_open
from dicom_listener.commitments import CommitmentFolders
from dicom_listener.inbox import Inbox, Origin, ReceivedName, file_header
from dicom_listener.received_object import Digest, data_set_digest
from results.sending.commitment import encoded_answer
from results.sending.destination import DimseDestination, Tls
from results.sending.encodings import EXPLICIT, IMPLICIT
from results.sending.errors import DestinationUnavailable
from tests.listening import ct, eventually
from vigie import commitment_answers, commitment_telling
from vigie.commitment_answers import CommitmentAnswers, CommitmentSettings
from vigie.roles.file import commitment_peers
from vigie.settings import load_settings
from worklist.archived import ArchivedObject
from worklist.commitment import (
    CommitmentAnswer,
    CommitmentMessage,
    FailureReason,
    ObjectReference,
    PreparedAnswer,
)
from worklist.errors import StoreUnavailable
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID, TransactionUID

CT = "1.2.840.10008.5.1.4.1.1.2"
LIMIT_S = 30.0
BEGIN = datetime(2026, 3, 2, 2, 31, tzinfo=UTC)
ORIGIN = Origin(
    association_id="ab-1", calling_ae_title="CT01", called_ae_title="VIGIE", address="10.0.0.5"
)


CT01 = DimseDestination(name="CT", host="10.0.0.5", port=11113, called_ae_title="CT01")


class World:
    """A node's folders, what its database knows, who listens, and a clock."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.folders = CommitmentFolders(data)
        self.inbox = Inbox(data / "inbox")
        self.filed: dict[SOPInstanceUID, ArchivedObject] = {}
        self.is_database_up = True
        self.told: list[tuple[DimseDestination, CommitmentAnswer]] = []
        self.takes = True
        self.now = BEGIN
        self.number = 0
        self.peers = {"CT01": CT01}
        self.answers = self.started()

    def started(self) -> CommitmentAnswers:
        return CommitmentAnswers(
            CommitmentSettings(
                data=self.data, ae_title="VIGIE", peers=self.peers, limit=timedelta(hours=24)
            ),
            find=self.find,
            report=self.report,
            clock=lambda: self.now,
        )

    def find(self, uids: Sequence[SOPInstanceUID]) -> dict[SOPInstanceUID, ArchivedObject]:
        if not self.is_database_up:
            raise StoreUnavailable("away")
        return {uid: self.filed[uid] for uid in uids if uid in self.filed}

    def report(self, destination: DimseDestination, answer: CommitmentAnswer) -> None:
        if not self.takes:
            raise DestinationUnavailable("nobody there")
        self.told.append((destination, answer))

    def file(self, uid: str) -> Path:
        """Put an object into the archive."""
        path = self.data / f"{uid}.dcm"
        ct(uid).save_as(path, enforce_file_format=True)
        one = ArchivedObject(
            study_instance_uid=StudyInstanceUID("1.2.3.1"),
            series_instance_uid=SeriesInstanceUID("1.2.3.2"),
            sop_instance_uid=SOPInstanceUID(uid),
            sop_class_uid=CT,
            transfer_syntax_uid=EXPLICIT,
            sha256=data_set_digest(path).sha256,
            path=path,
            instance_number=1,
            number_of_frames=1,
            rows=None,
            columns=None,
        )
        self.filed[one.sop_instance_uid] = one
        return path

    def receive(self, uid: str, at: datetime) -> None:
        """Put an object into the inbox."""
        name = ReceivedName(
            received_at_ns=int(at.timestamp() * 10**9), association_id="ab-1", number=1
        )
        whole = self.data / "whole.dcm"
        ct(uid).save_as(whole, enforce_file_format=True)
        content = whole.read_bytes()
        head = file_header(
            sop_class_uid=CT.encode(),
            sop_instance_uid=uid.encode(),
            transfer_syntax_uid=EXPLICIT,
            origin=ORIGIN,
            implementation_version_name="T",
        )
        at_data = content.index(b"\x08\0\x16\0UI")
        (self.inbox.root / str(name)).write_bytes(head + content[at_data:])

    def ask(
        self, *uids: str, sop_class_uid: str = CT, syntax: str = IMPLICIT, peer: str = "CT01"
    ) -> str:
        """Be asked for these."""
        references = tuple(
            ObjectReference(sop_class_uid=sop_class_uid, sop_instance_uid=SOPInstanceUID(uid))
            for uid in uids
        )
        request = CommitmentAnswer(
            transaction_uid=TransactionUID("1.9"),
            committed=references,
            ae_title="",
            heard_at=self.now,
        )
        message = CommitmentMessage(
            data_set=encoded_answer(request, syntax),
            transfer_syntax_uid=syntax,
            calling_ae_title=peer,
            called_ae_title="VIGIE",
            address="10.0.0.5",
            association_id="ab-1",
            received_at=self.now,
        )
        self.number += 1
        name = f"{self.number:020d}_ab-1_000001_{peer}.json"
        self.folders.keep(self.folders.asked, name, message.as_json())
        return name

    def reasons(self) -> list[int]:
        return [one.failure_reason for one in self.told[-1][1].failed]

    def left(self) -> list[str]:
        folders = (self.folders.asked, self.folders.answers)
        return sorted(path.name for folder in folders for path in folder.iterdir())


def look(answers: CommitmentAnswers, stop: threading.Event | None = None) -> None:
    """Look at every request once, and wait for those who are told."""
    try:
        answers.run_once(stop)
    finally:
        answers.finish(LIMIT_S)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT])
def test_what_lies_in_the_archive_is_vouched_for(world: World, syntax: str) -> None:
    world.file("1.2.1")
    world.file("1.2.2")
    world.ask("1.2.1", "1.2.2", syntax=syntax)
    look(world.answers)
    ((destination, answer),) = world.told
    assert destination == CT01
    assert [one.sop_instance_uid for one in answer.committed] == ["1.2.1", "1.2.2"]
    assert answer.failed == ()
    assert answer.transaction_uid == "1.9"
    assert world.left() == []
    look(world.answers)
    assert len(world.told) == 1


def test_what_is_not_there_or_is_something_else_is_not_vouched_for(world: World) -> None:
    world.file("1.2.1")
    world.ask("1.2.1", "1.2.9")
    look(world.answers)
    assert [one.sop_instance_uid for one in world.told[0][1].committed] == ["1.2.1"]
    assert world.reasons() == [FailureReason.NO_SUCH_OBJECT]
    world.ask("1.2.1", sop_class_uid="1.2.840.10008.5.1.4.1.1.4")
    look(world.answers)
    assert world.reasons() == [FailureReason.CLASS_INSTANCE_CONFLICT]


def test_the_bytes_on_the_disk_decide_not_the_database(world: World) -> None:
    missing, changed = world.file("1.2.1"), world.file("1.2.2")
    missing.unlink()
    content = bytearray(changed.read_bytes())
    content[-1] ^= 1
    changed.write_bytes(content)
    world.ask("1.2.1", "1.2.2")
    look(world.answers)
    assert world.told[0][1].committed == ()
    assert world.reasons() == [FailureReason.NO_SUCH_OBJECT, FailureReason.PROCESSING_FAILURE]


def test_what_is_still_being_filed_is_waited_for(world: World) -> None:
    world.receive("1.2.1", BEGIN - timedelta(seconds=1))
    world.ask("1.2.1")
    look(world.answers)
    assert world.told == []
    for path in world.inbox.root.glob("*.dcm"):
        path.unlink()
    world.file("1.2.1")
    look(world.answers)
    assert world.reasons() == []


def test_what_lies_in_the_inbox_for_long_is_vouched_for_there(world: World) -> None:
    world.receive("1.2.1", BEGIN - timedelta(seconds=1))
    (world.inbox.root / "broken.dcm").write_bytes(b"nothing")
    world.ask("1.2.1", "1.2.2")
    world.now += timedelta(seconds=29)
    look(world.answers)
    assert world.told == []
    world.now += timedelta(seconds=1)
    look(world.answers)
    assert [one.sop_instance_uid for one in world.told[0][1].committed] == ["1.2.1"]
    assert world.reasons() == [FailureReason.NO_SUCH_OBJECT]


def test_what_came_after_the_request_is_not_waited_for(world: World) -> None:
    world.receive("1.2.1", BEGIN + timedelta(seconds=1))
    world.ask("1.2.1")
    look(world.answers)
    assert world.reasons() == [FailureReason.NO_SUCH_OBJECT]


@pytest.mark.parametrize("waited_s", [0, 30])
def test_what_is_filed_while_it_is_looked_for_is_vouched_for(world: World, waited_s: int) -> None:
    """The indexer takes an object out of the inbox once the database has it."""
    world.receive("1.2.1", BEGIN - timedelta(seconds=1))
    world.ask("1.2.1")
    world.now += timedelta(seconds=waited_s)
    real = world.find

    def find(uids: Sequence[SOPInstanceUID]) -> dict[SOPInstanceUID, ArchivedObject]:
        found = real(uids)
        for path in world.inbox.root.glob("*.dcm"):
            world.file("1.2.1")
            path.unlink()
        return found

    world.find = find  # type: ignore[method-assign]
    answers = world.started()
    look(answers)
    look(answers)
    assert len(world.told) == 1
    assert world.reasons() == []


def test_an_object_that_is_named_often_is_read_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.file("1.2.1")
    read = _count_reading(monkeypatch)
    world.ask(*["1.2.1"] * 50)
    look(world.answers)
    assert len(world.told[0][1].committed) == 50
    assert len(read) == 1


def test_a_request_that_fails_oddly_holds_up_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.file("1.2.2")
    real = world.find

    def find(uids: Sequence[SOPInstanceUID]) -> dict[SOPInstanceUID, ArchivedObject]:
        if "1.2.1" in uids:
            raise RuntimeError("odd")
        return real(uids)

    monkeypatch.setattr(world, "find", find)
    name = world.ask("1.2.1")
    world.ask("1.2.2")
    look(world.started())
    assert [len(answer.committed) for _, answer in world.told] == [1]
    assert world.left() == [name]


def test_peers_take_turns_and_a_large_request_holds_up_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    uids = [f"1.2.{number}" for number in range(1, 6)]
    size = max(data_set_digest(world.file(uid)).size_bytes for uid in uids)
    monkeypatch.setattr(commitment_answers, "_TURN_BYTES", 2 * size)
    world.peers["MR"] = replace(CT01, name="MR", called_ae_title="MR")
    read = _count_reading(monkeypatch)
    world.ask(*uids)
    world.ask(uids[0])
    world.ask(uids[0], peer="MR")
    look(world.answers)
    assert [peer.called_ae_title for peer, _ in world.told] == ["MR"]
    assert len(read) == 3  # two of the first, none of its second, one of the other's
    for _ in range(2):
        look(world.answers)
    assert [len(answer.committed) for _, answer in world.told] == [1, 5, 1]
    assert len(read) == 7


def test_a_node_that_stops_finishes_no_large_request_first(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.file("1.2.1")
    world.file("1.2.2")
    stop = threading.Event()
    read = _count_reading(monkeypatch, stop.set)
    world.ask("1.2.1", "1.2.2")
    look(world.answers, stop)
    assert (len(read), world.told) == (1, [])
    look(world.started())
    assert len(world.told[0][1].committed) == 2


def _count_reading(
    monkeypatch: pytest.MonkeyPatch, then: Callable[[], None] = lambda: None
) -> list[Path]:
    read: list[Path] = []

    def counted(path: Path) -> Digest:
        read.append(path)
        then()
        return data_set_digest(path)

    monkeypatch.setattr(commitment_answers, "data_set_digest", counted)
    return read


def test_without_the_database_nothing_is_said(world: World) -> None:
    world.file("1.2.1")
    world.ask("1.2.1")
    world.is_database_up = False
    with pytest.raises(StoreUnavailable):
        look(world.answers)
    assert world.told == []
    world.is_database_up = True
    look(world.answers)
    assert world.reasons() == []


def test_an_association_that_is_open_is_left_the_answer_for_a_while(world: World) -> None:
    lock = ListenerLock(world.inbox)
    origin_id = f"{lock.listener_id}-000001"
    mark_open(world.inbox, Origin(**{**_fields(ORIGIN), "association_id": origin_id}), now=BEGIN)
    world.file("1.2.1")
    name = world.ask("1.2.1")
    path = world.folders.asked / name
    path.write_text(path.read_text().replace("ab-1", origin_id))
    look(world.answers)
    prepared = PreparedAnswer.from_json((world.folders.answers / name).read_text())
    assert prepared.data_set == encoded_answer(prepared.answer, IMPLICIT)
    world.now += timedelta(seconds=29)
    look(world.answers)
    assert world.told == []
    lock.release()  # the association ended
    look(world.answers)
    assert len(world.told) == 1


def _fields(origin: Origin) -> dict[str, Any]:
    return {name: getattr(origin, name) for name in Origin.__dataclass_fields__}


def test_a_peer_that_does_not_take_it_is_told_again_with_pauses(world: World) -> None:
    world.file("1.2.1")
    world.ask("1.2.1")
    world.takes = False
    look(world.answers)
    world.takes = True
    world.now += timedelta(seconds=9)
    look(world.answers)
    assert world.told == []
    world.now += timedelta(seconds=1)
    look(world.answers)
    assert len(world.told) == 1


def test_what_its_own_association_told_meanwhile_is_not_told_again(world: World) -> None:
    world.file("1.2.1")
    name = world.ask("1.2.1")
    world.peers = {}
    answers = world.started()
    look(answers)
    (world.folders.answers / name).unlink()
    world.peers["CT01"] = CT01
    look(answers)
    assert world.told == []
    world.folders.answered(name)
    look(answers)
    assert world.told == []


def test_a_restart_forgets_no_request(world: World) -> None:
    world.file("1.2.1")
    world.ask("1.2.1")
    world.takes = False
    look(world.answers)
    world.takes = True
    look(world.started())
    assert len(world.told) == 1
    assert world.left() == []


def logged(capsys: pytest.CaptureFixture[str]) -> str:
    """What was said, wherever the log goes: earlier tests may have set it up."""
    said = capsys.readouterr()
    return said.out + said.err


def test_a_peer_that_never_takes_it_is_given_up_loudly(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.file("1.2.1")
    name = world.ask("1.2.1")
    world.takes = False
    look(world.answers)
    world.now += timedelta(hours=24)
    look(world.answers)
    assert name in world.left()
    world.now += timedelta(hours=1)
    look(world.answers)
    assert world.left() == [name.replace(".json", ".unanswered")]
    assert "never took the answer" in logged(capsys)


def test_a_peer_without_an_address_is_named_once(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.peers = {}
    answers = world.started()
    world.file("1.2.1")
    world.ask("1.2.1")
    look(answers)
    look(answers)
    assert logged(capsys).count("commitment_peers") == 1
    assert len(world.left()) == 2


def test_p9_a_request_that_cannot_be_read_is_put_aside_and_the_next_one_answered(
    world: World,
) -> None:
    name = world.ask("1.2.1")
    (world.folders.asked / name).write_text("{")
    world.ask("1.2.1", syntax=EXPLICIT)
    deep = world.folders.asked / "3.json"
    broken = b"\x08\0\x99\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" * 20_000
    message = CommitmentMessage(
        data_set=broken,
        transfer_syntax_uid=EXPLICIT,
        calling_ae_title="CT01",
        called_ae_title="VIGIE",
        address="",
        association_id="ab-1",
        received_at=BEGIN,
    )
    deep.write_text(message.as_json())
    look(world.answers)
    assert len(world.told) == 1
    assert world.left() == [name.replace(".json", ".unreadable"), "3.unreadable"]


def test_peers_listen_where_the_settings_say_with_tls_if_they_are_destinations_with_tls(
    tmp_path: Path,
) -> None:
    pacs = {"name": "Archive", "host": "pacs", "port": 2762, "called_ae_title": "PACS"}
    peers = commitment_peers(
        load_settings(
            data=tmp_path,
            ae_title="NODE",
            commitment_peers="CT01=10.0.0.5:104,MR=10.0.0.6:104",
            destinations=[
                {**pacs, "tls": True},
                {**pacs, "name": "MR", "called_ae_title": "MR"},
                {"name": "Web", "kind": "stow", "url": "https://archive/dicomweb"},
            ],
        )
    )
    assert set(peers) == {"CT01", "MR", "PACS"}
    assert (peers["CT01"].host, peers["CT01"].port) == ("10.0.0.5", 104)
    assert (peers["CT01"].calling_ae_title, peers["CT01"].tls) == ("NODE", None)
    assert peers["MR"].host == "10.0.0.6"
    assert (peers["PACS"].host, peers["PACS"].tls) == ("pacs", Tls())


def test_peers_with_tls_are_told_who_we_are_and_believed_as_senders_are(tmp_path: Path) -> None:
    files = {name: tmp_path / f"{name}.pem" for name in ("own", "key", "senders", "others")}
    for path in files.values():
        path.touch()
    said: dict[str, Any] = {
        "data": tmp_path,
        "commitment_peers": "CT01=tls://ct:2762,MR=mr:104",
        "tls_certificate": files["own"],
        "tls_key": files["key"],
        "tls_client_ca": files["senders"],
    }
    peers = commitment_peers(load_settings(**said))
    ours = Tls(ca=files["senders"], certificate=files["own"], key=files["key"])
    assert (peers["CT01"].host, peers["CT01"].port, peers["CT01"].tls) == ("ct", 2762, ours)
    assert peers["MR"].tls is None
    said |= {"commitment_tls_ca": files["others"], "commitment_tls_check_host_name": False}
    peers = commitment_peers(load_settings(**said))
    assert peers["CT01"].tls == replace(ours, ca=files["others"], check_host_name=False)


def test_a_peer_that_hangs_holds_up_no_other_and_is_asked_for_one_answer_at_a_time(
    world: World,
) -> None:
    hangs, began = threading.Event(), threading.Semaphore(0)
    real = world.report

    def report(peer: DimseDestination, answer: CommitmentAnswer) -> None:
        if peer.called_ae_title == "MR":
            began.release()
            assert hangs.wait(LIMIT_S)
        real(peer, answer)

    world.report = report  # type: ignore[method-assign]
    world.peers["MR"] = replace(CT01, name="MR", called_ae_title="MR")
    answers = world.started()
    world.file("1.2.1")
    for peer in ("MR", "MR", "CT01"):
        world.ask("1.2.1", peer=peer)
    answers.run_once()
    assert began.acquire(timeout=LIMIT_S)
    assert eventually(lambda: len(world.told) == 1)
    world.ask("1.2.1")
    world.ask("1.2.1", peer="MR")

    def second_is_told() -> bool:
        answers.run_once()
        return len(world.told) == 2

    assert eventually(second_is_told)
    assert [peer.called_ae_title for peer, _ in world.told] == ["CT01", "CT01"]
    assert not began.acquire(blocking=False)  # one at a time
    hangs.set()
    look(answers)
    look(answers)
    assert [peer.called_ae_title for peer, _ in world.told] == ["CT01"] * 2 + ["MR"] * 3
    assert world.left() == []


def test_an_answer_that_fails_oddly_is_told_again(world: World) -> None:
    real, failures = world.report, [RuntimeError("odd")]

    def report(peer: DimseDestination, answer: CommitmentAnswer) -> None:
        if failures:
            raise failures.pop()
        real(peer, answer)

    world.report = report  # type: ignore[method-assign]
    answers = world.started()
    world.file("1.2.1")
    world.ask("1.2.1")
    look(answers)
    assert len(world.left()) == 2
    world.now += timedelta(seconds=10)
    look(answers)
    assert (len(world.told), world.left()) == (1, [])


def test_so_many_peers_are_told_at_once_and_no_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commitment_telling, "_MOST_AT_ONCE", 2)
    hangs = threading.Event()
    telling = threading.Semaphore(0)

    def report(peer: DimseDestination, answer: CommitmentAnswer) -> None:
        telling.release()
        assert hangs.wait(LIMIT_S)

    world.report = report  # type: ignore[method-assign]
    titles = ("CT01", "MR", "US")
    world.peers |= {title: replace(CT01, called_ae_title=title) for title in titles}
    answers = world.started()
    for title in titles:
        world.ask("1.2.1", peer=title)
    answers.run_once()
    assert all(telling.acquire(timeout=LIMIT_S) for _ in range(2))
    answers.run_once()
    assert not telling.acquire(blocking=False)
    hangs.set()
    look(answers)
    look(answers)
    assert telling.acquire(blocking=False)
    assert world.left() == []


def test_without_the_database_what_is_ready_is_told_all_the_same(world: World) -> None:
    world.file("1.2.1")
    world.ask("1.2.1")
    world.takes = False
    look(world.answers)
    world.takes = True
    world.ask("1.2.1")
    world.is_database_up = False
    world.now += timedelta(seconds=10)
    with pytest.raises(StoreUnavailable):
        look(world.answers)
    assert len(world.told) == 1


def test_it_runs_until_it_is_stopped_and_survives_what_goes_wrong(world: World) -> None:
    world.file("1.2.1")
    world.ask("1.2.1")
    failures = [RuntimeError("odd"), StoreUnavailable("away")]
    real = world.find

    def find(uids: Sequence[SOPInstanceUID]) -> dict[SOPInstanceUID, ArchivedObject]:
        if failures:
            raise failures.pop()
        return real(uids)

    world.find = find  # type: ignore[method-assign]
    stop = threading.Event()
    thread = threading.Thread(target=world.started().run, args=(stop,))
    thread.start()
    try:
        assert eventually(lambda: len(world.told) == 1)
    finally:
        stop.set()
        thread.join(10)
    assert not thread.is_alive()
