"""The way to the database: an engine, and one error for "it does not answer"."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import sqlalchemy as sa
from procrastinate.exceptions import ConnectorException

from worklist.errors import StoreUnavailable


def connect(url: str, *, pool_size: int = 5) -> sa.Engine:
    """An engine on a PostgreSQL server.

    Parameters
    ----------
    url
        As PostgreSQL's own programs take it (``postgresql://...``).
    pool_size
        Connections kept open at most.
    """
    _, _, rest = url.partition("://")
    engine = sa.create_engine(
        f"postgresql+psycopg://{rest}",
        pool_size=pool_size,
        max_overflow=5,
        pool_pre_ping=True,
        connect_args={"connect_timeout": 5, "application_name": "vigie"},
    )
    sa.event.listen(engine, "connect", _tell_time_in_utc)
    return engine


def _tell_time_in_utc(connection: psycopg.Connection[Any], _record: object) -> None:
    connection.execute("SET TIME ZONE 'UTC'")
    connection.commit()


@contextmanager
def translated() -> Iterator[None]:
    """Turn a database that does not answer into `StoreUnavailable`; other errors pass."""
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError) as error:
        raise StoreUnavailable(f"the database does not answer: {error.args[0]}") from error
    except ConnectorException as error:  # Procrastinate's, on the same connection
        if isinstance(error.__cause__, psycopg.OperationalError | psycopg.InterfaceError):
            raise StoreUnavailable(f"the database does not answer: {error.__cause__}") from error
        raise
    except sa.exc.DBAPIError as error:
        if error.connection_invalidated:
            raise StoreUnavailable("the connection to the database broke") from error
        raise
