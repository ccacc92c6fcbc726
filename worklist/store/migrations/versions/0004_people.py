"""Accounts, their sessions and browsers, and what was tried in vain."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """No account yet: the node makes the first one when it starts."""
    for statement in _STATEMENTS.split(";\n"):
        op.execute(statement)


_STATEMENTS = """
CREATE TYPE account_role AS ENUM ('radiologist', 'qa_reviewer', 'administrator');
CREATE TABLE account (
    name TEXT COLLATE "C" NOT NULL,
    display_name TEXT NOT NULL,
    roles account_role[] NOT NULL,
    password_hash TEXT,
    must_change_password BOOLEAN NOT NULL,
    password_ends_at TIMESTAMP WITH TIME ZONE,
    issuer TEXT,
    subject TEXT,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    disabled_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (name),
    UNIQUE (issuer, subject),
    CONSTRAINT has_a_role CHECK (cardinality(roles) > 0),
    CONSTRAINT can_sign_in CHECK (password_hash IS NOT NULL OR subject IS NOT NULL),
    CONSTRAINT subject_of_an_issuer CHECK ((issuer IS NULL) = (subject IS NULL))
);
CREATE TABLE session (
    digest BYTEA NOT NULL,
    account TEXT COLLATE "C" NOT NULL,
    csrf_token TEXT NOT NULL,
    address TEXT NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (digest),
    FOREIGN KEY(account) REFERENCES account (name),
    CONSTRAINT seen_after_start CHECK (last_seen_at >= started_at)
);
CREATE INDEX session_of_account ON session (account) WHERE ended_at IS NULL;
CREATE TABLE known_browser (
    digest BYTEA NOT NULL,
    account TEXT COLLATE "C" NOT NULL,
    last_used_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (digest, account),
    FOREIGN KEY(account) REFERENCES account (name)
);
CREATE TABLE sign_in_tries (
    key TEXT COLLATE "C" NOT NULL,
    count INTEGER NOT NULL,
    last_at TIMESTAMP WITH TIME ZONE NOT NULL,
    wait_until TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (key)
);
CREATE INDEX sign_in_tries_last ON sign_in_tries (last_at)
"""
