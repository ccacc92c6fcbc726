"""The tables of what goes back: objects that were made, and each on its way to each destination."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from worklist.outbound import DeliveryState, ObjectKind, RejectionReason, Worth
from worklist.store.columns import AT, UID, enumeration, metadata

object_kind_type = enumeration(ObjectKind, "object_kind")
delivery_state_type = enumeration(DeliveryState, "delivery_state")
rejection_reason_type = enumeration(RejectionReason, "rejection_reason")
study_worth_type = enumeration(Worth, "study_worth")

# The node as objects name it, the same for good.
installation = sa.Table(
    "installation",
    metadata,
    sa.Column("single", sa.Boolean, primary_key=True, server_default=sa.true()),
    sa.Column("uid", UID, nullable=False),
    sa.CheckConstraint("single", name="one_installation"),
)

# Since when a destination gets what is assessed, and until when it was set.
destination = sa.Table(
    "destination",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("since", AT, nullable=False),
    sa.Column("commits", sa.Boolean),  # false: it said that it answers for no safekeeping
    sa.Column("commits_at", AT),  # when it said so
    sa.Column("address", sa.Text, nullable=False, server_default=""),  # empty: not known yet
    sa.Column("until", AT),  # since when it is set no more
    # Its address changed then: what was queued before waits until a person says that it may go.
    sa.Column("held_before", AT),
)

result_set = sa.Table(
    "result_set",
    metadata,
    sa.Column("result_set_id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("study_instance_uid", UID, nullable=False),
    sa.Column("assessment_number", sa.Integer, nullable=False),
    sa.Column("made_at", AT, nullable=False),
    sa.Column("worth", study_worth_type, nullable=False),
    sa.Column("revealed", ARRAY(sa.Text), nullable=False),
    sa.Column("withheld", ARRAY(sa.Text), nullable=False),
    sa.Column("problem", sa.Text, nullable=False),
    sa.Column("superseded_at", AT),  # by a later set with objects
    sa.Column("retracted_at", AT),
    sa.Column("digest", sa.Text, nullable=False, server_default=""),  # of its facts; empty: none
    sa.Column("rules", sa.Text, nullable=False, server_default=""),  # software and modes
    sa.ForeignKeyConstraint(
        ["study_instance_uid", "assessment_number"],
        ["assessment.study_instance_uid", "assessment.number"],
    ),
    sa.Index("result_set_of_study", "study_instance_uid"),
    sa.Index(
        "result_set_withheld",
        "study_instance_uid",
        postgresql_where=sa.text(
            "cardinality(withheld) > 0 AND superseded_at IS NULL AND retracted_at IS NULL"
        ),
    ),
)

result_object = sa.Table(
    "result_object",
    metadata,
    sa.Column("sop_instance_uid", UID, primary_key=True),
    sa.Column(
        "result_set_id",
        sa.BigInteger,
        sa.ForeignKey("result_set.result_set_id"),
        nullable=False,
    ),
    sa.Column("study_instance_uid", UID, nullable=False),
    sa.Column("series_instance_uid", UID, nullable=False),
    sa.Column("sop_class_uid", UID, nullable=False),
    sa.Column("kind", object_kind_type, nullable=False),
    sa.Column("path", sa.Text, nullable=False, unique=True),  # relative to the results' folder
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("made_at", AT, nullable=False),
    sa.Column("file_gone_at", AT),  # not null: made again, byte for byte, when it is to be sent
    # What it takes the place of or rejects, and of a rejection why, and since when.
    sa.Column("names", ARRAY(sa.Text), nullable=False, server_default="{}"),
    sa.Column("why", rejection_reason_type),
    sa.Column("said_at", AT),
    sa.Index("result_object_of_set", "result_set_id"),
    sa.Index("result_object_of_study", "study_instance_uid"),
    sa.Index("result_object_on_disk", "made_at", postgresql_where=sa.text("file_gone_at IS NULL")),
)

# What could not be made of an assessment for a reason that may pass.
making_retry = sa.Table(
    "making_retry",
    metadata,
    sa.Column("study_instance_uid", UID, primary_key=True),
    sa.Column("assessment_number", sa.Integer, primary_key=True),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("first_at", AT, nullable=False),
    sa.Column("next_try_at", AT, nullable=False),
    sa.Column("problem", sa.Text, nullable=False),
    sa.ForeignKeyConstraint(
        ["study_instance_uid", "assessment_number"],
        ["assessment.study_instance_uid", "assessment.number"],
    ),
    sa.Index("making_retry_due", "next_try_at"),
)

delivery = sa.Table(
    "delivery",
    metadata,
    sa.Column("delivery_id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column(
        "sop_instance_uid", UID, sa.ForeignKey("result_object.sop_instance_uid"), nullable=False
    ),
    sa.Column("destination", sa.Text, sa.ForeignKey("destination.name"), nullable=False),
    sa.Column("state", delivery_state_type, nullable=False),
    sa.Column("queued_at", AT, nullable=False),
    sa.Column("next_try_at", AT),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("may_be_there", sa.Boolean, nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("words", sa.Text, nullable=False),
    sa.Column("sent_at", AT),
    sa.Column("committed_at", AT),
    # Whether something that took its place, or nothing, is still to say that it counts no more.
    sa.Column("to_reject", rejection_reason_type),
    sa.Column("transaction_uid", UID),  # under which its safekeeping was asked for last
    sa.Column("commitment_asked_at", AT),
    sa.Column("commitment_tries", sa.Integer, nullable=False, server_default="0"),
    # A repeat of whatever makes deliveries makes no second one.
    sa.UniqueConstraint("sop_instance_uid", "destination"),
    sa.CheckConstraint("(state = 'waiting') = (next_try_at IS NOT NULL)", name="waits_for_a_try"),
    sa.CheckConstraint(
        "state NOT IN ('sent', 'committed') OR sent_at IS NOT NULL", name="sent_at_a_time"
    ),
    sa.CheckConstraint(
        "state <> 'committed' OR committed_at IS NOT NULL", name="committed_at_a_time"
    ),
    sa.Index(
        "delivery_due",
        "destination",
        "next_try_at",
        postgresql_where=sa.text("state = 'waiting'"),
    ),
    sa.Index("delivery_in_state", "state", "delivery_id"),
    sa.Index(
        "delivery_to_reject",
        "destination",
        postgresql_where=sa.text("to_reject IS NOT NULL"),
    ),
    sa.Index(
        "delivery_to_commit",
        "destination",
        "commitment_asked_at",
        postgresql_where=sa.text("state = 'sent'"),
    ),
    sa.Index("delivery_of_transaction", "transaction_uid"),
)
