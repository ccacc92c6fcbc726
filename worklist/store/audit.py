"""Whether the event log is as it was written (P10): its hash chain, computed anew from the rows."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from worklist.store import tables as t
from worklist.store.engine import translated

_ROWS_AT_A_TIME = 5000


@dataclass(frozen=True, kw_only=True, slots=True)
class Broken:
    """The first place where the log is not what was written."""

    event_id: int  # the event that is wrong, or the first after the ones that are missing
    why: str  # a sentence for the administrator


def verify_event_log(engine: sa.Engine) -> Broken | None:
    """The first broken link of the event log; None when the chain holds from its first event on.

    Each hash is computed here from what the row holds and the hash before it, by SHA-256 over the
    same text as the database's function ``event_digest``; that function is not asked, for whoever
    can change rows can change it. Finds an event that was changed, a hash that was changed, and
    events that were removed or put in before others.

    What it cannot see yet: events cut off at the end of the log (an empty log included), and a
    log whose every later hash was computed anew by somebody who knows how. Both need heads of the
    chain that are kept, signed, outside the database.

    Raises
    ------
    StoreUnavailable
        If the database does not answer.
    """
    columns = t.event.c
    rows = sa.select(
        columns.event_id,
        columns.at,
        columns.kind,
        columns.actor,
        columns.study_instance_uid,
        sa.cast(columns.details, sa.Text).label("details"),  # as PostgreSQL writes it, to the byte
        columns.previous_hash,
        columns.hash,
    ).order_by(columns.event_id)
    event_id, head = 0, b""
    with (
        translated(),
        engine.connect().execution_options(yield_per=_ROWS_AT_A_TIME) as connection,
        connection.execute(rows) as stored,
    ):
        for row in stored:
            why = _fault(row, event_id, head)
            if why:
                return Broken(event_id=row.event_id, why=why)
            event_id, head = row.event_id, row.hash
    return None


def event_digest(
    previous_hash: bytes,
    event_id: int,
    at: datetime,
    kind: str,
    actor: str,
    study_instance_uid: str | None,
    details: str,
) -> bytes:
    """The hash an event must have.

    Parameters
    ----------
    previous_hash
        Of the event before it; empty for the first one.
    event_id, at, kind, actor, study_instance_uid
        As stored.
    details
        The JSON text of the stored details as PostgreSQL writes it.
    """
    moment = at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    parts = [
        json.dumps(one, ensure_ascii=False)
        for one in (event_id, moment, kind, actor, study_instance_uid)
    ]
    text = f"[{', '.join([*parts, details])}]"
    return hashlib.sha256(previous_hash + text.encode()).digest()


def _fault(
    row: sa.Row[tuple[int, datetime, str, str, str, str, bytes, bytes]], last: int, head: bytes
) -> str | None:
    if row.event_id != last + 1:
        return f"events are missing between {last} and {row.event_id}"
    if row.previous_hash != head:
        return f"event {row.event_id} does not follow on event {last}: one of the two was changed"
    expected = event_digest(
        head, row.event_id, row.at, row.kind, row.actor, row.study_instance_uid, row.details
    )
    if row.hash != expected:
        return f"event {row.event_id} is not what was written"
    return None
