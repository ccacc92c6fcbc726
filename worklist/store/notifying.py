"""What is told on channels, in PostgreSQL: satisfies `worklist.notifications.NotificationStore`."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from worklist.finding import DetectorIdentity, TargetFinding
from worklist.notifications import KeptNotification, Looks
from worklist.notifying import (
    Flag,
    Notification,
    NotificationState,
    PatientDatum,
    Standing,
)
from worklist.ports import Event
from worklist.reading import ReadingState
from worklist.store import tables as t
from worklist.store.engine import translated
from worklist.store.rows import storable_text
from worklist.store.tables import OutcomeKind
from worklist.store.transaction import PostgresTransaction
from worklist.uid import StudyInstanceUID

_ONE, _OUTCOME, _LOOKS = t.notification.c, t.outcome.c, t.notification_channel.c
_COLUMNS = tuple(column for column in t.notification.columns if column.name != "number")
# The value stands in the statement, so that the partial indexes are seen to fit.
_WAITS = _ONE.state == sa.literal_column(f"'{NotificationState.WAITING}'")
_NEVER_TOLD = sa.and_(
    _ONE.state.in_([NotificationState.TOO_LATE, NotificationState.NOT_TOLD]),
    _ONE.delivered_at.is_(None),
)
_IN_FORCE = sa.and_(
    _OUTCOME.kind == sa.literal_column(f"'{OutcomeKind.FLAGGED}'"),
    _OUTCOME.current,
    ~_OUTCOME.too_late,
)


class PostgresNotificationTransaction:
    """One unit of work; see `worklist.notifications.NotificationTransaction` for each promise."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._worklist = PostgresTransaction(connection)

    def looks(self, channel: str) -> Looks | None:
        row = self._connection.execute(
            sa.select(t.notification_channel).where(_LOOKS.name == channel)
        ).first()
        if row is None:
            return None
        return Looks(
            first_at=row.first_at, last_at=row.last_at, last_outcome_id=row.last_outcome_id
        )

    def add_look(self, channel: str, now: datetime, outcome_id: int) -> None:
        added = insert(t.notification_channel).values(
            name=channel, first_at=now, last_at=now, last_outcome_id=outcome_id
        )
        later = {
            "first_at": sa.func.least(_LOOKS.first_at, now),
            "last_at": now,
            "last_outcome_id": sa.func.greatest(_LOOKS.last_outcome_id, outcome_id),
        }
        self._connection.execute(added.on_conflict_do_update(index_elements=["name"], set_=later))

    def newest_outcome_id(self) -> int:
        return self._connection.scalar(sa.select(sa.func.max(_OUTCOME.outcome_id))) or 0

    def untold(
        self, channel: str, targets: Sequence[TargetFinding], since: datetime, after_outcome_id: int
    ) -> list[Flag]:
        told = sa.exists().where(
            _ONE.study_instance_uid == _OUTCOME.study_instance_uid,
            _ONE.target == _OUTCOME.target,
            _ONE.channel == channel,
            ~sa.and_(_NEVER_TOLD, _ONE.outcome_id < _OUTCOME.outcome_id),
        )
        news = sa.or_(_OUTCOME.finished_at >= since, _OUTCOME.outcome_id > after_outcome_id)
        rows = self._connection.execute(
            sa.select(t.outcome)
            .where(_IN_FORCE, news, _OUTCOME.target.in_(targets), ~told)
            .order_by(_OUTCOME.outcome_id)
        )
        return [_flag(row) for row in rows]

    def add(self, one: Notification) -> bool:
        values = _values(one)
        statement = insert(t.notification).values(values)
        kept = ("notification_id", "channel", "study_instance_uid", "target", "attempts", "reached")
        added = self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["study_instance_uid", "target", "channel"],
                set_={name: values[name] for name in values if name not in kept},
                where=sa.and_(_NEVER_TOLD, _ONE.outcome_id < one.outcome_id),
            ).returning(_ONE.number)
        )
        return added.first() is not None

    def first_due(self, channel: str, now: datetime) -> Notification | None:
        return self._one(
            sa.select(*_COLUMNS)
            .where(_WAITS, _ONE.channel == channel, _ONE.due_at <= now)
            .order_by(_ONE.flagged_at.desc(), _ONE.number.desc())
            .limit(1)
        )

    def next_due_at(self, channel: str) -> datetime | None:
        due_at: datetime | None = self._connection.scalar(
            sa.select(sa.func.min(_ONE.due_at)).where(_WAITS, _ONE.channel == channel)
        )
        return due_at

    def notification(self, notification_id: uuid.UUID) -> Notification | None:
        return self._one(sa.select(*_COLUMNS).where(_ONE.notification_id == notification_id))

    def save(self, one: Notification) -> None:
        self._connection.execute(
            sa.update(t.notification)
            .where(_ONE.notification_id == one.notification_id)
            .values(_values(one))
        )

    def unserved(self, since: datetime) -> list[Notification]:
        served = sa.exists().where(_LOOKS.name == _ONE.channel, _LOOKS.last_at >= since)
        rows = self._connection.execute(
            sa.select(*_COLUMNS)
            .where(_WAITS, _ONE.expires_at < since, ~served)
            .order_by(_ONE.number)
            .with_for_update()
        )
        return [_notification(row._mapping) for row in rows]

    def standing(self, one: Notification) -> Standing:
        in_force = self._connection.execute(
            sa.select(t.outcome).where(
                _IN_FORCE,
                _OUTCOME.study_instance_uid == one.study_instance_uid,
                _OUTCOME.target == one.target,
            )
        )
        state = self._connection.scalar(
            sa.select(t.study.c.reading_state).where(
                t.study.c.study_instance_uid == one.study_instance_uid
            )
        )
        return Standing(
            is_read=state is ReadingState.READ,
            switch=self._worklist.ai_switch(),
            in_force=tuple(_flag(row) for row in in_force),
        )

    def study(self, uid: StudyInstanceUID) -> dict[PatientDatum, str]:
        columns = [t.study.c[str(datum)] for datum in PatientDatum]
        row = self._connection.execute(
            sa.select(*columns).where(t.study.c.study_instance_uid == uid)
        ).one()
        return dict(zip(PatientDatum, row, strict=True))

    def append_events(self, events: Sequence[Event]) -> None:
        self._worklist.append_events(events)

    def _one(self, statement: sa.Select[Any]) -> Notification | None:
        row = self._connection.execute(statement.with_for_update()).first()
        return None if row is None else _notification(row._mapping)


class PostgresNotifications:
    """What is told on channels, in one PostgreSQL database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @contextmanager
    def transaction(self) -> Iterator[PostgresNotificationTransaction]:
        """One unit of work; raises `StoreUnavailable` when the database does not answer."""
        with translated(), self._engine.begin() as connection:
            yield PostgresNotificationTransaction(connection)

    def newest(
        self, *, before: int | None, limit: int, state: NotificationState | None
    ) -> list[KeptNotification]:
        """The newest ones; see `worklist.notifications.NotificationStore`."""
        statement = (
            sa.select(t.notification, _OUTCOME.detector, _OUTCOME.detector_version)
            .join(t.outcome, _OUTCOME.outcome_id == _ONE.outcome_id)
            .order_by(_ONE.number.desc())
            .limit(limit)
        )
        if before is not None:
            statement = statement.where(_ONE.number < before)
        if state is not None:
            statement = statement.where(_ONE.state == state)
        with translated(), self._engine.connect() as connection:
            return [
                KeptNotification(
                    number=row.number,
                    notification=_notification(row._mapping),
                    detector=row.detector,
                    detector_version=row.detector_version,
                )
                for row in connection.execute(statement)
            ]

    def looked_at(self) -> Mapping[str, datetime]:
        """When flags were last looked for, by channel."""
        with translated(), self._engine.connect() as connection:
            rows = connection.execute(sa.select(_LOOKS.name, _LOOKS.last_at))
            return {row.name: row.last_at for row in rows}


def _values(one: Notification) -> dict[str, Any]:
    return asdict(one) | {"words": storable_text(one.words), "reached": list(one.reached)}


def _notification(row: Mapping[Any, Any]) -> Notification:
    values = {column.name: row[column.name] for column in _COLUMNS}
    uid = StudyInstanceUID(values["study_instance_uid"])
    reached = tuple(values["reached"])
    return Notification(**values | {"study_instance_uid": uid, "reached": reached})


def _flag(row: sa.Row[Any]) -> Flag:
    return Flag(
        outcome_id=row.outcome_id,
        study_instance_uid=StudyInstanceUID(row.study_instance_uid),
        detector=DetectorIdentity(
            name=row.detector,
            version=row.detector_version,
            target=row.target,
            weights_sha256=row.weights_sha256,
            operating_point=row.operating_point,
        ),
        probability=row.probability,
        flagged_at=row.finished_at,
    )
