"""`vigie send`."""

import logging
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from vigie.commands.common import EXIT_FAILED, Data, err, one_line_errors, out, settings_or_exit
from vigie.sending import OutgoingFile, Refusal, dicom_files
from vigie.sending import send as send_files


def send(
    host: Annotated[str, typer.Argument(help="Host name or address of the DICOM node.")],
    port: Annotated[int, typer.Argument(min=1, max=65535, help="Its TCP port.")],
    paths: Annotated[list[Path], typer.Argument(help="Files and folders.", exists=True)],
    called: Annotated[str, typer.Option(help="AE title to call.")] = "VIGIE",
    calling: Annotated[str, typer.Option(help="AE title to call ourselves.")] = "VIGIE-SEND",
    data: Data = None,
) -> None:
    """Send DICOM files and folders to a node by C-STORE, as they lie on disk.

    Example: vigie send 127.0.0.1 11112 studies/ --called VIGIE

    Exit codes: 0 all were taken, 1 some were refused or the node does not answer, 2 misused.
    """
    settings_or_exit(data=data)
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)  # it is said once, by us
    with one_line_errors():
        files, refusals = dicom_files(paths)
        if files:
            refusals += send_with_progress(
                files, host=host, port=port, called=called, calling=calling
            )
    for one in refusals:
        err.print(f"refused {one.path}: {one.reason}", style="red", markup=False, soft_wrap=True)
    taken = len(files) - sum(one.path in {file.path for file in files} for one in refusals)
    out.print(f"{taken} of {len(files)} DICOM files were taken")
    if refusals or not files:
        raise typer.Exit(EXIT_FAILED)


def send_with_progress(
    files: list[OutgoingFile], *, host: str, port: int, called: str, calling: str
) -> list[Refusal]:
    """Send with a progress bar on standard error; the files that were not taken."""
    progress = Progress(
        TextColumn("sending"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err,
    )
    with progress:
        bar = progress.add_task("sending", total=len(files))
        return send_files(
            files,
            host=host,
            port=port,
            called_ae_title=called,
            calling_ae_title=calling,
            sent=lambda: progress.advance(bar),
        )
