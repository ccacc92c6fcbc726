"""A database that comes up late: the node goes on asking."""

import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from vigie import node
from vigie.settings import load_settings
from worklist.errors import StoreUnavailable


@pytest.mark.parametrize(
    "error",
    [
        StoreUnavailable("the database cannot do its work"),
        sa.exc.OperationalError("SELECT 1", {}, Exception("starting up")),
    ],
)
def test_the_first_administrator_is_made_though_the_database_stumbles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(node, "bring_up_to_date", lambda _: None)
    asked: list[sa.Engine] = []

    def people(engine: sa.Engine) -> None:
        asked.append(engine)
        if len(asked) == 1:
            raise error

    settings = load_settings(data=tmp_path, database_url="postgresql://127.0.0.1:1/none")
    noted: list[sa.Engine] = []
    node.migrate_when_it_answers(
        settings, threading.Event(), people, lambda _, engine: noted.append(engine)
    )
    assert len(asked) == 2
    assert noted == asked[1:]
