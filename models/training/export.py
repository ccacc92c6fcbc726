"""From a trained network to a detector: calibration, operating point, model card."""

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from models.calibration import LogisticCalibration
from models.card import ModelCard, guard_limits_of, guards_of
from models.fracture import CARD_PATH, assemble
from models.loading import machine_of_run
from models.measures import match_boxes
from models.training.calibrating import cross_fitted_evenly, operating_point
from models.training.detector_files import LICENCE, install, write_card
from models.training.evaluation import Judged, corners, look_at_all, measure
from models.training.labels import LabelledRadiograph
from models.training.progress import Progress
from models.training.robustness import robustness
from worklist.finding import TargetFinding

GUARDS = ("radiograph_guard", "radiograph_turn")
CARD_NAME, WEIGHTS_NAME = "fracture.toml", "fracture.safetensors"
# Of the radiographs with a fracture, by image. Four of five come forward; for more, on the valid
# images, each further one brings several without a fracture with it. What is below still rises a
# little in the list, by its probability.
WANTED_SENSITIVITY = 0.80
_SMALLER = 5 / 6  # of the image size: the verdict looks at that size too

INTENDED_USE = (
    "Orders and highlights radiographs of limbs, pelvis, hip and shoulder in which a fracture is "
    "suspected, so that a radiologist reads them sooner. It does not diagnose, and not being "
    "flagged says nothing about a study. Not a medical device."
)
LIMITS = (
    "Learnt from hands, legs, hips and shoulders of one collection (three hospitals in "
    "Bangladesh); other parts, children's growth plates and other scanners were not measured.",
    "Nearly all training images with metal in them are fractured, so that metal alone can raise "
    "the probability.",
    "Images are looked at with their longer side shrunk to the input size: hairline fractures "
    "can vanish.",
    "The collection names no patients, so that two images of one patient may lie on both sides "
    "of its split.",
    "Best pass, calibration and operating point were chosen on the images that the figures of "
    "this card are measured on: expect somewhat less elsewhere.",
    "Probabilities were calibrated on single images; a study has that of its most suspect view, "
    "which is the more too high the more views it has.",
    "Boxes say where to look; several are false, and fractures are missed.",
    "Of radiographs on their side (turned by 90 degrees) a third to a half are turned back before "
    "they are looked at.",
    "The copy learnt from tells no patient's sex, age or scanner: there are no figures by such "
    "groups.",
)
TRAINING_DATA = (
    "FracAtlas (Abedeen et al. 2023, Scientific Data), CC BY 4.0: radiographs of hand, leg, hip "
    "and shoulder with boxes.",
    "The guard that refuses what is no radiograph learnt FracAtlas too, and against it heads of "
    "CT-ICH 1.0.0 (Hssayeni et al. 2020, PhysioNet), CC BY 4.0, chests of LUNA16 (Setio et al. "
    "2017) from LIDC-IDRI (Armato et al. 2011), CC BY 3.0, and drawings by this program.",
    "What turns images back that lie on their side learnt FracAtlas too, from the same trunk.",
    "Trunk started from MobileNetV2 1.0 trained on ImageNet by Google "
    "(tf2_mobilenet_v2_1.0_224_ptq, google-coral), Apache-2.0.",
)


def export(
    weights: Path,
    folder: Path,
    *,
    valid: Sequence[LabelledRadiograph],
    image_size: int,
    version: str,
    progress: Progress = lambda _what, _share: None,
) -> ModelCard:
    """Calibrate trained weights on images not learnt from; write weights and card to a folder.

    Raises
    ------
    ValueError
        If the images are not some with and some without a fracture.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / WEIGHTS_NAME
    if weights != target:
        shutil.copyfile(weights, target)
    card = _neutral_card(target, image_size, version)
    machine = machine_of_run(folder)
    judged = look_at_all(assemble(card, target, machine), valid, progress)
    seen = [one for one in judged if one.sight is not None]
    evidence = np.array([one.sight.evidence for one in seen if one.sight is not None])
    labels = np.array([one.row.fractured for one in seen], bool)
    calibrate = LogisticCalibration.fit(evidence, labels)
    point = operating_point(calibrate(evidence), labels, WANTED_SENSITIVITY)
    judged = [_calibrated(one, calibrate) for one in judged]
    card = replace(
        card,
        operating_point=point,
        calibration={
            "weights": list(calibrate.weights),
            "bias": calibrate.bias,
            "prevalence": float(labels.mean()),
            "image_size": image_size,
            "verdict_sizes": [round(_SMALLER * image_size)],
            "region_score": region_score(judged),
            "guards": guard_limits_of(*card.guards),
        },
    )
    card = replace(
        card,
        performance={
            "measured_on": f"{len(valid)} images of split valid, which also chose the best pass",
            "target_sensitivity": WANTED_SENSITIVITY,
            **measure(judged, point),
            **cross_fitted_evenly(evidence, labels, WANTED_SENSITIVITY),
            "robustness": robustness(assemble(card, target, machine), judged[::2], progress),
        },
    )
    write_card(card, folder / CARD_NAME)
    return card


def promote(run_folder: Path, weights_folder: Path = CARD_PATH.parent) -> None:
    """Make a run's detector the installed one."""
    install(run_folder, (WEIGHTS_NAME, CARD_NAME), weights_folder)


def region_score(judged: Sequence[Judged]) -> float:
    """The least score worth showing: it makes the F1 of boxes at IoU 0.5 largest."""
    scores: list[float] = []
    hits: list[bool] = []
    total = 0
    for one in judged:
        if one.sight is None:
            continue
        true = corners(one.row)
        total += len(true)
        scores.extend(np.sort(one.sight.scores)[::-1])
        hits.extend(match_boxes(one.sight.boxes, one.sight.scores, true, 0.5))
    order = np.argsort(-np.array(scores), kind="stable")
    true_positives = np.cumsum(np.array(hits, float)[order])
    f1 = 2 * true_positives / (np.arange(1, len(order) + 1) + total)
    return round(float(np.array(scores)[order][int(np.argmax(f1))]), 4)


def _calibrated(one: Judged, calibrate: LogisticCalibration) -> Judged:
    if one.sight is None:
        return one
    probability = float(calibrate(np.array([one.sight.evidence]))[0])
    return replace(one, sight=replace(one.sight, probability=probability))


def _neutral_card(weights: Path, image_size: int, version: str) -> ModelCard:
    """The card before calibration: the verdict's own log odds, every region shown."""
    return ModelCard(
        name="fracture",
        version=version,
        target=TargetFinding.FRACTURE,
        title="Fractures on radiographs of limbs, hip and shoulder",
        intended_use=INTENDED_USE,
        limits=LIMITS,
        training_data=TRAINING_DATA,
        weights_file=weights.name,
        weights_sha256=hashlib.sha256(weights.read_bytes()).hexdigest(),
        operating_point=0.5,
        calibration={
            "weights": [1.0, 0.0],
            "bias": 0.0,
            "image_size": image_size,
            "verdict_sizes": [round(_SMALLER * image_size)],
            "region_score": 0.0,
            "guards": guard_limits_of(*GUARDS),
        },
        performance={},
        licence=LICENCE,
        guards=guards_of(*GUARDS),
    )
