"""Operating points for a stated sensitivity, and what they do on data they were not chosen on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.calibration import LogisticCalibration
from models.training.calibrating import cross_fitted, operating_point, spread


def _sample(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.random(n) < 0.4
    labels[:2] = True, False
    return np.round(np.clip(random.normal(0.4 + 0.2 * labels, 0.2), 0.01, 0.99), 3), labels


@given(st.integers(0, 10_000), st.integers(5, 80), st.floats(0.05, 1.0))
def test_an_operating_point_reaches_the_sensitivity_and_a_higher_one_does_not(
    seed: int, n: int, wanted: float
) -> None:
    probabilities, labels = _sample(seed, n)
    point = operating_point(probabilities, labels, wanted)
    of_positives = probabilities[labels]
    assert (of_positives >= point).mean() >= wanted - 1e-9
    lowest_flagged = of_positives[of_positives >= point].min()
    assert lowest_flagged < point + 1.01e-4
    assert (of_positives > lowest_flagged).mean() < wanted


def test_four_of_five_are_four_and_not_five() -> None:
    # 0.8 x 25 is a little above 20 in floats
    probabilities = np.append(np.arange(1, 26) / 100, 0.5)
    labels = np.append(np.ones(25, bool), False)
    point = operating_point(probabilities, labels, 0.8)
    assert point == 0.06
    assert (probabilities[labels] >= point).sum() == 20


def test_clear_images_do_not_move_the_operating_point() -> None:
    probabilities, labels = np.array([0.2, 0.6, 0.9]), np.array([True, True, True])
    more = np.append(probabilities, [0.1, 0.7, 0.95])
    assert operating_point(more, np.arange(6) < 3, 0.6) == operating_point(
        probabilities, labels, 0.6
    )


def test_folds_hold_both_classes_evenly() -> None:
    labels = np.arange(23) % 4 == 0
    folds = spread(labels, 3)
    for value in (True, False):
        counts = np.bincount(folds[labels == value], minlength=3)
        assert counts.max() - counts.min() <= 1


def test_cross_fitted_figures_are_those_of_a_fit_on_the_other_folds() -> None:
    evidence, labels = _sample(4, 60)
    folds = spread(labels, 3)
    figures = cross_fitted(evidence[:, None], labels, folds, 0.8)
    flagged = []
    for one in range(len(labels)):  # slowly, one by one
        others = folds != folds[one]
        fit = LogisticCalibration.fit(evidence[others][:, None], labels[others])
        point = operating_point(fit(evidence[others][:, None]), labels[others], 0.8)
        flagged.append(fit(evidence[one : one + 1][:, None])[0] >= point)
    assert figures["sensitivity_cross_fitted"] == pytest.approx(np.array(flagged)[labels].mean())
    assert figures["specificity_cross_fitted"] == pytest.approx(
        1 - np.array(flagged)[~labels].mean()
    )


def test_with_no_thing_told_by_its_own_fold_luck_is_not_counted_as_skill() -> None:
    random = np.random.default_rng(1)
    labels = np.arange(40) < 20
    evidence = random.normal(size=(40, 12))  # says nothing of the labels
    own = LogisticCalibration.fit(evidence, labels)(evidence)
    figures = cross_fitted(evidence, labels, spread(labels, 5), 0.8)
    assert figures["brier_cross_fitted"] > np.mean((own - labels) ** 2)
