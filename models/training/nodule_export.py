"""From trained networks to a nodule detector: calibration, operating point, model card."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from models.calibration import LogisticCalibration
from models.card import ModelCard
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

# Fitted by benchmarks/nodule_froc.py on the simulation with the weights of version 0.1.0
# (docs/model_cards/nodule.md says how). A lesion's log odds rest on what the network says and on
# the blob's roundness, a study's on its highest lesion, at the prevalence stated.
LESION = {"weights": [2.4339, 2.0911], "bias": -2.3258}
STUDY = {"weights": [0.5641], "bias": -0.8616}
PREVALENCE = 0.25
OPERATING_POINT = 0.5937  # a suspicion of 2.2: none of 20 simulated scans without a nodule
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
    "The operating point is not chosen for a sensitivity: it lies just above all of 20 simulated "
    "scans without a nodule. Of fresh ones, 3 of 9 with a single nodule of 6 mm or more and 12 of "
    "14 with three nodules are flagged, 0 of 14 without.",
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
    """Calibrate a folder's weights on cuts not learnt from, and write the card beside them."""
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
    calibration: dict[str, Any] = {
        "weights": [1.0],
        "bias": 0.0,
        "members": members,
        "candidate_threshold": 0.5,
        "region_score": REGION_SCORE,
        "prevalence": PREVALENCE,
        "lesion": LESION,
        "study": STUDY,
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
        operating_point=OPERATING_POINT,
        calibration=calibration,
        performance={},
    )
