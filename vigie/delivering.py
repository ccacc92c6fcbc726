"""Sends what is due to one destination, and keeps what became of it.

Each destination has a sender in a thread of its own, so that none waits for another. A sender may
be killed at any time: what it had in hand still waits, and is sent again with the same UID.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import structlog

from results.sending.destination import Delivered, Destination, DimseDestination
from results.sending.errors import (
    CommitmentNotOffered,
    DestinationUnavailable,
    UnsendableFile,
)
from results.sending.heard import heard
from results.sending.ports import Transport
from vigie.delivery_events import told
from vigie.result_files import holds
from worklist.commitment import CommitmentAnswer, FailureReason, ObjectReference
from worklist.deliveries import Asked
from worklist.errors import StoreUnavailable
from worklist.outbound import (
    Delivery,
    DeliveryState,
    Patience,
    accepted,
    committed,
    not_committed,
    not_offered,
    put_off,
    refused,
)
from worklist.store.committing import PostgresCommitting
from worklist.store.outbound import Outgoing, PostgresOutbound
from worklist.store.result_files import PostgresResultFiles
from worklist.uid import TransactionUID

log = structlog.get_logger(__name__)

# What was answered, why there is no more, and what left unanswered (None: anything may have).
_Sent = tuple[dict[str, Delivered], str | None, frozenset[str] | None]
_BATCH = 16  # objects in one association, at most
_PUT_OFF_AT_ONCE = 1000
_POLL_S = 10.0
_DATABASE_PAUSE_S = 2.0
_COMMITMENT_AGAIN = timedelta(hours=1)
_COMMITMENT_TRIES = 3
_COMMITMENTS_AT_ONCE = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Outbox:
    """What every sender shares."""

    store: PostgresOutbound
    committing: PostgresCommitting
    files: PostgresResultFiles
    transport: Transport
    patience: Patience
    folder: Path  # that the paths of objects are relative to
    now: Callable[[], datetime]
    rules: str  # how results are made by now (`worklist.outbound.rules_of`)


class Sender:
    """Sends to one destination.

    Parameters
    ----------
    asks_commitment
        Whether it is asked to answer for the safekeeping of what it took.
    """

    def __init__(self, outbox: Outbox, destination: Destination, *, asks_commitment: bool) -> None:
        self._outbox = outbox
        self._destination = destination
        self._asks_commitment = asks_commitment and isinstance(destination, DimseDestination)
        self._wake = threading.Event()
        self._failures = 0  # tries in vain since it took or refused something last
        self._was_away = False
        self._has_answered = False  # in this round
        self._batch = _BATCH  # after trouble each by itself: one object then holds up no other
        self._try_again_at: datetime | None = None

    @property
    def destination(self) -> Destination:
        """Where it sends to."""
        return self._destination

    def wake(self, *, at_once: bool = False) -> None:
        """Something may be due; `at_once`: also where nobody answered a moment ago."""
        if at_once:
            self._try_again_at = None
        self._wake.set()

    def run(self, stop: threading.Event, may_send: threading.Event) -> None:
        """Send what is due until asked to stop, while we are the one that sends."""
        while not stop.is_set():
            if not may_send.wait(timeout=0.5):
                continue
            self._wake.clear()
            pause_s = self._round_and_pause(stop, may_send)
            if not stop.is_set() and pause_s > 0:
                self._wake.wait(timeout=pause_s)

    def _round_and_pause(self, stop: threading.Event, may_send: threading.Event) -> float:
        """Seconds until something is to be done again, if nobody wakes us."""
        self._has_answered = False
        try:
            while not stop.is_set() and may_send.is_set() and self.send_due():
                pass
            is_there = self._has_answered or self._failures == 0
            if self._asks_commitment and is_there and not stop.is_set():
                self.ask_commitment()
            return self._pause_s()
        except StoreUnavailable as error:
            log.warning("database_unavailable", error=str(error))
            return _DATABASE_PAUSE_S
        except Exception:
            log.exception("sending_failed", destination=self._destination.name)
            return _POLL_S

    def _pause_s(self) -> float:
        now = self._outbox.now()
        due = self._outbox.store.next_try_at(self._destination.name)
        times = [one for one in (due, self._try_again_at) if one is not None]
        if due is None or not times:
            return _POLL_S
        return min(max((max(times) - now).total_seconds(), 0.05), _POLL_S)

    def send_due(self) -> bool:
        """Send one batch of what is due; False: nothing more can be done now."""
        now = self._outbox.now()
        if self._try_again_at is not None and now < self._try_again_at:
            return False
        name, store = self._destination.name, self._outbox.store
        if self._failures and (store.next_try_at(name) is None or not self._answers(now)):
            return False
        taken = self._as_they_were_made(store.take(name, now, self._batch), now)
        if taken is None:
            return False
        delivered, trouble, begun = self._sent(taken) if taken else ({}, None, None)
        self._keep(taken, delivered, trouble, begun)
        if delivered and trouble is None:
            self._failures = 0
        if trouble is not None:
            self._in_trouble(now)
            return False
        self._batch = min(2 * self._batch, _BATCH)
        return True

    def _as_they_were_made(
        self, taken: Sequence[Outgoing], now: datetime
    ) -> Sequence[Outgoing] | None:
        """Those whose files hold what was made (P6); others are made again. None: nothing is due.

        Nothing else may leave under a UID that is known, whatever happened to the disk.
        """
        if not taken:
            return None
        whole = [one for one in taken if holds(self._outbox.folder / one.path, one.sha256)]
        broken = [one for one in taken if one not in whole]
        if broken:
            paths = [one.path for one in broken]
            log.warning("result_files_gone", destination=self._destination.name, paths=paths)
            self._outbox.files.gone([one.delivery.sop_instance_uid for one in broken], now)
            self._keep(broken, {}, None, frozenset())
        return whole

    def _answers(self, now: datetime) -> bool:
        """Whether the destination answers again, so that nothing leaves for nobody.

        One that answers, and then takes nothing, is left alone for longer each time all the same.
        """
        try:
            self._outbox.transport.test(self._destination)
        except DestinationUnavailable as error:
            if not error.is_alive:
                name = self._destination.name
                due = self._outbox.store.take(name, now, _PUT_OFF_AT_ONCE, sending=False)
                self._keep(due, {}, str(error))
                self._was_away = True
                self._in_trouble(now)
                return False
        if self._was_away:  # what waits need wait no longer
            self._was_away, self._batch = False, _BATCH
            self._outbox.store.try_now(self._destination.name, self._outbox.now())
        self._has_answered, self._try_again_at = True, None
        return True

    def _in_trouble(self, now: datetime) -> None:
        self._failures += 1
        self._batch = 1
        self._try_again_at = now + self._outbox.patience.pause(self._failures)

    def _sent(self, taken: Sequence[Outgoing]) -> _Sent:
        """What was answered to each, why there is no more (None: there is), and what was begun."""
        paths = [self._outbox.folder / one.path for one in taken]
        try:
            answers = self._outbox.transport.send(self._destination, paths)
        except DestinationUnavailable as error:
            log.warning("destination_unavailable", name=self._destination.name, why=str(error))
            return _by_uid(error.delivered), str(error), error.begun
        except UnsendableFile as error:
            log.error("object_cannot_be_sent", path=str(error.path), why=str(error))
            broken = taken[paths.index(error.path)].delivery.sop_instance_uid
            words = f"our own file cannot be sent: {error}"
            told = Delivered(sop_instance_uid=broken, state="refused", status=None, words=words)
            return {broken: told}, None, frozenset()
        except Exception as error:
            # Whatever no sender expects of an object or a peer: said, and tried again later.
            log.exception("sending_failed", destination=self._destination.name)
            return {}, f"{type(error).__name__}: {error}", None
        return _by_uid(answers), None, None

    def _keep(
        self,
        taken: Sequence[Outgoing],
        delivered: dict[str, Delivered],
        trouble: str | None,
        begun: frozenset[str] | None = None,
    ) -> None:
        """What was not answered waits: for a pause if nobody answers, else for the next batch."""
        studies = {one.delivery.delivery_id: one.study_instance_uid for one in taken}
        if not studies:
            return
        now = self._outbox.now()
        was_there = {one.delivery.delivery_id: one.was_there for one in taken}
        with self._outbox.store.transaction() as transaction:
            before = transaction.lock_deliveries(Asked(delivery_ids=list(studies)))
            after = []
            for one in before:
                uid, was = one.sop_instance_uid, was_there[one.delivery_id]
                left = begun is None or uid in begun
                known = one if left else not_offered(one, was_there=was)
                after.append(self._after(known, delivered.get(uid), trouble, now, was_there=was))
            transaction.save_deliveries(after)
            changed = [
                new for old, new in zip(before, after, strict=True) if old.state is not new.state
            ]
            transaction.append_events(told(changed, studies, now))

    def _after(
        self,
        one: Delivery,
        answer: Delivered | None,
        trouble: str | None,
        now: datetime,
        *,
        was_there: bool,
    ) -> Delivery:
        if answer is not None and answer.state == "accepted":
            return accepted(one, status=answer.status, words=answer.words, now=now)
        if answer is not None:
            status, words = answer.status, answer.words
            known = was_there or answer.may_be_there
            return refused(one, status=status, words=words, was_there=known)
        if trouble is not None:
            return put_off(one, words=trouble, now=now, patience=self._outbox.patience)
        return one

    def ask_commitment(self) -> None:
        """Ask for the safekeeping of what was sent and not asked for lately."""
        now, committing = self._outbox.now(), self._outbox.committing
        wanted = committing.to_commit(
            self._destination.name,
            now,
            asked_before=now - _COMMITMENT_AGAIN,
            most_tries=_COMMITMENT_TRIES,
            limit=_COMMITMENTS_AT_ONCE,
        )
        if not wanted:
            return
        transaction_uid = TransactionUID(f"2.25.{uuid4().int}")
        ids = [one.delivery.delivery_id for one in wanted]
        committing.note_asked(ids, transaction_uid, now)
        references = [
            ObjectReference(
                sop_class_uid=one.sop_class_uid, sop_instance_uid=one.delivery.sop_instance_uid
            )
            for one in wanted
        ]
        try:
            answer = self._outbox.transport.ask_commitment(
                self._destination, transaction_uid, references, self._record
            )
        except CommitmentNotOffered as error:
            log.info("no_storage_commitment", destination=self._destination.name, why=str(error))
            committing.note_none(self._destination.name, now)
        except DestinationUnavailable as error:
            log.warning("commitment_not_asked", destination=self._destination.name, why=str(error))
        else:
            if answer is not None:
                self._record(answer)

    def _record(self, answer: CommitmentAnswer) -> None:
        """Keep an answer, also one to an earlier request."""
        record_commitment(self._outbox, answer, [self._destination])


def record_heard(outbox: Outbox, destinations: Sequence[Destination], folder: Path) -> None:
    """Keep what archives answered on associations of their own, as the listener wrote it."""
    for path, answer in heard(folder):
        record_commitment(outbox, answer, destinations)
        path.unlink(missing_ok=True)


def record_commitment(
    outbox: Outbox, answer: CommitmentAnswer, destinations: Sequence[Destination]
) -> None:
    """Keep one answer, if it comes from whom it was asked of."""
    titles = {
        one.name: one.called_ae_title for one in destinations if isinstance(one, DimseDestination)
    }
    kept = {one.sop_instance_uid for one in answer.committed}
    failed = {one.object.sop_instance_uid: one.failure_reason for one in answer.failed}
    now = outbox.now()
    asked = outbox.committing.asked_under(answer.transaction_uid)
    ids = [
        one.delivery.delivery_id
        for one in asked
        if titles.get(one.delivery.destination) == answer.ae_title
    ]
    if not ids:
        log.warning("commitment_not_asked_for", ae_title=answer.ae_title)
        return
    studies = {one.delivery.delivery_id: one.study_instance_uid for one in asked}
    with outbox.store.transaction() as transaction:
        before = transaction.lock_deliveries(Asked(delivery_ids=ids))
        # Asked once nobody else can change them: what was rejected meanwhile is not sent again.
        counting = transaction.lock_deliveries(Asked(delivery_ids=ids, only_what_counts=True))
        after = []
        for one in before:
            new = one
            if one.sop_instance_uid in kept:
                new = committed(one, now=now)
            elif one.sop_instance_uid in failed and one in counting:
                words = f"taken, but not kept: {_reason_words(failed[one.sop_instance_uid])}"
                new = not_committed(one, words=words, now=now, patience=outbox.patience)
            after.append(new)
        transaction.save_deliveries(after)
        changed = [
            new for old, new in zip(before, after, strict=True) if old.state is not new.state
        ]
        again = [one.delivery_id for one in changed if one.state is DeliveryState.WAITING]
        transaction.make_anew_by_other_rules(again, outbox.rules)
        transaction.append_events(told(changed, studies, now))


def _reason_words(reason: int) -> str:
    try:
        return FailureReason(reason).words
    except ValueError:
        return f"reason 0x{reason:04X}"


def _by_uid(delivered: Sequence[Delivered]) -> dict[str, Delivered]:
    return {one.sop_instance_uid: one for one in delivered}
