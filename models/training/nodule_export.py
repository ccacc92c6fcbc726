"""From trained networks to a nodule detector: calibration, operating point, model card."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from models.calibration import LogisticCalibration
from models.card import ModelCard, read_card
from models.loading import Machine
from models.nodule import CARD_PATH, assemble
from models.training.calibrating import cross_fitted_evenly, operating_point
from models.training.detector_files import install, write_card
from models.training.nodule_data import LabelledCuts
from models.training.nodule_evaluation import logits_of, measure
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
LIMITS = (
    "Trained on single axial cuts around LUNA16 candidates (LIDC-IDRI, slices of 2.5 mm and less); "
    "the network sees no volume, so that a vessel across the slice can look like a nodule.",
    "The probability of a study and the operating point rest on nodules simulated in the scan of "
    "one patient: they are semi-synthetic; elsewhere false positives may be several times as many.",
    "Slices 5 mm apart hide most nodules below 6 mm; ground-glass nodules, those at vessels and "
    "those at the hilum are found less often.",
    "Masses above 30 mm, consolidation and lesions that are not surrounded by lung are not looked "
    "for; a large mass can be passed over altogether.",
    "Diameters are those of a ball of the outlined volume; outlines at vessels and the chest wall "
    "are guesses.",
    "The operating point is chosen to flag 0.70 of simulated scans with a single nodule of 6 mm or "
    "more, on one patient's vessels; drawn anew, 0.58 were flagged. The scans show 10 cm of the "
    "chest, so that a whole chest without a nodule is flagged more often than stated.",
    "LUNA16's negatives were not read again: some are nodules that few readers marked.",
)
TRAINING_DATA = (
    "LUNA16 candidates (Setio et al. 2017) from LIDC-IDRI (Armato et al. 2011), CC BY 3.0: axial "
    "cuts of 50 x 50 pixels at 0.7 mm with and without a nodule.",
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

    What rests on simulated scans (places, studies, operating point) stays that of the installed
    card until ``benchmarks/nodule_froc.py --card CARD --calibrate`` fits studies and point.
    """
    weights = folder / WEIGHTS_NAME
    neutral = _neutral_card(weights, members, version)
    logits = logits_of(assemble(neutral, weights, Machine()), valid, progress)
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
        limits=LIMITS,
        training_data=TRAINING_DATA,
        weights_file=weights.name,
        weights_sha256=hashlib.sha256(weights.read_bytes()).hexdigest(),
        operating_point=installed.operating_point,
        calibration=calibration,
        performance={},
    )
