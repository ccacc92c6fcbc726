"""What people are shown, read from PostgreSQL into `worklist.views`."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from worklist.errors import UnknownDetector, UnknownStudy
from worklist.exchange_ports import KeptReport
from worklist.history import in_a_sentence
from worklist.priors import Priors
from worklist.reading import ReadingState
from worklist.store import tables as t
from worklist.store.engine import translated
from worklist.store.jobs import ASSESSMENT_QUEUE
from worklist.store.list_reader import ListReader, row_of
from worklist.store.message_log import dead_letters, messages_waiting
from worklist.store.models import model_views
from worklist.store.priors import priors_of
from worklist.store.readings import readings_of
from worklist.store.reports import reports_of
from worklist.store.rows import evidence_from_json, region_from_json
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID
from worklist.views import (
    EventView,
    EvidenceView,
    InstanceView,
    ModelView,
    NodeCounts,
    ProvenanceView,
    RegionView,
    SeriesView,
    StudyView,
    UnknownInstance,
)


class PostgresReader(ListReader):
    """Reads the worklist for people; each call is one consistent snapshot.

    Parameters
    ----------
    engine
        The database.
    archive
        The folder that archive paths are relative to.
    inbox_objects
        Counts the objects that wait in the inbox.
    """

    def __init__(
        self, engine: sa.Engine, *, archive: Path, inbox_objects: Callable[[], int]
    ) -> None:
        super().__init__(engine)
        self._archive = archive
        self._inbox_objects = inbox_objects

    def study(self, study_instance_uid: StudyInstanceUID, now: datetime) -> StudyView:
        """One study, opened; see `viewer.ports.WorklistReader`."""
        del now  # nothing shown of a study depends on it yet
        with translated(), self._engine.begin() as connection:
            row = row_of(connection, study_instance_uid)
            outcomes = connection.execute(
                sa.select(t.outcome)
                .where(t.outcome.c.study_instance_uid == study_instance_uid, t.outcome.c.current)
                .order_by(t.outcome.c.detector)
            ).all()
            return StudyView(
                row=row,
                series=_series(connection, study_instance_uid),
                regions=tuple(
                    _region(outcome.detector, number, value)
                    for outcome in outcomes
                    for number, value in enumerate(outcome.regions, start=1)
                ),
                evidence=tuple(_evidence(one) for one in outcomes if one.evidence),
                provenance=tuple(map(_provenance, outcomes)),
                events=_events(connection, study_instance_uid),
                readings=readings_of(connection, study_instance_uid),
            )

    def archived_path(
        self,
        study_instance_uid: StudyInstanceUID,
        series_instance_uid: SeriesInstanceUID,
        sop_instance_uid: SOPInstanceUID,
    ) -> Path:
        """Where an object lies; see `viewer.ports.WorklistReader`."""
        with translated(), self._engine.begin() as connection:
            path = connection.scalar(
                sa.select(t.instance.c.archive_path).where(
                    t.instance.c.sop_instance_uid == sop_instance_uid,
                    t.instance.c.series_instance_uid == series_instance_uid,
                    t.instance.c.study_instance_uid == study_instance_uid,
                )
            )
        if path is None:
            raise UnknownInstance(f"no object {sop_instance_uid} has been filed in this series")
        return self._archive / str(path)

    def priors(self, study_instance_uid: StudyInstanceUID) -> Priors:
        """Other studies of the same patient; see `viewer.ports.WorklistReader`."""
        with translated(), self._engine.begin() as connection:
            return priors_of(connection, study_instance_uid)

    def reports(self, study_instance_uid: StudyInstanceUID) -> list[KeptReport]:
        """What the RIS told of reports on a study; see `viewer.ports.WorklistReader`."""
        with translated(), self._engine.begin() as connection:
            is_known = t.study.c.study_instance_uid == study_instance_uid
            if not connection.scalar(sa.select(sa.exists().where(is_known))):
                raise UnknownStudy(f"no study {study_instance_uid} has been filed here")
            return reports_of(connection, study_instance_uid)

    def models(self) -> list[ModelView]:
        """The installed detectors; see `viewer.ports.WorklistReader`."""
        with translated(), self._engine.begin() as connection:
            return model_views(connection)

    def model(self, name: str) -> ModelView:
        """One installed detector; see `viewer.ports.WorklistReader`."""
        with translated(), self._engine.begin() as connection:
            found = model_views(connection, name)
        if not found:
            raise UnknownDetector(f"no detector named {name} is installed")
        return found[0]

    def counts(self) -> NodeCounts:
        """How much of everything the node holds now."""
        with translated(), self._engine.begin() as connection:
            jobs = _jobs_by_status(connection)
            return NodeCounts(
                studies=_studies_by_state(connection),
                outcomes=_outcomes_by_state(connection),
                inbox_objects=self._inbox_objects(),
                quarantined_objects=_rows_in(connection, t.quarantined_object),
                conflicts=_rows_in(connection, t.instance_conflict),
                jobs_waiting=jobs.get("todo", 0),
                jobs_failed=jobs.get("failed", 0),
                notifications=_notifications_by_state(connection),
                messages_waiting=messages_waiting(connection),
                dead_letters=dead_letters(connection),
            )


def _studies_by_state(connection: sa.Connection) -> dict[str, int]:
    state = sa.case(
        (t.study.c.reading_state == ReadingState.READ, "read"),
        (t.study.c.arriving, "arriving"),
        else_="unread",
    )
    rows = connection.execute(
        sa.select(state, sa.func.count()).group_by(sa.literal_column("1"))
    ).all()
    return {row[0]: row[1] for row in rows}


def _outcomes_by_state(connection: sa.Connection) -> dict[tuple[str, str], int]:
    kind = sa.cast(t.outcome.c.kind, sa.Text)
    state = sa.case((t.outcome.c.too_late, "too_late"), else_=kind)
    rows = connection.execute(
        sa.select(t.outcome.c.detector, state, sa.func.count())
        .where(t.outcome.c.current)
        .group_by(sa.literal_column("1"), sa.literal_column("2"))
    ).all()
    return {(name, kind): count for name, kind, count in rows}


def _jobs_by_status(connection: sa.Connection) -> dict[str, int]:
    statement = (
        "SELECT status::text, count(*) AS jobs FROM procrastinate_jobs"
        " WHERE queue_name = :queue GROUP BY status"
    )
    rows = connection.execute(sa.text(statement), {"queue": ASSESSMENT_QUEUE})
    return {row.status: row.jobs for row in rows}


def _notifications_by_state(connection: sa.Connection) -> dict[tuple[str, str], int]:
    columns = t.notification.c.channel, t.notification.c.state
    rows = connection.execute(sa.select(*columns, sa.func.count()).group_by(*columns))
    return {(channel, str(state)): count for channel, state, count in rows}


def _rows_in(connection: sa.Connection, table: sa.Table) -> int:
    return connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def _series(connection: sa.Connection, uid: StudyInstanceUID) -> tuple[SeriesView, ...]:
    instances: dict[str, list[InstanceView]] = {}
    for one in connection.execute(
        sa.select(t.instance)
        .where(t.instance.c.study_instance_uid == uid, t.instance.c.made_by_vigie.is_(False))
        .order_by(t.instance.c.instance_number.nulls_last(), t.instance.c.sop_instance_uid)
    ):
        instances.setdefault(one.series_instance_uid, []).append(
            InstanceView(
                sop_instance_uid=SOPInstanceUID(one.sop_instance_uid),
                instance_number=one.instance_number,
                number_of_frames=one.number_of_frames,
                rows=one.rows,
                columns=one.columns,
            )
        )
    series = connection.execute(
        sa.select(t.series)
        .where(t.series.c.study_instance_uid == uid)
        .order_by(t.series.c.series_number.nulls_last(), t.series.c.series_instance_uid)
    )
    return tuple(
        SeriesView(
            series_instance_uid=SeriesInstanceUID(one.series_instance_uid),
            modality=one.modality,
            description=one.series_description,
            body_part=one.body_part_examined,
            instances=tuple(instances[one.series_instance_uid]),
        )
        for one in series
        if one.series_instance_uid in instances  # the others hold our own results alone
    )


def _region(detector: str, number: int, value: dict[str, Any]) -> RegionView:
    region = region_from_json(value)
    return RegionView(
        detector=detector,
        sop_instance_uid=region.sop_instance_uid,
        frame_number=region.frame_number,
        polygon=region.polygon,
        score=region.score,
        kind=region.kind,
        lesion=region.lesion,
        number=number,
    )


def _evidence(outcome: sa.Row[Any]) -> EvidenceView:
    evidence = evidence_from_json(outcome.evidence)
    return EvidenceView(
        detector=outcome.detector,
        image_scores=evidence.image_scores,
        kinds=evidence.kinds,
        lesions=evidence.lesions,
        turned=evidence.turned,
    )


def _provenance(outcome: sa.Row[Any]) -> ProvenanceView:
    value = outcome.provenance
    return ProvenanceView(
        detector=outcome.detector,
        version=outcome.detector_version,
        weights_sha256=outcome.weights_sha256,
        operating_point=outcome.operating_point,
        software_version=value["software_version"],
        instances=tuple((SOPInstanceUID(uid), sha256) for uid, sha256 in value["instances"]),
        not_eligible=tuple((series, reason) for series, reason in value["not_eligible"]),
        started_at=datetime.fromisoformat(value["started_at"]),
        finished_at=datetime.fromisoformat(value["finished_at"]),
    )


def _events(connection: sa.Connection, uid: StudyInstanceUID) -> tuple[EventView, ...]:
    rows = connection.execute(
        sa.select(
            t.event.c.event_id,
            t.event.c.at,
            t.event.c.kind,
            t.event.c.actor,
            # Without the instances that a detector saw: hundreds, which nobody reads here.
            t.event.c.details.op("-", return_type=JSONB())("instances").label("details"),
        )
        .where(t.event.c.study_instance_uid == uid)
        .order_by(t.event.c.event_id)
    )
    return tuple(
        EventView(
            event_id=row.event_id,
            at=row.at,
            kind=row.kind,
            actor=row.actor,
            words=in_a_sentence(row.kind, row.details),
            details=row.details,
        )
        for row in rows
    )
