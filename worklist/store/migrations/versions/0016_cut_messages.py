"""Whether a message that was refused is kept whole."""

from alembic import op

revision = "0016"
down_revision = "0012a"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What was too long was kept by its beginning, and is told by what was said of it."""
    op.execute("ALTER TABLE hl7_received ADD COLUMN is_whole BOOLEAN DEFAULT true NOT NULL")
    op.execute("UPDATE hl7_received SET is_whole = false WHERE error = 'the message is too long'")
