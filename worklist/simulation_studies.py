"""The studies of one simulated run: the same ones for every order they are read in."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate, islice, takewhile
from random import Random

from worklist.finding import TargetFinding
from worklist.simulation_setting import (
    HOURS,
    MINUTES_OF_A_DAY,
    ReadingTime,
    ReadingTimeShape,
    Setting,
    StudyKind,
)
from worklist.study import RequestedPriority

_NOTHING: Mapping[TargetFinding, float] = {}


class StudyClass(StrEnum):
    """Whose waits are told apart; a study may be of several."""

    ALL = "all"  # but those that interrupt
    DISEASED = "diseased"
    NON_DISEASED = "non_diseased"
    FLAGGED = "flagged"
    UNFLAGGED = "unflagged"  # assessed, by no detector flagged
    MISSED = "missed"  # diseased and unflagged
    NOT_ASSESSED = "not_assessed"  # a detector should have looked and failed
    NO_DETECTOR = "no_detector"  # of a kind that no detector looks at
    INTERRUPTING = "interrupting"


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatedStudy:
    """One study: when it comes, what it takes, what it has, and what AI says of it."""

    number: int  # counts from 0, in the order of arrival
    arrived_min: float
    reading_min: float  # undisturbed
    interrupting: bool
    requested_priority: RequestedPriority
    present: frozenset[TargetFinding]
    probabilities: Mapping[TargetFinding, float]  # calibrated; empty: not assessed
    flagged: bool
    looked_for: bool  # a detector looks at its kind
    assessed_min: float  # when the outcome comes; infinite: never

    @property
    def is_assessed(self) -> bool:
        """Whether AI ever says anything of it."""
        return bool(self.probabilities)

    @property
    def classes(self) -> Iterator[StudyClass]:
        """Every class it is of."""
        if self.interrupting:
            yield StudyClass.INTERRUPTING
            return
        yield StudyClass.ALL
        yield StudyClass.DISEASED if self.present else StudyClass.NON_DISEASED
        if self.is_assessed:
            yield StudyClass.FLAGGED if self.flagged else StudyClass.UNFLAGGED
            if self.present and not self.flagged:
                yield StudyClass.MISSED
        else:
            yield StudyClass.NOT_ASSESSED if self.looked_for else StudyClass.NO_DETECTOR


def make_studies(setting: Setting, count: int, seed: str) -> list[SimulatedStudy]:
    """So many studies in the order of arrival, the same for the same seed.

    Arrivals, truth, reading times and AI draw from streams of their own, so that a change of one
    leaves the others as they are (common random numbers).
    """
    return list(islice(_studies(setting, seed), count))


def make_days(setting: Setting, days: int, seed: str) -> list[SimulatedStudy]:
    """The studies of so many days from a midnight on, the same ones as `make_studies` makes."""
    end = days * MINUTES_OF_A_DAY
    return list(takewhile(lambda one: one.arrived_min < end, _studies(setting, seed)))


def _studies(setting: Setting, seed: str) -> Iterator[SimulatedStudy]:
    arrivals = _arrivals(setting, _stream(seed, "arrivals"))
    truth = _Truth(setting, _stream(seed, "truth"))
    reading = _stream(seed, "reading")
    looking = _stream(seed, "looking")
    for number, arrived in enumerate(arrivals):
        kind, present, priority = truth.next()
        said = _outcome(setting, kind, present, looking) if kind is not None else None
        yield SimulatedStudy(
            number=number,
            arrived_min=arrived,
            reading_min=_duration(_reading_time(setting, kind, present), reading),
            interrupting=kind is None,
            requested_priority=priority,
            present=present,
            probabilities=said[0] if said else _NOTHING,
            flagged=said is not None and said[1],
            looked_for=kind is not None and bool(kind.findings),
            assessed_min=arrived + setting.ai_delay_min if said else math.inf,
        )


def _stream(seed: str, name: str) -> Random:
    return Random(f"{seed}/{name}")  # noqa: S311  (a simulation, no secret)


def _arrivals(setting: Setting, chance: Random) -> Iterator[float]:
    """Minutes from the start, a Poisson process; hours with fewer are thinned."""
    profile = setting.hourly_profile or (1.0,) * HOURS
    highest = max(profile)
    rate = setting.arrivals_per_min * highest * HOURS / math.fsum(profile)
    now = 0.0
    while True:
        now += chance.expovariate(rate)
        hour = int(now % MINUTES_OF_A_DAY * HOURS / MINUTES_OF_A_DAY)
        if chance.random() * highest < profile[min(hour, HOURS - 1)]:
            yield now


class _Truth:
    """Draws what studies are: their kind (None: one that interrupts), findings and priority."""

    def __init__(self, setting: Setting, chance: Random) -> None:
        self._setting = setting
        self._chance = chance
        self._kinds = list(accumulate(kind.share for kind in setting.kinds))
        self._priorities = list(setting.priorities)
        self._until = list(accumulate(setting.priorities.values()))

    def next(self) -> tuple[StudyKind | None, frozenset[TargetFinding], RequestedPriority]:
        interrupts = self._chance.random() < self._setting.interrupting_share
        kind = self._setting.kinds[_drawn(self._kinds, self._chance)]
        priority = self._priorities[_drawn(self._until, self._chance)]
        present = frozenset(
            [one.finding for one in kind.findings if self._chance.random() < one.prevalence]
        )
        return (None, frozenset(), priority) if interrupts else (kind, present, priority)


def _drawn(until: Sequence[float], chance: Random) -> int:
    drawn = chance.random()
    return next((i for i, limit in enumerate(until) if drawn < limit), len(until) - 1)


def _outcome(
    setting: Setting, kind: StudyKind, present: frozenset[TargetFinding], chance: Random
) -> tuple[Mapping[TargetFinding, float], bool] | None:
    """Probabilities and whether any is flagged; None: no detector looks, or it failed."""
    failed = chance.random() < setting.ai_failure_share
    said = {
        one.finding: one.performance.says(one.finding in present, one.prevalence, chance)
        for one in kind.findings
    }
    if failed or not said:
        return None
    probabilities = {finding: probability for finding, (probability, _) in said.items()}
    return probabilities, any(flagged for _, flagged in said.values())


def _reading_time(
    setting: Setting, kind: StudyKind | None, present: frozenset[TargetFinding]
) -> ReadingTime:
    if kind is None:
        return setting.interrupting_reading
    return (present and kind.reading_diseased) or kind.reading


def _duration(reading: ReadingTime, chance: Random) -> float:
    if reading.shape is ReadingTimeShape.CONSTANT:
        return reading.mean_min
    if reading.shape is ReadingTimeShape.EXPONENTIAL:
        return chance.expovariate(1.0 / reading.mean_min)
    variance = math.log1p(reading.variation**2)
    return chance.lognormvariate(math.log(reading.mean_min) - variance / 2.0, math.sqrt(variance))
