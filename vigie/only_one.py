"""Of several processes one works and the others stand by; who works hears what happens."""

import json
import threading
from collections.abc import Callable
from typing import Any

import psycopg
import structlog

from vigie.changes import CHANNEL
from vigie.claim import claiming

log = structlog.get_logger(__name__)

_STAND_BY_S = 2.0
_LOOK_S = 0.5  # how soon it is seen that we are to stop


def work_alone(
    url: str,
    name: str,
    stop: threading.Event,
    holding: threading.Event,
    heard: Callable[[str], None],
) -> None:
    """Keep `holding` set while we are the one that works, until asked to stop.

    The database ends the claim with the connection, so that a process that is killed is followed
    at once by another that stands by.

    Parameters
    ----------
    name
        Of the work that one alone does.
    heard
        Called with the kind of each event, and with an empty text when we become the one.
    """
    while not stop.is_set():
        try:
            with claiming(url) as connection:
                _work(connection, name, stop, holding, heard)
        except psycopg.Error as error:
            log.warning("database_unavailable", error=str(error))
        finally:
            holding.clear()
        stop.wait(_STAND_BY_S)


def _work(
    connection: psycopg.Connection[Any],
    name: str,
    stop: threading.Event,
    holding: threading.Event,
    heard: Callable[[str], None],
) -> None:
    row = connection.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [name]).fetchone()
    if row is None or not row[0]:
        log.debug("standing_by", work=name)
        return
    connection.execute(f"LISTEN {CHANNEL}")
    holding.set()
    heard("")
    while not stop.is_set():
        for notice in connection.notifies(timeout=_LOOK_S, stop_after=1):
            heard(str(json.loads(notice.payload)["kind"]))
