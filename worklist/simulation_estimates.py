"""Figures with 95 % intervals from independent replications of a simulation.

Waits of one run depend on each other; those of different replications do not. So every interval
rests on how replications differ, with Student's t at one degree of freedom less than there are.

- Means and shares are ratio estimators (sum over count, each over all replications); the variance
  is that of the linearised residuals (Cochran 1977, section 2.11 and chapter 6).
- Percentiles are those of all waits together; their interval inverts that of the share of waits
  at or below them (Woodruff 1952).
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import NormalDist

_Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A figure and its 95 % interval; None: too few to say."""

    value: float
    low: float | None
    high: float | None


def ratio(parts: Sequence[tuple[float, float]]) -> Estimate:
    """Sum over count.

    Parameters
    ----------
    parts
        Sum and count of each replication; some counts may be 0, but not all.
    """
    count = math.fsum(n for _, n in parts)
    value = math.fsum(total for total, _ in parts) / count
    half = half_width(parts)
    if half is None:
        return Estimate(value=value, low=None, high=None)
    return Estimate(value=value, low=value - half, high=value + half)


def half_width(parts: Sequence[tuple[float, float]]) -> float | None:
    """Half of the 95 % interval of a ratio; None with fewer than two replications that count."""
    counted = sum(1 for _, n in parts if n)
    if counted < 2:
        return None
    count = math.fsum(n for _, n in parts)
    value = math.fsum(total for total, _ in parts) / count
    squares = math.fsum((total - value * n) ** 2 for total, n in parts)
    return student_t(counted - 1) * math.sqrt(squares * counted / (counted - 1)) / count


def percentiles(replications: Sequence[Sequence[float]], shares: Sequence[float]) -> list[Estimate]:
    """The values at or below which these shares of all lie, as in `sorted_percentile`.

    An interval is None on a side where it would reach beyond the lowest or highest value.
    """
    parts = [sorted(values) for values in replications]
    pooled = sorted(chain.from_iterable(parts))
    return [_percentile(parts, pooled, share) for share in shares]


def _percentile(
    parts: Sequence[Sequence[float]], pooled: Sequence[float], share: float
) -> Estimate:
    value = sorted_percentile(pooled, share)
    half = half_width([(float(bisect_right(part, value)), float(len(part))) for part in parts])
    if not half:
        return Estimate(value=value, low=None, high=None)
    low, high = share - half, share + half
    beyond = 1.0 - 1.0 / len(pooled)
    return Estimate(
        value=value,
        low=sorted_percentile(pooled, low) if low > 0.0 else None,
        high=sorted_percentile(pooled, high) if high <= beyond else None,
    )


def sorted_percentile(values: Sequence[float], share: float) -> float:
    """The least of the sorted values at or below which at least this share of them lies."""
    return values[min(len(values) - 1, max(0, math.ceil(share * len(values)) - 1))]


def student_t(degrees: int) -> float:
    """The 97.5th percentile of Student's t (Hill 1970's expansion; exact for 1 and 2)."""
    if degrees == 1:
        return math.tan(math.pi * 0.475)
    if degrees == 2:
        return 0.95 / math.sqrt(2 * 0.975 * 0.025)
    z, n = _Z, float(degrees)
    return (
        z
        + (z**3 + z) / (4 * n)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * n**4)
    )
