"""Whether a node is of use: the checks behind ``/health/ready`` and ``vigie doctor``."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import sqlalchemy as sa

from viewer.ports import Check
from vigie.settings import Settings
from worklist.store.privileges import can_change_record
from worklist.store.schema import schema_is_current


def readiness(settings: Settings, engine: sa.Engine) -> Callable[[], Sequence[Check]]:
    """The checks of a running node."""
    return lambda: [check_database(engine), check_disk(settings)]


def check_database(engine: sa.Engine) -> Check:
    """Whether the database answers and has the schema this software needs."""
    try:
        if schema_is_current(engine):
            return Check(name="database", ok=True, detail="answers")
        return Check(
            name="database", ok=False, detail="its schema is of another version: run `vigie serve`"
        )
    except sa.exc.SQLAlchemyError as error:
        return Check(name="database", ok=False, detail=f"does not answer: {error.args[0]}")


def check_record(engine: sa.Engine) -> Check:
    """Whether the database keeps the application from changing the record (P10)."""
    with engine.connect() as connection:
        changes = can_change_record(connection)
    detail = (
        "the role that Vigie connects as can change the event log: give it one that cannot, see "
        "docs/operations.md"
        if changes
        else "the role that Vigie connects as can only append to the event log"
    )
    return Check(name="record", ok=True, warns=changes, detail=detail)


def check_disk(settings: Settings) -> Check:
    """Whether there is room for more objects."""
    free = shutil.disk_usage(_existing(settings.data)).free
    reserve = settings.disk_reserve_bytes
    detail = f"{free / 1e9:.1f} GB free, {reserve / 1e9:.1f} GB kept in reserve"
    if free <= reserve:
        detail += ": objects are refused (0xA700); make room or lower disk_reserve_bytes"
    return Check(name="disk", ok=free > reserve, detail=detail)


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path
