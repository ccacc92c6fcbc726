"""A look for flags is known by the newest outcome that there was, not by the clock alone."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What channels have looked through stays looked through."""
    op.execute("ALTER TABLE notification_channel ADD COLUMN last_outcome_id BIGINT")
    op.execute(
        "UPDATE notification_channel SET last_outcome_id ="
        " (SELECT coalesce(max(outcome_id), 0) FROM outcome)"
    )
    op.execute("ALTER TABLE notification_channel ALTER COLUMN last_outcome_id SET NOT NULL")
