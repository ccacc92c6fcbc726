"""How good probabilities and boxes are: areas, intervals, calibration, average precision."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import norm, rankdata

from models.boxes import Boxes, overlaps

Floats = npt.NDArray[np.float64]


def auc(probabilities: Floats, labels: npt.NDArray[np.bool_]) -> float:
    """Area under the ROC curve; ties count half; nan when a class is missing."""
    positives = int(labels.sum())
    negatives = len(labels) - positives
    if not positives or not negatives:
        return float("nan")
    ranks = rankdata(probabilities)
    above = ranks[labels].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def auc_interval(
    probabilities: Floats, labels: npt.NDArray[np.bool_], level: float = 0.95
) -> tuple[float, float]:
    """DeLong's interval of the AUC (1988), on the logit scale so that it stays within 0 and 1.

    Where the classes are wholly apart, DeLong's variance is none: there, Newcombe's interval.
    """
    area = auc(probabilities, labels)
    positive, negative = probabilities[labels], probabilities[~labels]
    if np.isnan(area) or len(positive) < 2 or len(negative) < 2:
        return float("nan"), float("nan")
    combined = rankdata(np.concatenate([positive, negative]))
    m, n = len(positive), len(negative)
    placement_positive = (combined[:m] - rankdata(positive)) / n
    placement_negative = 1 - (combined[m:] - rankdata(negative)) / m
    variance = placement_positive.var(ddof=1) / m + placement_negative.var(ddof=1) / n
    if area in (0.0, 1.0) or variance == 0:
        return newcombe_interval(area, m, n, level)
    z = norm.ppf(0.5 + level / 2)
    half = z * np.sqrt(variance) / (area * (1 - area))
    logit = np.log(area / (1 - area))
    return float(expit(logit - half)), float(expit(logit + half))


def newcombe_interval(
    area: float, positives: int, negatives: int, level: float = 0.95
) -> tuple[float, float]:
    """Newcombe's interval of an AUC (2006, Statistics in Medicine 25:559, method 5).

    As Wilson's of a proportion: the areas from which this one lies no further than chance takes
    it, with Hanley and McNeil's variance (1982) at each of them. Also an area of 1 has a width.
    """
    z = float(norm.ppf(0.5 + level / 2))
    others = (positives + negatives) / 2 - 1

    def excess(at: float) -> float:
        pairs = 1 + others * (1 - at) / (2 - at) + others * at / (1 + at)
        return (at - area) ** 2 - z * z * at * (1 - at) * pairs / (positives * negatives)

    inside = min(max(area, 1e-9), 1 - 1e-9)  # at 0 and 1 themselves there is no excess
    low = 0.0 if area == 0 else float(brentq(excess, 0.0, inside))
    high = 1.0 if area == 1 else float(brentq(excess, inside, 1.0))
    return low, high


def wilson_interval(successes: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a proportion (1927); nan without trials."""
    if not trials:
        return float("nan"), float("nan")
    z = float(norm.ppf(0.5 + level / 2))
    share = successes / trials
    centre = share + z * z / (2 * trials)
    half = z * float(np.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)))
    scale = 1 + z * z / trials
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def brier_score(probabilities: Floats, labels: npt.NDArray[np.bool_]) -> float:
    """Mean squared distance of probability and truth; 0 is perfect."""
    return float(np.mean((probabilities - labels) ** 2))


def expected_calibration_error(
    probabilities: Floats, labels: npt.NDArray[np.bool_], bins: int = 10
) -> float:
    """Mean distance of probability and frequency over bins of equal width, weighted by size."""
    table = reliability(probabilities, labels, bins)
    return sum(abs(said - seen) * count for said, seen, count in table) / len(labels)


def reliability(
    probabilities: Floats, labels: npt.NDArray[np.bool_], bins: int = 10
) -> list[tuple[float, float, int]]:
    """For each part of the scale that occurs: mean probability, share with the finding, count."""
    place = np.minimum((probabilities * bins).astype(int), bins - 1)
    return [
        (
            float(probabilities[place == part].mean()),
            float(labels[place == part].mean()),
            int((place == part).sum()),
        )
        for part in np.unique(place)
    ]


def average_precision(
    found: Sequence[tuple[Boxes, npt.NDArray[np.floating]]],
    truth: Sequence[Boxes],
    overlap: float = 0.5,
) -> float:
    """Area under the precision-recall curve of boxes, all points interpolated (VOC 2010 on).

    Parameters
    ----------
    found
        For each image the boxes and their scores; images without a finding count too.
    truth
        For each image the true boxes. Each is found at most once: later boxes on it are false.
    overlap
        Least intersection over union of a hit.

    Returns
    -------
    float
        0 to 1; nan when there is no true box.
    """
    total = sum(len(boxes) for boxes in truth)
    if not total:
        return float("nan")
    scores: list[float] = []
    hits: list[bool] = []
    for (boxes, of_image), true in zip(found, truth, strict=True):
        scores.extend(float(score) for score in np.sort(of_image)[::-1])
        hits.extend(match_boxes(boxes, of_image, true, overlap))
    order = np.argsort(-np.array(scores), kind="stable")
    hit = np.array(hits, bool)[order]
    true_positives = np.cumsum(hit)
    precision = true_positives / np.arange(1, len(hit) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(envelope[hit].sum() / total)


def match_boxes(
    boxes: Boxes, scores: npt.NDArray[np.floating], true: Boxes, overlap: float
) -> list[bool]:
    """For each box, highest score first, whether it finds a true box not found before."""
    free = np.ones(len(true), bool)
    overlapping = overlaps(boxes, true)
    hits = []
    for place in np.argsort(-scores, kind="stable"):
        best = int(np.argmax(overlapping[place])) if len(true) else -1
        hit = best >= 0 and bool(free[best]) and overlapping[place, best] >= overlap
        if hit:
            free[best] = False
        hits.append(hit)
    return hits
