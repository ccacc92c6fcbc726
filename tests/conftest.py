"""Fixtures shared by all tests: the images beside the checkout, programs, and a database."""

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from tests.networks import make_networks_folder, remove_networks_folder
from vigie.database import EmbeddedPostgres
from worklist.store.engine import connect
from worklist.store.schema import migrate
from worklist.store.tables import metadata

_REPOSITORY = Path(__file__).parent.parent
_SHARED = _REPOSITORY.parent / "shared"


def pytest_configure(config: pytest.Config) -> None:
    """Before anything else is imported.

    Tables are as wide as each test says, not as the processes that share the tests are told.
    """
    os.environ.pop("COLUMNS", None)
    # PyTorch's threads wait busily for one another: with one each, tests take half the processor.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if not hasattr(config, "workerinput"):
        make_networks_folder()


def pytest_unconfigure(config: pytest.Config) -> None:
    """What the processes shared goes with the last of them."""
    if not hasattr(config, "workerinput"):
        remove_networks_folder()


def skip_or_fail(reason: str) -> None:
    """Skip on a stranger's machine; fail where CI promises that everything is there."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"must not be skipped in CI: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real images beside the checkout."""
    if not _SHARED.is_dir():
        skip_or_fail(f"the shared images are not at {_SHARED}")
    return _SHARED


@pytest.fixture(scope="session")
def shared_dicom(shared: Path) -> Path:
    """Real DICOM objects: `studies/` and `corpus/`."""
    return shared / "dicom"


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """The path of a program of the system (never pynetdicom's of the same name)."""

    def find(name: str) -> str:
        path = shutil.which(name, path="/usr/local/bin:/usr/bin:/usr/sbin:/opt/homebrew/bin")
        if path is None:
            skip_or_fail(f"the program {name} is not installed")
            raise AssertionError
        return path

    return find


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """One PostgreSQL server for the whole run, its database `vigie` migrated."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("database") / "postgres")
    server.start()
    engine = connect(server.url)
    migrate(engine)
    engine.dispose()
    yield server
    server.stop()


_numbers = count(1)


@pytest.fixture
def database_url(postgres: EmbeddedPostgres) -> str:
    """A fresh, migrated database of its own for one test."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(postgres.url.replace("/vigie?", "/postgres?"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE vigie")
    return postgres.url.replace("/vigie?", f"/{name}?")


@pytest.fixture(scope="session")
def reused_engine(postgres: EmbeddedPostgres) -> Iterator[sa.Engine]:
    """An engine on the one database that `emptied_engine` empties."""
    with psycopg.connect(postgres.url.replace("/vigie?", "/postgres?"), autocommit=True) as admin:
        admin.execute("CREATE DATABASE test_reused TEMPLATE vigie")
    engine = connect(postgres.url.replace("/vigie?", "/test_reused?"))
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def module_engine(postgres: EmbeddedPostgres) -> Iterator[sa.Engine]:
    """An engine on a database of one module's own, which may change its tables."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(postgres.url.replace("/vigie?", "/postgres?"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE vigie")
    engine = connect(postgres.url.replace("/vigie?", f"/{name}?"))
    yield engine
    engine.dispose()


@pytest.fixture
def emptied_engine(reused_engine: sa.Engine) -> sa.Engine:
    """A database without a row, made faster than a fresh one; only for tests within one process."""
    empty(reused_engine)
    return reused_engine


def empty(engine: sa.Engine) -> None:
    """Take every row out, the event log's included."""
    names = [table.name for table in reversed(metadata.sorted_tables)]
    with engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))  # no triggers
        for name in [*names, "procrastinate_events", "procrastinate_jobs"]:
            connection.execute(sa.text(f"DELETE FROM {name}"))
        connection.execute(sa.text("INSERT INTO ai_switch (whole, detectors) VALUES (false, '{}')"))


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    """An engine on a fresh, migrated database."""
    engine = connect(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def engine_of_version(postgres: EmbeddedPostgres) -> Iterator[Callable[[str], sa.Engine]]:
    """Engines on databases as earlier versions left them."""
    engines: list[sa.Engine] = []

    def make(version: str) -> sa.Engine:
        name = f"test_{next(_numbers)}"
        address = postgres.url.replace("/vigie?", "/postgres?")
        with psycopg.connect(address, autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name}")
        engines.append(connect(postgres.url.replace("/vigie?", f"/{name}?")))
        migrate(engines[-1], to=version)
        return engines[-1]

    yield make
    for engine in engines:
        engine.dispose()


@pytest.fixture
def unused_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
