"""Flags found and told on channels: what a store keeps of it, each step as one transaction."""

import uuid
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from worklist.errors import VigieError
from worklist.finding import TargetFinding
from worklist.highlighting import Modes
from worklist.notifying import (
    Answer,
    Channel,
    Confirmed,
    Flag,
    Notice,
    Notification,
    NotificationState,
    PatientDatum,
    Standing,
    answered,
    begun,
    caveats_of,
    decided,
    notice,
    planned,
    unserved,
)
from worklist.placement import VIGIE
from worklist.ports import Event
from worklist.uid import StudyInstanceUID

# A flag is found some moments after it was made, or hours later where the database was away.
_LOOKED_AT_AGAIN = timedelta(days=1)
_UNSERVED_FOR = timedelta(hours=1)  # then a channel is taken to be set nowhere


class UnknownChannel(VigieError, LookupError):
    """The settings name no such channel."""


class UnknownNotification(VigieError, LookupError):
    """There is no notification of this ID."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptNotification:
    """One line of the list of notifications, as people see it."""

    number: int  # grows; the newest comes first
    notification: Notification
    detector: str
    detector_version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Looks:
    """When flags were looked for, for one channel."""

    first_at: datetime
    last_at: datetime
    last_outcome_id: int  # the newest outcome then; later ones have higher numbers


@dataclass(frozen=True, kw_only=True, slots=True)
class ToTell:
    """A notification whose time has come."""

    notification: Notification
    flag: Flag
    notice: Notice


class NotificationTransaction(Protocol):
    """Everything inside is committed together or not at all."""

    def looks(self, channel: str) -> Looks | None:
        """When flags for a channel were looked for; None: never."""
        ...

    def add_look(self, channel: str, now: datetime, outcome_id: int) -> None:
        """Flags were looked for, up to this outcome; a clock that was ahead is set back."""
        ...

    def newest_outcome_id(self) -> int:
        """The number of the newest outcome; 0: there is none."""
        ...

    def untold(
        self, channel: str, targets: Sequence[TargetFinding], since: datetime, after_outcome_id: int
    ) -> Sequence[Flag]:
        """Flags in force that this channel was not told and is not about to be.

        Made at or after `since` or newer than `after_outcome_id`, in the order in which they were
        recorded. A finding that ended *too late* or *not told* is untold of newer flags.
        """
        ...

    def add(self, one: Notification) -> bool:
        """Insert a notification, or put it in the place of an older one that was never told.

        False where that channel was told of that finding, or is about to be.
        """
        ...

    def first_due(self, channel: str, now: datetime) -> Notification | None:
        """Of those that are due the one that was flagged last, held against change."""
        ...

    def next_due_at(self, channel: str) -> datetime | None:
        """When the next one is due; None: nothing waits."""
        ...

    def notification(self, notification_id: uuid.UUID) -> Notification | None:
        """One, held against change."""
        ...

    def save(self, one: Notification) -> None:
        """Write what the rules changed."""
        ...

    def unserved(self, since: datetime) -> Sequence[Notification]:
        """Those that wait though their time was over then, of channels that nobody looked at since.

        Held against change.
        """
        ...

    def standing(self, one: Notification) -> Standing:
        """How things stand with its finding."""
        ...

    def study(self, uid: StudyInstanceUID) -> Mapping[PatientDatum, str]:
        """What might be told of a study."""
        ...

    def append_events(self, events: Sequence[Event]) -> None:
        """Append to the log; what listens is told when the transaction commits."""
        ...


class NotificationStore(Protocol):
    """Where notifications are kept."""

    def transaction(self) -> AbstractContextManager[NotificationTransaction]:
        """One unit of work; raises StoreUnavailable when the database does not answer."""
        ...

    def newest(
        self, *, before: int | None, limit: int, state: NotificationState | None
    ) -> Sequence[KeptNotification]:
        """The newest ones, of numbers below `before` and in this state where these are given."""
        ...

    def looked_at(self) -> Mapping[str, datetime]:
        """When flags were last looked for, by channel."""
        ...


class Notifications:
    """What is told on the channels of one site.

    Parameters
    ----------
    channels
        Those that are set.
    modes
        When the marks of each detector are shown; a probability that is not shown is not told.
    limit
        How long after a flag, or after a channel's hours began, it may still be told.
    """

    def __init__(
        self,
        store: NotificationStore,
        channels: Sequence[Channel],
        *,
        modes: Modes,
        limit: timedelta,
    ) -> None:
        self._store = store
        self._channels = {one.name: one for one in channels}
        self._modes = modes
        self._limit = limit

    @property
    def channels(self) -> Sequence[Channel]:
        """Those that are set, in their order."""
        return tuple(self._channels.values())

    def channel(self, name: str) -> Channel:
        """The channel of this name.

        Raises
        ------
        UnknownChannel
            If the settings name none.
        """
        if name not in self._channels:
            raise UnknownChannel(f"there is no notification channel {name}")
        return self._channels[name]

    def find(self, name: str, now: datetime) -> list[Notification]:
        """Plan what is new for a channel.

        Whatever was flagged since the last look, and a while before it, has its row afterwards. A
        channel that was never looked for begins with the flags that are still worth telling.
        """
        channel = self.channel(name)
        with self._store.transaction() as transaction:
            newest = transaction.newest_outcome_id()
            looks = transaction.looks(name) or Looks(
                first_at=now, last_at=now, last_outcome_id=newest
            )
            first_at, last_at = min(looks.first_at, now), min(looks.last_at, now)
            since = max(first_at - self._limit, last_at - _LOOKED_AT_AGAIN)
            seen = looks.last_outcome_id
            unseen_at = looks.last_at if looks.last_at <= now else None
            found = transaction.untold(name, sorted(channel.findings), since, seen)
            plans = [
                planned(
                    channel,
                    flag,
                    limit=self._limit,
                    now=now,
                    unseen_at=unseen_at if flag.outcome_id > seen else None,
                )
                for flag in found
                if channel.wants(flag, self._modes)
            ]
            added = [one for one in plans if transaction.add(one)]
            transaction.add_look(name, now, newest)
            transaction.append_events(
                [_event(one, now) for one in added if one.state is not NotificationState.WAITING]
            )
        return added

    def next(self, name: str, now: datetime) -> ToTell | None:
        """What is to be told now, noted as begun; None: nothing is due.

        Nobody else is given it for as long as a try may take. Those that are due and not to be told
        are put off or ended on the way.
        """
        channel = self.channel(name)
        while True:
            with self._store.transaction() as transaction:
                one = transaction.first_due(name, now)
                if one is None:
                    return None
                standing = transaction.standing(one)
                told = decided(one, channel, standing, self._modes, limit=self._limit, now=now)
                if isinstance(told, Flag):
                    study = transaction.study(one.study_instance_uid)
                    caveats = caveats_of(one, channel, standing, limit=self._limit, now=now)
                    words = notice(one, channel, told, study, self._modes, caveats=caveats)
                    in_hand = begun(one, told, now)
                    transaction.save(in_hand)
                    return ToTell(notification=in_hand, flag=told, notice=words)
                transaction.save(told)
                if told.state is not NotificationState.WAITING:
                    transaction.append_events([_event(told, now)])

    def next_due_at(self, name: str) -> datetime | None:
        """When the next one of a channel is due; None: nothing waits."""
        with self._store.transaction() as transaction:
            return transaction.next_due_at(name)

    def end_unserved(self, now: datetime) -> list[Notification]:
        """End what waits for a channel that is set no longer; it could not be told any more.

        Whatever channels are set here: others may be set on another machine, and who serves one
        says so by looking.
        """
        with self._store.transaction() as transaction:
            over = [unserved(one, now) for one in transaction.unserved(now - _UNSERVED_FOR)]
            for one in over:
                transaction.save(one)
            transaction.append_events([_event(one, now) for one in over])
        return over

    def record(self, told: ToTell, answer: Answer, now: datetime) -> Notification:
        """Keep what came of one try."""
        with self._store.transaction() as transaction:
            # A person may have asked for it once more meanwhile.
            kept = transaction.notification(told.notification.notification_id) or told.notification
            after = answered(kept, answer, now)
            if after == kept:
                return kept
            after = replace(after, outcome_id=told.flag.outcome_id)
            transaction.save(after)
            if after.state is not kept.state and after.state is not NotificationState.WAITING:
                transaction.append_events([_event(after, now)])
        return after

    def send_again(self, number: uuid.UUID, *, actor: str, now: datetime) -> Notification:
        """Let one be told at once, whatever became of it; it keeps its ID.

        Raises
        ------
        UnknownNotification
            If there is none of this ID.
        UnknownChannel
            If its channel is set no longer.
        """
        with self._store.transaction() as transaction:
            kept = transaction.notification(number)
            if kept is None:
                raise UnknownNotification(f"there is no notification {number}")
            self.channel(kept.channel)
            again = kept.sent_again(self._limit, now)
            transaction.save(again)
            event = Event(
                kind="notification_sent_again",
                at=now,
                actor=actor,
                study_instance_uid=kept.study_instance_uid,
                details=_details(again),
            )
            transaction.append_events([event])
        return again

    def test_notice(self, name: str) -> Notice:
        """What a channel is told to see whether it works; raises UnknownChannel."""
        channel = self.channel(name)
        return Notice(
            notification_id=uuid.uuid4(), channel=channel.name, flag=None, probability=None
        )

    def note_test(self, told: Notice, answer: Answer, *, actor: str, now: datetime) -> None:
        """Note that a person has tried a channel, and what came of it."""
        details = {
            "channel": told.channel,
            "notification_id": str(told.notification_id),
            "confirmed": isinstance(answer, Confirmed),
            "answer": answer.words,
        }
        event = Event(
            kind="notification_tested",
            at=now,
            actor=actor,
            study_instance_uid=None,
            details=details,
        )
        with self._store.transaction() as transaction:
            transaction.append_events([event])

    def newest(
        self,
        *,
        before: int | None = None,
        limit: int = 100,
        state: NotificationState | None = None,
    ) -> Sequence[KeptNotification]:
        """The newest ones, of numbers below `before` and in this state where these are given."""
        return self._store.newest(before=before, limit=limit, state=state)

    def looked_at(self) -> Mapping[str, datetime]:
        """When flags were last looked for, by channel; those never looked for are left out."""
        return self._store.looked_at()


_KINDS = {
    NotificationState.DELIVERED: "notification_delivered",
    NotificationState.PARKED: "notification_parked",
    NotificationState.TOO_LATE: "notification_not_sent",
    NotificationState.NOT_TOLD: "notification_not_sent",
}


def _event(one: Notification, now: datetime) -> Event:
    details = _details(one) | {"attempts": one.attempts, "answer": one.words}
    if one.reached:
        details |= {"reached": list(one.reached)}
    return Event(
        kind=_KINDS[one.state],
        at=now,
        actor=VIGIE,
        study_instance_uid=one.study_instance_uid,
        details=details,
    )


def _details(one: Notification) -> dict[str, Any]:
    return {
        "channel": one.channel,
        "notification_id": str(one.notification_id),
        "finding": one.target,
    }
