"""What detectors came to in an assessment, and what readers saw of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from worklist.finding import (
    DetectorIdentity,
    Failed,
    Flagged,
    NotApplicable,
    NotFlagged,
    Outcome,
    Provenance,
)
from worklist.outbound import MadeObject
from worklist.store import reading_tables as r
from worklist.store import tables as t
from worklist.store.rows import evidence_from_json, region_from_json
from worklist.study import Completeness
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenObject:
    """An object of the study that a detector saw."""

    sop_class_uid: str
    sop_instance_uid: SOPInstanceUID
    series_instance_uid: SeriesInstanceUID
    path: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class AssessedStudy:
    """One assessment that has ended, with all that objects tell of it."""

    study_instance_uid: StudyInstanceUID
    number: int
    completeness: Completeness
    finished_at: datetime
    is_asked: bool  # a person wants it made again, for every destination
    results: tuple[tuple[Outcome, Provenance], ...]  # by detector
    seen: Mapping[SOPInstanceUID, SeenObject]
    revealed: frozenset[str]  # detectors whose marks a reader saw after her first look
    earlier_reports: tuple[MadeObject, ...]  # that may be at a destination, and count until now
    made_of: str  # digest of the facts that its results were made of; empty: none count
    made: tuple[MadeObject, ...]  # those results


def revealed(uid: sa.ColumnElement[str], number: sa.ColumnElement[int]) -> sa.Select[Any]:
    """What readers saw of an assessment after each had said what she sees without it.

    The rule is that of `worklist.readings.Readings.has_answered`.
    """
    seen, told = r.reveal.c, t.outcome.c
    look, concluded, answer = r.first_look_answer.c, r.conclusion.c, r.conclusion_answer.c
    person = sa.literal("person ")
    looked = sa.exists().where(
        look.study_instance_uid == seen.study_instance_uid,
        seen.looker == person + look.account,
        look.target == told.target,
        look.assessment_number >= seen.assessment_number,
    )
    has_concluded = sa.exists().where(
        concluded.study_instance_uid == seen.study_instance_uid,
        seen.looker == person + concluded.account,
        concluded.assessment_number >= seen.assessment_number,
        answer.study_instance_uid == concluded.study_instance_uid,
        answer.number == concluded.number,
        answer.target == told.target,
    )
    return (
        sa.select(seen.detector)
        .distinct()
        .join(
            t.outcome,
            sa.and_(
                told.study_instance_uid == seen.study_instance_uid,
                told.assessment_number == seen.assessment_number,
                told.detector == seen.detector,
            ),
        )
        .where(
            seen.study_instance_uid == uid,
            seen.assessment_number == number,
            sa.or_(looked, has_concluded),
        )
    )


def results_of(
    connection: sa.Connection, uid: StudyInstanceUID, number: int
) -> tuple[tuple[Outcome, Provenance], ...]:
    """What each detector came to; of one that was run twice, the last."""
    columns = t.outcome.c
    rows = connection.execute(
        sa.select(t.outcome)
        .where(columns.study_instance_uid == uid, columns.assessment_number == number)
        .order_by(columns.detector, columns.outcome_id)
    )
    last = {row.detector: row for row in rows}
    return tuple((_outcome(row), _provenance(row)) for row in last.values())


def _outcome(row: sa.Row[Any]) -> Outcome:
    match row.kind:
        case t.OutcomeKind.FLAGGED | t.OutcomeKind.NOT_FLAGGED:
            kind = Flagged if row.kind is t.OutcomeKind.FLAGGED else NotFlagged
            return kind(
                probability=row.probability,
                regions=tuple(map(region_from_json, row.regions)),
                evidence=evidence_from_json(row.evidence),
            )
        case t.OutcomeKind.NOT_APPLICABLE:
            return NotApplicable(reason=row.reason)
        case _:
            return Failed(reason=row.reason)


def _provenance(row: sa.Row[Any]) -> Provenance:
    said = row.provenance
    return Provenance(
        detector=DetectorIdentity(
            name=row.detector,
            version=row.detector_version,
            target=row.target,
            weights_sha256=row.weights_sha256,
            operating_point=row.operating_point,
        ),
        instances=tuple((SOPInstanceUID(uid), sha256) for uid, sha256 in said["instances"]),
        not_eligible=tuple((series, reason) for series, reason in said["not_eligible"]),
        software_version=said["software_version"],
        started_at=datetime.fromisoformat(said["started_at"]),
        finished_at=datetime.fromisoformat(said["finished_at"]),
    )
