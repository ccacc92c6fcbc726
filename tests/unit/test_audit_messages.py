"""PS3.15 A.5: each event as an audit message that its schema allows, with the right codes."""

import base64
import xml.etree.ElementTree as ET
from datetime import timedelta
from typing import Any

import pytest

from results.auditing.codes import _MEANINGS, meaning_of
from results.auditing.line import ChainedEvent, event_number, json_line, short_json
from results.auditing.message import AuditSource, audit_message
from results.auditing.message import event_number as message_number
from results.auditing.syslog import LONGEST, syslog_message
from tests.builders import NOON
from tests.unit.test_french_sentences import HISTORY
from worklist.replay import RecordedEvent
from worklist.uid import StudyInstanceUID

SOURCE = AuditSource(source_id="VIGIE@node1", ae_title="VIGIE")
STUDY = StudyInstanceUID("1.2.3")


def event(kind: str, actor: str = "vigie", study: bool = True, **details: Any) -> RecordedEvent:
    return RecordedEvent(
        event_id=17,
        at=NOON,
        recorded_at=NOON + timedelta(microseconds=5),
        kind=kind,
        actor=actor,
        study_instance_uid=STUDY if study else None,
        details=details,
    )


def read(message: bytes) -> ET.Element:
    assert b"\n" not in message
    return ET.fromstring(message)


# The schema of PS3.15 A.5.1: attributes (required ones in capitals' place, see `check`), children.
_CODED = ({"csd-code", "codeSystemName", "originalText"}, {"displayName"}, [])
_SCHEMA: dict[str, tuple[set[str], set[str], list[tuple[str, str]]]] = {
    "AuditMessage": (
        set(),
        set(),
        [
            ("EventIdentification", "1"),
            ("ActiveParticipant", "+"),
            ("AuditSourceIdentification", "1"),
            ("ParticipantObjectIdentification", "*"),
        ],
    ),
    "EventIdentification": (
        {"EventDateTime", "EventOutcomeIndicator"},
        {"EventActionCode"},
        [("EventID", "1"), ("EventTypeCode", "*"), ("EventOutcomeDescription", "?")],
    ),
    "EventID": _CODED,
    "EventTypeCode": _CODED,
    "RoleIDCode": _CODED,
    "ParticipantObjectIDTypeCode": _CODED,
    "EventOutcomeDescription": (set(), set(), []),
    "ActiveParticipant": (
        {"UserID", "UserIsRequestor"},
        {"AlternativeUserID", "UserName", "NetworkAccessPointID", "NetworkAccessPointTypeCode"},
        [("RoleIDCode", "*"), ("MediaIdentifier", "?")],
    ),
    "AuditSourceIdentification": (
        {"AuditSourceID"},
        {"AuditEnterpriseSiteID"},
        [("AuditSourceTypeCode", "*")],
    ),
    "AuditSourceTypeCode": ({"csd-code"}, {"codeSystemName", "originalText", "displayName"}, []),
    "ParticipantObjectIdentification": (
        {"ParticipantObjectID"},
        {
            "ParticipantObjectTypeCode",
            "ParticipantObjectTypeCodeRole",
            "ParticipantObjectDataLifeCycle",
            "ParticipantObjectSensitivity",
        },
        [
            ("ParticipantObjectIDTypeCode", "1"),
            ("ParticipantObjectName", "1"),
            ("ParticipantObjectDetail", "*"),
            ("ParticipantObjectDescription", "*"),
        ],
    ),
    "ParticipantObjectName": (set(), set(), []),
    "ParticipantObjectDetail": ({"type", "value"}, set(), []),
    "ParticipantObjectDescription": (
        set(),
        set(),
        [("Accession", "*"), ("SOPClass", "*"), ("ParticipantObjectContainsStudy", "?")],
    ),
    "Accession": ({"Number"}, set(), []),
    "ParticipantObjectContainsStudy": (set(), set(), [("StudyIDs", "*")]),
    "StudyIDs": ({"UID"}, set(), []),
}
_VALUES = {
    "EventActionCode": set("CRUDE"),
    "EventOutcomeIndicator": {"0", "4", "8", "12"},
    "UserIsRequestor": {"true", "false"},
    "NetworkAccessPointTypeCode": set("12345"),
    "ParticipantObjectTypeCode": set("1234"),
    "ParticipantObjectTypeCodeRole": {str(one) for one in range(1, 27)},
}
_LEAST, _MOST = {"1": 1, "+": 1, "*": 0, "?": 0}, {"1": 1, "?": 1}


def check(element: ET.Element) -> None:
    """The element and all in it, held against the schema."""
    required, optional, children = _SCHEMA[element.tag]
    given = set(element.attrib)
    assert required <= given <= required | optional, element.tag
    for name, value in element.attrib.items():
        assert value in _VALUES.get(name, {value}), (name, value)
    names = [one.tag for one in element]
    in_order = [name for name, _ in children if name in names]
    assert list(dict.fromkeys(names)) == in_order, element.tag
    for name, times in children:
        assert _LEAST[times] <= names.count(name) <= _MOST.get(times, 1000), (element.tag, name)
    for child in element:
        check(child)


@pytest.mark.parametrize("kind", sorted(HISTORY))
def test_every_event_of_a_study_is_a_message_that_the_schema_allows(kind: str) -> None:
    for actor in ("vigie", "person anna", "detector fracture 1.0"):
        for details in HISTORY[kind]:
            found = read(audit_message(event(kind, actor, **details), SOURCE, "P1"))
            check(found)


@pytest.mark.parametrize("kind", sorted(_MEANINGS))
def test_every_event_with_a_code_of_its_own_is_a_message_that_the_schema_allows(kind: str) -> None:
    details = {} if kind not in HISTORY else HISTORY[kind][0]
    check(read(audit_message(event(kind, "person anna", study=False, **details), SOURCE)))


def test_the_checker_refuses_what_the_schema_does() -> None:
    good = audit_message(event("claimed", "person anna", account="anna"), SOURCE, "P1")
    for wrong in (
        good.replace(b'EventActionCode="R"', b'EventActionCode="X"'),
        good.replace(b'EventOutcomeIndicator="0"', b""),
        good.replace(b"<ParticipantObjectName>Study</ParticipantObjectName>", b""),
        good.replace(b'csd-code="110103"', b'code="110103"'),
    ):
        assert wrong != good
        with pytest.raises(AssertionError):
            check(read(wrong))


def test_who_looked_at_which_study_of_which_patient() -> None:
    one = event("marks_revealed", "person anna", results={"fracture": 1})
    found = read(audit_message(one, SOURCE, "P1 & <b>"))
    identified = found.find("EventIdentification")
    assert identified is not None
    assert identified.attrib == {
        "EventActionCode": "R",
        "EventDateTime": "2026-03-02T12:00:00.000+00:00",
        "EventOutcomeIndicator": "0",
    }
    code = identified.find("EventID")
    assert code is not None
    assert code.attrib == {
        "csd-code": "110103",
        "codeSystemName": "DCM",
        "originalText": "DICOM Instances Accessed",
    }
    user, node = found.findall("ActiveParticipant")
    assert user.attrib == {"UserID": "anna", "UserIsRequestor": "true"}
    assert node.attrib == {
        "UserID": "VIGIE@node1",
        "AlternativeUserID": "AETITLES=VIGIE",
        "UserIsRequestor": "false",
    }
    role = node.find("RoleIDCode")
    assert role is not None and role.get("csd-code") == "110150"
    study, patient = found.findall("ParticipantObjectIdentification")
    assert (study.get("ParticipantObjectID"), study.get("ParticipantObjectTypeCode")) == (
        "1.2.3",
        "2",
    )
    assert study.get("ParticipantObjectTypeCodeRole") == "3"
    kind = study.find("ParticipantObjectIDTypeCode")
    assert kind is not None and kind.get("csd-code") == "110180"
    assert (patient.get("ParticipantObjectID"), patient.get("ParticipantObjectTypeCode")) == (
        "P1 & <b>",
        "1",
    )
    details = {
        one.get("type"): base64.b64decode(one.get("value", "")).decode()
        for one in study.findall("ParticipantObjectDetail")
    }
    assert details == {"event": "17", "kind": "marks_revealed"}


@pytest.mark.parametrize(
    ("kind", "study", "details", "expected"),
    [
        ("study_arrived", True, {"calling_ae_title": "CT1"}, ("110104", None, "C", "0")),
        ("results_sent", True, {"destination": "PACS"}, ("110104", None, "R", "0")),
        ("results_refused", True, {"destination": "PACS"}, ("110104", None, "R", "4")),
        ("outcome_recorded", True, {"outcome": "flagged"}, ("110103", None, "R", "0")),
        ("outcome_recorded", True, {"outcome": "failed"}, ("110103", None, "R", "4")),
        ("concluded", True, {}, ("110111", None, "U", "0")),
        ("patient_merged", True, {}, ("110110", None, "U", "0")),
        ("order_cancelled", True, {}, ("110109", None, "U", "0")),
        ("signed_in", False, {"account": "anna"}, ("110114", "110122", "E", "0")),
        ("sign_in_failed", False, {"account": "anna"}, ("110114", "110122", "E", "4")),
        ("signed_out", False, {"account": "anna"}, ("110114", "110123", "E", "0")),
        ("roles_changed", False, {"account": "anna"}, ("110113", "110136", "E", "0")),
        ("ai_stopped", False, {}, ("110113", "110131", "E", "0")),
        ("days_removed", False, {}, ("110101", None, "R", "0")),
        ("a_kind_of_the_future", True, {}, ("110111", None, "U", "0")),
        ("a_kind_of_the_future", False, {}, ("110113", "110132", "E", "0")),
    ],
)
def test_codes_say_what_happened(
    kind: str, study: bool, details: dict[str, Any], expected: tuple[str, ...]
) -> None:
    meaning = meaning_of(kind, details, of_study=study)
    found = (
        meaning.event_id.value,
        meaning.event_type and meaning.event_type.value,
        meaning.action,
        meaning.outcome,
    )
    assert found == expected


def test_a_transfer_names_both_ends() -> None:
    came = read(audit_message(event("study_arrived", calling_ae_title="CT1", **MOVED), SOURCE))
    assert roles(came) == {"VIGIE@node1": "110152", "CT1": "110153"}
    went = read(audit_message(event("results_sent", destination="PACS", objects=2), SOURCE))
    assert roles(went) == {"VIGIE@node1": "110153", "PACS": "110152"}


MOVED = HISTORY["study_arrived"][0]


def roles(message: ET.Element) -> dict[str, str]:
    found = {}
    for one in message.findall("ActiveParticipant"):
        role = one.find("RoleIDCode")
        if role is not None:
            found[one.get("UserID", "")] = role.get("csd-code", "")
    return found


def test_where_somebody_tried_to_sign_in_from_is_told() -> None:
    one = event("sign_in_failed", "somebody", study=False, account="anna", address="10.0.0.9")
    user = read(audit_message(one, SOURCE)).find("ActiveParticipant")
    assert user is not None
    assert (user.get("NetworkAccessPointID"), user.get("NetworkAccessPointTypeCode")) == (
        "10.0.0.9",
        "2",
    )


def test_p9_what_xml_cannot_hold_and_lines_cannot_is_data() -> None:
    odd = 'person "><x/>\x00\x0b\ud800\ufffe\n\r\t]]>&'
    one = event("pinned", odd, why="<script>\n\x1b</script>", **MOVED)
    found = read(audit_message(one, SOURCE, "P\x001\n"))
    check(found)
    user = found.find("ActiveParticipant")
    assert user is not None and user.get("UserID") == '"><x/>����\n\r\t]]>&'
    said = found.find("EventIdentification/EventOutcomeDescription")
    assert said is not None and said.text is not None and "<script>" in said.text


def test_the_number_of_an_event_is_found_again_in_its_message_and_its_line() -> None:
    one = event("pinned", "person anna", why="x", **MOVED)
    assert message_number(audit_message(one, SOURCE)) == 17
    assert message_number(audit_message(event("ai_stopped", study=False, **ALL), SOURCE)) == 17
    assert event_number(json_line(chained(one))) == 17
    for none in (b"<AuditMessage/>", b"[1]", b'{"a": 1}', b"{"):
        with pytest.raises(ValueError):
            event_number(none)
        with pytest.raises(ValueError):
            message_number(none)


ALL = {"detectors": "all", "why": "x"}


def chained(one: RecordedEvent) -> ChainedEvent:
    return ChainedEvent(event=one, previous_hash=b"\x01" * 32, hash=b"\x02" * 32)


def test_a_line_holds_all_that_a_hash_is_made_of() -> None:
    line = json_line(chained(event("pinned", "person anna", why="é\n")))
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert line.decode() == (
        '{"event_id":17,"at":"2026-03-02T12:00:00.000000+00:00",'
        '"recorded_at":"2026-03-02T12:00:00.000005+00:00","kind":"pinned","actor":"person anna",'
        '"study_instance_uid":"1.2.3","details":{"why":"é\\n"},'
        f'"previous_hash":"{"01" * 32}","hash":"{"02" * 32}"}}\n'
    )


def test_what_is_too_long_for_a_receiver_loses_its_lists_and_not_its_hash() -> None:
    many = {f"1.2.{number}": "a" * 64 for number in range(500)}
    one = chained(event("outcome_recorded", outcome="flagged", instances=many))
    short = short_json(one, 8192)
    assert len(short) <= 8192
    assert b'"instances":{"left_out":500}' in short and b'"outcome":"flagged"' in short
    assert b"02" * 32 in short
    endless = chained(event("pinned", why="x" * 9000))
    assert len(short_json(endless, 8192)) <= 8192
    small = chained(event("pinned", why="x"))
    assert short_json(small, 8192) + b"\n" == json_line(small)


def test_a_syslog_message_is_as_rfc_5424_says() -> None:
    said = syslog_message(
        "<é/>".encode(),
        at=NOON,
        number=17,
        host="node 1\n",
        message_id="DICOM+RFC3881",
        process_id=42,
    )
    assert said == (
        b"<85>1 2026-03-02T12:00:00.000000Z node_1_ vigie 42 DICOM+RFC3881 "
        b'[meta sequenceId="17"] \xef\xbb\xbf<\xc3\xa9/>'
    )


@pytest.mark.parametrize(
    ("number", "expected"), [(1, 1), (2**31 - 1, 2**31 - 1), (2**31, 1), (2**32, 2)]
)
def test_the_sequence_number_begins_anew_where_the_standard_says(
    number: int, expected: int
) -> None:
    said = syslog_message(b"", at=NOON, number=number, host="h", message_id="m", process_id=1)
    assert f'sequenceId="{expected}"'.encode() in said


def test_an_ordinary_audit_message_is_taken_by_every_receiver() -> None:
    many = {f"1.2.{number}": "a" * 64 for number in range(5000)}
    one = event("outcome_recorded", outcome="flagged", detector="x", probability=0.5,
                too_late=False, instances=many)  # fmt: skip
    assert len(audit_message(one, SOURCE, "P1")) < LONGEST


def test_an_event_of_another_version_is_told_by_its_kind_and_holds_up_no_export() -> None:
    found = read(audit_message(event("outcome_recorded", detector="x"), SOURCE))
    said = found.find("EventIdentification/EventOutcomeDescription")
    assert said is not None and said.text == "outcome recorded"
