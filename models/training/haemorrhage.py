"""Train the haemorrhage ensemble: ``train`` is what ``vigie train hemorrhage`` calls."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from models.haemorrhage import CARD_PATH, PLANES, WALLS
from models.training.device import training_device
from models.training.figures import without_nan
from models.training.fold import Epoch, Going, Recipe, train_fold
from models.training.haemorrhage_augmentation import Head, load_heads
from models.training.haemorrhage_data import LabelledPatient, read_patients
from models.training.haemorrhage_export import Pair, export
from models.training.haemorrhage_planes import PlaneLesson, PlaneRecipe
from models.training.haemorrhage_report import mean_passes
from models.training.labels import LabelsError
from models.training.progress import Progress
from models.training.report import plot_passes, write_report
from models.training.skull_lesson import SkullLesson
from models.training.skull_walls import Walls, load_walls


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingSettings:
    """How to train; written into the run's report."""

    folds: int = 5  # of the cross-validation; as many networks make each ensemble
    seed: int = 1
    threads: int = 1
    planes: PlaneRecipe = field(default_factory=PlaneRecipe)
    walls: Recipe = field(default_factory=partial(Recipe, rate=1.5e-3, trunk_rate=4e-4))


def with_passes(epochs: int, *, folds: int, seed: int, threads: int) -> TrainingSettings:
    """The usual settings, with so many passes of each network."""
    usual = TrainingSettings(folds=folds, seed=seed, threads=threads)
    return replace(
        usual,
        planes=replace(usual.planes, epochs=epochs),
        walls=replace(usual.walls, epochs=epochs),
    )


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
    ``models.training.haemorrhage_export.promote`` installs), ``report.json``, ``report.svg`` (the
    networks of the planes), ``report_walls.svg`` (of the skull's walls) and a folder with
    checkpoints for each fold.

    Parameters
    ----------
    data
        A folder with ``labels.csv``; patients of split ``valid`` or ``test`` are left out.
    start
        Weights to start from (safetensors): a haemorrhage detector's, where the networks of each
        fold go on from that fold's, or the ImageNet trunk. None starts from the installed
        detector's: with other patients than it learnt from, or other folds, the cross-validation
        would then flatter.
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
        If the folder cannot be trained on, or ``start`` is of another number of folds.
    """
    settings = settings or TrainingSettings()
    start = start or CARD_PATH.with_suffix(".safetensors")
    _check_start(start, settings.folds)
    patients = [one for one in read_patients(data) if one.split in (None, "train")]
    folds = folds_of(patients, settings.folds)
    heads, walls = _read(patients, progress)
    torch.set_num_threads(settings.threads)
    going = Going(seed=settings.seed, start=start, resume=resume, progress=progress)
    epochs: list[Epoch] = []
    networks: list[Pair] = []
    for fold in range(1, settings.folds + 1):
        if only_fold not in (None, fold):
            continue
        learnt = [p.patient for p in patients if folds[p.patient] != fold]
        apart = [p.patient for p in patients if folds[p.patient] == fold]
        plane_lesson = PlaneLesson(
            learnt=[heads[name] for name in learnt],
            apart=[heads[name] for name in apart],
            recipe=settings.planes,
        )
        wall_lesson = SkullLesson(
            learnt=[walls[name] for name in learnt], apart=[walls[name] for name in apart]
        )
        folder = run_folder / f"fold_{fold}"
        planes, of_planes = train_fold(fold, plane_lesson, folder / PLANES, settings.planes, going)
        skull, of_walls = train_fold(fold, wall_lesson, folder / WALLS, settings.walls, going)
        networks.append(Pair(planes=planes, walls=skull))
        epochs += of_planes + of_walls
    if only_fold is not None:
        return None
    card = export(networks, patients, folds, run_folder, version=version, progress=progress)
    report: dict[str, Any] = without_nan(
        {
            "data": str(data),
            "patients": len(patients),
            "start": {"file": start.name, "sha256": sha256(start.read_bytes()).hexdigest()},
            "settings": asdict(settings),
            "device": training_device().type,
            "folds": folds,
            "epochs": [asdict(epoch) for epoch in epochs],
            "performance": card.performance,
        }
    )
    _write(run_folder, report)
    return report


def _write(run_folder: Path, report: Mapping[str, Any]) -> None:
    """The report, and a plot of the passes of each part's networks."""
    curves = {"slice AUC, patients apart": "slice_auc", "patient AUC": "patient_auc"}
    write_report(run_folder, report, curves, mean_passes(report["epochs"], PLANES))
    plot = plot_passes(mean_passes(report["epochs"], WALLS), curves)
    (run_folder / "report_walls.svg").write_text(plot, encoding="utf-8")


def _check_start(start: Path, folds: int) -> None:
    """Refuse a detector of another cross-validation: its networks know the patients set apart.

    Raises
    ------
    LabelsError
        If it has more or fewer networks than there are folds.
    """
    with safe_open(start, "pt") as weights:
        prefix = f"{PLANES}.members."
        members = {n.split(".")[2] for n in weights.keys() if n.startswith(prefix)}  # noqa: SIM118
    if members and len(members) != folds:
        raise LabelsError(
            f"{start} holds the networks of {len(members)} folds: each knows the patients of all "
            f"but its own. Train with --folds {len(members)}, or start from the ImageNet weights"
        )


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


def _read(
    patients: Sequence[LabelledPatient], progress: Progress
) -> tuple[dict[str, Head], dict[str, Walls]]:
    heads, walls = {}, {}
    for head, wall in zip(load_heads(patients), load_walls(patients), strict=True):
        heads[head.patient], walls[wall.patient] = head, wall
        progress("reading head CTs", len(heads) / len(patients))
    return heads, walls
