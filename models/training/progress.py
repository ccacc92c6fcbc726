"""How far training and evaluation are: a bar in a terminal, lines in a log file."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

Progress = Callable[[str, float], None]
"""Called with what is being done and how far it is, 0 to 1."""

_LINE_EVERY_S = 30.0  # between two lines where no terminal shows a bar


@contextmanager
def progress_bar(console: Console | None = None) -> Iterator[Progress]:
    """Show one line for what is being done; a finished stage keeps its line.

    Where the console is no terminal, a plain line is written now and then.

    Yields
    ------
    Progress
        To be called with what is being done and how far it is; the words before the first comma
        name the stage.
    """
    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield ProgressLines(lambda line: console.print(line, markup=False, soft_wrap=True))
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Bars(*columns, console=console) as bars:
        stages: dict[str, int] = {}

        def show(what: str, share: float) -> None:
            stage = what.partition(",")[0]
            if stage not in stages:
                stages[stage] = bars.add_task(what, total=1.0)
            bars.update(bars.task_ids[stages[stage]], description=what, completed=share)

        yield show


class ProgressLines:
    """Progress as plain lines, each some time after the one before.

    Parameters
    ----------
    write : callable
        Takes one line.
    clock_s : callable
        Seconds from any start.
    """

    def __init__(
        self, write: Callable[[str], object], clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._clock_s = clock_s
        self._started_s = clock_s()
        self._next_s = self._started_s  # the first line comes at once

    def __call__(self, what: str, share: float) -> None:
        """Say it, unless a line was written a moment ago."""
        now_s = self._clock_s()
        if now_s < self._next_s:
            return
        self._next_s = now_s + _LINE_EVERY_S
        elapsed = timedelta(seconds=int(now_s - self._started_s))
        self._write(f"{elapsed} {what}: {share:.0%}")
