"""Train the haemorrhage ensemble: ``train`` is what ``vigie train hemorrhage`` calls."""

from collections.abc import Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from models.haemorrhage import CARD_PATH
from models.training.figures import without_nan
from models.training.haemorrhage_augmentation import Head, load_heads
from models.training.haemorrhage_data import LabelledPatient, read_patients
from models.training.haemorrhage_export import export
from models.training.haemorrhage_fold import Epoch, TrainingSettings, train_fold
from models.training.haemorrhage_report import mean_passes
from models.training.labels import LabelsError
from models.training.progress import Progress
from models.training.report import write_report

__all__ = ["TrainingSettings", "folds_of", "train"]


def train(
    data: Path,
    run_folder: Path,
    *,
    settings: TrainingSettings | None = None,
    start: Path | None = None,
    version: str = "0.0.0",
    resume: bool = False,
    only_fold: int | None = None,
    progress: Progress = lambda _what, _share: None,
) -> dict[str, Any] | None:
    """Cross-validate by patient, and make an ensemble of the networks of all folds.

    The folder then holds ``haemorrhage.safetensors`` and ``haemorrhage.toml`` (what
    ``models.training.haemorrhage_export.promote`` installs), ``report.json``, ``report.svg`` and
    a folder with a checkpoint for each fold.

    Parameters
    ----------
    data
        A folder with ``labels.csv``; patients of split ``valid`` or ``test`` are left out.
    start
        Weights to start from (safetensors): a haemorrhage ensemble or the ImageNet trunk. None
        starts from the installed detector's.
    only_fold
        Train the network of this fold (counts from 1) and stop, so that folds can be trained
        side by side; a last call with ``resume`` and without it puts them together.
    resume
        Go on from the checkpoints where there are some.

    Returns
    -------
    dict or None
        The report, ready for JSON; None with ``only_fold``.

    Raises
    ------
    models.training.labels.LabelsError
        If the folder cannot be trained on.
    """
    settings = settings or TrainingSettings()
    patients = [one for one in read_patients(data) if one.split in (None, "train")]
    folds = folds_of(patients, settings.folds)
    start = start or CARD_PATH.with_suffix(".safetensors")
    heads = _read(patients, progress)
    epochs: list[Epoch] = []
    networks = []
    for fold in range(1, settings.folds + 1):
        if only_fold not in (None, fold):
            continue
        network, of_fold = train_fold(
            fold,
            [heads[p.patient] for p in patients if folds[p.patient] != fold],
            [heads[p.patient] for p in patients if folds[p.patient] == fold],
            run_folder / f"fold_{fold}",
            settings,
            start=start,
            resume=resume,
            progress=progress,
        )
        networks.append(network)
        epochs += of_fold
    if only_fold is not None:
        return None
    card = export(networks, patients, folds, run_folder, version=version, progress=progress)
    report: dict[str, Any] = without_nan(
        {
            "data": str(data),
            "patients": len(patients),
            "start": {"file": start.name, "sha256": sha256(start.read_bytes()).hexdigest()},
            "settings": asdict(settings),
            "device": "cuda" if torch.cuda.is_available() else "cpu",
            "folds": folds,
            "epochs": [asdict(epoch) for epoch in epochs],
            "performance": card.performance,
        }
    )
    curves = {"slice AUC, patients apart": "slice_auc", "patient AUC": "patient_auc"}
    write_report(run_folder, report, curves, mean_passes(report["epochs"]))
    return report


def folds_of(patients: Sequence[LabelledPatient], count: int) -> dict[str, int]:
    """The fold (from 1) of each patient: with and without blood spread evenly, always the same.

    Raises
    ------
    LabelsError
        If there are fewer patients with or without blood than folds.
    """
    folds: dict[str, int] = {}
    for blood in (True, False):
        names = sorted(
            (one.patient for one in patients if one.blood is blood),
            key=lambda name: sha256(name.encode()).digest(),
        )
        if len(names) < count:
            raise LabelsError(
                f"{count} folds need {count} patients with blood and {count} without; "
                f"{len(names)} are {'with' if blood else 'without'}"
            )
        for place, name in enumerate(names):
            folds[name] = place % count + 1 if blood else count - place % count
    return folds


def _read(patients: Sequence[LabelledPatient], progress: Progress) -> dict[str, Head]:
    heads = {}
    for head in load_heads(patients):
        heads[head.patient] = head
        progress("reading head CTs", len(heads) / len(patients))
    return heads
