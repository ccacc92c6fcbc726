"""The way to the database: an engine, and its errors in our words."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import sqlalchemy as sa
from procrastinate.exceptions import ConnectorException

from worklist.errors import RefusedByStore, StoreUnavailable

# A server that vanished is noticed: libpq's probes of an idle connection, and its limit for a
# query that nobody takes.
ALIVE: dict[str, Any] = {
    "keepalives_idle": 10,  # s
    "keepalives_interval": 5,  # s
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,  # ms
}
_PROGRAM_LIMIT_EXCEEDED = "54000"  # a value too long for an index, for example


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
        hide_parameters=True,  # errors are logged, and parameters hold patients' names
        connect_args={"connect_timeout": 5, "application_name": "vigie", **ALIVE},
    )
    sa.event.listen(engine, "connect", _tell_time_in_utc)
    return engine


def _tell_time_in_utc(connection: psycopg.Connection[Any], _record: object) -> None:
    connection.execute("SET TIME ZONE 'UTC'")
    connection.commit()


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the database says into the two errors that callers tell apart.

    Raises
    ------
    RefusedByStore
        If the fault lies with the data.
    StoreUnavailable
        If it lies with the database, whatever it is. Errors of the program, which no server
        reported, pass as they are.
    """
    try:
        yield
    except sa.exc.TimeoutError as error:
        raise StoreUnavailable(f"no connection to the database is free: {error}") from error
    except sa.exc.DBAPIError as error:
        raise _translation(error, error.orig) from error
    except ConnectorException as error:  # Procrastinate's, on the same connection
        raise _translation(error, error.__cause__) from error


def _translation(error: Exception, cause: BaseException | None) -> Exception:
    """The error to raise; its text holds no value of the data, which may be a patient's name."""
    if not isinstance(cause, psycopg.Error):
        return error
    said = f"{type(cause).__name__}, SQLSTATE {cause.sqlstate}"
    is_data_error = isinstance(cause, psycopg.DataError | psycopg.IntegrityError)
    if is_data_error or cause.sqlstate == _PROGRAM_LIMIT_EXCEEDED:
        return RefusedByStore(f"the database refuses the data ({said})")
    is_broken = isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated
    if is_broken or isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError):
        return StoreUnavailable(f"the database does not answer: {cause}")
    if cause.sqlstate is not None:
        return StoreUnavailable(f"the database cannot do its work ({said})")
    return error
