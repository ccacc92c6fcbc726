"""`vigie train nodule` and `vigie evaluate nodule`."""

from pathlib import Path
from typing import Annotated

import typer

from vigie.commands.common import out
from vigie.commands.training import (
    Install,
    JsonFile,
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

Candidates = Annotated[
    Path,
    typer.Option("--data", help="Folder with candidates.npz.", exists=True, file_okay=False),
]


def train(
    data: Candidates,
    run: RunFolder = Path("runs/nodule"),
    start: Annotated[
        Path | None,
        start_option(
            "ImageNet weights of the trunk (safetensors); left out: those in weights/ beside "
            "the data's folder, else the networks start from chance."
        ),
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Passes of each network.")] = 12,
    members: Annotated[int, typer.Option(min=1, max=8, help="Networks that are averaged.")] = 3,
    seed: Seed = 1,
    threads: Threads = 2,
    resume: Annotated[bool, typer.Option(help="Go on from the run's last checkpoint.")] = False,
    version: Version = "0.0.0",
    install: Install = False,
) -> None:
    """Train the nodule detector's networks on labelled candidates; uses a GPU where there is one.

    Example: vigie train nodule --data ../shared/data/nodule_ct --run runs/nodule --resume

    Exit codes: 0 trained, 1 the data cannot be trained on, 2 misused.
    """
    from models.training import nodule as training  # torch: only where it is needed
    from models.training import nodule_export as export

    settings = training.TrainingSettings(epochs=epochs, members=members, seed=seed, threads=threads)
    start = weights_to_start(start, data, otherwise="chance")
    with under_way() as progress:
        report = training.train(
            data,
            run,
            settings=settings,
            start=start,
            version=version,
            resume=resume,
            progress=progress,
        )
        if install:
            export.promote(run)
    figures = report["performance"]
    out.print(f"valid AUC {figures['candidate_auc']:.4f}; see {run}/report.svg")


def evaluate(
    data: Candidates,
    json_file: JsonFile = None,
    split: Annotated[
        str | None,
        split_option("train, valid or all; left out: every cut that is not of split train."),
    ] = None,
) -> None:
    """Measure the installed nodule detector's networks on a folder of labelled candidates.

    Example: vigie evaluate nodule --data ../shared/data/nodule_ct --json nodule.json

    Exit codes: 0 measured, 1 the data cannot be measured on, 2 misused.
    """
    from models.training.nodule_evaluation import evaluate as measure

    tell_figures(measure, data, split=split, json_file=json_file)
