"""The orders that are compared: where each of them puts a study, and when it moves it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any

from worklist.due_time import DueTargets, due_time
from worklist.finding import TargetFinding
from worklist.order import Position
from worklist.simulation_studies import SimulatedStudy
from worklist.study import RequestedPriority
from worklist.uid import StudyInstanceUID

INTERRUPTING, FIRST, OTHER = range(3)  # ranks: a lower one stops what a higher one reads
_START = datetime(2026, 1, 1, tzinfo=UTC)
_URGENCY = {priority: number for number, priority in enumerate(RequestedPriority)}
_NOTHING: Mapping[TargetFinding, float] = {}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a study stands in the list from a moment on."""

    from_min: float
    rank: int  # lower comes first and stops the reading of a higher one; equal ranks never do
    key: Any  # sorts within the rank; the same type for all places of a rank


PlacesOf = Callable[[SimulatedStudy], Sequence[Place]]  # in time, the first on arrival


class Policy(StrEnum):
    """An order of the reading worklist."""

    WITHOUT_AI = "without_ai"  # Vigie's due times with AI stopped
    FIFO = "fifo"
    REQUESTED_PRIORITY = "requested_priority"  # STAT before urgent before routine
    FLAGGED_FIRST = "flagged_first"  # what is being read is finished first
    FLAGGED_FIRST_PREEMPTIVE = "flagged_first_preemptive"  # a flag interrupts, reading resumes
    SCORE = "score"  # the highest probability first; not assessed comes last
    DUE_TIME = "due_time"  # Vigie's


def places_by(policy: Policy, targets: DueTargets) -> PlacesOf:
    """The places of studies under this policy; each study that interrupts comes first."""
    if policy in (Policy.WITHOUT_AI, Policy.DUE_TIME):
        return by_key(partial(_position, targets, with_ai=policy is Policy.DUE_TIME))
    preemptive = policy is Policy.FLAGGED_FIRST_PREEMPTIVE
    return partial(_places, _KEYS[policy], preemptive=preemptive)


def by_key(key: Callable[[SimulatedStudy, bool], Any]) -> PlacesOf:
    """A policy of one's own, without preemption, from a sort key.

    Parameters
    ----------
    key
        Takes the study and whether its outcome is there yet; the lowest key is read first.
    """
    return partial(_places, key, preemptive=False)


def received_at(minutes: float) -> datetime:
    """A moment of the simulation on the clock of the due times."""
    return _START + timedelta(minutes=minutes)


def _places(
    key: Callable[[SimulatedStudy, bool], Any], study: SimulatedStudy, *, preemptive: bool
) -> Sequence[Place]:
    arrived = study.arrived_min
    if study.interrupting:
        return (Place(arrived, INTERRUPTING, arrived),)
    rank = FIRST if preemptive and study.flagged else OTHER
    if study.assessed_min <= arrived:
        return (Place(arrived, rank, key(study, True)),)
    before = Place(arrived, OTHER, key(study, False))
    if not study.is_assessed:
        return (before,)
    return before, Place(study.assessed_min, rank, key(study, True))


def _position(
    targets: DueTargets, study: SimulatedStudy, assessed: bool, *, with_ai: bool
) -> Position:
    at = received_at(study.arrived_min)
    counted = study.probabilities if with_ai and assessed else _NOTHING
    return Position(
        unpinned=True,
        due_at=due_time(at, study.requested_priority, targets, counted).due_at,
        received_at=at,
        study_instance_uid=StudyInstanceUID(f"2.25.{study.number}"),
    )


def _arrival(study: SimulatedStudy, assessed: bool) -> Any:
    del assessed
    return study.arrived_min


def _requested(study: SimulatedStudy, assessed: bool) -> Any:
    del assessed
    return _URGENCY[study.requested_priority], study.arrived_min


def _flagged(study: SimulatedStudy, assessed: bool) -> Any:
    unflagged = not (assessed and study.flagged)
    return unflagged, _URGENCY[study.requested_priority], study.arrived_min


def _score(study: SimulatedStudy, assessed: bool) -> Any:
    highest = max(study.probabilities.values(), default=0.0) if assessed else 0.0
    return -highest, study.arrived_min


_KEYS = {
    Policy.FIFO: _arrival,
    Policy.REQUESTED_PRIORITY: _requested,
    Policy.FLAGGED_FIRST: _flagged,
    Policy.FLAGGED_FIRST_PREEMPTIVE: _flagged,
    Policy.SCORE: _score,
}
