"""`vigie simulate`: what an order of the list would do to every class, before it is used."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table
from rich.text import Text

from vigie.commands.common import (
    EXIT_USAGE,
    Data,
    err,
    one_line_errors,
    out,
    settings_or_exit,
)
from vigie.simulating import SimulationSettingError, as_json, setting_from_file
from vigie.simulation_plot import CLASS_WORDS, plot_waits, words
from vigie.wiring import due_targets
from worklist.due_time import DueTargets
from worklist.finding import TargetFinding
from worklist.simulation import ClassFigures, Figures
from worklist.simulation import simulate as simulated
from worklist.simulation_ai import AIPerformance, BinormalScores, OperatingPoint, specificity_of
from worklist.simulation_estimates import Estimate
from worklist.simulation_length import Run, check_length
from worklist.simulation_policies import Policy
from worklist.simulation_setting import ReadingTime, Setting, SimulatedFinding, StudyKind
from worklist.simulation_studies import StudyClass

_POLICIES = (
    Policy.FLAGGED_FIRST,
    Policy.FLAGGED_FIRST_PREEMPTIVE,
    Policy.SCORE,
    Policy.DUE_TIME,
)
_BY_REQUEST = (Policy.FIFO, Policy.REQUESTED_PRIORITY)  # where several priorities are requested
_SHOWN = tuple(one for one in StudyClass if one is not StudyClass.ALL)
_THOUSANDS = 10_000  # from so many studies on they are counted in thousands
_NAME = 18  # the width of an order's name, characters: all fits into 80
_COLUMNS = {
    "mean": 10,
    "theory": 6,
    "median": 6,
    "95 %": 5,
    "99 %": 5,
    "max": 4,
    "late": 5,
    "won": 4,
    "lost": 4,
}


def _option(help_text: str, **limits: Any) -> Any:
    return typer.Option(help=help_text, show_default=False, **limits)


def simulate(
    setting: Annotated[
        Path | None,
        _option("TOML file of a whole setting (docs/simulation.md), instead of the next options."),
    ] = None,
    traffic: Annotated[
        float | None, _option("Work that comes over work that can be done, 0 to 1 (0.8).")
    ] = None,
    readers: Annotated[int | None, _option("Who read from one list (1).")] = None,
    reading_min: Annotated[float | None, _option("Mean minutes to read a study (10).")] = None,
    finding: Annotated[
        TargetFinding | None, _option("What is looked for (intracranial_haemorrhage).")
    ] = None,
    prevalence: Annotated[float | None, _option("Share that has it (0.1).")] = None,
    auc: Annotated[float | None, _option("Area under the ROC curve of the scores (0.936).")] = None,
    sensitivity: Annotated[float | None, _option("Share of those flagged (0.9).")] = None,
    ppv: Annotated[
        float | None, _option("Positive predictive value: AI that says flags alone, no --auc.")
    ] = None,
    interrupting: Annotated[
        float | None, _option("Share of studies that interrupt any reading, for 5 minutes (0).")
    ] = None,
    delay_min: Annotated[float | None, _option("Minutes to AI's outcome (0).")] = None,
    failures: Annotated[float | None, _option("Share of studies that AI fails on (0).")] = None,
    policy: Annotated[
        list[Policy] | None, _option("Order to compare; may be repeated (all that differ).")
    ] = None,
    replications: Annotated[int, typer.Option(min=2, help="Independent runs.")] = 20,
    studies: Annotated[int, typer.Option(min=1, help="Counted in each.")] = 3000,
    seed: Annotated[int, typer.Option(help="Of every random choice.")] = 1,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="File to write everything to.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="SVG file to draw the waits in.")] = None,
    data: Data = None,
) -> None:
    """Simulate reading: what each order of the list does to the waits of every class of studies.

    Minutes, with 95 % intervals; missed is diseased and not flagged. Theory is the mean by formula,
    where there is one; late the share that waits longer than the target of what it truly has; won
    and lost are mean minutes against the order without AI. Targets are the node's settings.

    Example: vigie simulate --traffic 0.9 --readers 3

    vigie simulate --ppv 0.3431 --policy flagged_first_preemptive --json flags.json

    Exit codes: 0 simulated, 1 a file cannot be written, 2 the setting cannot be meant.
    """
    targets = due_targets(settings_or_exit(data=data))
    given = {
        "traffic": traffic,
        "readers": readers,
        "reading_min": reading_min,
        "finding": finding,
        "prevalence": prevalence,
        "auc": auc,
        "sensitivity": sensitivity,
        "ppv": ppv,
        "interrupting": interrupting,
        "delay_min": delay_min,
        "failures": failures,
    }
    given = {name: value for name, value in given.items() if value is not None}
    try:
        asked = _setting(setting, given, targets)
        run = Run(replications=replications, studies=studies, seed=seed)
        policies = _policies(policy, asked)
        check_length(asked, len(policies) + 1, run)
    except (SimulationSettingError, ValueError) as error:
        err.print(str(error), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(EXIT_USAGE) from None
    _simulate(asked, policies, run, json_file=json_file, plot=plot)


def _setting(path: Path | None, given: dict[str, Any], targets: DueTargets) -> Setting:
    if path is None:
        return _setting_of(given, targets)
    if given:
        raise SimulationSettingError(f"--setting says it all: leave out {', '.join(sorted(given))}")
    return setting_from_file(path, targets)


def _setting_of(given: dict[str, Any], targets: DueTargets) -> Setting:
    """What the options describe.

    Raises
    ------
    ValueError
        If they cannot be meant.
    """
    found = SimulatedFinding()
    prevalence = given.get("prevalence", found.prevalence)
    found = SimulatedFinding(
        finding=given.get("finding", found.finding),
        prevalence=prevalence,
        performance=_performance(given, prevalence),
    )
    kind = StudyKind(
        reading=ReadingTime(mean_min=given.get("reading_min", ReadingTime().mean_min)),
        findings=(found,),
    )
    named = {
        "traffic": "traffic",
        "readers": "readers",
        "interrupting": "interrupting_share",
        "delay_min": "ai_delay_min",
        "failures": "ai_failure_share",
    }
    room = {name: given[option] for option, name in named.items() if option in given}
    return Setting(kinds=(kind,), targets=targets, **room)


def _performance(given: dict[str, Any], prevalence: float) -> AIPerformance:
    scores = {name: given[name] for name in ("auc", "sensitivity") if name in given}
    if "ppv" not in given:
        return BinormalScores(**scores)
    if "auc" in given:
        raise ValueError("--ppv is of AI that says flags alone: leave out --auc")
    sensitivity = given.get("sensitivity", BinormalScores().sensitivity)
    specificity = specificity_of(sensitivity=sensitivity, ppv=given["ppv"], prevalence=prevalence)
    return OperatingPoint(sensitivity=sensitivity, specificity=specificity)


def _policies(asked: list[Policy] | None, setting: Setting) -> Sequence[Policy]:
    if asked:
        return asked
    requested = [share for share in setting.priorities.values() if share]
    return (*_BY_REQUEST, *_POLICIES) if len(requested) > 1 else _POLICIES


def _simulate(
    setting: Setting,
    policies: Sequence[Policy],
    run: Run,
    *,
    json_file: Path | None,
    plot: Path | None,
) -> None:
    with _bar() as told:
        figures = simulated(setting, policies, run=run, told=told)
    for one in _SHOWN:
        if one in figures[Policy.WITHOUT_AI]:
            out.print(_table(figures, one))
    with one_line_errors():
        if json_file is not None:
            content = json.dumps(as_json(setting, run, figures), indent=1)
            json_file.write_text(content, encoding="utf-8")
        if plot is not None:
            plot.write_text(plot_waits(figures, _SHOWN), encoding="utf-8")


@contextmanager
def _bar() -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, in a terminal alone."""
    columns = (TextColumn("simulating"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        bar = progress.add_task("simulating", total=None)
        yield lambda done, of: progress.update(bar, completed=done, total=of)


def _table(figures: Figures, one: StudyClass) -> Table:
    """The waits of one class, one row an order; minutes."""
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    count = figures[Policy.WITHOUT_AI][one].studies
    counted = f"{count // 1000}k" if count >= _THOUSANDS else str(count)
    table.add_column(f"{CLASS_WORDS[one]} ({counted})", min_width=_NAME, overflow="fold")
    for heading, width in _COLUMNS.items():
        table.add_column(heading, justify="right", min_width=width, no_wrap=True)
    for name, found in figures.items():
        table.add_row(Text(words(name)), *map(Text, _cells(found[one])))
    return table


def _cells(one: ClassFigures) -> Iterator[str]:
    yield with_interval(one.mean)
    yield "" if one.theory_mean is None else f"{one.theory_mean:.1f}"
    for estimate in (one.median, one.percentile_95, one.percentile_99):
        yield f"{estimate.value:.1f}"
    yield f"{one.longest:.0f}"
    yield f"{one.over_target.value:.1%}"
    yield f"{one.won.value:.1f}"
    yield f"{one.lost.value:.1f}"


def with_interval(estimate: Estimate) -> str:
    """A mean with half of its 95 % interval, where there is one."""
    if estimate.high is None:
        return f"{estimate.value:.1f}"
    return f"{estimate.value:.1f} ± {estimate.high - estimate.value:.1f}"
