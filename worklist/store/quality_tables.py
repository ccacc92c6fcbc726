"""The tables of cases and their reviews."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import BYTEA, JSONB

from worklist.case_review import CaseState, RootCause
from worklist.quality import CaseKind
from worklist.store.columns import AT, NAME, UID, enumeration, metadata, target_finding_type
from worklist.store.reading_tables import finding_answer_type

case_kind_type = enumeration(CaseKind, "case_kind")
case_state_type = enumeration(CaseState, "case_state")
root_cause_type = enumeration(RootCause, "root_cause")

# Studies of which something new was said; triggers on what is said write it, in its transaction.
quality_due = sa.Table(
    "quality_due",
    metadata,
    sa.Column("study_instance_uid", UID, primary_key=True),
    sa.Column("since", AT, nullable=False, server_default=sa.func.now()),
    sa.Index("quality_due_since", "since"),
)

quality_case = sa.Table(
    "quality_case",
    metadata,
    sa.Column("case_id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("study_instance_uid", UID, sa.ForeignKey("study.study_instance_uid"), nullable=False),
    sa.Column("target", target_finding_type, nullable=False),
    sa.Column("opened_at", AT, nullable=False),
    sa.Column("due_at", AT, nullable=False),
    sa.Column("state", case_state_type, nullable=False),
    sa.Column("assigned_to", NAME, sa.ForeignKey("account.name")),
    sa.Column("verdict", finding_answer_type),
    sa.Column("root_cause", root_cause_type),
    sa.Column("action", sa.Text, nullable=False, server_default=""),
    sa.Column("closed_at", AT),
    sa.Column("closed_by", NAME, sa.ForeignKey("account.name")),
    sa.Column("teaches", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.UniqueConstraint("study_instance_uid", "target"),
    sa.CheckConstraint(
        "(state IN ('waiting', 'adjudication')) = (verdict IS NULL)", name="reviewed_has_a_verdict"
    ),
    sa.CheckConstraint(
        "(state = 'closed') = (closed_at IS NOT NULL AND root_cause IS NOT NULL)",
        name="closed_has_a_cause",
    ),
    sa.CheckConstraint("NOT teaches OR state = 'closed'", name="teaches_when_closed"),
    sa.Index("quality_case_open", "due_at", postgresql_where=sa.text("state <> 'closed'")),
)

case_reason = sa.Table(
    "case_reason",
    metadata,
    sa.Column("case_id", sa.BigInteger, sa.ForeignKey("quality_case.case_id"), primary_key=True),
    sa.Column("kind", case_kind_type, primary_key=True),
    sa.Column("at", AT, nullable=False),
    sa.Column("inclusion_probability", sa.Double),
    sa.Column("evidence", JSONB, nullable=False),
    sa.CheckConstraint(
        "(kind = 'sample') = (inclusion_probability IS NOT NULL)", name="lot_has_a_probability"
    ),
    sa.CheckConstraint(
        "inclusion_probability > 0 AND inclusion_probability <= 1", name="probability_range"
    ),
)

case_review = sa.Table(
    "case_review",
    metadata,
    sa.Column("case_id", sa.BigInteger, sa.ForeignKey("quality_case.case_id"), primary_key=True),
    sa.Column("account", NAME, sa.ForeignKey("account.name"), primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),  # counts from 1 in the case
    sa.Column("answer", finding_answer_type, nullable=False),
    sa.Column("comment", sa.Text, nullable=False),
    sa.Column("at", AT, nullable=False),
    sa.UniqueConstraint("case_id", "number"),
)

case_comment = sa.Table(
    "case_comment",
    metadata,
    sa.Column("comment_id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("case_id", sa.BigInteger, sa.ForeignKey("quality_case.case_id"), nullable=False),
    sa.Column("account", NAME, sa.ForeignKey("account.name"), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("at", AT, nullable=False),
    sa.Index("comment_of_case", "case_id"),
)

# By which the lot falls; made once, shown to nobody.
quality_lot = sa.Table(
    "quality_lot",
    metadata,
    sa.Column("single", sa.Boolean, primary_key=True, server_default=sa.true()),
    sa.Column("key", BYTEA, nullable=False),
    sa.CheckConstraint("single", name="one_row"),
)
