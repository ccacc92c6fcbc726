"""Indexes for what is rare among many: filters and words, of the list and of what was read."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of the list without a list of pending entries: it is read far more often than written."""
    for name, column in (("facets", "facets"), ("words", "search")):
        op.execute(
            f"CREATE INDEX worklist_{name} ON worklist_entry USING gin ({column})"
            " WITH (fastupdate = off)"
        )
        op.execute(
            f"CREATE INDEX study_read_{name} ON study USING gin ({column})"
            " WHERE reading_state = 'read'"
        )
