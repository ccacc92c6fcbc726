"""What each outcome rests on: image scores, suspected kinds, lesions."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Outcomes from before say nothing; the table is not rewritten for them."""
    op.execute("ALTER TABLE outcome ADD COLUMN evidence JSONB NOT NULL DEFAULT '{}'")
