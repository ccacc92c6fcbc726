"""`vigie notifications`: what was told on channels, and whether a channel works."""

import json
import uuid
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from vigie.commands.acting import Account, acting
from vigie.commands.common import EXIT_FAILED, Data, err, one_line_errors, out, settings_or_exit
from vigie.notifying import NotificationDesk, make_notifications
from vigie.wiring import migrated_engine, utc_now
from worklist.errors import VigieError
from worklist.notifications import KeptNotification
from worklist.notifying import Confirmed, NotificationState


class NoId(VigieError, ValueError):
    """A text that names no notification."""


notifications = typer.Typer(
    help="What was told on notification channels, and whether they work.",
    invoke_without_command=True,
)


@notifications.callback()
def listed(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 50,
    state: Annotated[
        NotificationState | None, typer.Option(help="Only those in this state.", show_default=False)
    ] = None,
    data: Data = None,
) -> None:
    """Print what was told, what waits and what was given up, the newest first.

    Example: vigie notifications --state parked --json

    Exit codes: 0 printed, 1 the database does not answer, 2 a setting cannot be meant.
    """
    if context.invoked_subcommand is not None:
        return
    settings = settings_or_exit(data=data)
    with one_line_errors(), migrated_engine(settings) as engine:
        found = make_notifications(settings, engine).newest(limit=limit, state=state)
    if as_json:
        typer.echo(json.dumps([_content(one) for one in found], indent=1))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("flagged", "channel", "finding", "state", "tries", "last", "study", "id"):
        table.add_column(heading, overflow="fold")
    for one in found:
        table.add_row(*map(Text, _cells(one)))
    out.print(table if found else "nothing was told, and nothing waits")


def _cells(kept: KeptNotification) -> list[str]:
    one = kept.notification
    return [
        f"{one.flagged_at:%Y-%m-%d %H:%M} UTC",
        one.channel,
        one.target.words,
        one.state.replace("_", " "),
        str(one.attempts),
        one.words,
        one.study_instance_uid,
        str(one.notification_id),
    ]


def _content(kept: KeptNotification) -> dict[str, Any]:
    one = kept.notification
    times = {
        name: value.isoformat() if value is not None else None
        for name, value in (
            ("flagged_at", one.flagged_at),
            ("due_at", one.due_at),
            ("changed_at", one.changed_at),
            ("delivered_at", one.delivered_at),
        )
    }
    return {
        "number": kept.number,
        "notification_id": str(one.notification_id),
        "channel": one.channel,
        "study_instance_uid": one.study_instance_uid,
        "target": one.target,
        "detector": kept.detector,
        "detector_version": kept.detector_version,
        "state": one.state,
        "attempts": one.attempts,
        "words": one.words,
        "reached": list(one.reached),
        **times,
    }


@notifications.command("test")
def test(
    name: Annotated[str, typer.Argument(help="Name of the channel.")],
    account: Account = None,
    data: Data = None,
) -> None:
    """Tell a channel that it is tested, now and whatever its hours; no patient is concerned.

    Example: vigie notifications test pager

    Exit codes: 0 it was confirmed, 1 it was not, or there is no such channel, 2 a setting cannot be
    meant.
    """
    settings = settings_or_exit(data=data)
    with one_line_errors(), migrated_engine(settings) as engine:
        who = f"person {acting(engine, account)}"
        answer = NotificationDesk(settings, engine).test(name, actor=who, now=utc_now())
    if not isinstance(answer, Confirmed):
        err.print(answer.words, style="red", markup=False, soft_wrap=True)
        raise typer.Exit(EXIT_FAILED)
    out.print(answer.words, markup=False, soft_wrap=True)


@notifications.command("send-again")
def send_again(
    number: Annotated[str, typer.Argument(help="ID of the notification.", metavar="ID")],
    account: Account = None,
    data: Data = None,
) -> None:
    """Let one notification be told at once, whatever became of it; it keeps its ID.

    Example: vigie notifications send-again 5b2c0a0e-6f37-5e0e-9d0c-3d1b3a5c9f11

    Exit codes: 0 it is due now, 1 there is none of this ID, 2 a setting cannot be meant.
    """
    settings = settings_or_exit(data=data)
    with one_line_errors(), migrated_engine(settings) as engine:
        who = f"person {acting(engine, account)}"
        make_notifications(settings, engine).send_again(_id(number), actor=who, now=utc_now())
    out.print("due now")


def _id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise NoId(f"{text!r} is no ID of a notification") from None
