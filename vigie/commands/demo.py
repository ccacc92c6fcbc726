"""`vigie demo`: a whole node, phantom studies sent to it, and the list they make."""

import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import sqlalchemy as sa
import typer

from vigie.commands.common import (
    EXIT_FAILED,
    EXIT_USAGE,
    Data,
    err,
    one_line_errors,
    out,
    settings_or_exit,
)
from vigie.commands.people import print_worklist
from vigie.commands.sending import send_with_progress
from vigie.demo import Case, is_assessed, read_cases, what_is_wrong
from vigie.demo_account import DEMO_ACCOUNT, make_demo_account
from vigie.logs import configure_logs
from vigie.node import (
    CannotStart,
    migrate_when_it_answers,
    only_node_of,
    prepare_node,
    wait_until_up,
    web_address,
)
from vigie.processes import stop_event
from vigie.sending import dicom_files
from vigie.settings import Settings
from vigie.wiring import database_url, due_targets, make_reader, utc_now
from worklist.store.engine import connect
from worklist.store.reader import PostgresReader
from worklist.views import WorklistPage

_ASSESSED_LIMIT_S = 180.0


def demo(
    images: Annotated[
        Path, typer.Option(help="Folder of phantom studies.", file_okay=False)
    ] = Path("test_images"),
    exit_when_done: Annotated[
        bool, typer.Option("--exit-when-done", help="End when all is assessed.")
    ] = False,
    data: Data = None,
) -> None:
    """Start a node, send it the phantom studies, and show the worklist they make.

    Without --data everything is kept in a temporary folder and gone afterwards.

    Example: vigie demo --exit-when-done

    Exit codes: 0 every study was assessed and the order is the expected one, 1 not so, 2 misused.
    """
    cases = read_cases(images)
    if not cases:
        err.print(f"no phantom studies in {images}: run this in a checkout, or name their folder")
        raise typer.Exit(EXIT_USAGE)
    with _folder(data) as folder, one_line_errors():
        settings = settings_or_exit(
            data=folder,
            dicom_port=_free_port(settings_or_exit(data=folder).dicom_port),
            http_port=_free_port(settings_or_exit(data=folder).http_port),
            log_level="warning",
        )
        configure_logs(settings, "demo")
        with only_node_of(settings.data), _node(settings) as (reader, stop):
            wrong = _show(settings, reader, cases, stop)
            if not exit_when_done and not stop.is_set():
                out.print("Press Ctrl-C to end.", style="dim")
                stop.wait()
    if wrong:
        raise typer.Exit(EXIT_FAILED)


def _show(
    settings: Settings, reader: PostgresReader, cases: list[Case], stop: threading.Event
) -> list[str]:
    files, refusals = dicom_files([case.folder for case in cases])
    refusals += send_with_progress(
        files,
        host=settings.dicom_host,
        port=settings.dicom_port,
        called=settings.ae_title,
        calling="VIGIE-DEMO",
    )
    wrong = [f"refused {one.path}: {one.reason}" for one in refusals]
    page = _await_assessments(reader, len(cases), stop)
    print_worklist(page)
    if len(page.rows) < len(cases) or not all(map(is_assessed, page.rows)):
        wrong.append("not every study was assessed")
    wrong += what_is_wrong(cases, page.rows, due_targets(settings))
    for one in wrong:
        err.print(one, style="red", markup=False)
    if not wrong:
        out.print("Every study was assessed; the order is the expected one.", style="green")
    return wrong


def _await_assessments(
    reader: PostgresReader, expected: int, stop: threading.Event
) -> WorklistPage:
    """The list once every study is assessed, or as it is after the limit."""
    with err.status("waiting for the studies to be complete and assessed"):
        for _ in range(int(_ASSESSED_LIMIT_S / 0.25)):
            page = reader.worklist_page(None, 500, utc_now())
            if page.total >= expected and all(map(is_assessed, page.rows)):
                break
            if stop.wait(0.25):
                break
    return page


@contextmanager
def _node(settings: Settings) -> Iterator[tuple[PostgresReader, threading.Event]]:
    """A running node and the list it keeps."""
    stop = stop_event()
    supervisor = prepare_node(settings)
    engine = connect(database_url(settings))
    try:
        supervisor.start()
        threading.Thread(
            target=migrate_when_it_answers, args=[settings, stop, _nobody], daemon=True
        ).start()
        keeper = threading.Thread(target=supervisor.keep, args=[stop])
        keeper.start()
        try:
            with err.status("starting the node"):
                if not wait_until_up(settings, stop):
                    raise CannotStart("the node did not come up; see the lines above")
            _tell_how_to_sign_in(settings, engine)
            yield make_reader(settings, engine), stop
        finally:
            stop.set()
            keeper.join()
    finally:
        engine.dispose()
        supervisor.stop()


def _nobody(engine: sa.Engine) -> None:
    """The demonstration makes an account of its own, when everything is up."""
    del engine


def _tell_how_to_sign_in(settings: Settings, engine: sa.Engine) -> None:
    out.print(f"DICOM node: {settings.ae_title} at {settings.dicom_host}:{settings.dicom_port}")
    out.print(f"Worklist:   {web_address(settings, '/')}")
    password = make_demo_account(engine, utc_now())
    if password is None:
        out.print("Sign in:    with your account: this folder has accounts\n")
    else:
        out.print(f"Sign in:    {DEMO_ACCOUNT}, password {password}\n", markup=False)


@contextmanager
def _folder(data: Path | None) -> Iterator[Path]:
    if data is not None:
        yield data
        return
    with tempfile.TemporaryDirectory(prefix="vigie-demo-") as folder:
        yield Path(folder)


def _free_port(wanted: int) -> int:
    """The wanted port of the loopback, or any free one where it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
