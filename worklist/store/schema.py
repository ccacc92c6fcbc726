"""The database's schema, brought to the version this software needs by whoever starts first."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

_MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(engine: sa.Engine) -> None:
    """Bring the schema to the newest version; several processes may call this at once."""
    config = _config()
    with engine.begin() as connection:
        connection.execute(
            sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext("vigie schema")))
        )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def schema_is_current(engine: sa.Engine) -> bool:
    """Whether the database has the version this software needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == head


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config
