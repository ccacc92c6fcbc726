"""`vigie cases`: the cases of quality assurance, as seen from the node's own machine.

Whoever runs commands here can read the database, so nothing is blind. Reviews are given on the
page, by people with an account.
"""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from vigie.case_opener import tell_refused
from vigie.commands.common import Data, one_line_errors, out, settings_or_exit
from vigie.wiring import make_cases, migrated_engine, utc_now
from worklist.case_review import CaseState
from worklist.case_views import Measured, ShownCase
from worklist.highlighting import Looker
from worklist.quality import CaseKind
from worklist.quality_ports import CaseFilter
from worklist.report_reading import ReportReading, read_report
from worklist.report_terms import ReportLanguage
from worklist.verification import Estimate

_HERE = Looker(actor="vigie", account=None)

cases = typer.Typer(
    help="Cases of quality assurance: where people and AI disagree.", invoke_without_command=True
)


@cases.callback()
def listed(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    state: Annotated[
        CaseState | None, typer.Option(help="Only those in this state.", show_default=False)
    ] = None,
    kind: Annotated[
        CaseKind | None, typer.Option(help="Only those with this reason.", show_default=False)
    ] = None,
    after: Annotated[int, typer.Option(min=0, help="Only those behind this number.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 100,
    data: Data = None,
) -> None:
    """Print cases by their numbers.

    Example: vigie cases --state waiting --json

    Exit codes: 0 printed, 1 the database does not answer, 2 a setting cannot be meant.
    """
    if context.invoked_subcommand is not None:
        return
    asked = CaseFilter(
        states=frozenset({state} if state else ()), kind=kind, after=after, limit=limit
    )
    settings = settings_or_exit(data=data)
    with one_line_errors(), migrated_engine(settings) as engine:
        found = make_cases(settings, engine).cases(asked, _HERE)
    if as_json:
        typer.echo(json.dumps([_content(one) for one in found], indent=1))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("case", "finding", "why", "state", "due", "reviews", "verdict", "study"):
        table.add_column(heading, overflow="fold")
    for one in found:
        table.add_row(*map(Text, _cells(one)))
    out.print(table if found else "there is no such case")


@cases.command()
def show(
    case_id: Annotated[int, typer.Argument(metavar="CASE", min=1, help="The case's number.")],
    data: Data = None,
) -> None:
    """Print a case as JSON, with what was known when it opened and what was said of it.

    Example: vigie cases show 12

    Exit codes: 0 printed, 1 there is no such case, or the database does not answer.
    """
    settings = settings_or_exit(data=data)
    with one_line_errors(), migrated_engine(settings) as engine:
        found = make_cases(settings, engine).case(case_id, _HERE)
    typer.echo(json.dumps(_whole(found), indent=1, ensure_ascii=False))


@cases.command("open-due")
def open_due(data: Data = None) -> None:
    """Look now at what was said since the last look; the web role does so every few seconds.

    Example: vigie cases open-due

    Exit codes: 0 looked, 1 the database does not answer.
    """
    settings = settings_or_exit(data=data)
    with one_line_errors(), migrated_engine(settings) as engine:
        count = make_cases(settings, engine).open_due(now=utc_now(), refused=tell_refused)
    out.print(f"{count} cases have a new reason")


@cases.command()
def measures(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    data: Data = None,
) -> None:
    """Print sensitivity and specificity per finding, corrected for what was not looked at.

    Example: vigie cases measures

    Exit codes: 0 printed, 1 the database does not answer.
    """
    settings = settings_or_exit(data=data)
    with one_line_errors(), migrated_engine(settings) as engine:
        measured = make_cases(settings, engine).measured()
    if as_json:
        typer.echo(json.dumps([_measured(one) for one in measured], indent=1))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("finding", "sensitivity", "of", "specificity", "of"):
        table.add_column(heading)
    for one in measured:
        table.add_row(one.target.words, *_share(one.sensitivity), *_share(one.specificity))
    out.print(table)


@cases.command("read")
def read(
    file: Annotated[Path, typer.Argument(help="A report's text, in UTF-8; - reads the input.")],
    language: Annotated[
        ReportLanguage | None, typer.Option(help="en or fr.", show_default="told by the words")
    ] = None,
) -> None:
    """Print what the rules read in a report, as JSON: the answers, and the words that say so.

    Example: vigie cases read report.txt

    Exit codes: 0 printed, 1 the file cannot be read.
    """
    with one_line_errors():
        raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    text = raw.decode("utf-8", errors="replace")
    typer.echo(json.dumps(_read(text, read_report(text, language)), indent=1, ensure_ascii=False))


def _read(text: str, reading: ReportReading) -> dict[str, Any]:
    return {
        "language": reading.language,
        "answers": reading.answers,
        "statements": [
            {
                "target": one.target,
                "status": one.status,
                "section": one.section,
                "counts": one.counts,
                "words": text[one.start : one.end],
                "start": one.start,
                "end": one.end,
                "cues": [text[first:after] for first, after in one.cues],
            }
            for one in reading.statements
        ],
    }


def _cells(shown: ShownCase) -> list[str]:
    case = shown.row.case
    return [
        str(case.case_id),
        case.target.words,
        ", ".join(one.replace("_", " ") for one in case.kinds),
        case.state,
        f"{case.due_at:%Y-%m-%d}",
        str(shown.reviewed),
        case.verdict.words if case.verdict else "",
        case.study_instance_uid,
    ]


def _content(shown: ShownCase) -> dict[str, Any]:
    case = shown.row.case
    return {
        "case": case.case_id,
        "study_instance_uid": case.study_instance_uid,
        "accession_number": shown.row.accession_number,
        "target": case.target,
        "kinds": list(case.kinds),
        "state": case.state,
        "opened_at": case.opened_at.isoformat(),
        "due_at": case.due_at.isoformat(),
        "assigned_to": case.assigned_to,
        "verdict": case.verdict,
        "root_cause": case.root_cause,
        "action": case.action,
        "teaches": case.teaches,
        "inclusion_probability": case.inclusion_probability,
    }


def _whole(shown: ShownCase) -> dict[str, Any]:
    return {
        **_content(shown),
        "reasons": [
            {"kind": one.kind, "at": one.at.isoformat(), "evidence": dict(one.evidence)}
            for one in shown.reasons
        ],
        "reviews": [
            {
                "account": one.account,
                "answer": one.answer,
                "comment": one.comment,
                "at": one.at.isoformat(),
            }
            for one in shown.row.case.reviews
        ],
        "comments": [
            {"account": one.account, "text": one.text, "at": one.at.isoformat()}
            for one in shown.comments
        ],
        "report": _read(shown.report.text, shown.report.reading) if shown.report else None,
    }


def _share(estimate: Estimate | None) -> tuple[str, str]:
    if estimate is None:
        return "not known", "0"
    shown = f"{estimate.value:.1%} ({estimate.low:.1%} to {estimate.high:.1%})"
    return shown, f"{estimate.counted}"


def _measured(measured: Measured) -> dict[str, Any]:
    return {
        "target": measured.target,
        "sensitivity": _estimate(measured.sensitivity),
        "specificity": _estimate(measured.specificity),
    }


def _estimate(one: Estimate | None) -> dict[str, float] | None:
    if one is None:
        return None
    return {
        "value": one.value,
        "low": one.low,
        "high": one.high,
        "counted": one.counted,
        "weight": one.weight,
        "effective": one.effective,
    }
