"""From trained networks to a nodule detector: calibration, operating point, model card."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from models.calibration import LogisticCalibration
from models.card import ModelCard, read_card
from models.loading import machine_of_run
from models.nodule import CARD_PATH, assemble
from models.training.calibrating import cross_fitted_evenly, operating_point
from models.training.detector_files import LICENCE, install, write_card
from models.training.nodule_data import LabelledCuts
from models.training.nodule_evaluation import logits_of, measure
from models.training.nodule_limits import limits_of
from models.training.progress import Progress
from worklist.finding import TargetFinding

CARD_NAME, WEIGHTS_NAME = "nodule.toml", "nodule.safetensors"
_WANTED_OF_CANDIDATES = 0.95  # sensitivity at the threshold that evaluations state

PREVALENCE = 0.25  # of the study's probability
REGION_SCORE = 0.5

INTENDED_USE = (
    "Orders and highlights chest CT in which a pulmonary nodule of 6 to 30 mm is suspected, so "
    "that a radiologist reads it sooner. It does not diagnose, and not being flagged says nothing "
    "about a study. Not a medical device."
)
TRAINING_DATA = (
    "LUNA16 candidates (Setio et al. 2017) from LIDC-IDRI (Armato et al. 2011), CC BY 3.0: axial "
    "cuts of 50 x 50 pixels at 0.7 mm with and without a nodule.",
    "Nodules simulated by this program in one chest CT of Lung-PET-CT-Dx (TCIA), CC BY 4.0.",
    "Trunk started from MobileNetV2 1.0 trained on ImageNet by Google "
    "(tf2_mobilenet_v2_1.0_224_ptq, google-coral), Apache-2.0.",
)


def export(
    folder: Path,
    *,
    valid: LabelledCuts,
    members: int,
    version: str,
    progress: Progress = lambda _what, _share: None,
) -> ModelCard:
    """Calibrate a folder's weights on cuts not learnt from, and write the card beside them.

    What rests on simulated scans (places, studies, operating point) is that of the installed card,
    as the limits then say, until ``benchmarks/nodule_froc.py --card CARD --write`` fits studies and
    chooses the point.
    """
    weights = folder / WEIGHTS_NAME
    neutral = _neutral_card(weights, members, version)
    logits = logits_of(assemble(neutral, weights, machine_of_run(folder)), valid, progress)
    calibrate = LogisticCalibration.fit(logits[:, None], valid.nodule)
    probabilities = calibrate(logits[:, None])
    threshold = operating_point(probabilities, valid.nodule, _WANTED_OF_CANDIDATES)
    card = replace(
        neutral,
        calibration={
            **neutral.calibration,
            "weights": list(calibrate.weights),
            "bias": calibrate.bias,
            "candidate_threshold": threshold,
        },
        performance={
            "measured_on": f"{len(valid)} candidates of split valid, which also calibrated",
            "candidate_target_sensitivity": _WANTED_OF_CANDIDATES,
            **measure(probabilities, valid.nodule, threshold),
            **cross_fitted_evenly(logits[:, None], valid.nodule, _WANTED_OF_CANDIDATES),
        },
    )
    write_card(card, folder / CARD_NAME)
    return card


def promote(run_folder: Path, weights_folder: Path = CARD_PATH.parent) -> None:
    """Make a run's detector the installed one."""
    install(run_folder, (WEIGHTS_NAME, CARD_NAME), weights_folder)


def _neutral_card(weights: Path, members: int, version: str) -> ModelCard:
    """The card before calibration: the networks' own log odds."""
    installed = read_card(CARD_PATH)
    calibration: dict[str, Any] = {
        "weights": [1.0],
        "bias": 0.0,
        "members": members,
        "candidate_threshold": 0.5,
        "region_score": REGION_SCORE,
        "prevalence": PREVALENCE,
        "lesion": installed.calibration["lesion"],
        "study": installed.calibration["study"],
    }
    return ModelCard(
        name="nodule",
        version=version,
        target=TargetFinding.PULMONARY_NODULE,
        title="Pulmonary nodules on chest CT",
        intended_use=INTENDED_USE,
        limits=limits_of({}),
        training_data=TRAINING_DATA,
        weights_file=weights.name,
        weights_sha256=hashlib.sha256(weights.read_bytes()).hexdigest(),
        operating_point=installed.operating_point,
        calibration=calibration,
        performance={},
        licence=LICENCE,
    )
