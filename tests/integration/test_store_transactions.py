"""Rows, jobs and events commit together or not at all, also with many writers and a dead server."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
import sqlalchemy as sa

from tests.builders import FRACTURE, HAEMORRHAGE, MINUTE, NOON, STUDY, arrival, provenance
from vigie.database import EmbeddedPostgres
from worklist.due_time import DueTargets
from worklist.errors import StoreUnavailable
from worklist.finding import Flagged
from worklist.service import Worklist
from worklist.store.audit import verify_event_log
from worklist.store.engine import connect
from worklist.store.jobs import defer_assessment, job_priority
from worklist.store.postgres import PostgresStore
from worklist.store.reader import PostgresReader
from worklist.store.schema import migrate
from worklist.study import Completeness, RequestedPriority
from worklist.uid import StudyInstanceUID

INSTALLED = [FRACTURE.name, HAEMORRHAGE.name]


@pytest.fixture
def store(emptied_engine: sa.Engine) -> PostgresStore:
    return PostgresStore(emptied_engine)


@pytest.fixture
def worklist(store: PostgresStore) -> Worklist:
    return Worklist(store, DueTargets())


def count(engine: sa.Engine, table: str) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(sa.text(f"SELECT count(*) FROM {table}")) or 0)


def test_a_transaction_that_is_rolled_back_leaves_no_job_no_row_and_no_event(
    worklist: Worklist,
    store: PostgresStore,
    emptied_engine: sa.Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worklist.record_arrivals([arrival()], now=NOON)

    def fail(*_: object) -> None:
        raise InterruptedError

    with monkeypatch.context() as patch, pytest.raises(InterruptedError):
        patch.setattr("worklist.store.transaction.PostgresTransaction.append_events", fail)
        worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON)
    assert count(emptied_engine, "procrastinate_jobs") == 0
    assert count(emptied_engine, "assessment") == 0
    assert count(emptied_engine, "event") == 1
    assert [one.study_instance_uid for one in store.arriving_studies()] == [STUDY]
    worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON)
    assert count(emptied_engine, "procrastinate_jobs") == 1


def test_a_job_says_which_study_and_lets_one_assessment_of_it_run_at_a_time(
    worklist: Worklist, emptied_engine: sa.Engine
) -> None:
    worklist.record_arrivals([arrival(priority=RequestedPriority.STAT)], now=NOON)
    worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON)
    with emptied_engine.connect() as connection:
        job = connection.execute(sa.text("SELECT * FROM procrastinate_jobs")).one()
    assert (job.queue_name, job.task_name, job.status) == ("assessments", "assess_study", "todo")
    assert job.args == {"study_instance_uid": STUDY, "number": 1}
    assert (job.lock, job.queueing_lock) == (STUDY, None)
    assert job.priority == job_priority(NOON + timedelta(hours=1))


def test_an_earlier_due_time_is_a_higher_priority_within_32_bits() -> None:
    moments = [NOON - timedelta(days=2500), NOON, NOON + timedelta(seconds=1)]
    priorities = [job_priority(one) for one in moments]
    assert priorities == sorted(priorities, reverse=True)
    assert len(set(priorities)) == 3
    for moment in (datetime(1960, 1, 1, tzinfo=UTC), datetime(2087, 12, 31, tzinfo=UTC)):
        assert -(2**31) <= job_priority(moment) < 2**31


def test_the_installed_detectors_are_those_registered_last(store: PostgresStore) -> None:
    store.register_detectors([FRACTURE, HAEMORRHAGE], {}, NOON)
    store.register_detectors([FRACTURE], {FRACTURE.name: "its weights are gone"}, NOON)
    assert store.installed_detectors() == ["fracture"]
    store.register_detectors([], {}, NOON)
    assert store.installed_detectors() == []


def test_times_are_in_utc_whatever_the_zone_of_the_server(
    emptied_engine: sa.Engine, worklist: Worklist
) -> None:
    with emptied_engine.begin() as connection:
        connection.execute(sa.text("ALTER DATABASE test_reused SET timezone = 'Asia/Kolkata'"))
    elsewhere = connect(emptied_engine.url.render_as_string(hide_password=False))
    try:
        Worklist(PostgresStore(elsewhere), DueTargets()).record_arrivals([arrival()], now=NOON)
        with PostgresStore(elsewhere).transaction() as transaction:
            record = transaction.lock_studies([STUDY])[STUDY]
        assert record.received_at.isoformat() == NOON.isoformat()
        assert verify_event_log(elsewhere) is None
    finally:
        elsewhere.dispose()
        with emptied_engine.begin() as connection:
            connection.execute(sa.text("ALTER DATABASE test_reused RESET timezone"))


def test_nothing_slips_past_a_person_who_stops_ai_while_outcomes_arrive(
    worklist: Worklist, store: PostgresStore
) -> None:
    """The switch waits for outcomes under way, and outcomes that come after it count nothing."""
    uids = [StudyInstanceUID(f"1.{number}") for number in range(12)]
    for uid in uids:
        worklist.record_arrivals([arrival(f"{uid}.1", study=uid)], now=NOON)
        worklist.complete_study(uid, completeness=Completeness.COMPLETE, now=NOON)
    together = threading.Barrier(4)

    def look(mine: list[StudyInstanceUID]) -> None:
        together.wait()
        for uid in mine:
            worklist.record_outcome(uid, 1, Flagged(probability=0.9), provenance(), now=NOON)

    def stop(_: object) -> None:
        together.wait()
        worklist.stop_ai(None, installed=INSTALLED, actor="anna", reason="now", now=NOON)

    with ThreadPoolExecutor(4) as pool:
        acts = [pool.submit(look, uids[start::3]) for start in range(3)]
        acts.append(pool.submit(stop, None))
        for act in acts:
            act.result()
    with store.transaction() as transaction:
        records = transaction.lock_studies(uids).values()
    assert {record.due_at for record in records} == {NOON + timedelta(hours=24)}


def test_p3_ai_stopped_over_many_studies_is_in_the_history_of_each(
    worklist: Worklist, store: PostgresStore, emptied_engine: sa.Engine
) -> None:
    uids = [StudyInstanceUID(f"1.2.3.{number}") for number in range(300)]
    worklist.record_arrivals([arrival(f"{uid}.1", study=uid) for uid in uids], now=NOON)
    with emptied_engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO assessment (study_instance_uid, number)"
                " SELECT study_instance_uid, 1 FROM study"
            )
        )
    with store.transaction() as transaction:
        for uid in uids:
            found = Flagged(probability=0.9)
            transaction.add_outcome(uid, 1, found, provenance(), too_late=False)
    worklist.start_ai(None, installed=INSTALLED, actor="anna", reason="go", now=NOON)
    started = time.monotonic()
    worklist.stop_ai(None, installed=INSTALLED, actor="anna", reason="now", now=NOON)
    assert time.monotonic() - started < 5  # 2.4 s for 5,000 studies on two cores
    with emptied_engine.connect() as connection:
        moves = connection.execute(
            sa.text(
                "SELECT study_instance_uid, count(*) FROM event WHERE kind = 'due_time_changed'"
                " GROUP BY 1"
            )
        )
        assert {(uid, 2) for uid in uids} == {tuple(row) for row in moves}
    assert verify_event_log(emptied_engine) is None


def test_an_outcome_under_way_is_waited_for_by_whoever_stops_ai(
    worklist: Worklist, store: PostgresStore
) -> None:
    """The same, with the outcome held open on purpose."""
    worklist.record_arrivals([arrival()], now=NOON)
    worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON)
    with ThreadPoolExecutor(1) as pool:
        with store.transaction() as transaction:
            transaction.lock_ai_switch(exclusive=False)
            transaction.lock_studies([STUDY])
            stopped = pool.submit(
                worklist.stop_ai, None, installed=[], actor="anna", reason="now", now=NOON
            )
            with pytest.raises(TimeoutError):
                stopped.result(timeout=0.3)
        stopped.result(timeout=10)
    assert worklist.ai_switch().whole


def test_filing_looking_and_switching_at_once_never_deadlock(
    worklist: Worklist, store: PostgresStore, emptied_engine: sa.Engine
) -> None:
    uids = [StudyInstanceUID(f"1.{number}") for number in range(8)]
    for uid in uids:
        worklist.record_arrivals([arrival(f"{uid}.0", study=uid)], now=NOON)
        worklist.complete_study(uid, completeness=Completeness.COMPLETE, now=NOON)

    def file(random: Random, turn: int) -> None:
        some = random.sample(uids, 4)
        worklist.record_arrivals([arrival(f"{uid}.9.{turn}", study=uid) for uid in some], now=NOON)
        worklist.complete_study(some[0], completeness=Completeness.COMPLETE, now=NOON)

    def look(random: Random, turn: int) -> None:
        uid = random.choice(uids)
        worklist.begin_assessment(uid, 1, now=NOON)
        outcome = Flagged(probability=random.random())
        worklist.record_outcome(uid, 1, outcome, provenance(), now=NOON)

    def switch(random: Random, turn: int) -> None:
        change = worklist.stop_ai if turn % 2 else worklist.start_ai
        change(None, installed=INSTALLED, actor="anna", reason="why not", now=NOON)

    def overrule(random: Random, turn: int) -> None:
        worklist.pin(random.choice(uids), turn % 2 == 0, actor="anna", reason="b", now=NOON)

    def repeat(act: Callable[[Random, int], None]) -> None:
        random = Random(act.__name__)
        for turn in range(6):
            act(random, turn)

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(repeat, [file, look, switch, look, overrule]))
    assert verify_event_log(emptied_engine) is None


@pytest.fixture
def private(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A server of the test's own, which it may stop."""
    server = EmbeddedPostgres(tmp_path / "postgres")
    server.start()
    yield server
    server.stop()


def test_a_server_that_is_gone_is_one_clear_error_and_nothing_else_is_lost(
    private: EmbeddedPostgres, tmp_path: Path
) -> None:
    engine = connect(private.url)
    migrate(engine)
    store = PostgresStore(engine)
    worklist = Worklist(store, DueTargets())
    reader = PostgresReader(engine, archive=tmp_path, inbox_objects=lambda: 0)
    worklist.record_arrivals([arrival()], now=NOON)
    private.stop()
    asked: list[Callable[[], object]] = [
        lambda: worklist.record_arrivals([arrival("1.2.3.1.2")], now=NOON),
        lambda: worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON),
        worklist.studies_arriving,
        worklist.ai_switch,
        store.installed_detectors,
        lambda: store.register_detectors([], {}, NOON),
        lambda: reader.worklist_page(None, 10, NOON),
        lambda: reader.study(STUDY, NOON),
        reader.counts,
        lambda: verify_event_log(engine),
    ]
    for ask in asked:
        with pytest.raises(StoreUnavailable, match="the database"):
            ask()
    private.start()
    worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON + MINUTE)
    assert reader.worklist_page(None, 10, NOON).total == 1
    assert verify_event_log(engine) is None
    engine.dispose()


@pytest.mark.parametrize("next_step", ["a statement", "a job", "the commit"])
def test_a_connection_cut_in_the_middle_of_a_transaction_is_the_same_clear_error(
    worklist: Worklist, store: PostgresStore, emptied_engine: sa.Engine, next_step: str
) -> None:
    worklist.record_arrivals([arrival()], now=NOON)
    with pytest.raises(StoreUnavailable), store.transaction() as transaction:
        record = transaction.lock_studies([STUDY])[STUDY]
        with emptied_engine.connect() as other:
            other.execute(
                sa.text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE state = 'idle in transaction' AND datname = current_database()"
                )
            )
        if next_step == "a statement":
            transaction.save_study(record)
        elif next_step == "a job":
            defer_assessment(transaction._connection, record)
    assert [one.study_instance_uid for one in store.arriving_studies()] == [STUDY]


def test_a_job_that_the_database_cannot_take_now_is_the_same_clear_error(
    worklist: Worklist, store: PostgresStore, emptied_engine: sa.Engine
) -> None:
    worklist.record_arrivals([arrival()], now=NOON)
    with emptied_engine.connect() as other:
        other.execute(sa.text("LOCK TABLE procrastinate_jobs"))
        with (
            pytest.raises(StoreUnavailable, match="lock timeout"),
            store.transaction() as transaction,
        ):
            record = transaction.lock_studies([STUDY])[STUDY]
            transaction._connection.execute(sa.text("SET LOCAL lock_timeout = '50ms'"))
            defer_assessment(transaction._connection, record)
    assert count(emptied_engine, "procrastinate_jobs") == 0
