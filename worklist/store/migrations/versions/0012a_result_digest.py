"""Of which facts results were made, so that the same are not made a second time."""

from alembic import op

revision = "0012a"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What was made before is of unknown facts: asked for again it is superseded."""
    op.execute("ALTER TABLE result_set ADD COLUMN digest TEXT DEFAULT '' NOT NULL")
