"""Notifications kept in memory, over the studies and outcomes of the fake worklist."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from tests.fakes import FakeOutcome, FakeStore
from worklist.finding import Flagged, TargetFinding
from worklist.notifications import KeptNotification, Looks
from worklist.notifying import (
    Flag,
    Notification,
    NotificationState,
    PatientDatum,
    Standing,
    notification_id,
)
from worklist.ports import Event
from worklist.reading import ReadingState
from worklist.uid import StudyInstanceUID


class FakeNotifications:
    """See `worklist.notifications.NotificationStore`; one thread, and nothing is rolled back."""

    def __init__(self, worklist: FakeStore) -> None:
        self._worklist = worklist
        self._kept: dict[uuid.UUID, Notification] = {}
        self._looks: dict[str, Looks] = {}

    @contextmanager
    def transaction(self) -> Iterator["FakeNotifications"]:
        yield self

    def looks(self, channel: str) -> Looks | None:
        return self._looks.get(channel)

    def add_look(self, channel: str, now: datetime, outcome_id: int) -> None:
        known = self._looks.get(channel)
        first_at = now if known is None else min(known.first_at, now)
        self._looks[channel] = Looks(first_at=first_at, last_at=now, last_outcome_id=outcome_id)

    def newest_outcome_id(self) -> int:
        return len(self._worklist.tables.outcomes)

    def untold(
        self, channel: str, targets: Sequence[TargetFinding], since: datetime, after_outcome_id: int
    ) -> list[Flag]:
        return [
            one
            for one in self._flags()
            if one.target in targets
            and (one.flagged_at >= since or one.outcome_id > after_outcome_id)
            and not self._is_told(channel, one)
        ]

    def _is_told(self, channel: str, flag: Flag) -> bool:
        kept = self._kept.get(notification_id(channel, flag.study_instance_uid, flag.target))
        return kept is not None and not _gives_way(kept, flag.outcome_id)

    def add(self, one: Notification) -> bool:
        kept = self._kept.get(one.notification_id)
        if kept is not None and not _gives_way(kept, one.outcome_id):
            return False
        if kept is not None:
            one = replace(one, attempts=kept.attempts, reached=kept.reached)
        self._kept[one.notification_id] = one
        return True

    def first_due(self, channel: str, now: datetime) -> Notification | None:
        due = [one for one in reversed(self._waiting(channel)) if one.due_at <= now]
        return max(due, key=lambda one: one.flagged_at, default=None)

    def next_due_at(self, channel: str) -> datetime | None:
        return min((one.due_at for one in self._waiting(channel)), default=None)

    def notification(self, notification_id: uuid.UUID) -> Notification | None:
        return self._kept.get(notification_id)

    def save(self, one: Notification) -> None:
        assert one.notification_id in self._kept
        self._kept[one.notification_id] = one

    def unserved(self, since: datetime) -> list[Notification]:
        served = {name for name, one in self._looks.items() if one.last_at >= since}
        waiting = [one for one in self._kept.values() if one.state is NotificationState.WAITING]
        return [one for one in waiting if one.expires_at < since and one.channel not in served]

    def standing(self, one: Notification) -> Standing:
        record = self._worklist.tables.studies[one.study_instance_uid]
        return Standing(
            is_read=record.reading_state is ReadingState.READ,
            switch=self._worklist.tables.switch,
            in_force=tuple(
                flag
                for flag in self._flags()
                if (flag.study_instance_uid, flag.target) == (one.study_instance_uid, one.target)
            ),
        )

    def study(self, uid: StudyInstanceUID) -> Mapping[PatientDatum, str]:
        attributes = self._worklist.tables.attributes[uid]
        return {datum: getattr(attributes, datum) for datum in PatientDatum}

    def append_events(self, events: Sequence[Event]) -> None:
        self._worklist.tables.events.extend(events)

    def newest(
        self, *, before: int | None, limit: int, state: NotificationState | None
    ) -> list[KeptNotification]:
        numbered = list(enumerate(self._kept.values(), start=1))
        found = [
            self._shown(number, one)
            for number, one in reversed(numbered)
            if (before is None or number < before) and state in (None, one.state)
        ]
        return found[:limit]

    def looked_at(self) -> Mapping[str, datetime]:
        return {name: one.last_at for name, one in self._looks.items()}

    def _shown(self, number: int, one: Notification) -> KeptNotification:
        detector = self._worklist.tables.outcomes[one.outcome_id - 1].provenance.detector
        return KeptNotification(
            number=number,
            notification=one,
            detector=detector.name,
            detector_version=detector.version,
        )

    def _waiting(self, channel: str) -> list[Notification]:
        return [
            one
            for one in self._kept.values()
            if one.channel == channel and one.state is NotificationState.WAITING
        ]

    def _flags(self) -> list[Flag]:
        return [
            _flag(number, one)
            for number, one in enumerate(self._worklist.tables.outcomes, start=1)
            if isinstance(one.outcome, Flagged) and one.current and not one.too_late
        ]


def _gives_way(kept: Notification, outcome_id: int) -> bool:
    """Whether a newer flag takes its place: nobody was told."""
    ended = kept.state in {NotificationState.TOO_LATE, NotificationState.NOT_TOLD}
    return ended and kept.delivered_at is None and kept.outcome_id < outcome_id


def _flag(number: int, one: FakeOutcome) -> Flag:
    assert isinstance(one.outcome, Flagged)
    return Flag(
        outcome_id=number,
        study_instance_uid=one.study_instance_uid,
        detector=one.provenance.detector,
        probability=one.outcome.probability,
        flagged_at=one.provenance.finished_at,
    )
