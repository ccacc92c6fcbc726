"""Invariants of the simulated reading room, whatever comes and however it is ordered."""

import math
from collections.abc import Sequence
from functools import partial
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from worklist.due_time import DueTargets
from worklist.finding import TargetFinding
from worklist.simulation_policies import OTHER, Place, Policy, places_by
from worklist.simulation_reading import waits_min
from worklist.simulation_studies import SimulatedStudy
from worklist.study import RequestedPriority

TARGETS = DueTargets()
NON_PREEMPTIVE = [one for one in Policy if one is not Policy.FLAGGED_FIRST_PREEMPTIVE]
BLOOD = TargetFinding.INTRACRANIAL_HAEMORRHAGE
_CLOSE = 1e-6

few = settings(max_examples=40, deadline=None)
spans = st.floats(0.001, 2000.0)


@st.composite
def queues(draw: st.DrawFn, *, interrupting: bool = False) -> list[SimulatedStudy]:
    """Up to 14 studies, most of which come while others wait."""
    made, arrived = [], 0.0
    for number in range(draw(st.integers(1, 14))):
        arrived += draw(st.sampled_from([0.25, 1.0, 5.0, 500.0]) | spans)
        probability = draw(st.none() | st.floats(0.0, 1.0))
        interrupts = interrupting and draw(st.booleans())
        assessed = probability is not None and not interrupts
        made.append(
            SimulatedStudy(
                number=number,
                arrived_min=arrived,
                reading_min=draw(spans),
                interrupting=interrupts,
                requested_priority=draw(st.sampled_from(RequestedPriority)),
                present=frozenset(),
                probabilities={BLOOD: probability} if assessed else {},  # type: ignore[dict-item]
                flagged=assessed and draw(st.booleans()),
                looked_for=True,
                assessed_min=arrived + draw(st.just(0.0) | spans) if assessed else math.inf,
            )
        )
    return made


def waits(studies: Sequence[SimulatedStudy], policy: Policy, readers: int = 1) -> list[float]:
    return waits_min(studies, readers, places_of=places_by(policy, TARGETS))


policies = st.sampled_from(Policy)
non_preemptive = st.sampled_from(NON_PREEMPTIVE)


@few
@given(queues(), non_preemptive)
def test_work_is_conserved_whatever_the_order(
    studies: list[SimulatedStudy], policy: Policy
) -> None:
    """The area under the workload of one reader is the same for every order (Kleinrock 1965)."""
    by_order, by_arrival = (
        math.fsum(study.reading_min * wait for study, wait in zip(studies, found, strict=True))
        for found in (waits(studies, policy), waits(studies, Policy.FIFO))
    )
    assert math.isclose(by_order, by_arrival, rel_tol=1e-9, abs_tol=_CLOSE)


@few
@given(queues(interrupting=True), policies)
def test_one_reader_ends_the_day_at_the_same_time_whatever_the_order(
    studies: list[SimulatedStudy], policy: Policy
) -> None:
    def end(found: list[float]) -> float:
        return max(
            study.arrived_min + wait + study.reading_min
            for study, wait in zip(studies, found, strict=True)
        )

    assert math.isclose(
        end(waits(studies, policy)), end(waits(studies, Policy.FIFO)), abs_tol=_CLOSE
    )


@few
@given(queues(), non_preemptive, st.integers(1, 3))
def test_nobody_waits_while_a_reader_is_idle(
    studies: list[SimulatedStudy], policy: Policy, readers: int
) -> None:
    starts = starts_of(studies, waits(studies, policy, readers))
    ends = [start + one.reading_min for start, one in zip(starts, studies, strict=True)]
    for study, start in zip(studies, starts, strict=True):
        for moment in [study.arrived_min, *starts, *ends]:
            if study.arrived_min + _CLOSE < moment + _CLOSE < start - _CLOSE:
                reading = sum(
                    begin <= moment + _CLOSE < end for begin, end in zip(starts, ends, strict=True)
                )
                assert reading == readers


def starts_of(studies: Sequence[SimulatedStudy], found: Sequence[float]) -> list[float]:
    return [study.arrived_min + wait for study, wait in zip(studies, found, strict=True)]


@few
@given(queues())
def test_p2_with_ai_no_place_is_later_than_without(studies: list[SimulatedStudy]) -> None:
    with_ai, without = places_by(Policy.DUE_TIME, TARGETS), places_by(Policy.WITHOUT_AI, TARGETS)
    for study in studies:
        places, before = with_ai(study), without(study)[0]
        assert all(place.key <= before.key for place in places)
        assert places[-1].key <= places[0].key
        assert {place.rank for place in places} == {OTHER}


@few
@given(queues(), st.integers(1, 3))
def test_no_study_is_overtaken_by_one_that_comes_after_its_target(
    studies: list[SimulatedStudy], readers: int
) -> None:
    """Due times starve nobody: once overdue, only what came before it can be read before it."""
    starts = starts_of(studies, waits(studies, Policy.DUE_TIME, readers))
    for study, start in zip(studies, starts, strict=True):
        target = TARGETS.requested[study.requested_priority].total_seconds() / 60
        for other, other_start in zip(studies, starts, strict=True):
            if other.arrived_min > study.arrived_min + target + _CLOSE:
                assert other_start >= start - _CLOSE


def test_the_highest_score_first_does_starve() -> None:
    """The same property fails for that order, so the test above can fail."""
    first = study(0, arrived=0.0, reading=10.0, probability=0.0)
    low = study(1, arrived=1.0, reading=10.0, probability=0.0)
    others = [
        study(number, arrived=9.0 * (number - 1), reading=10.0, probability=0.9)
        for number in range(2, 400)
    ]
    stream = [first, low, *others]
    by_score, by_due_time = (
        starts_of(stream, waits(stream, policy)) for policy in (Policy.SCORE, Policy.DUE_TIME)
    )
    assert by_score[1] == max(by_score)
    assert by_due_time[1] < 1440.0 + 160.0 < max(by_due_time)  # what came before it was due


def study(
    number: int, *, arrived: float, reading: float, probability: float, flagged: bool = False
) -> SimulatedStudy:
    return SimulatedStudy(
        number=number,
        arrived_min=arrived,
        reading_min=reading,
        interrupting=False,
        requested_priority=RequestedPriority.ROUTINE,
        present=frozenset(),
        probabilities={BLOOD: probability},
        flagged=flagged,
        looked_for=True,
        assessed_min=arrived,
    )


@few
@given(queues(), st.integers(1, 3))
def test_a_flag_that_interrupts_is_never_held_up_by_what_is_not_flagged(
    studies: list[SimulatedStudy], readers: int
) -> None:
    at_once = [
        study(
            one.number,
            arrived=one.arrived_min,
            reading=one.reading_min,
            probability=0.5,
            flagged=one.flagged,
        )
        for one in studies
    ]
    together = waits(at_once, Policy.FLAGGED_FIRST_PREEMPTIVE, readers)
    flagged = [one for one in at_once if one.flagged]
    alone = [
        study(
            number,
            arrived=one.arrived_min,
            reading=one.reading_min,
            probability=0.5,
            flagged=True,
        )
        for number, one in enumerate(flagged)
    ]
    for one, wait in zip(
        flagged, waits(alone, Policy.FLAGGED_FIRST_PREEMPTIVE, readers), strict=True
    ):
        assert math.isclose(together[one.number], wait, abs_tol=_CLOSE)


@few
@given(queues(), st.integers(1, 3))
def test_in_order_of_arrival_nobody_overtakes(studies: list[SimulatedStudy], readers: int) -> None:
    starts = starts_of(studies, waits(studies, Policy.FIFO, readers))
    assert all(a <= b + _CLOSE for a, b in pairwise(starts))


def test_an_outcome_moves_a_study_that_waits_and_none_that_is_being_read() -> None:
    first = study(0, arrived=0.0, reading=10.0, probability=0.0)
    second = study(1, arrived=1.0, reading=5.0, probability=0.0)

    def places(late: float, one: SimulatedStudy) -> Sequence[Place]:
        if one.number < 2:
            return (Place(one.arrived_min, OTHER, one.arrived_min),)
        return Place(2.0, OTHER, 2.0), Place(late, OTHER, 0.5)

    third = study(2, arrived=2.0, reading=5.0, probability=0.9)
    studies = [first, second, third]
    for late, expected in ((9.0, [0.0, 14.0, 8.0]), (10.5, [0.0, 9.0, 13.0])):
        found = waits_min(studies, 1, places_of=partial(places, late))
        assert found == expected


def test_an_interrupted_reading_resumes_where_it_was() -> None:
    slow = study(0, arrived=0.0, reading=10.0, probability=0.0)
    urgent = study(1, arrived=4.0, reading=3.0, probability=0.9, flagged=True)
    both = [slow, urgent]
    assert waits(both, Policy.FLAGGED_FIRST_PREEMPTIVE) == [3.0, 0.0]
    assert waits(both, Policy.FLAGGED_FIRST) == [0.0, 6.0]
