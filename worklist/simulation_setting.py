"""What is simulated: how studies arrive, how long they take to read, and how well AI does.

All times are minutes (``*_min``), as in the literature on reading queues; shares are 0 to 1.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from worklist.due_time import DueTargets
from worklist.finding import TargetFinding
from worklist.simulation_ai import AIPerformance, BinormalScores
from worklist.study import RequestedPriority

HOURS = 24
MINUTES_OF_A_DAY = 1440.0
_LEAST_MEAN_MIN, _MOST_MEAN_MIN = 0.001, 1_000_000.0
_MOST_VARIATION = 100.0


def _within(name: str, value: float, *, above: float, below: float) -> None:
    if not above < value < below:
        raise ValueError(f"{name} is {value}, not between {above:g} and {below:g}")


def _whole(name: str, shares: Iterable[float]) -> None:
    listed = list(shares)
    if any(not 0.0 <= share <= 1.0 for share in listed) or abs(math.fsum(listed) - 1.0) > 1e-6:
        raise ValueError(f"the shares of {name} must be 0 to 1 and add up to 1")


class ReadingTimeShape(StrEnum):
    """How reading times scatter about their mean."""

    EXPONENTIAL = "exponential"
    LOGNORMAL = "lognormal"
    CONSTANT = "constant"


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadingTime:
    """How long one study takes to read.

    Raises
    ------
    ValueError
        If the mean or the variation is not above zero, or beyond what anybody means.
    """

    mean_min: float = 10.0
    shape: ReadingTimeShape = ReadingTimeShape.EXPONENTIAL
    variation: float = 0.5  # standard deviation over mean; counts for lognormal alone

    def __post_init__(self) -> None:
        if not _LEAST_MEAN_MIN <= self.mean_min <= _MOST_MEAN_MIN:
            raise ValueError(
                f"the mean reading time is {self.mean_min} min, not between "
                f"{_LEAST_MEAN_MIN:g} and {_MOST_MEAN_MIN:,.0f}"
            )
        if not 0 < self.variation <= _MOST_VARIATION:
            raise ValueError(
                f"the variation is {self.variation}, not above 0 and at most {_MOST_VARIATION:g}"
            )

    @property
    def second_moment(self) -> float:
        """The mean of its square, min²."""
        squared = self.mean_min**2
        if self.shape is ReadingTimeShape.EXPONENTIAL:
            return 2 * squared
        is_constant = self.shape is ReadingTimeShape.CONSTANT
        return squared if is_constant else squared * (1 + self.variation**2)


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatedFinding:
    """A finding that a detector looks for.

    Raises
    ------
    ValueError
        If the prevalence is not between 0 and 1.
    """

    finding: TargetFinding = TargetFinding.INTRACRANIAL_HAEMORRHAGE
    prevalence: float = 0.1  # among the studies of its kind
    performance: AIPerformance = field(default_factory=BinormalScores)

    def __post_init__(self) -> None:
        _within("prevalence", self.prevalence, above=0.0, below=1.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyKind:
    """Studies of one kind, for example head CTs; its findings come independently.

    Raises
    ------
    ValueError
        If its share is not above 0 and at most 1, or a finding is named twice.
    """

    name: str = "studies"
    share: float = 1.0  # of all studies that do not interrupt
    reading: ReadingTime = field(default_factory=ReadingTime)
    reading_diseased: ReadingTime | None = None  # with any finding present; None: the same
    findings: tuple[SimulatedFinding, ...] = (SimulatedFinding(),)  # empty: no detector looks

    def __post_init__(self) -> None:
        if not 0.0 < self.share <= 1.0:
            raise ValueError(f"the share of {self.name} is {self.share}, not above 0 and at most 1")
        if len({one.finding for one in self.findings}) < len(self.findings):
            raise ValueError(f"a finding of {self.name} is named twice")

    @property
    def diseased_share(self) -> float:
        """How many of them have any finding."""
        return 1.0 - math.prod(1.0 - one.prevalence for one in self.findings)

    @property
    def mean_reading_min(self) -> float:
        """Over the diseased and the others."""
        diseased = self.reading_diseased or self.reading
        share = self.diseased_share
        return share * diseased.mean_min + (1.0 - share) * self.reading.mean_min

    @property
    def second_moment(self) -> float:
        """Of the reading times, min², over the diseased and the others."""
        diseased = self.reading_diseased or self.reading
        share = self.diseased_share
        return share * diseased.second_moment + (1.0 - share) * self.reading.second_moment


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """A reading room and what comes to it.

    Raises
    ------
    ValueError
        If a number is out of its range, or shares do not add up to 1.
    """

    traffic: float = 0.8  # work that arrives over work that can be done, mean of the day
    readers: int = 1  # who each take the first of one list
    kinds: tuple[StudyKind, ...] = (StudyKind(),)
    priorities: Mapping[RequestedPriority, float] = field(
        default_factory=lambda: {RequestedPriority.ROUTINE: 1.0}
    )  # shares of the studies that do not interrupt
    interrupting_share: float = 0.0  # of all studies: they stop what is being read, whatever it is
    interrupting_reading: ReadingTime = field(default_factory=lambda: ReadingTime(mean_min=5.0))
    hourly_profile: tuple[float, ...] = ()  # relative arrivals of 24 hours; empty: all the same
    ai_delay_min: float = 0.0  # from the arrival to the outcome
    ai_failure_share: float = 0.0  # of the studies a detector looks at, all its findings together
    targets: DueTargets = field(default_factory=DueTargets)

    def __post_init__(self) -> None:
        _within("traffic", self.traffic, above=0.0, below=1.0)
        if self.readers < 1:
            raise ValueError("needs at least one reader")
        _whole("kinds of studies", (kind.share for kind in self.kinds))
        _whole("requested priorities", self.priorities.values())
        for name in ("interrupting_share", "ai_failure_share"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ValueError(f"{name} must be at least 0 and below 1")
        if not 0.0 <= self.ai_delay_min < math.inf:
            raise ValueError("ai_delay_min must be a number of minutes, not negative")
        profile = self.hourly_profile
        if profile and (
            len(profile) != HOURS or min(profile) < 0 or not 0 < sum(profile) < math.inf
        ):
            raise ValueError("hourly_profile needs 24 numbers, none negative and not all zero")

    @property
    def mean_reading_min(self) -> float:
        """Of all studies, those that interrupt included."""
        others = math.fsum(kind.share * kind.mean_reading_min for kind in self.kinds)
        share = self.interrupting_share
        return share * self.interrupting_reading.mean_min + (1.0 - share) * others

    @property
    def second_moment(self) -> float:
        """The mean of the square of the reading times of all studies, min²."""
        others = math.fsum(kind.share * kind.second_moment for kind in self.kinds)
        share = self.interrupting_share
        return share * self.interrupting_reading.second_moment + (1.0 - share) * others

    @property
    def arrivals_per_min(self) -> float:
        """The mean of the day."""
        return self.traffic * self.readers / self.mean_reading_min
