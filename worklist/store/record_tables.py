"""The tables of the record besides the event log itself."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import BYTEA

from worklist.store.columns import AT, NAME, metadata

event_day = sa.Table(
    "event_day",
    metadata,
    sa.Column("day", sa.Date, primary_key=True),  # UTC, by the database's clock
    sa.Column("first_event_id", sa.BigInteger, nullable=False, unique=True),
    sa.Column("last_event_id", sa.BigInteger, nullable=False),
    sa.Column("hash", BYTEA, nullable=False),  # of the day's last event
    sa.Column("previous", BYTEA, nullable=False),  # SHA-256 of the head before; empty: the first
    sa.Column("sealed_at", AT, nullable=False),
    sa.Column("key_id", sa.Text, nullable=False),
    sa.Column("signature", BYTEA, nullable=False),  # Ed25519
    sa.CheckConstraint("last_event_id >= first_event_id", name="has_events"),
)

record_export = sa.Table(
    "record_export",
    metadata,
    sa.Column("name", NAME, primary_key=True),
    sa.Column("last_event_id", sa.BigInteger, nullable=False),
    sa.Column("exported_at", AT, nullable=False),
)
