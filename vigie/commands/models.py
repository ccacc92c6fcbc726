"""`vigie train` and `vigie evaluate`: anyone can retrain and measure (DESIGN.md section 6)."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from vigie.allocator import keep_freed_memory
from vigie.commands.common import EXIT_FAILED, err, out

train = typer.Typer(help="Train a detector.", no_args_is_help=True)
evaluate = typer.Typer(help="Measure a detector on labelled images.", no_args_is_help=True)

Labelled = Annotated[
    Path,
    typer.Option("--data", help="Folder with labels.csv and images.", exists=True, file_okay=False),
]


@train.callback()
def prepare_training() -> None:
    """Train a detector."""
    # Threads that wait by spinning take the time of those that work, where cores are shared.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    keep_freed_memory()


@train.command("fracture")
def train_fracture(
    data: Labelled,
    run: Annotated[
        Path, typer.Option(help="Folder for checkpoints, weights, card and report.")
    ] = Path("runs/fracture"),
    start: Annotated[
        Path | None,
        typer.Option(
            help="Weights to start from (safetensors): a fracture network or the ImageNet "
            "MobileNetV2; left out: the latter if it is in weights/ beside the data's folder, "
            "else the installed detector's.",
            exists=True,
            dir_okay=False,
            show_default=False,
        ),
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training images.")] = 24,
    size: Annotated[int, typer.Option(min=64, help="Longest side of an image, pixels.")] = 448,
    seed: Annotated[int, typer.Option(help="Of every random choice.")] = 1,
    resume: Annotated[bool, typer.Option(help="Go on from the run's last checkpoint.")] = False,
    version: Annotated[str, typer.Option(help="Version the model card states.")] = "0.0.0",
    install: Annotated[bool, typer.Option(help="Make it the installed detector.")] = False,
) -> None:
    """Train the fracture detector; uses a GPU where there is one.

    Example: vigie train fracture --data ../shared/data/fracture --run runs/a --resume

    Exit codes: 0 trained, 1 the data cannot be trained on, 2 misused.
    """
    from models.training import export  # torch: only where it is needed
    from models.training import fracture as training
    from models.training.progress import progress_bar

    settings = training.TrainingSettings(epochs=epochs, image_size=size, seed=seed)
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
            progress=progress,
        )
        if install:
            export.promote(run)
    last = report["epochs"][-1]
    passes = counted(len(report["epochs"]), "pass", "passes")
    out.print(f"{passes}, valid AUC {last['auc']:.3f}; see {run}/report.svg")


@evaluate.command("fracture")
def evaluate_fracture(
    data: Labelled,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="File to write the figures to.")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="train, valid or all; left out: every row that is not of split train.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Measure the installed fracture detector on a folder of labelled radiographs.

    Example: vigie evaluate fracture --data ../shared/data/fracture --json fracture.json

    Exit codes: 0 measured, 1 the data cannot be measured on, 2 misused.
    """
    from models.training.evaluation import evaluate as measure
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


def counted(count: int, one: str, several: str) -> str:
    """A count with its noun."""
    return f"{count} {one if count == 1 else several}"


def imagenet_beside(data: Path) -> Path | None:
    """The ImageNet weights where they lie with labelled images in ``data/NAME``."""
    weights = data.resolve().parent.parent / "weights" / "mobilenet_v2_imagenet.safetensors"
    return weights if weights.is_file() else None


@contextmanager
def failures() -> Iterator[None]:
    """Say what is wrong with data or files, and leave with the exit code of a failure."""
    from models.training.labels import LabelsError

    try:
        yield
    except (LabelsError, OSError, ValueError) as error:
        err.print(str(error), style="red", markup=False)
        raise typer.Exit(EXIT_FAILED) from None
