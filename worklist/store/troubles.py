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
    going = [one for one in detectors if not switch.is_stopped(one.name)]
    latest: dict[str, list[LatestResult]] = {one.name: [] for one in going}
    for row in connection.execute(_LATEST, {"names": list(latest), "count": LATEST}):
        because = row.reason if row.kind == OutcomeKind.FAILED else None
        latest[row.name].append(LatestResult(at=row.finished_at, failed_because=because))
    found = (trouble_of(one.name, latest[one.name], one.broken, one.registered_at) for one in going)
    return tuple(one for one in found if one is not None)


# One walk along the index for each detector, and one question for all of them.
_LATEST = sa.text(f"""
    SELECT asked.name, latest.finished_at, latest.kind, latest.reason
    FROM unnest(CAST(:names AS text[])) AS asked (name), LATERAL (
        SELECT finished_at, kind::text, reason FROM outcome
        WHERE detector = asked.name AND kind <> '{OutcomeKind.NOT_APPLICABLE}'
        ORDER BY finished_at DESC LIMIT :count
    ) AS latest
    ORDER BY asked.name, latest.finished_at DESC
""")  # noqa: S608 - a word of our own
