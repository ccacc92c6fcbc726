"""`vigie hl7`: the messages that were exchanged with the RIS, for administrators."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from results.hl7.client import connected
from vigie.commands.acting import Account, acting
from vigie.commands.common import (
    EXIT_FAILED,
    Data,
    err,
    one_line_errors,
    out,
    settings_or_exit,
)
from vigie.hl7 import MessageDesk, receiver_of
from vigie.node import reachable
from vigie.settings import Settings
from vigie.wiring import make_worklist, migrated_engine, utc_now
from worklist.exchange_views import LoggedMessage

hl7 = typer.Typer(help="Messages exchanged with the RIS.", no_args_is_help=True)

_CONNECT_S = 5.0
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Message = Annotated[str, typer.Argument(help="Number of the message, as in the log: out-12.")]


@hl7.command("log")
def show_log(
    as_json: AsJson = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 50,
    data: Data = None,
) -> None:
    """Print the newest messages: when, which, and what became of them; no patient's name is in it.

    Example: vigie hl7 log --limit 20

    Exit codes: 0 printed, 1 the database does not answer, 2 a setting cannot be meant.
    """
    with _desk(data) as (desk, _):
        _print(desk.messages(limit), as_json)


@hl7.command("dead-letters")
def dead_letters(
    as_json: AsJson = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 50,
    data: Data = None,
) -> None:
    """Print the messages that were refused or given up, with the reason.

    Example: vigie hl7 dead-letters --json

    Exit codes: 0 printed, 1 the database does not answer, 2 a setting cannot be meant.
    """
    with _desk(data) as (desk, _):
        _print(desk.messages(limit, dead=True), as_json)


@hl7.command()
def show(message: Message, data: Data = None) -> None:
    """Print a dead letter whole, patient and all.

    Example: vigie hl7 show in-12

    Exit codes: 0 printed, 1 there is no such dead letter, 2 a setting cannot be meant.
    """
    with _desk(data) as (desk, _):
        typer.echo(as_lines(desk.dead_letter(message).raw or b""))


@hl7.command()
def resend(message: Message, account: Account = None, data: Data = None) -> None:
    """Send a message that was given up again, or read one again that was refused.

    Example: vigie hl7 resend out-12

    Exit codes: 0 done, 1 there is no such dead letter or it was refused again, 2 a setting
    cannot be meant.
    """
    with _desk(data) as (desk, engine):
        found = desk.again(message, acting(engine, account))
    if found.is_dead:
        err.print(f"refused again: {found.error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(EXIT_FAILED)
    out.print(f"{found.message_id}: {found.state}", markup=False)


@hl7.command()
def dismiss(
    message: Message,
    reason: Annotated[str, typer.Option(help="Why nobody has to look after it; kept for good.")],
    account: Account = None,
    data: Data = None,
) -> None:
    """Let a dead letter be over; what it said is not kept.

    Example: vigie hl7 dismiss in-12 --reason "a test of the RIS"

    Exit codes: 0 done, 1 there is no such dead letter or no reason, 2 a setting cannot be meant.
    """
    with _desk(data) as (desk, engine):
        found = desk.dismiss(message, acting(engine, account), reason)
    out.print(f"{found.message_id}: {found.state}", markup=False)


@hl7.command()
def test(data: Data = None) -> None:
    """Look whether the HL7 port answers and the peer can be reached; no message is sent.

    Example: vigie hl7 test

    Exit codes: 0 what is set answers, 1 it does not or nothing is set, 2 a setting cannot be
    meant.
    """
    settings = settings_or_exit(data=data)
    with one_line_errors():
        tried = [*_own_port(settings), *_peer(settings)]
    for line in tried:
        out.print(line, markup=False, soft_wrap=True)
    if not tried:
        err.print("neither hl7_port nor hl7_peer is set", style="red")
        raise typer.Exit(EXIT_FAILED)


def _own_port(settings: Settings) -> Iterator[str]:
    if settings.hl7_port is None:
        return
    address = (reachable(settings.hl7_host), settings.hl7_port)
    socket.create_connection(address, timeout=_CONNECT_S).close()
    yield f"hl7_port: {address[0]}:{address[1]} answers"


def _peer(settings: Settings) -> Iterator[str]:
    receiver = receiver_of(settings)
    if receiver is None:
        return
    with connected(receiver):
        how = " with TLS" if receiver.tls else ""
        yield f"hl7_peer: {receiver.host}:{receiver.port} answers{how}"


@contextmanager
def _desk(data: Any) -> Iterator[tuple[MessageDesk, Any]]:
    settings = settings_or_exit(data=data)
    with one_line_errors(), migrated_engine(settings) as engine:
        yield MessageDesk(engine, make_worklist(settings, engine), settings, utc_now), engine


def as_lines(raw: bytes) -> str:
    """The segments of a message, one a line, without what a terminal would obey."""
    lines = raw.decode("utf-8", "replace").replace("\r", "\n").splitlines()
    return "\n".join(map(_printable, lines))


def _printable(text: str) -> str:
    """Whatever a sender wrote as a number or a type, a terminal does not obey it (P9)."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def _print(messages: list[LoggedMessage], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([_content(one) for one in messages], indent=1))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("message", "at", "type", "control ID", "state", "accession number", "why"):
        table.add_column(heading, overflow="fold")
    for one in messages:
        state = f"{one.state} {one.code}".strip()
        at = f"{one.at:%Y-%m-%d %H:%M:%S} UTC"
        cells = (one.message_id, at, one.message_type, one.control_id, state)
        shown = (*cells, one.accession_number, one.error)
        table.add_row(*(Text(_printable(cell)) for cell in shown))
    out.print(table)


def _content(message: LoggedMessage) -> dict[str, object]:
    values = asdict(message)
    del values["raw"]
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in values.items()
    }
