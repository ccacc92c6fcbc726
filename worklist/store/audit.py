"""Whether the event log is as it was written (P10): its hash chain, computed anew from the rows."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from worklist.record import DAYS_REMOVED, DayHead, FaultOf, SignedHead
from worklist.store import tables as t
from worklist.store.engine import translated

_ROWS_AT_A_TIME = 5000


@dataclass(frozen=True, kw_only=True, slots=True)
class Broken:
    """The first place where the log is not what was written."""

    event_id: int  # the event that is wrong, or the first after the ones that are missing
    why: str  # a sentence for the administrator


def verify_event_log(
    engine: sa.Engine,
    *,
    fault_of: FaultOf = lambda _: None,
    kept_elsewhere: Sequence[SignedHead] = (),
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Broken | None:
    """The first broken link of the event log; None when all of it holds.

    Each hash is computed here from what the row holds and the hash before it, by SHA-256 over the
    same text as the database's function ``event_digest``; that function is not asked, for whoever
    can change rows can change it. Finds an event that was changed, removed, put in or moved, a
    sealed day whose head is not what was signed, is missing, or was signed by another key, and
    events that a retention took without a word.

    What only those can see who keep something elsewhere: events of a day that is not sealed yet,
    cut off at the end or written anew with all their hashes.

    Parameters
    ----------
    fault_of
        What is wrong with the signature of a day's head.
    kept_elsewhere
        Heads as they were when they were signed, oldest first, kept outside the database.
    progress
        Told, now and then, how many events were looked at, and how many there are.

    Raises
    ------
    StoreUnavailable
        If the database does not answer.
    """
    with translated(), engine.connect() as connection:
        connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        days = heads(connection)
        check = _HeadCheck(days, fault_of, kept_elsewhere)
        first, count = connection.execute(
            sa.select(sa.func.min(t.event.c.event_id), sa.func.count())
        ).one()
        gone = [one for one in days if first is not None and one.head.last_event_id < first]
        why = check.all_of(gone)
        if why:
            return why
        if first is not None and first > 1:
            why = _not_told(connection, gone, first)
            if why:
                return why
        before = gone[-1].head if gone else None
        result = _followed(connection, before, None, check, lambda done: progress(done, count))
        if isinstance(result, Broken):
            return result
        return check.rest()


def broken_link(
    connection: sa.Connection, *, after: DayHead | None, through: int
) -> Broken | bytes:
    """The first broken link of a stretch of the log, or the hash of its last event.

    Parameters
    ----------
    after
        The head of the day before it; None: it begins with the first event.
    """
    return _followed(connection, after, through, None, lambda _: None)


def heads(connection: sa.Connection) -> list[SignedHead]:
    """The sealed days' heads, the oldest first."""
    rows = connection.execute(sa.select(t.event_day).order_by(t.event_day.c.last_event_id))
    return [head_from_row(row) for row in rows]


def head_from_row(row: sa.Row[Any]) -> SignedHead:
    """A row of the table of heads."""
    head = DayHead(
        day=row.day,
        first_event_id=row.first_event_id,
        last_event_id=row.last_event_id,
        hash=row.hash,
        previous=row.previous,
        sealed_at=row.sealed_at,
        key_id=row.key_id,
    )
    return SignedHead(head=head, signature=row.signature)


def event_digest(
    previous_hash: bytes,
    event_id: int,
    at: datetime,
    kind: str,
    actor: str,
    study_instance_uid: str | None,
    details: str,
    recorded_at: datetime | None,
) -> bytes:
    """The hash an event must have.

    Parameters
    ----------
    previous_hash
        Of the event before it; empty for the first one.
    event_id, at, kind, actor, study_instance_uid, recorded_at
        As stored.
    details
        The JSON text of the stored details as PostgreSQL writes it.
    """
    parts = [
        json.dumps(one, ensure_ascii=False)
        for one in (event_id, _moment(at), kind, actor, study_instance_uid)
    ]
    parts.append(details)
    if recorded_at is not None:
        parts.append(json.dumps(_moment(recorded_at)))
    return hashlib.sha256(previous_hash + f"[{', '.join(parts)}]".encode()).digest()


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")


class _HeadCheck:
    """The heads of sealed days, held against the events as these go by."""

    def __init__(
        self, days: Sequence[SignedHead], fault_of: FaultOf, kept_elsewhere: Sequence[SignedHead]
    ) -> None:
        self._waiting = list(days)
        self._fault_of = fault_of
        self._kept = {one.head.day: one for one in kept_elsewhere}
        self._before: DayHead | None = None

    def all_of(self, gone: Sequence[SignedHead]) -> Broken | None:
        """The heads of days whose events went by a retention."""
        return next(filter(None, (self._next(one.head.last_event_id, None) for one in gone)), None)

    def passed(self, event_id: int, digest: bytes) -> Broken | None:
        """An event that holds was seen: it may be a day's last."""
        if self._waiting and self._waiting[0].head.last_event_id <= event_id:
            return self._next(event_id, digest)
        return None

    def rest(self) -> Broken | None:
        """After the last event: heads of events that are not there."""
        if self._waiting:
            head = self._waiting[0].head
            return Broken(
                event_id=head.last_event_id,
                why=f"events to {head.last_event_id} are missing: the day {head.day} was sealed "
                "with them",
            )
        lost = min(self._kept, default=None)
        if lost is not None:
            head = self._kept[lost].head
            return Broken(
                event_id=head.last_event_id,
                why=f"the head of the day {lost} is missing: it was sealed to event "
                f"{head.last_event_id}",
            )
        return None

    def _next(self, event_id: int, digest: bytes | None) -> Broken | None:
        signed = self._waiting.pop(0)
        why = self._fault(signed, event_id, digest)
        self._before = signed.head
        return Broken(event_id=signed.head.last_event_id, why=why) if why else None

    def _fault(self, signed: SignedHead, event_id: int, digest: bytes | None) -> str | None:
        head, before = signed.head, self._before
        start = before.last_event_id + 1 if before else 1
        if head.first_event_id != start:
            return (
                f"the head of the day {head.day} begins at event {head.first_event_id}: the "
                f"head of an earlier day, from event {start}, was changed or removed"
            )
        if head.previous != (before.digest if before else b""):
            return (
                f"the head of the day {head.day} does not follow on the one before: one of the "
                "two was changed"
            )
        if head.last_event_id != event_id or digest not in (None, head.hash):
            return (
                f"the head of the day {head.day} is not of its events: it was changed, or all "
                "hashes were"
            )
        kept = self._kept.pop(head.day, None)
        if kept is not None and kept != signed:
            return f"the head of the day {head.day} is not the one that was kept elsewhere"
        return self._fault_of(signed)


def _not_told(connection: sa.Connection, gone: Sequence[SignedHead], first: int) -> Broken | None:
    """Events are missing at the beginning: whole days may go, where an event tells of it."""
    told = connection.scalar(
        sa.select(
            sa.func.max(sa.cast(t.event.c.details["last_event_id"].astext, sa.BigInteger))
        ).where(t.event.c.kind == DAYS_REMOVED)
    )
    if told == first - 1 and gone and gone[-1].head.last_event_id == first - 1:
        return None
    return Broken(event_id=first, why=f"events are missing before {first}")


def _followed(
    connection: sa.Connection,
    after: DayHead | None,
    through: int | None,
    check: _HeadCheck | None,
    progress: Callable[[int], None],
) -> Broken | bytes:
    columns = t.event.c
    rows = sa.select(
        columns.event_id,
        columns.at,
        columns.kind,
        columns.actor,
        columns.study_instance_uid,
        sa.cast(columns.details, sa.Text).label("details"),  # as PostgreSQL writes it, to the byte
        columns.recorded_at,
        columns.previous_hash,
        columns.hash,
    ).order_by(columns.event_id)
    event_id, head = (after.last_event_id, after.hash) if after else (0, b"")
    rows = rows.where(columns.event_id > event_id)
    if through is not None:
        rows = rows.where(columns.event_id <= through)
    done = 0
    at_a_time = {"yield_per": _ROWS_AT_A_TIME}
    with connection.execute(rows, execution_options=at_a_time) as stored:
        for row in stored:
            why = _fault(row, event_id, head)
            if why:
                return Broken(event_id=row.event_id, why=why)
            event_id, head = row.event_id, row.hash
            broken = check.passed(event_id, head) if check else None
            if broken:
                return broken
            done += 1
            if done % _ROWS_AT_A_TIME == 0:
                progress(done)
    progress(done)
    if through is not None and event_id != through:
        return Broken(event_id=through, why=f"events are missing between {event_id} and {through}")
    return head


def _fault(row: sa.Row[Any], last: int, head: bytes) -> str | None:
    if row.event_id != last + 1:
        return f"events are missing between {last} and {row.event_id}"
    if row.previous_hash != head:
        return f"event {row.event_id} does not follow on event {last}: one of the two was changed"
    expected = event_digest(
        head,
        row.event_id,
        row.at,
        row.kind,
        row.actor,
        row.study_instance_uid,
        row.details,
        row.recorded_at,
    )
    if row.hash != expected:
        return f"event {row.event_id} is not what was written"
    return None
