"""Which flag is told on which channel and when; never twice for one finding of one study.

Pure rules: `worklist.notifications` applies them to what a store keeps, `results.notifying` sends.
"""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from worklist.finding import DetectorIdentity, TargetFinding
from worklist.highlighting import Highlighting, Modes
from worklist.hours import Hours
from worklist.oversight import AISwitch
from worklist.uid import StudyInstanceUID

MOST_REFUSALS = 3  # of one delivery; then it is parked
IN_HAND = timedelta(seconds=40)  # a try is: longer than it may take, so that nobody makes it too
_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(minutes=5)  # also after a refusal: a receiver may be being installed
_HELD_FOR = timedelta(minutes=1)  # until it is looked at again
_DOUBLINGS = 10  # after which a pause is the longest anyway

OUTSIDE_HOURS = "flagged outside the hours of this channel"
READ_BEFORE = "the study was read before"
STOPPED = "AI is stopped"
WITHDRAWN = "a later assessment no longer flags it"
TOO_LATE = "found too late to be told"
BEGUN = "a try was begun, and what came of it is not known"
CLOSED = "the hours of this channel ended before it could be told"
UNSERVED = "nobody told its channel anything: it may be set no longer"


class PatientDatum(StrEnum):
    """What of a patient and study may be told beside the Study Instance UID."""

    ACCESSION_NUMBER = "accession_number"
    STUDY_DESCRIPTION = "study_description"
    PATIENT_ID = "patient_id"
    PATIENT_NAME = "patient_name"


class Caveat(StrEnum):
    """What whoever is told because a person asked for it must know beside the flag."""

    LATE = "late"  # told after the limit
    READ = "read"  # the study was read since


@dataclass(frozen=True, kw_only=True, slots=True)
class Channel:
    """Somewhere that flags are told, as the site wants it."""

    name: str
    findings: frozenset[TargetFinding]
    least_probability: float | None = None  # None: every flag
    hours: Hours | None = None  # None: always
    waits: bool = True  # outside its hours: until they begin; False: it is not told at all
    tells: frozenset[PatientDatum] = frozenset({PatientDatum.ACCESSION_NUMBER})

    def wants(self, flag: "Flag", modes: Modes) -> bool:
        """Whether it is for this channel; a least probability narrows, it never makes a flag.

        It counts for nothing where the probability is not shown at once: who is told would know it
        to be at least that (P8).
        """
        if flag.target not in self.findings:
            return False
        told = modes.of(flag.detector.name) is Highlighting.AT_ONCE
        least = self.least_probability if told else None
        return least is None or flag.probability >= least

    def opens(self, at: datetime) -> datetime:
        """The first moment from `at` on at which it may be used."""
        return at if self.hours is None else self.hours.from_then_on(at)


@dataclass(frozen=True, kw_only=True, slots=True)
class Flag:
    """A flag that was recorded of a study that was not read then."""

    outcome_id: int  # where the store keeps it
    study_instance_uid: StudyInstanceUID
    detector: DetectorIdentity
    probability: float  # calibrated, 0 to 1
    flagged_at: datetime

    @property
    def target(self) -> TargetFinding:
        """What is suspected."""
        return self.detector.target


class NotificationState(StrEnum):
    """How far it got."""

    WAITING = "waiting"  # for hours to begin, for the next try, or for its turn
    DELIVERED = "delivered"  # whoever was told has confirmed that
    PARKED = "parked"  # given up after tries; a person may send it again
    TOO_LATE = "too_late"  # older than the site's limit before the first try
    NOT_TOLD = "not_told"  # the rules say not to


@dataclass(frozen=True, kw_only=True, slots=True)
class Notification:
    """One finding of one study for one channel, told or not; there is never a second."""

    notification_id: uuid.UUID  # the same in every try
    channel: str
    study_instance_uid: StudyInstanceUID
    target: TargetFinding
    outcome_id: int  # of the flag that was told last, or else found first
    flagged_at: datetime  # when its limit began to count, which is not before the last look
    state: NotificationState
    due_at: datetime  # the next try
    expires_at: datetime  # no try after this
    changed_at: datetime
    attempts: int = 0
    refusals: int = 0  # of these
    by_hand: bool = False  # a person asked for it; hours and a reading no longer matter
    words: str = ""  # what happened last
    delivered_at: datetime | None = None
    reached: tuple[str, ...] = ()  # of several receivers those who have it, until all have

    def sent_again(self, limit: timedelta, now: datetime) -> "Notification":
        """As a person wants it: at once, whatever the rules said, with the same ID."""
        return replace(
            self,
            state=NotificationState.WAITING,
            due_at=now,
            expires_at=now + limit,
            changed_at=now,
            refusals=0,
            by_hand=True,
        )


def notification_id(channel: str, uid: StudyInstanceUID, target: TargetFinding) -> uuid.UUID:
    """Follows from what is told to whom: found twice, it is the same (RFC 9562, version 5)."""
    return uuid.uuid5(_NAMESPACE, f"{uid} {target} {channel}")


_NAMESPACE = uuid.UUID("3f0c9a52-52d5-5d0e-9c5b-4a7a7f1f2e6d")


def planned(
    channel: Channel, flag: Flag, *, limit: timedelta, now: datetime, unseen_at: datetime | None
) -> Notification:
    """What becomes of a flag that this channel wants and was never told.

    Parameters
    ----------
    unseen_at
        When it was not recorded yet. The worker that flagged has a clock of its own: by ours it
        was between then and now. None: not known.
    limit
        How long after a flag, or after the channel's hours began, it may still be told.
    """
    earliest = flag.flagged_at if unseen_at is None else max(flag.flagged_at, unseen_at)
    flagged_at = min(earliest, now)
    opens = channel.opens(flagged_at)
    state, words = NotificationState.WAITING, ""
    if opens > flagged_at and not channel.waits:
        state, words = NotificationState.NOT_TOLD, OUTSIDE_HOURS
    elif now > opens + limit:
        state, words = NotificationState.TOO_LATE, TOO_LATE
    return Notification(
        notification_id=notification_id(channel.name, flag.study_instance_uid, flag.target),
        channel=channel.name,
        study_instance_uid=flag.study_instance_uid,
        target=flag.target,
        outcome_id=flag.outcome_id,
        flagged_at=flagged_at,
        state=state,
        due_at=opens,
        expires_at=opens + limit,
        changed_at=now,
        words=words,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How things stand with a finding at the moment of telling it."""

    is_read: bool
    switch: AISwitch
    in_force: tuple[Flag, ...] = ()  # of this finding, in the latest assessments


def decided(
    one: Notification,
    channel: Channel,
    standing: Standing,
    modes: Modes,
    *,
    limit: timedelta,
    now: datetime,
) -> Flag | Notification:
    """What to do with a notification that is due: tell this flag, or keep it as it then is."""
    if now > one.expires_at:
        return _given_up(one, now)
    if not one.by_hand:
        if standing.is_read:
            state = NotificationState.NOT_TOLD
            return replace(one, state=state, words=READ_BEFORE, changed_at=now)
        opens = channel.opens(now)
        if opens > now:  # hours have ended before it could be told, or are others now
            return _put_off(one, channel, opens, limit=limit, now=now)
    flags = standing.in_force
    going = [flag for flag in flags if not standing.switch.is_stopped(flag.detector.name)]
    wanted = [flag for flag in going if one.by_hand or channel.wants(flag, modes)]
    if wanted:
        return max(wanted, key=lambda flag: (flag.probability, flag.outcome_id))
    words = STOPPED if flags and not going else WITHDRAWN
    return replace(one, due_at=now + _HELD_FOR, words=words, changed_at=now)


def _put_off(
    one: Notification, channel: Channel, opens: datetime, *, limit: timedelta, now: datetime
) -> Notification:
    """Until hours begin again, once; then it has the limit anew."""
    if not channel.waits:
        tried = one.attempts > 0
        state = NotificationState.PARKED if tried else NotificationState.NOT_TOLD
        return replace(one, state=state, words=one.words or OUTSIDE_HOURS, changed_at=now)
    was_put_off = one.expires_at > channel.opens(one.flagged_at) + limit
    if not was_put_off:
        words = one.words or CLOSED
        return replace(one, due_at=opens, expires_at=opens + limit, words=words, changed_at=now)
    if opens > one.expires_at:
        return _given_up(one, now)
    return replace(one, due_at=opens, changed_at=now)


def unserved(one: Notification, now: datetime) -> Notification:
    """One that nobody looked at until its time was over, as it ends."""
    return _given_up(replace(one, words=UNSERVED), now)


def _given_up(one: Notification, now: datetime) -> Notification:
    state = NotificationState.PARKED if one.attempts else NotificationState.TOO_LATE
    return replace(one, state=state, words=one.words or TOO_LATE, changed_at=now)


def begun(one: Notification, flag: Flag, now: datetime) -> Notification:
    """As it is kept before a try: counted, and due again should nobody say what came of it."""
    attempts = one.attempts + 1
    return replace(
        one,
        outcome_id=flag.outcome_id,
        attempts=attempts,
        due_at=now + max(IN_HAND, pause_after(attempts)),
        words=BEGUN,
        changed_at=now,
    )


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Whoever was to be told has it."""

    words: str


@dataclass(frozen=True, slots=True)
class Refused:
    """It was answered, and not taken; another try will hardly help."""

    words: str
    reached: tuple[str, ...] = ()  # of several receivers those who have it now


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Nobody answered, or asked to come back later."""

    words: str
    pause: timedelta | None = None  # as the answer asks; None: it does not
    reached: tuple[str, ...] = ()  # of several receivers those who have it now


Answer = Confirmed | Refused | Unanswered


def answered(one: Notification, answer: Answer, now: datetime) -> Notification:
    """The notification after a try that was `begun`.

    What has ended meanwhile stays as it is, unless somebody has it now.
    """
    if one.state is NotificationState.DELIVERED:
        return one
    tried = replace(one, words=answer.words, changed_at=now)
    if isinstance(answer, Confirmed):
        return replace(tried, state=NotificationState.DELIVERED, delivered_at=now, reached=())
    reached = tuple(sorted({*one.reached, *answer.reached}))
    if one.state is not NotificationState.WAITING:
        return replace(one, reached=reached)
    refused = isinstance(answer, Refused)
    refusals = min(one.refusals + refused, one.attempts)
    asked = _LONGEST_PAUSE if refused else timedelta()
    if isinstance(answer, Unanswered) and answer.pause:
        asked = answer.pause
    due_at = now + max(pause_after(one.attempts), asked)
    given_up = refusals >= MOST_REFUSALS or due_at > one.expires_at
    state = NotificationState.PARKED if given_up else NotificationState.WAITING
    return replace(tried, state=state, refusals=refusals, due_at=due_at, reached=reached)


def pause_after(attempts: int) -> timedelta:
    """How long to wait after so many tries, from 1 on: twice as long each time, to a limit."""
    return min(_FIRST_PAUSE * (1 << min(attempts - 1, _DOUBLINGS)), _LONGEST_PAUSE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """What is told: a flag in the words that this channel may hear, or a test."""

    notification_id: uuid.UUID
    channel: str
    flag: Flag | None  # None: a test
    probability: float | None  # None: not for people to see before they look (P8)
    study: Mapping[PatientDatum, str] = field(default_factory=dict)  # as received, not empty
    asked_for: str = ""  # which asking of a person this is; empty: nobody asked
    caveats: tuple[Caveat, ...] = ()
    reached: tuple[str, ...] = ()  # of several receivers those who are not told: they have it


def notice(
    one: Notification,
    channel: Channel,
    flag: Flag,
    study: Mapping[PatientDatum, str],
    modes: Modes,
    *,
    caveats: tuple[Caveat, ...] = (),
) -> Notice:
    """What a channel is told of a flag, and nothing beyond."""
    shown = modes.of(flag.detector.name) is Highlighting.AT_ONCE
    return Notice(
        notification_id=one.notification_id,
        channel=channel.name,
        flag=flag,
        probability=flag.probability if shown else None,
        study=_allowed(study, channel.tells),
        # The limit is counted anew when a person asks, and stays the same over the tries.
        asked_for=f"{one.expires_at.timestamp():.0f}" if one.by_hand else "",
        caveats=caveats,
        reached=one.reached,
    )


def caveats_of(
    one: Notification, channel: Channel, standing: Standing, *, limit: timedelta, now: datetime
) -> tuple[Caveat, ...]:
    """What the rules would have held it back for, had no person asked."""
    if not one.by_hand:
        return ()
    found = []
    if now > channel.opens(one.flagged_at) + limit:
        found.append(Caveat.LATE)
    if standing.is_read:
        found.append(Caveat.READ)
    return tuple(found)


def _allowed(
    study: Mapping[PatientDatum, str], tells: Collection[PatientDatum]
) -> dict[PatientDatum, str]:
    return {datum: study[datum] for datum in PatientDatum if datum in tells and study.get(datum)}
