"""Exchanges messages with the RIS: orders and reports come in, preliminary results go out."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import sqlalchemy as sa
import structlog

from results.hl7.server import MllpServer
from vigie.changes import CHANNEL
from vigie.hl7 import Inbound, Outbound, receiver_of, server_settings, site_of
from vigie.processes import stop_event
from vigie.settings import Settings
from vigie.wiring import (
    database_url,
    due_targets,
    make_worklist,
    migrated_engine,
    utc_now,
    wait_for_database,
)
from worklist.errors import StoreUnavailable, VigieError
from worklist.store.messages import PostgresMessages

log = structlog.get_logger(__name__)

_POLL_S = 5.0  # between looks at what is due, where nothing was heard
_TICK_S = 0.5


class NothingToExchange(VigieError):
    """Neither a port nor a peer is set."""


def run(settings: Settings) -> None:
    """Exchange until asked to stop."""
    if settings.hl7_port is None and settings.hl7_peer is None:
        raise NothingToExchange("set hl7_port to receive from the RIS, or hl7_peer to send to it")
    stop = stop_event()
    with migrated_engine(settings) as engine:
        if not wait_for_database(engine, stop):
            return
        with _sending(settings, engine, stop) as failures:
            if settings.hl7_port is not None:
                worklist = make_worklist(settings, engine)
                inbound = Inbound(worklist, site_of(settings), utc_now)
                server = MllpServer(server_settings(settings), inbound.handle, inbound.cut)
                server.serve(stop)
            stop.wait()
        for failure in failures:
            raise failure  # the supervisor starts it anew, and the log says why


@contextmanager
def _sending(
    settings: Settings, engine: sa.Engine, stop: threading.Event
) -> Iterator[list[Exception]]:
    """Send in a thread beside, where there is a peer; what ends it ends the role, and is here."""
    failures: list[Exception] = []
    if receiver_of(settings) is None:
        yield failures
        return
    messages = PostgresMessages(engine, settings.highlighting_modes, due_targets(settings))
    outbound = Outbound(messages, settings, utc_now)

    def send() -> None:
        try:
            send_until(messages, outbound, database_url(settings), stop)
        except Exception as error:  # noqa: BLE001  (the boundary of the thread: raised by the role)
            failures.append(error)
            stop.set()

    thread = threading.Thread(target=send, name="hl7-sender")
    thread.start()
    try:
        yield failures
    finally:
        stop.set()
        thread.join()


def send_until(
    messages: PostgresMessages, outbound: Outbound, url: str, stop: threading.Event
) -> None:
    """Send what is due, woken by what happens and by a slow clock, until asked to stop."""
    while not stop.is_set():
        try:
            messages.begin(utc_now())
            with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
                connection.execute(f"LISTEN {CHANNEL}")
                while not stop.is_set():
                    outbound.flush(stop)
                    _wait(connection, stop)
        except (StoreUnavailable, psycopg.Error) as error:
            log.warning("database_unavailable", error=type(error).__name__)
            stop.wait(1.0)


def _wait(connection: psycopg.Connection, stop: threading.Event) -> None:
    """Until something happened, or for as long as the slow clock takes."""
    waited_s = 0.0
    while waited_s < _POLL_S and not stop.is_set():
        if list(connection.notifies(timeout=_TICK_S, stop_after=1)):
            list(connection.notifies(timeout=0))  # one look does for all that was heard
            return
        waited_s += _TICK_S
