"""Studies, outcomes, the event log and the job queue."""

from pathlib import Path

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make everything."""
    # The driver's own connection: SQLAlchemy would take a percent sign for a parameter.
    connection = op.get_bind().connection.driver_connection
    assert connection is not None  # noqa: S101  (online migrations only)
    connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
    connection.execute(SchemaManager.get_schema())
