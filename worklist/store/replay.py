"""The list as it was, read from the event log alone: no other table is asked (P3)."""

from datetime import datetime

import sqlalchemy as sa

from worklist.replay import RecordedEvent
from worklist.replay_views import StudyThen, study_then
from worklist.store import tables as t
from worklist.store.engine import translated
from worklist.store.events import event_from_row, last_event_at, recorded_events
from worklist.store.sealing import list_after
from worklist.uid import StudyInstanceUID

_AI_ACTS = 5


class PostgresRecord:
    """The event log, as people ask it."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def study_at(self, uid: StudyInstanceUID, moment: datetime, *, limit: int) -> StudyThen:
        """A study and the list as they were.

        Parameters
        ----------
        moment
            Aware. What had been written by then counts, by the database's clock.
        limit
            How many lines of the list, at most.

        Raises
        ------
        StoreUnavailable
            If the database does not answer.
        """
        with translated(), self._engine.connect() as connection:
            connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            last = last_event_at(connection, moment)
            return study_then(
                uid,
                moment,
                last,
                replay=list_after(connection, last),
                events=list(recorded_events(connection, through=last, study=uid)),
                ai=_ai_acts(connection, last),
                limit=limit,
            )


def _ai_acts(connection: sa.Connection, through: int) -> list[RecordedEvent]:
    """The newest acts; each kind has an index of its own."""
    newest = [
        sa.select(t.event)
        .where(t.event.c.kind == kind, t.event.c.event_id <= through)
        .order_by(t.event.c.event_id.desc())
        .limit(_AI_ACTS)
        for kind in ("ai_stopped", "ai_started")
    ]
    found = [event_from_row(row) for one in newest for row in connection.execute(one)]
    return sorted(found, key=lambda one: one.event_id)[-_AI_ACTS:]
