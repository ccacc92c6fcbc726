"""`vigie explain`: why a study stood where it stood, at any moment, from the record (P3)."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from vigie.commands.common import (
    EXIT_FAILED,
    EXIT_USAGE,
    Data,
    err,
    one_line_errors,
    out,
    settings_or_exit,
)
from vigie.wiring import migrated_engine, utc_now
from worklist.replay_views import StudyThen
from worklist.store.replay import PostgresRecord
from worklist.uid import StudyInstanceUID
from worklist.views import EventView

Study = Annotated[str, typer.Argument(help="Study Instance UID.")]
At = Annotated[
    str | None,
    typer.Option(
        "--at",
        help="Moment, as 2026-03-02T02:31 (this machine's time) or with a zone, "
        "2026-03-02T02:31+00:00; left out: now.",
        show_default=False,
    ),
]


def explain(
    study: Study,
    at: At = None,
    lines: Annotated[
        int, typer.Option(min=1, max=100_000, help="How many lines of the list, at most.")
    ] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data: Data = None,
) -> None:
    """Say why a study stood where it stood, at any moment, from the event log alone.

    Prints its place and the rule that put it there, the list around it, what each detector had
    said and which instances it had seen, and what people had done with it.

    Example: vigie explain 1.2.840.113619.2.55 --at 2026-03-02T02:31

    Exit codes: 0 printed, 1 the record holds nothing of the study by then or the database does
    not answer, 2 the moment or a setting cannot be meant.
    """
    moment = _moment(at)
    settings = settings_or_exit(data=data)
    with one_line_errors(), migrated_engine(settings) as engine:
        uid = StudyInstanceUID(study)
        then = PostgresRecord(engine).study_at(uid, moment, limit=lines)
    if as_json:
        typer.echo(json.dumps(asdict(then), default=_as_text, indent=1))
    else:
        _print(then)
    if then.row is None and not then.said and not then.people and then.placed_by is None:
        raise typer.Exit(EXIT_FAILED)


def _moment(said: str | None) -> datetime:
    if said is None:
        return utc_now()
    try:
        return datetime.fromisoformat(said).astimezone()
    except (ValueError, OverflowError):
        err.print(f"--at {said!r} is no moment: 2026-03-02T02:31 is", markup=False)
        raise typer.Exit(EXIT_USAGE) from None


def _as_text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _print(then: StudyThen) -> None:
    clock = then.moment.astimezone().isoformat(sep=" ", timespec="seconds")
    out.print(f"{then.study_instance_uid} at {clock}, after event {then.event_id}", markup=False)
    if then.row is None:
        out.print(then.why, markup=False)
    else:
        out.print(f"place {then.place} of {then.total}: {then.why}", markup=False)
        out.print(f"due {_clock(then.row.due_at)}: {then.row.reason}", markup=False)
    if then.placed_by is not None:
        out.print(f"so since {_in_one_line(then.placed_by)}", markup=False, soft_wrap=True)
    _print_list(then)
    _print_said(then)
    _print_events("what people did with it", then.people)
    _print_events("AI stopped or started", then.ai)
    if then.incomplete:
        out.print(
            f"not known of {len(then.incomplete)} studies: their beginning is no longer kept",
            style="yellow",
        )


def _print_list(then: StudyThen) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("", "due", "study", "reason"):
        table.add_column(heading, overflow="fold")
    for row in then.rows:
        mark = "→" if row.study_instance_uid == then.study_instance_uid else ""
        cells = (
            f"{mark}{row.place}{'↑' if row.pinned else ''}",
            _clock(row.due_at),
            row.study_instance_uid,
            row.reason,
        )
        table.add_row(*map(Text, cells))
    out.print(table)
    rest = then.total - len(then.rows)
    if rest:
        out.print(f"{then.total} unread, {rest} not shown", style="dim")


def _print_said(then: StudyThen) -> None:
    out.print("what AI had said, not reviewed", style="bold")
    if not then.said:
        out.print("nothing yet")
    for one in then.said:
        later = " (said otherwise later)" if one.superseded else ""
        out.print(f"{_clock(one.at)} {one.words}{later}", markup=False, soft_wrap=True)
        if one.instances is None:
            out.print("  which instances it saw was not recorded then", style="dim")
        for uid, sha256 in one.instances or ():
            out.print(f"  {uid} SHA-256 {sha256}", markup=False, soft_wrap=True)


def _print_events(title: str, events: Iterable[EventView]) -> None:
    lines = [_in_one_line(one) for one in events]
    if lines:
        out.print(title, style="bold")
    for line in lines:
        out.print(line, markup=False, soft_wrap=True)


def _in_one_line(event: EventView) -> str:
    return f"{_clock(event.at)} {event.actor}: {event.words} (event {event.event_id})"


def _clock(at: datetime) -> str:
    return at.astimezone().isoformat(sep=" ", timespec="seconds")
