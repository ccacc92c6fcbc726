"""The nodule card's figures that rest on simulated scans: calibration, operating point, rates.

``benchmarks/nodule_froc.py`` makes the scans and calls this. Semi-synthetic.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from models.calibration import LogisticCalibration, auc, wilson_interval
from models.card import ModelCard
from models.nodule import ACTIONABLE_MM, NOTHING_FOUND
from models.training.calibrating import operating_point
from models.training.nodule_froc import Bools, Doubles, Scan, fit_studies

WANTED_SENSITIVITY = 0.70  # of scans with a single simulated nodule of the actionable size


def calibrated(
    card: ModelCard,
    single: Sequence[Scan],
    without: Sequence[Scan],
    wanted: float = WANTED_SENSITIVITY,
) -> ModelCard:
    """The card with studies calibrated on scans, and an operating point chosen.

    What places are weighed by stays: one patient's vessels would all but drop their roundness.

    Parameters
    ----------
    single, without
        With one nodule of any size and with none, as this card's detector sees them.
    wanted
        Least sensitivity for a single nodule of 6 mm and more, above 0 to 1.
    """
    study = _rounded(fit_studies(single, without, float(card.calibration["prevalence"])))
    large = of_actionable_size(single)
    told = _probabilities(study, large)
    point = operating_point(told, np.ones(len(large), bool), wanted)
    calibration = {**card.calibration, "study": _content(study)}
    return replace(
        card,
        operating_point=point,
        calibration=calibration,
        performance={
            **card.performance,
            "study_target_sensitivity": wanted,
            "study_chosen_on": [
                int((told >= point).sum()),
                len(large),
                int((_probabilities(study, without) < point).sum()),
                len(without),
            ],
        },
    )


def stated(card: ModelCard, single: Sequence[Scan], without: Sequence[Scan]) -> ModelCard:
    """The card with what its operating point does on scans that chose nothing."""
    figures = study_figures(card, single, without)
    return replace(card, performance={**card.performance, **figures})


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
