"""The table and the trade-off of `benchmarks/policy.py`: every order on the same studies."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.policy_rules import other_orders
from vigie.simulation_plot import plot_trade_off, words
from worklist.due_time import DueTargets
from worklist.simulation import ClassFigures, Figures, simulate
from worklist.simulation_length import Run
from worklist.simulation_policies import Policy
from worklist.simulation_setting import Setting
from worklist.simulation_studies import StudyClass
from worklist.study import RequestedPriority

_POLICIES = (Policy.FLAGGED_FIRST, Policy.FLAGGED_FIRST_PREEMPTIVE, Policy.SCORE, Policy.DUE_TIME)
_ROUTINE = timedelta(minutes=480)

Classes = Mapping[StudyClass, ClassFigures]
MEASURES: Mapping[str, tuple[Callable[[Classes], float], float]] = {  # ratio at most
    "diseased, mean": (lambda found: found[StudyClass.DISEASED].mean.value, 0.80),
    "missed, mean": (lambda found: found[StudyClass.MISSED].mean.value, 0.55),
    "missed, 99 %": (lambda found: found[StudyClass.MISSED].percentile_99.value, 0.85),
    "longest": (lambda found: found[StudyClass.ALL].longest, 1.15),
}
_MORE: Mapping[str, Callable[[Classes], float]] = {
    "flagged, mean": lambda found: found[StudyClass.FLAGGED].mean.value,
    "all, 99 %": lambda found: found[StudyClass.ALL].percentile_99.value,
}


def setting(failures: float = 0.0) -> Setting:
    """That of the targets: all defaults but the routine target, and the share that AI fails on."""
    requested = {**DueTargets().requested, RequestedPriority.ROUTINE: _ROUTINE}
    return Setting(targets=DueTargets(requested=requested), ai_failure_share=failures)


def measure(
    run: Run, told: Callable[[int, int], None] | None = None, *, failures: float = 0.0
) -> Figures:
    """Every order on the same studies."""
    asked = setting(failures)
    return simulate(asked, _POLICIES, run=run, others=other_orders(asked), told=told)


def ratios(figures: Figures, name: str) -> dict[str, float]:
    """Each measure of an order over that of *flagged first*."""
    base = figures[Policy.FLAGGED_FIRST]
    return {measured: get(figures[name]) / get(base) for measured, (get, _) in MEASURES.items()}


def better_in_all(figures: Figures) -> list[str]:
    """The orders that beat the due times, or are as good, in every measure that has a target."""
    ours = ratios(figures, Policy.DUE_TIME)
    return [
        name
        for name in figures
        if name != Policy.DUE_TIME
        and all(value <= ours[measured] for measured, value in ratios(figures, name).items())
    ]


def tables(figures: Figures) -> tuple[Table, Table]:
    """All orders, and the targets."""
    base = figures[Policy.FLAGGED_FIRST]
    everything = {name: get for name, (get, _) in MEASURES.items()} | _MORE
    if StudyClass.NOT_ASSESSED in base:
        everything["AI failed, mean"] = lambda found: found[StudyClass.NOT_ASSESSED].mean.value
    orders = Table("order", *everything)
    for name, found in figures.items():
        cells = [f"{get(found):.1f} ({get(found) / get(base):.2f})" for get in everything.values()]
        orders.add_row(words(name), *cells)
    targets = Table("due times over flagged first", "ratio", "at most", "")
    ours = ratios(figures, Policy.DUE_TIME)
    for name, (_, limit) in MEASURES.items():
        verdict = "met" if ours[name] <= limit else "MISSED"
        targets.add_row(name, f"{ours[name]:.3f}", f"{limit:.2f}", verdict)
    return orders, targets


def main(description: str) -> None:
    """Simulate, print, draw."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--replications", type=int, default=40)
    parser.add_argument("--studies", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--failures", type=float, default=0.0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    run = Run(replications=arguments.replications, studies=arguments.studies, seed=arguments.seed)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("simulating", total=None)
        figures = measure(
            run,
            lambda done, of: progress.update(bar, completed=done, total=of),
            failures=arguments.failures,
        )
    console = Console(width=max(120, Console().width))
    for table in tables(figures):
        console.print(table)
    better = ", ".join(words(name) for name in better_in_all(figures)) or "none"
    console.print(f"at least as good as due times in all four: {better}")
    if arguments.json:
        content = {
            name: {one: asdict(found) for one, found in classes.items()}
            for name, classes in figures.items()
        }
        arguments.json.write_text(json.dumps(content, indent=1), encoding="utf-8")
    if arguments.plot:
        arguments.plot.write_text(_trade_off(figures), encoding="utf-8")
    ours = ratios(figures, Policy.DUE_TIME)
    sys.exit(int(any(ours[name] > limit for name, (_, limit) in MEASURES.items())))


def _trade_off(figures: Figures) -> str:
    """Without the orders so far off that the others could not be told apart."""
    limit = 2.5 * figures[Policy.FLAGGED_FIRST][StudyClass.DISEASED].mean.value
    points = {
        name: (found[StudyClass.ALL].percentile_99.value, found[StudyClass.DISEASED].mean.value)
        for name, found in figures.items()
        if found[StudyClass.DISEASED].mean.value < limit
    }
    return plot_trade_off(points, "99th percentile of all waits, min", "mean of the diseased, min")
