"""The nodule card's figures that rest on simulated scans: calibration, operating point, rates.

``benchmarks/nodule_froc.py`` makes the scans and calls this. Semi-synthetic.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from models.calibration import LogisticCalibration
from models.card import ModelCard
from models.measures import auc, wilson_interval
from models.nodule import ACTIONABLE_MM, NOTHING_FOUND
from models.training.calibrating import spread
from models.training.nodule_froc import (
    RATES,
    Bools,
    Doubles,
    Scan,
    fit_studies,
    intervals,
    sensitivities,
)
from models.training.nodule_limits import limits_of

LEAST_SENSITIVITY = 0.55  # for a single simulated nodule of the actionable size, surely reached
_FOLDS = 5


def calibrated(
    card: ModelCard,
    single: Sequence[Scan],
    without: Sequence[Scan],
    wanted: float = LEAST_SENSITIVITY,
) -> ModelCard:
    """The card with studies calibrated on scans, and an operating point chosen.

    What places are weighed by stays: one patient's vessels would all but drop their roundness.
    What an earlier point did is stated no longer.

    Parameters
    ----------
    single, without
        With one nodule of any size and with none, as this card's detector sees them.
    wanted
        What the sensitivity for a single nodule of 6 mm and more surely reaches
        (``surely_flagging``), above 0 to 1.
    """
    study = _rounded(fit_studies(single, without, float(card.calibration["prevalence"])))
    told, clear = _probabilities(study, of_actionable_size(single)), _probabilities(study, without)
    point = surely_flagging(told, wanted)
    hits, rejected = int((told >= point).sum()), int((clear < point).sum())
    performance = {
        **_without_simulation(card.performance),
        "study_least_sensitivity": wanted,
        "study_chosen_on": [hits, len(told), rejected, len(clear)],
        **_cross_fitted(told, clear, wanted),
    }
    return replace(
        card,
        operating_point=point,
        limits=limits_of(performance),
        calibration={**card.calibration, "study": _content(study)},
        performance=performance,
    )


def surely_flagging(told: Doubles, wanted: float) -> float:
    """The highest threshold that flags a wanted share also of scans like these, all but surely.

    The lower end of Wilson's 95 % interval of the share flagged reaches it: chosen for the share
    itself, a point is missed by every other sample. Rounded down to a ten-thousandth, so that the
    card's figure still reaches it.

    Parameters
    ----------
    told
        (n,), probabilities of scans that have the finding.
    wanted
        Above 0 and below 1.

    Raises
    ------
    ValueError
        If the scans are too few to be sure of that share even if all are flagged.
    """
    total = len(told)
    enough = (hits for hits in range(1, total + 1) if wilson_interval(hits, total)[0] >= wanted)
    needed = next(enough, None)
    if needed is None:
        raise ValueError(f"{total} scans are too few to be sure of a sensitivity of {wanted}")
    return math.floor(1e4 * float(np.sort(told)[::-1][needed - 1])) / 1e4


def _cross_fitted(told: Doubles, clear: Doubles, wanted: float) -> dict[str, float]:
    """What points do on scans that did not choose them: each fold by a point of the others.

    Empty where the scans are too few for that.
    """
    labels = np.arange(len(told) + len(clear)) < len(told)
    folds, every = spread(labels, _FOLDS), np.concatenate([told, clear])
    flagged = np.empty(len(labels), bool)
    for fold in range(_FOLDS):
        inside = folds == fold
        try:
            flagged[inside] = every[inside] >= surely_flagging(every[~inside & labels], wanted)
        except ValueError:
            return {}
    return {
        "study_sensitivity_cross_fitted": float(flagged[labels].mean()),
        "study_specificity_cross_fitted": float((~flagged[~labels]).mean()),
    }


def stated(
    card: ModelCard, several: Sequence[Scan], single: Sequence[Scan], without: Sequence[Scan]
) -> ModelCard:
    """The card with what it finds, and what its operating point does, on scans that chose nothing.

    Parameters
    ----------
    several, single, without
        With several nodules, with one and with none, as this card's detector sees them.
    """
    performance = {
        **card.performance,
        **free_response_figures(several),
        **study_figures(card, single, without),
    }
    return replace(card, limits=limits_of(performance), performance=performance)


def free_response_figures(scans: Sequence[Scan]) -> dict[str, Any]:
    """False positives a scan, the share of nodules found at so many, and its 95 % interval."""
    spread = intervals(scans, np.random.default_rng(0))
    rows = zip(RATES, sensitivities(scans), spread, strict=True)
    return {
        "free_response_measured_on": f"{sum(len(scan.nodules) for scan in scans)} simulated "
        f"nodules in {len(scans)} scans of one patient, drawn anew",
        "free_response": [
            [rate, float(share), float(low), float(high)] for rate, share, (low, high) in rows
        ],
    }


def _without_simulation(performance: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: figure
        for name, figure in performance.items()
        if not name.startswith(("study_", "free_response"))
    }


def study_figures(
    card: ModelCard, single: Sequence[Scan], without: Sequence[Scan]
) -> dict[str, Any]:
    """Rates at the operating point: single nodules of 6 mm and more against scans without."""
    content = card.calibration["study"]
    study = LogisticCalibration(weights=tuple(content["weights"]), bias=float(content["bias"]))
    large = of_actionable_size(single)
    found = _probabilities(study, large) >= card.operating_point
    clear = _probabilities(study, without) < card.operating_point
    highest = np.array([scan.highest for scan in (*large, *without)])
    return {
        "study_measured_on": f"{len(large)} simulated scans with a single nodule of "
        f"{ACTIONABLE_MM:.0f} mm or more and {len(without)} without, of one patient, drawn anew",
        "study_auc": auc(highest, _first(len(large), len(highest))),
        "study_sensitivity": float(found.mean()),
        "study_sensitivity_ci95": list(wilson_interval(int(found.sum()), len(found))),
        "study_specificity": float(clear.mean()),
        "study_specificity_ci95": list(wilson_interval(int(clear.sum()), len(clear))),
    }


def of_actionable_size(scans: Sequence[Scan]) -> list[Scan]:
    """The scans whose one nodule calls for action."""
    return [scan for scan in scans if scan.nodules[0].diameter_mm >= ACTIONABLE_MM]


def _probabilities(study: LogisticCalibration, scans: Sequence[Scan]) -> Doubles:
    return study(np.array([[max(scan.highest, NOTHING_FOUND)] for scan in scans]))


def _first(count: int, total: int) -> Bools:
    return np.asarray(np.arange(total) < count)


def _rounded(fit: LogisticCalibration) -> LogisticCalibration:
    """As the card states it, so that card and figures agree."""
    weights = tuple(round(weight, 4) for weight in fit.weights)
    return LogisticCalibration(weights=weights, bias=round(fit.bias, 4))


def _content(fit: LogisticCalibration) -> dict[str, Any]:
    return {"weights": list(fit.weights), "bias": fit.bias}
