"""`vigie tokens`: how machines prove who they are."""

import json
from datetime import timedelta
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from vigie.commands.acting import Account, acting
from vigie.commands.common import Data, one_line_errors, out, settings_or_exit
from vigie.wiring import make_api_tokens, migrated_engine, utc_now
from worklist.api_tokens import ApiToken, Scope
from worklist.people import AccountName

tokens = typer.Typer(help="Tokens by which machines ask the HTTP API.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name of the machine or program.")]


@tokens.command("add")
def add(
    name: Name,
    scope: Annotated[
        list[Scope],
        typer.Option(
            "--scope",
            help="metrics: scrape /metrics; read: studies, images; store: send objects. Repeat it.",
        ),
    ],
    days: Annotated[
        int | None,
        typer.Option(min=1, help="Days it lasts; left out: until revoked.", show_default=False),
    ] = None,
    account: Account = None,
    data: Data = None,
) -> None:
    """Make a token; it is printed, once, alone on its line.

    Example: vigie tokens add prometheus --scope metrics --days 365

    Exit codes: 0 made, 1 it could not be made, 2 misused.
    """
    settings = settings_or_exit(data=data)
    with one_line_errors(), migrated_engine(settings) as engine:
        secret = make_api_tokens(engine).add(
            AccountName(name),
            scope,
            lasts=None if days is None else timedelta(days=days),
            actor=f"person {acting(engine, account)}",
            now=utc_now(),
        )
    typer.echo(secret)


@tokens.command("list")
def list_tokens(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    data: Data = None,
) -> None:
    """List the tokens: scopes, whether they hold, and when they were last used.

    Example: vigie tokens list --json

    Exit codes: 0 printed, 1 the database does not answer, 2 a setting cannot be meant.
    """
    settings = settings_or_exit(data=data)
    with one_line_errors(), migrated_engine(settings) as engine:
        listed = make_api_tokens(engine).all()
    if as_json:
        typer.echo(json.dumps([_content(one) for one in listed], indent=1))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("name", "scopes", "state", "last used"):
        table.add_column(heading, overflow="fold")
    for one in listed:
        used = "never" if one.last_used_at is None else f"{one.last_used_at:%Y-%m-%d %H:%M} UTC"
        table.add_row(*map(Text, (one.name, ", ".join(sorted(one.scopes)), _state(one), used)))
    out.print(table)


def _state(token: ApiToken) -> str:
    if token.revoked_at is not None:
        return f"revoked {token.revoked_at:%Y-%m-%d}"
    if token.ends_at is None:
        return "holds"
    return f"{'holds until' if token.holds(utc_now()) else 'ended'} {token.ends_at:%Y-%m-%d}"


def _content(token: ApiToken) -> dict[str, object]:
    times = {
        name: value.isoformat() if value is not None else None
        for name, value in (
            ("created_at", token.created_at),
            ("ends_at", token.ends_at),
            ("last_used_at", token.last_used_at),
            ("revoked_at", token.revoked_at),
        )
    }
    holds = token.holds(utc_now())
    return {"name": token.name, "scopes": sorted(token.scopes), "holds": holds, **times}


@tokens.command("revoke")
def revoke(name: Name, account: Account = None, data: Data = None) -> None:
    """Make a token good for nothing, at once.

    Example: vigie tokens revoke prometheus

    Exit codes: 0 done, 1 no such token, 2 a setting cannot be meant.
    """
    settings = settings_or_exit(data=data)
    with one_line_errors(), migrated_engine(settings) as engine:
        make_api_tokens(engine).revoke(
            AccountName(name), actor=f"person {acting(engine, account)}", now=utc_now()
        )
    out.print("revoked")
