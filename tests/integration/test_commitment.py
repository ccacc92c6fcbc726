"""Storage commitment with pynetdicom and Orthanc on the other side, asking and asked."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, build_context, build_role, evt
from pynetdicom.sop_class import StorageCommitmentPushModel  # type: ignore[attr-defined]
from test_orthanc import Orthanc, over_tls, running_orthanc

from dicom_listener.commitments import CommitmentFolders
from dicom_listener.indexer import Indexer
from dicom_listener.received_object import data_set_digest
from results.sending import transport
from results.sending.commitment import report
from results.sending.destination import DimseDestination, Tls
from results.sending.errors import CommitmentNotOffered, DestinationUnavailable
from results.sending.heard import heard
from tests.certificates import Authority
from tests.listening import RunningListener, association, ct, eventually
from tests.sending_peers import SR, at, result_file, storage_peer, uid_of
from vigie.commitment_answers import CommitmentAnswers, CommitmentSettings
from vigie.roles.file import commitment_answers, commitment_peers, indexer_settings
from vigie.settings import load_settings
from vigie.wiring import make_worklist, utc_now
from worklist.archived import ArchivedObject
from worklist.commitment import CommitmentAnswer, ObjectReference, PreparedAnswer
from worklist.errors import StoreUnavailable
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID, TransactionUID

PUSH = str(StorageCommitmentPushModel)
INSTANCE = "1.2.840.10008.1.20.1.1"
TRANSACTION = TransactionUID("1.2.9")
LITTLE = [ImplicitVRLittleEndian, ExplicitVRLittleEndian]


def reference(uid: str, sop_class_uid: str = SR) -> ObjectReference:
    return ObjectReference(sop_class_uid=sop_class_uid, sop_instance_uid=SOPInstanceUID(uid))


def event_information(transaction_uid: str, kept: Sequence[Dataset]) -> Dataset:
    said = Dataset()
    said.TransactionUID = transaction_uid
    said.ReferencedSOPSequence = list(kept)
    return said


def request_for(*uids: str) -> Dataset:
    items = []
    for uid in uids:
        item = Dataset()
        item.ReferencedSOPClassUID = CTImageStorage
        item.ReferencedSOPInstanceUID = uid
        items.append(item)
    return event_information(TRANSACTION, items)


class Archive:
    """A peer that is asked and answers as told: on the same association, or on a new one."""

    def __init__(self, how: str, listener_port: int = 0) -> None:
        self.how, self.listener_port = how, listener_port
        self.requests: list[Dataset] = []
        self.statuses: list[int] = []
        self.threads: list[threading.Thread] = []

    def __call__(self, event: evt.Event) -> tuple[int, None]:
        if self.how == "refuses":
            return 0x0213, None
        if self.how == "knows no action":
            return 0x0123, None
        said = event.action_information
        self.requests.append(said)
        speaks = {"same": self._on_the_same, "other": self._on_a_new_one}.get(self.how)
        if speaks is not None:
            self.threads.append(threading.Thread(target=speaks, args=(event.assoc, said)))
            self.threads[-1].start()
        return 0x0000, None

    def _on_the_same(self, peer: Any, said: Dataset) -> None:
        for transaction in ("1.2.777", said.TransactionUID):  # an older one comes first
            event = event_information(transaction, said.ReferencedSOPSequence)
            status, _ = peer.send_n_event_report(event, 1, PUSH, INSTANCE)
            self.statuses.append(status.Status)

    def _on_a_new_one(self, _: Any, said: Dataset) -> None:
        event = event_information(said.TransactionUID, said.ReferencedSOPSequence)
        self.statuses.append(told(self.listener_port, event))


def told(port: int, event: Dataset, *, role: bool = True) -> int:
    """Tell our listener an answer as an archive does; its status."""
    entity = AE(ae_title="PACS")
    entity.add_requested_context(PUSH, LITTLE)
    roles = [build_role(PUSH, scp_role=True)] if role else []
    peer = entity.associate("127.0.0.1", port, ae_title="VIGIE", ext_neg=roles)
    assert peer.is_established
    assert [one.as_scp for one in peer.accepted_contexts] == [role]
    if not role:  # some archives propose none, and speak as SCP all the same
        peer.accepted_contexts[0]._as_scp = True
    status, _ = peer.send_n_event_report(event, 1, PUSH, INSTANCE)
    peer.release()
    return int(status.Status)


@contextlib.contextmanager
def archive(how: str, listener_port: int = 0) -> Iterator[tuple[Archive, int]]:
    one = Archive(how, listener_port)
    with storage_peer(
        lambda _: 0x0000, classes=(SR, PUSH), handlers=((evt.EVT_N_ACTION, one),)
    ) as port:
        yield one, port
        for thread in one.threads:
            thread.join(10)


def not_kept(answer: CommitmentAnswer) -> None:
    raise StoreUnavailable("the database is down")


def test_an_answer_to_an_earlier_request_is_kept_before_the_archive_hears_so() -> None:
    kept: list[CommitmentAnswer] = []
    with archive("same") as (peer, port):
        transport.ask_commitment(at(port), TRANSACTION, [reference("1.2.3")], kept.append)
        assert eventually(lambda: len(peer.statuses) == 2)
    assert peer.statuses == [0x0000, 0x0000]
    (earlier,) = kept
    assert earlier.transaction_uid != TRANSACTION
    assert earlier.ae_title == "PACS"


def test_an_archive_that_answers_at_once_is_heard_and_an_answer_to_others_is_not_taken() -> None:
    with archive("same") as (peer, port):
        answer = transport.ask_commitment(at(port), TRANSACTION, [reference("1.2.3")], not_kept)
        assert eventually(lambda: len(peer.statuses) == 2)
    assert answer is not None
    assert answer.transaction_uid == TRANSACTION
    assert answer.committed == (reference("1.2.3"),)
    assert answer.failed == ()
    assert answer.ae_title == "PACS"
    assert peer.statuses == [0x0110, 0x0000]
    assert peer.requests[0].ReferencedSOPSequence[0].ReferencedSOPClassUID == SR


def test_an_archive_that_answers_on_a_new_association_is_heard_by_the_listener(
    start: Callable[..., RunningListener], tmp_path: Path
) -> None:
    listener = start()
    with archive("other", listener.port) as (peer, port):
        assert (
            transport.ask_commitment(at(port), TRANSACTION, [reference("1.2.3")], not_kept) is None
        )
        assert eventually(lambda: peer.statuses == [0x0000])
    folder = CommitmentFolders(listener.settings.data).heard
    ((path, answer),) = heard(folder)
    assert (answer.transaction_uid, answer.ae_title) == (TRANSACTION, "PACS")
    assert answer.committed == (reference("1.2.3"),)
    path.unlink()
    assert list(heard(folder)) == []


def test_an_answer_is_heard_from_an_archive_that_proposes_no_role(
    start: Callable[..., RunningListener],
) -> None:
    listener = start()
    assert told(listener.port, request_for("1.2.3"), role=False) == 0x0000
    assert len(list(heard(CommitmentFolders(listener.settings.data).heard))) == 1


def test_a_peer_that_takes_no_answers_is_unavailable() -> None:
    answer = CommitmentAnswer(
        transaction_uid=TRANSACTION, committed=(), ae_title="VIGIE", heard_at=datetime.now(UTC)
    )
    with storage_peer(lambda _: 0x0000) as port, pytest.raises(DestinationUnavailable):
        report(at(port), answer)


def test_an_archive_that_keeps_silent_is_left_after_a_moment() -> None:
    with archive("silent") as (peer, port):
        assert (
            transport.ask_commitment(at(port), TRANSACTION, [reference("1.2.3")], not_kept) is None
        )
    assert len(peer.requests) == 1


def test_a_node_without_the_service_says_so_or_refuses() -> None:
    with storage_peer(lambda _: 0x0000) as port, pytest.raises(CommitmentNotOffered):
        transport.ask_commitment(at(port), TRANSACTION, [reference("1.2.3")], not_kept)
    with archive("knows no action") as (_, port), pytest.raises(CommitmentNotOffered):
        transport.ask_commitment(at(port), TRANSACTION, [reference("1.2.3")], not_kept)
    with (
        archive("refuses") as (_, port),
        pytest.raises(DestinationUnavailable, match="status 0x0213"),
    ):
        transport.ask_commitment(at(port), TRANSACTION, [reference("1.2.3")], not_kept)


class Node:
    """A listener, what lies in its inbox taken for filed, and who answers."""

    def __init__(self, listener: RunningListener, peers: dict[str, DimseDestination]) -> None:
        self.listener = listener
        self.answers = CommitmentAnswers(
            CommitmentSettings(
                data=listener.settings.data, ae_title="VIGIE", peers=peers, limit=timedelta(days=1)
            ),
            find=self.find,
            report=report,
            clock=lambda: datetime.now(UTC),
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self.answers.run, args=(self._stop,))
        self._filed: dict[SOPInstanceUID, ArchivedObject] = {}

    def find(self, uids: Sequence[SOPInstanceUID]) -> dict[SOPInstanceUID, ArchivedObject]:
        self.file()
        return {uid: self._filed[uid] for uid in uids if uid in self._filed}

    def file(self) -> None:
        for path in self.listener.received():
            moved = path.rename(path.parent.parent / path.name)
            read = dcmread(moved)
            uid = SOPInstanceUID(str(read.SOPInstanceUID))
            self._filed[uid] = ArchivedObject(
                study_instance_uid=StudyInstanceUID("1.2"),
                series_instance_uid=SeriesInstanceUID("1.2"),
                sop_instance_uid=uid,
                sop_class_uid=str(read.SOPClassUID),
                transfer_syntax_uid=str(read.file_meta.TransferSyntaxUID),
                sha256=data_set_digest(moved).sha256,
                path=moved,
                instance_number=1,
                number_of_frames=1,
                rows=None,
                columns=None,
            )

    def __enter__(self) -> "Node":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(20)
        assert not self._thread.is_alive()

    def left(self) -> list[str]:
        folders = CommitmentFolders(self.listener.settings.data)
        return [path.name for one in (folders.asked, folders.answers) for path in one.iterdir()]


class Modality:
    """Sends, asks, and hears on the association it keeps open, or where it listens."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, Dataset]] = []

    def hear(self, event: evt.Event) -> tuple[int, None]:
        self.heard.append((event.event_type, event.event_information))
        return 0x0000, None

    @contextlib.contextmanager
    def asking(self, port: int, *uids: str, syntax: str = ImplicitVRLittleEndian) -> Iterator[Any]:
        """Send objects, ask for them and for one that was not sent; the association is open."""
        entity = AE(ae_title="CT01")
        contexts = [
            build_context(CTImageStorage, ExplicitVRLittleEndian),
            build_context(PUSH, syntax),
        ]
        handlers = [(evt.EVT_N_EVENT_REPORT, self.hear)]
        peer = entity.associate(
            "127.0.0.1", port, contexts=contexts, ae_title="VIGIE", evt_handlers=handlers
        )
        for uid in uids:
            assert peer.send_c_store(ct(uid)).Status == 0x0000
        status, _ = peer.send_n_action(request_for(*uids, "1.2.99"), 1, PUSH, INSTANCE)
        assert status.Status == 0x0000
        yield peer
        peer.release()

    def assert_told(self, *kept: str) -> None:
        ((event_type, said),) = self.heard
        assert event_type == 2
        assert said.TransactionUID == TRANSACTION
        assert [str(one.ReferencedSOPInstanceUID) for one in said.ReferencedSOPSequence] == [*kept]
        (failed,) = said.FailedSOPSequence
        assert (failed.ReferencedSOPInstanceUID, failed.FailureReason) == ("1.2.99", 0x0112)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_a_modality_that_waits_is_answered_on_its_own_association(
    start: Callable[..., RunningListener], syntax: str
) -> None:
    modality = Modality()
    with (
        Node(start(), {}) as node,
        modality.asking(node.listener.port, "1.2.1", "1.2.2", syntax=syntax),
    ):
        assert eventually(lambda: len(modality.heard) == 1, 20)
        assert eventually(lambda: node.left() == [])
    modality.assert_told("1.2.1", "1.2.2")


def test_an_answer_longer_than_a_pdu_comes_in_pieces(
    start: Callable[..., RunningListener],
) -> None:
    many = [f"1.2.{number}" for number in range(100, 400)]
    modality = Modality()
    with Node(start(), {}) as node:
        entity = AE(ae_title="CT01")
        handlers = [(evt.EVT_N_EVENT_REPORT, modality.hear)]
        peer = entity.associate(
            "127.0.0.1",
            node.listener.port,
            contexts=[build_context(PUSH, LITTLE)],
            max_pdu=4096,
            evt_handlers=handlers,
        )
        peer.send_n_action(request_for(*many), 1, PUSH, INSTANCE)
        assert eventually(lambda: len(modality.heard) == 1, 20)
        peer.release()
    assert len(modality.heard[0][1].FailedSOPSequence) == 300


def test_a_modality_that_left_is_answered_where_it_listens_and_a_restart_forgets_nothing(
    start: Callable[..., RunningListener],
) -> None:
    listener, modality = start(), Modality()
    with modality.asking(listener.port, "1.2.1"):
        pass
    handlers = ((evt.EVT_N_EVENT_REPORT, modality.hear),)
    with contextlib.ExitStack() as stack:
        entity = AE(ae_title="CT01")
        context = build_context(PUSH, LITTLE)
        context.scu_role, context.scp_role = True, True
        entity.supported_contexts = [context]
        server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=list(handlers))
        stack.callback(server.shutdown)
        there = at(server.socket.getsockname()[1], called_ae_title="CT01", calling_ae_title="VIGIE")
        with Node(listener, {"CT01": there}) as node:
            assert eventually(lambda: node.left() == [], 20)
    modality.assert_told("1.2.1")


def test_what_the_filing_role_has_filed_it_vouches_for(
    start: Callable[..., RunningListener], emptied_engine: sa.Engine
) -> None:
    listener, modality = start(), Modality()
    with modality.asking(listener.port, "1.2.1"):
        pass
    settings = load_settings(data=listener.settings.data)
    Indexer(indexer_settings(settings), make_worklist(settings, emptied_engine), utc_now).run_once()
    assert listener.received() == []
    commitment_answers(settings, emptied_engine).run_once()
    (path,) = CommitmentFolders(settings.data).answers.iterdir()
    answer = PreparedAnswer.from_json(path.read_text()).answer
    assert answer.committed == (reference("1.2.1", CTImageStorage),)
    assert [one.object for one in answer.failed] == [reference("1.2.99", CTImageStorage)]


def test_p9_nonsense_is_no_request(start: Callable[..., RunningListener]) -> None:
    listener = start()
    with association(listener.port, (PUSH, [ImplicitVRLittleEndian])) as peer:
        status, _ = peer.send_n_action(request_for("1.2.3"), 2, PUSH, INSTANCE)
        assert status.Status == 0x0123
        status, _ = peer.send_n_action(None, 1, PUSH, INSTANCE)
        assert status.Status == 0x0211
        status, _ = peer.send_n_action(request_for("1.2.3"), 1, PUSH, INSTANCE)
        assert status.Status == 0x0000


def test_orthanc_answers_for_what_we_sent(
    program: Callable[[str], str], start: Callable[..., RunningListener], tmp_path: Path
) -> None:
    listener = start()
    file = result_file(tmp_path)
    with running_orthanc(program, tmp_path / "orthanc", vigie=listener.port) as orthanc:
        port = orthanc.ask("/system")["DicomPort"]
        here = at(port, called_ae_title="ORTHANC")
        assert transport.test(here).endswith("storage commitment offered")
        assert transport.send(here, [file])[0].state == "accepted"
        references = [reference(uid_of(file)), reference("1.2.3.99")]
        assert transport.ask_commitment(here, TRANSACTION, references, not_kept) is None
        folder = CommitmentFolders(listener.settings.data).heard
        assert eventually(lambda: bool(list(heard(folder))), 30)
    ((_, answer),) = heard(folder)
    assert (answer.transaction_uid, answer.ae_title) == (TRANSACTION, "ORTHANC")
    assert answer.committed == (references[0],)
    assert [(one.object, one.failure_reason) for one in answer.failed] == [(references[1], 0x0112)]


def test_orthanc_asks_us_and_is_told_what_we_hold(
    program: Callable[[str], str], start: Callable[..., RunningListener], tmp_path: Path
) -> None:
    listener = start()
    with association(listener.port) as peer:
        peer.send_c_store(ct("1.2.1"))
    with running_orthanc(program, tmp_path / "orthanc", vigie=listener.port) as orthanc:
        there = at(orthanc.dicom_port, called_ae_title="ORTHANC")
        with Node(listener, {"ORTHANC": there}):
            asks_for_two(orthanc)


def asks_for_two(orthanc: Orthanc) -> None:
    """It asks for one object that we hold and one that we do not, and hears which is which."""
    asked = orthanc.ask(
        "/modalities/vigie/storage-commitment",
        {"DicomInstances": [[CTImageStorage, "1.2.1"], [CTImageStorage, "1.2.99"]]},
    )

    def answer() -> Any:
        said = orthanc.ask(asked["Path"])
        return said if said["Status"] != "Pending" else None

    assert eventually(lambda: answer() is not None, 30)
    told_it = answer()
    assert told_it["Status"] == "Failure"
    assert [one["SOPInstanceUID"] for one in told_it["Success"]] == ["1.2.1"]
    assert [one["SOPInstanceUID"] for one in told_it["Failures"]] == ["1.2.99"]


def test_orthanc_asks_us_over_tls_and_is_told_over_tls(
    program: Callable[[str], str], start: Callable[..., RunningListener], tmp_path: Path
) -> None:
    hospital = Authority(program, tmp_path, "hospital")
    stranger = Authority(program, tmp_path, "stranger")
    mine = hospital.sign()
    listener = start(tls_certificate=mine.certificate, tls_key=mine.key, tls_client_ca=hospital.ca)
    whole = tmp_path / "ct.dcm"
    ct("1.2.1").save_as(whole, enforce_file_format=True)
    more = over_tls(mine.certificate, mine.key, hospital.ca)
    with running_orthanc(program, tmp_path / "o", more=more, vigie=listener.port) as orthanc:
        assert orthanc.ask("/instances", whole.read_bytes())["Status"] == "Success"
        assert orthanc.send("vigie", list(orthanc.studies().values())) == 1
        settings = load_settings(
            data=tmp_path,
            commitment_peers=f"ORTHANC=tls://127.0.0.1:{orthanc.dicom_port}",
            tls_certificate=mine.certificate,
            tls_key=mine.key,
            tls_client_ca=hospital.ca,
        )
        peers = commitment_peers(settings)
        nothing = CommitmentAnswer(
            transaction_uid=TRANSACTION, committed=(), ae_title="VIGIE", heard_at=utc_now()
        )
        trusting = peers["ORTHANC"].tls
        assert trusting is not None
        for wrong in (None, replace(trusting, ca=stranger.ca), Tls(ca=hospital.ca)):
            with pytest.raises(DestinationUnavailable):
                report(replace(peers["ORTHANC"], tls=wrong), nothing)
        with Node(listener, peers):
            asks_for_two(orthanc)
