"""What goes back: the objects made of an assessment, and where each of them stands on its way.

A delivery is one object on its way to one destination. Every step is a function of it, of what
was answered and of the time; the store keeps what they return.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from worklist.errors import VigieError
from worklist.highlighting import Modes
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID

_MOST_DOUBLINGS = 40  # a pause doubled so often is longer than any


class UnknownDestination(VigieError, LookupError):
    """No destination of this name is set."""


class UnknownDelivery(VigieError, LookupError):
    """No such object was made for any destination."""


class CannotResend(VigieError):
    """What counts no more is not sent again."""


class NothingToRetract(VigieError):
    """Nothing that counts was made of this study."""


class ObjectKind(StrEnum):
    """What an object is; docs/results.md says what each tells."""

    REPORT = "report"
    SEGMENTATION = "segmentation"
    PRESENTATION = "presentation"
    KEY_IMAGE = "key_image"
    SELECTION = "selection"
    REJECTION = "rejection"  # goes wherever something that it names was sent


class Worth(StrEnum):
    """Of which studies a destination gets something; each holds those before it."""

    FLAGGED = "flagged"  # at least one detector flagged something
    EVALUATED = "evaluated"  # at least one looked, or should have and failed
    ALL = "all"  # also those to which no detector applies


class DeliveryState(StrEnum):
    """Where one object stands at one destination."""

    WAITING = "waiting"  # to be sent, now or when its next try is due
    SENT = "sent"  # the destination took it
    COMMITTED = "committed"  # and answers for its safekeeping
    REFUSED = "refused"  # the destination said no; asked again only by a person
    PARKED = "parked"  # tried for as long as the site wants; tried again only by a person
    WITHDRAWN = "withdrawn"  # superseded or retracted before it was sent


class RejectionReason(StrEnum):
    """Why objects that were sent count no more."""

    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"


class NotSentBecause(StrEnum):
    """Why objects that waited are not sent any more."""

    SUPERSEDED = "a later result took their place"
    UNTELLABLE = "what holds now cannot be told"
    SET_NO_MORE = "the destination is set no more"


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long what cannot be sent is tried."""

    first_pause: timedelta = timedelta(seconds=5)  # after the first try; doubled after each
    longest_pause: timedelta = timedelta(minutes=10)
    limit: timedelta = timedelta(hours=72)  # from when it was queued until it is parked

    def pause(self, tries: int) -> timedelta:
        """How long to wait after so many tries in vain, one at least."""
        doublings = min(max(tries, 1) - 1, _MOST_DOUBLINGS)
        try:
            pause: timedelta = self.first_pause * 2**doublings
            return min(pause, self.longest_pause)
        except OverflowError:
            return self.longest_pause


# What cannot be made now (the archive does not answer, a decoder died) is tried for a day.
MAKING = Patience(
    first_pause=timedelta(seconds=30), longest_pause=timedelta(hours=1), limit=timedelta(days=1)
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """One object on its way to one destination."""

    delivery_id: int
    sop_instance_uid: SOPInstanceUID
    destination: str
    state: DeliveryState
    queued_at: datetime  # for the first time, or again by a person
    next_try_at: datetime | None  # None unless it waits
    tries: int = 0  # since it was queued
    # Sent, or on its way when the answer failed to come: whatever supersedes it must reject it.
    may_be_there: bool = False
    status: int | None = None  # of the last answer; None: there was none
    words: str = ""  # the last words on it, the destination's or ours
    sent_at: datetime | None = None
    committed_at: datetime | None = None


def begun(one: Delivery) -> Delivery:
    """It is about to be sent; kept before the first byte leaves."""
    return replace(one, tries=one.tries + 1, may_be_there=True)


def accepted(one: Delivery, *, status: int | None, words: str, now: datetime) -> Delivery:
    """The destination took it, perhaps after it was withdrawn: then it is there all the same."""
    return replace(
        one,
        state=DeliveryState.SENT,
        next_try_at=None,
        may_be_there=True,
        status=status,
        words=words,
        sent_at=now,
    )


def refused(one: Delivery, *, status: int | None, words: str, was_there: bool = False) -> Delivery:
    """The destination does not want it, whenever it is asked.

    Parameters
    ----------
    was_there
        Whether it may have been there before this try: what refuses a second one keeps the first.
    """
    state = one.state if one.state is DeliveryState.WITHDRAWN else DeliveryState.REFUSED
    told = replace(one, state=state, next_try_at=None, status=status, words=words)
    return not_offered(told, was_there=was_there)


def not_offered(one: Delivery, *, was_there: bool) -> Delivery:
    """It did not leave in this try: it is there if it may have been before."""
    return replace(one, may_be_there=was_there or one.sent_at is not None)


def put_off(one: Delivery, *, words: str, now: datetime, patience: Patience) -> Delivery:
    """Nobody answered; it is tried again later, and parked after the limit."""
    told = replace(one, status=None, words=words)
    if one.state is not DeliveryState.WAITING:
        return told
    if now - one.queued_at >= patience.limit:
        return replace(told, state=DeliveryState.PARKED, next_try_at=None)
    return replace(told, next_try_at=now + patience.pause(one.tries))


def committed(one: Delivery, *, now: datetime) -> Delivery:
    """The destination answers for its safekeeping (PS3.4 annex J)."""
    if one.state is not DeliveryState.SENT:
        return one
    return replace(one, state=DeliveryState.COMMITTED, committed_at=now)


def not_committed(one: Delivery, *, words: str, now: datetime, patience: Patience) -> Delivery:
    """The destination took it and has it not: it is sent again, within the limit."""
    if one.state is not DeliveryState.SENT:
        return one
    waiting = replace(one, state=DeliveryState.WAITING)
    return put_off(waiting, words=words, now=now, patience=patience)


def withdrawn(one: Delivery) -> Delivery:
    """It counts no more: what was not sent stays, what was sent is to be rejected."""
    if one.state in {DeliveryState.SENT, DeliveryState.COMMITTED}:
        return one
    return replace(one, state=DeliveryState.WITHDRAWN, next_try_at=None)


def resent(one: Delivery, *, now: datetime) -> Delivery:
    """A person wants it sent again, at once.

    Raises
    ------
    CannotResend
        If it was withdrawn: something newer took its place, or nothing may.
    """
    if one.state is DeliveryState.WITHDRAWN:
        raise CannotResend("it was superseded or retracted, and is not sent again")
    return replace(one, state=DeliveryState.WAITING, queued_at=now, next_try_at=now, tries=0)


@dataclass(frozen=True, kw_only=True, slots=True)
class MadeObject:
    """One object as it was made and lies on disk."""

    kind: ObjectKind
    sop_class_uid: str
    sop_instance_uid: SOPInstanceUID
    series_instance_uid: SeriesInstanceUID
    path: str  # relative to the folder of results
    sha256: str
    size_bytes: int
    names: tuple[SOPInstanceUID, ...] = ()  # of ours, what it takes the place of or rejects
    why: RejectionReason | None = None  # of a rejection
    said_at: datetime | None = None  # of a rejection: since when what it names counts no more


@dataclass(frozen=True, kw_only=True, slots=True)
class MadeSet:
    """What was made of one assessment, as it could be told at that time."""

    study_instance_uid: StudyInstanceUID
    assessment_number: int
    made_at: datetime
    objects: tuple[MadeObject, ...]
    worth: Worth  # the narrowest that the study belongs to
    revealed: frozenset[str]  # detectors whose marks are told because a reader saw them
    withheld: frozenset[str]  # detectors whose marks wait for a first look
    problem: str = ""  # what could not be made, and why
    digest: str = ""  # of the facts it was made of; empty: there were none
    rules: str = ""  # software and modes that it was made with
    was_asked: bool = True  # a person had asked for it when its facts were read


@dataclass(frozen=True, kw_only=True, slots=True)
class Wants:
    """What one destination is to get."""

    name: str
    kinds: frozenset[ObjectKind]
    worth: Worth = Worth.EVALUATED

    def wants(self, kind: ObjectKind, worth: Worth) -> bool:
        """Whether it gets an object of this kind, of a study of this worth."""
        order = tuple(Worth)
        return kind in self.kinds and order.index(worth) <= order.index(self.worth)


def rules_of(software_version: str, modes: Modes) -> str:
    """What decides beside the facts how results look: in other words, they are made anew."""
    chosen = (f"{name}={mode}" for name, mode in sorted(modes.chosen.items()))
    return " ".join((software_version, *chosen))


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryView:
    """A delivery as people are shown it."""

    delivery: Delivery
    study_instance_uid: StudyInstanceUID
    assessment_number: int
    kind: ObjectKind
    made_at: datetime
    counts: bool = True  # neither superseded nor retracted; a rejection always does


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryPage:
    """Deliveries, the last made first."""

    deliveries: tuple[DeliveryView, ...]
    next_before: int | None  # ask for those before this number; None: these are the last


@dataclass(frozen=True, kw_only=True, slots=True)
class DestinationView:
    """A destination as people are shown it; never its secrets."""

    name: str
    kind: str  # dimse, stow; empty: it is set no more
    address: str
    objects: tuple[ObjectKind, ...]
    worth: Worth | None
    counts: Mapping[DeliveryState, int]  # every state
    held: int = 0  # of those that wait: until a person says that they may go to a new address


@dataclass(frozen=True, kw_only=True, slots=True)
class MakingProblem:
    """Results of a study that could not be made, or not all of them."""

    study_instance_uid: StudyInstanceUID
    assessment_number: int
    problem: str
    at: datetime  # of the last try
    next_try_at: datetime | None  # None: it is tried no more, unless a person asks for it
