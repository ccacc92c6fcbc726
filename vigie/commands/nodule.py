"""`vigie train nodule` and `vigie evaluate nodule`; importing registers both."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from vigie.commands.common import EXIT_FAILED, err, out
from vigie.commands.models import evaluate, train

Candidates = Annotated[
    Path,
    typer.Option("--data", help="Folder with candidates.npz.", exists=True, file_okay=False),
]


@train.command("nodule")
def train_nodule(
    data: Candidates,
    run: Annotated[
        Path, typer.Option(help="Folder for checkpoints, weights, card and report.")
    ] = Path("runs/nodule"),
    start: Annotated[
        Path | None,
        typer.Option(
            help="ImageNet weights of the trunk (safetensors); left out: those in weights/ beside "
            "the data's folder, else the networks start from chance.",
            exists=True,
            dir_okay=False,
            show_default=False,
        ),
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Passes of each network.")] = 12,
    members: Annotated[int, typer.Option(min=1, max=8, help="Networks that are averaged.")] = 3,
    seed: Annotated[int, typer.Option(help="Of every random choice.")] = 1,
    threads: Annotated[int, typer.Option(min=1, help="Processor threads.")] = 2,
    resume: Annotated[bool, typer.Option(help="Go on from the run's last checkpoint.")] = False,
    version: Annotated[str, typer.Option(help="Version the model card states.")] = "0.0.0",
    install: Annotated[bool, typer.Option(help="Make it the installed detector.")] = False,
) -> None:
    """Train the nodule detector's networks on labelled candidates.

    Example: vigie train nodule --data ../shared/data/nodule_ct --run runs/nodule --resume

    Exit codes: 0 trained, 1 the data cannot be trained on, 2 misused.
    """
    # Threads that wait by spinning take the time of those that work, where cores are shared.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from models.training import nodule as training  # torch: only where it is needed
    from models.training import nodule_export
    from models.training.progress import progress_bar

    settings = training.TrainingSettings(epochs=epochs, members=members, seed=seed, threads=threads)
    start = start or _imagenet_beside(data)
    out.print(f"starting from {start or 'chance'}", markup=False, soft_wrap=True)
    with _failures(), progress_bar(err) as progress:
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
            nodule_export.promote(run)
    figures = report["performance"]
    out.print(f"valid AUC {figures['candidate_auc']:.4f}; see {run}/report.svg")


@evaluate.command("nodule")
def evaluate_nodule(
    data: Candidates,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="File to write the figures to.")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="train, valid or all; left out: every cut that is not of split train.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Measure the installed nodule detector's networks on a folder of labelled candidates.

    Example: vigie evaluate nodule --data ../shared/data/nodule_ct --json nodule.json

    Exit codes: 0 measured, 1 the data cannot be measured on, 2 misused.
    """
    from models.training.nodule_evaluation import evaluate as measure
    from models.training.progress import progress_bar

    with _failures(), progress_bar(err) as progress:
        figures = measure(data, split=split, progress=progress)
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in figures.items():
        if not isinstance(value, dict | list) or name.endswith("ci95"):
            table.add_row(name, str(value))
    out.print(table)


def _imagenet_beside(data: Path) -> Path | None:
    """The ImageNet weights where they lie with labelled images in ``data/NAME``."""
    weights = data.resolve().parent.parent / "weights" / "mobilenet_v2_imagenet.safetensors"
    return weights if weights.is_file() else None


@contextmanager
def _failures() -> Iterator[None]:
    from models.training.labels import LabelsError

    try:
        yield
    except (LabelsError, OSError, ValueError) as error:
        err.print(str(error), style="red", markup=False)
        raise typer.Exit(EXIT_FAILED) from None
