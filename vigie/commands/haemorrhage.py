"""`vigie train hemorrhage` and `vigie evaluate hemorrhage`; `haemorrhage` means the same.

Importing this module registers both.
"""

import json
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from vigie.commands.common import err, out
from vigie.commands.models import Labelled, evaluate, failures, imagenet_beside, train


@train.command("hemorrhage")
@train.command("haemorrhage", hidden=True)
def train_haemorrhage(
    data: Labelled,
    run: Annotated[
        Path, typer.Option(help="Folder for checkpoints, weights, card and report.")
    ] = Path("runs/hemorrhage"),
    start: Annotated[
        Path | None,
        typer.Option(
            help="Weights to start from (safetensors): a haemorrhage ensemble or the ImageNet "
            "MobileNetV2; left out: the latter if it is in weights/ beside the data's folder, "
            "else the installed detector's.",
            exists=True,
            dir_okay=False,
            show_default=False,
        ),
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Passes of each network.")] = 14,
    folds: Annotated[int, typer.Option(min=2, help="Of the cross-validation by patient.")] = 5,
    fold: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Train the network of this fold alone and stop, so that several processes can "
            "share the work; a last call with --resume puts them together.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of every random choice.")] = 1,
    threads: Annotated[int, typer.Option(min=1, help="Processor threads.")] = 2,
    resume: Annotated[bool, typer.Option(help="Go on from the run's last checkpoints.")] = False,
    version: Annotated[str, typer.Option(help="Version the model card states.")] = "0.0.0",
    install: Annotated[bool, typer.Option(help="Make it the installed detector.")] = False,
) -> None:
    """Train the haemorrhage detector by cross-validation; uses a GPU where there is one.

    Example: vigie train hemorrhage --data ../shared/data/hemorrhage --run runs/a --resume

    Exit codes: 0 trained, 1 the data cannot be trained on, 2 misused.
    """
    # Threads that wait by spinning take the time of those that work, where cores are shared.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from models.training import haemorrhage as training  # torch: only where it is needed
    from models.training import haemorrhage_export as export
    from models.training.progress import progress_bar

    if fold is not None and fold > folds:
        raise typer.BadParameter(f"there are {folds} folds", param_hint="--fold")
    settings = training.TrainingSettings(epochs=epochs, folds=folds, seed=seed, threads=threads)
    start = start or imagenet_beside(data)
    out.print(f"starting from {start or 'the installed detector'}", markup=False, soft_wrap=True)
    with failures(), progress_bar(err) as progress:
        report = training.train(
            data,
            run,
            settings=settings,
            start=start,
            version=version,
            resume=resume,
            only_fold=fold,
            progress=progress,
        )
        if install and report is not None:
            export.promote(run)
    if report is None:
        out.print(f"fold {fold} of {folds} is trained; see {run}")
        return
    area = report["performance"]["patient_auc"]
    out.print(f"patient AUC {area:.3f} by cross-validation; see {run}/report.svg")


@evaluate.command("hemorrhage")
@evaluate.command("haemorrhage", hidden=True)
def evaluate_haemorrhage(
    data: Labelled,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="File to write the figures to.")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="A value of the column split, or all; left out: every patient that is not of "
            "split train.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Measure the installed haemorrhage detector on a folder of labelled head CTs.

    Patients that cannot be read or that the detector calls unsuitable count as failures, with
    probability 0.

    Example: vigie evaluate hemorrhage --data ../shared/data/hemorrhage --json hemorrhage.json

    Exit codes: 0 measured, 1 the data cannot be measured on, 2 misused.
    """
    from models.training.haemorrhage_evaluation import evaluate as measure
    from models.training.progress import progress_bar

    with failures(), progress_bar(err) as progress:
        figures = measure(data, split=split, progress=progress)
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in figures.items():
        if not isinstance(value, dict | list) or name.endswith("ci95"):
            table.add_row(name, str(value))
    out.print(table)
