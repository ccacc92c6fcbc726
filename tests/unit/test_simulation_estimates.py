"""Figures and intervals of a simulation, against numbers by hand and by scipy."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as scipy_t  # type: ignore[import-untyped,unused-ignore]

from worklist.simulation_estimates import (
    half_width,
    percentiles,
    ratio,
    sorted_percentile,
    student_t,
)


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 9, 19, 100])
def test_students_t_is_what_scipy_says(degrees: int) -> None:
    assert student_t(degrees) == pytest.approx(scipy_t.ppf(0.975, degrees), rel=2e-3)


def test_with_equal_counts_the_interval_is_that_of_the_mean_of_means() -> None:
    means = [3.0, 5.0, 4.0, 8.0]
    found = ratio([(mean * 10, 10) for mean in means])
    deviation = math.sqrt(sum((mean - 5.0) ** 2 for mean in means) / 3)
    half = scipy_t.ppf(0.975, 3) * deviation / 2
    assert found.value == 5.0
    assert (found.low, found.high) == pytest.approx((5.0 - half, 5.0 + half), abs=0.01)


def test_a_replication_without_any_of_a_class_counts_for_nothing() -> None:
    assert ratio([(30.0, 3), (0.0, 0), (20.0, 1)]).value == 12.5
    assert half_width([(30.0, 3), (0.0, 0), (20.0, 1)]) == pytest.approx(
        half_width([(30.0, 3), (20.0, 1)])
    )
    alone = ratio([(30.0, 3), (0.0, 0)])
    assert (alone.value, alone.low, alone.high) == (10.0, None, None)


@given(st.lists(st.lists(st.floats(0, 1e6), min_size=1), min_size=2, max_size=5))
def test_a_percentile_is_a_value_with_at_least_its_share_at_or_below(
    replications: list[list[float]],
) -> None:
    pooled = sorted(value for part in replications for value in part)
    for share, found in zip(
        (0.5, 0.95, 0.99), percentiles(replications, (0.5, 0.95, 0.99)), strict=True
    ):
        below = sum(value <= found.value for value in pooled)
        less = sum(value < found.value for value in pooled)
        assert less < share * len(pooled) + 1e-9
        assert below >= share * len(pooled) - 1e-9
        assert found.low is None or found.low <= found.value
        assert found.high is None or found.high >= found.value


@pytest.mark.parametrize(
    ("share", "value"), [(0.0, 1), (0.2, 1), (0.21, 2), (0.5, 3), (0.99, 5), (1.0, 5)]
)
def test_the_percentile_of_five_values(share: float, value: float) -> None:
    assert sorted_percentile([1, 2, 3, 4, 5], share) == value


def test_an_interval_holds_the_true_percentile_about_as_often_as_it_says() -> None:
    chance = Random(1)
    held = 0
    for _ in range(100):
        # Waits of one replication hang together: a shift that all of them share.
        replications = []
        for _ in range(10):
            shift = chance.gauss(0.0, 0.5)
            replications.append([shift + chance.gauss(0.0, 1.0) for _ in range(60)])
        (found,) = percentiles(replications, (0.5,))
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0.0 <= found.high
    assert 90 <= held <= 99


def test_the_tail_of_a_few_waits_has_no_upper_bound() -> None:
    chance = Random(1)
    replications = [[chance.random() for _ in range(20)] for _ in range(5)]
    (found,) = percentiles(replications, (0.99,))
    assert found.high is None
