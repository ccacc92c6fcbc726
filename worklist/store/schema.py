"""The database's schema, brought to the version this software needs by whoever starts first."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

_MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(engine: sa.Engine, *, to: str = "head") -> None:
    """Bring the schema to the newest version, or to an older one of which something is tried.

    Several processes may call this at once.
    """
    config = _config()
    with engine.begin() as connection:
        connection.execute(
            sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext("vigie schema")))
        )
        config.attributes["connection"] = connection
        command.upgrade(config, to)


def schema_is_current(engine: sa.Engine) -> bool:
    """Whether the database has the version this software needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == head


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config
