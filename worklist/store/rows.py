"""Between rows and the core's values, in both directions."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from worklist.finding import (
    NO_EVIDENCE,
    Evidence,
    Failed,
    Flagged,
    ImageScore,
    Lesion,
    NotApplicable,
    NotFlagged,
    Outcome,
    Provenance,
    Region,
    SuspectedKind,
    TurnedImage,
)
from worklist.ports import Event, StudyRecord
from worklist.store.tables import OutcomeKind
from worklist.study import InstanceArrival, ObjectRole
from worklist.uid import SOPInstanceUID, StudyInstanceUID

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_RECORD_COLUMNS = (
    "received_at",
    "last_received_at",
    "instance_count",
    "expected_instance_count",
    "arriving",
    "reopened_at",
    "completeness",
    "assessment_number",
    "requested_priority",
    "requested_by_order",
    "priority_override",
    "reading_state",
    "due_at",
    "due_without_ai_at",
    "reason",
)


def record_from_row(row: sa.Row[Any]) -> StudyRecord:
    """A study as the rules see it."""
    values = row._mapping
    return StudyRecord(
        study_instance_uid=StudyInstanceUID(values["study_instance_uid"]),
        patient_id=values["patient_id"],
        issuer_of_patient_id=values["issuer_of_patient_id"],
        pinned=not values["unpinned"],
        **{name: values[name] for name in _RECORD_COLUMNS},
    )


def record_values(record: StudyRecord) -> dict[str, Any]:
    """The columns of a study that the rules change."""
    values = {name: getattr(record, name) for name in _RECORD_COLUMNS}
    return {**values, "unpinned": not record.pinned}


def storable_text(text: str) -> str:
    """The text without what PostgreSQL cannot hold: NUL and halves of surrogate pairs.

    A header may hold both, and is data all the same (P9).
    """
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def storable_json(value: Any) -> Any:
    """A JSON value, its texts as `storable_text` makes them."""
    match value:
        case str():
            return storable_text(value)
        case Mapping():
            return {storable_text(name): storable_json(one) for name, one in value.items()}
        case list() | tuple():
            return [storable_json(one) for one in value]
    return value


def instance_values(arrival: InstanceArrival) -> dict[str, Any]:
    """A row of the instance table."""
    return {
        "sop_instance_uid": arrival.sop_instance_uid,
        "series_instance_uid": arrival.series.series_instance_uid,
        "study_instance_uid": arrival.study.study_instance_uid,
        "sop_class_uid": storable_text(arrival.sop_class_uid),
        "transfer_syntax_uid": storable_text(arrival.transfer_syntax_uid),
        "sha256": arrival.sha256,
        "size_bytes": arrival.size_bytes,
        "archive_path": arrival.archive_path,
        "received_at": arrival.received_at,
        "calling_ae_title": storable_text(arrival.calling_ae_title),
        "sender_address": storable_text(arrival.sender_address),
        "instance_number": arrival.instance_number,
        "number_of_frames": arrival.number_of_frames,
        "rows": arrival.rows,
        "columns": arrival.columns,
        "made_at": arrival.made_at,
        "made_by_vigie": arrival.role is ObjectRole.RESULT,
    }


def event_values(event: Event) -> dict[str, Any]:
    """A row of the event log; the trigger numbers and chains it."""
    return {
        "event_id": 0,
        "at": event.at,
        "kind": event.kind,
        "actor": storable_text(event.actor),
        "study_instance_uid": event.study_instance_uid,
        "details": storable_json(event.details),
        "previous_hash": b"",
        "hash": b"",
    }


def outcome_values(outcome: Outcome, provenance: Provenance) -> dict[str, Any]:
    """The columns of an outcome that say what came out and what it rests on."""
    values: dict[str, Any] = {
        "detector": provenance.detector.name,
        "detector_version": provenance.detector.version,
        "weights_sha256": provenance.detector.weights_sha256,
        "target": provenance.detector.target,
        "operating_point": provenance.detector.operating_point,
        "provenance": _provenance_json(provenance),
        "finished_at": provenance.finished_at,
        "probability": None,
        "reason": None,
        "regions": [],
        "evidence": {},
    }
    match outcome:
        case Flagged():
            values |= {"kind": OutcomeKind.FLAGGED, **_result_values(outcome)}
        case NotFlagged():
            values |= {"kind": OutcomeKind.NOT_FLAGGED, **_result_values(outcome)}
        case NotApplicable(reason=reason):
            values |= {"kind": OutcomeKind.NOT_APPLICABLE, "reason": storable_text(reason)}
        case Failed(reason=reason):
            values |= {"kind": OutcomeKind.FAILED, "reason": storable_text(reason)}
    return values


def _result_values(result: Flagged | NotFlagged) -> dict[str, Any]:
    return {
        "probability": result.probability,
        "regions": [storable_json(asdict(region)) for region in result.regions],
        "evidence": _evidence_json(result.evidence),
    }


def _evidence_json(evidence: Evidence) -> dict[str, Any]:
    """Short where it is long (a CT has hundreds of images), empty where nothing is said."""
    if evidence == NO_EVIDENCE:
        return {}
    return {
        "image_scores": [
            [one.sop_instance_uid, one.frame_number, one.score] for one in evidence.image_scores
        ],
        "kinds": [[storable_text(one.name), one.score] for one in evidence.kinds],
        "lesions": [asdict(one) for one in evidence.lesions],
        "turned": [
            [one.sop_instance_uid, one.frame_number, one.quarters] for one in evidence.turned
        ],
    }


def evidence_from_json(value: Mapping[str, Any]) -> Evidence:
    """What `outcome_values` wrote; nothing, in a row from before evidence was kept."""
    return Evidence(
        image_scores=tuple(
            ImageScore(sop_instance_uid=SOPInstanceUID(uid), frame_number=frame, score=score)
            for uid, frame, score in value.get("image_scores", ())
        ),
        kinds=tuple(
            SuspectedKind(name=name, score=score) for name, score in value.get("kinds", ())
        ),
        lesions=tuple(map(_lesion_from_json, value.get("lesions", ()))),
        turned=tuple(
            TurnedImage(sop_instance_uid=SOPInstanceUID(uid), frame_number=frame, quarters=quarters)
            for uid, frame, quarters in value.get("turned", ())
        ),
    )


def _lesion_from_json(value: Mapping[str, Any]) -> Lesion:
    centre_mm = value["centre_mm"]
    return Lesion(
        number=value["number"],
        score=value["score"],
        centre_mm=None if centre_mm is None else (centre_mm[0], centre_mm[1], centre_mm[2]),
        diameter_mm=value["diameter_mm"],
        first_image=SOPInstanceUID(value["first_image"]),
        last_image=SOPInstanceUID(value["last_image"]),
    )


def _provenance_json(provenance: Provenance) -> dict[str, Any]:
    return {
        "instances": [[uid, sha256] for uid, sha256 in provenance.instances],
        "not_eligible": [
            [series, storable_text(reason)] for series, reason in provenance.not_eligible
        ],
        "software_version": provenance.software_version,
        "started_at": provenance.started_at.isoformat(),
        "finished_at": provenance.finished_at.isoformat(),
    }


def region_from_json(value: Mapping[str, Any]) -> Region:
    """A region as `outcome_values` wrote it; early rows say neither kind nor lesion."""
    return Region(
        sop_instance_uid=SOPInstanceUID(value["sop_instance_uid"]),
        frame_number=value["frame_number"],
        polygon=tuple((column, row) for column, row in value["polygon"]),
        score=value["score"],
        polygon_mm=tuple((x, y, z) for x, y, z in value["polygon_mm"])
        if value["polygon_mm"]
        else None,
        kind=value.get("kind", ""),
        lesion=value.get("lesion"),
    )
