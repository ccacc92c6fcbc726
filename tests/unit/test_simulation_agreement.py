"""The simulation holds what theory says: paths exactly where a recursion exists, means to 2 %."""

import math
from dataclasses import replace
from heapq import heapreplace

import pytest

from worklist.simulation import simulate
from worklist.simulation_ai import OperatingPoint, specificity_of
from worklist.simulation_estimates import Estimate
from worklist.simulation_length import Run
from worklist.simulation_policies import Policy, places_by
from worklist.simulation_reading import waits_min
from worklist.simulation_setting import Setting, SimulatedFinding, StudyKind
from worklist.simulation_studies import SimulatedStudy, StudyClass, make_studies
from worklist.simulation_theory import QueueClass, fifo, non_preemptive, preemptive

_CLOSE = 1e-6  # minutes
_BOUND = 0.02


def with_flags(**room: object) -> Setting:
    specificity = specificity_of(sensitivity=0.9, ppv=0.3431, prevalence=0.1)
    found = SimulatedFinding(performance=OperatingPoint(sensitivity=0.9, specificity=specificity))
    return Setting(kinds=(StudyKind(findings=(found,)),), **room)  # type: ignore[arg-type]


def recursion(studies: list[SimulatedStudy], readers: int) -> list[float]:
    """In order of arrival, by when each reader is free (Kiefer and Wolfowitz 1955)."""
    free = [0.0] * readers
    waits = []
    for one in studies:
        start = max(free[0], one.arrived_min)
        heapreplace(free, start + one.reading_min)
        waits.append(start - one.arrived_min)
    return waits


@pytest.mark.parametrize("readers", [1, 2, 5])
def test_waits_in_order_of_arrival_are_those_of_the_recursion(readers: int) -> None:
    setting = with_flags(readers=readers)
    studies = make_studies(setting, 3000, "1")
    found = waits_min(studies, readers, places_of=places_by(Policy.FIFO, setting.targets))
    assert found == pytest.approx(recursion(studies, readers), abs=_CLOSE)
    assert max(found) > 10.0


@pytest.mark.parametrize("readers", [1, 2, 5])
def test_flags_that_interrupt_wait_as_if_there_were_no_others(readers: int) -> None:
    setting = with_flags(readers=readers, traffic=0.9)
    studies = make_studies(setting, 3000, "1")
    places = places_by(Policy.FLAGGED_FIRST_PREEMPTIVE, setting.targets)
    found = waits_min(studies, readers, places_of=places)
    flagged = [one for one in studies if one.flagged]
    expected = recursion(flagged, readers)
    assert [found[one.number] for one in flagged] == pytest.approx(expected, abs=_CLOSE)
    assert max(expected) > 1.0


def test_formulas_are_the_closed_forms() -> None:
    def queue(rate: float) -> QueueClass:
        return QueueClass(arrivals_per_min=rate, mean_min=10.0, second_moment=200.0)

    assert fifo(queue(0.08), 1) == pytest.approx(40.0, rel=1e-12)  # ρ / (µ - λ)
    assert fifo(queue(0.16), 2) == pytest.approx(160 / 9, rel=1e-12)  # ρ² / (µ (1 - ρ²))
    first, second = non_preemptive([queue(0.02), queue(0.06)], 1)
    assert (first, second) == pytest.approx((8 / 0.8, 8 / (0.8 * 0.2)), rel=1e-12)
    first, second = preemptive([queue(0.02), queue(0.06)], 1)
    assert (first, second) == pytest.approx((2.5, 10 / 0.8 + 8 / 0.16 - 10), rel=1e-12)


def agrees(found: Estimate, theory: float) -> None:
    assert found.low is not None
    assert found.high is not None
    assert found.low < theory < found.high
    assert math.fabs(found.value / theory - 1.0) < _BOUND


def test_simulated_means_lie_within_two_per_cent_and_a_bias_of_five_is_seen() -> None:
    """At little traffic, where 150,000 studies tell so much."""
    run = Run(replications=10, studies=15_000, seed=1)
    figures = simulate(with_flags(traffic=0.4), (Policy.FLAGGED_FIRST,), run=run)
    checked = 0
    for policy in figures:
        for one in (StudyClass.ALL, StudyClass.NON_DISEASED, StudyClass.UNFLAGGED):
            found = figures[policy][one]
            assert found.theory_mean is not None
            agrees(found.mean, found.theory_mean)
            for bias in (0.95, 1.05):
                with pytest.raises(AssertionError):
                    agrees(scaled(found.mean, bias), found.theory_mean)
            checked += 1
    assert checked == 6


def scaled(found: Estimate, bias: float) -> Estimate:
    assert found.low is not None
    assert found.high is not None
    return replace(found, value=bias * found.value, low=bias * found.low, high=bias * found.high)
