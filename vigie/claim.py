"""A connection to the database that a claim hangs on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from worklist.store.engine import ALIVE


@contextmanager
def claiming(url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection to hold a claim by; when its other end is gone, both ends know within a minute.

    A machine that lost its power says nothing: without probes the database would keep the claim
    for hours, and a query to a database that vanished would wait for a quarter of an hour.
    """
    with psycopg.connect(url, autocommit=True, connect_timeout=5, **ALIVE) as connection:
        connection.execute("SET tcp_keepalives_idle = 10")
        connection.execute("SET tcp_keepalives_interval = 5")
        connection.execute("SET tcp_keepalives_count = 3")
        yield connection
