"""Operating points for a stated sensitivity, and what they do on data not used to choose them."""

import math

import numpy as np
import numpy.typing as npt

from models.calibration import Floats, LogisticCalibration
from models.measures import auc, brier_score, expected_calibration_error

Bools = npt.NDArray[np.bool_]
Folds = npt.NDArray[np.int_]

_FOLDS = 5


def operating_point(probabilities: Floats, labels: Bools, wanted: float) -> float:
    """The highest threshold that flags a wanted share of what has the finding.

    Rounded down to a ten-thousandth, so that the card's figure still reaches it.

    Parameters
    ----------
    probabilities, labels
        (n,) both; some must have the finding.
    wanted
        Least sensitivity, above 0 to 1.
    """
    of_positives = np.sort(probabilities[labels])[::-1]
    needed = math.ceil(wanted * len(of_positives) - 1e-9)  # 0.8 x 25 is 20, also in floats
    return float(math.floor(1e4 * of_positives[needed - 1]) / 1e4)


def spread(labels: Bools, count: int) -> Folds:
    """The fold of each thing, from 0: both classes spread evenly, in their order."""
    folds = np.empty(len(labels), int)
    for value in (True, False):
        of_class = np.flatnonzero(labels == value)
        folds[of_class] = np.arange(len(of_class)) % count
    return folds


def cross_fitted(evidence: Floats, labels: Bools, folds: Folds, wanted: float) -> dict[str, float]:
    """Figures where each fold's calibration and operating point come from the other folds.

    Parameters
    ----------
    evidence
        (n, k), what the calibration weighs.
    folds
        (n,); outside each there must be things with the finding and without.
    wanted
        The sensitivity that the operating points are chosen for.
    """
    probabilities, flagged = np.empty(len(labels)), np.empty(len(labels), bool)
    for fold in np.unique(folds):
        inside = folds == fold
        fit = LogisticCalibration.fit(evidence[~inside], labels[~inside])
        probabilities[inside] = fit(evidence[inside])
        point = operating_point(fit(evidence[~inside]), labels[~inside], wanted)
        flagged[inside] = probabilities[inside] >= point
    return {
        "auc_cross_fitted": auc(probabilities, labels),
        "sensitivity_cross_fitted": float(flagged[labels].mean()),
        "specificity_cross_fitted": float((~flagged[~labels]).mean()),
        "brier_cross_fitted": brier_score(probabilities, labels),
        "ece_cross_fitted": expected_calibration_error(probabilities, labels),
    }


def cross_fitted_evenly(evidence: Floats, labels: Bools, wanted: float) -> dict[str, float]:
    """The same over five even folds, for things of which none belong together.

    Empty where they are too few to say anything.
    """
    if min(labels.sum(), (~labels).sum()) < 2 * _FOLDS:
        return {}
    return cross_fitted(evidence, labels, spread(labels, _FOLDS), wanted)
