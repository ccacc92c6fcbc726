"""`vigie destinations`: where results go, and whether it answers."""

import json
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from vigie.commands.acting import Account, acting
from vigie.commands.common import (
    EXIT_FAILED,
    Data,
    err,
    one_line_errors,
    out,
    settings_or_exit,
)
from vigie.testing_destinations import tester
from vigie.wiring import make_deliveries, migrated_engine, utc_now
from worklist.outbound import DeliveryState, DestinationView

destinations = typer.Typer(help="Where results are sent.", invoke_without_command=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@destinations.callback()
def listed(context: typer.Context, as_json: AsJson = False, data: Data = None) -> None:
    """List the destinations, and how many objects are in which state there.

    Example: vigie destinations --json

    Exit codes: 0 printed, 1 the database does not answer, 2 a setting cannot be meant.
    """
    if context.invoked_subcommand is not None:
        return
    settings = settings_or_exit(data=data)
    with one_line_errors(), migrated_engine(settings) as engine:
        known = make_deliveries(settings, engine).destinations()
    if as_json:
        typer.echo(json.dumps([_content(one) for one in known], indent=1))
        return
    if not known:
        out.print("no destination is set: results go nowhere (see docs/results.md)")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("name", "address", "gets", *DeliveryState):
        table.add_column(str(heading), overflow="fold")
    for one in known:
        address = f"{one.kind} {one.address}" if one.kind else "set no more"
        counts = [str(one.counts[state]) for state in DeliveryState]
        if one.held:
            counts[0] += f" ({one.held} held: its address changed, see vigie destinations release)"
        table.add_row(*map(Text, (one.name, address, ", ".join(one.objects), *counts)))
    out.print(table)


def _content(one: DestinationView) -> dict[str, object]:
    return {
        "name": one.name,
        "kind": one.kind,
        "address": one.address,
        "objects": list(one.objects),
        "studies": one.worth,
        "counts": dict(one.counts),
        "held": one.held,
    }


@destinations.command("release")
def release(
    name: Annotated[str, typer.Argument(help="Name of the destination.")],
    account: Account = None,
    data: Data = None,
) -> None:
    """Let go to its new address what waits since the address of a destination changed.

    Example: vigie destinations release PACS

    Exit codes: 0 done, 1 it is not set or the database does not answer, 2 misused.
    """
    settings = settings_or_exit(data=data)
    with one_line_errors(), migrated_engine(settings) as engine:
        count = make_deliveries(settings, engine).release(
            name, actor=acting(engine, account), now=utc_now()
        )
    out.print(f"{count} objects may go to {name}", markup=False)


@destinations.command("test")
def test(
    name: Annotated[str, typer.Argument(help="Name of the destination.")], data: Data = None
) -> None:
    """Ask a destination whether it is there; nothing is stored at it.

    Example: vigie destinations test PACS

    Exit codes: 0 it answers, 1 it does not or is not set, 2 a setting cannot be meant.
    """
    settings = settings_or_exit(data=data)
    with one_line_errors():
        reachable, words = tester(settings)(name)
    if not reachable:
        err.print(words, style="red", markup=False, soft_wrap=True)
        raise typer.Exit(EXIT_FAILED)
    out.print(words, markup=False, soft_wrap=True)
