"""Sensitivity and specificity without verification bias: weights for what was drawn by lot.

What AI flags is looked at; of what it does not flag, only a share is. Counting what was looked
at alone makes sensitivity too high (Begg and Greenes, Biometrics 1983;39:207). Each reviewed
study therefore counts 1 / (probability with which it was reviewed), as of Horvitz and Thompson
(J Am Stat Assoc 1952;47:663); with one probability a stratum this is Begg and Greenes' estimate.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

_Z = 1.959963984540054  # of the normal distribution, two-sided 95 %


@dataclass(frozen=True, kw_only=True, slots=True)
class Verified:
    """One study of which it is known whether the finding is there."""

    is_flagged: bool
    is_present: bool
    inclusion_probability: float  # 1: it is looked at whatever the lot says

    def __post_init__(self) -> None:
        if not 0 < self.inclusion_probability <= 1:
            raise ValueError("a probability of inclusion lies above 0 and at most at 1")


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A share with its interval."""

    value: float
    low: float  # of the 95 % interval
    high: float
    counted: int  # studies that it rests on
    weight: float  # studies that these stand for
    effective: float  # studies of a simple sample that would tell as much


def sensitivity(studies: Iterable[Verified]) -> Estimate | None:
    """Share of those with the finding that are flagged; None: nobody has it."""
    return _share((one.is_flagged, one.inclusion_probability) for one in studies if one.is_present)


def specificity(studies: Iterable[Verified]) -> Estimate | None:
    """Share of those without the finding that are not flagged; None: everybody has it."""
    return _share(
        (not one.is_flagged, one.inclusion_probability) for one in studies if not one.is_present
    )


def _share(members: Iterable[tuple[bool, float]]) -> Estimate | None:
    """A weighted share, its variance linearised (Taylor), its interval Wilson's.

    Wilson's interval is taken at the effective number of studies, share * (1 - share) / variance;
    where the variance is 0, at Kish's, (sum of weights)^2 / sum of squared weights.
    """
    known = [(1.0 if yes else 0.0, 1 / probability) for yes, probability in members]
    if not known:
        return None
    total = math.fsum(weight for _, weight in known)
    share = math.fsum(yes * weight for yes, weight in known) / total
    squared = math.fsum(weight**2 for _, weight in known)
    variance = math.fsum((weight * (yes - share)) ** 2 for yes, weight in known) / total**2
    kish = total**2 / squared
    effective = min(share * (1 - share) / variance, len(known)) if variance > 0 else kish
    low, high = _wilson(share, effective)
    return Estimate(
        value=share, low=low, high=high, counted=len(known), weight=total, effective=effective
    )


def _wilson(share: float, count: float) -> tuple[float, float]:
    """Wilson's score interval (J Am Stat Assoc 1927;22:209)."""
    spread = _Z**2 / count
    middle = (share + spread / 2) / (1 + spread)
    half = _Z / (1 + spread) * math.sqrt(share * (1 - share) / count + spread / (4 * count))
    return max(0.0, middle - half), min(1.0, middle + half)
