"""`vigie results`: what goes back, where each object stands, and what people do about it."""

import json
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from vigie.commands.acting import Account, acting
from vigie.commands.common import (
    EXIT_USAGE,
    Data,
    err,
    one_line_errors,
    out,
    settings_or_exit,
)
from vigie.wiring import make_deliveries, migrated_engine, utc_now
from worklist.deliveries import LONGEST_PAGE, Asked
from worklist.outbound import DeliveryState, DeliveryView, MakingProblem
from worklist.uid import StudyInstanceUID

results = typer.Typer(help="What goes back, and where it stands.", invoke_without_command=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Study = Annotated[str, typer.Argument(help="Study Instance UID.")]
OfStudy = Annotated[
    str | None, typer.Option("--study", help="Study Instance UID.", show_default=False)
]
For = Annotated[
    str | None, typer.Option("--destination", help="Name of a destination.", show_default=False)
]


@results.callback()
def listed(
    context: typer.Context,
    study: OfStudy = None,
    destination: For = None,
    state: Annotated[
        list[DeliveryState] | None,
        typer.Option("--state", help="Only in this state; repeat it.", show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=LONGEST_PAGE, help="At most so many.")] = 50,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """List objects on their way to destinations, the last made first.

    Example: vigie results --state refused --state parked --json

    Exit codes: 0 printed, 1 the database does not answer, 2 a setting cannot be meant.
    """
    if context.invoked_subcommand is not None:
        return
    settings = settings_or_exit(data=data)
    with one_line_errors(), migrated_engine(settings) as engine:
        asked = Asked(
            study=None if study is None else StudyInstanceUID(study),
            destination=destination,
            states=state or None,
        )
        page = make_deliveries(settings, engine).page(asked, limit=limit)
    if as_json:
        typer.echo(json.dumps([_content(one) for one in page.deliveries], indent=1))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("number", "study", "object", "destination", "state", "tries", "last words"):
        table.add_column(heading, overflow="fold")
    for view in page.deliveries:
        one = view.delivery
        row = (one.delivery_id, view.study_instance_uid, view.kind, one.destination, one.state)
        table.add_row(*(Text(str(cell)) for cell in (*row, one.tries, one.words)))
    out.print(table)


def _content(view: DeliveryView) -> dict[str, Any]:
    one = view.delivery
    times = ("queued_at", "next_try_at", "sent_at", "committed_at")
    said = {name: getattr(one, name) for name in times}
    return {
        "delivery_id": one.delivery_id,
        "study_instance_uid": view.study_instance_uid,
        "assessment_number": view.assessment_number,
        "sop_instance_uid": one.sop_instance_uid,
        "kind": view.kind,
        "destination": one.destination,
        "state": one.state,
        "tries": one.tries,
        "status": one.status,
        "words": one.words,
        "made_at": view.made_at.isoformat(),
        **{name: at.isoformat() if at is not None else None for name, at in said.items()},
    }


@results.command("problems")
def problems(
    limit: Annotated[int, typer.Option(min=1, max=LONGEST_PAGE, help="At most so many.")] = 50,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """List results that could not be made, the last tried first.

    Example: vigie results problems --json

    Exit codes: 0 printed, 1 the database does not answer, 2 a setting cannot be meant.
    """
    settings = settings_or_exit(data=data)
    with one_line_errors(), migrated_engine(settings) as engine:
        found = make_deliveries(settings, engine).problems(limit=limit)
    if as_json:
        typer.echo(json.dumps([_problem(one) for one in found], indent=1))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("study", "assessment", "tried", "next try", "problem"):
        table.add_column(heading, overflow="fold")
    for one in found:
        said = _problem(one)
        again = said["next_try_at"] or "none: vigie results resend --study UID --anew"
        row = (one.study_instance_uid, one.assessment_number, said["at"], again, one.problem)
        table.add_row(*(Text(str(cell)) for cell in row))
    out.print(table)


def _problem(one: MakingProblem) -> dict[str, Any]:
    return {
        "study_instance_uid": one.study_instance_uid,
        "assessment_number": one.assessment_number,
        "problem": one.problem,
        "at": one.at.isoformat(),
        "next_try_at": None if one.next_try_at is None else one.next_try_at.isoformat(),
    }


@results.command("resend")
def resend(
    number: Annotated[
        list[int] | None, typer.Argument(help="Numbers of deliveries.", show_default=False)
    ] = None,
    study: OfStudy = None,
    destination: For = None,
    anew: Annotated[
        bool,
        typer.Option(
            "--anew", help="With --study: make its objects again, for new destinations too."
        ),
    ] = False,
    account: Account = None,
    data: Data = None,
) -> None:
    """Send again: what is numbered, a study's objects, or all that failed at a destination.

    Example: vigie results resend --destination PACS

    Exit codes: 0 queued, 1 there is no such thing, 2 misused.
    """
    if not (number or study or destination) or (anew and study is None):
        err.print("name deliveries, --study or --destination; --anew needs --study", style="red")
        raise typer.Exit(EXIT_USAGE)
    settings = settings_or_exit(data=data)
    with one_line_errors(), migrated_engine(settings) as engine:
        deliveries, who = make_deliveries(settings, engine), acting(engine, account)
        uid = None if study is None else StudyInstanceUID(study)
        if anew and uid is not None:
            deliveries.make_anew(uid, actor=who, now=utc_now())
            out.print("its results are made again")
            return
        asked = Asked(delivery_ids=number or None, study=uid, destination=destination)
        count = deliveries.resend(asked, actor=who, now=utc_now())
    out.print(f"{count} objects are sent again")


@results.command("retract")
def retract(
    study: Study,
    reason: Annotated[str, typer.Option(help="Why; it stands in the event log.")],
    account: Account = None,
    data: Data = None,
) -> None:
    """Let no result of a study count: what was sent is rejected where it was sent.

    Example: vigie results retract 1.2.840.1.2.3 --reason "the wrong patient"

    Exit codes: 0 done, 1 nothing of it counts or there is no such study, 2 misused.
    """
    settings = settings_or_exit(data=data)
    with one_line_errors(), migrated_engine(settings) as engine:
        count = make_deliveries(settings, engine).retract(
            StudyInstanceUID(study), reason=reason, actor=acting(engine, account), now=utc_now()
        )
    out.print(f"{count} objects count no more")
