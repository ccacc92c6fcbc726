"""Tokens by which machines ask."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """None yet."""
    op.execute("CREATE TYPE token_scope AS ENUM ('metrics', 'read')")
    op.execute(
        """
        CREATE TABLE api_token (
            name TEXT COLLATE "C" NOT NULL,
            digest BYTEA NOT NULL,
            scopes token_scope[] NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            ends_at TIMESTAMP WITH TIME ZONE,
            last_used_at TIMESTAMP WITH TIME ZONE,
            revoked_at TIMESTAMP WITH TIME ZONE,
            PRIMARY KEY (name),
            UNIQUE (digest),
            CONSTRAINT has_a_scope CHECK (cardinality(scopes) > 0)
        )
        """
    )
