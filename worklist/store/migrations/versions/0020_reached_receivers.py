"""Who of several receivers has a notification is kept with it."""

from alembic import op

revision = "0020"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What was told before was told to all, or to nobody that is known."""
    op.execute("ALTER TABLE notification ADD COLUMN reached TEXT[] NOT NULL DEFAULT '{}'")
    op.execute("ALTER TABLE notification ALTER COLUMN reached DROP DEFAULT")
