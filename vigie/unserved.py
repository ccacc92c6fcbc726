"""Ends notifications that wait for a channel that is set no longer."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from vigie.wiring import utc_now
from worklist.errors import VigieError
from worklist.notifications import Notifications

log = structlog.get_logger(__name__)

_LOOK_S = 600.0


@contextmanager
def ending_unserved(notifications: Notifications, *, look_s: float = _LOOK_S) -> Iterator[None]:
    """Look in a thread of its own until the block ends.

    In a process that runs where no channel is set too: the last one may be gone.
    """
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            try:
                for one in notifications.end_unserved(utc_now()):
                    log.warning(
                        "notification_unserved",
                        channel=one.channel,
                        notification_id=str(one.notification_id),
                        state=one.state,
                    )
            except VigieError as error:  # the database is away: what waits, waits with it
                log.warning("unserved_not_looked_at", error=type(error).__name__)
            stop.wait(look_s)

    thread = threading.Thread(target=look, name="unserved", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
