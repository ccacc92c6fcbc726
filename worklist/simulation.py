"""What an order of the reading worklist would do to every class of studies, before it is used.

The same studies are read under every policy, so that minutes won and lost are differences study
by study against the order without AI. Assumptions and estimators stand in docs/simulation.md.
"""

import math
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from worklist.simulation_estimates import Estimate, percentiles, ratio
from worklist.simulation_expected import expected_waits
from worklist.simulation_length import Run, studies_of
from worklist.simulation_policies import Policy, places_by
from worklist.simulation_reading import Waits, waits_min
from worklist.simulation_setting import Setting
from worklist.simulation_studies import SimulatedStudy, StudyClass


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassFigures:
    """The waits of one class under one policy, minutes."""

    studies: int
    mean: Estimate
    median: Estimate
    percentile_95: Estimate
    percentile_99: Estimate
    longest: float  # grows with how much is simulated
    over_target: Estimate  # share that waits longer than what it has asks for
    won: Estimate  # mean of the minutes won against the order without AI, of all studies
    lost: Estimate  # mean of the minutes lost, of all studies
    change: Estimate  # lost less won
    theory_mean: float | None  # by formula; None: there is none


Figures = Mapping[str, Mapping[StudyClass, ClassFigures]]  # by policy


def simulate(
    setting: Setting,
    policies: Iterable[Policy] = tuple(Policy),
    *,
    run: Run | None = None,
    others: Mapping[str, Waits] | None = None,
    told: Callable[[int, int], None] | None = None,
) -> Figures:
    """The waits of every class under each policy, with 95 % intervals.

    Parameters
    ----------
    others
        Orders of one's own by name, compared in the same run.
    told
        Called with how many parts are done, of how many; what it raises ends the simulation.
    """
    run = run or Run()
    orders: dict[str, Waits] = {
        policy: partial(waits_min, places_of=places_by(policy, setting.targets))
        for policy in (Policy.WITHOUT_AI, *policies)
    }
    orders |= others or {}
    replications = [
        _replicate(setting, orders, run, number, told) for number in range(run.replications)
    ]
    return {name: _figures(setting, replications, name) for name in orders}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Replication:
    """One independent run: the counted studies alone."""

    members: Mapping[StudyClass, Sequence[int]]  # numbers of studies
    targets_min: Sequence[float]
    waits: Mapping[str, Sequence[float]]  # by order


def _replicate(
    setting: Setting,
    orders: Mapping[str, Waits],
    run: Run,
    number: int,
    told: Callable[[int, int], None] | None,
) -> _Replication:
    studies, counted = studies_of(setting, run, number)
    members: dict[StudyClass, list[int]] = {}
    for index, study in enumerate(studies[counted]):
        for one in study.classes:
            members.setdefault(one, []).append(index)
    waits = {}
    for part, (name, order) in enumerate(orders.items(), start=1):
        waits[name] = array("d", order(studies, setting.readers)[counted])
        if told is not None:
            told(number * len(orders) + part, run.replications * len(orders))
    targets = array("d", [_target_min(study, setting) for study in studies[counted]])
    return _Replication(members=members, targets_min=targets, waits=waits)


def _target_min(study: SimulatedStudy, setting: Setting) -> float:
    """How soon it should be read for what it truly has, whatever AI says."""
    asked = setting.targets.requested[study.requested_priority]
    found = [setting.targets.findings[finding] for finding in study.present]
    return min([asked, *found]).total_seconds() / 60.0


def _figures(
    setting: Setting, replications: Sequence[_Replication], name: str
) -> Mapping[StudyClass, ClassFigures]:
    theory = expected_waits(setting, Policy(name)) if name in set(Policy) else {}
    return {
        one: _of_class(replications, name, one, theory.get(one))
        for one in StudyClass
        if any(one in replication.members for replication in replications)
    }


def _of_class(
    replications: Sequence[_Replication], name: str, one: StudyClass, theory: float | None
) -> ClassFigures:
    waits, changes, late = [], [], []
    for replication in replications:
        members = replication.members.get(one, ())
        mine, without = replication.waits[name], replication.waits[Policy.WITHOUT_AI]
        waits.append([mine[i] for i in members])
        changes.append([mine[i] - without[i] for i in members])
        late.append([float(mine[i] > replication.targets_min[i]) for i in members])
    median, tail_95, tail_99 = percentiles(waits, (0.5, 0.95, 0.99))
    return ClassFigures(
        studies=sum(map(len, waits)),
        mean=_not_negative(_mean(waits)),
        median=median,
        percentile_95=tail_95,
        percentile_99=tail_99,
        longest=max(map(max, filter(None, waits))),
        over_target=_share(late),
        won=_not_negative(_mean([[max(0.0, -change) for change in part] for part in changes])),
        lost=_not_negative(_mean([[max(0.0, change) for change in part] for part in changes])),
        change=_mean(changes),
        theory_mean=theory,
    )


def _mean(replications: Sequence[Sequence[float]]) -> Estimate:
    return ratio([(math.fsum(values), float(len(values))) for values in replications])


def _not_negative(estimate: Estimate) -> Estimate:
    return replace(estimate, low=None if estimate.low is None else max(0.0, estimate.low))


def _share(replications: Sequence[Sequence[float]]) -> Estimate:
    mean = _not_negative(_mean(replications))
    return replace(mean, high=None if mean.high is None else min(1.0, mean.high))
