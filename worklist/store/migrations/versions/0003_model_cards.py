"""The card of each installed detector, and who stopped it, quickly found."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A detector from before has no card until a worker registers it again."""
    op.execute("ALTER TABLE detector ADD COLUMN card JSON")
    op.execute("CREATE INDEX event_ai_stopped ON event (event_id) WHERE kind = 'ai_stopped'")
