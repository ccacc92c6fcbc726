"""The haemorrhage detector: head CT without contrast; a probability, scores, places and kinds."""

from collections.abc import Callable, Sequence
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
    Refused,
    SeriesHeader,
    SeriesImages,
    Unjudgeable,
    Unsuitable,
)
from models.guard import why_cut_off
from models.haemorrhage_answers import KINDS
from models.haemorrhage_findings import Findings, Thresholds, findings_of
from models.haemorrhage_guard import LEAST_SLABS, content_of, why_no_head, why_no_values
from models.haemorrhage_missing import brain_not_shown
from models.haemorrhage_passes import (
    MOST_PASSES,
    TOO_MANY,
    Places,
    in_no_sight,
    passes_of,
    why_in_none,
)
from models.haemorrhage_places import Place, find_places
from models.haemorrhage_rules import aptness, instances_left_out, why_less_apt, why_not_usable
from models.haemorrhage_scans import together
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
from models.runtime import Blueprint, Floats, Network
from models.scans import less_suspect, scans_of
from models.skull_signs import SkullSigns, find_signs
from models.stopwatch import Stopwatch
from models.upright_guard import HeadGuard, load_upright_guard

if TYPE_CHECKING:
    from torch import nn

CARD_PATH = Path(__file__).with_name("weights") / "haemorrhage.toml"
PLANES, WALLS = "planes", "walls"  # the names of the networks' weights
FRACTURE = 2  # column of the log odds
_BATCH = 8  # planes a call of the network
_HIGHEST = 3  # planes whose mean stands for a study
_NO_WALL = np.array([-1.98, -3.03])  # median log odds of walls that show neither, of 0.4.0
_SIDE_MULTIPLE = 32
_NO_IMAGES, _NOT_AXIAL = "There are no images.", "The images are not axial."


@dataclass(frozen=True, kw_only=True, slots=True)
class Sight:
    """What the detector makes of one series."""

    stack: Stack
    skull: Skull
    evidence: tuple[float, ...]  # of each column of logits the mean of the highest
    probability: float  # of the study, calibrated
    planes: npt.NDArray[np.float64]  # (slab,), calibrated probability that it shows blood
    fractured: npt.NDArray[np.float64]  # (slab,), the same of a fracture of the skull
    logits: npt.NDArray[np.float64]  # (slab, 3), smoothed, not calibrated; -inf: no brain
    kinds: npt.NDArray[np.float64]  # (slab, 5), scores of KINDS
    places: tuple[Place, ...]  # of blood; their planes count from the skull's first
    fractures: tuple[Place, ...]  # of the skull, the same


@dataclass(frozen=True, kw_only=True, slots=True)
class Passes:
    """What the detector makes of each pass over a head that one series holds."""

    sights: tuple[Sight, ...]  # the most suspect first, at least one
    refused: tuple[Refused, ...]  # images that are in none of them


def planes_blueprint(card: ModelCard, weights: Path) -> Blueprint:
    """How the runtime builds the network of the planes."""
    outputs = ("slice_logit", "kind_logits", "heat_logit")
    return _blueprint(card, weights, PLANES, _build_planes, "haemorrhage_network.py", outputs)


def walls_blueprint(card: ModelCard, weights: Path) -> Blueprint:
    """How the runtime builds the network of the skull's walls."""
    outputs = ("sign_logits", "heat_logits")
    return _blueprint(card, weights, WALLS, _build_walls, "skull_network.py", outputs)


def _blueprint(
    card: ModelCard,
    weights: Path,
    part: str,
    build: Callable[[int], "nn.Module"],
    source: str,
    outputs: tuple[str, ...],
) -> Blueprint:
    return Blueprint(
        build=partial(build, int(card.calibration["members"])),
        sources=_sources(source),
        weights=weights,
        weights_sha256=card.weights_sha256,
        outputs=outputs,
        channels=3,
        side_multiple=_SIDE_MULTIPLE,
        batch=None,
        prefix=f"{part}.",
    )


def _sources(network: str) -> tuple[Path, ...]:
    return tuple(map(Path(__file__).with_name, (network, "both_halves.py", "mobilenet.py")))


def _build_planes(members: int) -> "nn.Module":
    from models.haemorrhage_network import HaemorrhageEnsemble

    return HaemorrhageEnsemble(members)


def _build_walls(members: int) -> "nn.Module":
    from models.skull_network import SkullEnsemble

    return SkullEnsemble(members)


class HaemorrhageDetector:
    """Blood in head CT without contrast (``models.detector.Detector``).

    Every plane that holds brain is seen between its neighbours by several networks at once, and
    the wall of its skull, unrolled, by several others: blood is likely where the skull is broken.
    A study is judged by its most suspect planes, after each was smoothed with its neighbours:
    blood on one plane alone is less likely blood.
    """

    def __init__(
        self, *, card: ModelCard, planes: Network, walls: Network, guard: HeadGuard
    ) -> None:
        self.card = card
        self._planes = planes
        self._walls = walls
        self._guard = guard
        self._calibrate = LogisticCalibration.from_card(card.calibration)
        self._calibrate_plane = LogisticCalibration.from_card(card.calibration["plane"])
        self._calibrate_fracture = LogisticCalibration.from_card(card.calibration["fracture"])
        self._thresholds = Thresholds.from_card(card.calibration)
        self._least_heat = float(card.calibration["least_heat"])

    def eligibility(self, series: SeriesHeader) -> Eligibility:
        """Axial CT of the head without contrast agent, by its header."""
        reason = why_not_usable(series)
        if reason is not None:
            return NotEligible(reason=reason)
        return Eligible(left_out=instances_left_out(series))

    def assess(self, series: Sequence[SeriesImages]) -> Assessment | Unsuitable:
        """Look at one reconstruction of every scan; the most suspect scan judges the study.

        Of several reconstructions the one most apt for blood is looked at, another if that cannot
        be decoded or shows no head; what is no reconstruction of another is judged by itself (the
        base and the vertex of a head scanned apart, a control), as is each pass of a series that
        shows its places several times. Series that show no head without contrast are passed over,
        the images of what may be one are refused (``look``), unless another series shows it. If
        none is judged, the first that may be one is the answer (``Unjudgeable``), else the first.
        """
        clock = Stopwatch()
        scans = scans_of(
            sorted(series, key=lambda one: aptness(one.header)),
            lambda one: self._look_through(one, clock),
            why_less_apt,
            lambda passes: passes.refused,
        )
        if not scans.judged:
            return scans.why_none or Unsuitable(reason=_NO_IMAGES)
        by_suspicion = sorted(scans.judged, key=lambda scan: -scan[1].sights[0].probability)
        findings = together([self._findings(one, passes) for one, passes in by_suspicion])
        first = [(one, passes.sights[0]) for one, passes in by_suspicion]
        return Assessment(
            probability=first[0][1].probability,
            regions=findings.regions,
            evidence=findings.evidence,
            passed_over=(
                *scans.passed_over,
                *(less_suspect(one, sight.probability) for one, sight in first[1:]),
            ),
            refused=(*scans.refused, *(r for _, passes in by_suspicion for r in passes.refused)),
            not_shown=brain_not_shown([(one, s.stack, s.skull) for one, s in first]),
            seconds=dict(clock.seconds),
        )

    def _findings(self, series: SeriesImages, passes: Passes) -> Findings:
        sight, *others = passes.sights
        flagged = sight.probability >= self.card.operating_point
        return findings_of(
            series.images, sight, others, flagged=flagged, thresholds=self._thresholds
        )

    def _look_through(self, series: SeriesImages, clock: Stopwatch) -> Passes | Unsuitable:
        """Look at each pass; at the mean of too many, for what speaks against them."""
        images, thickness_mm = series.images, _thickness_mm(series.header)
        if not images:
            return Unsuitable(reason=_NO_IMAGES)
        try:
            several = clock.time("prepare", lambda: passes_of(images))
        except NotAxial:
            return Unsuitable(reason=_NOT_AXIAL)
        if len(several) > MOST_PASSES:
            mean = self.look(images, thickness_mm, clock, tuple(sorted({*sum(several, ())})))
            return mean if isinstance(mean, Unsuitable) else Unjudgeable(reason=TOO_MANY)
        looks = [(places, self.look(images, thickness_mm, clock, places)) for places in several]
        sights = [look for _, look in looks if isinstance(look, Sight)]
        if sights:
            sights.sort(key=lambda sight: -sight.probability)
            return Passes(sights=tuple(sights), refused=in_no_sight(images, looks))
        why = [(places, look) for places, look in looks if isinstance(look, Unsuitable)]
        return why_in_none(images, why)

    def look(
        self,
        images: Sequence[Image],
        thickness_mm: float | None = None,
        clock: Stopwatch | None = None,
        places: Places | None = None,
    ) -> Sight | Unsuitable:
        """Look at one series, or one pass of it.

        It is ``Unjudgeable``, not just unsuitable, if its values are no Hounsfield units, if images
        are cut off, if little of a head is on it, or if it lies another way than the header says.

        Parameters
        ----------
        images
            In any order; Hounsfield units.
        thickness_mm
            Of the slices; stands in for their distance where they have no position.
        places
            Of the images that count, all of one size; None: those that have the size most have.
        """
        clock = clock or Stopwatch()
        if not images:
            return Unsuitable(reason=_NO_IMAGES)
        try:
            stack = clock.time("prepare", lambda: stack_of(images, thickness_mm, places))
            reason = clock.time("guard", lambda: why_no_values(stack) or _cut_off(images, stack))
            if reason is not None:
                return Unjudgeable(reason=reason)
            skull = clock.time("prepare", lambda: find_skull(stack))
        except NotAxial:
            return Unsuitable(reason=_NOT_AXIAL)
        except NoSkull:
            return Unsuitable(reason="No skull was found: bone encloses nothing like brain.")
        pixel_mm = _pixel_mm(images, stack)
        content = clock.time("guard", lambda: content_of(stack, skull, pixel_mm))
        reason = why_no_head(content)
        if reason is not None and content.slabs >= LEAST_SLABS:
            return Unsuitable(reason=reason)
        if reason is not None:  # of a head cut off, or of another part that shows some of it
            return Unjudgeable(reason=reason, fails_alone=False)
        reason = clock.time("guard", lambda: self._guard(stack, skull))
        if reason is not None:
            return Unjudgeable(reason=reason)
        canvases = clock.time("prepare", lambda: _canvases(stack, skull))
        said = clock.time("network", lambda: self._said(canvases))
        signs = clock.time("skull", lambda: self._signs(stack, skull))
        return clock.time("places", lambda: self._sight(stack, skull, canvases, said, signs))

    def _said(self, canvases: Floats) -> dict[str, Floats]:
        """The network's outputs for every plane, a few at a time."""
        batch = with_neighbours(to_network(canvases))
        parts = [
            self._planes(np.ascontiguousarray(batch[first : first + _BATCH]))
            for first in range(0, len(batch), _BATCH)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _signs(self, stack: Stack, skull: Skull) -> SkullSigns:
        return find_signs(stack, skull, self._walls, least_heat=self._least_heat)

    def _sight(
        self,
        stack: Stack,
        skull: Skull,
        canvases: Floats,
        said: dict[str, Floats],
        signs: SkullSigns,
    ) -> Sight:
        inside = slice(skull.first, skull.last + 1)
        smooth = smoothed(said["slice_logit"], signs.logits[inside])
        slabs = len(stack.planes)
        logits = np.full((slabs, smooth.shape[1]), -np.inf)
        logits[inside] = smooth
        kinds = np.zeros((slabs, len(KINDS)))
        kinds[inside] = expit(said["kind_logits"])
        heat = np.maximum(expit(said["heat_logit"][:, 0]), signs.blood_heat[inside])
        tables = [signs.tables.get(slab) for slab in range(skull.first, skull.last + 1)]
        return self.calibrated(
            Sight(
                stack=stack,
                skull=skull,
                evidence=study_evidence(smooth),
                probability=0.0,
                planes=np.zeros(slabs),
                fractured=np.zeros(slabs),
                logits=logits,
                kinds=kinds,
                places=find_places(canvases, heat, tables, least=self._least_heat),
                fractures=signs.fractures,
            )
        )

    def calibrated(self, sight: Sight) -> Sight:
        """What was seen with the probabilities of this detector's card."""
        looked_at = np.isfinite(sight.logits).all(axis=1)
        logits = sight.logits[looked_at]
        planes, fractured = np.zeros((2, len(sight.logits)))
        planes[looked_at] = self._calibrate_plane(logits)
        fractured[looked_at] = self._calibrate_fracture(logits[:, FRACTURE : FRACTURE + 1])
        probability = float(self._calibrate(np.array([sight.evidence]))[0])
        return replace(sight, probability=probability, planes=planes, fractured=fractured)


def smoothed(planes: Floats, walls: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Log odds (plane, 3): each half its own and a quarter each of its neighbours'.

    Parameters
    ----------
    planes
        (plane,), of blood, by the network of the planes.
    walls
        (plane, 2), of blood and of a fracture, by that of the walls; nan where a wall was not
        unrolled, which then says neither: it counts as one that shows nothing usually does.
    """
    known = np.where(np.isnan(walls), _NO_WALL, walls)
    both = np.column_stack([planes, known]).astype(np.float64)
    padded = np.pad(both, ((1, 1), (0, 0)), mode="edge")
    return padded[:-2] / 4 + padded[1:-1] / 2 + padded[2:] / 4


def study_evidence(logits: npt.NDArray[np.float64]) -> tuple[float, ...]:
    """What a study's probability rests on: the mean of the highest few of each column."""
    return tuple(float(mean) for mean in np.sort(logits, axis=0)[-_HIGHEST:].mean(axis=0))


def _cut_off(images: Sequence[Image], stack: Stack) -> str | None:
    return why_cut_off([images[place].pixels for places in stack.members for place in places])


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
        card=card,
        planes=machine.network(planes_blueprint(card, weights)),
        walls=machine.network(walls_blueprint(card, weights)),
        guard=guard,
    )


load = loading(CARD_PATH, assemble)
