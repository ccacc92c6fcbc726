"""Probabilities and the figures that judge them, against slow and obvious versions."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from models.calibration import LogisticCalibration
from models.measures import (
    auc,
    auc_interval,
    average_precision,
    brier_score,
    expected_calibration_error,
    newcombe_interval,
    reliability,
    wilson_interval,
)

NO_BOXES = np.zeros((0, 4), np.float32)


def _scored(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.random(n) < 0.3
    labels[:2] = True, False
    return np.round(random.random(n) * 0.7 + labels * 0.3, 1), labels


@given(st.integers(0, 1000), st.integers(2, 40))
def test_auc_is_the_share_of_pairs_in_the_right_order(seed: int, n: int) -> None:
    scores, labels = _scored(seed, n)
    pairs = [
        1.0 if p > q else 0.5 if p == q else 0.0
        for p, q in itertools.product(scores[labels], scores[~labels])
    ]
    assert auc(scores, labels) == pytest.approx(np.mean(pairs))


def test_auc_without_one_class_is_not_a_number() -> None:
    assert math.isnan(auc(np.array([0.1, 0.9]), np.array([True, True])))


def test_the_auc_interval_agrees_with_a_bootstrap() -> None:
    random = np.random.default_rng(3)
    labels = np.arange(300) < 80
    scores = random.standard_normal(300) + 1.2 * labels
    areas = []
    for _ in range(600):
        chosen = random.integers(0, 300, 300)
        areas.append(auc(scores[chosen], labels[chosen]))
    low, high = auc_interval(scores, labels)
    assert (low, high) == pytest.approx(tuple(np.percentile(areas, [2.5, 97.5])), abs=0.015)
    assert low < auc(scores, labels) < high


@pytest.mark.parametrize(("positives", "negatives"), [(8, 5), (63, 189), (2, 2)])
def test_classes_wholly_apart_still_leave_doubt_about_the_auc(
    positives: int, negatives: int
) -> None:
    labels = np.arange(positives + negatives) < positives
    low, high = auc_interval(labels.astype(float), labels)
    assert high == 1.0
    assert 0.2 < low < 1 - 1 / (positives + negatives)
    assert auc_interval(1.0 - labels, labels) == pytest.approx((0.0, 1 - low))
    # were the area as low as that, chance would keep the classes apart seldom
    random, apart = np.random.default_rng(0), math.sqrt(2) * norm.ppf(low)
    drawn = random.standard_normal((20_000, positives)) + apart
    others = random.standard_normal((20_000, negatives))
    assert (drawn.min(axis=1) > others.max(axis=1)).mean() < 0.1


def test_scores_that_are_all_alike_say_little_about_the_auc() -> None:
    low, high = auc_interval(np.zeros(13), np.arange(13) < 8)
    assert low < 0.3 and high > 0.7


def test_where_both_can_be_computed_newcombes_interval_is_near_delongs() -> None:
    random = np.random.default_rng(3)
    labels = np.arange(300) < 80
    scores = random.standard_normal(300) + 1.2 * labels
    assert newcombe_interval(auc(scores, labels), 80, 220) == pytest.approx(
        auc_interval(scores, labels), abs=0.02
    )


def test_wilson_interval_of_textbook_values() -> None:
    # Newcombe 1998, table I: 81 of 263
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson_interval(0, 20)[0] == 0.0
    assert wilson_interval(20, 20)[1] == pytest.approx(1.0)
    assert all(math.isnan(x) for x in wilson_interval(0, 0))


def test_a_calibration_finds_the_log_odds_that_made_the_labels() -> None:
    random = np.random.default_rng(1)
    scores = random.standard_normal((20000, 2))
    truth = 1 / (1 + np.exp(-(1.5 * scores[:, 0] + 0.5 * scores[:, 1] - 1.0)))
    fit = LogisticCalibration.fit(scores, random.random(20000) < truth)
    assert fit.weights == pytest.approx((1.5, 0.5), abs=0.1)
    assert fit.bias == pytest.approx(-1.0, abs=0.1)


def test_a_calibration_stays_finite_where_the_classes_separate() -> None:
    scores = np.array([[-1.0], [-0.5], [0.5], [1.0]])
    probabilities = LogisticCalibration.fit(scores, scores[:, 0] > 0)(scores)
    assert 0 < probabilities[0] < probabilities[-1] < 1


def test_more_evidence_never_lowers_the_probability() -> None:
    random = np.random.default_rng(2)
    scores = random.standard_normal((200, 2))
    labels = scores[:, 0] - scores[:, 1] > 0  # the second score misleads
    assert min(LogisticCalibration.fit(scores, labels).weights) >= 0


def test_a_calibration_needs_both_classes() -> None:
    with pytest.raises(ValueError, match="with and without"):
        LogisticCalibration.fit(np.ones((3, 1)), np.ones(3, bool))


def test_calibration_error_of_a_constant_forecast() -> None:
    labels = np.arange(100) < 30
    assert expected_calibration_error(np.full(100, 0.3), labels) == pytest.approx(0.0)
    assert expected_calibration_error(np.full(100, 1.0), labels) == pytest.approx(0.7)
    assert brier_score(np.full(100, 1.0), labels) == pytest.approx(0.7)


def test_reliability_holds_every_image_once_and_the_shares_of_its_part_of_the_scale() -> None:
    probabilities = np.array([0.0, 0.05, 0.55, 0.59, 1.0])
    labels = np.array([False, False, True, False, True])
    table = reliability(probabilities, labels)
    assert [count for _, _, count in table] == [2, 2, 1]
    assert table[1] == (pytest.approx(0.57), 0.5, 2)
    assert table[2] == (1.0, 1.0, 1)


def _slow_average_precision(
    found: list[tuple[np.ndarray, np.ndarray]], truth: list[np.ndarray]
) -> float:
    """All thresholds one by one; greedy matching; the envelope by its definition."""
    total = sum(map(len, truth))
    points = []
    for threshold in sorted({s for _, scores in found for s in scores}, reverse=True):
        hits = claims = 0
        for (boxes, scores), true in zip(found, truth, strict=True):
            taken: set[int] = set()
            for place in sorted(range(len(boxes)), key=lambda p: -scores[p]):
                if scores[place] < threshold:
                    continue
                claims += 1
                shares = [_slow_overlap(boxes[place], t) for t in true]
                best = max(range(len(true)), key=lambda t: shares[t], default=-1)
                if best >= 0 and shares[best] >= 0.5 and best not in taken:
                    taken.add(best)
                    hits += 1
        points.append((hits / total, hits / claims))
    area, before = 0.0, 0.0
    for recall, _ in points:
        best_later = max(p for r, p in points if r >= recall)
        area += max(0.0, recall - before) * best_later
        before = max(before, recall)
    return area


def _slow_overlap(a: np.ndarray, b: np.ndarray) -> float:
    grid = [(x + 0.5, y + 0.5) for x in range(12) for y in range(12)]
    in_a = {p for p in grid if a[0] < p[0] < a[2] and a[1] < p[1] < a[3]}
    in_b = {p for p in grid if b[0] < p[0] < b[2] and b[1] < p[1] < b[3]}
    return len(in_a & in_b) / max(1, len(in_a | in_b))


def _boxes(random: np.random.Generator, n: int) -> np.ndarray:
    low = random.integers(0, 6, (n, 2))
    return np.concatenate([low, low + random.integers(1, 6, (n, 2))], axis=1).astype(np.float32)


@given(st.integers(0, 10_000))
def test_average_precision_equals_the_slow_one(seed: int) -> None:
    random = np.random.default_rng(seed)
    truth = [_boxes(random, int(random.integers(0, 3))) for _ in range(4)]
    truth.append(_boxes(random, 1))
    order = iter(random.permutation(100))
    found = []
    for _ in truth:
        boxes = _boxes(random, int(random.integers(0, 4)))
        found.append((boxes, np.array([next(order) / 100 for _ in boxes])))
    assert average_precision(found, truth) == pytest.approx(_slow_average_precision(found, truth))


def test_a_second_box_on_the_same_fracture_is_false() -> None:
    box = np.array([[0, 0, 4, 4]], np.float32)
    twice = np.repeat(box, 2, axis=0)
    other = box + 6
    found = [(twice, np.array([0.9, 0.8])), (other, np.array([0.7]))]
    assert average_precision(found, [box, other]) == pytest.approx(0.5 + 0.5 * 2 / 3)


def test_boxes_on_images_without_a_fracture_cost_precision() -> None:
    box = np.array([[0, 0, 4, 4]], np.float32)
    found = [(box, np.array([0.8])), (box, np.array([0.9]))]
    assert average_precision(found, [box, NO_BOXES]) == pytest.approx(0.5)


def test_average_precision_without_true_boxes_is_not_a_number() -> None:
    assert math.isnan(average_precision([(NO_BOXES, np.zeros(0))], [NO_BOXES]))


def test_average_precision_where_nothing_is_found_is_zero() -> None:
    truth = [np.array([[0, 0, 4, 4]], np.float32)]
    assert average_precision([(NO_BOXES, np.zeros(0))], truth) == 0.0
