"""Requests and answers of storage commitment on one association, without a socket."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dicom_listener import commitments
from dicom_listener.command import (
    N_ACTION_RQ,
    N_EVENT_REPORT_RQ,
    Command,
    encode_event_report,
    encode_response,
)
from dicom_listener.commitments import PUSH_MODEL, CommitmentDesk, CommitmentFolders
from dicom_listener.inbox import Origin
from worklist.commitment import CommitmentAnswer, CommitmentMessage, NotCommitted, PreparedAnswer
from worklist.commitment import ObjectReference as Reference
from worklist.uid import SOPInstanceUID, TransactionUID

ORIGIN = Origin(
    association_id="ab-1", calling_ae_title="CT01", called_ae_title="VIGIE", address="10.0.0.5"
)
SYNTAX = "1.2.840.10008.1.2"
REQUEST = Command(
    field=N_ACTION_RQ,
    message_id=1,
    has_data_set=True,
    sop_class_uid=PUSH_MODEL.encode() + b"\0",
    sop_instance_uid=b"1.2.840.10008.1.20.1.1",
    type_id=1,
)
NOW = datetime(2026, 3, 2, 2, 31, tzinfo=UTC)
ONE = Reference(sop_class_uid="1.2", sop_instance_uid=SOPInstanceUID("1.3"))
ANSWER = CommitmentAnswer(
    transaction_uid=TransactionUID("1.9"), committed=(ONE,), ae_title="VIGIE", heard_at=NOW
)


@pytest.fixture
def folders(tmp_path: Path) -> CommitmentFolders:
    return CommitmentFolders(tmp_path / "data")


@pytest.fixture
def desk(folders: CommitmentFolders) -> CommitmentDesk:
    return CommitmentDesk(folders, ORIGIN, clock_ns=lambda: int(NOW.timestamp()) * 10**9)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("field", [N_ACTION_RQ, N_EVENT_REPORT_RQ])
def test_p1_a_message_is_kept_as_it_came_before_success(
    desk: CommitmentDesk, folders: CommitmentFolders, field: int
) -> None:
    outcome = desk.take(replace(REQUEST, field=field), 3, b"\xffwhatever", SYNTAX)
    assert outcome.status == 0x0000
    folder = folders.asked if field == N_ACTION_RQ else folders.heard
    (name,) = names(folder)
    assert CommitmentMessage.from_json((folder / name).read_text()) == CommitmentMessage(
        data_set=b"\xffwhatever",
        transfer_syntax_uid=SYNTAX,
        calling_ae_title="CT01",
        called_ae_title="VIGIE",
        address="10.0.0.5",
        association_id="ab-1",
        received_at=NOW,
    )


def test_p1_what_cannot_be_synced_is_not_acknowledged_and_leaves_nothing(
    desk: CommitmentDesk, folders: CommitmentFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(folder: Path) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(commitments, "sync_folder", fails)
    assert desk.take(REQUEST, 3, b"", SYNTAX).status == 0x0110
    assert list(desk.due()) == []
    assert names(folders.asked) == []


@pytest.mark.parametrize(
    ("changes", "size", "status"),
    [
        ({"sop_class_uid": b"1.2.840.10008.1.20.2"}, 2, 0x0118),
        ({"sop_class_uid": b""}, 2, 0x0118),
        ({"type_id": 2}, 2, 0x0123),
        ({}, commitments.MAX_DATA_SET_BYTES + 1, 0x0213),
    ],
)
def test_what_is_no_request_for_commitment_is_refused_with_its_status(
    desk: CommitmentDesk,
    folders: CommitmentFolders,
    changes: dict[str, Any],
    size: int,
    status: int,
) -> None:
    assert desk.take(replace(REQUEST, **changes), 3, bytes(size), SYNTAX).status == status
    assert names(folders.asked) == []


def test_p9_so_many_messages_wait_and_no_more(
    desk: CommitmentDesk, folders: CommitmentFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commitments, "_MOST_WAITING", 2)
    assert [desk.take(REQUEST, 3, b"", SYNTAX).status for _ in range(3)] == [0, 0, 0x0213]
    heard = replace(REQUEST, field=N_EVENT_REPORT_RQ)
    assert desk.take(heard, 3, b"", SYNTAX).status == 0


@pytest.mark.parametrize(
    ("limit", "value"), [("_MOST_OF_A_PEER", 2), ("_MOST_BYTES_OF_A_PEER", 300)]
)
def test_p9_one_peer_never_takes_the_place_of_all(
    desk: CommitmentDesk,
    folders: CommitmentFolders,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    value: int,
) -> None:
    monkeypatch.setattr(commitments, limit, value)
    assert [desk.take(REQUEST, 3, b"", SYNTAX).status for _ in range(3)] == [0, 0, 0x0213]
    other = CommitmentDesk(folders, replace(ORIGIN, calling_ae_title="CT02"))
    assert other.take(REQUEST, 3, b"", SYNTAX).status == 0
    assert len({commitments.peer_of(name) for name in names(folders.asked)}) == 2


@pytest.mark.parametrize("ending", ["unreadable", "unanswered"])
@pytest.mark.parametrize(
    ("limit", "value"), [("_MOST_ASIDE", 2), ("_MOST_BYTES_ASIDE", 20), ("_MOST_ASIDE", 100)]
)
def test_p9_what_was_put_aside_takes_nobodys_place_and_the_newest_of_it_stay(
    desk: CommitmentDesk,
    folders: CommitmentFolders,
    monkeypatch: pytest.MonkeyPatch,
    ending: str,
    limit: str,
    value: int,
) -> None:
    monkeypatch.setattr(commitments, "_MOST_WAITING", 2)
    monkeypatch.setattr(commitments, limit, value)
    for number in range(5):
        (folders.asked / f"{number:020d}_ab_000001_cd.{ending}").write_text("0123456789")
    assert desk.take(REQUEST, 3, b"", SYNTAX).status == 0
    left = [name[:20] for name in names(folders.asked) if name.endswith(ending)]
    assert [int(number) for number in left] == ([0, 1, 2, 3, 4] if value == 100 else [3, 4])
    assert [desk.take(REQUEST, 3, b"", SYNTAX).status for _ in range(2)] == [0, 0x0213]


@pytest.mark.parametrize(("free", "status"), [(999, 0x0213), (1020, 0)])
def test_messages_leave_the_reserve_of_the_disk_to_the_images(
    folders: CommitmentFolders, monkeypatch: pytest.MonkeyPatch, free: int, status: int
) -> None:
    monkeypatch.setattr(folders, "free_bytes", lambda: free)
    desk = CommitmentDesk(folders, ORIGIN, disk_reserve_bytes=1000)
    assert desk.take(REQUEST, 3, bytes(10), SYNTAX).status == status
    assert len(names(folders.asked)) == (status == 0)


@pytest.mark.parametrize("failed", [False, True])
def test_an_answer_is_due_once_on_the_association_that_asked_and_gone_when_confirmed(
    desk: CommitmentDesk, folders: CommitmentFolders, failed: bool
) -> None:
    desk.take(REQUEST, 3, b"first", SYNTAX)
    desk.take(REQUEST, 5, b"second", SYNTAX)
    name = names(folders.asked)[1]
    assert list(desk.due()) == []
    answer = ANSWER
    if failed:
        answer = replace(ANSWER, failed=(NotCommitted(object=ONE, failure_reason=0x0112),))
    prepared = PreparedAnswer(answer=answer, data_set=b"encoded")
    folders.keep(folders.answers, name, prepared.as_json())
    ((context_id, command, data_set),) = desk.due()
    assert (context_id, data_set) == (5, b"encoded")
    report = Command.decode(command)
    assert report.field == N_EVENT_REPORT_RQ
    assert report.has_data_set
    assert report.type_id == (2 if failed else 1)
    assert list(desk.due()) == []
    refused = Command.decode(encode_response(report, 0x0110))
    desk.confirm(refused)
    assert names(folders.answers) == [name]
    desk.confirm(Command.decode(encode_response(replace(report, message_id=99), 0x0000)))
    assert names(folders.answers) == [name]
    desk.confirm(Command.decode(encode_response(report, 0x0000)))
    assert names(folders.answers) == []
    assert len(names(folders.asked)) == 1


def test_what_another_association_asked_is_not_answered_on_this_one(
    desk: CommitmentDesk, folders: CommitmentFolders
) -> None:
    desk.take(REQUEST, 3, b"", SYNTAX)
    (name,) = names(folders.asked)
    folders.keep(folders.answers, name, PreparedAnswer(answer=ANSWER, data_set=b"").as_json())
    other = CommitmentDesk(folders, replace(ORIGIN, association_id="ab-2"))
    assert list(other.due()) == []
    assert len(list(desk.due())) == 1


def test_a_response_names_class_instance_and_type_of_its_request() -> None:
    response = encode_response(replace(REQUEST, message_id=7), 0x0000)
    assert b"\0\0\x08\x10\x02\0\0\0\x01\0" in response  # Action Type ID
    read = Command.decode(response)
    assert (read.field, read.responded_to, read.status) == (0x8130, 7, 0x0000)
    assert read.sop_class_uid.rstrip(b"\0") == PUSH_MODEL.encode()
    report = encode_event_report(
        sop_class_uid="1.2", sop_instance_uid="1.3", event_type_id=2, message_id=9
    )
    assert b"\0\0\x02\x10\x02\0\0\0\x02\0" in encode_response(Command.decode(report), 0x0000)
