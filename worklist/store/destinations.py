"""Destinations by their names: since when each is set, where it is, and what is held for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from worklist.outbound import DeliveryState, NotSentBecause, ObjectKind
from worklist.ports import Event
from worklist.store import outbound_tables as o
from worklist.store.engine import translated
from worklist.store.transaction import PostgresTransaction
from worklist.uid import StudyInstanceUID

VIGIE = "vigie deliver"  # the actor of what is made and sent, and the name of its lock
_N, _D, _O = o.destination.c, o.delivery.c, o.result_object.c
_NOT_SENT = (DeliveryState.WAITING, DeliveryState.PARKED, DeliveryState.REFUSED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """What waits for a destination whose address changed, until a person says that it may go."""

    name: str
    address: str  # the new one
    count: int


class PostgresDestinations:
    """Destinations in one PostgreSQL database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def note(self, addresses: Mapping[str, str], now: datetime) -> Mapping[str, datetime]:
        """Let these be the destinations from now on; since when each of them is.

        What waits for one that is set no more is withdrawn, for the name may come to mean another
        machine; one that comes back gets what is assessed from then on, and the rejections that
        waited. What waits where the address changed is held until a person says that it may go
        there.

        Parameters
        ----------
        addresses
            Of every destination that is set, by name.
        """
        with translated(), self._engine.begin() as connection:
            known = _end_others(connection, addresses, now)
            for name, address in addresses.items():
                _begin(connection, known.get(name), name, address, now)
            rows = connection.execute(
                sa.select(_N.name, _N.since).where(_N.name.in_(list(addresses)))
            ).all()
        return {row.name: row.since for row in rows}

    def note_none(self, now: datetime) -> None:
        """None is set on this node: all end, unless somebody delivers, on another machine."""
        mine = sa.func.pg_try_advisory_xact_lock(sa.func.hashtext(VIGIE))
        with translated(), self._engine.begin() as connection:
            if connection.scalar(sa.select(mine)):
                _end_others(connection, {}, now)

    def held(self) -> Mapping[str, Held]:
        """What waits until a person says that it may go to a new address, by destination."""
        with translated(), self._engine.connect() as connection:
            rows = connection.execute(
                sa.select(_N.name, _N.address, sa.func.count())
                .join(o.delivery, _D.destination == _N.name)
                .where(_D.state == DeliveryState.WAITING, is_held())
                .group_by(_N.name, _N.address)
            ).all()
        return {row[0]: Held(name=row[0], address=row[1], count=row[2]) for row in rows}


def is_held() -> sa.ColumnElement[bool]:
    """Whether a delivery was queued for another address than its destination has now."""
    return sa.and_(_N.held_before.is_not(None), _D.queued_at < _N.held_before)


def is_set_no_more() -> sa.ColumnElement[bool]:
    """Whether a destination is not among those that are set."""
    return _N.until.is_not(None)


def release(connection: sa.Connection, name: str) -> int:
    """Let what was held go to the new address; how many objects that are."""
    count = connection.scalar(
        sa.select(sa.func.count())
        .select_from(o.delivery)
        .join(o.destination, _N.name == _D.destination)
        .where(_N.name == name, _D.state == DeliveryState.WAITING, is_held())
    )
    connection.execute(sa.update(o.destination).where(_N.name == name).values(held_before=None))
    return int(count or 0)


def _end_others(
    connection: sa.Connection, addresses: Mapping[str, str], now: datetime
) -> dict[str, sa.Row[tuple[object, ...]]]:
    """Those that are known; what is not among those that are set ends."""
    connection.execute(sa.text("LOCK TABLE destination IN SHARE ROW EXCLUSIVE MODE"))
    known = {row.name: row for row in connection.execute(sa.select(o.destination))}
    for name, row in known.items():
        if name not in addresses and row.until is None:
            _end(connection, name, now)
    return known


def _begin(
    connection: sa.Connection,
    known: sa.Row[tuple[object, ...]] | None,
    name: str,
    address: str,
    now: datetime,
) -> None:
    if known is None:
        new = sa.insert(o.destination).values(name=name, since=now, address=address)
        connection.execute(new)
        return
    mine = sa.update(o.destination).where(_N.name == name)
    if known.until is not None:
        held = now if known.address and known.address != address else None
        anew = {"since": now, "until": None, "held_before": held, "address": address}
        connection.execute(mine.values(**anew, commits=None, commits_at=None))
    elif not known.address:
        connection.execute(mine.values(address=address))
    elif known.address != address:
        moved = {"address": address, "commits": None, "commits_at": None}
        connection.execute(mine.values(**moved, held_before=now))
        details = {"destination": name, "from": known.address, "to": address}
        _tell(connection, "destination_moved", None, details, now)


def _end(connection: sa.Connection, name: str, now: datetime) -> None:
    ended = sa.update(o.destination).where(_N.name == name).values(until=now, held_before=None)
    connection.execute(ended)
    withdrawn = (
        sa.update(o.delivery)
        .where(
            _D.destination == name,
            _D.state.in_(_NOT_SENT),
            _O.sop_instance_uid == _D.sop_instance_uid,
            _O.kind != ObjectKind.REJECTION,  # it may still have what they name
        )
        .values(state=DeliveryState.WITHDRAWN, next_try_at=None, words=NotSentBecause.SET_NO_MORE)
        .returning(_O.study_instance_uid)
    ).cte("withdrawn")
    rows = connection.execute(
        sa.select(withdrawn.c.study_instance_uid, sa.func.count()).group_by(
            withdrawn.c.study_instance_uid
        )
    ).all()
    for uid, count in rows:
        details = {"destination": name, "objects": count, "why": NotSentBecause.SET_NO_MORE}
        _tell(connection, "results_withdrawn", StudyInstanceUID(uid), details, now)


def _tell(
    connection: sa.Connection,
    kind: str,
    uid: StudyInstanceUID | None,
    details: Mapping[str, object],
    now: datetime,
) -> None:
    event = Event(kind=kind, at=now, actor=VIGIE, study_instance_uid=uid, details=dict(details))
    PostgresTransaction(connection).append_events([event])
