"""The haemorrhage detector: head CT without contrast; a probability, scores, places and kinds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from models.calibration import LogisticCalibration
from models.card import ModelCard
from models.detector import (
    Assessment,
    Eligibility,
    Eligible,
    Image,
    NotEligible,
    PassedOver,
    SeriesHeader,
    SeriesImages,
    Unsuitable,
)
from models.haemorrhage_findings import findings_of
from models.haemorrhage_guard import content_of, why_no_head, why_no_values
from models.haemorrhage_network import KINDS
from models.haemorrhage_places import Place, find_places
from models.haemorrhage_rules import (
    aptness,
    instances_left_out,
    why_less_apt,
    why_not_usable,
)
from models.haemorrhage_volume import (
    NoSkull,
    NotAxial,
    Skull,
    Stack,
    find_skull,
    stack_of,
    to_canvas,
    to_network,
    with_neighbours,
)
from models.loading import Machine, loading
from models.reconstructions import shows_again
from models.runtime import Blueprint, Floats, Network
from models.stopwatch import Stopwatch
from models.upright_guard import HeadGuard, load_upright_guard

if TYPE_CHECKING:
    from torch import nn

CARD_PATH = Path(__file__).with_name("weights") / "haemorrhage.toml"
_BATCH = 8  # planes a call of the network
_HIGHEST = 3  # planes whose mean stands for a study
_SIDE_MULTIPLE = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Sight:
    """What the detector makes of one series."""

    stack: Stack
    skull: Skull
    evidence: tuple[float, float]  # log odds: the most suspect plane's, the mean of the highest
    probability: float  # of the study, calibrated
    planes: npt.NDArray[np.float64]  # (slab,), calibrated probability that it shows blood
    logits: npt.NDArray[np.float64]  # (slab,), smoothed log odds, not calibrated; -inf: no brain
    kinds: npt.NDArray[np.float64]  # (slab, 5), scores of KINDS
    places: tuple[Place, ...]  # their planes count from the skull's first


_Seen = tuple[SeriesImages, Sight]


def blueprint(card: ModelCard, weights: Path) -> Blueprint:
    """How the runtime builds this network."""
    return Blueprint(
        build=partial(_build, int(card.calibration["members"])),
        sources=tuple(map(Path(__file__).with_name, ("haemorrhage_network.py", "mobilenet.py"))),
        weights=weights,
        weights_sha256=card.weights_sha256,
        outputs=("slice_logit", "kind_logits", "heat_logit"),
        channels=3,
        side_multiple=_SIDE_MULTIPLE,
        batch=None,
    )


def _build(members: int) -> "nn.Module":
    from models.haemorrhage_network import HaemorrhageEnsemble

    return HaemorrhageEnsemble(members)


class HaemorrhageDetector:
    """Blood in head CT without contrast (``models.detector.Detector``).

    Every plane that holds brain is seen between its neighbours by several networks at once. A
    study is judged by its most suspect planes, after each was smoothed with its neighbours: blood
    on one plane alone is less likely blood.
    """

    def __init__(self, *, card: ModelCard, network: Network, guard: HeadGuard) -> None:
        self.card = card
        self._network = network
        self._guard = guard
        self._calibrate = LogisticCalibration.from_card(card.calibration)
        self._calibrate_plane = LogisticCalibration.from_card(card.calibration["plane"])
        self._plane_point = float(card.calibration["plane"]["operating_point"])
        self._least_heat = float(card.calibration["least_heat"])

    def eligibility(self, series: SeriesHeader) -> Eligibility:
        """Axial CT of the head without contrast agent, by its header."""
        reason = why_not_usable(series)
        if reason is not None:
            return NotEligible(reason=reason)
        return Eligible(left_out=instances_left_out(series))

    def assess(self, series: Sequence[SeriesImages]) -> Assessment | Unsuitable:
        """Look at every series; the most suspect scan judges the study.

        Of several reconstructions of one scan the one most apt for blood judges it; what is no
        reconstruction of another is judged by itself: the base and the vertex of a head scanned
        apart, a control some time later. Series that show no head without contrast are passed
        over; if all are, the first's reason is the answer.
        """
        clock = Stopwatch()
        seen: list[_Seen] = []
        passed_over: list[PassedOver] = []
        for one in sorted(series, key=lambda one: aptness(one.header)):
            sight = self.look(one.images, _thickness_mm(one.header), clock)
            if isinstance(sight, Unsuitable):
                passed_over.append(_passed_over(one, sight.reason))
            else:
                seen.append((one, sight))
        if not seen:
            reasons = [one.reason for one in passed_over]
            return Unsuitable(reason=reasons[0] if reasons else "There are no images.")
        judged, less_apt = _judged(seen)
        decisive, sight = max(judged, key=lambda pair: pair[1].probability)
        less_suspect = [
            _passed_over(one, f"Judged by itself ({other.probability:.2f}), it is less suspect.")
            for one, other in judged
            if one is not decisive
        ]
        flagged = sight.probability >= self.card.operating_point
        decisive_first = sorted(seen, key=lambda pair: pair[0] is not decisive)
        best, *others = (
            findings_of(one.images, seen_in, flagged=flagged, plane_point=self._plane_point)
            for one, seen_in in decisive_first
        )
        return Assessment(
            probability=sight.probability,
            regions=best.regions,
            evidence=best.with_scores_of(others),
            passed_over=(*passed_over, *less_apt, *less_suspect),
            seconds=dict(clock.seconds),
        )

    def look(
        self,
        images: Sequence[Image],
        thickness_mm: float | None = None,
        clock: Stopwatch | None = None,
    ) -> Sight | Unsuitable:
        """Look at one series.

        Parameters
        ----------
        images
            In any order; Hounsfield units.
        thickness_mm
            Of the slices; stands in for their distance where they have no position.
        """
        clock = clock or Stopwatch()
        if not images:
            return Unsuitable(reason="There are no images.")
        try:
            stack = clock.time("prepare", lambda: stack_of(images, thickness_mm))
            reason = clock.time("guard", lambda: why_no_values(stack))
            if reason is not None:
                return Unsuitable(reason=reason)
            skull = clock.time("prepare", lambda: find_skull(stack))
        except NotAxial:
            return Unsuitable(reason="The images are not axial.")
        except NoSkull:
            return Unsuitable(reason="No skull was found: bone encloses nothing like brain.")
        pixel_mm = _pixel_mm(images, stack)
        reason = why_no_head(clock.time("guard", lambda: content_of(stack, skull, pixel_mm)))
        reason = reason or clock.time("guard", lambda: self._guard(stack, skull))
        if reason is not None:
            return Unsuitable(reason=reason)
        canvases = clock.time("prepare", lambda: _canvases(stack, skull))
        said = clock.time("network", lambda: self._said(canvases))
        return clock.time("places", lambda: self._sight(stack, skull, canvases, said))

    def _said(self, canvases: Floats) -> dict[str, Floats]:
        """The network's outputs for every plane, a few at a time."""
        batch = with_neighbours(to_network(canvases))
        parts = [
            self._network(np.ascontiguousarray(batch[first : first + _BATCH]))
            for first in range(0, len(batch), _BATCH)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _sight(
        self, stack: Stack, skull: Skull, canvases: Floats, said: dict[str, Floats]
    ) -> Sight:
        smooth = smoothed(said["slice_logit"])
        slabs = len(stack.planes)
        inside = slice(skull.first, skull.last + 1)
        logits = np.full(slabs, -np.inf)
        logits[inside] = smooth
        kinds = np.zeros((slabs, len(KINDS)))
        kinds[inside] = expit(said["kind_logits"])
        return self.calibrated(
            Sight(
                stack=stack,
                skull=skull,
                evidence=study_evidence(smooth),
                probability=0.0,
                planes=np.zeros(slabs),
                logits=logits,
                kinds=kinds,
                places=find_places(
                    canvases, expit(said["heat_logit"][:, 0]), least=self._least_heat
                ),
            )
        )

    def calibrated(self, sight: Sight) -> Sight:
        """What was seen with the probabilities of this detector's card."""
        looked_at = np.isfinite(sight.logits)
        planes = np.zeros(len(sight.logits))
        planes[looked_at] = self._calibrate_plane(sight.logits[looked_at][:, None])
        probability = float(self._calibrate(np.array([sight.evidence]))[0])
        return replace(sight, probability=probability, planes=planes)


def _judged(seen: Sequence[_Seen]) -> tuple[list[_Seen], list[PassedOver]]:
    """The scans among the series, most apt first, and why not the other reconstructions of them."""
    judged: list[_Seen] = []
    less_apt: list[PassedOver] = []
    for one, sight in seen:
        instead = next((other for other, _ in judged if shows_again(one, other)), None)
        if instead is None:
            judged.append((one, sight))
        else:
            less_apt.append(_passed_over(one, why_less_apt(instead.header, one.header)))
    return judged, less_apt


def _passed_over(series: SeriesImages, reason: str) -> PassedOver:
    """Every series is looked at; not all count for the study's probability."""
    uid = series.header.series_instance_uid
    return PassedOver(series_instance_uid=uid, reason=reason, seen=True)


def smoothed(logits: Floats) -> npt.NDArray[np.float64]:
    """Each plane's log odds, half its own and a quarter each of its neighbours'."""
    padded = np.pad(logits.astype(np.float64), 1, mode="edge")
    return padded[:-2] / 4 + padded[1:-1] / 2 + padded[2:] / 4


def study_evidence(planes: npt.NDArray[np.float64]) -> tuple[float, float]:
    """What a study's probability rests on: the highest plane, the mean of the highest few."""
    highest = np.sort(planes)[::-1][:_HIGHEST]
    return float(highest[0]), float(highest.mean())


def _canvases(stack: Stack, skull: Skull) -> Floats:
    """The planes that hold brain, on canvases."""
    inside = stack.planes[skull.first : skull.last + 1]
    return np.stack([to_canvas(plane, skull.to_plane) for plane in inside])


def _pixel_mm(images: Sequence[Image], stack: Stack) -> float | None:
    """Distance of the turned planes' columns; None where not known."""
    spacing = images[stack.members[0][0]].pixel_spacing_mm
    if spacing is None:
        return None
    return spacing[0] if stack.turn.transposed else spacing[1]


def _thickness_mm(header: SeriesHeader) -> float | None:
    stated = [i.slice_thickness_mm for i in header.instances if i.slice_thickness_mm]
    return float(np.median(stated)) if stated else None


def assemble(card: ModelCard, weights: Path, machine: Machine) -> HaemorrhageDetector:
    """The detector that a card describes, with its networks made ready."""
    guard = load_upright_guard(device=machine.device, threads=machine.threads, cache=machine.cache)
    return HaemorrhageDetector(
        card=card, network=machine.network(blueprint(card, weights)), guard=guard
    )


load = loading(CARD_PATH, assemble)
