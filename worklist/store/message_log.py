"""The log of messages to and from the RIS, for administrators; no patient's name is in it."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from worklist.exchange_views import LoggedMessage, NoDeadLetter, UnknownMessage, control_id
from worklist.orders import MessageKind, MessageState
from worklist.ports import Event
from worklist.store import exchange_tables as x
from worklist.store import tables as t
from worklist.store.engine import translated
from worklist.store.transaction import PostgresTransaction

_IN, _OUT = "in", "out"
_SENT = x.hl7_sent.c
_RECEIVED = x.hl7_received.c
_MOST_DIGITS = 18  # of a number in the database
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
