"""A scope for machines that send objects, and indexes for searches of the whole archive."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Searches by patient, name, accession number and date, among millions of studies.

    Texts are cut, for an index takes no long keys and a header may hold anything (P9).
    """
    op.execute("ALTER TYPE token_scope ADD VALUE 'store'")
    op.execute("CREATE INDEX study_by_patient_id ON study (left(patient_id, 64))")
    op.execute("CREATE INDEX study_by_accession ON study (left(accession_number, 64))")
    op.execute(
        "CREATE INDEX study_by_name ON study (lower(left(patient_name, 64)) text_pattern_ops)"
    )
    op.execute("CREATE INDEX study_newest ON study (study_at DESC NULLS LAST, study_instance_uid)")
