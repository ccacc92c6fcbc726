"""Who is on the way to the single sign-on provider and back."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nobody yet."""
    op.execute(
        """
        CREATE TABLE handshake (
            state_digest BYTEA NOT NULL,
            browser_digest BYTEA NOT NULL,
            nonce TEXT NOT NULL,
            code_verifier TEXT NOT NULL,
            started_at TIMESTAMP WITH TIME ZONE NOT NULL,
            PRIMARY KEY (state_digest)
        )
        """
    )
