"""Other rules for the place of a study, to be compared with the due times of DESIGN.md section 5.

Each keeps P2 (a higher probability never moves a study back) and P3 (the place follows from what
is recorded). ``p`` is the calibrated probability of the one finding, ``t`` the target of the
requested priority and ``f`` that of the finding, minutes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from worklist.simulation_policies import OTHER, Place, PlacesOf, Policy, by_key, places_by
from worklist.simulation_reading import Entry, ReadingRoom, Waits, waits_min
from worklist.simulation_setting import Setting
from worklist.simulation_studies import SimulatedStudy
from worklist.study import RequestedPriority

Rule = Callable[[float, float, float], float]  # p, t, f → minutes from the arrival to be due

DUE_AFTER: Mapping[str, Rule] = {
    "rate, p to the 0.75": lambda p, t, f: 1 / (1 / t + p**0.75 / f),
    "rate, p to the 1.25": lambda p, t, f: 1 / (1 / t + p**1.25 / f),
    "rate, p to the 1.5": lambda p, t, f: 1 / (1 / t + p**1.5 / f),
    "rate, odds for p": lambda p, t, f: 1 / (1 / t + p / (1 - p) / f),
    "odds, to the 1.25": lambda p, t, f: t / (1 + (p / (1 - p) * t / f) ** 1.25),
    "rate, half the f": lambda p, t, f: 1 / (1 / t + 2 * p / f),
    "rate, twice the f": lambda p, t, f: 1 / (1 / t + p / (2 * f)),
    "root of squared rates": lambda p, t, f: (1 / t**2 + (p / f) ** 2) ** -0.5,
    "earliest term alone": lambda p, t, f: min(t, f / p),
    "geometric mean": lambda p, t, f: t ** (1 - p) * f**p,
    "linear": lambda p, t, f: (1 - p) * t + p * f,
}


def other_orders(setting: Setting) -> dict[str, Waits]:
    """Every rule at work, by name; for a setting with one kind and one finding."""
    requested, finding = _targets_min(setting)
    orders: dict[str, Waits] = {
        name: partial(waits_min, places_of=by_key(partial(_due, rule, requested, finding)))
        for name, rule in DUE_AFTER.items()
    }
    for minutes in (240, 1440):
        tried = replace(setting.targets, requested=dict.fromkeys(RequestedPriority, _min(minutes)))
        orders[f"due times, routine {minutes} min"] = partial(
            waits_min, places_of=places_by(Policy.DUE_TIME, tried)
        )
    orders["due times, prevalence if AI failed"] = partial(
        waits_min, places_of=by_key(partial(_due_by_prevalence, setting, requested, finding))
    )
    for share in (0.5, 1.0):
        capped = partial(_score_until, share * requested)
        orders[f"score, first after {share * requested:g} min"] = partial(
            waits_min, places_of=capped
        )
    orders["most overdue for its target"] = partial(
        waits_min, places_of=_waiting(requested, finding), room=MostOverdue
    )
    return orders


class MostOverdue(ReadingRoom):
    """Takes who has waited the most of its own target (Kleinrock's accumulating priority, 1964).

    The order changes as time passes, so that the whole list is looked at each time.
    """

    def _first(self, now: float) -> Entry | None:
        standing = [entry for entry in self._list if self._standing[entry[2]] is entry]
        if not standing:
            return None
        first = max(standing, key=lambda entry: ((now - entry[1][0]) / entry[1][1], -entry[2]))
        self._list = [entry for entry in standing if entry is not first]
        return first


def _min(minutes: float) -> timedelta:
    return timedelta(minutes=minutes)


def _targets_min(setting: Setting) -> tuple[float, float]:
    (kind,), (priority,) = setting.kinds, setting.priorities
    (found,) = kind.findings
    requested = setting.targets.requested[priority].total_seconds() / 60
    return requested, setting.targets.findings[found.finding].total_seconds() / 60


def _probability(study: SimulatedStudy) -> float:
    return max(study.probabilities.values(), default=0.0)


def _due(
    rule: Rule, requested: float, finding: float, study: SimulatedStudy, assessed: bool
) -> tuple[float, int]:
    p = _probability(study) if assessed else 0.0
    after = rule(p, requested, finding) if p else requested
    return study.arrived_min + after, study.number


def _due_by_prevalence(
    setting: Setting, requested: float, finding: float, study: SimulatedStudy, assessed: bool
) -> tuple[float, int]:
    """As due times, but a study that AI could not assess counts with the finding's prevalence."""
    prevalence = setting.kinds[0].findings[0].prevalence
    p = _probability(study) if assessed else prevalence
    return study.arrived_min + 1 / (1 / requested + p / finding), study.number


def _score_until(cap_min: float, study: SimulatedStudy) -> Sequence[Place]:
    """The highest probability first; who has waited so long comes before, the longest first."""
    arrived = study.arrived_min
    by_score: tuple[Any, ...] = (1, -_probability(study), arrived)
    return Place(arrived, OTHER, by_score), Place(arrived + cap_min, OTHER, (0, arrived))


def _waiting(requested: float, finding: float) -> PlacesOf:
    def key(study: SimulatedStudy, assessed: bool) -> tuple[float, float]:
        p = _probability(study) if assessed else 0.0
        return study.arrived_min, 1 / (1 / requested + p / finding)

    return by_key(key)
