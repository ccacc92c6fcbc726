"""A detector around somebody else's network, as its card describes it.

Folders in ``DATA/models`` are made by ``models.third_party_adding`` and loaded here; how to write
a card is in ``docs/third_party_models.md``.
"""

import hashlib
import json
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit, logit, softmax

from models.card import CardError
from models.detector import (
    Assessment,
    Detector,
    Eligibility,
    Refused,
    SeriesHeader,
    SeriesImages,
    Unsuitable,
)
from models.registry import GROUP
from models.third_party_axes import DoesNotFit, Floats
from models.third_party_bundle import with_bundle
from models.third_party_card import ScoreRules, ThirdPartyCard, parse_third_party_card
from models.third_party_images import prepare_image, prepare_volume
from models.third_party_network import Network, load_onnx, load_torchscript
from models.third_party_places import Places, boxes_on_image, joined, map_on_image, map_on_volume
from models.third_party_rules import eligibility_of
from worklist.finding import Evidence, ImageScore, Region

CARD_FILE = "card.toml"
RECORD_FILE = "installed.json"  # what was added: format, file, digest, what the bundle says
PYTHON_FOLDER = "python"

_ROUNDING = 1e-4  # by which a probability may be beside 0 to 1
_LEAST = 1e-6  # nearest to 0 and 1 that log odds are taken of
_LOADERS: Mapping[str, Callable[..., Network]] = {
    "onnx": load_onnx,
    "torchscript": load_torchscript,
}


def load_folder(folder: Path, *, threads: int, cache: Path | None) -> Detector:
    """Load what was added to ``DATA/models``; its network sees an empty image once.

    Raises
    ------
    CardError
        If the card is incomplete or the network is not the one that was added.
    """
    record = json.loads((folder / RECORD_FILE).read_text(encoding="utf-8"))
    if record["format"] == "python":
        return _python_detector(folder / PYTHON_FOLDER, record, threads=threads, cache=cache)
    rules = third_party_card(folder, record)
    path = folder / record["file"]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != record["sha256"]:
        raise CardError(f"{path} has SHA-256 {digest}; {record['sha256']} was added")
    network = _LOADERS[record["format"]](path, threads=threads)
    detector = ThirdPartyDetector(rules=rules, network=network)
    detector.rehearse()
    return detector


def third_party_card(folder: Path, record: Mapping[str, Any]) -> ThirdPartyCard:
    """The card of an added network, with what its bundle says where the card does not."""
    content = tomllib.loads((folder / CARD_FILE).read_text(encoding="utf-8"))
    stated = content.get("weights_sha256", record["sha256"])
    if stated != record["sha256"]:
        raise CardError(f"the network has SHA-256 {record['sha256']}, its card says {stated}")
    content |= {"weights_file": record["file"], "weights_sha256": record["sha256"]}
    bundle = record.get("bundle")
    if bundle is not None:
        content["input"] = with_bundle(content.get("input", {}), bundle)
    return parse_third_party_card(content, "the card")


def _python_detector(
    folder: Path, record: Mapping[str, Any], *, threads: int, cache: Path | None
) -> Detector:
    """A package of its own, found after everything that is installed for all."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    point = EntryPoint(record["name"], record["entry_point"], GROUP)
    load = point.load()
    module = sys.modules[point.module]
    if not Path(module.__file__ or "").resolve().is_relative_to(folder.resolve()):
        raise CardError(
            f"its package {module.__name__} has the name of another one, {module.__file__}"
        )
    detector: Detector = load(threads=threads, cache=cache)
    return detector


class ThirdPartyDetector:
    """Runs one network as its card says (``models.detector.Detector``)."""

    def __init__(self, *, rules: ThirdPartyCard, network: Network) -> None:
        self.card = rules.card
        self._rules = rules
        self._network = network

    def eligibility(self, series: SeriesHeader) -> Eligibility:
        """By modality, body part and contrast agent, as the card says; headers only."""
        return eligibility_of(series, self._rules.input)

    def rehearse(self) -> None:
        """Let the network see an empty image, so that a wrong card is found at once.

        Raises
        ------
        ValueError
            If an output is not what the card says.
        """
        given = self._rules.input
        shape = (1, given.channels, *given.size)
        said = self._network(np.full(shape, given.range[0], np.float32))
        score, places = self._read(said)
        if not np.isfinite(score):
            raise ValueError(f"the network answers {score} to an empty image")
        if places is not None and places.ndim != len(given.size):
            raise ValueError(f"its heat map has the shape {places.shape}")
        self._boxes(said)

    def assess(self, series: Sequence[SeriesImages]) -> Assessment | Unsuitable:
        """Look at every image, or at every series as a volume; what does not fit is refused."""
        look = self._look_at_volume if self._rules.input.is_volume else self._look_at_images
        scores: list[float] = []
        evidence: list[Places] = []
        refused: list[Refused] = []
        for one in series:
            try:
                found = look(one)
            except DoesNotFit as error:
                refused += _refused(one, f"{str(error)[0].upper()}{str(error)[1:]}.")
                continue
            scores.extend(found.scores)
            evidence.append(found)
        if not scores:
            reasons = [one.reason for one in refused]
            return Unsuitable(reason=reasons[0] if reasons else "There are no images to look at.")
        highest = 1 if self._rules.input.is_volume else self._rules.output.highest
        score = float(np.mean(sorted(scores, reverse=True)[:highest]))
        together = joined(evidence)
        return Assessment(
            probability=self._calibrated(score),
            regions=together.regions,
            evidence=Evidence(image_scores=together.image_scores, lesions=together.lesions),
            refused=tuple(refused),
        )

    def _look_at_images(self, series: SeriesImages) -> Places:
        scores: list[float] = []
        regions: list[Region] = []
        for image in series.images:
            prepared = prepare_image(image, self._rules.input)
            said = self._network(prepared.batch)
            score, heat = self._read(said)
            scores.append(score)
            if heat is not None:
                heat = prepared.turn.to_stored(heat)
                regions += map_on_image(heat, image, prepared, self._rules.output)
            boxes = self._boxes(said)
            if boxes is not None:
                regions += boxes_on_image(boxes, image, prepared, self._rules.output)
        return Places(
            scores=tuple(scores),
            regions=tuple(regions),
            image_scores=tuple(
                ImageScore(
                    sop_instance_uid=image.sop_instance_uid,
                    frame_number=image.frame_number,
                    score=score,
                )
                for image, score in zip(series.images, scores, strict=True)
            ),
        )

    def _look_at_volume(self, series: SeriesImages) -> Places:
        prepared = prepare_volume(series.images, self._rules.input)
        score, heat = self._read(self._network(prepared.batch))
        if heat is None:
            return Places(scores=(score,))
        heat = prepared.turn.to_stored(heat)
        return map_on_volume(score, heat, series.images, prepared, self._rules.output)

    def _read(self, said: Mapping[str, Floats]) -> tuple[float, Floats | None]:
        """The score, 0 to 1, and the heat map ([slices,] rows, columns), 0 to 1."""
        output = self._rules.output
        heat = None
        if output.heat_map is not None:
            whole = _output_of(said, output.heat_map.output)
            if whole.ndim != len(self._rules.input.size) + 2:
                raise ValueError(f"the heat map has {whole.ndim} axes: {whole.shape}")
            heat = _element(whole[0], output.heat_map)
        if output.score is None:
            if heat is None:
                raise ValueError("there is neither a score nor a heat map")
            return float(heat.max()), heat
        vector = _output_of(said, output.score.output).reshape(-1)
        return float(_element(vector, output.score)), heat

    def _boxes(self, said: Mapping[str, Floats]) -> Floats | None:
        if self._rules.output.boxes is None:
            return None
        boxes = _output_of(said, self._rules.output.boxes)
        boxes = boxes[0] if boxes.ndim == 3 else boxes
        if boxes.ndim != 2 or boxes.shape[1] != 5:
            raise ValueError(f"boxes have the shape {boxes.shape}, not (n, 5)")
        return boxes

    def _calibrated(self, score: float) -> float:
        if self._rules.calibration is None:
            return score
        odds = logit(np.clip(score, _LEAST, 1 - _LEAST))
        return float(self._rules.calibration(np.array([[odds]]))[0])


def _refused(series: SeriesImages, reason: str) -> list[Refused]:
    """Every image of a series that does not fit."""
    return [
        Refused(
            sop_instance_uid=image.sop_instance_uid, frame_number=image.frame_number, reason=reason
        )
        for image in series.images
    ]


def _output_of(said: Mapping[str, Floats], name: str) -> Floats:
    """The output of this name; the first where the card gives none."""
    name = name or next(iter(said))
    if name not in said:
        raise ValueError(f"the network has no output {name!r}; it has {', '.join(said)}")
    return said[name]


def _element(values: Floats, rules: ScoreRules) -> Floats:
    """One class's probabilities of values (classes, ...)."""
    if rules.element >= len(values):
        raise ValueError(f"element {rules.element} is asked of {len(values)}, counted from 0")
    if rules.meaning == "logits":
        return np.asarray(softmax(values, axis=0)[rules.element], np.float32)
    if rules.meaning == "logit":
        return np.asarray(expit(values[rules.element]), np.float32)
    found = values[rules.element]
    if not (np.min(found) >= -_ROUNDING and np.max(found) <= 1 + _ROUNDING):
        raise ValueError("the card says probabilities, and the network's are not within 0 and 1")
    return np.asarray(np.clip(found, 0.0, 1.0), np.float32)
