"""When images were made, and reports by their accession number: one may come before its images."""

from alembic import op

revision = "0018"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of what was filed before, nobody knows when it was made."""
    op.execute("ALTER TABLE instance ADD COLUMN made_at TIMESTAMP WITH TIME ZONE")
    op.execute("CREATE INDEX report_by_accession ON report (left(accession_number, 64))")
