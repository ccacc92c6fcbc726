"""Deliveries in PostgreSQL: what is due where, and what became of it.

Satisfies `worklist.deliveries.DeliveriesStore`, and is the queue of the role that sends.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from worklist.deliveries import Asked
from worklist.outbound import (
    Delivery,
    DeliveryPage,
    DeliveryState,
    DeliveryView,
    RejectionReason,
)
from worklist.ports import Event
from worklist.store import outbound_tables as o
from worklist.store import tables as t
from worklist.store.engine import translated
from worklist.store.held import may_leave
from worklist.store.rows import storable_text
from worklist.store.transaction import PostgresTransaction
from worklist.uid import SOPInstanceUID, StudyInstanceUID, TransactionUID

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
_IS_SENT = _D.state == sa.literal_column(f"'{DeliveryState.SENT}'")


@dataclass(frozen=True, kw_only=True, slots=True)
class Outgoing:
    """A delivery with what is sent."""

    delivery: Delivery
    study_instance_uid: StudyInstanceUID
    sop_class_uid: str
    path: str  # relative to the folder of results
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
        return int(objects or 0)

    def make_anew(self, uid: StudyInstanceUID) -> bool:
        lock_results(self._connection, uid)
        mine = t.assessment.c
        retracted = sa.exists().where(
            _S.study_instance_uid == uid,
            _S.assessment_number == mine.number,
            _S.retracted_at.is_not(None),
        )
        newest = sa.select(t.study.c.assessment_number).where(t.study.c.study_instance_uid == uid)
        changed = self._connection.execute(
            sa.update(t.assessment)
            .where(
                mine.study_instance_uid == uid,
                mine.number == newest.scalar_subquery(),
                mine.finished_at.is_not(None),
                ~retracted,
            )
            .values(results_asked=True)
        )
        return changed.rowcount > 0

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

    def note_destinations(self, names: Sequence[str], now: datetime) -> Mapping[str, datetime]:
        """Let these be destinations from now on, unless they are; since when each of them is."""
        with translated(), self._engine.begin() as connection:
            for name in names:
                connection.execute(
                    insert(o.destination).values(name=name, since=now).on_conflict_do_nothing()
                )
            rows = connection.execute(
                sa.select(o.destination.c.name, o.destination.c.since).where(
                    o.destination.c.name.in_(names)
                )
            ).all()
        return {row.name: row.since for row in rows}

    def take(
        self, destination: str, now: datetime, limit: int, *, sending: bool = True
    ) -> Sequence[Outgoing]:
        """What is due there; each counts as tried once more.

        What was tried less comes first, then the oldest: one object that a destination has no
        room for holds up no other.

        Parameters
        ----------
        sending
            They are about to leave, so that each may be there from now on.
        """
        due = (
            sa.select(_D.delivery_id, _D.may_be_there.label("was_there"))
            .where(_WAITS, _D.destination == destination, _D.next_try_at <= now, may_leave())
            .order_by(_D.tries, _D.queued_at, _D.delivery_id)
            .limit(limit)
            .with_for_update()
        ).cte("due")
        taken = (
            sa.update(o.delivery)
            .where(_D.delivery_id == due.c.delivery_id)
            .values(tries=_D.tries + 1, may_be_there=sa.or_(_D.may_be_there, sa.literal(sending)))
            .returning(o.delivery, due.c.was_there)
        ).cte("taken")
        statement = (
            sa.select(taken, _O.study_instance_uid, _O.sop_class_uid, _O.path)
            .join(o.result_object, _O.sop_instance_uid == taken.c.sop_instance_uid)
            .order_by(taken.c.tries, taken.c.queued_at, taken.c.delivery_id)
        )
        with translated(), self._engine.begin() as connection:
            rows = connection.execute(statement).all()
        return [replace(_outgoing(row), was_there=row.was_there) for row in rows]

    def next_try_at(self, destination: str) -> datetime | None:
        """When something is due there next; None: nothing waits."""
        with translated(), self._engine.connect() as connection:
            found: datetime | None = connection.scalar(
                sa.select(sa.func.min(_D.next_try_at)).where(
                    _WAITS, _D.destination == destination, may_leave()
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

    def to_commit(
        self, destination: str, *, asked_before: datetime, most_tries: int, limit: int
    ) -> Sequence[Outgoing]:
        """What is there and whose safekeeping is to be asked for, unless it never commits."""
        commits = sa.select(o.destination.c.commits).where(o.destination.c.name == destination)
        asked = _D.commitment_asked_at
        statement = (
            sa.select(o.delivery, _O.study_instance_uid, _O.sop_class_uid, _O.path)
            .join(o.result_object)
            .where(
                _IS_SENT,
                _D.destination == destination,
                sa.or_(
                    asked.is_(None),
                    asked < _D.sent_at,  # it was sent again since
                    sa.and_(asked < asked_before, _D.commitment_tries < most_tries),
                ),
                commits.scalar_subquery().is_distinct_from(False),
            )
            .order_by(_D.delivery_id)
            .limit(limit)
        )
        with translated(), self._engine.connect() as connection:
            return list(map(_outgoing, connection.execute(statement)))

    def note_commitment_asked(
        self, delivery_ids: Sequence[int], transaction_uid: TransactionUID, now: datetime
    ) -> None:
        """Keep what is asked for, before it is: the answer may come at once."""
        with translated(), self._engine.begin() as connection:
            connection.execute(
                sa.update(o.delivery)
                .where(_D.delivery_id.in_(delivery_ids))
                .values(
                    transaction_uid=transaction_uid,
                    commitment_asked_at=now,
                    commitment_tries=_D.commitment_tries + 1,
                )
            )

    def note_no_commitment(self, destination: str) -> None:
        """It answers for no safekeeping, and is not asked again."""
        with translated(), self._engine.begin() as connection:
            connection.execute(
                sa.update(o.destination)
                .where(o.destination.c.name == destination)
                .values(commits=False)
            )

    def asked_under(self, transaction_uid: TransactionUID) -> Sequence[Outgoing]:
        """What was asked for in one request."""
        with translated(), self._engine.connect() as connection:
            rows = connection.execute(
                sa.select(o.delivery, _O.study_instance_uid, _O.sop_class_uid, _O.path)
                .join(o.result_object)
                .where(_D.transaction_uid == transaction_uid)
            )
            return list(map(_outgoing, rows))


def lock_results(connection: sa.Connection, uid: StudyInstanceUID) -> None:
    """Let nobody else change what is made of this study until the end of the transaction."""
    key = sa.func.hashtext(f"vigie results {uid}")
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))


def withdraw(
    connection: sa.Connection,
    uid: StudyInstanceUID,
    why: RejectionReason,
    sets: Sequence[int] | None = None,
) -> None:
    """Let deliveries of a study (of these sets; None: of all) not be sent, or be rejected.

    What may be there already is marked to be rejected. Rejections themselves stay as they are.
    """
    mine = [_O.study_instance_uid == uid, _O.kind != "rejection"]
    if sets is not None:
        mine.append(_O.result_set_id.in_(sets))
    meant = _D.sop_instance_uid.in_(sa.select(_O.sop_instance_uid).where(*mine))
    connection.execute(sa.update(o.delivery).where(meant, _D.may_be_there).values(to_reject=why))
    there = (DeliveryState.SENT, DeliveryState.COMMITTED)
    connection.execute(
        sa.update(o.delivery)
        .where(meant, _D.state.not_in(there))
        .values(state=DeliveryState.WITHDRAWN, next_try_at=None)
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


def _outgoing(row: sa.Row[Any]) -> Outgoing:
    return Outgoing(
        delivery=delivery_of(row),
        study_instance_uid=StudyInstanceUID(row.study_instance_uid),
        sop_class_uid=row.sop_class_uid,
        path=row.path,
    )


def _views() -> sa.Select[Any]:
    return (
        sa.select(o.delivery, _O.study_instance_uid, _O.kind, _O.made_at, _S.assessment_number)
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
        counts = sa.and_(_S.superseded_at.is_(None), _S.retracted_at.is_(None))
        conditions.append(sa.or_(counts, _O.kind == "rejection"))
    return conditions
