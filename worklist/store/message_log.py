"""The log of messages to and from the RIS, for administrators; no patient's name is in it."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from worklist.exchange_views import LoggedMessage, NoDeadLetter, UnknownMessage, control_id
from worklist.orders import MessageKind, MessageState
from worklist.placement import VIGIE
from worklist.ports import Event
from worklist.store import exchange_tables as x
from worklist.store import tables as t
from worklist.store.engine import translated
from worklist.store.transaction import PostgresTransaction

_IN, _OUT = "in", "out"
_SENT = x.hl7_sent.c
_RECEIVED = x.hl7_received.c
_MOST_DIGITS = 18  # of a number in the database
TAKEN = ("ORM^O01", "OMI^O23", "ORU^R01", "ADT^A08", "ADT^A31", "ADT^A40")
_TYPES = {MessageKind.OBSERVATION: "ORU^R01", MessageKind.PRIORITY: "XO"}


class PostgresMessageLog:
    """Every message with what became of it."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def messages(self, limit: int, *, dead: bool = False) -> list[LoggedMessage]:
        """The newest messages, newest first.

        Parameters
        ----------
        dead
            Only those that somebody has to look after: refused, or given up.
        """
        with translated(), self._engine.begin() as connection:
            received = _received().order_by(_RECEIVED.message_id.desc()).limit(limit)
            sent = _sent().order_by(_SENT.message_id.desc()).limit(limit)
            if dead:
                received = received.where(_RECEIVED.state == MessageState.REFUSED)
                sent = sent.where(_SENT.state == MessageState.PARKED)
            found = [
                *map(_logged_received, connection.execute(received)),
                *map(_logged_sent, connection.execute(sent)),
            ]
        return sorted(found, key=lambda one: (one.at, one.message_id), reverse=True)[:limit]

    def message(self, message_id: str) -> LoggedMessage:
        """One message, a dead letter with its bytes; raises UnknownMessage."""
        direction, number = _split(message_id)
        with translated(), self._engine.begin() as connection:
            if direction == _IN:
                row = connection.execute(_received().where(_RECEIVED.message_id == number)).first()
                logged = None if row is None else _logged_received(row)
            else:
                row = connection.execute(_sent().where(_SENT.message_id == number)).first()
                logged = None if row is None else _logged_sent(row)
        if row is None or logged is None:
            raise UnknownMessage(f"no message {message_id[:40]} is kept")
        return replace(logged, raw=row.raw)

    def send_again(self, message_id: str, now: datetime) -> None:
        """Let a message that was given up be due at once.

        Raises
        ------
        UnknownMessage
            If there is none of this number.
        NoDeadLetter
            If it was not given up.
        """
        _, number = _split(message_id)
        with translated(), self._engine.begin() as connection:
            changed = connection.execute(
                sa.update(x.hl7_sent)
                .where(_SENT.message_id == number, _SENT.state == MessageState.PARKED)
                .values(
                    state=MessageState.WAITING,
                    attempts=0,
                    next_try_at=now,
                    raw=None,
                    answer=None,
                )
            )
        if not changed.rowcount:
            raise NoDeadLetter("only a message that was refused or given up can be sent again")

    def dismiss(self, message_id: str, *, actor: str, reason: str, now: datetime) -> None:
        """Let a dead letter be over, with the reason in the event log; its bytes are not kept.

        Raises
        ------
        UnknownMessage
            If there is none of this number.
        NoDeadLetter
            If nobody has to look after it.
        """
        direction, number = _split(message_id)
        table = x.hl7_received if direction == _IN else x.hl7_sent
        with translated(), self._engine.begin() as connection:
            if not connection.execute(
                _over(table, now).where(table.c.message_id == number)
            ).rowcount:
                raise NoDeadLetter("only a message that was refused or given up can be dismissed")
            event = Event(
                kind="message_dismissed",
                at=now,
                actor=f"person {actor}",
                study_instance_uid=None,
                details={"message": message_id, "why": reason},
            )
            PostgresTransaction(connection).append_events([event])

    def expire(self, until: datetime, now: datetime) -> int:
        """Let dead letters of before a time be over; how many there were."""
        with translated(), self._engine.begin() as connection:
            counts = {
                _IN: connection.execute(
                    _over(x.hl7_received, now).where(_RECEIVED.received_at < until)
                ).rowcount,
                _OUT: connection.execute(
                    _over(x.hl7_sent, now).where(_SENT.queued_at < until)
                ).rowcount,
            }
            if any(counts.values()):
                event = Event(
                    kind="dead_letters_expired",
                    at=now,
                    actor=VIGIE,
                    study_instance_uid=None,
                    details={**counts, "until": until.isoformat()},
                )
                PostgresTransaction(connection).append_events([event])
        return sum(counts.values())

    def note_resent(self, message_id: str, actor: str, now: datetime) -> None:
        """Note that a person had a dead letter sent or read again (P10)."""
        event = Event(
            kind="message_resent",
            at=now,
            actor=f"person {actor}",
            study_instance_uid=None,
            details={"message": message_id},
        )
        with translated(), self._engine.begin() as connection:
            PostgresTransaction(connection).append_events([event])


def dead_letters(connection: sa.Connection) -> dict[tuple[str, str], int]:
    """How many there are, by direction and type; of types that nobody takes in one."""
    kind = sa.case((_RECEIVED.message_type.in_(TAKEN), _RECEIVED.message_type), else_="other")
    received = connection.execute(
        sa.select(kind, sa.func.count())
        .where(_RECEIVED.state == MessageState.REFUSED)
        .group_by(sa.literal_column("1"))
    )
    counts = {(_IN, row[0]): row[1] for row in received}
    sent = connection.execute(
        sa.select(_SENT.kind, sa.func.count())
        .where(_SENT.state == MessageState.PARKED)
        .group_by(_SENT.kind)
    )
    return counts | {(_OUT, _TYPES[row[0]]): row[1] for row in sent}


def messages_waiting(connection: sa.Connection) -> int:
    """How many are to go to the RIS."""
    waiting = sa.select(sa.func.count()).where(_SENT.state == MessageState.WAITING)
    return connection.scalar(waiting) or 0


def _over(table: sa.Table, now: datetime) -> sa.Update:
    """Dead letters of a table become dismissed ones."""
    values: dict[str, Any] = {"state": MessageState.DISMISSED, "raw": None}
    if table is x.hl7_sent:
        values |= {"done_at": now, "answer": None}
    dead = [MessageState.REFUSED, MessageState.PARKED]
    return sa.update(table).where(table.c.state.in_(dead)).values(values)


def _received() -> sa.Select[Any]:
    return sa.select(x.hl7_received)


def _sent() -> sa.Select[Any]:
    return sa.select(x.hl7_sent, t.study.c.accession_number).join(
        t.study, t.study.c.study_instance_uid == _SENT.study_instance_uid
    )


def _split(message_id: str) -> tuple[str, int]:
    direction, _, number = message_id.partition("-")
    if direction not in (_IN, _OUT) or not number.isascii() or not number.isdigit():
        raise UnknownMessage("a message's number is in-1 or out-1")
    if len(number) > _MOST_DIGITS:
        raise UnknownMessage(f"no message {message_id[:40]} is kept")
    return direction, int(number)


def _logged_received(row: sa.Row[Any]) -> LoggedMessage:
    return LoggedMessage(
        message_id=f"{_IN}-{row.message_id}",
        at=row.received_at,
        control_id=row.control_id,
        message_type=row.message_type,
        state=row.state,
        code=row.code,
        error=row.error,
        accession_number=row.accession_number,
        sender=row.sender,
        attempts=1,
        next_try_at=None,
        is_whole=row.is_whole,
    )


def _logged_sent(row: sa.Row[Any]) -> LoggedMessage:
    return LoggedMessage(
        message_id=f"{_OUT}-{row.message_id}",
        at=row.queued_at,
        control_id=control_id(row.message_id, row.queued_at),
        message_type=_TYPES[row.kind],
        state=row.state,
        code=row.code,
        error=row.error,
        accession_number=row.accession_number,
        sender="",
        attempts=row.attempts,
        next_try_at=row.next_try_at if row.state is MessageState.WAITING else None,
    )
