"""A progress bar in the terminal for training and evaluation."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from models.training.evaluation import Progress


@contextmanager
def progress_bar(console: Console | None = None) -> Iterator[Progress]:
    """Show one line for what is being done; a finished stage keeps its line.

    Yields
    ------
    Progress
        To be called with what is being done and how far it is; the words before the first comma
        name the stage.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Bars(*columns, console=console or Console(stderr=True)) as bars:
        stages: dict[str, int] = {}

        def show(what: str, share: float) -> None:
            stage = what.partition(",")[0]
            if stage not in stages:
                stages[stage] = bars.add_task(what, total=1.0)
            bars.update(bars.task_ids[stages[stage]], description=what, completed=share)

        yield show
