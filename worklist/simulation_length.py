"""How much is simulated, and how much of it is counted."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace

from worklist.simulation_setting import MINUTES_OF_A_DAY, Setting
from worklist.simulation_studies import SimulatedStudy, make_days, make_studies

MOST_READINGS = 100_000_000  # half an hour of one core
MOST_STUDIES = 2_000_000  # in one replication: they are held in memory
_MOST_MIN = 1000 * 365.25 * MINUTES_OF_A_DAY
_RELAXATIONS = 7.0
_LEAST_REPLICATIONS = 2
_HALVINGS = 40


class SimulationTooLong(ValueError):
    """A simulation that would not end in good time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """How much is simulated.

    Raises
    ------
    ValueError
        If there are fewer than 2 replications or no study is counted.
    """

    replications: int = 10  # independent of each other
    studies: int = 3000  # counted in each; with an hourly profile, whole days of at least so many
    warm_up: int | None = None  # before and after those counted; None: by the traffic
    seed: int = 1

    def __post_init__(self) -> None:
        if self.replications < _LEAST_REPLICATIONS or self.studies < 1:
            raise ValueError("needs at least 2 replications and one study in each")
        if self.warm_up is not None and self.warm_up < 0:
            raise ValueError("warm_up must not be negative")


@dataclass(frozen=True, kw_only=True, slots=True)
class Days:
    """Whole days from midnight to midnight, where arrivals follow the hours of the day."""

    before: int  # not counted
    counted: int
    after: int  # not counted

    @property
    def all(self) -> int:
        """How many are simulated."""
        return self.before + self.counted + self.after


def warm_up_studies(setting: Setting) -> int:
    """How many studies pass until an empty room is as busy as it will be.

    Seven times the relaxation time of M/M/1, ``1 / (µ (1 - √ρ)²)`` (Cohen 1982), in arrivals;
    longer by ``(1 + c²) / 2`` where reading times vary more than exponential ones.
    """
    roots = (1.0 - setting.traffic) / (1.0 + math.sqrt(setting.traffic))  # 1 - √ρ, never 0
    variation = max(1.0, setting.second_moment / setting.mean_reading_min**2 / 2.0)
    return math.ceil(_RELAXATIONS * variation * setting.traffic / roots**2)


def days_of(setting: Setting, run: Run) -> Days | None:
    """The days that are simulated; None: studies are counted, whatever the hour.

    One day more than it takes to warm up: the first night is no night after a day.
    """
    if not setting.hourly_profile or run.warm_up is not None:
        return None
    per_day = setting.arrivals_per_min * MINUTES_OF_A_DAY
    margin = math.ceil(warm_up_studies(setting) / per_day)
    return Days(before=1 + margin, counted=math.ceil(run.studies / per_day), after=margin)


def studies_of(setting: Setting, run: Run, number: int) -> tuple[Sequence[SimulatedStudy], slice]:
    """The studies of one replication, and which are counted."""
    seed = f"{run.seed}/{number}"
    days = days_of(setting, run)
    if days is None:
        margin = warm_up_studies(setting) if run.warm_up is None else run.warm_up
        studies = make_studies(setting, run.studies + 2 * margin, seed)
        return studies, slice(margin, margin + run.studies)
    studies = make_days(setting, days.all, seed)
    ends = (days.before * MINUTES_OF_A_DAY, (days.before + days.counted) * MINUTES_OF_A_DAY)
    first, after = (bisect_left(studies, end, key=lambda one: one.arrived_min) for end in ends)
    return studies, slice(first, after)


def readings(setting: Setting, orders: int, run: Run) -> int:
    """How many readings a simulation of so many orders works through."""
    return run.replications * _studies_in_one(setting, run) * orders


def check_length(setting: Setting, orders: int, run: Run) -> None:
    """Refuse what would not end in good time.

    Raises
    ------
    SimulationTooLong
        With what could be simulated instead.
    """
    needed = min(MOST_STUDIES, run.studies + 2 * warm_up_studies(setting))
    if setting.arrivals_per_min * _MOST_MIN < needed:
        raise SimulationTooLong(
            "so few studies come that more than 1,000 years would be simulated: "
            "ask for shorter readings or more traffic"
        )
    if _is_short(setting, orders, run):
        return
    low, high = 0.0, setting.traffic
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        is_short = _is_short(replace(setting, traffic=middle), orders, run)
        low, high = (middle, high) if is_short else (low, middle)
    advice = (
        f"a traffic of {math.floor(low * 1000) / 1000:g} can be" if low > 0.01 else "ask for less"
    )
    raise SimulationTooLong(
        f"{readings(setting, orders, run):,} readings are too many to simulate: {advice}"
    )


def _is_short(setting: Setting, orders: int, run: Run) -> bool:
    return (
        readings(setting, orders, run) <= MOST_READINGS
        and _studies_in_one(setting, run) <= MOST_STUDIES
    )


def _studies_in_one(setting: Setting, run: Run) -> int:
    days = days_of(setting, run)
    if days is None:
        margin = warm_up_studies(setting) if run.warm_up is None else run.warm_up
        return run.studies + 2 * margin
    return math.ceil(days.all * MINUTES_OF_A_DAY * setting.arrivals_per_min)
