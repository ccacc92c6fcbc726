"""How good the nodule detector's networks are on a folder of labelled candidates."""

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.measures import auc, auc_interval, brier_score, expected_calibration_error, reliability
from models.nodule import NoduleDetector, load
from models.training.figures import choose, identity, rates, without_nan
from models.training.nodule_data import LabelledCuts, central, read_cuts
from models.training.progress import Progress

Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_AT_ONCE = 128


def evaluate(
    data: Path,
    *,
    split: str | None = None,
    detector: NoduleDetector | None = None,
    progress: Progress = lambda _what, _share: None,
) -> dict[str, Any]:
    """Measure the detector's networks on a folder with ``candidates.npz``.

    Parameters
    ----------
    split
        ``train``, ``valid`` or another value of the array ``split``, or ``all``. None takes all
        cuts but those of split ``train``, or all where that leaves none.
    detector
        None loads the one that is installed.

    Returns
    -------
    dict
        Ready for JSON; a figure that cannot be computed (one class is missing) is None.

    Raises
    ------
    models.training.labels.LabelsError
        If the folder has no usable ``candidates.npz``, or no cut of the split.
    """
    started = time.perf_counter()
    every = read_cuts(data)
    chosen, used = choose(list(every.split), split, one="cut", several="cuts")
    cuts = every[chosen]
    detector = detector or load()
    logits = logits_of(detector, cuts, progress)
    probabilities = detector.probabilities(logits)
    threshold = float(detector.card.calibration["candidate_threshold"])
    return {
        "data": str(data),
        "rows_used": used,
        **measure(probabilities, cuts.nodule, threshold),
        "model": identity(detector.card),
        "seconds": round(time.perf_counter() - started, 3),
    }


def logits_of(
    detector: NoduleDetector,
    cuts: LabelledCuts,
    progress: Progress = lambda _what, _share: None,
) -> Doubles:
    """Uncalibrated log odds of every cut, (n,), eight views each."""
    said = []
    for start in range(0, len(cuts), _AT_ONCE):
        part = cuts.cuts[start : start + _AT_ONCE]
        said.append(detector.logits(central(part)))
        progress("looking at candidates", min(1.0, (start + len(part)) / len(cuts)))
    return np.concatenate(said)


def measure(probabilities: Doubles, nodule: Bools, threshold: float) -> dict[str, Any]:
    """Every figure of one set of candidates; None where it cannot be computed."""
    flagged = probabilities >= threshold
    figures: dict[str, Any] = {
        "n": len(nodule),
        "positives": int(nodule.sum()),
        "candidate_auc": auc(probabilities, nodule),
        "candidate_auc_ci95": list(auc_interval(probabilities, nodule)),
        "candidate_ap": ranking_precision(probabilities, nodule),
        "candidate_threshold": threshold,
        **rates(flagged, nodule),
        "brier": brier_score(probabilities, nodule),
        "ece": expected_calibration_error(probabilities, nodule),
        "reliability": reliability(probabilities, nodule),
        "failures": 0,
    }
    plain: dict[str, Any] = without_nan(figures)
    return plain


def ranking_precision(scores: Doubles, nodule: Bools) -> float:
    """Average precision of a ranking: the mean precision at each nodule; ties count together."""
    total = int(nodule.sum())
    if not total:
        return math.nan
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(nodule[order])
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    precision = hits[last] / (last + 1)
    gained = np.diff(hits[last], prepend=0) / total
    return float(np.sum(precision * gained))
