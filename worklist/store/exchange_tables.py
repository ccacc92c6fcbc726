"""The tables of what the RIS said, and of the messages that came and went."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA

from worklist.orders import MessageKind, MessageState, OrderControl, ReportStatus
from worklist.store.columns import AT, NAME, UID, enumeration, metadata
from worklist.study import RequestedPriority

order_control_type = enumeration(OrderControl, "order_control")
report_status_type = enumeration(ReportStatus, "report_status")
message_kind_type = enumeration(MessageKind, "message_kind")
message_state_type = enumeration(MessageState, "message_state")
requested_priority_type = enumeration(RequestedPriority, "requested_priority")


def _issuers() -> sa.Column[list[str]]:
    """Assigning authorities of the patient IDs; none: anybody."""
    return sa.Column("issuers", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'"))


imaging_order = sa.Table(
    "imaging_order",
    metadata,
    sa.Column("order_id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("accession_number", sa.Text, nullable=False),
    sa.Column("order_number", sa.Text, nullable=False),
    sa.Column("patient_ids", ARRAY(sa.Text), nullable=False),
    sa.Column("control", order_control_type, nullable=False),
    sa.Column("requested_priority", requested_priority_type),
    sa.Column("patient_class", sa.Text, nullable=False),
    sa.Column("said_at", AT, nullable=False),
    _issuers(),
    sa.CheckConstraint("accession_number <> ''", name="has_an_accession_number"),
    sa.CheckConstraint("cardinality(patient_ids) > 0", name="has_a_patient"),
    sa.Index("order_by_accession", sa.text("left(accession_number, 64)")),
)

patient_merge = sa.Table(
    "patient_merge",
    metadata,
    sa.Column("merge_id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("former_id", NAME, nullable=False),
    sa.Column("patient_id", NAME, nullable=False),
    sa.Column("at", AT, nullable=False),
    _issuers(),
    sa.CheckConstraint("former_id <> patient_id", name="into_another"),
    sa.Index("merge_of_former", "former_id"),
)

report = sa.Table(
    "report",
    metadata,
    sa.Column("report_id", sa.BigInteger, sa.Identity(), primary_key=True),
    # Null: no images of it are here, or were not when it came.
    sa.Column("study_instance_uid", UID, sa.ForeignKey("study.study_instance_uid")),
    sa.Column("accession_number", sa.Text, nullable=False),
    sa.Column("patient_ids", ARRAY(sa.Text), nullable=False),
    sa.Column("status", report_status_type, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("said_at", AT, nullable=False),
    sa.Column("received_at", AT, nullable=False),
    _issuers(),
    sa.Index("report_of_study", "study_instance_uid"),
    sa.Index("report_by_accession", sa.text("left(accession_number, 64)")),
)

hl7_received = sa.Table(
    "hl7_received",
    metadata,
    sa.Column("message_id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("sender", NAME, nullable=False),
    sa.Column("control_id", NAME, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("message_type", sa.Text, nullable=False),
    sa.Column("accession_number", sa.Text, nullable=False),
    sa.Column("state", message_state_type, nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("received_at", AT, nullable=False),
    sa.Column("raw", BYTEA),
    sa.Column("is_whole", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.UniqueConstraint("sha256", "sender", "control_id"),
    sa.CheckConstraint("(state = 'refused') = (raw IS NOT NULL)", name="raw_of_dead_letters"),
    sa.Index("hl7_received_dead", "message_id", postgresql_where=sa.text("state = 'refused'")),
)

hl7_sent = sa.Table(
    "hl7_sent",
    metadata,
    sa.Column("message_id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("kind", message_kind_type, nullable=False),
    sa.Column("study_instance_uid", UID, nullable=False),
    sa.Column("assessment_number", sa.Integer, nullable=False),
    sa.Column("requested_priority", requested_priority_type),
    sa.Column("state", message_state_type, nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("queued_at", AT, nullable=False),
    sa.Column("next_try_at", AT, nullable=False),
    sa.Column("done_at", AT),
    sa.Column("raw", BYTEA),
    sa.Column("answer", BYTEA),
    sa.ForeignKeyConstraint(
        ["study_instance_uid", "assessment_number"],
        ["assessment.study_instance_uid", "assessment.number"],
    ),
    sa.UniqueConstraint("study_instance_uid", "assessment_number", "kind"),
    sa.CheckConstraint(
        "(kind = 'priority') = (requested_priority IS NOT NULL)", name="priority_is_said"
    ),
    sa.CheckConstraint("state = 'parked' OR raw IS NULL", name="raw_of_parked"),
    sa.CheckConstraint(
        "(state IN ('waiting', 'parked')) = (done_at IS NULL)", name="done_when_done"
    ),
    sa.Index("hl7_sent_due", "next_try_at", postgresql_where=sa.text("state = 'waiting'")),
    sa.Index("hl7_sent_dead", "message_id", postgresql_where=sa.text("state = 'parked'")),
)

# From when on assessments are told: what was there before the interface was set up is not.
hl7_start = sa.Table(
    "hl7_start",
    metadata,
    sa.Column("single", sa.Boolean, primary_key=True, server_default=sa.true()),
    sa.Column("since", AT, nullable=False),
    sa.CheckConstraint("single", name="one_row"),
)
