"""The record: events say when they were written, days are sealed, and old days may go."""

from pathlib import Path

import psycopg
from alembic import op

revision = "0021"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Events from before keep their hashes: they never said when the database wrote them."""
    driver = op.get_bind().connection.driver_connection
    assert isinstance(driver, psycopg.Connection)  # noqa: S101  (online migrations only)
    row = driver.execute("SELECT quote_ident(current_schema())").fetchone()
    assert row is not None  # noqa: S101
    statements = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    driver.execute(statements.replace("{schema}", row[0]).encode())
