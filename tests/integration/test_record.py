"""P10: days of the record are sealed by signed heads, and what was done to them is found."""

import json
import stat
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.builders import NOON, arrival
from tests.conftest import empty
from vigie.record_keys import KeyUnreadable, RecordKeys, read_public_keys, signature_fault
from worklist.due_time import DueTargets
from worklist.ports import Event
from worklist.record import SignedHead, months_before
from worklist.service import Worklist
from worklist.store.audit import Broken, heads, verify_event_log
from worklist.store.events import last_event_at
from worklist.store.postgres import PostgresStore
from worklist.store.sealing import BrokenRecord, list_after, remove_days, seal_days

DAY = timedelta(days=1)
MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NOW = datetime(2026, 3, 6, 8, 0, tzinfo=UTC)

_CLOCK = "coalesce(nullif(current_setting('test.clock', true), '')::timestamptz, clock_timestamp())"


def run(connection: sa.Connection, *statements: str) -> None:
    """Several statements as they are: SQLAlchemy would look for parameters in them."""
    driver = connection.connection.driver_connection
    assert driver is not None
    for one in statements:
        driver.execute(one)


@pytest.fixture(scope="module")
def clocked(module_engine: sa.Engine) -> sa.Engine:
    """A database whose clock tests set, as far as the log is concerned."""
    with module_engine.begin() as connection:
        made = str(connection.scalar(sa.text("SELECT pg_get_functiondef('event_chain'::regproc)")))
        assert "clock_timestamp()" in made
        run(connection, made.replace("clock_timestamp()", _CLOCK))
    return module_engine


@pytest.fixture
def site(clocked: sa.Engine, tmp_path: Path) -> "Site":
    empty(clocked)
    return Site(clocked, tmp_path / "record")


class Site:
    """A store, and the keys of its record."""

    def __init__(self, engine: sa.Engine, folder: Path) -> None:
        self.engine = engine
        self.keys = RecordKeys(folder)
        self.keys.make()
        self.store = PostgresStore(engine)

    def write(self, at: datetime, kind: str = "something", count: int = 1) -> None:
        """Events as the database wrote them at a moment."""
        with self.store.transaction() as transaction:
            transaction._connection.execute(
                sa.select(sa.func.set_config("test.clock", at.isoformat(), True))
            )
            event = Event(
                kind=kind, at=at, actor="vigie", study_instance_uid=None, details={"n": 1}
            )
            transaction.append_events([event] * count)

    def week(self) -> None:
        """Monday to Wednesday, with two events each."""
        for number in range(3):
            self.write(MONDAY + number * DAY, count=2)

    def seal(self) -> list[SignedHead]:
        sealed = list(seal_days(self.engine, self.keys.signer(), NOW))
        for one in sealed:
            self.keys.add_head(one)
        return sealed

    def seal_one(self) -> SignedHead:
        """The oldest day only."""
        sealed = next(seal_days(self.engine, self.keys.signer(), NOW))
        self.keys.add_head(sealed)
        return sealed

    def verify(self) -> Broken | None:
        public = self.keys.public_keys()
        return verify_event_log(
            self.engine,
            fault_of=lambda signed: signature_fault(signed, public),
            kept_elsewhere=self.keys.heads(),
        )

    def tamper(self, *statements: str) -> None:
        """As a superuser who has switched the protection off."""
        with self.engine.begin() as connection:
            connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
            run(connection, *statements)


def test_every_day_that_is_over_is_sealed_once_and_verifies(site: Site) -> None:
    site.week()
    sealed = site.seal()
    assert [one.head.day for one in sealed] == [
        date(2026, 3, 2),
        date(2026, 3, 3),
        date(2026, 3, 4),
    ]
    assert [(one.head.first_event_id, one.head.last_event_id) for one in sealed] == [
        (1, 2), (3, 4), (5, 6),
    ]  # fmt: skip
    assert [one.head.previous for one in sealed] == [
        b"", sealed[0].head.digest, sealed[1].head.digest,
    ]  # fmt: skip
    assert site.seal() == []
    assert site.keys.heads() == sealed
    assert site.verify() is None


def test_the_day_that_is_not_over_is_not_sealed(site: Site) -> None:
    site.write(datetime.now(UTC))
    assert site.seal() == []
    assert site.verify() is None


def test_events_from_before_the_database_kept_their_time_belong_to_the_first_day(
    site: Site,
) -> None:
    site.write(MONDAY, count=2)
    with site.engine.begin() as connection:  # as the version before wrote them
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        connection.exec_driver_sql("UPDATE event SET recorded_at = NULL")
        for number, before in (
            (1, "'\\x'::bytea"),
            (2, "(SELECT hash FROM event WHERE event_id = 1)"),
        ):
            run(
                connection,
                f"UPDATE event SET previous_hash = {before} WHERE event_id = {number};"
                "UPDATE event SET hash = event_digest(previous_hash, event_id, at, kind, actor,"
                f" study_instance_uid, details, NULL) WHERE event_id = {number}",
            )
    site.write(MONDAY + DAY)
    [first] = site.seal()
    assert (first.head.day, first.head.first_event_id, first.head.last_event_id) == (
        date(2026, 3, 3), 1, 3,
    )  # fmt: skip
    assert site.verify() is None


HEAD = "event_day SET"
SECOND = "WHERE day = '2026-03-03'"


@pytest.mark.parametrize(
    ("statements", "event_id", "said"),
    [
        (["UPDATE event SET kind = 'x' WHERE event_id = 3"], 3, "not what was written"),
        (["DELETE FROM event WHERE event_id = 3"], 4, "missing between 2 and 4"),
        (["DELETE FROM event WHERE event_id <= 2"], 3, "missing before 3"),
        (
            [
                "UPDATE event SET event_id = 100 WHERE event_id = 3",
                "UPDATE event SET event_id = 3 WHERE event_id = 4",
                "UPDATE event SET event_id = 4 WHERE event_id = 100",
            ],
            3,
            "does not follow",
        ),
        (
            [
                "UPDATE event SET event_id = event_id + 100 WHERE event_id > 3",
                "UPDATE event SET event_id = event_id - 99 WHERE event_id > 100",
                "INSERT INTO event SELECT 4, at, 'put in', actor, NULL, details, hash, hash,"
                " recorded_at FROM event WHERE event_id = 3",
            ],
            4,
            "not what was written",
        ),
        ([f"UPDATE {HEAD} hash = '\\x00' {SECOND}"], 4, "2026-03-03 is not of its events"),
        ([f"UPDATE {HEAD} last_event_id = 3 {SECOND}"], 3, "2026-03-03 is not of its events"),
        ([f"UPDATE {HEAD} previous = '\\x00' {SECOND}"], 4, "does not follow on the one before"),
        ([f"UPDATE {HEAD} sealed_at = sealed_at + interval '1 s' {SECOND}"], 4, "2026-03-03"),
        ([f"UPDATE {HEAD} signature = '\\x00' {SECOND}"], 4, "2026-03-03"),
        ([f"UPDATE {HEAD} key_id = 'ffff' {SECOND}"], 4, "2026-03-03"),
        ([f"UPDATE {HEAD} day = '2026-03-08' {SECOND}"], 4, "2026-03-08"),
        ([f"DELETE FROM event_day {SECOND}"], 6, "from event 3, was changed or removed"),
        (
            ["DELETE FROM event_day WHERE day = '2026-03-04'"],
            6,
            "the head of the day 2026-03-04 is",
        ),
        (["DELETE FROM event WHERE event_id >= 6"], 6, "events to 6 are missing"),
        (
            [
                "DELETE FROM event WHERE event_id >= 5",
                "DELETE FROM event_day WHERE day > '2026-03-03'",
            ],
            6,
            "the head of the day 2026-03-04 is missing",
        ),
        (["DELETE FROM event"], 2, "events to 2 are missing"),
        (["DELETE FROM event", "DELETE FROM event_day"], 2, "day 2026-03-02 is missing"),
    ],
)
def test_the_first_broken_link_is_named(
    site: Site, statements: list[str], event_id: int, said: str
) -> None:
    site.week()
    site.seal()
    site.tamper(*statements)
    broken = site.verify()
    assert broken is not None
    assert said in broken.why
    assert broken.event_id == event_id


_ANEW = """
UPDATE event SET hash = event_digest(previous_hash, event_id, at, kind, actor,
    study_instance_uid, details, recorded_at) WHERE event_id = {0};
UPDATE event SET previous_hash = (SELECT hash FROM event WHERE event_id = {0})
    WHERE event_id = {0} + 1;
"""


def test_a_log_written_anew_with_all_its_hashes_does_not_fit_the_signed_heads(site: Site) -> None:
    site.week()
    site.seal()
    last = 6 + 3  # three events tell of the days
    site.tamper(
        "UPDATE event SET kind = 'another' WHERE event_id = 3",
        *(_ANEW.format(number) for number in range(3, last + 1)),
    )
    broken = site.verify()
    assert broken is not None and broken.event_id == 4
    assert "the head of the day 2026-03-03 is not of its events" in broken.why


def test_heads_that_another_key_signed_are_not_believed(site: Site, tmp_path: Path) -> None:
    """Whoever owns the database can write everything anew, and sign it, by a key of his own."""
    site.week()
    site.seal()
    theirs = RecordKeys(tmp_path / "theirs")
    theirs.make()
    site.tamper("DELETE FROM event_day", "DELETE FROM event WHERE event_id > 6")
    list(seal_days(site.engine, theirs.signer(), NOW))
    broken = verify_event_log(
        site.engine, fault_of=lambda one: signature_fault(one, site.keys.public_keys())
    )
    assert broken is not None and "a key that is not known here" in broken.why
    mine = theirs.folder / f"{theirs.signer().key_id}.pub.pem"
    known = read_public_keys([mine])
    assert verify_event_log(site.engine, fault_of=lambda one: signature_fault(one, known)) is None


def test_a_day_that_was_changed_before_it_was_over_is_not_signed(site: Site) -> None:
    site.week()
    site.tamper("UPDATE event SET kind = 'x' WHERE event_id = 4")
    with pytest.raises(BrokenRecord, match="event 4 is not what was written"):
        site.seal()
    assert [one.head.day for one in site.keys.heads()] == []
    with site.engine.connect() as connection:
        assert [one.head.day for one in heads(connection)] == [date(2026, 3, 2)]


def test_a_changed_key_signs_from_then_on_and_old_days_still_verify(site: Site) -> None:
    site.write(MONDAY)
    site.write(MONDAY + DAY)
    old = site.seal_one()
    site.keys.make(anew=True)
    [new] = site.seal()
    assert old.head.key_id != new.head.key_id == site.keys.signer().key_id
    assert site.verify() is None


def test_keys_are_for_the_eyes_of_their_account_only(site: Site) -> None:
    private = site.keys.folder / "signing_key.pem"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert stat.S_IMODE(site.keys.folder.stat().st_mode) == 0o700
    assert site.keys.make() is None
    private.write_text("no key")
    with pytest.raises(KeyUnreadable, match=r"signing_key\.pem"):
        site.keys.signer()


def test_a_copy_of_a_head_that_a_crash_cut_off_is_written_over(site: Site) -> None:
    site.write(MONDAY)
    site.write(MONDAY + DAY)
    first = site.seal_one()
    with site.keys.heads_file.open("a") as file:
        file.write('{"day": "2026-0')
    assert site.keys.heads() == [first]
    [second] = site.seal()
    assert site.keys.heads() == [first, second]


# Retention


def test_old_days_go_as_a_whole_with_their_heads_kept_and_an_event_that_tells(site: Site) -> None:
    site.week()
    sealed = site.seal()
    removed = remove_days(site.engine, months=1, today=date(2026, 4, 4), now=NOW)
    assert removed is not None
    assert (removed.first_event_id, removed.last_event_id) == (1, 4)
    assert (removed.first_day, removed.last_day) == (date(2026, 3, 2), date(2026, 3, 3))
    with site.engine.connect() as connection:
        assert heads(connection) == sealed
        ids = list(connection.scalars(sa.text("SELECT event_id FROM event ORDER BY 1")))
        told = connection.execute(
            sa.text("SELECT details FROM event WHERE kind = 'days_removed'")
        ).scalar_one()
    assert ids == [5, 6, 7, 8, 9, 10]
    assert told == {
        "first_day": "2026-03-02", "last_day": "2026-03-03", "first_event_id": 1,
        "last_event_id": 4, "retention_months": 1,
    }  # fmt: skip
    assert site.verify() is None
    assert remove_days(site.engine, months=1, today=date(2026, 4, 4), now=NOW) is None
    again = remove_days(site.engine, months=1, today=date(2026, 4, 5), now=NOW)
    assert again is not None and again.first_event_id == 5
    assert site.verify() is None


def test_what_a_retention_left_is_verified_as_before(site: Site) -> None:
    site.week()
    site.seal()
    remove_days(site.engine, months=1, today=date(2026, 4, 4), now=NOW)
    site.tamper("DELETE FROM event WHERE event_id <= 6")
    broken = site.verify()
    assert broken is not None and "missing before 7" in broken.why


def test_heads_of_days_that_went_are_still_held_to_their_signatures(site: Site) -> None:
    site.week()
    site.seal()
    remove_days(site.engine, months=1, today=date(2026, 4, 4), now=NOW)
    site.tamper(f"UPDATE {HEAD} sealed_at = sealed_at + interval '1 s' WHERE day = '2026-03-02'")
    broken = site.verify()
    assert broken is not None and "2026-03-02" in broken.why


def test_days_that_are_not_what_was_written_do_not_go(site: Site) -> None:
    site.week()
    site.seal()
    site.tamper("UPDATE event SET kind = 'x' WHERE event_id = 3")
    with pytest.raises(BrokenRecord, match="event 3 is not what was written"):
        remove_days(site.engine, months=1, today=date(2026, 4, 4), now=NOW)
    broken = site.verify()
    assert broken is not None and broken.event_id == 3


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2026, 3, 31), 1, date(2026, 2, 28)),
        (date(2024, 3, 31), 1, date(2024, 2, 29)),
        (date(2026, 1, 15), 1, date(2025, 12, 15)),
        (date(2026, 1, 15), 24, date(2024, 1, 15)),
        (date(2026, 5, 31), 11, date(2025, 6, 30)),
    ],
)
def test_months_are_those_of_the_calendar(day: date, months: int, expected: date) -> None:
    assert months_before(day, months) == expected


# The list


def test_a_sealed_day_keeps_the_list_as_it_was_at_its_end(site: Site) -> None:
    worklist = Worklist(site.store, DueTargets())
    worklist.record_arrivals([arrival("1.4.1", study="1.4")], now=NOON)
    worklist.record_arrivals([arrival("1.5.1", study="1.5")], now=NOON)
    with site.engine.begin() as connection:  # as if it had been yesterday
        at = (datetime.now(UTC) - DAY).isoformat()
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        connection.execute(sa.text("UPDATE event SET recorded_at = :at"), {"at": at})
        for number in (1, 2):
            run(connection, _ANEW.format(number))
    assert len(site.seal()) == 1
    worklist.pin("1.5", True, actor="anna", reason="why", now=NOON)  # type: ignore[arg-type]
    remove_days(site.engine, months=1, today=datetime.now(UTC).date() + 40 * DAY, now=NOW)
    with site.engine.connect() as connection:
        last = last_event_at(connection, datetime.now(UTC))
        order = [one.position.study_instance_uid for one in list_after(connection, last).in_order()]
        before = [one.position.study_instance_uid for one in list_after(connection, 3).in_order()]
    assert order == ["1.5", "1.4"]
    assert before == ["1.4", "1.5"]
    assert site.verify() is None


def test_progress_is_told_to_the_end(site: Site) -> None:
    site.week()
    heard: list[tuple[int, int]] = []
    verify_event_log(site.engine, progress=lambda done, total: heard.append((done, total)))
    assert heard[-1] == (6, 6)


def test_a_head_is_read_back_from_its_copy_as_it_was(site: Site) -> None:
    site.write(MONDAY)
    [signed] = site.seal()
    line = site.keys.heads_file.read_text()
    assert SignedHead.from_json(json.loads(line)) == signed
    changed = replace(signed.head, last_event_id=9)
    assert changed.text != signed.head.text
