"""How well a simulated detector does, and what it says of one study.

Two models. An *operating point* knows flags alone: what it says of a flagged study is its positive
predictive value. *Equal-variance binormal scores* (Green and Swets 1966) are normal with variance
1, with mean 0 where the finding is absent and ``d'`` where it is present, and
``AUC = Φ(d' / √2)``. Both say calibrated probabilities, by Bayes' rule at the prevalence.
"""

import math
from dataclasses import dataclass
from random import Random
from statistics import NormalDist

_NORMAL = NormalDist()


@dataclass(frozen=True, kw_only=True, slots=True)
class OperatingPoint:
    """Flags and nothing finer.

    Raises
    ------
    ValueError
        If a share is not between 0 and 1.
    """

    sensitivity: float
    specificity: float

    def __post_init__(self) -> None:
        _check(sensitivity=self.sensitivity, specificity=self.specificity)

    def says(self, present: bool, prevalence: float, chance: Random) -> tuple[float, bool]:
        """The calibrated probability of one study, and whether it is flagged."""
        share = self.sensitivity if present else 1.0 - self.specificity
        flagged = chance.random() < share
        with_it = self.sensitivity if flagged else 1.0 - self.sensitivity
        without = 1.0 - self.specificity if flagged else self.specificity
        return prevalence * with_it / (prevalence * with_it + (1.0 - prevalence) * without), flagged


@dataclass(frozen=True, kw_only=True, slots=True)
class BinormalScores:
    """Scores of a given area under the ROC curve, flagged where they reach the sensitivity.

    Raises
    ------
    ValueError
        If the area is not above 0.5 and below 1, or the sensitivity not between 0 and 1.
    """

    auc: float = 0.936
    sensitivity: float = 0.9

    def __post_init__(self) -> None:
        if not 0.5 < self.auc < 1.0:
            raise ValueError(f"auc is {self.auc}, not above 0.5 and below 1")
        _check(sensitivity=self.sensitivity)

    @property
    def separation(self) -> float:
        """``d'``: by how much the finding shifts the mean score."""
        return math.sqrt(2.0) * _NORMAL.inv_cdf(self.auc)

    @property
    def threshold(self) -> float:
        """The score from which a study is flagged."""
        return self.separation - _NORMAL.inv_cdf(self.sensitivity)

    @property
    def specificity(self) -> float:
        """At the threshold."""
        return _NORMAL.cdf(self.threshold)

    def says(self, present: bool, prevalence: float, chance: Random) -> tuple[float, bool]:
        """The calibrated probability of one study, and whether it is flagged."""
        separation = self.separation
        score = chance.gauss(separation if present else 0.0, 1.0)
        odds = prevalence / (1.0 - prevalence)
        odds *= math.exp(separation * score - separation**2 / 2.0)
        return odds / (1.0 + odds), score >= self.threshold


AIPerformance = OperatingPoint | BinormalScores


def specificity_of(*, sensitivity: float, ppv: float, prevalence: float) -> float:
    """The specificity that gives this positive predictive value.

    Raises
    ------
    ValueError
        If no specificity can, or the value is no better than what flagging by chance would give.
    """
    _check(sensitivity=sensitivity, ppv=ppv, prevalence=prevalence)
    false_share = sensitivity * prevalence * (1.0 - ppv) / ppv / (1.0 - prevalence)
    if ppv <= prevalence or not 0.0 < false_share < 1.0:
        raise ValueError(
            f"no specificity gives a PPV of {ppv} at a prevalence of {prevalence}, "
            "which flagging by chance would give"
        )
    return 1.0 - false_share


def flagged_share(performance: AIPerformance, prevalence: float) -> float:
    """How many studies are flagged."""
    false = (1.0 - prevalence) * (1.0 - performance.specificity)
    return prevalence * performance.sensitivity + false


def _check(**shares: float) -> None:
    for name, value in shares.items():
        if not 0.0 < value < 1.0:
            raise ValueError(f"{name} is {value}, not between 0 and 1")
