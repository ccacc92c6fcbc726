"""Whether a study's requested priority is the RIS's."""

from alembic import op

revision = "0018b"
down_revision = "0018a"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of studies that are here, nothing is said until their next change."""
    op.execute("ALTER TABLE study ADD COLUMN requested_by_order BOOLEAN DEFAULT false NOT NULL")
