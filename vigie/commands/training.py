"""What `vigie train` and `vigie evaluate` share for all detectors: options, progress, failures."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from vigie.allocator import keep_freed_memory
from vigie.commands.common import EXIT_FAILED, err, out

if TYPE_CHECKING:
    from models.training.progress import Progress

_LISTED = ("failed", "refused")  # figures that are lists of a thing and why
_LISTED_AT_MOST = 20

Labelled = Annotated[
    Path,
    typer.Option("--data", help="Folder with labels.csv and images.", exists=True, file_okay=False),
]
RunFolder = Annotated[Path, typer.Option(help="Folder for checkpoints, weights, card and report.")]
Seed = Annotated[int, typer.Option(help="Of every random choice.")]
Threads = Annotated[int, typer.Option(min=1, help="Processor threads.")]
Version = Annotated[str, typer.Option(help="Version the model card states.")]
Install = Annotated[bool, typer.Option(help="Make it the installed detector.")]
JsonFile = Annotated[Path | None, typer.Option("--json", help="File to write the figures to.")]


def start_option(help_text: str) -> Any:
    """The option ``--start``: weights to start from."""
    return typer.Option(help=help_text, exists=True, dir_okay=False, show_default=False)


def split_option(help_text: str) -> Any:
    """The option ``--split``: what part of the data is measured on."""
    return typer.Option(help=help_text, show_default=False)


def prepare() -> None:
    """Train a detector."""
    # Threads that wait by spinning take the time of those that work, where cores are shared.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    keep_freed_memory()


def weights_to_start(start: Path | None, data: Path, *, otherwise: str) -> Path | None:
    """The weights asked for, else the ImageNet ones that lie with the data; says which.

    Parameters
    ----------
    data
        A folder ``data/NAME``; ImageNet weights lie in ``weights`` beside ``data``.
    otherwise
        Words for what training starts from where there are neither.
    """
    beside = data.resolve().parent.parent / "weights" / "mobilenet_v2_imagenet.safetensors"
    start = start or (beside if beside.is_file() else None)
    out.print(f"starting from {start or otherwise}", markup=False, soft_wrap=True)
    return start


@contextmanager
def under_way() -> Iterator["Progress"]:
    """Show how far it is; say what is wrong with data or files and exit as a failure does."""
    from models.training.labels import LabelsError
    from models.training.progress import progress_bar

    try:
        with progress_bar(err) as progress:
            yield progress
    except (LabelsError, OSError, ValueError) as error:
        err.print(str(error), style="red", markup=False)
        raise typer.Exit(EXIT_FAILED) from None


def tell_figures(
    measure: Callable[..., Mapping[str, Any]],
    data: Path,
    *,
    split: str | None,
    json_file: Path | None,
) -> None:
    """Measure, write all figures to the file if there is one; print numbers and what was refused.

    Parameters
    ----------
    measure
        An ``evaluate`` of ``models.training``.
    """
    with under_way() as progress:
        figures = measure(data, split=split, progress=progress)
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in figures.items():
        if not isinstance(value, dict | list) or name.endswith("ci95"):
            table.add_row(name, str(value))
        elif name in _LISTED:
            table.add_row(name, str(len(value)))
    out.print(table)
    for name in _LISTED:
        tell_listed(name, figures.get(name, []))


def tell_listed(name: str, listed: Sequence[Mapping[str, str]]) -> None:
    """Print the first things that could not be, or would not be, looked at, with the reason."""
    for one in listed[:_LISTED_AT_MOST]:
        what, reason = one.values()
        out.print(f"{name}: {what}: {reason}", markup=False, soft_wrap=True)
    if len(listed) > _LISTED_AT_MOST:
        out.print(f"{name}: and {len(listed) - _LISTED_AT_MOST} more, see --json")
