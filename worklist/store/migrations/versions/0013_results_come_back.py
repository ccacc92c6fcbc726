"""Results that come back from the PACS are told from what modalities send."""

from alembic import op

revision = "0013"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Whatever was filed before was no result of ours: none had been sent."""
    op.execute("ALTER TABLE instance ADD COLUMN made_by_vigie BOOLEAN NOT NULL DEFAULT false")
