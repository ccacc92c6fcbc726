"""The database's schema, brought to the version this software needs by whoever starts first.

Every process asks whether the schema is current, nearly always it is: Alembic is brought in only
where something must be changed.
"""

import re
from functools import cache
from pathlib import Path

import sqlalchemy as sa

from worklist.store.privileges import let_in

_MIGRATIONS = Path(__file__).parent / "migrations"
_NAMES = re.compile(r'^(revision|down_revision) = "([^"]+)"', re.MULTILINE)


def migrate(engine: sa.Engine, *, to: str = "head", application: str | None = None) -> None:
    """Bring the schema to the newest version, or to an older one of which something is tried.

    Several processes may call this at once.

    Parameters
    ----------
    engine
        Connected as the owner of the tables.
    application
        The role that the application connects as: it is let in, and may only append to the
        record. None, or the owner itself: no privilege is changed.
    """
    is_current = to == "head" and schema_is_current(engine)
    if is_current and application is None:
        return
    with engine.begin() as connection:
        connection.execute(
            sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext("vigie schema")))
        )
        if not is_current:
            _upgrade(connection, to)
        if application is not None:
            let_in(connection, application)


def _upgrade(connection: sa.Connection, to: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def schema_is_current(engine: sa.Engine) -> bool:
    """Whether the database has the version this software needs."""
    with engine.connect() as connection:
        if connection.scalar(sa.select(sa.func.to_regclass("alembic_version"))) is None:
            return False
        kept = connection.scalars(sa.text("SELECT version_num FROM alembic_version")).all()
    return list(kept) == [newest_revision()]


@cache
def newest_revision() -> str:
    """The revision that no other one follows, as the files of migrations say."""
    made: set[str] = set()
    followed: set[str] = set()
    for file in (_MIGRATIONS / "versions").glob("*.py"):
        names = dict(_NAMES.findall(file.read_text(encoding="utf-8")))
        made.add(names["revision"])
        followed.add(names.get("down_revision", ""))
    [newest] = made - followed
    return newest
