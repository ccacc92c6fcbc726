"""Messages to and from the RIS in PostgreSQL: what is due, what became of it, and the log.

What is due is found from what is recorded: an assessment that finished and of which the RIS was
not told. The unique constraint of `hl7_sent` makes a repeat harmless.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from worklist.due_time import DueTargets
from worklist.exchange_views import MessageToSend
from worklist.highlighting import Modes
from worklist.orders import MessageKind, MessageState, priority_for
from worklist.placement import VIGIE
from worklist.ports import Event
from worklist.reading import ReadingState
from worklist.store import exchange_tables as x
from worklist.store import tables as t
from worklist.store.engine import translated
from worklist.store.rows import storable_text
from worklist.store.told import told_results, told_study
from worklist.store.transaction import PostgresTransaction
from worklist.study import RequestedPriority
from worklist.uid import StudyInstanceUID

_SENT = x.hl7_sent.c
_LONGEST_AGO = timedelta(days=7)  # what finished before is not told when a peer is set again
_AT_ONCE = 100  # assessments looked at in one transaction
_EVENTS = {
    (MessageKind.OBSERVATION, MessageState.ACCEPTED): "result_told_to_ris",
    (MessageKind.PRIORITY, MessageState.ACCEPTED): "priority_told_to_ris",
    (MessageKind.OBSERVATION, MessageState.PARKED): "message_to_ris_parked",
    (MessageKind.PRIORITY, MessageState.PARKED): "message_to_ris_parked",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What the site wants its RIS to be told."""

    observations: bool = True
    priorities: bool = False


class PostgresMessages:
    """What the RIS is told, from what the database has recorded."""

    def __init__(
        self,
        engine: sa.Engine,
        modes: Modes,
        targets: DueTargets,
        issuers: Collection[str] = (),
    ) -> None:
        self._engine = engine
        self._modes = modes
        self._targets = targets
        self._issuers = frozenset(issuers)  # the site's assigning authorities of patient IDs

    def begin(self, now: datetime) -> None:
        """From now on assessments are told; when it was begun before, nothing changes."""
        with translated(), self._engine.begin() as connection:
            connection.execute(insert(x.hl7_start).values(since=now).on_conflict_do_nothing())

    def queue_due(self, told: Told, now: datetime) -> int:
        """Queue messages on assessments that finished; how many assessments were looked at."""
        with translated(), self._engine.begin() as connection:
            finished = connection.execute(_finished(now - _LONGEST_AGO)).all()
            for one in finished:
                with _unless_it_fails(connection, one, now):
                    self._queue(connection, one, told, now)
                connection.execute(
                    sa.update(t.assessment)
                    .where(
                        t.assessment.c.study_instance_uid == one.study_instance_uid,
                        t.assessment.c.number == one.number,
                    )
                    .values(told_to_ris=True)
                )
        return len(finished)

    def _queue(
        self, connection: sa.Connection, one: sa.Row[Any], told: Told, now: datetime
    ) -> None:
        study = connection.execute(
            sa.select(t.study).where(t.study.c.study_instance_uid == one.study_instance_uid)
        ).one()
        if self._why_not(connection, study, one.number):
            return
        priority = self._priority(study)
        for kind, wanted in (
            (MessageKind.OBSERVATION, told.observations),
            (MessageKind.PRIORITY, told.priorities and priority is not None),
        ):
            _supersede(connection, kind, one, now)
            if wanted:
                said = priority if kind is MessageKind.PRIORITY else None
                _add(connection, kind, one, said, now)

    def _why_not(self, connection: sa.Connection, study: sa.Row[Any], number: int) -> str:
        """Why the RIS is not told of an assessment; empty: it is."""
        if number != study.assessment_number or study.arriving:
            return "images came that the assessment has not seen"
        if not study.accession_number:
            return "the study has no accession number"
        if study.reading_state is ReadingState.READ:
            return "the study was read meanwhile"
        if not told_results(connection, study, number, self._modes):
            return "no detector looked, or a person stopped them"
        return ""

    def _priority(self, study: sa.Row[Any]) -> RequestedPriority | None:
        """What the order would have to be; None: as it is, or as a person has set it (P7)."""
        if study.priority_override is not None:
            return None
        wait = study.due_at - study.received_at
        return priority_for(wait, self._targets.requested, study.requested_priority)

    def due(self, now: datetime, limit: int = 50) -> list[int]:
        """Numbers of the messages whose time has come, in the order in which they were queued."""
        with translated(), self._engine.begin() as connection:
            return list(
                connection.scalars(
                    sa.select(_SENT.message_id)
                    .where(_SENT.state == MessageState.WAITING, _SENT.next_try_at <= now)
                    .order_by(_SENT.message_id)
                    .limit(limit)
                )
            )

    def renewed(self, message_id: int, now: datetime) -> MessageToSend | None:
        """A message as it is true now; None: it is not any more, and will not be sent."""
        with translated(), self._engine.begin() as connection:
            mine = _SENT.message_id == message_id
            row = connection.execute(
                sa.select(x.hl7_sent)
                .where(mine, _SENT.state == MessageState.WAITING)
                .with_for_update()
            ).first()
            if row is None:
                return None
            study = connection.execute(
                sa.select(t.study).where(t.study.c.study_instance_uid == row.study_instance_uid)
            ).one()
            told = self._to_send(connection, row)
            reason = self._why_not(connection, study, row.assessment_number)
            priority = None
            if row.kind is MessageKind.PRIORITY and not reason:
                priority = self._priority(study)
                reason = _why_no_change(told, priority)
            if reason:
                values = {**_superseded(now), "error": reason}
                connection.execute(sa.update(x.hl7_sent).where(mine).values(values))
                return None
            if priority is not row.requested_priority:
                connection.execute(
                    sa.update(x.hl7_sent).where(mine).values(requested_priority=priority)
                )
            return replace(told, requested_priority=priority)

    def _to_send(self, connection: sa.Connection, row: sa.Row[Any]) -> MessageToSend:
        return MessageToSend(
            message_id=row.message_id,
            kind=row.kind,
            study=told_study(connection, row, self._modes, self._issuers),
            requested_priority=row.requested_priority,
            attempts=row.attempts,
            queued_at=row.queued_at,
        )

    def unwritable(self, message_id: int, error: str, now: datetime) -> None:
        """What is known of its study makes no message: a dead letter, and no other waits for it."""
        with translated(), self._engine.begin() as connection:
            _park_unwritten(connection, [_SENT.message_id == message_id], error, now)

    def put_off(self, message_ids: Sequence[int], error: str, next_try_at: datetime) -> None:
        """The receiver cannot be reached: these were not sent, and no attempt counts."""
        with translated(), self._engine.begin() as connection:
            connection.execute(
                sa.update(x.hl7_sent)
                .where(
                    _SENT.message_id.in_(message_ids),
                    _SENT.state == MessageState.WAITING,
                )
                .values(error=storable_text(error), next_try_at=next_try_at)
            )

    def delivered(self, message: MessageToSend, code: str, now: datetime) -> None:
        """The receiver has it."""
        self._settle(
            message,
            now,
            state=MessageState.ACCEPTED,
            code=storable_text(code),
            error="",
            done_at=now,
        )

    def failed(
        self, message: MessageToSend, error: str, *, code: str, next_try_at: datetime, now: datetime
    ) -> None:
        """The receiver has it not, or may not have it; it is tried again."""
        self._settle(
            message,
            now,
            state=MessageState.WAITING,
            code=storable_text(code),
            error=storable_text(error),
            next_try_at=next_try_at,
        )

    def parked(
        self,
        message: MessageToSend,
        error: str,
        *,
        code: str,
        raw: bytes,
        answer: bytes | None,
        now: datetime,
    ) -> None:
        """It was refused, or tried as often as is allowed: a dead letter."""
        self._settle(
            message,
            now,
            state=MessageState.PARKED,
            code=storable_text(code),
            error=storable_text(error),
            raw=raw,
            answer=answer,
        )

    def _settle(self, message: MessageToSend, now: datetime, **values: Any) -> None:
        with translated(), self._engine.begin() as connection:
            settled = connection.execute(
                sa.update(x.hl7_sent)
                .where(_SENT.message_id == message.message_id, _SENT.state == MessageState.WAITING)
                .values(attempts=_SENT.attempts + 1, **values)
            )
            kind = _EVENTS.get((message.kind, values["state"]))
            if settled.rowcount and kind is not None:
                event = Event(
                    kind=kind,
                    at=now,
                    actor=VIGIE,
                    study_instance_uid=message.study.study_instance_uid,
                    details={
                        "message": f"out-{message.message_id}",
                        "assessment_number": message.study.assessment_number,
                        "requested_priority": message.requested_priority,
                        "attempts": message.attempts + 1,
                        "error": values["error"],
                    },
                )
                PostgresTransaction(connection).append_events([event])


def _why_no_change(message: MessageToSend, priority: RequestedPriority | None) -> str:
    """Why no order is changed; empty: it is."""
    if priority is None:
        return "the study is not more urgent than it is asked for"
    if not message.study.is_order_clear:
        return "which of several hospitals' orders is that of the study is not known"
    return ""


@contextmanager
def _unless_it_fails(connection: sa.Connection, one: sa.Row[Any], now: datetime) -> Iterator[None]:
    """What one assessment is like keeps no other from being told; its own is a dead letter."""
    try:
        with connection.begin_nested():
            yield
    except sa.exc.OperationalError:
        raise  # the database is away
    except Exception as error:  # noqa: BLE001  (the boundary of one assessment: kept as a dead letter)
        told = f"it cannot be told: {type(error).__name__}"
        _add(connection, MessageKind.OBSERVATION, one, None, now)
        mine = (
            _SENT.study_instance_uid == one.study_instance_uid,
            _SENT.assessment_number == one.number,
        )
        _park_unwritten(connection, mine, told, now)


def _park_unwritten(
    connection: sa.Connection, which: Sequence[sa.ColumnElement[bool]], error: str, now: datetime
) -> None:
    """Dead letters that were never sent; the history of their study tells of each."""
    rows = connection.execute(
        sa.update(x.hl7_sent)
        .where(*which, _SENT.state == MessageState.WAITING)
        .values(state=MessageState.PARKED, error=storable_text(error))
        .returning(_SENT.message_id, _SENT.study_instance_uid, _SENT.assessment_number)
    )
    events = [
        Event(
            kind="message_to_ris_parked",
            at=now,
            actor=VIGIE,
            study_instance_uid=StudyInstanceUID(row.study_instance_uid),
            details={
                "message": f"out-{row.message_id}",
                "assessment_number": row.assessment_number,
                "error": error,
            },
        )
        for row in rows
    ]
    PostgresTransaction(connection).append_events(events)


def _finished(at_earliest: datetime) -> sa.Select[Any]:
    """Assessments of which nothing was queued, oldest first; another process leaves ours."""
    assessment = t.assessment.c
    since = sa.select(x.hl7_start.c.since).scalar_subquery()
    return (
        sa.select(t.assessment)
        .where(
            assessment.finished_at.is_not(None),
            ~assessment.told_to_ris,
            assessment.finished_at >= since,
            assessment.finished_at >= at_earliest,
        )
        .order_by(assessment.finished_at)
        .limit(_AT_ONCE)
        .with_for_update(skip_locked=True)
    )


def _supersede(
    connection: sa.Connection, kind: MessageKind, one: sa.Row[Any], now: datetime
) -> None:
    """What waits of an earlier assessment is not true any more."""
    connection.execute(
        sa.update(x.hl7_sent)
        .where(
            _SENT.study_instance_uid == one.study_instance_uid,
            _SENT.kind == kind,
            _SENT.assessment_number < one.number,
            _SENT.state.in_([MessageState.WAITING, MessageState.PARKED]),
        )
        .values(_superseded(now))
    )


def _superseded(now: datetime) -> dict[str, Any]:
    return {"state": MessageState.SUPERSEDED, "done_at": now, "raw": None, "answer": None}


def _add(
    connection: sa.Connection,
    kind: MessageKind,
    one: sa.Row[Any],
    priority: Any,
    now: datetime,
) -> None:
    values: dict[str, Any] = {
        "kind": kind,
        "study_instance_uid": one.study_instance_uid,
        "assessment_number": one.number,
        "requested_priority": priority,
        "state": MessageState.WAITING,
        "code": "",
        "error": "",
        "attempts": 0,
        "queued_at": now,
        "next_try_at": now,
    }
    connection.execute(insert(x.hl7_sent).values(values).on_conflict_do_nothing())
