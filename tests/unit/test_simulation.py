"""Simulated waits agree with theory, and each study is the same one under every order."""

from dataclasses import replace

import pytest

from worklist.due_time import DueTargets
from worklist.finding import TargetFinding
from worklist.simulation import Figures, simulate
from worklist.simulation_ai import BinormalScores, OperatingPoint, flagged_share, specificity_of
from worklist.simulation_length import Run, warm_up_studies
from worklist.simulation_policies import Policy
from worklist.simulation_setting import (
    ReadingTime,
    ReadingTimeShape,
    Setting,
    SimulatedFinding,
    StudyKind,
)
from worklist.simulation_studies import StudyClass, make_studies
from worklist.study import RequestedPriority

STAT, URGENT, ROUTINE = RequestedPriority
BLOOD, FRACTURE, _ = TargetFinding
RUN = Run(replications=10, studies=1600, seed=1)
_MANY = 800  # of a smaller class the interval is rough: waits are skewed


def agrees(figures: Figures, policy: Policy) -> None:
    """Theory lies within the interval of each class; half as wide again, for there are many."""
    checked = 0
    for found in figures[policy].values():
        if found.theory_mean is not None and found.studies > _MANY:
            assert found.mean.high is not None
            half = 1.5 * (found.mean.high - found.mean.value)
            assert found.mean.value == pytest.approx(found.theory_mean, abs=half)
            assert half < 0.5 * found.theory_mean + 0.1
            checked += 1
    assert checked >= 4


def with_flags(**room: object) -> Setting:
    specificity = specificity_of(sensitivity=0.9, ppv=0.3431, prevalence=0.1)
    found = SimulatedFinding(performance=OperatingPoint(sensitivity=0.9, specificity=specificity))
    return Setting(kinds=(StudyKind(findings=(found,)),), **room)  # type: ignore[arg-type]


def test_one_reader_waits_as_the_fda_published() -> None:
    policies = (Policy.FLAGGED_FIRST_PREEMPTIVE, Policy.FLAGGED_FIRST)
    figures = simulate(with_flags(), policies, run=RUN)
    for policy in (Policy.WITHOUT_AI, *policies):
        agrees(figures, policy)
    diseased = figures[Policy.FLAGGED_FIRST_PREEMPTIVE][StudyClass.DISEASED]
    assert diseased.theory_mean == pytest.approx(7.718, rel=1e-3)


def test_two_readers_who_are_interrupted_wait_as_theory_says() -> None:
    setting = with_flags(readers=2, interrupting_share=0.1)
    figures = simulate(setting, (Policy.FLAGGED_FIRST_PREEMPTIVE,), run=RUN)
    agrees(figures, Policy.WITHOUT_AI)
    agrees(figures, Policy.FLAGGED_FIRST_PREEMPTIVE)


def test_lognormal_readings_wait_as_theory_says() -> None:
    reading = ReadingTime(shape=ReadingTimeShape.LOGNORMAL, variation=0.7)
    setting = Setting(kinds=(StudyKind(reading=reading),), ai_failure_share=0.1)
    figures = simulate(setting, (Policy.FLAGGED_FIRST,), run=RUN)
    agrees(figures, Policy.WITHOUT_AI)
    agrees(figures, Policy.FLAGGED_FIRST)


def test_what_is_won_and_lost_is_the_difference_to_the_order_without_ai() -> None:
    figures = simulate(Setting(), run=Run(replications=3, studies=400))
    for name, classes in figures.items():
        for one, found in classes.items():
            before = figures[Policy.WITHOUT_AI][one]
            assert found.studies == before.studies
            change = found.mean.value - before.mean.value
            assert found.change.value == pytest.approx(change, abs=1e-9)
            assert found.lost.value - found.won.value == pytest.approx(change, abs=1e-9)
            assert found.longest >= found.percentile_99.value >= found.median.value
            if name == Policy.WITHOUT_AI:
                assert found.won.value == found.lost.value == 0.0


def test_the_same_seed_gives_the_same_figures_and_another_one_others() -> None:
    run = Run(replications=2, studies=200)
    once, again = (simulate(Setting(), run=run) for _ in range(2))
    assert once == again
    assert simulate(Setting(), run=replace(run, seed=2)) != once


def test_other_ai_leaves_arrivals_truth_and_reading_times_as_they_are() -> None:
    def facts(setting: Setting) -> list[tuple[object, ...]]:
        return [
            (one.arrived_min, one.reading_min, one.present, one.interrupting)
            for one in make_studies(setting, 500, "1")
        ]

    assert facts(Setting()) == facts(with_flags(ai_delay_min=5.0, ai_failure_share=0.3))


def test_no_outcome_and_an_outcome_that_comes_too_late_move_nothing() -> None:
    for setting in (Setting(kinds=(StudyKind(findings=()),)), Setting(ai_delay_min=1e6)):
        figures = simulate(
            setting, (Policy.DUE_TIME, Policy.FLAGGED_FIRST), run=Run(replications=2, studies=300)
        )
        for name in (Policy.DUE_TIME, Policy.FLAGGED_FIRST):
            assert figures[name][StudyClass.ALL].won.value == 0.0
            assert figures[name][StudyClass.ALL].lost.value == 0.0


def test_stat_studies_come_first_by_requested_priority_and_by_due_time() -> None:
    setting = Setting(priorities={STAT: 0.2, ROUTINE: 0.8}, kinds=(StudyKind(findings=()),))
    figures = simulate(
        setting, (Policy.FIFO, Policy.REQUESTED_PRIORITY), run=Run(replications=4, studies=800)
    )
    late = {name: found[StudyClass.ALL].over_target.value for name, found in figures.items()}
    assert late[Policy.REQUESTED_PRIORITY] < late[Policy.FIFO]
    assert late[Policy.WITHOUT_AI] < late[Policy.FIFO]
    assert StudyClass.NO_DETECTOR in figures[Policy.FIFO]
    assert StudyClass.DISEASED not in figures[Policy.FIFO]


def test_studies_are_drawn_as_the_setting_says() -> None:
    heads = StudyKind(
        name="head CT",
        share=0.3,
        reading=ReadingTime(mean_min=12.0, shape=ReadingTimeShape.CONSTANT),
        reading_diseased=ReadingTime(mean_min=20.0, shape=ReadingTimeShape.CONSTANT),
        findings=(
            SimulatedFinding(finding=BLOOD, prevalence=0.1),
            SimulatedFinding(finding=FRACTURE, prevalence=0.2),
        ),
    )
    others = StudyKind(share=0.7, findings=())
    setting = Setting(
        kinds=(heads, others),
        priorities={STAT: 0.25, ROUTINE: 0.75},
        interrupting_share=0.1,
        ai_failure_share=0.1,
        ai_delay_min=3.0,
    )
    studies = make_studies(setting, 20_000, "1")
    assert setting.mean_reading_min == pytest.approx(0.1 * 5 + 0.9 * (0.3 * 14.24 + 0.7 * 10))

    def share(chosen: list[bool]) -> float:
        return sum(chosen) / len(chosen)

    rest = [one for one in studies if not one.interrupting]
    head = [one for one in rest if one.looked_for]
    assert share([one.interrupting for one in studies]) == pytest.approx(0.1, abs=0.01)
    assert share([one.looked_for for one in rest]) == pytest.approx(0.3, abs=0.015)
    assert share([BLOOD in one.present for one in head]) == pytest.approx(0.1, abs=0.02)
    assert share([not one.is_assessed for one in head]) == pytest.approx(0.1, abs=0.02)
    assert share([one.requested_priority is STAT for one in rest]) == pytest.approx(0.25, abs=0.02)
    assert {one.reading_min for one in head if one.present} == {20.0}
    assert {one.reading_min for one in head if not one.present} == {12.0}
    assert all(one.assessed_min == one.arrived_min + 3.0 for one in head if one.is_assessed)
    assert all(set(one.probabilities) == {BLOOD, FRACTURE} for one in head if one.is_assessed)
    rate = len(studies) / studies[-1].arrived_min
    assert rate == pytest.approx(setting.arrivals_per_min, rel=0.03)


def test_arrivals_follow_the_hours_of_the_day() -> None:
    profile = (0.0,) * 8 + (3.0,) * 4 + (1.0,) * 12
    setting = Setting(hourly_profile=profile)
    studies = make_studies(setting, 6000, "1")
    hours = [int(one.arrived_min % 1440 // 60) for one in studies]
    assert min(hours) == 8
    assert sum(hour < 12 for hour in hours) / len(hours) == pytest.approx(0.5, abs=0.03)
    rate = len(studies) / studies[-1].arrived_min
    assert rate == pytest.approx(setting.arrivals_per_min, rel=0.05)


@pytest.mark.parametrize(
    "performance", [BinormalScores(), OperatingPoint(sensitivity=0.8, specificity=0.9)]
)
def test_what_ai_says_is_calibrated_and_flags_as_often_as_it_should(
    performance: BinormalScores | OperatingPoint,
) -> None:
    found = SimulatedFinding(prevalence=0.2, performance=performance)
    studies = make_studies(Setting(kinds=(StudyKind(findings=(found,)),)), 20_000, "1")
    told = [one.probabilities[BLOOD] for one in studies]
    assert sum(told) / len(told) == pytest.approx(0.2, abs=0.01)
    flagged = [one for one in studies if one.flagged]
    assert len(flagged) / len(studies) == pytest.approx(flagged_share(performance, 0.2), abs=0.01)
    diseased = [one for one in studies if one.present]
    caught = sum(one.flagged for one in diseased) / len(diseased)
    assert caught == pytest.approx(performance.sensitivity, abs=0.02)
    high = [one for one in studies if one.probabilities[BLOOD] >= 0.3]
    said = sum(one.probabilities[BLOOD] for one in high) / len(high)
    assert sum(bool(one.present) for one in high) / len(high) == pytest.approx(said, abs=0.03)


def test_binormal_scores_have_their_area_and_the_fdas_predictive_value() -> None:
    scores = BinormalScores(auc=0.936, sensitivity=0.9)
    true = 0.1 * scores.sensitivity
    assert true / flagged_share(scores, 0.1) == pytest.approx(0.3431, abs=0.001)
    specificity = specificity_of(sensitivity=0.9, ppv=0.3431, prevalence=0.1)
    point = OperatingPoint(sensitivity=0.9, specificity=specificity)
    assert true / flagged_share(point, 0.1) == pytest.approx(0.3431)


def test_a_target_is_missed_just_above_it() -> None:
    reading = ReadingTime(mean_min=10.0, shape=ReadingTimeShape.CONSTANT)
    setting = Setting(kinds=(StudyKind(reading=reading),), targets=DueTargets())
    found = simulate(setting, (), run=Run(replications=2, studies=500))[Policy.WITHOUT_AI]
    assert found[StudyClass.NON_DISEASED].over_target.value == 0.0  # a day
    late = found[StudyClass.DISEASED]  # ten minutes
    assert late.median.value > 10.0
    assert late.over_target.value > 0.5


def test_a_busier_room_warms_up_longer() -> None:
    assert warm_up_studies(Setting(traffic=0.5)) < warm_up_studies(Setting()) == 503
    run = Run(replications=2, studies=1, warm_up=0)
    first = simulate(Setting(), (), run=run)[Policy.WITHOUT_AI][StudyClass.ALL]
    assert first.longest == pytest.approx(0.0, abs=1e-9)


def test_progress_is_told_and_may_end_it() -> None:
    told: list[tuple[int, int]] = []
    run = Run(replications=2, studies=10, warm_up=0)
    simulate(Setting(), (Policy.FIFO,), run=run, told=lambda done, of: told.append((done, of)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]

    def stop(done: int, of: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        simulate(Setting(), run=run, told=stop)


@pytest.mark.parametrize(
    "wrong",
    [
        {"traffic": 0.0},
        {"traffic": 1.0},
        {"traffic": float("nan")},
        {"readers": 0},
        {"kinds": ()},
        {"kinds": (StudyKind(share=0.5),)},
        {"priorities": {STAT: 0.5, ROUTINE: 0.6}},
        {"priorities": {STAT: -0.5, ROUTINE: 1.5}},
        {"interrupting_share": 1.0},
        {"ai_failure_share": -0.1},
        {"ai_delay_min": -1.0},
        {"hourly_profile": (1.0,) * 23},
        {"hourly_profile": (0.0,) * 24},
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Setting(**wrong)  # type: ignore[arg-type]


def test_parts_that_cannot_be_are_refused() -> None:
    for make in (
        lambda: ReadingTime(mean_min=0.0),
        lambda: SimulatedFinding(prevalence=1.0),
        lambda: StudyKind(share=0.0),
        lambda: StudyKind(findings=(SimulatedFinding(), SimulatedFinding())),
        lambda: BinormalScores(auc=0.5),
        lambda: OperatingPoint(sensitivity=1.0, specificity=0.5),
        lambda: specificity_of(sensitivity=0.9, ppv=0.05, prevalence=0.1),
        lambda: specificity_of(sensitivity=0.9, ppv=0.1, prevalence=0.1),
        lambda: Run(replications=1),
        lambda: Run(warm_up=-1),
    ):
        with pytest.raises(ValueError, match=r"\w"):
            make()
