"""The JSON of what goes back: destinations and deliveries."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from viewer.asked import Asked
from worklist.outbound import (
    DeliveryState,
    DeliveryView,
    DestinationView,
    MakingProblem,
    ObjectKind,
    Worth,
)

_MOST_AT_ONCE = 500


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class DestinationAnswer(_Answer):
    """One destination, and how many objects are in which state there."""

    name: str
    kind: str  # dimse or stow; empty: it is set no more
    address: str
    objects: list[ObjectKind]  # the kinds it gets
    studies: Worth | None  # of which studies
    counts: dict[DeliveryState, int]
    held: int  # of those that wait: until a person says that they may go to a new address

    @classmethod
    def of(cls, one: DestinationView) -> "DestinationAnswer":
        """As people are shown it."""
        return cls(
            name=one.name,
            kind=one.kind,
            address=one.address,
            objects=list(one.objects),
            studies=one.worth,
            counts=dict(one.counts),
            held=one.held,
        )


class TestAnswer(_Answer):
    """What answered at a destination."""

    __test__ = False  # no test, whatever pytest thinks of its name

    reachable: bool
    words: str


class DeliveryAnswer(_Answer):
    """One object on its way to one destination."""

    delivery_id: int
    study_instance_uid: str
    assessment_number: int
    sop_instance_uid: str
    kind: ObjectKind
    destination: str
    state: DeliveryState
    tries: int
    made_at: datetime
    queued_at: datetime
    next_try_at: datetime | None
    sent_at: datetime | None
    committed_at: datetime | None
    status: int | None  # of the last answer
    words: str
    counts: bool  # neither superseded nor retracted

    @classmethod
    def of(cls, view: DeliveryView) -> "DeliveryAnswer":
        """As people are shown it."""
        one = view.delivery
        return cls(
            delivery_id=one.delivery_id,
            study_instance_uid=view.study_instance_uid,
            assessment_number=view.assessment_number,
            sop_instance_uid=one.sop_instance_uid,
            kind=view.kind,
            destination=one.destination,
            state=one.state,
            tries=one.tries,
            made_at=view.made_at,
            queued_at=one.queued_at,
            next_try_at=one.next_try_at,
            sent_at=one.sent_at,
            committed_at=one.committed_at,
            status=one.status,
            words=one.words,
            counts=view.counts,
        )


class DeliveriesAnswer(_Answer):
    """A page of deliveries, the last made first."""

    deliveries: list[DeliveryAnswer]
    next_before: int | None  # ask for those before this number; null: these are the last


class ResendRequest(Asked):
    """What is to be sent again: what is named, or all that failed at a destination."""

    delivery_ids: list[int] | None = Field(default=None, min_length=1, max_length=_MOST_AT_ONCE)
    study_instance_uid: str | None = Field(default=None, max_length=64)
    destination: str | None = Field(default=None, max_length=64)

    @model_validator(mode="before")
    @classmethod
    def _names_something(cls, given: Any) -> Any:
        if isinstance(given, dict) and not any(one is not None for one in given.values()):
            raise ValueError("name destinations, a study or deliveries")
        return given


class ResentAnswer(_Answer):
    """How many deliveries wait again."""

    resent: int


class ReleasedAnswer(_Answer):
    """How many objects may go to a destination's new address."""

    released: int


class ProblemAnswer(_Answer):
    """Results of a study that could not be made, or not all of them."""

    study_instance_uid: str
    assessment_number: int
    problem: str
    at: datetime  # of the last try
    next_try_at: datetime | None  # null: it is tried no more, unless a person asks for it

    @classmethod
    def of(cls, one: MakingProblem) -> "ProblemAnswer":
        """As people are shown it."""
        return cls(
            study_instance_uid=one.study_instance_uid,
            assessment_number=one.assessment_number,
            problem=one.problem,
            at=one.at,
            next_try_at=one.next_try_at,
        )


class AnewRequest(Asked):
    """Why results of a study are to be made anew."""

    reason: str = Field(max_length=1000)


class RetractRequest(Asked):
    """Why no result of a study is to count."""

    reason: str = Field(max_length=1000)


class RetractedAnswer(_Answer):
    """How many objects count no more."""

    retracted: int
