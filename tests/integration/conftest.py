"""Fixtures of the tests that start parts of a node, or read what its store holds."""

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
