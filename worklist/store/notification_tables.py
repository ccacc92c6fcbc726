"""The tables of what is told on channels."""

import sqlalchemy as sa

from worklist.notifying import NotificationState
from worklist.store.columns import AT, NAME, UID, enumeration, metadata, target_finding_type

notification_state_type = enumeration(NotificationState, "notification_state")

notification = sa.Table(
    "notification",
    metadata,
    sa.Column("number", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("notification_id", sa.Uuid, nullable=False, unique=True),
    sa.Column("channel", NAME, nullable=False),
    sa.Column("study_instance_uid", UID, sa.ForeignKey("study.study_instance_uid"), nullable=False),
    sa.Column("target", target_finding_type, nullable=False),
    sa.Column("outcome_id", sa.BigInteger, sa.ForeignKey("outcome.outcome_id"), nullable=False),
    sa.Column("flagged_at", AT, nullable=False),
    sa.Column("state", notification_state_type, nullable=False),
    sa.Column("due_at", AT, nullable=False),
    sa.Column("expires_at", AT, nullable=False),
    sa.Column("changed_at", AT, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("refusals", sa.Integer, nullable=False),
    sa.Column("by_hand", sa.Boolean, nullable=False),
    sa.Column("words", sa.Text, nullable=False),
    sa.Column("delivered_at", AT),
    sa.Column("reached", sa.ARRAY(sa.Text), nullable=False),
    # Never twice for one finding of one study.
    sa.UniqueConstraint("study_instance_uid", "target", "channel"),
    sa.CheckConstraint(
        "state <> 'delivered' OR delivered_at IS NOT NULL", name="delivered_at_some_time"
    ),
    sa.CheckConstraint("refusals BETWEEN 0 AND attempts", name="a_refusal_is_an_attempt"),
    sa.Index(
        "notification_due", "channel", "due_at", postgresql_where=sa.text("state = 'waiting'")
    ),
)

notification_channel = sa.Table(
    "notification_channel",
    metadata,
    sa.Column("name", NAME, primary_key=True),
    sa.Column("first_at", AT, nullable=False),
    sa.Column("last_at", AT, nullable=False),
    sa.Column("last_outcome_id", sa.BigInteger, nullable=False),
    sa.CheckConstraint("last_at >= first_at", name="last_after_first"),
)
