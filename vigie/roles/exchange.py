"""Exchanges messages with the RIS: orders and reports come in, preliminary results go out."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import sqlalchemy as sa
import structlog

from results.hl7.server import MllpServer
from vigie.hl7 import Inbound, Outbound, fault, receiver_of, server_settings, site_of
from vigie.only_one import work_alone
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
from worklist.store.message_log import PostgresMessageLog
from worklist.store.messages import PostgresMessages

log = structlog.get_logger(__name__)

_ALONE = "vigie exchange"  # of several roles one sends
_POLL_S = 5.0  # between looks at what is due, where nothing was heard
_TICK_S = 0.5
_CLEARED_S = 3600.0  # between looks at what is to be dismissed
_LONGEST_PAUSE_S = 300.0  # after sending failed again and again


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
        with clearing(settings, engine, stop), sending(settings, engine, stop):
            if settings.hl7_port is not None:
                worklist = make_worklist(settings, engine)
                inbound = Inbound(worklist, site_of(settings), utc_now)
                server = MllpServer(server_settings(settings), inbound.handle, inbound.cut)
                server.serve(stop)
            stop.wait()


@contextmanager
def clearing(settings: Settings, engine: sa.Engine, stop: threading.Event) -> Iterator[None]:
    """Dismiss beside what has been dead for too long; several that do it harm nothing."""
    kept = PostgresMessageLog(engine)
    limit = timedelta(days=settings.hl7_dead_letter_limit_days)

    def clear() -> None:
        while not stop.is_set():
            try:
                now = utc_now()
                if count := kept.expire(now - limit, now):
                    log.info("hl7_dead_letters_expired", count=count)
            except Exception as error:  # noqa: BLE001  (the boundary of the thread: tried again)
                log.warning("hl7_dead_letters_not_cleared", **fault(error))
            stop.wait(_CLEARED_S)

    thread = threading.Thread(target=clear, name="hl7-clearing")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def sending(settings: Settings, engine: sa.Engine, stop: threading.Event) -> Iterator[None]:
    """Send beside, where there is a peer; what fails there never ends the listener."""
    if receiver_of(settings) is None:
        yield
        return
    messages = PostgresMessages(
        engine,
        settings.highlighting_modes,
        due_targets(settings),
        settings.hl7_patient_id_issuers,
    )
    sender = Sender(messages, Outbound(messages, settings, utc_now), stop)
    url = database_url(settings)
    threads = [
        threading.Thread(target=sender.run, name="hl7-sender"),
        threading.Thread(
            target=work_alone,
            args=(url, _ALONE, stop, sender.holding, sender.wake),
            name="hl7-claim",
        ),
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        sender.wake("")
        for thread in threads:
            thread.join()


class Sender:
    """Sends what is due while this process is the one that does, until asked to stop."""

    def __init__(
        self, messages: PostgresMessages, outbound: Outbound, stop: threading.Event
    ) -> None:
        self._messages = messages
        self._outbound = outbound
        self._stop = stop
        self._woken = threading.Event()
        self._failures = 0  # since it went well
        self.holding = threading.Event()

    def wake(self, kind: str) -> None:
        """Something happened: look at what is due."""
        del kind  # a message may be due for more reasons than one would list
        self._woken.set()

    def run(self) -> None:
        """Look at what is due, woken by what happens and by a slow clock."""
        while not self._stop.is_set():
            if not self.holding.wait(_TICK_S):
                continue
            self._woken.clear()
            if self._flushed():
                self._woken.wait(_POLL_S)
            else:
                self._stop.wait(min(2.0**self._failures, _LONGEST_PAUSE_S))

    def _flushed(self) -> bool:
        try:
            self._messages.begin(utc_now())
            self._outbound.flush(self._is_over)
        except StoreUnavailable as error:
            log.warning("database_unavailable", error=str(error))
            return False
        except Exception as error:  # noqa: BLE001  (the boundary of the thread: said, tried again)
            self._failures = min(self._failures + 1, 20)
            log.error("hl7_sender_failed", failures=self._failures, **fault(error))
            return False
        self._failures = 0
        return True

    def _is_over(self) -> bool:
        return self._stop.is_set() or not self.holding.is_set()
