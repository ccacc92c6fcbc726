"""`vigie audit`: the record cannot be edited quietly (P10)."""

from pathlib import Path
from typing import Annotated

import sqlalchemy as sa
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from vigie.commands.acting import Account, acting
from vigie.commands.common import (
    EXIT_FAILED,
    EXIT_USAGE,
    Data,
    err,
    one_line_errors,
    out,
    settings_or_exit,
)
from vigie.record_export import audit_source, syslog_receiver, to_file, to_syslog
from vigie.record_keeper import ensure_key, look_once, rotate_key
from vigie.record_keys import RecordKeys, read_heads, read_public_keys, signature_fault
from vigie.settings import Settings
from vigie.wiring import migrated_engine
from worklist.store.audit import Broken, verify_event_log
from worklist.store.sealing import BrokenRecord

audit = typer.Typer(help="The event log.", no_args_is_help=True)

PublicKeys = Annotated[
    list[Path] | None,
    typer.Option(
        "--public-key",
        help="PEM file with a public key that you trust, several by repeating it; left out: those "
        "in DATA/record.",
        show_default=False,
    ),
]
Heads = Annotated[
    Path | None,
    typer.Option(
        "--heads",
        help="Copy of DATA/record/day_heads.jsonl that was kept elsewhere; left out: that file.",
        show_default=False,
    ),
]


@audit.callback()
def _audit() -> None:
    """The event log."""


@audit.command()
def verify(data: Data = None, public_key: PublicKeys = None, heads: Heads = None) -> None:
    """Recompute the chain of the event log, and name its first broken link.

    Holds every event against its hash, and every sealed day against its signed head and the copy
    of it outside the database. Give a key and heads that you kept elsewhere to rely on nothing
    that lies on this machine.

    Example: vigie audit verify --data /srv/vigie

    Exit codes: 0 unbroken, 1 broken or the database does not answer, 2 a setting is wrong.
    """
    settings = settings_or_exit(data=data)
    with one_line_errors(), migrated_engine(settings) as engine:
        broken = _verified(settings, engine, public_key, heads)
    if broken is not None:
        err.print(
            f"the event log was changed: {broken.why}", style="red", markup=False, soft_wrap=True
        )
        raise typer.Exit(EXIT_FAILED)
    out.print("the event log is unbroken")


def _verified(
    settings: Settings, engine: sa.Engine, public_key: list[Path] | None, copies: Path | None
) -> Broken | None:
    kept = RecordKeys(settings.record)
    trusted = read_public_keys(public_key) if public_key else kept.public_keys()
    columns = (TextColumn("events"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("events", total=None)
        return verify_event_log(
            engine,
            fault_of=lambda signed: signature_fault(signed, trusted),
            kept_elsewhere=read_heads(copies) if copies else kept.heads(),
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )


@audit.command()
def seal(data: Data = None) -> None:
    """Seal the days that are over, and take away those older than audit_retention_months.

    A node that runs does so by itself; this is for sites that run single roles without `vigie
    keep`, from a timer.

    Example: vigie audit seal --data /srv/vigie

    Exit codes: 0 done, 1 a day is not what was written, or the database does not answer, 2 a
    setting is wrong.
    """
    settings = settings_or_exit(data=data)
    with one_line_errors(), migrated_engine(settings) as engine:
        try:
            kept = look_once(settings, engine)
        except BrokenRecord as error:
            err.print(f"not sealed: {error}", style="red", markup=False, soft_wrap=True)
            raise typer.Exit(EXIT_FAILED) from None
    for one in kept.sealed:
        out.print(
            f"sealed {one.head.day}: events {one.head.first_event_id} to "
            f"{one.head.last_event_id}, hash {one.head.hash.hex()}",
            soft_wrap=True,
        )
    if kept.removed is not None:
        out.print(
            f"taken away: {kept.removed.first_day} to {kept.removed.last_day}, events to "
            f"{kept.removed.last_event_id}",
            soft_wrap=True,
        )
    if not kept.sealed and kept.removed is None:
        out.print("nothing to do: every day that is over is sealed")


@audit.command()
def key(
    data: Data = None,
    rotate: Annotated[
        bool, typer.Option("--rotate", help="Put a new key in its place first.")
    ] = False,
    account: Account = None,
) -> None:
    """Print the public key by which the record's days are signed; keep it elsewhere.

    After --rotate the key before stays in DATA/record, so that old days are verified by it; the
    record tells of the new one, signed by the one before.

    Example: vigie audit key --data /srv/vigie

    Exit codes: 0 printed, 1 a key cannot be read or the database does not answer, 2 a setting is
    wrong.
    """
    settings = settings_or_exit(data=data)
    with one_line_errors(), migrated_engine(settings) as engine:
        ensure_key(settings, engine)
        if rotate:
            rotate_key(settings, engine, actor=acting(engine, account))
        keys = RecordKeys(settings.record)
        key_id = keys.signer().key_id
        pem = keys.public_pem(key_id)
    err.print(f"key {key_id}", markup=False)
    typer.echo(pem, nl=False)


@audit.command()
def export(
    to: Annotated[
        Path | None, typer.Option("--to", help="File to append to.", show_default=False)
    ] = None,
    syslog: Annotated[
        bool, typer.Option("--syslog", help="Send to the receiver that audit_syslog names.")
    ] = False,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="dicom (audit messages of PS3.15 A.5) or json; left out: audit_format.",
            show_default=False,
        ),
    ] = None,
    data: Data = None,
) -> None:
    """Export the events that were not exported yet, to a file or by syslog over TLS.

    Called again, it goes on where it ended, also after a crash: no event twice in a file, and
    none left out. A node does the same as the log grows where audit_file or audit_syslog is set.

    Example: vigie audit export --to /srv/audit/vigie.jsonl --format json

    Exit codes: 0 exported, 1 not everything, 2 the command or a setting cannot be meant.
    """
    settings = settings_or_exit(data=data, audit_format=form)
    receiver = syslog_receiver(settings) if syslog else None
    if (to is None) is (receiver is None):
        err.print("say where to: --to FILE, or --syslog with the setting audit_syslog")
        raise typer.Exit(EXIT_USAGE)
    kind, source = settings.audit_format, audit_source(settings)
    columns = (TextColumn("{task.completed} events"), BarColumn())
    with (
        one_line_errors(),
        migrated_engine(settings) as engine,
        Progress(*columns, console=err, transient=True) as bar,
    ):
        task = bar.add_task("events", total=None)

        def progress(count: int) -> None:
            bar.advance(task, count)

        if receiver is not None:
            count = to_syslog(engine, receiver, kind, source, progress)
        elif to is not None:
            count = to_file(engine, to, kind, source, progress)
    out.print(f"{count} events exported")
