"""The event log, read back."""

from collections.abc import Iterator
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from worklist.replay import DAY_SEALED, ListReplay, RecordedEvent
from worklist.store import tables as t
from worklist.uid import StudyInstanceUID

_AT_A_TIME = 2000
_COLUMNS = t.event.c


def event_from_row(row: "sa.Row[tuple[object, ...]]") -> RecordedEvent:
    """A line of the log."""
    uid = row.study_instance_uid
    return RecordedEvent(
        event_id=row.event_id,
        at=row.at,
        recorded_at=row.recorded_at,
        kind=row.kind,
        actor=row.actor,
        study_instance_uid=None if uid is None else StudyInstanceUID(uid),
        details=row.details,
    )


def recorded_events(
    connection: sa.Connection,
    *,
    after: int = 0,
    through: int | None = None,
    study: StudyInstanceUID | None = None,
    moves_only: bool = False,
) -> Iterator[RecordedEvent]:
    """Events in the order of their numbers, a portion at a time.

    Parameters
    ----------
    after, through
        Numbers; those after the first, to the second one (None: to the end).
    moves_only
        Only those that say when a study is due, and so where it stands.
    """
    wanted = sa.select(t.event).where(_COLUMNS.event_id > after).order_by(_COLUMNS.event_id)
    if through is not None:
        wanted = wanted.where(_COLUMNS.event_id <= through)
    if study is not None:
        wanted = wanted.where(_COLUMNS.study_instance_uid == study)
    if moves_only:
        wanted = wanted.where(_COLUMNS.details.has_key("due_at"))
    with connection.execute(wanted, execution_options={"yield_per": _AT_A_TIME}) as rows:
        for row in rows:
            yield event_from_row(row)


def chained_events(
    connection: sa.Connection, *, after: int, limit: int
) -> list[tuple[RecordedEvent, bytes, bytes, str | None]]:
    """The events after a number: each with the hash before it, its own, and its patient's ID."""
    rows = connection.execute(
        sa.select(t.event, t.study.c.patient_id)
        .outerjoin(t.study, t.study.c.study_instance_uid == _COLUMNS.study_instance_uid)
        .where(_COLUMNS.event_id > after)
        .order_by(_COLUMNS.event_id)
        .limit(limit)
    )
    return [(event_from_row(row), row.previous_hash, row.hash, row.patient_id) for row in rows]


def exported_to(connection: sa.Connection, name: str) -> int:
    """The last event that an export of this name has sent; 0: none."""
    table = t.record_export
    return connection.scalar(sa.select(table.c.last_event_id).where(table.c.name == name)) or 0


def note_exported(connection: sa.Connection, name: str, event_id: int) -> None:
    """That it has sent everything to this event."""
    statement = insert(t.record_export).values(
        name=name, last_event_id=event_id, exported_at=sa.func.now()
    )
    changed = {"last_event_id": event_id, "exported_at": sa.func.now()}
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=changed))


def latest_list(connection: sa.Connection, through: int) -> tuple[int, ListReplay]:
    """The newest list that a sealed day kept and that is no newer than an event.

    Returns
    -------
    int
        The event after which it was so; 0: none is kept, the list was empty.
    """
    as_of = sa.cast(_COLUMNS.details["last_event_id"].astext, sa.BigInteger)
    row = connection.execute(
        sa.select(t.event)
        .where(_COLUMNS.kind == DAY_SEALED, as_of <= through)
        .order_by(_COLUMNS.event_id.desc())
        .limit(1)
    ).first()
    if row is None:
        return 0, ListReplay()
    return int(row.details["last_event_id"]), ListReplay.from_kept(row.details["list"])


def last_event_at(connection: sa.Connection, moment: datetime) -> int:
    """The number of the last event that was written by then; 0: none was.

    Events from before the database's time was kept count by the time that their writers gave.
    """
    found = last_written(connection, _COLUMNS.recorded_at <= moment)
    if not found:
        found = connection.scalar(
            sa.select(sa.func.max(_COLUMNS.event_id)).where(
                _COLUMNS.recorded_at.is_(None), _COLUMNS.at <= moment
            )
        )
    return found or 0


def last_written(connection: sa.Connection, until: sa.ColumnElement[bool]) -> int:
    """The number of the last event of which this is true; 0: of none.

    Parameters
    ----------
    until
        A bound of ``recorded_at``, which never goes back: found by its index.
    """
    moment = sa.select(sa.func.max(_COLUMNS.recorded_at)).where(until).scalar_subquery()
    found = connection.scalar(
        sa.select(sa.func.max(_COLUMNS.event_id)).where(_COLUMNS.recorded_at == moment)
    )
    return found or 0
