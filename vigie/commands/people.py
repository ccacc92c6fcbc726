"""The worklist and the acts by which people overrule it (P7)."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from models.registry import added_models
from vigie.commands.acting import Account, acting
from vigie.commands.common import Data, one_line_errors, out, settings_or_exit
from vigie.wiring import make_reader, make_worklist, migrated_engine, model_folder, utc_now
from worklist.due_time import in_words, probability_in_words
from worklist.finding import OutcomeState
from worklist.service import Worklist
from worklist.store.postgres import PostgresStore
from worklist.study import RequestedPriority
from worklist.uid import StudyInstanceUID
from worklist.views import DetectorView, WorklistPage, WorklistRow

Study = Annotated[str, typer.Argument(help="Study Instance UID.")]
Why = Annotated[str, typer.Option("--reason", help="Why; it stands in the event log.")]

_STATE_WORDS = {
    OutcomeState.NOT_RUN_YET: "not run yet",
    OutcomeState.RUNNING: "running",
    OutcomeState.FLAGGED: "FLAGGED",
    OutcomeState.NOT_FLAGGED: "not flagged",
    OutcomeState.NOT_APPLICABLE: "not applicable",
    OutcomeState.FAILED: "failed",
    OutcomeState.TOO_LATE: "too late",
    OutcomeState.STOPPED: "stopped",
}


def worklist(
    data: Data = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many studies at most.")] = 50,
) -> None:
    """Print the reading worklist in its order, with due times and reasons.

    Example: vigie worklist --json --limit 10

    Exit codes: 0 printed, 1 the database does not answer, 2 a setting cannot be meant.
    """
    settings = settings_or_exit(data=data)
    with one_line_errors(), migrated_engine(settings) as engine:
        page = make_reader(settings, engine).worklist_page(None, limit, utc_now())
    if as_json:
        typer.echo(json.dumps(asdict(page), default=_as_text, indent=1))
    else:
        print_worklist(page)


def _as_text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def print_worklist(page: WorklistPage) -> None:
    """The list as a table; texts from outside are data, never markup (P9)."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("", "due", "patient", "study", "asked", "reason", "AI, not reviewed"):
        table.add_column(heading, overflow="fold")
    for row in page.rows:
        table.add_row(*map(Text, _cells(row, page.generated_at)))
    out.print(table)
    rest = page.total - len(page.rows)
    out.print(f"{page.total} unread" + (f", {rest} not shown" if rest else ""), style="dim")
    if page.ai_stopped:
        out.print("AI is stopped: this is the order without it", style="bold yellow")
    elif page.stopped_detectors:
        out.print(f"stopped: {', '.join(page.stopped_detectors)}", style="bold yellow")


def _cells(row: WorklistRow, now: datetime) -> Iterator[str]:
    left = row.due_at - now
    yield f"{row.place}{'↑' if row.pinned else ''}"
    yield f"in {in_words(left)}" if left.total_seconds() > 0 else f"late {in_words(-left)}"
    yield row.patient_name.replace("^", " ") or row.patient_id or "no name"
    yield f"{'/'.join(row.modalities)} {row.study_description or row.body_part}".strip()
    yield row.priority_in_force
    yield row.reason
    states = [_in_words(one) for one in row.detectors]
    yield "; ".join(states) if states else "no detector has registered yet"


def _in_words(one: DetectorView) -> str:
    earlier = one.state in (OutcomeState.NOT_RUN_YET, OutcomeState.RUNNING) and one.reason
    words = f"{one.name}: {earlier or _STATE_WORDS[one.state]}"
    return words if one.probability is None else f"{words} {probability_in_words(one.probability)}"


@contextmanager
def _service(account: str | None, data: Data) -> Iterator[tuple[Worklist, list[str], str]]:
    """The service, the names of the detectors, and who acts."""
    settings = settings_or_exit(data=data)
    with one_line_errors(), migrated_engine(settings) as engine:
        registered = PostgresStore(engine).installed_detectors()
        added = added_models(model_folder(settings))  # that no worker may have registered yet
        names = sorted({*registered, *added})
        yield make_worklist(settings, engine), names, acting(engine, account)


def pin(study: Study, reason: Why, account: Account = None, data: Data = None) -> None:
    """Pin a study to the top of the list.

    Example: vigie pin 1.2.840.1 --reason "the surgeon waits"

    Exit codes: 0 done, 1 no such study or no reason, 2 a setting cannot be meant.
    """
    with _service(account, data) as (service, _, actor):
        service.pin(StudyInstanceUID(study), True, actor=actor, reason=reason, now=utc_now())


def unpin(study: Study, reason: Why, account: Account = None, data: Data = None) -> None:
    """Let go of a pinned study.

    Example: vigie unpin 1.2.840.1 --reason "no longer urgent"

    Exit codes: 0 done, 1 no such study or no reason, 2 a setting cannot be meant.
    """
    with _service(account, data) as (service, _, actor):
        service.pin(StudyInstanceUID(study), False, actor=actor, reason=reason, now=utc_now())


def priority(
    study: Study,
    reason: Why,
    to: Annotated[
        RequestedPriority | None,
        typer.Option(help="The priority; left out: as requested.", show_default=False),
    ] = None,
    account: Account = None,
    data: Data = None,
) -> None:
    """Put another priority in place of the requested one.

    Example: vigie priority 1.2.840.1 --to stat --reason "the patient got worse"

    Exit codes: 0 done, 1 no such study or no reason, 2 a setting cannot be meant.
    """
    with _service(account, data) as (service, _, actor):
        record = service.override_priority(
            StudyInstanceUID(study), to, actor=actor, reason=reason, now=utc_now()
        )
    out.print(f"due {record.due_at:%Y-%m-%d %H:%M} UTC: {record.reason}", markup=False)


def mark_read(study: Study, reason: Why, account: Account = None, data: Data = None) -> None:
    """Note that a person has read a study elsewhere; it leaves the list.

    Example: vigie mark-read 1.2.840.1 --reason "reported in the RIS"

    Exit codes: 0 done, 1 no such study, read already or no reason, 2 a setting cannot be meant.
    """
    with _service(account, data) as (service, _, actor):
        service.mark_read(StudyInstanceUID(study), actor=actor, reason=reason, now=utc_now())


def claims(data: Data = None) -> None:
    """Print who has claimed which study, longest held first.

    Example: vigie claims

    Exit codes: 0 printed, 1 the database does not answer, 2 a setting cannot be meant.
    """
    settings = settings_or_exit(data=data)
    with one_line_errors(), migrated_engine(settings) as engine:
        held = make_worklist(settings, engine).claims()
    now = utc_now()
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("study", "claimed by", "for"):
        table.add_column(heading, overflow="fold")
    for one in held:
        table.add_row(one.study_instance_uid, one.account, in_words(now - one.claimed_at))
    out.print(table if held else "nobody has claimed a study")


def release(study: Study, account: Account = None, data: Data = None) -> None:
    """Give back a study that somebody has claimed, whoever it is.

    Example: vigie release 1.2.840.1

    Exit codes: 0 done, 1 no such study or nobody has claimed it, 2 a setting cannot be meant.
    """
    with _service(account, data) as (service, _, actor):
        service.release_by_command(StudyInstanceUID(study), actor=actor, now=utc_now())


ai = typer.Typer(help="Stop and start AI; the list falls back at once.", no_args_is_help=True)

Detectors = Annotated[
    list[str] | None,
    typer.Option("--detector", help="One detector, may be repeated; left out: all of them."),
]


@ai.command("stop")
def stop_ai(
    reason: Why, detector: Detectors = None, account: Account = None, data: Data = None
) -> None:
    """Stop detectors: they neither run nor count, and the list falls back at once.

    Example: vigie ai stop --detector fracture --reason "odd results since the update"

    Exit codes: 0 done, 1 it could not be done, 2 a setting cannot be meant.
    """
    stop_detectors(detector or None, reason, account, data)


@ai.command("start")
def start_ai(
    reason: Why, detector: Detectors = None, account: Account = None, data: Data = None
) -> None:
    """Start detectors again; studies they missed are assessed now.

    Example: vigie ai start --reason "the vendor has mended it"

    Exit codes: 0 done, 1 it could not be done, 2 a setting cannot be meant.
    """
    start_detectors(detector or None, reason, account, data)


def stop_detectors(names: list[str] | None, reason: str, account: Account, data: Data) -> None:
    """Stop detectors (None: all), and say what it changed."""
    with _service(account, data) as (service, installed, actor):
        moved = service.stop_ai(
            names, installed=installed, actor=actor, reason=reason, now=utc_now()
        )
    out.print(f"stopped; {moved} studies have another due time now")


def start_detectors(names: list[str] | None, reason: str, account: Account, data: Data) -> None:
    """Start detectors (None: all), and say what it changed."""
    with _service(account, data) as (service, installed, actor):
        moved = service.start_ai(
            names, installed=installed, actor=actor, reason=reason, now=utc_now()
        )
    out.print(f"started; {moved} studies have another due time now")
