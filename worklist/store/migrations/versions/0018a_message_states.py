"""Messages that came too late to matter, and dead letters that nobody looks after any more."""

from alembic import op

revision = "0018a"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """No message has these states yet."""
    op.execute("ALTER TYPE message_state ADD VALUE 'outdated'")
    op.execute("ALTER TYPE message_state ADD VALUE 'dismissed'")
