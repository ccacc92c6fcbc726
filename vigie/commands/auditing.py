"""`vigie audit`: the record cannot be edited quietly (P10)."""

import typer

from vigie.commands.common import EXIT_FAILED, Data, err, one_line_errors, out, settings_or_exit
from vigie.wiring import migrated_engine
from worklist.store.audit import verify_event_log

audit = typer.Typer(help="The event log.", no_args_is_help=True)


@audit.callback()
def _audit() -> None:
    """The event log."""


@audit.command()
def verify(data: Data = None) -> None:
    """Recompute the chain of the event log and name its first broken link.

    Example: vigie audit verify --data /srv/vigie

    Exit codes: 0 unbroken, 1 broken or the database does not answer, 2 a setting is wrong.
    """
    settings = settings_or_exit(data=data)
    with one_line_errors(), migrated_engine(settings) as engine:
        broken = verify_event_log(engine)
    if broken is not None:
        err.print(f"the event log was changed: {broken}", style="red", markup=False)
        raise typer.Exit(EXIT_FAILED)
    out.print("the event log is unbroken")
