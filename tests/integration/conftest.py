"""Fixtures of the tests that start parts of a node."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.listening import RunningListener


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., RunningListener]]:
    running: list[RunningListener] = []

    def starter(**settings: Any) -> RunningListener:
        running.append(RunningListener(tmp_path / "data", **settings))
        return running[-1]

    yield starter
    for listener in running:
        listener.stop()
