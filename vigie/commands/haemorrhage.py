"""`vigie train hemorrhage` and `vigie evaluate hemorrhage`; `haemorrhage` means the same."""

from pathlib import Path
from typing import Annotated

import typer

from vigie.commands.common import out
from vigie.commands.training import (
    Install,
    JsonFile,
    Labelled,
    RunFolder,
    Seed,
    Threads,
    Version,
    split_option,
    start_option,
    tell_figures,
    under_way,
    weights_to_start,
)


def train(
    data: Labelled,
    run: RunFolder = Path("runs/hemorrhage"),
    start: Annotated[
        Path | None,
        start_option(
            "Weights to start from (safetensors): the ImageNet MobileNetV2, or a haemorrhage "
            "detector's of as many folds that learnt from the same patients (from others, the "
            "cross-validation flatters); left out: the former if it is in weights/ beside the "
            "data's folder, else the installed detector's."
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
    seed: Seed = 1,
    threads: Threads = 2,
    resume: Annotated[bool, typer.Option(help="Go on from the run's last checkpoints.")] = False,
    version: Version = "0.0.0",
    install: Install = False,
) -> None:
    """Train the haemorrhage detector by cross-validation; uses a GPU where there is one.

    Example: vigie train hemorrhage --data ../shared/data/hemorrhage --run runs/a --resume

    Exit codes: 0 trained, 1 the data cannot be trained on, 2 misused.
    """
    from models.training import haemorrhage as training  # torch: only where it is needed
    from models.training import haemorrhage_export as export

    if fold is not None and fold > folds:
        raise typer.BadParameter(f"there are {folds} folds", param_hint="--fold")
    settings = training.with_passes(epochs, folds=folds, seed=seed, threads=threads)
    start = weights_to_start(start, data, otherwise="the installed detector")
    with under_way() as progress:
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


def evaluate(
    data: Labelled,
    json_file: JsonFile = None,
    split: Annotated[
        str | None,
        split_option(
            "A value of the column split, or all; left out: every patient that is not of "
            "split train."
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

    tell_figures(measure, data, split=split, json_file=json_file)
