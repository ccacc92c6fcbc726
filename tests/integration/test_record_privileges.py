"""P10: the role that the application connects as can append to the record and never change it."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from tests.builders import NOON, STUDY, arrival, provenance
from vigie.database import APPLICATION
from vigie.readiness import check_record
from worklist.due_time import DueTargets
from worklist.finding import Flagged
from worklist.service import Worklist
from worklist.store.audit import verify_event_log
from worklist.store.engine import connect
from worklist.store.postgres import PostgresStore
from worklist.store.privileges import let_in
from worklist.store.schema import migrate
from worklist.study import Completeness


@pytest.fixture(scope="module")
def owner(module_engine: sa.Engine) -> sa.Engine:
    migrate(module_engine, application=APPLICATION)
    return module_engine


@pytest.fixture(scope="module")
def application(owner: sa.Engine) -> Iterator[sa.Engine]:
    """As the roles of a node connect, to a database with one study's events."""
    url = owner.url.set(username=APPLICATION, drivername="postgresql")
    engine = connect(url.render_as_string(hide_password=False))
    worklist = Worklist(PostgresStore(engine), DueTargets())
    worklist.record_arrivals([arrival()], now=NOON)
    worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON)
    worklist.begin_assessment(STUDY, 1, now=NOON)
    worklist.record_outcome(STUDY, 1, Flagged(probability=0.9), provenance(), now=NOON)
    worklist.finish_assessment(STUDY, 1, now=NOON)
    yield engine
    engine.dispose()


def contents(owner: sa.Engine) -> list[tuple[int, str, bytes]]:
    with owner.connect() as connection:
        rows = connection.execute(sa.text("SELECT event_id, kind, hash FROM event ORDER BY 1"))
        return [tuple(row) for row in rows]


_FORGED = "INSERT INTO event (event_id, at, kind, actor, details, previous_hash, hash) VALUES"


@pytest.mark.parametrize(
    "trick",
    [
        # what a program does
        "UPDATE event SET kind = 'x'",
        "UPDATE event SET kind = kind WHERE false",
        "DELETE FROM event",
        "TRUNCATE event",
        "TRUNCATE event CASCADE",
        "UPDATE event_day SET hash = ''",
        "DELETE FROM event_day",
        "TRUNCATE event_day",
        "UPDATE alembic_version SET version_num = '0001'",
        f"{_FORGED} (1, now(), 'x', 'x', '{{}}', '', '')"
        " ON CONFLICT (event_id) DO UPDATE SET kind = 'x'",
        "MERGE INTO event USING (SELECT 1 AS one) AS s ON event_id = one"
        " WHEN MATCHED THEN UPDATE SET kind = 'x'",
        "MERGE INTO event USING (SELECT 1 AS one) AS s ON event_id = one WHEN MATCHED THEN DELETE",
        "SELECT * FROM event FOR UPDATE",
        # switching the protection off
        "ALTER TABLE event DISABLE TRIGGER ALL",
        "ALTER TABLE event DISABLE TRIGGER event_chain",
        "DROP TRIGGER event_unchangeable ON event",
        "SET session_replication_role = replica",
        "ALTER ROLE CURRENT_USER SET session_replication_role = replica",
        "CREATE OR REPLACE FUNCTION event_chain() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN RETURN NEW; END'",
        "DROP FUNCTION event_chain() CASCADE",
        "CREATE FUNCTION public.mine() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN RETURN NULL; END'",
        "CREATE TRIGGER mine BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION"
        " suppress_redundant_updates_trigger()",
        "CREATE RULE mine AS ON INSERT TO event DO INSTEAD NOTHING",
        "CREATE POLICY mine ON event USING (false)",
        "SET vigie.removing_days = 'yes'; DELETE FROM event",
        # becoming somebody else
        "SET ROLE postgres",
        "SET SESSION AUTHORIZATION postgres",
        "ALTER TABLE event OWNER TO CURRENT_USER",
        "GRANT UPDATE, DELETE ON event TO CURRENT_USER; DELETE FROM event",
        "GRANT postgres TO CURRENT_USER",
        "ALTER ROLE CURRENT_USER SUPERUSER",
        "CREATE ROLE another SUPERUSER",
        # another table in its place
        "DROP TABLE event",
        "ALTER TABLE event RENAME TO event_before",
        "CREATE TABLE public.event_copy (LIKE event)",
        "ALTER SCHEMA public RENAME TO before",
        "CREATE SCHEMA mine",
        "ALTER TABLE event ADD COLUMN mine text",
        "ALTER TABLE event ADD CONSTRAINT mine CHECK (kind = 'x')",
        "CREATE INDEX mine ON event ((1 / 0))",
        # by the files, or another program
        "COPY event FROM PROGRAM 'echo'",
        "COPY event TO '/tmp/vigie-event'",
        "SELECT pg_read_file('postgresql.conf')",
        "CREATE EXTENSION dblink",
        "DO LANGUAGE plpython3u 'pass'",
    ],
)
def test_p10_the_application_cannot_change_the_record_by_any_trick(
    application: sa.Engine, owner: sa.Engine, trick: str
) -> None:
    before = contents(owner)
    with (
        pytest.raises(sa.exc.DBAPIError) as refused,
        application.begin() as connection,
    ):
        for statement in trick.split("; "):
            connection.exec_driver_sql(statement)
    assert refused.value.orig is not None
    assert contents(owner) == before
    assert verify_event_log(owner) is None


def test_p10_a_table_of_the_same_name_that_is_found_first_is_not_taken_for_the_log(
    application: sa.Engine, owner: sa.Engine
) -> None:
    count = len(contents(owner))
    with application.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TEMPORARY TABLE event (LIKE public.event) ON COMMIT DROP"
        )
        connection.exec_driver_sql(
            "INSERT INTO pg_temp.event SELECT 99, now(), 'x', 'x', NULL, '{}', '', '\\x00', now()"
        )
        connection.exec_driver_sql(
            f"{_FORGED.replace('event (', 'public.event (')}"
            " (7, now(), 'appended', 'x', '{}', '\\x01', '\\x02')"
        )
    rows = contents(owner)
    assert [number for number, _, _ in rows] == list(range(1, count + 2))
    assert rows[-1][1] == "appended"
    assert verify_event_log(owner) is None


def test_p10_what_an_event_says_of_its_number_and_its_hash_is_not_taken(
    application: sa.Engine, owner: sa.Engine
) -> None:
    count = len(contents(owner))
    with application.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO event (event_id, at, kind, actor, details, previous_hash, hash,"
            " recorded_at) VALUES (1, now(), 'x', 'x', '{}', '', '', '2001-01-01')"
        )
    with owner.connect() as connection:
        last = connection.execute(
            sa.text("SELECT * FROM event ORDER BY event_id DESC LIMIT 1")
        ).one()
    assert last.event_id == count + 1
    assert last.recorded_at.year > 2001
    assert verify_event_log(owner) is None


def test_the_doctor_says_whether_the_role_can_change_the_record(
    application: sa.Engine, owner: sa.Engine
) -> None:
    assert not check_record(application).warns
    told = check_record(owner)
    assert told.ok and told.warns
    assert "can change the event log" in told.detail


def test_privileges_that_somebody_added_are_taken_back_and_others_stay(
    application: sa.Engine, owner: sa.Engine
) -> None:
    with owner.begin() as connection:
        connection.exec_driver_sql(f"GRANT UPDATE, DELETE ON event TO {APPLICATION}")
        connection.exec_driver_sql(f"REVOKE DELETE ON claim FROM {APPLICATION}")
    assert check_record(application).warns
    migrate(owner, application=APPLICATION)
    assert not check_record(application).warns
    with application.begin() as connection:
        connection.exec_driver_sql("DELETE FROM claim")


def test_where_all_is_as_it_should_be_no_privilege_is_written(owner: sa.Engine) -> None:
    said: list[str] = []
    with owner.begin() as connection:
        sa.event.listen(connection, "before_cursor_execute", lambda *given: said.append(given[2]))
        let_in(connection, APPLICATION)
    assert said
    assert not [one for one in said if one.startswith(("GRANT", "REVOKE"))]


def test_nobody_takes_privileges_from_the_owner(owner: sa.Engine) -> None:
    migrate(owner, application="postgres")
    with owner.begin() as connection:
        connection.exec_driver_sql("UPDATE detector SET version = version")
