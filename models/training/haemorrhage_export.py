"""From the networks of a cross-validation to a detector: ensemble, calibration, model card."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.calibration import Floats, LogisticCalibration
from models.card import ModelCard, guard_limits_of, guards_of
from models.haemorrhage import CARD_PATH, FRACTURE, PLANES, WALLS, assemble
from models.haemorrhage_answers import KINDS
from models.haemorrhage_network import HaemorrhageNetwork
from models.loading import machine_of_run
from models.skull_network import SkullNetwork
from models.training.calibrating import cross_fitted, operating_point
from models.training.detector_files import LICENCE, install, members_named, save_weights, write_card
from models.training.haemorrhage_data import LabelledPatient
from models.training.haemorrhage_evaluation import Judged, by_kind, judge, judge_again, measure
from models.training.progress import Progress
from worklist.finding import TargetFinding

Bools = npt.NDArray[np.bool_]

CARD_NAME, WEIGHTS_NAME = "haemorrhage.toml", "haemorrhage.safetensors"
# Of the patients with blood. To flag one more of 25, in the cross-validation, ten more of the 33
# without would come with it. Who is below still rises in the list, by the probability.
WANTED_SENSITIVITY = 0.90
# Of the planes with blood: on these, regions are outlined. Fewer than of patients, for an outline
# beside the blood costs more trust than one that is missing on the next plane.
WANTED_OF_PLANES = 0.75
WANTED_OF_FRACTURES = 0.5  # of the planes with one, for the same reason
LEAST_HEAT = 0.3  # of a cell, from which on its place is outlined
_NEUTRAL: Mapping[str, Any] = {  # calibration of one network before there is any
    "weights": [1.0, 0.0, 0.0],
    "bias": 0.0,
    "members": 1,
    "least_heat": LEAST_HEAT,
    "plane": {"weights": [1.0, 0.0, 0.0], "bias": 0.0, "operating_point": 0.5},
    "fracture": {"weights": [1.0], "bias": 0.0, "operating_point": 0.5},
}

INTENDED_USE = (
    "Orders and highlights CT of the head without contrast agent in which blood is suspected, so "
    "that a radiologist reads it sooner. It does not diagnose, and not being flagged says nothing "
    "about a study. Not a medical device."
)
LIMITS = (
    "Learnt from 58 patients of one hospital in Iraq with head injuries (25 with blood): most "
    "blood is epidural or subdural; only three have subarachnoid and two intraventricular "
    "blood, so that those kinds rest on drawn lesions.",
    "Small, isodense or single-slice bleeds are missed; blood older than days was not measured.",
    "A fracture of the skull raises the probability of blood. In the collection learnt from every "
    "patient with one bleeds, elsewhere most do not: expect false flags for fractures, sutures and "
    "vessels' grooves taken for them. It does not look for fractures for their own sake.",
    "Calcium, beam hardening at the skull base, thick dura and old bone flaps can be flagged.",
    "Thin slices are averaged to about 5 mm before they are looked at.",
    "Heads of newborns, after craniectomy, and heads that are cut off may be called no head.",
    "Where the header says nothing of orientation, rows are taken to run towards the back of the "
    "head; of heads that lie upside down nonetheless about one in seven is not noticed.",
    "Probabilities were calibrated on single networks of the cross-validation and are applied to "
    "their ensemble, at this collection's share of patients with blood (43 %), which is far above "
    "that of an emergency department.",
    "Outlines say where to look; they are no measure of volume.",
    "The whole collection (82 patients, Hssayeni et al. 2020) is of 46 men and boys, 36 women and "
    "girls, one day to 72 years old, 27 of them under 18, by one scanner (Siemens SOMATOM "
    "Definition AS, 100 kV, slices of 5 mm); one chronic bleed was left out. Other "
    "vendors were not measured. Which of them are the 58 learnt from is not known: there are no "
    "figures by sex or age.",
    "Studies of a bone kernel alone, or of thin slices alone, were never measured: all that was "
    "learnt from is of 5 mm, its kernel not known.",
    "Unless the site sets its own share of patients with blood, even the lowest probabilities told "
    "(mean 0.086) make a routine study due after 108 minutes, before every urgent one (240).",
)
TRAINING_DATA = (
    "CT-ICH 1.0.0 (Hssayeni et al. 2020, PhysioNet), CC BY 4.0: 58 patients, labels by slice.",
    "Boxes on 109 of its slices from the public Roboflow project brain-hemorrhage-detection-8f8o0, "
    "CC BY 4.0.",
    "Blood, calcium and fractures drawn by this program into heads of the same collection without "
    "blood.",
    "The guard that refuses heads that do not lie as the header says learnt 55 of these heads.",
    "Trunk started from MobileNetV2 1.0 trained on ImageNet by Google "
    "(tf2_mobilenet_v2_1.0_224_ptq, google-coral), Apache-2.0.",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """The two networks of one fold."""

    planes: HaemorrhageNetwork
    walls: SkullNetwork


def export(
    networks: Sequence[Pair],
    patients: Sequence[LabelledPatient],
    folds: Mapping[str, int],
    folder: Path,
    *,
    version: str,
    progress: Progress = lambda _what, _share: None,
) -> ModelCard:
    """Judge each patient by the network that did not learn from it; calibrate; write the ensemble.

    Parameters
    ----------
    networks
        Of folds 1, 2, ...; each learnt from the patients of all other folds.
    folds
        The fold of each patient.
    """
    judged: list[Judged] = []
    for fold, pair in enumerate(networks, start=1):
        weights = folder / f"fold_{fold}" / WEIGHTS_NAME
        save_pairs([pair], weights)
        detector = assemble(_card(weights, _NEUTRAL, version), weights, machine_of_run(folder))
        for patient in (p for p in patients if folds[p.patient] == fold):
            judged.append(judge(detector, patient))
            progress("judging patients not learnt from", len(judged) / len(patients))
    save_pairs(networks, folder / WEIGHTS_NAME)
    return write_calibrated(judged, folds, folder, version=version)


def save_pairs(pairs: Sequence[Pair], path: Path) -> None:
    """Write the weights of both ensembles."""
    parts = {
        PLANES: [pair.planes.state_dict() for pair in pairs],
        WALLS: [pair.walls.state_dict() for pair in pairs],
    }
    save_weights(
        {
            f"{part}.{name}": weight
            for part, members in parts.items()
            for name, weight in members_named(members).items()
        },
        path,
    )


def write_calibrated(
    judged: Sequence[Judged], folds: Mapping[str, int], folder: Path, *, version: str
) -> ModelCard:
    """Write the card of the ensemble in a folder, from judgements of the cross-validation.

    Parameters
    ----------
    judged
        Each patient, as the network saw it that did not learn from it.
    folds
        The fold of each patient; there are as many networks in the ensemble as folds.
    """
    weights, members = folder / WEIGHTS_NAME, len(set(folds.values()))
    calibration = {**calibrated(_NEUTRAL, judged), "members": members}
    card = _card(weights, calibration, version)
    detector = assemble(card, weights, machine_of_run(folder))
    judged = [judge_again(detector, one) for one in judged]
    point = float(calibration["operating_point"])
    card = replace(
        card,
        operating_point=point,
        calibration={k: v for k, v in card.calibration.items() if k != "operating_point"},
        performance={
            "measured_on": f"{len(judged)} patients of the training data, each judged by a network "
            f"that did not learn from it ({members} folds by patient); calibration and "
            "operating point were fitted on the same judgements but for the figures cross-fitted",
            "target_sensitivity": WANTED_SENSITIVITY,
            **measure(judged, point),
            **_cross_fitted(judged, folds),
            "patients_by_kind": by_kind(judged, KINDS, point),
        },
    )
    write_card(card, folder / CARD_NAME)
    return card


def calibrated(calibration: Mapping[str, Any], judged: Sequence[Judged]) -> dict[str, Any]:
    """The calibration with weights, biases and operating points fitted on these judgements."""
    evidence, labels = _evidence(judged)
    study = LogisticCalibration.fit(evidence, labels)
    logits, truth, broken = _planes(judged)
    plane = LogisticCalibration.fit(logits, truth)
    return {
        **calibration,
        "weights": list(study.weights),
        "bias": study.bias,
        "prevalence": float(labels.mean()),
        "operating_point": operating_point(study(evidence), labels, WANTED_SENSITIVITY),
        "plane": {
            "weights": list(plane.weights),
            "bias": plane.bias,
            "operating_point": operating_point(plane(logits), truth, WANTED_OF_PLANES),
        },
        "fracture": _fracture(logits[:, FRACTURE : FRACTURE + 1], broken),
    }


def _fracture(logits: Floats, broken: Bools) -> Mapping[str, Any]:
    """The calibration of planes with a fracture; one that shows none where none is labelled."""
    if not broken.any():
        return {"weights": [1.0], "bias": 0.0, "operating_point": 1.0}
    fit = LogisticCalibration.fit(logits, broken)
    return {
        "weights": list(fit.weights),
        "bias": fit.bias,
        "operating_point": operating_point(fit(logits), broken, WANTED_OF_FRACTURES),
    }


def _cross_fitted(judged: Sequence[Judged], folds: Mapping[str, int]) -> dict[str, float]:
    """Figures where each patient is calibrated, and the operating point chosen, by other folds."""
    evidence, labels = _evidence(judged)
    place = [folds[one.patient.patient] for one in judged if one.evidence is not None]
    figures = cross_fitted(evidence, labels, np.array(place), WANTED_SENSITIVITY)
    return {"patient_auc_cross_fitted": figures.pop("auc_cross_fitted"), **figures}


def _evidence(judged: Sequence[Judged]) -> tuple[Floats, Bools]:
    seen = [one for one in judged if one.evidence is not None]
    return (
        np.array([one.evidence for one in seen], np.float64),
        np.array([one.patient.blood for one in seen], bool),
    )


def _planes(judged: Sequence[Judged]) -> tuple[Floats, Bools, Bools]:
    """Log odds (n, 3) of the slices that were looked at, whether blood and a fracture is there."""
    logits = np.concatenate([one.logits for one in judged])
    slices = [one for each in judged for one in each.patient.slices]
    truth = np.array([one.blood for one in slices], bool)
    broken = np.array([one.fracture for one in slices], bool)
    looked_at = np.isfinite(logits).all(axis=1)
    return logits[looked_at], truth[looked_at], broken[looked_at]


def promote(run_folder: Path, weights_folder: Path = CARD_PATH.parent) -> None:
    """Make a run's detector the installed one."""
    install(run_folder, (WEIGHTS_NAME, CARD_NAME), weights_folder)


def _card(weights: Path, calibration: Mapping[str, Any], version: str) -> ModelCard:
    return ModelCard(
        name="haemorrhage",
        version=version,
        target=TargetFinding.INTRACRANIAL_HAEMORRHAGE,
        title="Blood in CT of the head without contrast",
        intended_use=INTENDED_USE,
        limits=LIMITS,
        training_data=TRAINING_DATA,
        weights_file=weights.name,
        weights_sha256=hashlib.sha256(weights.read_bytes()).hexdigest(),
        operating_point=float(calibration.get("operating_point", 0.5)),
        calibration={**calibration, "guards": guard_limits_of("upright_guard")},
        performance={},
        licence=LICENCE,
        guards=guards_of("upright_guard"),
    )
