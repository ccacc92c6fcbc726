"""The fracture detector: radiographs of limbs, hip and shoulder; a probability and boxes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from models.boxes import Boxes, decode, turned_back
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
from models.fracture_rules import instances_left_out, why_not_usable
from models.guard import plain_fault
from models.letterbox import CANVAS_MULTIPLE, STRIDE, to_canvas
from models.loading import Machine, loading
from models.radiograph_guard import NO_RADIOGRAPH, ImageGuard, load_radiograph_guard
from models.radiograph_turn import TurnBack, load_radiograph_turn
from models.runtime import Blueprint, Floats, Network
from models.stopwatch import Stopwatch
from worklist.finding import Evidence, Region, TurnedImage

if TYPE_CHECKING:
    from torch import nn

CARD_PATH = Path(__file__).with_name("weights") / "fracture.toml"
_CANDIDATES = 20  # boxes read out of one image at most, shown or not
_SHOWN = 5  # regions of one image at most
_OVERLAP = 0.3  # a box that overlaps a better one by more is the same fracture


@dataclass(frozen=True, kw_only=True, slots=True)
class Sight:
    """What the detector makes of one image, before anything is left out."""

    evidence: tuple[float, float]  # log odds: the whole image's, the hottest place's
    probability: float  # calibrated, 0 to 1
    boxes: Boxes  # (n, 4), left top right bottom, pixels of the image, best first
    scores: Floats  # (n,), 0 to 1, not calibrated
    quarters: int = 0  # by which it was turned to be looked at, counterclockwise


def blueprint(card: ModelCard, weights: Path) -> Blueprint:
    """How the runtime builds this network."""
    return Blueprint(
        build=_build,
        sources=tuple(map(Path(__file__).with_name, ("fracture_network.py", "mobilenet.py"))),
        weights=weights,
        weights_sha256=card.weights_sha256,
        outputs=("image_logit", "heat_logit", "distances"),
        channels=1,
        side_multiple=CANVAS_MULTIPLE,
    )


def _build() -> "nn.Module":
    from models.fracture_network import FractureNetwork

    return FractureNetwork()


class FractureDetector:
    """Fractures on radiographs (``models.detector.Detector``).

    The verdict and the places come from one network that sees each image twice, as it is and
    mirrored. A study is as probable as its most suspect image. An image that lies on its side is
    turned back first; its places are told in the image as it was received.
    """

    def __init__(
        self, *, card: ModelCard, network: Network, guard: ImageGuard, turn: TurnBack
    ) -> None:
        self.card = card
        self._network = network
        self._guard = guard
        self._turn = turn
        self._calibrate = LogisticCalibration.from_card(card.calibration)
        self._image_size = int(card.calibration["image_size"])
        self._verdict_sizes = [int(size) for size in card.calibration["verdict_sizes"]]
        self._least_score = float(card.calibration["region_score"])

    def eligibility(self, series: SeriesHeader) -> Eligibility:
        """Radiographs for presentation, of a part that is not trunk, spine, head or teeth.

        Where the header names no body part, the descriptions are read; where they are silent
        too, the series is eligible by its modality. Left out are images not made for reading:
        raw data, secondary captures, localizers, icons.
        """
        reason = why_not_usable(series)
        if reason is not None:
            return NotEligible(reason=reason)
        return Eligible(left_out=instances_left_out(series))

    def assess(self, series: Sequence[SeriesImages]) -> Assessment | Unsuitable:
        """Look at every frame of every image that looks like a radiograph of a limb.

        The others are refused: what they show is not known. If all are, it is ``Unjudgeable``,
        unless none of them looks like a radiograph of a limb at all.
        """
        clock = Stopwatch()
        images = [image for one in series for image in one.images]
        if not images:
            raise ValueError("there are no images to look at")
        probability: float | None = None
        regions: list[Region] = []
        refused: list[Refused] = []
        turned: list[TurnedImage] = []
        for image in images:
            fault = self.fault(image.pixels, clock)
            if fault is not None:
                refused.append(_refused(image, fault))
                continue
            sight = self.look(image.pixels, clock)
            probability = max(probability or 0.0, sight.probability)
            regions.extend(self._regions(image, sight))
            turned.extend(_turned(image, sight))
        if probability is None:
            return _why_none(list(dict.fromkeys(one.reason for one in refused)))
        regions.sort(key=lambda region: -region.score)
        return Assessment(
            probability=probability,
            regions=tuple(regions),
            evidence=Evidence(turned=tuple(turned)),
            refused=tuple(refused),
            seconds=dict(clock.seconds),
        )

    def fault(self, pixels: npt.NDArray[np.float32], clock: Stopwatch | None = None) -> str | None:
        """Why an image is not to be looked at, a sentence for people; None: it may be."""
        clock = clock or Stopwatch()
        return plain_fault(pixels) or clock.time("guard", partial(self._guard, pixels))

    def look(self, pixels: npt.NDArray[np.float32], clock: Stopwatch | None = None) -> Sight:
        """Look at one image, turned back if it lies on its side: closely for places, and at other
        sizes for the verdict.

        The verdict is the mean over the card's sizes for it: on the valid images it is better at
        a smaller size than places are. Without such sizes the look for places gives it.

        Parameters
        ----------
        pixels
            (row, column), any range, bone bright.
        """
        clock = clock or Stopwatch()
        quarters = clock.time("turn", partial(self._turn, pixels))
        upright = np.ascontiguousarray(np.rot90(pixels, quarters))
        canvas, letterbox = clock.time(
            "prepare", lambda: to_canvas(upright, self._image_size, CANVAS_MULTIPLE)
        )
        logit, heat, distances = clock.time("network", lambda: self._twice(canvas))
        evidence = self._verdict(upright, clock) or (logit, float(heat.max()))
        boxes, heat_scores = decode(
            heat, distances, stride=STRIDE, count=_CANDIDATES, overlap_limit=_OVERLAP
        )
        # a hot place in an image that looks whole is less likely a fracture
        scores = np.sqrt(heat_scores * expit(evidence[0]))
        return Sight(
            evidence=evidence,
            probability=float(self._calibrate(np.array([evidence]))[0]),
            boxes=turned_back(letterbox.to_source(boxes), quarters, pixels.shape),
            scores=np.asarray(scores, np.float32),
            quarters=quarters,
        )

    def _verdict(
        self, pixels: npt.NDArray[np.float32], clock: Stopwatch
    ) -> tuple[float, float] | None:
        """Evidence that the whole image shows a fracture, the mean of the card's sizes for it."""
        seen = []
        for size in self._verdict_sizes:
            canvas, _ = clock.time("prepare", partial(to_canvas, pixels, size, CANVAS_MULTIPLE))
            logit, heat, _ = clock.time("network", partial(self._twice, canvas))
            seen.append((logit, float(heat.max())))
        if not seen:
            return None
        logit, hottest = np.mean(seen, axis=0).tolist()
        return logit, hottest

    def _twice(self, canvas: Floats) -> tuple[float, Floats, Floats]:
        """Average what the network says of the canvas and of its mirror image.

        The canvas is a whole number of cells wide, so that mirrored maps fall on the same cells.
        """
        plain = self._network(canvas[None, None])
        mirrored = self._network(np.ascontiguousarray(canvas[None, None, :, ::-1]))
        heat = (plain["heat_logit"][0, 0] + mirrored["heat_logit"][0, 0, :, ::-1]) / 2
        back = mirrored["distances"][0, [2, 1, 0, 3], :, ::-1]  # left and right change places
        verdict = float(plain["image_logit"][0] + mirrored["image_logit"][0]) / 2
        return verdict, heat, (plain["distances"][0] + back) / 2

    def _regions(self, image: Image, sight: Sight) -> list[Region]:
        """The boxes worth showing; a flagged image always shows its best one."""
        flagged = sight.probability >= self.card.operating_point
        shown = [
            place
            for place in range(min(_SHOWN, len(sight.scores)))
            if sight.scores[place] >= self._least_score or (flagged and place == 0)
        ]
        return [_region(image, sight.boxes[place], float(sight.scores[place])) for place in shown]


def _why_none(reasons: Sequence[str]) -> Unsuitable:
    """What these reasons against all images of a study come to."""
    if set(reasons) == {NO_RADIOGRAPH}:
        return Unsuitable(reason=NO_RADIOGRAPH)
    return Unjudgeable(reason=" ".join(reasons))


def _refused(image: Image, reason: str) -> Refused:
    return Refused(
        sop_instance_uid=image.sop_instance_uid, frame_number=image.frame_number, reason=reason
    )


def _turned(image: Image, sight: Sight) -> list[TurnedImage]:
    """What is told of an image that was not looked at as it was received."""
    if not sight.quarters:
        return []
    uid, frame = image.sop_instance_uid, image.frame_number
    return [TurnedImage(sop_instance_uid=uid, frame_number=frame, quarters=sight.quarters)]


def _region(image: Image, box: npt.NDArray[np.float32], score: float) -> Region:
    left, top, right, bottom = (float(side) for side in box)
    return Region(
        sop_instance_uid=image.sop_instance_uid,
        frame_number=image.frame_number,
        polygon=((left, top), (right, top), (right, bottom), (left, bottom)),
        score=score,
    )


def assemble(card: ModelCard, weights: Path, machine: Machine) -> FractureDetector:
    """The detector that a card describes, with its networks made ready."""
    guard = load_radiograph_guard(
        device=machine.device, threads=machine.threads, cache=machine.cache
    )
    turn = load_radiograph_turn(device=machine.device, threads=machine.threads, cache=machine.cache)
    return FractureDetector(
        card=card, network=machine.network(blueprint(card, weights)), guard=guard, turn=turn
    )


load = loading(CARD_PATH, assemble)
