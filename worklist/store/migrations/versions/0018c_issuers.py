"""Who gave a patient ID: as images name it, and as messages of the RIS do."""

from alembic import op

revision = "0018c"
down_revision = "0018b"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of what is here, nobody knows: it may be of any authority, as before."""
    op.execute("ALTER TABLE study ADD COLUMN issuer_of_patient_id TEXT DEFAULT '' NOT NULL")
    for table in ("imaging_order", "patient_merge", "report"):
        op.execute(f"ALTER TABLE {table} ADD COLUMN issuers TEXT[] DEFAULT '{{}}' NOT NULL")
