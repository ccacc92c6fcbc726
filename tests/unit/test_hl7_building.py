"""What Vigie writes: acknowledgements, preliminary observations, orders that are more urgent."""

from dataclasses import replace
from datetime import UTC, date, datetime

import hl7
import pytest

from results.hl7.answers import read_answer
from results.hl7.building import acknowledgement, escaped
from results.hl7.errors import BadMessage
from results.hl7.inbound import Site
from results.hl7.message import Separators, envelope
from results.hl7.outbound import Recipient, written
from tests.builders import FRACTURE, HAEMORRHAGE
from tests.hl7_messages import order
from worklist.exchange_views import MessageToSend, ToldResult, ToldStudy
from worklist.finding import Failed, Flagged, NotApplicable, NotFlagged, Outcome
from worklist.orders import MessageKind
from worklist.study import Completeness, RequestedPriority
from worklist.uid import StudyInstanceUID

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SITE = Site(application="VIGIE", facility="H")


def result(outcome: Outcome, *, says_probability: bool = True) -> ToldResult:
    return ToldResult(
        detector=FRACTURE,
        outcome=outcome,
        software_version="0.1",
        says_probability=says_probability,
    )


TOLD = ToldStudy(
    study_instance_uid=StudyInstanceUID("1.2.3"),
    assessment_number=1,
    accession_number="A1",
    order_number="O1",
    is_order_clear=True,
    patient_id="P|1",
    issuer_of_patient_id="",
    patient_name="Müller^Anna^B^Dr^Jr",
    patient_birth_date=date(1970, 1, 2),
    patient_sex="F",
    completeness=Completeness.COMPLETE,
    finished_at=NOW,
    results=(result(Flagged(probability=0.914)),),
    corrects=False,
)
MESSAGE = MessageToSend(
    message_id=7,
    kind=MessageKind.OBSERVATION,
    study=TOLD,
    requested_priority=None,
    attempts=0,
    queued_at=NOW,
)


def told(*results: ToldResult, **changes: object) -> hl7.Message:
    study = replace(TOLD, results=results or TOLD.results, **changes)  # type: ignore[arg-type]
    raw = written(replace(MESSAGE, study=study), SITE, Recipient(application="RIS"), NOW)
    return hl7.parse(raw.decode())


def observations(message: hl7.Message) -> list[tuple[str, str, str]]:
    return [(str(one(2)), str(one(3)), str(one(5))) for one in message.segments("OBX")]


def test_an_acknowledgement_names_the_message_and_swaps_the_parties() -> None:
    raw = acknowledgement(envelope(order(control_id="77"), "ASCII"), SITE, code="AA", now=NOW)
    ack = hl7.parse(raw.decode())
    assert str(ack["MSA.F1"]) == "AA"
    assert str(ack["MSA.F2"]) == "77"
    assert [str(ack.segment("MSH")(n)) for n in (3, 4, 5, 6)] == ["VIGIE", "H", "RIS", "HOSPITAL"]
    assert str(ack.segment("MSH")(9)) == "ACK^O01^ACK"
    assert raw.endswith(b"\r")


def test_a_refusal_says_what_and_where_in_err() -> None:
    problem = BadMessage("the message lacks a patient ID", error_code=101, location="PID^1^3")
    raw = acknowledgement(envelope(order(), "ASCII"), SITE, code="AE", now=NOW, problem=problem)
    error = hl7.parse(raw.decode()).segment("ERR")
    assert [str(error(n)) for n in (2, 3, 4, 8)] == [
        "PID^1^3", "101^Required field missing^HL70357", "E", "the message lacks a patient ID",
    ]  # fmt: skip
    answer = read_answer(raw, "ASCII")
    assert (answer.code, answer.control_id, answer.error_code) == ("AE", "1", "101")
    assert not answer.is_accepted


def test_an_acknowledgement_is_in_the_senders_separators_and_character_set() -> None:
    odd = order(control_id="é@1", charset="8859/1").decode().encode("latin-1")
    odd = odd.replace(b"^", b"@").replace(b"\xe9@1", b"\xe9!S!1").replace(b"\\", b"!")
    raw = acknowledgement(envelope(odd, "ASCII"), SITE, code="AA", now=NOW)
    assert b"|ACK@O01@ACK|" in raw
    assert "MSA|AA|é!S!1\r".encode("latin-1") in raw
    assert b"|8859/1\r" in raw


def test_bytes_that_are_no_answer_are_none() -> None:
    for raw in (b"", b"MSH|^~\\&|A\r", b"\x00" * 30, order()):
        assert not read_answer(raw, "ASCII").is_accepted


def test_an_observation_is_preliminary_and_of_a_device() -> None:
    message = told()
    assert str(message.segment("MSH")(9)) == "ORU^R01^ORU_R01"
    assert str(message.segment("MSH")(10)) == "26030212000000000007"
    assert str(message.segment("MSH")(18)) == "UNICODE UTF-8"
    assert str(message.segment("OBR")(18)) == "A1"
    assert str(message.segment("OBR")(25)) == "P"
    for one in message.segments("OBX"):
        assert str(one(11)) == "P"
        assert str(one(18)) == "Vigie 0.1^VIGIE"
        assert str(one(17)) == "fracture^fracture 1.0^99VIGIE"
    assert "not reviewed" in str(message.segment("NTE")(3))


def test_a_flag_is_suspected_with_its_probability() -> None:
    assert observations(told()) == [
        ("CWE", "125605004^Fracture of bone^SCT", "415684004^Suspected^SCT"),
        (
            "TX",
            "121106^Comment^DCM",
            "Suspected: fracture. AI result, not reviewed, not for diagnostic use.",
        ),
        ("NM", "122157^Probability^DCM", "91.4"),
    ]


@pytest.mark.parametrize(
    ("outcome", "answer", "words"),
    [
        (
            NotFlagged(probability=0.1),
            "NOT_FLAGGED^Not flagged; does not say that there is none^99VIGIE",
            "Not flagged for fracture; this does not say that there is none.",
        ),
        (
            NotApplicable(reason="a chest"),
            "NOT_APPLICABLE^Not evaluated: does not apply^99VIGIE",
            "Not evaluated for fracture, because it does not apply: a chest.",
        ),
        (
            Failed(reason="it took too long"),
            "FAILED^Not evaluated: failed^99VIGIE",
            "Not evaluated for fracture, because it failed: it took too long.",
        ),
    ],
)
def test_p4_no_observation_says_that_there_is_nothing(
    outcome: Outcome, answer: str, words: str
) -> None:
    said = observations(told(result(outcome)))
    assert said[0][2] == answer
    assert said[1][2].startswith(words)


def test_p8_what_the_site_does_not_show_is_not_said_either() -> None:
    said = observations(told(result(Flagged(probability=0.9), says_probability=False)))
    assert [kind for kind, _, _ in said] == ["CWE", "TX"]
    assert "0.9" not in str(said) and "90" not in str(said)


def test_each_detector_has_its_group() -> None:
    other = replace(result(NotFlagged(probability=0.2)), detector=HAEMORRHAGE)
    message = told(result(Failed(reason="x")), other)
    assert [(str(o(1)), str(o(4))) for o in message.segments("OBX")] == [
        ("1", "1"), ("2", "1"), ("3", "2"), ("4", "2"), ("5", "2"),
    ]  # fmt: skip


def test_a_later_assessment_says_that_it_corrects_and_an_incomplete_one_that_it_is() -> None:
    assert "Correction" not in str(told().segment("NTE")(3))
    assert "Correction: takes the place" in str(told(corrects=True).segment("NTE")(3))
    incomplete = told(completeness=Completeness.INCOMPLETE)
    assert "not complete" in str(incomplete.segment("NTE")(3))


def test_the_patient_is_written_as_hl7_writes_patients_and_escaped() -> None:
    patient = told().segment("PID")
    assert [str(patient(n)) for n in (3, 5, 7, 8)] == [
        "P\\F\\1", "Müller^Anna^B^Jr^Dr", "19700102", "F",
    ]  # fmt: skip
    raw = written(MESSAGE, replace(SITE, assumed_character_set="8859/1"), Recipient(), NOW)
    assert "Müller".encode("latin-1") in raw
    assert b"|8859/1\r" in raw


def test_a_more_urgent_order_changes_it_in_orm_or_omi() -> None:
    message = replace(MESSAGE, kind=MessageKind.PRIORITY, requested_priority=RequestedPriority.STAT)
    orm = hl7.parse(written(message, SITE, Recipient(), NOW).decode())
    assert str(orm.segment("MSH")(9)) == "ORM^O01^ORM_O01"
    assert [str(orm.segment("ORC")(n)) for n in (1, 2, 7)] == ["XO", "O1", "^^^^^S"]
    assert [str(orm.segment("OBR")(n)) for n in (18, 27)] == ["A1", "^^^^^S"]
    omi = hl7.parse(written(message, SITE, Recipient(priority_message="OMI"), NOW).decode())
    assert str(omi.segment("TQ1")(9)) == "S^Stat^HL70485"
    assert [str(omi.segment("IPC")(n)) for n in (1, 3)] == ["A1", "1.2.3"]


def test_values_are_escaped_so_that_no_field_breaks() -> None:
    assert escaped("a|b^c&d~e\\f\r\ng\nh\x00\x0b", Separators()) == (
        "a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f\\.br\\g\\.br\\h"
    )
