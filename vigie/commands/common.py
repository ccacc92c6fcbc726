"""What all commands share: options, the console, and errors in one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import sqlalchemy as sa
import typer
from rich.console import Console

from vigie.database import DatabaseStartFailed
from vigie.settings import Settings, SettingsError, load_settings
from worklist.errors import VigieError

EXIT_FAILED = 1  # it did not work; the last line says why
EXIT_USAGE = 2  # the command or a setting cannot be meant

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="Folder that holds everything the node keeps (or VIGIE_DATA; default: vigie-data).",
        show_default=False,
    ),
]


def settings_or_exit(**given: Any) -> Settings:
    """The settings in force; a mistake in them ends the command with exit code 2."""
    try:
        return load_settings(**given)
    except SettingsError as error:
        for line in str(error).splitlines():
            err.print(f"[red]setting[/] {line}", markup=True)
        raise typer.Exit(EXIT_USAGE) from None


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Say what went wrong in one line, without a traceback, and end with exit code 1."""
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        said = str(getattr(error, "orig", None) or error).splitlines()[0]
        err.print(f"the database: {said}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(EXIT_FAILED) from None
    except (VigieError, DatabaseStartFailed, OSError) as error:
        err.print(str(error), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(EXIT_FAILED) from None
