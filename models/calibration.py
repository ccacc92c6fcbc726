"""From scores to probabilities."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit

Floats = npt.NDArray[np.float64]
_PENALTY = 1e-3  # keeps the weights finite when the classes separate


@dataclass(frozen=True, kw_only=True, slots=True)
class LogisticCalibration:
    """Platt scaling of one or more scores: sigmoid(weights . scores + bias)."""

    weights: tuple[float, ...]
    bias: float

    @classmethod
    def fit(cls, scores: Floats, labels: npt.NDArray[np.bool_]) -> "LogisticCalibration":
        """Fit by maximum likelihood with Platt's smoothed targets and weights not below zero.

        Parameters
        ----------
        scores
            (n, k), log odds or the like; more means more likely.
        labels
            (n,), both values must occur.
        """
        from scipy.optimize import minimize  # which running a detector need not wait for

        positives = int(labels.sum())
        negatives = len(labels) - positives
        if not positives or not negatives:
            raise ValueError("calibration needs images with and without the finding")
        high, low = (positives + 1) / (positives + 2), 1 / (negatives + 2)
        target = np.where(labels, high, low)

        def loss(parameters: Floats) -> tuple[float, Floats]:
            logit = scores @ parameters[:-1] + parameters[-1]
            value = np.sum(np.logaddexp(0, logit) - target * logit)
            residual = expit(logit) - target
            gradient = np.append(scores.T @ residual, residual.sum())
            gradient[:-1] += 2 * _PENALTY * parameters[:-1]
            return float(value + _PENALTY * np.sum(parameters[:-1] ** 2)), gradient

        k = scores.shape[1]
        bounds = [(0.0, None)] * k + [(None, None)]
        start = np.append(np.full(k, 1.0 / k), 0.0)
        found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
        return cls(weights=tuple(float(w) for w in found.x[:-1]), bias=float(found.x[-1]))

    @classmethod
    def from_card(cls, calibration: Mapping[str, Any]) -> "LogisticCalibration":
        """Read from the calibration table of a model card."""
        return cls(
            weights=tuple(float(w) for w in calibration["weights"]), bias=float(calibration["bias"])
        )

    def __call__(self, scores: Floats) -> Floats:
        """Probabilities, (n,), of scores (n, k)."""
        return np.asarray(expit(scores @ np.array(self.weights) + self.bias))
