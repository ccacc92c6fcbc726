"""Which detectors do not do their work, from the latest outcomes."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from worklist.oversight import AISwitch
from worklist.store import tables as t
from worklist.store.tables import OutcomeKind
from worklist.trouble import LATEST, LatestResult, Trouble, trouble_of


def last_event(connection: sa.Connection) -> int:
    """The number of the last event; 0: there is none."""
    return connection.scalar(sa.select(sa.func.max(t.event.c.event_id))) or 0


def troubles(
    connection: sa.Connection, detectors: Sequence[sa.Row[Any]], switch: AISwitch
) -> tuple[Trouble, ...]:
    """Those of the detectors that people have not stopped."""
    found = (
        trouble_of(one.name, _latest(connection, one.name), one.broken, one.registered_at)
        for one in detectors
        if not switch.is_stopped(one.name)
    )
    return tuple(one for one in found if one is not None)


def _latest(connection: sa.Connection, detector: str) -> list[LatestResult]:
    columns = t.outcome.c
    rows = connection.execute(
        sa.select(columns.finished_at, columns.kind, columns.reason)
        .where(
            columns.detector == detector,
            sa.literal_column("kind") != sa.literal_column(f"'{OutcomeKind.NOT_APPLICABLE}'"),
        )
        .order_by(columns.finished_at.desc())
        .limit(LATEST)
    )
    return [
        LatestResult(
            at=row.finished_at,
            failed_because=row.reason if row.kind is OutcomeKind.FAILED else None,
        )
        for row in rows
    ]
