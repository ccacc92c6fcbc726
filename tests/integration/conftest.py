"""Fixtures of the tests that start parts of a node, or read what its store holds."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.builders import FRACTURE, HAEMORRHAGE, NOON
from tests.listening import RunningListener
from worklist.due_time import DueTargets
from worklist.service import Worklist
from worklist.store.postgres import PostgresStore
from worklist.store.reader import PostgresReader


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., RunningListener]]:
    running: list[RunningListener] = []

    def starter(**settings: Any) -> RunningListener:
        running.append(RunningListener(tmp_path / "data", **settings))
        return running[-1]

    yield starter
    for listener in running:
        listener.stop()


@pytest.fixture
def reader(emptied_engine: sa.Engine, tmp_path: Path) -> PostgresReader:
    return PostgresReader(emptied_engine, archive=tmp_path, inbox_objects=lambda: 0)


@pytest.fixture
def worklist(emptied_engine: sa.Engine) -> Worklist:
    store = PostgresStore(emptied_engine)
    store.register_detectors([FRACTURE, HAEMORRHAGE], {}, NOON)
    return Worklist(store, DueTargets())


@pytest.fixture(scope="session")
def certificate(
    program: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A certificate for localhost that nobody else signed, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    return certificate, key
