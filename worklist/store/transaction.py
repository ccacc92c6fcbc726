"""One unit of work in PostgreSQL: satisfies `worklist.ports.Transaction`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from worklist.finding import Outcome, Provenance
from worklist.order import Position
from worklist.oversight import AISwitch, CountedProbability
from worklist.ports import Event, KnownInstance, StudyRecord
from worklist.reading import ReadingState
from worklist.search import SEARCHED
from worklist.store import tables as t
from worklist.store.claims import ClaimRows
from worklist.store.images import ImageRows
from worklist.store.jobs import defer_assessment
from worklist.store.orders import OrderRows, searchable
from worklist.store.readings import ReadingRows
from worklist.store.reports import ReportRows
from worklist.store.rows import (
    event_values,
    instance_values,
    outcome_values,
    record_from_row,
    record_values,
    storable_text,
)
from worklist.study import (
    InstanceArrival,
    QuarantinedObject,
    StudyAttributes,
)
from worklist.uid import SOPInstanceUID, StudyInstanceUID

_TEXTS = sa.ARRAY(sa.Text(collation="C"))
_ENTRY = t.worklist_entry.c
READING_ORDER = sa.tuple_(
    _ENTRY.unpinned, _ENTRY.due_at, _ENTRY.received_at, _ENTRY.study_instance_uid
)


def position_tuple(position: Position) -> sa.Tuple:
    """A position as the database compares it."""
    return sa.tuple_(
        sa.literal(position.unpinned),
        sa.literal(position.due_at.astimezone(UTC)),
        sa.literal(position.received_at.astimezone(UTC)),
        sa.literal(str(position.study_instance_uid), sa.Text(collation="C")),
    )


def _is_assessment(uid: StudyInstanceUID, number: int) -> sa.ColumnElement[bool]:
    return sa.and_(t.assessment.c.study_instance_uid == uid, t.assessment.c.number == number)


def _attribute_values(attributes: StudyAttributes) -> dict[str, Any]:
    return {
        "issuer_of_patient_id": storable_text(attributes.issuer_of_patient_id),
        "patient_name": storable_text(attributes.patient_name),
        "patient_birth_date": attributes.patient_birth_date,
        "patient_sex": storable_text(attributes.patient_sex),
        "accession_number": storable_text(attributes.accession_number),
        "study_id": storable_text(attributes.study_id),
        "study_description": storable_text(attributes.study_description),
        "study_at": attributes.study_at,
    }


def _search(texts: Mapping[str, Any]) -> sa.Function[Any]:
    """The words that a study is found by, as the database looks for them."""
    return searchable([texts[name] for name in SEARCHED])


class PostgresTransaction(ClaimRows, ImageRows, OrderRows, ReadingRows, ReportRows):
    """One unit of work; see `worklist.ports.Transaction` for what each method promises."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def lock_filing(self) -> None:
        self._connection.execute(
            sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext("vigie filing")))
        )

    def lock_ai_switch(self, *, exclusive: bool) -> None:
        lock = sa.func.pg_advisory_xact_lock if exclusive else sa.func.pg_advisory_xact_lock_shared
        self._connection.execute(sa.select(lock(sa.func.hashtext("vigie ai switch"))))

    def known_instances(
        self, uids: Sequence[SOPInstanceUID]
    ) -> dict[SOPInstanceUID, KnownInstance]:
        columns = t.instance.c
        rows = self._connection.execute(
            sa.select(
                columns.sop_instance_uid,
                columns.study_instance_uid,
                columns.sha256,
                columns.transfer_syntax_uid,
            ).where(columns.sop_instance_uid == sa.any_(sa.literal(list(uids), _TEXTS)))
        )
        return {
            SOPInstanceUID(row.sop_instance_uid): KnownInstance(
                study_instance_uid=StudyInstanceUID(row.study_instance_uid),
                sha256=row.sha256,
                transfer_syntax_uid=row.transfer_syntax_uid,
            )
            for row in rows
        }

    def lock_studies(self, uids: Iterable[StudyInstanceUID]) -> dict[StudyInstanceUID, StudyRecord]:
        wanted = sorted(uids)
        rows = self._connection.execute(
            sa.select(t.study)
            .where(t.study.c.study_instance_uid == sa.any_(sa.literal(wanted, _TEXTS)))
            .order_by(t.study.c.study_instance_uid)  # one order for all, so that none deadlocks
            .with_for_update()
        )
        records = map(record_from_row, rows)
        return {record.study_instance_uid: record for record in records}

    def add_study(self, record: StudyRecord, attributes: StudyAttributes) -> None:
        texts = _attribute_values(attributes)
        texts["patient_id"] = storable_text(record.patient_id)
        self._connection.execute(
            sa.insert(t.study).values(
                study_instance_uid=record.study_instance_uid,
                search=_search(texts),
                **texts,
                **record_values(record),
            )
        )

    def fill_attributes(self, attributes: StudyAttributes) -> None:
        values = _attribute_values(attributes) | {
            "patient_id": storable_text(attributes.patient_id)
        }
        filled = {
            name: sa.func.coalesce(
                sa.func.nullif(t.study.c[name], "") if isinstance(value, str) else t.study.c[name],
                value,
            )
            for name, value in values.items()
            if value not in (None, "")
        }
        if not filled:
            return
        mine = t.study.c.study_instance_uid == attributes.study_instance_uid
        known = self._connection.execute(sa.select(t.study).where(mine)).one()._mapping
        if all(known[name] not in (None, "") for name in filled):
            return
        now_known = self._connection.execute(
            sa.update(t.study).where(mine).values(filled).returning(t.study)
        ).one()
        self._connection.execute(
            sa.update(t.study).where(mine).values(search=_search(now_known._asdict()))
        )

    def save_study(self, record: StudyRecord) -> None:
        self.save_studies([record])

    def save_studies(self, records: Sequence[StudyRecord]) -> None:
        if records:
            self._connection.execute(
                sa.update(t.study).where(t.study.c.study_instance_uid == sa.bindparam("saved")),
                [{**record_values(one), "saved": one.study_instance_uid} for one in records],
            )

    def add_instances(self, arrivals: Sequence[InstanceArrival]) -> None:
        if not arrivals:
            return
        series = {
            (one.series.series_instance_uid, one.study.study_instance_uid): one.series
            for one in arrivals
        }
        self._connection.execute(
            insert(t.series).on_conflict_do_nothing(),
            [
                {
                    "series_instance_uid": uid,
                    "study_instance_uid": study,
                    "modality": storable_text(one.modality),
                    "body_part_examined": storable_text(one.body_part_examined),
                    "series_description": storable_text(one.series_description),
                    "series_number": one.series_number,
                }
                for (uid, study), one in series.items()
            ],
        )
        self._connection.execute(sa.insert(t.instance), [instance_values(one) for one in arrivals])

    def add_associations(self, arrivals: Sequence[InstanceArrival]) -> None:
        if not arrivals:
            return
        ways = {
            (
                one.study.study_instance_uid,
                one.association_id,
                storable_text(one.calling_ae_title),
                storable_text(one.sender_address),
            )
            for one in arrivals
        }
        names = [column.name for column in t.study_association.columns]
        self._connection.execute(
            insert(t.study_association).on_conflict_do_nothing(),
            [dict(zip(names, way, strict=True)) for way in sorted(ways)],
        )

    def add_conflict(self, arrival: InstanceArrival) -> bool:
        values = instance_values(arrival)
        kept = self._connection.execute(
            insert(t.instance_conflict)
            .values({c.name: values[c.name] for c in t.instance_conflict.columns})
            .on_conflict_do_nothing()
            .returning(t.instance_conflict.c.sha256)
        )
        return kept.first() is not None

    def add_quarantined(self, quarantined: QuarantinedObject) -> bool:
        values = {
            name: storable_text(value) if isinstance(value, str) else value
            for name, value in asdict(quarantined).items()
        }
        kept = self._connection.execute(
            insert(t.quarantined_object)
            .values(values)
            .on_conflict_do_nothing()
            .returning(t.quarantined_object.c.quarantine_path)
        )
        return kept.first() is not None

    def place_of(self, position: Position) -> int:
        ahead = self._connection.scalar(
            sa.select(sa.func.count())
            .select_from(t.worklist_entry)
            .where(
                position_tuple(position) > READING_ORDER,
                _ENTRY.study_instance_uid != position.study_instance_uid,
            )
        )
        return (ahead or 0) + 1

    def queue_assessment(self, study: StudyRecord) -> None:
        self._connection.execute(
            sa.insert(t.assessment).values(
                study_instance_uid=study.study_instance_uid, number=study.assessment_number
            )
        )
        defer_assessment(self._connection, study)

    def start_assessment(self, uid: StudyInstanceUID, number: int, now: datetime) -> int:
        attempts = self._connection.scalar(
            sa.update(t.assessment)
            .where(_is_assessment(uid, number))
            .values(
                started_at=now,
                finished_at=None,
                attempts=t.assessment.c.attempts + 1,
                results_at=None,
            )
            .returning(t.assessment.c.attempts)
        )
        return int(attempts or 0)

    def finish_assessment(self, uid: StudyInstanceUID, number: int, now: datetime) -> None:
        self._connection.execute(
            sa.update(t.assessment)
            .where(_is_assessment(uid, number))
            .values(finished_at=sa.func.greatest(now, t.assessment.c.queued_at))
        )

    def add_outcome(
        self,
        uid: StudyInstanceUID,
        number: int,
        outcome: Outcome,
        provenance: Provenance,
        *,
        too_late: bool,
    ) -> None:
        mine = sa.and_(
            t.outcome.c.study_instance_uid == uid,
            t.outcome.c.detector == provenance.detector.name,
        )
        newer = self._connection.scalar(
            sa.select(
                sa.exists().where(mine, t.outcome.c.assessment_number > number, t.outcome.c.current)
            )
        )
        if not newer:
            self._connection.execute(sa.update(t.outcome).where(mine).values(current=False))
        self._connection.execute(
            sa.insert(t.outcome).values(
                study_instance_uid=uid,
                assessment_number=number,
                too_late=too_late,
                current=not newer,
                **outcome_values(outcome, provenance),
            )
        )

    def counted_probabilities(
        self, uids: Iterable[StudyInstanceUID]
    ) -> dict[StudyInstanceUID, list[CountedProbability]]:
        columns = t.outcome.c
        rows = self._connection.execute(
            sa.select(
                columns.study_instance_uid,
                columns.detector,
                columns.target,
                sa.func.max(columns.probability).label("probability"),
            )
            .where(
                columns.study_instance_uid == sa.any_(sa.literal(list(uids), _TEXTS)),
                columns.probability.is_not(None),
                ~columns.too_late,
            )
            .group_by(columns.study_instance_uid, columns.detector, columns.target)
        )
        counted: dict[StudyInstanceUID, list[CountedProbability]] = {}
        for row in rows:
            counted.setdefault(StudyInstanceUID(row.study_instance_uid), []).append(
                CountedProbability(
                    detector=row.detector, finding=row.target, probability=row.probability
                )
            )
        return counted

    def ai_switch(self) -> AISwitch:
        row = self._connection.execute(sa.select(t.ai_switch)).one()
        return AISwitch(whole=row.whole, detectors=frozenset(row.detectors))

    def save_ai_switch(self, switch: AISwitch) -> None:
        self._connection.execute(
            sa.update(t.ai_switch).values(whole=switch.whole, detectors=sorted(switch.detectors))
        )

    def unread_with_outcomes(self) -> list[StudyInstanceUID]:
        rows = self._connection.scalars(
            sa.select(_ENTRY.study_instance_uid).where(
                sa.exists().where(
                    t.outcome.c.study_instance_uid == _ENTRY.study_instance_uid,
                    t.outcome.c.probability.is_not(None),
                ),
            )
        )
        return [StudyInstanceUID(uid) for uid in rows]

    def unread_without_outcome(self, detectors: Sequence[str]) -> list[StudyInstanceUID]:
        have = (
            sa.select(sa.func.count())
            .select_from(t.outcome)
            .where(
                t.outcome.c.study_instance_uid == t.study.c.study_instance_uid,
                t.outcome.c.current,
                t.outcome.c.assessment_number == t.study.c.assessment_number,
                t.outcome.c.detector.in_(detectors),
            )
            .scalar_subquery()
        )
        rows = self._connection.scalars(
            sa.select(t.study.c.study_instance_uid)
            .join(
                t.assessment,
                sa.and_(
                    t.assessment.c.study_instance_uid == t.study.c.study_instance_uid,
                    t.assessment.c.number == t.study.c.assessment_number,
                ),
            )
            .where(
                t.study.c.reading_state == ReadingState.UNREAD,
                ~t.study.c.arriving,
                t.assessment.c.started_at.is_not(None),  # the others will see the switch
                have < len(detectors),
            )
        )
        return [StudyInstanceUID(uid) for uid in rows]

    def append_events(self, events: Sequence[Event]) -> None:
        # The trigger chains each row to the one before it: they go in this order.
        if events:
            self._connection.execute(sa.insert(t.event), [event_values(one) for one in events])
