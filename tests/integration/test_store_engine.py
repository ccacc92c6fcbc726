"""The store says whether the data are at fault or the database: real errors of a real server."""

import pytest
import sqlalchemy as sa

from worklist.errors import RefusedByStore, StoreUnavailable
from worklist.store.engine import translated

_READ_ONLY = "SET TRANSACTION READ ONLY"
_WRITE = "UPDATE ai_switch SET whole = true"
_NO_RIGHTS = "CREATE ROLE nobody_at_all; SET LOCAL ROLE nobody_at_all"
_LONG_KEY = (
    "CREATE TABLE key (value text PRIMARY KEY);"
    " INSERT INTO key SELECT string_agg(md5(n::text), '') FROM generate_series(1, 900) n"
)
_TWICE = "CREATE TABLE one (id int PRIMARY KEY); INSERT INTO one VALUES (1), (1)"


def run(engine: sa.Engine, *statements: str) -> None:
    with translated(), engine.connect() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))


@pytest.mark.parametrize(
    "statements",
    [
        pytest.param([_READ_ONLY, _WRITE], id="read-only after a failover"),
        pytest.param(["SELECT * FROM no_such_table"], id="a missing table"),
        pytest.param([_NO_RIGHTS, _WRITE], id="no privilege"),
        pytest.param(["SET LOCAL statement_timeout = 1", "SELECT pg_sleep(1)"], id="too slow"),
    ],
)
def test_a_database_that_cannot_work_is_not_the_datas_fault(
    emptied_engine: sa.Engine, statements: list[str]
) -> None:
    with pytest.raises(StoreUnavailable, match="the database"):
        run(emptied_engine, *statements)


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("SELECT CAST('Doe^Jane' AS integer)", id="a value of the wrong kind"),
        pytest.param(_TWICE, id="a constraint"),
        pytest.param(_LONG_KEY, id="a key too long for its index"),
    ],
)
def test_data_that_the_database_refuses_are_told_apart_without_being_repeated(
    emptied_engine: sa.Engine, statement: str
) -> None:
    with pytest.raises(RefusedByStore, match="SQLSTATE") as refused:
        run(emptied_engine, statement)
    assert "Doe" not in str(refused.value)


def test_a_text_that_no_server_ever_sees_is_refused_too(emptied_engine: sa.Engine) -> None:
    with pytest.raises(RefusedByStore), translated(), emptied_engine.connect() as connection:
        connection.execute(sa.text("SELECT CAST(:text AS text)"), {"text": "a\0b"})


def test_an_error_of_the_program_passes_as_it_is(emptied_engine: sa.Engine) -> None:
    with (
        pytest.raises(sa.exc.ProgrammingError),
        translated(),
        emptied_engine.connect() as connection,
    ):
        connection.execute(sa.text("SELECT :value"), {"value": object()})
