"""Events as audit messages of the standard (PS3.15 section A.5)."""

import base64
import re
import xml.etree.ElementTree as ET  # only written here, never read
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC

from results.auditing.codes import Coded, Meaning, meaning_of
from worklist.history import told
from worklist.replay import RecordedEvent
from worklist.uid import StudyInstanceUID

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NUMBER = re.compile(rb'<ParticipantObjectDetail type="event" value="([0-9A-Za-z+/=]+)"')
_STUDY_INSTANCE_UID = Coded("110180", "Study Instance UID")
_PATIENT_ID = Coded("2", "Patient Number", "RFC-3881")
_USER_ID = Coded("11", "User Identifier", "RFC-3881")
_URI = Coded("12", "URI", "RFC-3881")
_APPLICATION_SERVER = "4"  # PS3.15 A.5.1.2.1
_IP_ADDRESS = "2"


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditSource:
    """Which node tells."""

    source_id: str  # names the node among the site's
    ae_title: str


def audit_message(
    event: RecordedEvent, source: AuditSource, patient_id: str | None = None
) -> bytes:
    """One event as an ``AuditMessage`` (PS3.15 A.5.1), UTF-8, in one line.

    Parameters
    ----------
    patient_id
        Of the event's study; None: it is about none, or not known.
    """
    of_study = event.study_instance_uid is not None
    meaning = meaning_of(event.kind, event.details, of_study=of_study)
    message = ET.Element("AuditMessage")
    _identification(message, event, meaning)
    _participants(message, event, source, meaning)
    told_by = ET.SubElement(message, "AuditSourceIdentification", AuditSourceID=source.source_id)
    ET.SubElement(told_by, "AuditSourceTypeCode", {"csd-code": _APPLICATION_SERVER})
    _objects(message, event, source, meaning, patient_id)
    text = ET.tostring(message, encoding="unicode").replace("\r", "&#13;").replace("\n", "&#10;")
    return f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode()


def event_number(line: bytes) -> int:
    """The number of the event that a message tells of; raises ValueError for what is none."""
    found = _NUMBER.search(line)
    if found is None:
        raise ValueError("a line that is no audit message of Vigie")
    return int(base64.b64decode(found[1]))


def _identification(message: ET.Element, event: RecordedEvent, meaning: Meaning) -> None:
    at = event.at.astimezone(UTC).isoformat(timespec="milliseconds")
    found = ET.SubElement(
        message,
        "EventIdentification",
        EventActionCode=meaning.action,
        EventDateTime=at,
        EventOutcomeIndicator=meaning.outcome,
    )
    _coded(found, "EventID", meaning.event_id)
    if meaning.event_type is not None:
        _coded(found, "EventTypeCode", meaning.event_type)
    said = ET.SubElement(found, "EventOutcomeDescription")
    said.text = _xml_text(told(event.kind, event.details))


def _participants(
    message: ET.Element, event: RecordedEvent, source: AuditSource, meaning: Meaning
) -> None:
    kind, _, name = event.actor.partition(" ")
    is_person = kind == "person"
    if is_person or kind not in {"vigie", "detector"}:
        values = {
            "UserID": _xml_text(name if is_person else event.actor),
            "UserIsRequestor": "true",
        }
        address = event.details.get("address")
        if isinstance(address, str) and address:
            values |= {
                "NetworkAccessPointID": _xml_text(address),
                "NetworkAccessPointTypeCode": _IP_ADDRESS,
            }
        ET.SubElement(message, "ActiveParticipant", values)
    node = ET.SubElement(
        message,
        "ActiveParticipant",
        UserID=_xml_text(source.source_id if kind != "detector" else event.actor),
        AlternativeUserID=f"AETITLES={_xml_text(source.ae_title)}",
        UserIsRequestor="false" if is_person else "true",
    )
    _coded(node, "RoleIDCode", meaning.role_of_node.value)
    other = meaning.other_of(event.details)
    if other is not None and meaning.role_of_other is not None:
        ae_title = _xml_text(other)
        peer = ET.SubElement(
            message,
            "ActiveParticipant",
            UserID=ae_title,
            AlternativeUserID=f"AETITLES={ae_title}",
            UserIsRequestor="false",
        )
        _coded(peer, "RoleIDCode", meaning.role_of_other.value)


def _objects(
    message: ET.Element,
    event: RecordedEvent,
    source: AuditSource,
    meaning: Meaning,
    patient_id: str | None,
) -> None:
    number = [("event", str(event.event_id)), ("kind", event.kind)]
    uid = event.study_instance_uid
    if uid is not None:
        _study(message, uid, event, number)
        if patient_id:
            _object(message, patient_id, "1", "1", _PATIENT_ID, "Patient")
        return
    account = event.details.get("account")
    if isinstance(account, str) and account:
        _object(message, account, "1", "6", _USER_ID, "Account", number)
    else:
        log = f"vigie://{source.source_id}/event-log"
        _object(message, log, "2", "13", _URI, meaning.object_name, number)


def _study(
    message: ET.Element,
    uid: StudyInstanceUID,
    event: RecordedEvent,
    details: Sequence[tuple[str, str]],
) -> None:
    found = _object(message, uid, "2", "3", _STUDY_INSTANCE_UID, "Study", details)
    accession_number = event.details.get("accession_number")
    description = ET.SubElement(found, "ParticipantObjectDescription")
    if isinstance(accession_number, str) and accession_number:
        ET.SubElement(description, "Accession", Number=_xml_text(accession_number))
    contains = ET.SubElement(description, "ParticipantObjectContainsStudy")
    ET.SubElement(contains, "StudyIDs", UID=uid)


def _object(
    message: ET.Element,
    object_id: str,
    type_code: str,
    role: str,
    id_type: Coded,
    name: str,
    details: Sequence[tuple[str, str]] = (),
) -> ET.Element:
    found = ET.SubElement(
        message,
        "ParticipantObjectIdentification",
        ParticipantObjectID=_xml_text(object_id),
        ParticipantObjectTypeCode=type_code,
        ParticipantObjectTypeCodeRole=role,
    )
    _coded(found, "ParticipantObjectIDTypeCode", id_type)
    # The schema wants a name; a person's is in no audit message.
    ET.SubElement(found, "ParticipantObjectName").text = name
    for kind, value in details:
        encoded = base64.b64encode(value.encode()).decode()
        ET.SubElement(found, "ParticipantObjectDetail", type=kind, value=encoded)
    return found


def _coded(parent: ET.Element, name: str, code: Coded) -> None:
    values = {
        "csd-code": code.value,
        "codeSystemName": code.system,
        "originalText": code.meaning,
    }
    ET.SubElement(parent, name, values)


def _xml_text(text: str) -> str:
    """What XML 1.0 can hold of a text from outside (P9)."""
    return _NOT_IN_XML.sub("�", text)
