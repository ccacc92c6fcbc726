"""Destinations cannot be wrong, and what archives answer is told whole."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from results.sending.commitment import decoded_answer, encoded_answer
from results.sending.destination import DimseDestination, StowDestination, Tls
from results.sending.encodings import EXPLICIT, IMPLICIT
from results.sending.heard import heard
from worklist.commitment import (
    CommitmentAnswer,
    CommitmentMessage,
    FailureReason,
    NotCommitted,
    ObjectReference,
    PreparedAnswer,
)
from worklist.uid import SOPInstanceUID, TransactionUID

DIMSE: dict[str, Any] = {"name": "PACS", "host": "pacs", "port": 104, "called_ae_title": "PACS"}
STOW: dict[str, Any] = {"name": "Archive", "url": "https://archive/dicomweb"}
ONE = ObjectReference(
    sop_class_uid="1.2.840.10008.5.1.4.1.1.2", sop_instance_uid=SOPInstanceUID("1.2.3")
)
ANSWER = CommitmentAnswer(
    transaction_uid=TransactionUID("1.9"),
    committed=(ONE,),
    failed=(NotCommitted(object=ONE, failure_reason=0x0112),),
    ae_title="PACS",
    heard_at=datetime(2026, 3, 2, 2, 31, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"host": ""}, "host"),
        ({"port": 0}, "port"),
        ({"port": 65536}, "port"),
        ({"called_ae_title": " "}, "called_ae_title"),
        ({"called_ae_title": "A" * 17}, "called_ae_title"),
        ({"calling_ae_title": "A\\B"}, "calling_ae_title"),
        ({"connect_timeout_s": 0}, "connect_timeout_s"),
        ({"answer_timeout_s": 3601}, "answer_timeout_s"),
    ],
)
def test_a_dimse_destination_that_cannot_be_meant_is_refused(
    wrong: dict[str, Any], named: str
) -> None:
    DimseDestination(**DIMSE)
    with pytest.raises(ValueError, match=f"^{named}:"):
        DimseDestination(**DIMSE | wrong)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"url": "ftp://archive"}, "url"),
        ({"url": "archive/dicomweb"}, "url"),
        ({"url": "https://me:secret@archive/"}, "url"),
        ({"url": "https://archive/?a=b"}, "url"),
        ({"bearer_token": "clé"}, "bearer_token"),
        ({"bearer_token": "a\r\nX-Other: b"}, "bearer_token"),
        ({"bearer_token_file": Path("/nowhere")}, "bearer_token_file"),
        ({"url": "https://pacs.example.org/é"}, "url"),
        ({"tls": Tls(check_host_name=False)}, "check_host_name"),
        ({"answer_timeout_s": 0}, "answer_timeout_s"),
    ],
)
def test_a_stow_destination_that_cannot_be_meant_is_refused(
    wrong: dict[str, Any], named: str
) -> None:
    StowDestination(**STOW)
    with pytest.raises(ValueError, match=f"^{named}:"):
        StowDestination(**STOW | wrong)


def test_a_key_needs_a_certificate() -> None:
    Tls(ca=Path("ca.pem"), certificate=Path("c.pem"), key=Path("k.pem"))
    with pytest.raises(ValueError, match=r"^key:"):
        Tls(key=Path("k.pem"))


def test_a_token_is_in_no_log() -> None:
    destination = StowDestination(**STOW, bearer_token="secret")
    assert "secret" not in repr(destination)
    assert "secret" not in str(destination)


def test_an_answer_is_the_same_after_it_lay_in_a_file() -> None:
    assert CommitmentAnswer.from_json(ANSWER.as_json()) == ANSWER
    prepared = PreparedAnswer(answer=ANSWER, data_set=b"\xff\0")
    assert PreparedAnswer.from_json(prepared.as_json()) == prepared


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "3", '{"transaction_uid": "../x"}', ANSWER.as_json()[:-9]]
)
def test_anything_else_is_no_answer(text: str) -> None:
    for kind in (CommitmentAnswer, CommitmentMessage, PreparedAnswer):
        with pytest.raises(ValueError):
            kind.from_json(text)


def message(data_set: bytes, **others: Any) -> CommitmentMessage:
    """As the listener keeps what it hears."""
    said = {
        "transfer_syntax_uid": EXPLICIT,
        "calling_ae_title": "PACS",
        "called_ae_title": "VIGIE",
        "address": "10.0.0.5",
        "association_id": "1-2",
        "received_at": ANSWER.heard_at,
    }
    return CommitmentMessage(data_set=data_set, **{**said, **others})


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_answers_are_heard_in_their_order_and_what_is_none_is_put_aside(
    tmp_path: Path, syntax: str
) -> None:
    said = message(encoded_answer(ANSWER, syntax), transfer_syntax_uid=syntax)
    assert CommitmentMessage.from_json(said.as_json()) == said
    (tmp_path / "2.json").write_text(said.as_json())
    (tmp_path / "1.json").write_text(said.as_json())
    (tmp_path / "0.json").write_text("{")
    (tmp_path / "00.json").write_text(message(b"\x08\0\x99\x11SQ\0\0").as_json())
    (tmp_path / "000.json").write_text(message(b"").as_json())
    deep = b"\x08\0\x99\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    (tmp_path / "0000.json").write_text(message(deep * 20_000).as_json())
    assert [(path.name, answer) for path, answer in heard(tmp_path)] == [
        ("1.json", ANSWER),
        ("2.json", ANSWER),
    ]
    assert len(list(tmp_path.glob("*.unreadable"))) == 4
    assert (tmp_path / "0.unreadable").read_text() == "{"
    assert list(heard(tmp_path / "missing")) == []


def test_an_answer_that_failed_for_no_reason_and_one_that_kept_nothing_are_understood() -> None:
    nothing = replace(ANSWER, committed=())
    assert decoded_answer(message(encoded_answer(nothing, EXPLICIT))) == nothing
    without_reason = encoded_answer(ANSWER, IMPLICIT).replace(
        b"\x08\0\x97\x11\x02\0\0\0\x12\x01", b"\x09\0\x97\x11\x02\0\0\0\x12\x01"
    )
    answer = decoded_answer(message(without_reason, transfer_syntax_uid=IMPLICIT))
    assert answer.failed[0].failure_reason == FailureReason.PROCESSING_FAILURE


def test_reasons_are_said_in_words() -> None:
    assert FailureReason.NO_SUCH_OBJECT.words == "no such object"
    assert FailureReason.SOP_CLASS_NOT_SUPPORTED.words == "SOP class not supported"
    assert FailureReason.DUPLICATE_TRANSACTION_UID.words == "duplicate transaction UID"
