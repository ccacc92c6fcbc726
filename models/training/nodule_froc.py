"""The free-response curve: how many nodules are found at how many false positives a scan.

As in LUNA16 (Setio et al. 2017): a place is a hit if it lies within a nodule's radius of its
centre (here at least ``LEAST_REACH_MM``, for thick slices move centres), every other place is a
false positive, and places in zones of known real findings count neither way.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.calibration import LogisticCalibration
from models.nodule import ACTIONABLE_MM, NOTHING_FOUND, Found, lesion_evidence
from models.training.nodule_simulation import KnownZone, SimulatedNodule

Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

RATES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # false positives a scan
LEAST_REACH_MM = 5.0
_REDRAWS = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """One place that was told, outside the zones of known findings."""

    hit: int | None  # which nodule of its scan it lies on, counted from 0; None: a false positive
    suspicion: float  # log odds by which places are ranked
    logit: float  # of the network
    roundness: float  # of the blob
    diameter_mm: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Scan:
    """One scan with what was put in and what was told of it."""

    nodules: tuple[SimulatedNodule, ...]
    places: tuple[Place, ...]

    @property
    def highest(self) -> float:
        """The highest suspicion of a place of a size that calls for action."""
        large = (p.suspicion for p in self.places if p.diameter_mm >= ACTIONABLE_MM)
        return max(large, default=NOTHING_FOUND)

    @property
    def false_scores(self) -> list[float]:
        """The suspicions of the false positives."""
        return [place.suspicion for place in self.places if place.hit is None]

    def best_place(self, number: int) -> Place | None:
        """The most suspect place on a nodule; None: it was not found."""
        hits = [place for place in self.places if place.hit == number]
        return max(hits, key=lambda place: place.suspicion, default=None)


def judge_scan(
    found: Sequence[Found], nodules: Sequence[SimulatedNodule], known: Sequence[KnownZone]
) -> Scan:
    """Compare what was found with what was put in."""
    places = [
        Place(
            hit=_nodule_at(place.outline.centre_mm, nodules),
            suspicion=place.suspicion,
            logit=place.logit,
            roundness=place.roundness,
            diameter_mm=place.outline.diameter_mm,
        )
        for place in found
        if not any(zone.holds(place.outline.centre_mm) for zone in known)
    ]
    return Scan(nodules=tuple(nodules), places=tuple(places))


def _nodule_at(
    centre: tuple[float, float, float], nodules: Sequence[SimulatedNodule]
) -> int | None:
    """The nearest of the nodules that a place lies on."""
    distances = [float(np.linalg.norm(np.subtract(centre, n.centre_mm))) for n in nodules]
    reached = [
        number
        for number, distance in enumerate(distances)
        if distance <= max(nodules[number].diameter_mm / 2, LEAST_REACH_MM)
    ]
    return min(reached, key=lambda number: distances[number], default=None)


def sensitivities(scans: Sequence[Scan], rates: Sequence[float] = RATES) -> Doubles:
    """The share of nodules found at each rate of false positives a scan; nan without nodules."""
    best = [scan.best_place(number) for scan in scans for number in range(len(scan.nodules))]
    scores = np.array([-np.inf if place is None else place.suspicion for place in best])
    if not len(scores):
        return np.full(len(rates), np.nan)
    return np.array([np.mean(scores > threshold_at(scans, rate)) for rate in rates])


def threshold_at(scans: Sequence[Scan], rate: float) -> float:
    """The suspicion above which lie so many false positives a scan; NOTHING_FOUND if fewer."""
    false = np.sort(np.array([score for scan in scans for score in scan.false_scores]))[::-1]
    allowed = int(rate * len(scans))
    return float(false[allowed]) if allowed < len(false) else NOTHING_FOUND


def intervals(
    scans: Sequence[Scan], random: np.random.Generator, rates: Sequence[float] = RATES
) -> Doubles:
    """95 % intervals of the sensitivities, (rate, 2), by drawing scans anew (bootstrap).

    They tell the spread over simulated nodules, not over patients.
    """
    drawn = [
        sensitivities([scans[place] for place in random.integers(0, len(scans), len(scans))], rates)
        for _ in range(_REDRAWS)
    ]
    return np.asarray(np.nanpercentile(np.array(drawn), (2.5, 97.5), axis=0).T)


def fit_lesions(scans: Sequence[Scan]) -> LogisticCalibration:
    """How the network's log odds and the roundness tell hits from false positives.

    Raises
    ------
    ValueError
        If there are no hits, or no false positives.
    """
    places = [place for scan in scans for place in scan.places]
    evidence = lesion_evidence(
        np.array([place.logit for place in places]),
        np.array([place.roundness for place in places]),
    )
    return LogisticCalibration.fit(evidence, np.array([place.hit is not None for place in places]))


def fit_studies(
    with_nodule: Sequence[Scan], without: Sequence[Scan], prevalence: float
) -> LogisticCalibration:
    """How the highest suspicion tells scans with a nodule, where they are so common."""
    highest = np.array([max(scan.highest, NOTHING_FOUND) for scan in (*with_nodule, *without)])
    present = np.arange(len(highest)) < len(with_nodule)
    fit = LogisticCalibration.fit(highest[:, None], present)
    share = len(with_nodule) / len(highest)
    moved = np.log(prevalence / (1 - prevalence)) - np.log(share / (1 - share))
    return LogisticCalibration(weights=fit.weights, bias=fit.bias + float(moved))
