"""The benchmark of orders compares rules that keep the promises, in one run."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.policy_rules import DUE_AFTER, other_orders
from benchmarks.policy_table import MEASURES, better_in_all, measure, ratios, setting, tables
from worklist.due_time import DueTargets, due_time
from worklist.finding import TargetFinding
from worklist.simulation_length import Run
from worklist.simulation_policies import Policy, received_at
from worklist.simulation_studies import StudyClass, make_studies
from worklist.study import RequestedPriority


@pytest.mark.parametrize("name", DUE_AFTER)
@settings(max_examples=30, deadline=None)
@given(st.floats(1e-9, 0.999999), st.floats(1e-9, 0.999999))
def test_p2_no_rule_puts_a_higher_probability_later_or_any_behind_the_target(
    name: str, one: float, other: float
) -> None:
    low, high = sorted((one, other))
    rule = DUE_AFTER[name]
    assert rule(high, 480.0, 10.0) <= rule(low, 480.0, 10.0) * (1 + 1e-12)
    assert 0.0 <= rule(low, 480.0, 10.0) <= 480.0 * (1 + 1e-12)


def test_the_rule_whose_parameters_are_tried_is_that_of_the_product() -> None:
    """With another finding's target, the product gives what the variant does."""
    for p in (0.01, 0.3, 0.9):
        targets = DueTargets(requested=setting().targets.requested, findings=doubled())
        due = due_time(
            received_at(0.0),
            RequestedPriority.ROUTINE,
            targets,
            {TargetFinding.INTRACRANIAL_HAEMORRHAGE: p},
        )
        minutes = (due.due_at - received_at(0.0)).total_seconds() / 60
        assert minutes == pytest.approx(DUE_AFTER["rate, twice the f"](p, 480.0, 10.0), rel=1e-6)


def doubled() -> dict[TargetFinding, timedelta]:
    return {finding: 2 * target for finding, target in DueTargets().findings.items()}


def test_every_order_reads_the_same_studies_and_stands_in_the_table() -> None:
    figures = measure(Run(replications=2, studies=150))
    assert set(figures) == {
        Policy.WITHOUT_AI,
        Policy.FLAGGED_FIRST,
        Policy.FLAGGED_FIRST_PREEMPTIVE,
        Policy.SCORE,
        Policy.DUE_TIME,
        *other_orders(setting()),
    }
    orders, targets = tables(figures)
    assert (orders.row_count, targets.row_count) == (len(figures), len(MEASURES))
    assert set(ratios(figures, Policy.FLAGGED_FIRST).values()) == {1.0}
    assert Policy.DUE_TIME not in better_in_all(figures)
    ours = ratios(figures, Policy.DUE_TIME)
    for name in better_in_all(figures):
        assert all(ratios(figures, name)[one] <= ours[one] for one in MEASURES)


def test_the_most_overdue_is_read_first_and_a_capped_score_in_time() -> None:
    studies = make_studies(setting(), 400, "1")
    orders = other_orders(setting())
    by_score = max(orders["score, first after 240 min"](studies, 1))
    assert by_score < max(orders["score, first after 480 min"](studies, 1)) or by_score < 240.0
    found = orders["most overdue for its target"](studies, 1)
    assert len(found) == len(studies)
    worked = sum(one.reading_min * wait for one, wait in zip(studies, found, strict=True))
    other = orders["linear"](studies, 1)
    assert worked == pytest.approx(
        sum(one.reading_min * wait for one, wait in zip(studies, other, strict=True))
    )


def test_where_ai_failed_the_prevalence_can_stand_in_and_moves_nothing_else() -> None:
    name = "due times, prevalence if AI failed"
    run = Run(replications=2, studies=300)
    without, some = (measure(run, failures=share) for share in (0.0, 0.2))
    for one, found in without[name].items():
        assert found.mean.value == pytest.approx(without[Policy.DUE_TIME][one].mean.value)
    failed = StudyClass.NOT_ASSESSED
    assert failed not in without[name]
    assert some[name][failed].mean.value < some[Policy.DUE_TIME][failed].mean.value
    assert some[name][failed].mean.value < some[Policy.WITHOUT_AI][failed].mean.value
    assert tables(some)[0].columns[-1].header == "AI failed, mean"
