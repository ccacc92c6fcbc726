"""`vigie train fracture` and `vigie evaluate fracture`."""

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
    Version,
    split_option,
    start_option,
    tell_figures,
    under_way,
    weights_to_start,
)


def train(
    data: Labelled,
    run: RunFolder = Path("runs/fracture"),
    start: Annotated[
        Path | None,
        start_option(
            "Weights to start from (safetensors): a fracture network or the ImageNet "
            "MobileNetV2; left out: the latter if it is in weights/ beside the data's folder, "
            "else the installed detector's."
        ),
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training images.")] = 24,
    size: Annotated[int, typer.Option(min=64, help="Longest side of an image, pixels.")] = 448,
    seed: Seed = 1,
    resume: Annotated[bool, typer.Option(help="Go on from the run's last checkpoint.")] = False,
    version: Version = "0.0.0",
    install: Install = False,
) -> None:
    """Train the fracture detector; uses a GPU where there is one.

    Example: vigie train fracture --data ../shared/data/fracture --run runs/a --resume

    Exit codes: 0 trained, 1 the data cannot be trained on, 2 misused.
    """
    from models.training import export  # torch: only where it is needed
    from models.training import fracture as training

    settings = training.TrainingSettings(epochs=epochs, image_size=size, seed=seed)
    start = weights_to_start(start, data, otherwise="the installed detector")
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
    last = report["epochs"][-1]
    passes = counted(len(report["epochs"]), "pass", "passes")
    out.print(f"{passes}, valid AUC {last['auc']:.3f}; see {run}/report.svg")


def evaluate(
    data: Labelled,
    json_file: JsonFile = None,
    split: Annotated[
        str | None,
        split_option("train, valid or all; left out: every row that is not of split train."),
    ] = None,
) -> None:
    """Measure the installed fracture detector on a folder of labelled radiographs.

    Example: vigie evaluate fracture --data ../shared/data/fracture --json fracture.json

    Exit codes: 0 measured, 1 the data cannot be measured on, 2 misused.
    """
    from models.training.evaluation import evaluate as measure

    tell_figures(measure, data, split=split, json_file=json_file)


def counted(count: int, one: str, several: str) -> str:
    """A count with its noun."""
    return f"{count} {one if count == 1 else several}"
