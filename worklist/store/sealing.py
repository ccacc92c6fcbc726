"""Days of the event log, sealed once they are over, and taken away when they are old enough."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from worklist.placement import VIGIE
from worklist.ports import Event
from worklist.record import DAYS_REMOVED, DayHead, SignedHead, Signer, months_before
from worklist.replay import DAY_SEALED, ListReplay
from worklist.store import tables as t
from worklist.store.audit import Broken, broken_link, head_from_row, heads
from worklist.store.engine import translated
from worklist.store.events import exported_to, last_written, latest_list, recorded_events
from worklist.store.transaction import PostgresTransaction

_LOCK = sa.func.hashtext("vigie event log")
_ONE_SEALER = sa.func.hashtext("vigie day sealing")


class BrokenRecord(Exception):
    """A day is not sealed, for its events are not what was written."""

    def __init__(self, broken: Broken) -> None:
        super().__init__(broken.why)
        self.broken = broken


@dataclass(frozen=True, kw_only=True, slots=True)
class Removed:
    """Days that went."""

    first_event_id: int
    last_event_id: int
    first_day: date
    last_day: date


def seal_days(engine: sa.Engine, signer: Signer, now: datetime) -> Iterator[SignedHead]:
    """Seal every day that is over and has events, the oldest first; each as it is sealed.

    Each day's chain is computed anew before it is signed. Several may call this at once: each day
    is sealed by one of them.

    Raises
    ------
    BrokenRecord
        If a day's events are not what was written: nothing from that day on is signed.
    StoreUnavailable
        If the database does not answer.
    """
    while True:
        with translated(), engine.begin() as connection:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ONE_SEALER)))
            sealed = _seal_next(connection, signer, now)
        if sealed is None:
            return
        yield sealed


def _seal_next(connection: sa.Connection, signer: Signer, now: datetime) -> SignedHead | None:
    before = _last_head(connection)
    start = before.last_event_id + 1 if before else 1
    day = _next_day(connection, start)
    if day is None:
        return None
    last = last_written(connection, t.event.c.recorded_at < _midnight_after(day))
    broken = broken_link(connection, after=before, through=last)
    if isinstance(broken, Broken):
        raise BrokenRecord(broken)
    head = DayHead(
        day=day,
        first_event_id=start,
        last_event_id=last,
        hash=broken,
        previous=before.digest if before else b"",
        sealed_at=now,
        key_id=signer.key_id,
    )
    signed = SignedHead(head=head, signature=signer.sign(head.text))
    _keep(connection, signed, now)
    return signed


def _next_day(connection: sa.Connection, start: int) -> date | None:
    """The day of the first event that is in none yet; None: it is not over, or there is none.

    The log's lock is held for a moment only, and only when a day may be over: whoever writes
    afterwards writes in a later day, and whoever wrote in this one has committed.
    """
    first = connection.scalar(
        sa.select(t.event.c.recorded_at)
        .where(t.event.c.event_id >= start, t.event.c.recorded_at.is_not(None))
        .order_by(t.event.c.event_id)
        .limit(1)
    )
    if first is None:
        return None
    day: date = first.astimezone(UTC).date()
    if _clock(connection) < _midnight_after(day):
        return None
    with connection.engine.begin() as other:
        other.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    return day


def _clock(connection: sa.Connection) -> datetime:
    said: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    return said


def _midnight_after(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)


def _last_head(connection: sa.Connection) -> DayHead | None:
    row = connection.execute(
        sa.select(t.event_day).order_by(t.event_day.c.last_event_id.desc()).limit(1)
    ).first()
    return head_from_row(row).head if row else None


def _keep(connection: sa.Connection, signed: SignedHead, now: datetime) -> None:
    """The head, and the event that tells of it and keeps the list at the day's end."""
    head = signed.head
    connection.execute(
        sa.insert(t.event_day).values(
            day=head.day,
            first_event_id=head.first_event_id,
            last_event_id=head.last_event_id,
            hash=head.hash,
            previous=head.previous,
            sealed_at=head.sealed_at,
            key_id=head.key_id,
            signature=signed.signature,
        )
    )
    details: dict[str, Any] = signed.as_json()
    details["list"] = list_after(connection, head.last_event_id).kept()
    _append(connection, DAY_SEALED, details, now)


def list_after(connection: sa.Connection, event_id: int) -> ListReplay:
    """The list after an event, from the newest list that was kept before it."""
    since, replay = latest_list(connection, event_id)
    for one in recorded_events(connection, after=since, through=event_id, moves_only=True):
        replay.hear(one)
    return replay


def _append(connection: sa.Connection, kind: str, details: dict[str, Any], now: datetime) -> None:
    event = Event(kind=kind, at=now, actor=VIGIE, study_instance_uid=None, details=details)
    PostgresTransaction(connection).append_events([event])


def remove_days(
    owner: sa.Engine,
    *,
    months: int,
    today: date,
    now: datetime,
    exports: Sequence[str] = (),
) -> Removed | None:
    """Take away the sealed days older than a site keeps them; their heads stay.

    Parameters
    ----------
    owner
        Connected as the owner of the tables: the application may not do this.
    months
        How long events are kept.
    exports
        Names of the exports that are set: what they have not sent yet stays.

    Returns
    -------
    Removed | None
        What went; None: nothing is that old. An event tells of it.

    Raises
    ------
    BrokenRecord
        If they are not what was written: what shows that somebody changed them stays.
    """
    oldest_kept = months_before(today, months)
    with translated(), owner.begin() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ONE_SEALER)))
        going = _going(connection, oldest_kept, exports)
        if not going:
            return None
        removed = Removed(
            first_event_id=going[0].first_event_id,
            last_event_id=going[-1].last_event_id,
            first_day=going[0].day,
            last_day=going[-1].day,
        )
        _require_whole(connection, going)
        connection.execute(sa.select(sa.func.set_config("vigie.removing_days", "yes", True)))
        connection.execute(sa.delete(t.event).where(t.event.c.event_id <= removed.last_event_id))
        connection.execute(sa.select(sa.func.set_config("vigie.removing_days", "", True)))
        details = {
            "first_day": removed.first_day.isoformat(),
            "last_day": removed.last_day.isoformat(),
            "first_event_id": removed.first_event_id,
            "last_event_id": removed.last_event_id,
            "retention_months": months,
        }
        _append(connection, DAYS_REMOVED, details, now)
    return removed


def _going(connection: sa.Connection, oldest_kept: date, exports: Sequence[str]) -> list[DayHead]:
    """The days that go: older, still there, and sent to where they are to be sent."""
    first_kept = connection.scalar(sa.select(sa.func.min(t.event.c.event_id))) or 0
    sent = min((exported_to(connection, one) for one in exports), default=2**63)
    return [
        one.head
        for one in heads(connection)
        if one.head.day < oldest_kept and first_kept <= one.head.last_event_id <= sent
    ]


def _require_whole(connection: sa.Connection, going: Sequence[DayHead]) -> None:
    named = going[0].previous
    before = next((one.head for one in heads(connection) if one.head.digest == named), None)
    broken = broken_link(connection, after=before, through=going[-1].last_event_id)
    if isinstance(broken, Broken):
        raise BrokenRecord(broken)
