"""Deliveries in PostgreSQL: what is due where, and what became of it.

Satisfies `worklist.deliveries.DeliveriesStore`, and is the queue of the role that sends.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from worklist.deliveries import Asked
from worklist.outbound import (
    Delivery,
    DeliveryPage,
    DeliveryState,
    DeliveryView,
    MakingProblem,
    RejectionReason,
)
from worklist.ports import Event
from worklist.store import outbound_tables as o
from worklist.store import tables as t
from worklist.store.anew import make_anew_by_other_rules, make_newest_anew
from worklist.store.destinations import PostgresDestinations, release
from worklist.store.engine import translated
from worklist.store.held import COUNTS, lies_on_disk, may_leave
from worklist.store.retrying import forget, problems
from worklist.store.rows import storable_text
from worklist.store.transaction import PostgresTransaction
from worklist.uid import SOPInstanceUID, StudyInstanceUID

_D, _O, _S = o.delivery.c, o.result_object.c, o.result_set.c
_KEPT = (
    "state",
    "queued_at",
    "next_try_at",
    "tries",
    "may_be_there",
    "status",
    "words",
    "sent_at",
    "committed_at",
)
_WAITS = _D.state == sa.literal_column(f"'{DeliveryState.WAITING}'")  # so that the index fits
_CAN_LEAVE = (may_leave(), lies_on_disk())
_BIG_BYTES = 4 * 1024**2  # more takes seconds on a slow line
_BIG_WAITS = timedelta(minutes=15)  # then its turn comes as everybody's


@dataclass(frozen=True, kw_only=True, slots=True)
class Outgoing:
    """A delivery with what is sent."""

    delivery: Delivery
    study_instance_uid: StudyInstanceUID
    sop_class_uid: str
    path: str  # relative to the folder of results
    sha256: str  # of the file
    was_there: bool = True  # whether it may have been there before it was taken to be sent


class PostgresDeliveriesTransaction:
    """One unit of work; see `worklist.deliveries.DeliveriesTransaction`."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def knows(self, uid: StudyInstanceUID) -> bool:
        mine = sa.exists().where(t.study.c.study_instance_uid == uid)
        return bool(self._connection.scalar(sa.select(mine)))

    def lock_deliveries(self, asked: Asked) -> Sequence[Delivery]:
        rows = self._connection.execute(
            sa.select(o.delivery)
            .select_from(o.delivery)
            .join(o.result_object, _O.sop_instance_uid == _D.sop_instance_uid)
            .join(o.result_set, _S.result_set_id == _O.result_set_id)
            .where(*_conditions(asked))
            .order_by(_D.delivery_id)
            .with_for_update(of=o.delivery)
        )
        return [delivery_of(row) for row in rows]

    def save_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        if deliveries:
            self._connection.execute(
                sa.update(o.delivery).where(_D.delivery_id == sa.bindparam("saved")),
                [{**_values(one), "saved": one.delivery_id} for one in deliveries],
            )

    def retract(self, uid: StudyInstanceUID, now: datetime) -> int:
        lock_results(self._connection, uid)
        counted = sa.and_(_S.study_instance_uid == uid, _S.retracted_at.is_(None))
        objects = self._connection.scalar(
            sa.select(sa.func.count())
            .select_from(o.result_object)
            .join(o.result_set)
            .where(counted, _O.kind != "rejection")
        )
        self._connection.execute(sa.update(o.result_set).where(counted).values(retracted_at=now))
        withdraw(self._connection, uid, RejectionReason.WITHDRAWN)
        forget(self._connection, uid)  # else the rejection would wait for the next try
        return int(objects or 0)

    def make_anew(self, uid: StudyInstanceUID) -> bool:
        lock_results(self._connection, uid)
        return make_newest_anew(self._connection, uid)

    def make_anew_by_other_rules(self, delivery_ids: Sequence[int], rules: str) -> None:
        make_anew_by_other_rules(self._connection, delivery_ids, rules)

    def studies_of(self, delivery_ids: Sequence[int]) -> Mapping[int, StudyInstanceUID]:
        rows = self._connection.execute(
            sa.select(_D.delivery_id, _O.study_instance_uid)
            .join(o.result_object, _O.sop_instance_uid == _D.sop_instance_uid)
            .where(_D.delivery_id.in_(delivery_ids))
        )
        return {row[0]: StudyInstanceUID(row[1]) for row in rows}

    def release(self, destination: str) -> int:
        return release(self._connection, destination)

    def append_events(self, events: Sequence[Event]) -> None:
        PostgresTransaction(self._connection).append_events(events)


class PostgresOutbound:
    """Deliveries in one PostgreSQL database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @contextmanager
    def transaction(self) -> Iterator[PostgresDeliveriesTransaction]:
        """One unit of work; raises `StoreUnavailable` when the database does not answer."""
        with translated(), self._engine.begin() as connection:
            yield PostgresDeliveriesTransaction(connection)

    def page(self, asked: Asked, *, before: int | None, limit: int) -> DeliveryPage:
        """The last made first; see `worklist.deliveries.DeliveriesStore`."""
        older = [] if before is None else [_D.delivery_id < before]
        with translated(), self._engine.connect() as connection:
            rows = connection.execute(
                _views()
                .where(*_conditions(asked), *older)
                .order_by(_D.delivery_id.desc())
                .limit(limit + 1)
            ).all()
        shown = tuple(map(_view, rows[:limit]))
        more = len(rows) > limit
        return DeliveryPage(
            deliveries=shown, next_before=shown[-1].delivery.delivery_id if more else None
        )

    def of_study(self, uid: StudyInstanceUID) -> Sequence[DeliveryView]:
        """In the order they were made."""
        with translated(), self._engine.connect() as connection:
            rows = connection.execute(
                _views().where(_O.study_instance_uid == uid).order_by(_D.delivery_id)
            ).all()
        return list(map(_view, rows))

    def counts(self) -> Mapping[str, Mapping[DeliveryState, int]]:
        """How many are in which state, by destination."""
        counted: dict[str, dict[DeliveryState, int]] = {}
        with translated(), self._engine.connect() as connection:
            for name, state, count in connection.execute(
                sa.select(_D.destination, _D.state, sa.func.count()).group_by(
                    _D.destination, _D.state
                )
            ):
                counted.setdefault(name, {})[state] = count
        return counted

    def held(self) -> Mapping[str, int]:
        """How many wait until a person says that they may go to a new address."""
        held = PostgresDestinations(self._engine).held()
        return {name: one.count for name, one in held.items()}

    def problems(self, limit: int) -> Sequence[MakingProblem]:
        """Newest assessments of which something could not be made, the last tried first."""
        with translated(), self._engine.connect() as connection:
            return problems(connection, limit)

    def take(
        self, destination: str, now: datetime, limit: int, *, sending: bool = True
    ) -> Sequence[Outgoing]:
        """What is due there; each counts as tried once more.

        What was tried less comes first, then the oldest: one object that a destination has no
        room for holds up no other. Small ones go before big ones for a while, and a big one goes by
        itself: what came meanwhile waits for one of them at most.

        Parameters
        ----------
        sending
            They are about to leave, so that each may be there from now on.
        """
        is_big = sa.and_(_O.size_bytes > _BIG_BYTES, _D.queued_at > now - _BIG_WAITS)
        due = (
            sa.select(_D.delivery_id, _D.may_be_there, is_big.label("is_big"))
            .join(o.result_object, _O.sop_instance_uid == _D.sop_instance_uid)
            .where(_WAITS, _D.destination == destination, _D.next_try_at <= now, *_CAN_LEAVE)
            .order_by(_D.tries, is_big, _D.queued_at, _D.delivery_id)
            .limit(limit)
            .with_for_update(of=o.delivery)
        )
        with translated(), self._engine.begin() as connection:
            found = connection.execute(due).all()
            chosen = {row.delivery_id: row.may_be_there for row in _together(found, sending)}
            rows = connection.execute(_taken(list(chosen), sending)).all()
        taken = {row.delivery_id: outgoing_of(row) for row in rows}
        return [replace(taken[one], was_there=was) for one, was in chosen.items() if one in taken]

    def next_try_at(self, destination: str) -> datetime | None:
        """When something is due there next; None: nothing waits."""
        with translated(), self._engine.connect() as connection:
            found: datetime | None = connection.scalar(
                sa.select(sa.func.min(_D.next_try_at)).where(
                    _WAITS, _D.destination == destination, *_CAN_LEAVE
                )
            )
        return found

    def try_now(self, destination: str, now: datetime) -> None:
        """It answers again: what waits for a later try is due."""
        with translated(), self._engine.begin() as connection:
            connection.execute(
                sa.update(o.delivery)
                .where(_WAITS, _D.destination == destination, _D.next_try_at > now)
                .values(next_try_at=now)
            )


def _together(rows: Sequence[sa.Row[Any]], sending: bool) -> Sequence[sa.Row[Any]]:
    """Those that are sent at one time: a big one by itself, others up to the first big one."""
    if not sending:
        return rows
    big = [place for place, row in enumerate(rows) if row.is_big]
    return rows[: max(big[0], 1)] if big else rows


def _taken(delivery_ids: Sequence[int], sending: bool) -> sa.Select[Any]:
    taken = (
        sa.update(o.delivery)
        .where(_D.delivery_id.in_(delivery_ids))
        .values(tries=_D.tries + 1, may_be_there=sa.or_(_D.may_be_there, sa.literal(sending)))
        .returning(o.delivery)
    ).cte("taken")
    return sa.select(taken, _O.study_instance_uid, _O.sop_class_uid, _O.path, _O.sha256).join(
        o.result_object, _O.sop_instance_uid == taken.c.sop_instance_uid
    )


def lock_results(connection: sa.Connection, uid: StudyInstanceUID) -> None:
    """Let nobody else change what is made of this study until the end of the transaction."""
    room, key = sa.func.hashtext("vigie results"), sa.func.hashtext(uid)
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(room, key)))


def withdraw(
    connection: sa.Connection,
    uid: StudyInstanceUID,
    why: RejectionReason,
    sets: Sequence[int] | None = None,
) -> Mapping[str, int]:
    """Let deliveries of a study (of these sets; None: of all) not be sent, or be rejected.

    What may be there already is marked to be rejected. Rejections themselves stay as they are.

    Returns
    -------
    Mapping
        How many are sent no more, by destination.
    """
    mine = [_O.study_instance_uid == uid, _O.kind != "rejection"]
    if sets is not None:
        mine.append(_O.result_set_id.in_(sets))
    meant = _D.sop_instance_uid.in_(sa.select(_O.sop_instance_uid).where(*mine))
    connection.execute(sa.update(o.delivery).where(meant, _D.may_be_there).values(to_reject=why))
    ended = (DeliveryState.SENT, DeliveryState.COMMITTED, DeliveryState.WITHDRAWN)
    return Counter(
        connection.scalars(
            sa.update(o.delivery)
            .where(meant, _D.state.not_in(ended))
            .values(state=DeliveryState.WITHDRAWN, next_try_at=None)
            .returning(_D.destination)
        )
    )


def delivery_of(row: sa.Row[Any]) -> Delivery:
    """A delivery as the rules see it."""
    values = row._mapping
    return Delivery(
        delivery_id=values["delivery_id"],
        sop_instance_uid=SOPInstanceUID(values["sop_instance_uid"]),
        destination=values["destination"],
        **{name: values[name] for name in _KEPT},
    )


def _values(one: Delivery) -> dict[str, Any]:
    values = {name: getattr(one, name) for name in _KEPT}
    return {**values, "words": storable_text(one.words)}


def outgoing_of(row: sa.Row[Any]) -> Outgoing:
    """A delivery with what is sent."""
    return Outgoing(
        delivery=delivery_of(row),
        study_instance_uid=StudyInstanceUID(row.study_instance_uid),
        sop_class_uid=row.sop_class_uid,
        path=row.path,
        sha256=row.sha256,
    )


def _views() -> sa.Select[Any]:
    return (
        sa.select(
            o.delivery,
            _O.study_instance_uid,
            _O.kind,
            _O.made_at,
            _S.assessment_number,
            COUNTS.label("counts"),
        )
        .join(o.result_object, _O.sop_instance_uid == _D.sop_instance_uid)
        .join(o.result_set, _S.result_set_id == _O.result_set_id)
    )


def _view(row: sa.Row[Any]) -> DeliveryView:
    return DeliveryView(
        delivery=delivery_of(row),
        study_instance_uid=StudyInstanceUID(row.study_instance_uid),
        assessment_number=row.assessment_number,
        kind=row.kind,
        made_at=row.made_at,
        counts=row.counts,
    )


def _conditions(asked: Asked) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if asked.delivery_ids is not None:
        conditions.append(_D.delivery_id.in_(asked.delivery_ids))
    if asked.study is not None:
        conditions.append(_O.study_instance_uid == asked.study)
    if asked.destination is not None:
        conditions.append(_D.destination == asked.destination)
    if asked.states is not None:
        conditions.append(_D.state.in_(asked.states))
    if asked.only_what_counts:
        conditions.append(COUNTS)
    return conditions
