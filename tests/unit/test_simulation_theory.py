"""Formulas of waiting against the FDA's published numbers and against each other."""

import math

import pytest

from worklist.simulation_ai import BinormalScores, OperatingPoint, flagged_share, specificity_of
from worklist.simulation_expected import expected_waits
from worklist.simulation_policies import Policy
from worklist.simulation_setting import (
    ReadingTime,
    ReadingTimeShape,
    Setting,
    SimulatedFinding,
    StudyKind,
)
from worklist.simulation_studies import StudyClass
from worklist.simulation_theory import (
    QueueClass,
    erlang_c,
    fifo,
    non_preemptive,
    preemptive,
    preemptive_with_interrupting,
    together,
)
from worklist.simulation_two_rates import mean_number_of_lower
from worklist.study import RequestedPriority

FDA_FLAGS = OperatingPoint(
    sensitivity=0.9, specificity=specificity_of(sensitivity=0.9, ppv=0.3431, prevalence=0.1)
)


def with_performance(performance: OperatingPoint | BinormalScores, **room: object) -> Setting:
    found = SimulatedFinding(prevalence=0.1, performance=performance)
    return Setting(kinds=(StudyKind(findings=(found,)),), **room)  # type: ignore[arg-type]


def exponential(arrivals_per_min: float, mean_min: float) -> QueueClass:
    return QueueClass(
        arrivals_per_min=arrivals_per_min, mean_min=mean_min, second_moment=2 * mean_min**2
    )


def test_one_reader_gives_the_waits_that_the_fda_published() -> None:
    setting = with_performance(FDA_FLAGS)
    without = expected_waits(setting, Policy.WITHOUT_AI)
    assert without[StudyClass.DISEASED] == pytest.approx(40.0, abs=1e-9)
    waits = expected_waits(setting, Policy.FLAGGED_FIRST_PREEMPTIVE)
    published = {
        StudyClass.DISEASED: 7.718,
        StudyClass.NON_DISEASED: 43.587,
        StudyClass.FLAGGED: 2.656,
        StudyClass.UNFLAGGED: 53.278,
    }
    for one, minutes in published.items():
        assert waits[one] == pytest.approx(minutes, rel=2e-4)


def test_two_readers_with_interrupting_studies_give_the_waits_that_the_fda_published() -> None:
    setting = with_performance(
        OperatingPoint(sensitivity=0.9, specificity=0.9), readers=2, interrupting_share=0.1
    )
    without = expected_waits(setting, Policy.WITHOUT_AI)
    assert without[StudyClass.ALL] == pytest.approx(18.29, abs=0.005)
    waits = expected_waits(setting, Policy.FLAGGED_FIRST_PREEMPTIVE)
    assert waits[StudyClass.DISEASED] == pytest.approx(2.57, abs=0.005)
    assert waits[StudyClass.UNFLAGGED] == pytest.approx(22.16, rel=0.005)  # theirs approximates


@pytest.mark.parametrize("readers", [1, 2, 3])
def test_two_rates_that_are_one_give_what_the_formula_of_one_rate_does(readers: int) -> None:
    upper, lower = exponential(0.02 * readers, 10.0), exponential(0.06 * readers, 10.0)
    solved = preemptive_with_interrupting(upper, [lower], readers)
    assert solved == pytest.approx(preemptive([upper, lower], readers), rel=1e-6)


def test_two_rates_and_one_reader_give_what_the_formula_of_any_reading_time_does() -> None:
    upper, lower = exponential(0.05, 5.0), exponential(0.055, 10.0)
    solved = preemptive_with_interrupting(upper, [lower], 1)
    assert solved == pytest.approx(preemptive([upper, lower], 1), rel=1e-6)


def test_two_rates_refuse_more_work_than_can_be_done() -> None:
    with pytest.raises(ValueError, match="more work"):
        mean_number_of_lower(0.1, 0.1, 0.1, 0.1, 2)
    with pytest.raises(ValueError, match="nearly fill"):
        mean_number_of_lower(0.199, 0.1, 0.0001, 0.1, 2)


@pytest.mark.parametrize("readers", [1, 3])
def test_priorities_share_the_same_waiting_out(readers: int) -> None:
    classes = [exponential(share * 0.08 * readers, 10.0) for share in (0.2, 0.5, 0.3)]
    whole = fifo(together(classes), readers)
    for waits in (non_preemptive(classes, readers), preemptive(classes, readers)):
        assert waits == sorted(waits)
        shares = [one.arrivals_per_min / (0.08 * readers) for one in classes]
        assert math.fsum(map(math.prod, zip(shares, waits, strict=True))) == pytest.approx(whole)


def test_constant_reading_times_halve_the_wait_of_exponential_ones() -> None:
    constant = QueueClass(arrivals_per_min=0.08, mean_min=10.0, second_moment=100.0)
    assert fifo(constant, 1) == pytest.approx(fifo(exponential(0.08, 10.0), 1) / 2)


def test_one_reader_is_busy_as_often_as_there_is_work() -> None:
    assert erlang_c(0.8, 1) == pytest.approx(0.8)
    assert erlang_c(2.0, 3) == pytest.approx(4 / 9)  # by hand: 8/6·3 / (1 + 2 + 2 + 4)


def test_what_is_flagged_first_waits_for_what_is_being_read() -> None:
    setting = with_performance(FDA_FLAGS, readers=3)
    waits = expected_waits(setting, Policy.FLAGGED_FIRST)
    share = flagged_share(FDA_FLAGS, 0.1)
    start = erlang_c(2.4, 3) * 10 / 3
    assert waits[StudyClass.FLAGGED] == pytest.approx(start / (1 - 0.8 * share))
    whole = share * waits[StudyClass.FLAGGED] + (1 - share) * waits[StudyClass.UNFLAGGED]
    assert whole == pytest.approx(waits[StudyClass.ALL]) == pytest.approx(start / (1 - 0.8))


def test_studies_that_ai_fails_on_wait_like_the_unflagged() -> None:
    waits = expected_waits(with_performance(FDA_FLAGS, ai_failure_share=0.2), Policy.FLAGGED_FIRST)
    assert waits[StudyClass.NOT_ASSESSED] == waits[StudyClass.UNFLAGGED]
    assert waits[StudyClass.DISEASED] == pytest.approx(
        0.72 * waits[StudyClass.FLAGGED] + 0.28 * waits[StudyClass.UNFLAGGED]
    )


_LOGNORMAL = ReadingTime(shape=ReadingTimeShape.LOGNORMAL)
_STAT, _, _ROUTINE = RequestedPriority


@pytest.mark.parametrize(
    ("setting", "policy"),
    [
        (Setting(), Policy.DUE_TIME),
        (Setting(), Policy.SCORE),
        (Setting(ai_delay_min=1.0), Policy.FLAGGED_FIRST),
        (Setting(hourly_profile=(1.0,) * 12 + (2.0,) * 12), Policy.FIFO),
        (Setting(priorities={_STAT: 0.1, _ROUTINE: 0.9}), Policy.FIFO),
        (Setting(kinds=(StudyKind(share=0.5), StudyKind(share=0.5))), Policy.FIFO),
        (Setting(readers=2, kinds=(StudyKind(reading=_LOGNORMAL),)), Policy.FIFO),
        (Setting(kinds=(StudyKind(reading_diseased=_LOGNORMAL),)), Policy.FIFO),
        (Setting(interrupting_share=0.1), Policy.FLAGGED_FIRST),
        (Setting(kinds=(StudyKind(findings=()),)), Policy.FLAGGED_FIRST),
    ],
    ids=str,
)
def test_there_is_no_formula_for_this(setting: Setting, policy: Policy) -> None:
    assert expected_waits(setting, policy) == {}


def test_a_kind_that_no_detector_looks_at_has_the_wait_of_all() -> None:
    setting = Setting(kinds=(StudyKind(findings=()),))
    assert expected_waits(setting, Policy.FIFO) == {StudyClass.ALL: pytest.approx(40.0)}
