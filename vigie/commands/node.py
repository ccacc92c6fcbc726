"""`vigie serve`, the single roles, `vigie settings` and `vigie doctor`: for administrators."""

import re
from collections.abc import Callable
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from vigie.commands.common import EXIT_FAILED, Data, err, one_line_errors, out, settings_or_exit
from vigie.logs import configure_logs
from vigie.node import run_node, web_address
from vigie.roles import run_role
from vigie.settings import PREFIX, Settings

DicomPort = Annotated[
    int | None, typer.Option(help="TCP port of the DICOM node (default 11112).", show_default=False)
]
HttpPort = Annotated[
    int | None, typer.Option(help="TCP port of the web page (default 8008).", show_default=False)
]
AETitle = Annotated[
    str | None,
    typer.Option("--ae-title", help="AE title (default VIGIE).", show_default=False),
]


def serve(
    data: Data = None,
    dicom_port: DicomPort = None,
    http_port: HttpPort = None,
    ae_title: AETitle = None,
) -> None:
    """Run a whole node: receive, file, assess, show.

    Starts the embedded database unless VIGIE_DATABASE_URL names another, restarts whatever
    dies, and stops cleanly on SIGTERM or Ctrl-C: associations in hand are finished first.

    Example: vigie serve --data /srv/vigie --ae-title VIGIE --dicom-port 11112

    Exit codes: 0 stopped when asked to, 1 could not start, 2 a setting cannot be meant.
    """
    settings = settings_or_exit(
        data=data, dicom_port=dicom_port, http_port=http_port, ae_title=ae_title
    )
    configure_logs(settings, "serve")
    with one_line_errors():
        run_node(settings, started=lambda: _addresses(settings))


def _addresses(settings: Settings) -> None:
    out.print(
        f"Vigie is up. DICOM: {settings.ae_title} at {settings.dicom_host}:{settings.dicom_port}"
        f"  Worklist: {web_address(settings, '/')}  Data: {settings.data}",
        markup=False,
        soft_wrap=True,
    )


def role_command(name: str, what: str) -> Callable[..., None]:
    """A command that runs one role of a node."""

    def command(
        data: Data = None,
        dicom_port: DicomPort = None,
        http_port: HttpPort = None,
        ae_title: AETitle = None,
    ) -> None:
        settings = settings_or_exit(
            data=data, dicom_port=dicom_port, http_port=http_port, ae_title=ae_title
        )
        configure_logs(settings, name)
        with one_line_errors():
            run_role(name, settings)

    command.__doc__ = (
        f"{what}\n\nOne of the roles that `vigie serve` runs together; roles of one node share "
        f"its data folder and database and may run on several machines.\n\n"
        f"Example: vigie {name} --data /srv/vigie\n\n"
        "Exit codes: 0 stopped when asked to, 1 could not go on, 2 a setting cannot be meant."
    )
    return command


def settings(data: Data = None) -> None:
    """List every setting with its value, default, variable and help.

    Settings come from the command line, VIGIE_* variables and DATA/vigie.toml, in that order.

    Example: VIGIE_QUIET_PERIOD_S=3 vigie settings

    Exit codes: 0 all can be meant, 2 one cannot.
    """
    current = settings_or_exit(data=data)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("setting", "value", "default", "help"):
        table.add_column(heading, overflow="fold")
    for name, field in Settings.model_fields.items():
        value = (
            _without_password(getattr(current, name))
            if name == "database_url"
            else getattr(current, name)
        )
        style = "bold" if value != field.default and name != "data" else ""
        table.add_row(
            Text(name), Text(_shown(value), style), Text(_shown(field.default)), field.description
        )
    out.print(table)
    out.print(
        f"\nSet one as {PREFIX}NAME=value or as name = value in {current.data / 'vigie.toml'}",
        markup=False,
        soft_wrap=True,
    )


def _without_password(url: str | None) -> str | None:
    return url and re.sub(r"(?<=:)[^:@/]+(?=@)", "***", url)


def _shown(value: object) -> str:
    if value is None or value == ():
        return "–"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def doctor(data: Data = None) -> None:
    """Check database, disk, ports, weights and clock: one line each.

    Example: vigie doctor --data /srv/vigie

    Exit codes: 0 all is well (a warning is no fault), 1 something is not, 2 a setting cannot be
    meant.
    """
    from vigie.doctor import examine  # DIMSE and detectors: only where they are needed

    current = settings_or_exit(data=data)
    failed = False
    for check in examine(current):
        failed |= not check.ok
        mark, style = ("ok  ", "green") if check.ok else ("FAIL", "red")
        if check.warns:
            mark, style = "warn", "yellow"
        out.print(Text.assemble((mark, style), f" {check.name}: {check.detail}"), soft_wrap=True)
    if failed:
        err.print("something is not as it should be", style="red")
        raise typer.Exit(EXIT_FAILED)
