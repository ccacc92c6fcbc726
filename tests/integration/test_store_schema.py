"""The migrations make the tables that the code expects, whoever starts first."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

import worklist.store
from vigie.database import EmbeddedPostgres
from worklist.claims import ClaimEnd
from worklist.finding import TargetFinding
from worklist.reading import ReadingState
from worklist.store.engine import connect
from worklist.store.reader import PostgresReader
from worklist.store.schema import migrate, newest_revision, schema_is_current
from worklist.store.tables import OutcomeKind, metadata
from worklist.study import Completeness, RequestedPriority
from worklist.uid import StudyInstanceUID


def ours(name: str | None, kind: str, _parents: object) -> bool:
    """Procrastinate's tables are in the same schema, and its own business."""
    return kind != "table" or (name or "").partition("_")[0] not in {"procrastinate", "alembic"}


def differences(connection: sa.Connection, expected: sa.MetaData) -> list[Any]:
    context = MigrationContext.configure(
        connection,
        opts={"include_name": ours, "compare_type": True, "compare_server_default": True},
    )
    return list(compare_metadata(context, expected))


def test_the_tables_in_code_and_in_the_database_agree(emptied_engine: sa.Engine) -> None:
    with emptied_engine.connect() as connection:
        assert differences(connection, metadata) == []


def test_a_difference_would_be_seen(emptied_engine: sa.Engine) -> None:
    """The check above can fail: for a column, a type, an index."""
    with emptied_engine.connect() as connection:
        connection.execute(sa.text("ALTER TABLE study DROP COLUMN reason"))
        connection.execute(sa.text("ALTER TABLE study ALTER accession_number TYPE varchar(16)"))
        connection.execute(sa.text("DROP INDEX study_arriving"))
        found = differences(connection, metadata)
        connection.rollback()
    kinds = sorted(one[0][0] if isinstance(one, list) else one[0] for one in found)
    assert kinds == ["add_column", "add_index", "modify_type"]


def test_constraints_and_collations_agree_which_the_comparison_does_not_see(
    emptied_engine: sa.Engine,
) -> None:
    inspector = sa.inspect(emptied_engine)
    for table in metadata.sorted_tables:
        checks = {one["name"] for one in inspector.get_check_constraints(table.name)}
        expected = {
            one.name for one in table.constraints if isinstance(one, sa.CheckConstraint)
        } - {None}
        assert checks == expected
    with emptied_engine.connect() as connection:
        uids = connection.execute(
            sa.text(
                "SELECT DISTINCT collation_name FROM information_schema.columns"
                " WHERE table_schema = 'public' AND column_name LIKE '%instance_uid'"
                " AND table_name NOT LIKE 'procrastinate%'"
            )
        )
        assert list(uids.scalars()) == ["C"]


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("requested_priority", RequestedPriority),
        ("completeness", Completeness),
        ("reading_state", ReadingState),
        ("outcome_kind", OutcomeKind),
        ("target_finding", TargetFinding),
        ("claim_end", ClaimEnd),
    ],
)
def test_enumerations_in_code_and_in_the_database_agree(
    emptied_engine: sa.Engine, name: str, kinds: type[Any]
) -> None:
    with emptied_engine.connect() as connection:
        stored = connection.scalars(
            sa.text(
                "SELECT enumlabel FROM pg_enum JOIN pg_type ON enumtypid = pg_type.oid"
                " WHERE typname = :name ORDER BY enumsortorder"
            ),
            {"name": name},
        )
        assert list(stored) == [str(one) for one in kinds]


@pytest.fixture
def bare(postgres: EmbeddedPostgres) -> Iterator[sa.Engine]:
    """An engine on a database without a table."""
    with psycopg.connect(postgres.url.replace("/vigie?", "/postgres?"), autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS test_bare WITH (FORCE)")
        admin.execute("CREATE DATABASE test_bare")
    engine = connect(postgres.url.replace("/vigie?", "/test_bare?"))
    yield engine
    engine.dispose()


_OUTCOME_OF_THE_FIRST_VERSION = """
INSERT INTO study (study_instance_uid, patient_id, patient_name, patient_sex, accession_number,
    study_id, study_description, received_at, last_received_at, instance_count, arriving,
    assessment_number, requested_priority, unpinned, reading_state, due_at, due_without_ai_at,
    reason)
VALUES ('1.2.3', '', '', '', '', '', '', now(), now(), 1, false, 1, 'routine', true, 'unread',
    now(), now(), '');
INSERT INTO assessment (study_instance_uid, number) VALUES ('1.2.3', 1);
INSERT INTO outcome (study_instance_uid, assessment_number, detector, detector_version,
    weights_sha256, target, operating_point, kind, probability, regions, provenance, too_late,
    current, finished_at)
VALUES ('1.2.3', 1, 'fracture', '1', '', 'fracture', 0.5, 'flagged', 0.9,
    '[{"sop_instance_uid": "1.2.3.1", "frame_number": 1, "polygon": [[0, 0], [4, 0], [4, 4]],
       "score": 0.8, "polygon_mm": null}]',
    '{"instances": [], "not_eligible": [], "software_version": "0.1",
      "started_at": "2026-03-02T12:00:00+00:00", "finished_at": "2026-03-02T12:00:00+00:00"}',
    false, true, now());
"""


def test_outcomes_of_the_first_version_can_still_be_read(bare: sa.Engine, tmp_path: Path) -> None:
    migrate(bare, to="0001")
    assert not schema_is_current(bare)
    with bare.begin() as connection:
        for statement in _OUTCOME_OF_THE_FIRST_VERSION.split(";\n"):
            connection.exec_driver_sql(statement)
    migrate(bare)
    reader = PostgresReader(bare, archive=tmp_path, inbox_objects=lambda: 0)
    study = reader.study(StudyInstanceUID("1.2.3"), datetime.now(UTC))
    [region] = study.regions
    assert (region.score, region.kind, region.lesion) == (0.8, "", None)
    assert study.evidence == ()


def test_several_that_start_at_once_migrate_once(bare: sa.Engine) -> None:
    assert not schema_is_current(bare)
    engines = [connect(bare.url.render_as_string(hide_password=False)) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(migrate, engines))
    for engine in engines:
        assert schema_is_current(engine)
        engine.dispose()
    migrate(bare)
    with bare.connect() as connection:
        assert differences(connection, metadata) == []
        assert connection.scalar(sa.text("SELECT count(*) FROM ai_switch")) == 1


def test_the_newest_revision_is_the_one_that_alembic_would_go_to() -> None:
    config = Config()
    config.set_main_option(
        "script_location", str(Path(worklist.store.__file__).parent / "migrations")
    )
    assert newest_revision() == ScriptDirectory.from_config(config).get_current_head()
