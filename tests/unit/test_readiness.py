"""Readiness: it fails before the disk is full, and while the database is away."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from vigie.readiness import check_disk, readiness
from vigie.settings import Settings
from worklist.store.engine import connect


@pytest.mark.parametrize(("reserve_bytes", "ready"), [(0, True), (10**16, False)])
def test_readiness_fails_while_the_disk_is_below_its_reserve(
    reserve_bytes: int, ready: bool, tmp_path: Path
) -> None:
    check = check_disk(Settings(data=tmp_path, disk_reserve_bytes=reserve_bytes))
    assert check.ok is ready
    assert ("0xA700" in check.detail) is not ready


def test_the_disk_is_looked_at_before_the_data_folder_is_made(tmp_path: Path) -> None:
    assert check_disk(Settings(data=tmp_path / "not" / "yet", disk_reserve_bytes=0)).ok


def test_a_node_is_ready_when_its_database_has_the_schema(
    engine: sa.Engine, tmp_path: Path
) -> None:
    checks = readiness(Settings(data=tmp_path, disk_reserve_bytes=0), engine)()
    assert [(check.name, check.ok) for check in checks] == [("database", True), ("disk", True)]


def test_a_node_is_not_ready_without_its_database(unused_port: int, tmp_path: Path) -> None:
    gone = connect(f"postgresql://nobody@127.0.0.1:{unused_port}/none")
    checks = readiness(Settings(data=tmp_path, disk_reserve_bytes=0), gone)()
    gone.dispose()
    assert [check.ok for check in checks] == [False, True]
    assert "does not answer" in checks[0].detail


def test_a_node_is_not_ready_on_a_database_of_another_version(
    database_url: str, tmp_path: Path
) -> None:
    bare = connect(database_url)
    with bare.begin() as connection:
        connection.execute(sa.text("DROP TABLE alembic_version"))
    checks = readiness(Settings(data=tmp_path, disk_reserve_bytes=0), bare)()
    bare.dispose()
    assert [check.ok for check in checks] == [False, True]
