"""P10: the event log is append-only and chained, and any change of it is found."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from tests.builders import NOON, STUDY, arrival, provenance
from worklist.due_time import DueTargets
from worklist.errors import StoreUnavailable
from worklist.finding import Flagged
from worklist.ports import Event
from worklist.service import Worklist
from worklist.store.audit import Broken, event_digest, verify_event_log
from worklist.store.postgres import PostgresStore
from worklist.study import Completeness
from worklist.uid import StudyInstanceUID

# Whatever PostgreSQL might write in another way than Python does.
AWKWARD: dict[str, Any] = {
    "quotes": 'a "b" \\ c / d',
    "controls": "\t\n\r\b\f\x01\x1f\x7f",
    "beyond ASCII": "é \u2028 \U0001f600 →",
    "numbers": [0, -1, 1.5, 1e-300, 1e22, 0.1, 12345678901234567890],
    "nested": {"b": None, "aa": True, "a": [{}, []]},
}


def event(number: int = 0, at: datetime = NOON, **details: object) -> Event:
    return Event(
        kind=f"kind {number}",
        at=at,
        actor='person Ünal "x" \\ \n',
        study_instance_uid=STUDY if number % 2 else None,
        details=details,
    )


@pytest.fixture
def store(emptied_engine: sa.Engine) -> PostgresStore:
    return PostgresStore(emptied_engine)


def append(store: PostgresStore, *events: Event) -> None:
    with store.transaction() as transaction:
        transaction.append_events(events)


@pytest.fixture
def log(store: PostgresStore) -> PostgresStore:
    """Seven events, in transactions of two and one."""
    for number in (1, 3, 5):
        append(store, event(number), event(number + 1, **AWKWARD))
    append(store, event(7))
    return store


@pytest.fixture
def tampering(emptied_engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection of a superuser who has switched the log's protection off."""
    with emptied_engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE event DISABLE TRIGGER ALL"))
    with emptied_engine.connect() as connection:
        yield connection
    with emptied_engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE event ENABLE TRIGGER ALL"))


@pytest.mark.parametrize(
    "statement",
    ["UPDATE event SET kind = 'x'", "DELETE FROM event", "TRUNCATE event"],
)
def test_the_database_refuses_to_change_the_log(
    log: PostgresStore, emptied_engine: sa.Engine, statement: str
) -> None:
    with (
        pytest.raises(sa.exc.DBAPIError, match="append-only"),
        emptied_engine.begin() as connection,
    ):
        connection.execute(sa.text(statement))
    assert verify_event_log(emptied_engine) is None


def test_events_are_numbered_from_one_and_each_follows_on_the_one_before(
    log: PostgresStore, emptied_engine: sa.Engine
) -> None:
    with emptied_engine.connect() as connection:
        rows = connection.execute(
            sa.text("SELECT event_id, previous_hash, hash FROM event ORDER BY event_id")
        ).all()
    assert [row.event_id for row in rows] == [1, 2, 3, 4, 5, 6, 7]
    assert [row.previous_hash for row in rows] == [b"", *(row.hash for row in rows[:-1])]
    assert len({row.hash for row in rows}) == 7


def test_python_and_the_database_compute_the_same_hashes(
    log: PostgresStore, emptied_engine: sa.Engine
) -> None:
    with emptied_engine.connect() as connection:
        rows = connection.execute(
            sa.text(
                "SELECT *, details::text AS written, event_digest(previous_hash, event_id, at,"
                " kind, actor, study_instance_uid, details, recorded_at) AS digest FROM event"
                " ORDER BY event_id"
            )
        ).all()
    for row in rows:
        mine = event_digest(
            row.previous_hash,
            row.event_id,
            row.at,
            row.kind,
            row.actor,
            row.study_instance_uid,
            row.written,
            row.recorded_at,
        )
        assert mine == row.digest == row.hash


def test_an_empty_log_and_an_untouched_one_hold(
    store: PostgresStore, emptied_engine: sa.Engine
) -> None:
    assert verify_event_log(emptied_engine) is None
    append(store, event(1, at=datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=5)))))
    append(store, event(2, at=datetime(1, 1, 1, tzinfo=UTC), **AWKWARD))
    assert verify_event_log(emptied_engine) is None


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("UPDATE event SET kind = 'kind 9' WHERE event_id = 3", 3),
        ("UPDATE event SET actor = 'vigie' WHERE event_id = 3", 3),
        ("UPDATE event SET at = at + interval '1 microsecond' WHERE event_id = 3", 3),
        ("UPDATE event SET recorded_at = recorded_at - interval '1 s' WHERE event_id = 3", 3),
        ("UPDATE event SET recorded_at = NULL WHERE event_id = 3", 3),
        ("UPDATE event SET study_instance_uid = '1.9' WHERE event_id = 3", 3),
        ("UPDATE event SET study_instance_uid = NULL WHERE event_id = 3", 3),
        ("UPDATE event SET details = details || '{\"aa\": 2}' WHERE event_id = 4", 4),
        ("UPDATE event SET kind = 'kind 9' WHERE event_id = 7", 7),
        ("UPDATE event SET hash = '\\x00' WHERE event_id = 3", 3),
        ("UPDATE event SET previous_hash = '\\x00' WHERE event_id = 3", 3),
        ("DELETE FROM event WHERE event_id = 1", 2),
        ("DELETE FROM event WHERE event_id IN (3, 4)", 5),
        (  # removed, and the rest numbered anew
            "DELETE FROM event WHERE event_id = 3;"
            "UPDATE event SET event_id = event_id + 100 WHERE event_id > 3;"
            "UPDATE event SET event_id = event_id - 101 WHERE event_id > 100",
            3,
        ),
        (  # changed, with a hash that fits: the next event then does not
            "UPDATE event SET kind = 'x', hash = event_digest(previous_hash, event_id, at, 'x',"
            " actor, study_instance_uid, details, recorded_at) WHERE event_id = 3",
            4,
        ),
        (  # two events that changed places
            "UPDATE event SET event_id = 100 WHERE event_id = 3;"
            "UPDATE event SET event_id = 3 WHERE event_id = 4;"
            "UPDATE event SET event_id = 4 WHERE event_id = 100",
            3,
        ),
        (  # the database's own function made to lie
            "UPDATE event SET kind = 'x' WHERE event_id = 3;"
            "ALTER FUNCTION event_digest RENAME TO event_digest_before",
            3,
        ),
    ],
)
def test_the_first_broken_link_is_named(
    log: PostgresStore,
    tampering: sa.Connection,
    emptied_engine: sa.Engine,
    change: str,
    found: int,
) -> None:
    for statement in change.split(";"):
        tampering.execute(sa.text(statement.replace(":", "\\:")))
    tampering.commit()
    broken = verify_event_log(emptied_engine)
    if "RENAME" in change:
        tampering.execute(sa.text("ALTER FUNCTION event_digest_before RENAME TO event_digest"))
        tampering.commit()
    assert isinstance(broken, Broken)
    assert broken.event_id == found
    assert str(found) in broken.why


def test_a_log_longer_than_one_portion_is_followed_to_its_end(
    emptied_engine: sa.Engine, tampering: sa.Connection
) -> None:
    with emptied_engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE event ENABLE TRIGGER event_chain"))
        connection.execute(
            sa.text(
                "INSERT INTO event (event_id, at, kind, actor, details, previous_hash, hash)"
                " SELECT 0, now(), 'many', 'vigie', '{}', '', '' FROM generate_series(1, 5100)"
            )
        )
        connection.execute(sa.text("ALTER TABLE event DISABLE TRIGGER event_chain"))
    assert verify_event_log(emptied_engine) is None
    tampering.execute(sa.text("UPDATE event SET kind = 'few' WHERE event_id = 5050"))
    tampering.commit()
    broken = verify_event_log(emptied_engine)
    assert broken is not None
    assert broken.event_id == 5050


def test_writers_at_the_same_time_leave_a_chain_without_gap_or_fork(
    store: PostgresStore, emptied_engine: sa.Engine
) -> None:
    together = threading.Barrier(5)

    def write(writer: int) -> None:
        together.wait()
        for number in range(8):
            try:
                with store.transaction() as transaction:
                    transaction.append_events([event(number), event(writer)])
                    if number % 4 == 3:
                        raise InterruptedError  # what was appended is taken back
            except InterruptedError:
                continue

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(write, range(5)))
    with emptied_engine.connect() as connection:
        ids = list(connection.scalars(sa.text("SELECT event_id FROM event ORDER BY event_id")))
    assert ids == list(range(1, 5 * 6 * 2 + 1))
    assert verify_event_log(emptied_engine) is None


def test_whoever_listens_hears_of_an_event_once_it_is_committed_and_not_before(
    store: PostgresStore, emptied_engine: sa.Engine
) -> None:
    url = emptied_engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as listening:
        listening.execute("LISTEN vigie_event")
        with pytest.raises(InterruptedError), store.transaction() as transaction:
            transaction.append_events([event(1)])
            raise InterruptedError
        with store.transaction() as transaction:
            transaction.append_events([event(3, secret="Doe^Jane")])
            assert list(listening.notifies(timeout=0.05)) == []
        heard = list(listening.notifies(timeout=5, stop_after=1))
    [told] = [json.loads(one.payload) for one in heard]
    assert datetime.fromisoformat(told.pop("at")) == NOON
    assert told == {"event_id": 1, "kind": "kind 3", "study_instance_uid": STUDY}


def test_an_act_on_the_whole_list_is_told_once_and_not_for_each_study_it_moves(
    store: PostgresStore, emptied_engine: sa.Engine
) -> None:
    worklist = Worklist(store, DueTargets())
    for uid in map(StudyInstanceUID, ("1.4", "1.5", "1.6")):
        worklist.record_arrivals([arrival(f"{uid}.1", study=uid)], now=NOON)
        worklist.complete_study(uid, completeness=Completeness.COMPLETE, now=NOON)
        worklist.record_outcome(uid, 1, Flagged(probability=0.9), provenance(), now=NOON)
    url = emptied_engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as listening:
        listening.execute("LISTEN vigie_event")
        worklist.stop_ai(None, installed=["fracture"], actor="anna", reason="why", now=NOON)
        heard = list(listening.notifies(timeout=0.5))
    assert [json.loads(one.payload)["kind"] for one in heard] == ["ai_stopped"]


def test_a_log_that_cannot_be_read_is_not_called_good(emptied_engine: sa.Engine) -> None:
    elsewhere = emptied_engine.url.set(database="nowhere")
    engine = sa.create_engine(elsewhere)
    with pytest.raises(StoreUnavailable):
        verify_event_log(engine)
    engine.dispose()
