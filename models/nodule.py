"""The nodule detector: chest CT; a probability, and nodules with place, size and outlines."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from models.calibration import LogisticCalibration
from models.card import ModelCard
from models.chest_guard import why_not_upright
from models.detector import (
    Assessment,
    Eligibility,
    Eligible,
    NotEligible,
    SeriesHeader,
    SeriesImages,
    Unjudgeable,
    Unsuitable,
)
from models.guard import why_cut_off
from models.loading import Machine, loading
from models.nodule_candidates import Candidates, find_candidates
from models.nodule_cuts import SIDE, cuts_of
from models.nodule_findings import Findings, findings_of, together
from models.nodule_lungs import Lungs, find_lungs
from models.nodule_missing import lungs_not_shown
from models.nodule_outline import Outline, outline
from models.nodule_rules import best_first, instances_left_out, why_not_usable, why_rather
from models.nodule_vessels import lost_to_vessels, runs_through
from models.nodule_volume import LEAST_SLICES, Stack, stack_of
from models.runtime import Blueprint, Floats, Network
from models.scans import less_suspect, scans_of
from models.stopwatch import Stopwatch

if TYPE_CHECKING:
    from torch import nn

Doubles = npt.NDArray[np.float64]

NOTHING_FOUND = -12.0  # suspicion of a scan without a single blob, and the least of any
ACTIONABLE_MM = 6.0  # smaller nodules need no follow-up in most (Fleischner: MacMahon et al. 2017)
CARD_PATH = Path(__file__).with_name("weights") / "nodule.toml"
_LOOKED_AT_TWICE = 40  # candidates of one scan that every view and neighbouring cut decides on
_ON_A_SHEET = 16  # cuts; what they become within the network still fits a processor's cache
_NEIGHBOUR_MM = 1.5  # from a candidate's cut to those above and below that count too
_NEIGHBOURS_UP_TO_MM = 2.5  # between slices: further apart they show something else
_LEAST_ROUNDNESS = 0.05  # a blob counts as no less round than this
_APART = 0.7  # of the sum of the radii: nodules closer than that are one
_LEAST_APART_MM = 4.0
_SHOWN = 12  # nodules of one scan at most


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """One place in a scan that the network looked at closely."""

    suspicion: float  # log odds of a nodule among the places looked at closely, vessels weighed in
    logit: float  # of the network: uncalibrated, mean over cuts and views
    roundness: float  # of the blob, 0 a tube or sheet, 1 a sphere
    outline: Outline
    centre: tuple[float, float, float]  # z mm along the normal, column, row (pixels, edges whole)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sight:
    """What one series shows."""

    probability: float  # of the study, had it this series alone
    findings: Findings
    stack: Stack
    lungs: Lungs


def blueprint(card: ModelCard, weights: Path, *, glance: bool = False) -> Blueprint:
    """How the runtime builds the networks: all members, or the first alone for a glance."""
    members = int(card.calibration["members"])

    def build() -> "nn.Module":
        from models.nodule_network import NoduleGlance, NoduleNetwork

        return NoduleGlance() if glance else NoduleNetwork(members)

    return Blueprint(
        build=build,
        sources=tuple(map(Path(__file__).with_name, ("nodule_network.py", "mobilenet.py"))),
        weights=weights,
        weights_sha256=card.weights_sha256,
        outputs=("logit",),
        channels=1,
        side_multiple=SIDE,
        sides=(_ON_A_SHEET * SIDE, SIDE),
        prefix="members.0." if glance else "",
    )


_Outlined = tuple[Outline, tuple[float, float, float]]


class NoduleDetector:
    """Nodules on chest CT (``models.detector.Detector``).

    Blobs in the lungs are looked at by networks in axial cuts; the study's probability rests on the
    most suspect ones.
    """

    def __init__(self, *, card: ModelCard, glance: Network, network: Network) -> None:
        self.card = card
        self._one, self._all = glance, network
        self._calibrate = LogisticCalibration.from_card(card.calibration)
        self._lesion = LogisticCalibration.from_card(card.calibration["lesion"])
        self._study = LogisticCalibration.from_card(card.calibration["study"])
        self._least_score = float(card.calibration["region_score"])

    def eligibility(self, series: SeriesHeader) -> Eligibility:
        """Axial CT of the chest, slices 5 mm apart at most, contrast or not.

        Where the header names no body part the images decide (``assess`` looks for lungs). Left
        out are localizers, projections, captures, reformats and what states no geometry.
        """
        reason = why_not_usable(series)
        if reason is not None:
            return NotEligible(reason=reason)
        return Eligible(left_out=instances_left_out(series))

    def assess(self, series: Sequence[SeriesImages]) -> Assessment | Unsuitable:
        """Look at one reconstruction of every scan; the most suspect scan judges the study.

        Of several reconstructions the best is looked at, and another only if that one cannot be
        decoded or shows no lungs; what no other shows again is judged by itself: the upper and the
        lower half of a chest, a chest scanned twice. Series that show no lungs are passed over; if
        all are, the first's reason is the answer. The images of a series whose values are no CT's,
        most of whose images are cut off, or that lies another way than its header says, are
        refused, unless another that was judged shows what it does; if none can be judged, such a
        one's reason is the answer: ``Unjudgeable``. Refused are images of another grid than most of
        their series, too, and a few that are cut off. What is on no image between those of a judged
        series is told (``nodule_missing``).
        """
        if not series:
            raise ValueError("there are no images to look at")
        clock = Stopwatch()
        ordered = [series[place] for place in best_first([one.header for one in series])]
        scans = scans_of(
            ordered, lambda one: self._sight(one, clock), why_rather, lambda seen: seen.stack.odd
        )
        if not scans.judged:
            return scans.why_none or Unsuitable(reason="No series can be decoded.")
        by_suspicion = sorted(scans.judged, key=lambda scan: -scan[1].probability)
        findings = together([sight.findings for _, sight in by_suspicion])
        return Assessment(
            probability=by_suspicion[0][1].probability,
            regions=findings.regions,
            evidence=findings.evidence,
            refused=(
                *scans.refused,
                *(
                    one
                    for _, seen in by_suspicion
                    for one in (*seen.stack.odd, *seen.stack.doubles)
                ),
            ),
            passed_over=(
                *scans.passed_over,
                *(less_suspect(one, seen.probability) for one, seen in by_suspicion[1:]),
            ),
            not_shown=lungs_not_shown(
                [(one, seen.stack, seen.lungs) for one, seen in scans.judged]
            ),
            seconds=dict(clock.seconds),
        )

    def _sight(self, series: SeriesImages, clock: Stopwatch) -> Sight | Unsuitable:
        chest = _chest(series, clock)
        if isinstance(chest, Unsuitable):
            return chest
        stack, lungs = chest
        places = self._found(stack, lungs, clock)
        return Sight(
            probability=self.study_probability(places),
            findings=findings_of(stack, self._shown(places), self._score),
            stack=stack,
            lungs=lungs,
        )

    def find(
        self, series: SeriesImages, clock: Stopwatch | None = None
    ) -> tuple[Stack, list[Found]] | Unsuitable:
        """Every place looked at closely, most suspect first, and the stack they lie in."""
        clock = clock or Stopwatch()
        chest = _chest(series, clock)
        if isinstance(chest, Unsuitable):
            return chest
        return chest[0], self._found(*chest, clock)

    def _found(self, stack: Stack, lungs: Lungs, clock: Stopwatch) -> list[Found]:
        blobs = clock.time("candidates", lambda: find_candidates(stack, lungs))
        if not len(blobs):
            return []
        glance = clock.time("network", lambda: self._glance(stack, blobs))
        chosen = np.argsort(-glance, kind="stable")[:_LOOKED_AT_TWICE]
        logits = clock.time("network", lambda: self._look_closely(stack, blobs[chosen]))
        return clock.time("outlines", lambda: self._distinct(stack, lungs, blobs[chosen], logits))

    def logits(self, cuts: Floats) -> Doubles:
        """Uncalibrated log odds of a nodule in the middle of each cut, (n,).

        All members see each cut in eight views, turned and mirrored.

        Parameters
        ----------
        cuts
            float32 (n, 48, 48), 0 (-1000 HU) to 1 (400 HU), pixels of 0.7 mm.
        """
        said = [_said(self._all, view) for view in _views(cuts, 8)]
        return np.asarray(np.mean(said, axis=0))

    def probabilities(self, logits: Doubles) -> Doubles:
        """Calibrated at the share of nodules among the candidates of the training data."""
        return self._calibrate(logits[:, None])

    def study_probability(self, places: Sequence[Found]) -> float:
        """Calibrated on the simulation: the most suspect place that is large enough decides."""
        decisive = _decisive(places)
        highest = NOTHING_FOUND if decisive is None else decisive.suspicion
        return float(self._study(np.array([[max(highest, NOTHING_FOUND)]]))[0])

    def _glance(self, stack: Stack, blobs: Candidates) -> Doubles:
        return _said(self._one, cuts_of(stack, blobs.at))

    def _look_closely(self, stack: Stack, blobs: Candidates) -> Doubles:
        """Mean over the cut and, in thin slices, its neighbours above and below."""
        if stack.gap_mm > _NEIGHBOURS_UP_TO_MM:
            return self.logits(cuts_of(stack, blobs.at))
        moved = np.zeros_like(blobs.at)
        moved[:, 0] = max(_NEIGHBOUR_MM, stack.gap_mm) / stack.coarse_spacing_mm[0]
        several = [blobs.at - moved, blobs.at, blobs.at + moved]
        every = self.logits(np.concatenate([cuts_of(stack, at) for at in several]))
        return np.asarray(every.reshape(3, -1).mean(axis=0))

    def _distinct(
        self, stack: Stack, lungs: Lungs, blobs: Candidates, logits: Doubles
    ) -> list[Found]:
        """Outline and weigh each place; of several on one nodule one is kept."""
        outlined = [_outlined(stack, lungs, blobs, number) for number in range(len(blobs))]
        through = np.array(
            [
                runs_through(stack, lungs, at, shape.diameter_mm / 2)
                for at, (shape, _) in zip(blobs.at, outlined, strict=True)
            ]
        )
        evidence = lesion_evidence(logits, blobs.roundness)
        suspicions = evidence @ np.array(self._lesion.weights) + self._lesion.bias
        suspicions -= lost_to_vessels(through)
        found: list[Found] = []
        for number in np.argsort(-suspicions, kind="stable"):
            shape, centre = outlined[number]
            if all(_apart(shape, other.outline) for other in found):
                place = Found(
                    suspicion=float(suspicions[number]),
                    logit=float(logits[number]),
                    roundness=float(blobs.roundness[number]),
                    outline=shape,
                    centre=centre,
                )
                found.append(place)
        return found

    def _score(self, place: Found) -> float:
        return float(expit(place.suspicion))

    def _shown(self, places: Sequence[Found]) -> list[Found]:
        """The places worth showing; a flagged study always shows the one that flagged it."""
        flagged = self.study_probability(places) >= self.card.operating_point
        decisive = _decisive(places) if flagged else None
        return [
            place
            for place in places
            if self._score(place) >= self._least_score or place is decisive
        ][:_SHOWN]


def _chest(series: SeriesImages, clock: Stopwatch) -> tuple[Stack, Lungs] | Unsuitable:
    """The slices in space and the lungs in them, or why nothing can be told of them."""
    stack = clock.time("stack", lambda: stack_of(series))
    if isinstance(stack, Unsuitable):
        return stack
    lungs = clock.time("lungs", lambda: find_lungs(stack))
    if not isinstance(lungs, Unjudgeable):
        cut_off = clock.time("guard", lambda: why_cut_off([i.pixels for i in stack.images]))
        if cut_off is not None:
            return Unjudgeable(reason=cut_off)
    if isinstance(lungs, Unsuitable):
        # what lies in another grid than most may be the chest
        doubtful = len(stack.odd) >= LEAST_SLICES
        return Unjudgeable(reason=stack.odd[0].reason) if doubtful else lungs
    wrong_way = clock.time("guard", lambda: why_not_upright(stack, lungs))
    if wrong_way is not None:
        return Unjudgeable(reason=wrong_way)
    return stack, lungs


def _decisive(places: Sequence[Found]) -> Found | None:
    """The most suspect place of a size that calls for action."""
    large = (place for place in places if place.outline.diameter_mm >= ACTIONABLE_MM)
    return max(large, key=lambda place: place.suspicion, default=None)


def _said(network: Network, cuts: Floats) -> Doubles:
    """Log odds of each cut, (n,), from a network that takes sheets; the last is filled up."""
    said = np.empty(len(cuts))
    for start in range(0, len(cuts), _ON_A_SHEET):
        part = cuts[start : start + _ON_A_SHEET]
        sheet = np.zeros((_ON_A_SHEET, SIDE, SIDE), np.float32)
        sheet[: len(part)] = part
        logits = network(sheet.reshape(1, 1, -1, SIDE))["logit"]
        said[start : start + len(part)] = logits[: len(part)]
    return said


def _views(cuts: Floats, count: int) -> Iterator[Floats]:
    """The cuts turned by quarters, then mirrored and turned; eight at most."""
    for view in range(count):
        turned = np.rot90(cuts, view % 4, (1, 2))
        yield turned[:, :, ::-1] if view >= 4 else turned


def lesion_evidence(logits: Doubles, roundness: Doubles) -> Doubles:
    """What a place's suspicion rests on, (n, 2): log odds of the network, log of the roundness.

    The network sees cuts alone, in which a vessel across looks like a nodule; the roundness of the
    blob in space tells them apart.
    """
    return np.stack([logits, np.log(np.maximum(roundness, _LEAST_ROUNDNESS))], axis=1)


def _outlined(stack: Stack, lungs: Lungs, blobs: Candidates, number: int) -> _Outlined:
    """The outline of one blob and its centre in the stack."""
    plane, row, column = blobs.at[number]
    z_mm = float(stack.coarse_z_mm[0] + plane * stack.coarse_spacing_mm[0])
    centre = (z_mm, (column + 0.5) * stack.factor, (row + 0.5) * stack.factor)
    shape = outline(
        stack,
        z_mm=z_mm,
        column=centre[1],
        row=centre[2],
        radius_mm=float(blobs.radius_mm[number]),
        lung_hu=lungs.median_hu,
    )
    return shape, centre


def _apart(one: Outline, other: Outline) -> bool:
    distance = float(np.linalg.norm(np.subtract(one.centre_mm, other.centre_mm)))
    together = _APART * (one.diameter_mm + other.diameter_mm) / 2
    return distance > max(together, _LEAST_APART_MM)


def assemble(card: ModelCard, weights: Path, machine: Machine) -> NoduleDetector:
    """The detector that a card describes: one member for the glance, and all of them."""
    return NoduleDetector(
        card=card,
        glance=machine.network(blueprint(card, weights, glance=True)),
        network=machine.network(blueprint(card, weights)),
    )


load = loading(CARD_PATH, assemble)
