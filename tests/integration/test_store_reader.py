"""P3: the order in the database is the order of `worklist.order`, page by page."""

import base64
import json
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders import MINUTE, NOON
from tests.conftest import empty
from worklist.order import Position, in_order
from worklist.reading import ReadingState
from worklist.store.postgres import PostgresStore
from worklist.store.reader import PostgresReader
from worklist.store.tables import study, worklist_entry
from worklist.store.transaction import READING_ORDER, position_tuple
from worklist.study import RequestedPriority
from worklist.uid import StudyInstanceUID
from worklist.views import InvalidCursor

# Few different values, so that ties at every level are common.
minutes = st.integers(0, 2).map(lambda count: NOON + count * MINUTE)
uids = st.sampled_from(["1.9", "1.10", "1.2", "1.2.3", "1.20", "1.02", "1.1", "2.1", "1.100"])
positions = st.builds(
    Position,
    unpinned=st.booleans(),
    due_at=minutes,
    received_at=minutes,
    study_instance_uid=uids.map(StudyInstanceUID),
)
some_positions = st.lists(
    positions, unique_by=lambda one: one.study_instance_uid, min_size=1, max_size=9
)


def put(engine: sa.Engine, some: list[Position], state: ReadingState = ReadingState.UNREAD) -> None:
    """Studies at these positions."""
    with engine.begin() as connection:
        connection.execute(sa.insert(study), [_row(one, state) for one in some])


def _row(position: Position, state: ReadingState) -> dict[str, Any]:
    texts = ("patient_id", "patient_name", "patient_sex", "accession_number", "study_id")
    return {
        **dict.fromkeys([*texts, "study_description", "reason"], ""),
        "study_instance_uid": position.study_instance_uid,
        "received_at": position.received_at,
        "last_received_at": position.received_at,
        "instance_count": 0,
        "arriving": False,
        "assessment_number": 0,
        "requested_priority": RequestedPriority.ROUTINE,
        "unpinned": position.unpinned,
        "reading_state": state,
        "due_at": position.due_at,
        "due_without_ai_at": position.due_at,
    }


def walk(reader: PostgresReader, limit: int) -> list[tuple[int, str]]:
    """Place and UID of every row, page by page."""
    rows: list[tuple[int, str]] = []
    after = None
    while True:
        page = reader.worklist_page(after, limit, NOON)
        rows += [(row.place, row.study_instance_uid) for row in page.rows]
        after = page.next_cursor
        if after is None:
            return rows


@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(some_positions, st.integers(1, 4))
def test_the_database_orders_as_the_rules_do_whatever_the_page_size(
    emptied_engine: sa.Engine, reader: PostgresReader, some: list[Position], limit: int
) -> None:
    empty(emptied_engine)
    put(emptied_engine, some)
    expected = [one.study_instance_uid for one in in_order(some)]
    assert walk(reader, limit) == list(enumerate(expected, start=1))
    with PostgresStore(emptied_engine).transaction() as transaction:
        for place, one in enumerate(in_order(some), start=1):
            assert transaction.place_of(one) == place


def positions_in_a_row(count: int) -> list[Position]:
    return [
        Position(
            unpinned=True,
            due_at=NOON + number * MINUTE,
            received_at=NOON,
            study_instance_uid=StudyInstanceUID(f"1.{number}"),
        )
        for number in range(count)
    ]


def change(engine: sa.Engine, uid: str, **values: Any) -> None:
    with engine.begin() as connection:
        connection.execute(
            sa.update(study).where(study.c.study_instance_uid == uid).values(**values)
        )


@pytest.mark.parametrize("seed", range(4))
def test_who_pages_while_the_list_moves_misses_no_study_that_stood_still(
    emptied_engine: sa.Engine, reader: PostgresReader, seed: int
) -> None:
    random = Random(seed)
    still, moving = positions_in_a_row(30)[::2], positions_in_a_row(30)[1::2]
    put(emptied_engine, still + moving)
    seen: list[str] = []
    after = None
    new = 0
    while True:
        page = reader.worklist_page(after, 4, NOON)
        seen += [row.study_instance_uid for row in page.rows]
        assert [row.place for row in page.rows] == list(
            range(page.rows[0].place, page.rows[0].place + len(page.rows))
        )
        after = page.next_cursor
        if after is None:
            break
        one = random.choice(moving)
        due = NOON + random.randrange(60) * MINUTE
        change(emptied_engine, one.study_instance_uid, due_at=due, due_without_ai_at=due)
        new += 1
        put(
            emptied_engine,
            [
                Position(
                    unpinned=True,
                    due_at=NOON + random.randrange(30) * MINUTE,
                    received_at=NOON,
                    study_instance_uid=StudyInstanceUID(f"3.{new}"),
                )
            ],
        )
    stood = [one.study_instance_uid for one in still]
    assert [uid for uid in seen if uid in set(stood)] == stood


def test_places_stay_right_when_the_last_study_of_a_page_is_read_meanwhile(
    emptied_engine: sa.Engine, reader: PostgresReader
) -> None:
    put(emptied_engine, positions_in_a_row(6))
    first = reader.worklist_page(None, 3, NOON)
    change(emptied_engine, first.rows[-1].study_instance_uid, reading_state="read")
    second = reader.worklist_page(first.next_cursor, 3, NOON)
    assert [(row.place, row.study_instance_uid) for row in second.rows] == [
        (3, "1.3"),
        (4, "1.4"),
        (5, "1.5"),
    ]
    assert second.total == 5


@pytest.mark.parametrize(("limit", "more"), [(2, True), (3, False), (4, False)])
def test_the_last_page_says_that_it_is_the_last(
    emptied_engine: sa.Engine, reader: PostgresReader, limit: int, more: bool
) -> None:
    put(emptied_engine, positions_in_a_row(3))
    page = reader.worklist_page(None, limit, NOON)
    assert (page.next_cursor is not None) == more
    assert page.total == 3


def test_an_empty_list_is_one_empty_page(reader: PostgresReader) -> None:
    page = reader.worklist_page(None, 10, NOON)
    assert (page.rows, page.total, page.next_cursor) == ((), 0, None)


def test_read_studies_are_not_on_the_list(
    emptied_engine: sa.Engine, reader: PostgresReader
) -> None:
    put(emptied_engine, positions_in_a_row(2), ReadingState.READ)
    assert walk(reader, 10) == []


def written(key: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "é",
        "AAAA",
        "not base64 at all",
        written("abcd"),
        written([True, "2026-03-02", "2026-03-02T12:00:00+00:00", "1.2"]),
        written([True, "2026-03-02T12:00:00", "2026-03-02T12:00:00+00:00", "1.2"]),
        written([True, "0001-01-01T00:00:00+14:00", "2026-03-02T12:00:00+00:00", "1.2"]),
        written([True, NOON.isoformat(), NOON.isoformat(), "../1.2"]),
        written([True, NOON.isoformat(), NOON.isoformat(), 12]),
        written([True, 1, 2, "1.2"]),
        written({"a": 1, "b": 2, "c": 3, "d": 4}),
        base64.urlsafe_b64encode(b"[" * 50_000).decode(),
    ],
)
def test_a_cursor_this_node_never_gave_out_is_refused(reader: PostgresReader, cursor: str) -> None:
    with pytest.raises(InvalidCursor, match="no cursor of this list"):
        reader.worklist_page(cursor, 10, NOON)


def test_a_page_is_read_from_the_index_of_the_reading_order(emptied_engine: sa.Engine) -> None:
    some = positions_in_a_row(3000)
    put(emptied_engine, some)
    put(
        emptied_engine,
        [
            Position(
                unpinned=True,
                due_at=NOON,
                received_at=NOON,
                study_instance_uid=StudyInstanceUID(f"2.{number}"),
            )
            for number in range(1000)
        ],
        ReadingState.READ,
    )
    with emptied_engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE worklist_entry"))
    page = (
        sa.select(worklist_entry.c.study_instance_uid)
        .where(position_tuple(some[1500]) < READING_ORDER)
        .order_by(*READING_ORDER)
        .limit(50)
    )
    with emptied_engine.connect() as connection:
        sql = page.compile(connection, compile_kwargs={"literal_binds": True})
        [plan] = connection.execute(sa.text(f"EXPLAIN (FORMAT JSON, ANALYZE) {sql}")).scalar_one()
    scan = plan["Plan"]["Plans"][0]
    assert plan["Plan"]["Node Type"] == "Limit"
    assert scan["Node Type"] in {"Index Scan", "Index Only Scan"}
    assert scan["Index Name"] == "worklist_order"
    assert scan["Actual Rows"] == 50
    assert "Index Cond" in scan
