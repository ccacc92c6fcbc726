"""Rows of the list with what their series and detectors add, as people are shown them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from worklist.due_time import probability_in_words
from worklist.finding import OutcomeState
from worklist.order import Position
from worklist.oversight import AISwitch
from worklist.people import AccountName
from worklist.preview import Preview
from worklist.reading import ReadingState
from worklist.store import tables as t
from worklist.store.cursor import to_cursor
from worklist.store.transaction import PostgresTransaction
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID
from worklist.views import ClaimView, DetectorView, WorklistRow


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedStudy:
    """One study with everything a row of the list shows but its place."""

    study: sa.Row[Any]  # its columns, `modalities`, `body_part` and `running`
    conflicts: int
    detectors: tuple[DetectorView, ...]
    claim: ClaimView | None

    @property
    def uid(self) -> StudyInstanceUID:
        """Which study."""
        return StudyInstanceUID(self.study.study_instance_uid)

    @property
    def position(self) -> Position:
        """Where it stands in the order."""
        return Position(
            unpinned=self.study.unpinned,
            due_at=self.study.due_at,
            received_at=self.study.received_at,
            study_instance_uid=StudyInstanceUID(self.study.study_instance_uid),
        )

    @property
    def is_read(self) -> bool:
        """Whether it is off the list."""
        return bool(self.study.reading_state is ReadingState.READ)

    def at(self, place: int | None) -> WorklistRow:
        """The row, at this place; None for a study that was read."""
        row = self.study
        return WorklistRow(
            place=place,
            reading_state=row.reading_state,
            study_instance_uid=StudyInstanceUID(row.study_instance_uid),
            patient_id=row.patient_id,
            patient_name=row.patient_name,
            patient_birth_date=row.patient_birth_date,
            patient_sex=row.patient_sex,
            accession_number=row.accession_number,
            study_description=row.study_description,
            modalities=tuple(sorted(filter(None, row.modalities))),
            body_part=row.body_part or "",
            requested_priority=row.requested_priority,
            priority_in_force=row.priority_override or row.requested_priority,
            pinned=not row.unpinned,
            received_at=row.received_at,
            due_at=row.due_at,
            due_without_ai_at=row.due_without_ai_at,
            reason=row.reason,
            completeness=row.completeness,
            arriving=row.arriving,
            instance_count=row.instance_count,
            conflicts=self.conflicts,
            detectors=self.detectors,
            cursor=to_cursor(self.position),
            claim=self.claim,
            preview=_preview(row.preview),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Installed:
    """The detectors that workers have registered, and which of them a person has stopped."""

    detectors: Sequence[sa.Row[Any]]  # by name
    switch: AISwitch


def installed(connection: sa.Connection) -> Installed:
    """What every row shows a state of."""
    return Installed(
        detectors=connection.execute(sa.select(t.detector).order_by(t.detector.c.name)).all(),
        switch=PostgresTransaction(connection).ai_switch(),
    )


def listed_studies(
    connection: sa.Connection, uids: Sequence[StudyInstanceUID], ai: Installed
) -> list[ListedStudy]:
    """Those of these studies that were filed, in reading order."""
    if not uids:
        return []
    studies = connection.execute(_studies(uids)).all()
    conflicts = _conflicts(connection, uids)
    outcomes = {
        (one.study_instance_uid, one.detector): one for one in connection.execute(_outcomes(uids))
    }
    claims = _claims(connection, uids)
    return [
        ListedStudy(
            study=study,
            conflicts=conflicts.get(study.study_instance_uid, 0),
            detectors=tuple(
                _detector_view(
                    detector,
                    outcomes.get((study.study_instance_uid, detector.name)),
                    study,
                    ai.switch,
                )
                for detector in ai.detectors
            ),
            claim=claims.get(study.study_instance_uid),
        )
        for study in studies
    ]


def among(column: sa.ColumnElement[str], uids: Sequence[str]) -> sa.ColumnElement[bool]:
    """One parameter, however many UIDs: a statement of hundreds takes longer to say than to do."""
    return column == sa.any_(sa.literal(list(uids), sa.ARRAY(sa.Text(collation="C"))))


_LONG = {"search", "facets"}  # columns that no row shows


def _studies(uids: Sequence[StudyInstanceUID]) -> sa.Select[Any]:
    mine = t.series.c.study_instance_uid == t.study.c.study_instance_uid
    modalities = sa.func.array(
        sa.select(t.series.c.modality.distinct()).where(mine).scalar_subquery()
    )
    body_part = sa.select(sa.func.max(t.series.c.body_part_examined)).where(mine).scalar_subquery()
    return (
        sa.select(
            *(column for column in t.study.columns if column.name not in _LONG),
            modalities.label("modalities"),
            body_part.label("body_part"),
            _running().label("running"),
        )
        .where(among(t.study.c.study_instance_uid, uids))
        .order_by(
            t.study.c.unpinned,
            t.study.c.due_at,
            t.study.c.received_at,
            t.study.c.study_instance_uid,
        )
    )


def _outcomes(uids: Sequence[StudyInstanceUID]) -> sa.Select[Any]:
    """What a row shows of the current outcomes: regions and provenance are long, and left out."""
    columns = t.outcome.c
    return sa.select(
        columns.study_instance_uid,
        columns.detector,
        columns.detector_version,
        columns.target,
        columns.operating_point,
        columns.kind,
        columns.probability,
        columns.reason,
        columns.too_late,
        columns.assessment_number,
        columns.finished_at,
    ).where(among(columns.study_instance_uid, uids), columns.current)


def _claims(connection: sa.Connection, uids: Sequence[StudyInstanceUID]) -> dict[str, ClaimView]:
    claim = t.claim.c
    rows = connection.execute(
        sa.select(claim.study_instance_uid, claim.claimed_at, t.account)
        .join(t.account, t.account.c.name == claim.account)
        .where(among(claim.study_instance_uid, uids), claim.ended_at.is_(None))
    )
    return {
        row.study_instance_uid: ClaimView(
            name=AccountName(row.name), display_name=row.display_name, since=row.claimed_at
        )
        for row in rows
    }


def _preview(value: Mapping[str, Any] | None) -> Preview | None:
    if value is None:
        return None
    window = value["window"]
    return Preview(
        series_instance_uid=SeriesInstanceUID(value["series_instance_uid"]),
        sop_instance_uid=SOPInstanceUID(value["sop_instance_uid"]),
        frame_number=value["frame_number"],
        window=None if window is None else (window[0], window[1]),
    )


def _conflicts(connection: sa.Connection, uids: Sequence[StudyInstanceUID]) -> dict[str, int]:
    """How many second objects each study has to do with, as the first or by its own name.

    Our own results that come back by two ways, each changed by another archive, are none.
    """
    second, first = t.instance_conflict.c, t.instance.c
    named = (
        sa.select(second.study_instance_uid.label("uid"))
        .join(t.instance, second.sop_instance_uid == first.sop_instance_uid)
        .where(among(second.study_instance_uid, uids), first.made_by_vigie.is_(False))
    )
    filed = (
        sa.select(first.study_instance_uid)
        .join(t.instance_conflict, second.sop_instance_uid == first.sop_instance_uid)
        .where(
            among(first.study_instance_uid, uids),
            first.study_instance_uid != second.study_instance_uid,
            first.made_by_vigie.is_(False),
        )
    )
    both = sa.union_all(named, filed).subquery()
    counted = sa.select(both.c.uid, sa.func.count().label("objects")).group_by(both.c.uid)
    return {one.uid: one.objects for one in connection.execute(counted)}


def _running() -> sa.Exists:
    """Whether a worker is at the study's newest assessment."""
    return sa.exists().where(
        t.assessment.c.study_instance_uid == t.study.c.study_instance_uid,
        t.assessment.c.number == t.study.c.assessment_number,
        t.assessment.c.started_at.is_not(None),
        t.assessment.c.finished_at.is_(None),
    )


def _detector_view(
    detector: sa.Row[Any], outcome: sa.Row[Any] | None, study: sa.Row[Any], switch: AISwitch
) -> DetectorView:
    if switch.is_stopped(detector.name):
        return _without_result(detector, OutcomeState.STOPPED, "a person has stopped it")
    if outcome is None:
        state = OutcomeState.RUNNING if study.running else OutcomeState.NOT_RUN_YET
        return _without_result(detector, state, None)
    # A result on other images than are there now says nothing on these (P4).
    if study.arriving:
        words = f"not run on the new images yet; before them: {_in_words(outcome)}"
        return _without_result(detector, OutcomeState.NOT_RUN_YET, words)
    if outcome.assessment_number < study.assessment_number:
        if study.running:
            words = f"running again; before: {_in_words(outcome)}"
            return _without_result(detector, OutcomeState.RUNNING, words)
        words = f"not run again yet; before: {_in_words(outcome)}"
        return _without_result(detector, OutcomeState.NOT_RUN_YET, words)
    return DetectorView(
        name=detector.name,
        target=outcome.target,
        state=OutcomeState.TOO_LATE if outcome.too_late else OutcomeState(outcome.kind),
        probability=outcome.probability,
        reason=outcome.reason,
        version=outcome.detector_version,
        operating_point=outcome.operating_point,
        assessed_at=outcome.finished_at,
    )


def _without_result(detector: sa.Row[Any], state: OutcomeState, reason: str | None) -> DetectorView:
    return DetectorView(
        name=detector.name,
        target=detector.target,
        state=state,
        reason=reason,
        version=detector.version,
        operating_point=detector.operating_point,
    )


def _in_words(outcome: sa.Row[Any]) -> str:
    said = str(outcome.kind).replace("_", " ")
    late = ", too late: the study was read" if outcome.too_late else ""
    if outcome.probability is None:
        return f"{said}, because {outcome.reason}{late}"
    return f"{said} {probability_in_words(outcome.probability)}{late}"
