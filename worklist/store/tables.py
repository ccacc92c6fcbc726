"""The tables, as SQLAlchemy sees them. The migrations make them; a test holds the two together."""

from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, JSONB, TSVECTOR

from worklist.api_tokens import Scope
from worklist.claims import ClaimEnd
from worklist.people import Role
from worklist.reading import ReadingState
from worklist.store import (
    exchange_tables,
    notification_tables,
    outbound_tables,
    quality_tables,
    reading_tables,
    record_tables,
)
from worklist.store.columns import AT as _AT
from worklist.store.columns import NAME as _NAME
from worklist.store.columns import UID as _UID
from worklist.store.columns import enumeration as _enum
from worklist.store.columns import target_finding_type
from worklist.study import Completeness

metadata = reading_tables.conclusion.metadata  # with the tables there
notification = notification_tables.notification
notification_channel = notification_tables.notification_channel
delivery = outbound_tables.delivery
quality_case = quality_tables.quality_case
event_day = record_tables.event_day
record_export = record_tables.record_export


class OutcomeKind(StrEnum):
    """The four things an assessment can come to, as stored."""

    FLAGGED = "flagged"
    NOT_FLAGGED = "not_flagged"
    NOT_APPLICABLE = "not_applicable"
    FAILED = "failed"


requested_priority_type = exchange_tables.requested_priority_type
completeness_type = _enum(Completeness, "completeness")
reading_state_type = _enum(ReadingState, "reading_state")
outcome_kind_type = _enum(OutcomeKind, "outcome_kind")
account_role_type = _enum(Role, "account_role")
token_scope_type = _enum(Scope, "token_scope")
claim_end_type = _enum(ClaimEnd, "claim_end")

study = sa.Table(
    "study",
    metadata,
    sa.Column("study_instance_uid", _UID, primary_key=True),
    sa.Column("patient_id", sa.Text, nullable=False),
    sa.Column("issuer_of_patient_id", sa.Text, nullable=False, server_default=sa.text("''")),
    sa.Column("patient_name", sa.Text, nullable=False),
    sa.Column("patient_birth_date", sa.Date),
    sa.Column("patient_sex", sa.Text, nullable=False),
    sa.Column("accession_number", sa.Text, nullable=False),
    sa.Column("study_id", sa.Text, nullable=False),
    sa.Column("study_description", sa.Text, nullable=False),
    sa.Column("study_at", _AT),
    sa.Column("received_at", _AT, nullable=False),
    sa.Column("last_received_at", _AT, nullable=False),
    sa.Column("instance_count", sa.Integer, nullable=False),
    sa.Column("expected_instance_count", sa.Integer),
    sa.Column("arriving", sa.Boolean, nullable=False),
    sa.Column("reopened_at", _AT),
    sa.Column("completeness", completeness_type),
    sa.Column("assessment_number", sa.Integer, nullable=False),
    sa.Column("requested_priority", requested_priority_type, nullable=False),
    sa.Column("requested_by_order", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("priority_override", requested_priority_type),
    sa.Column("unpinned", sa.Boolean, nullable=False),
    sa.Column("reading_state", reading_state_type, nullable=False),
    sa.Column("due_at", _AT, nullable=False),
    sa.Column("due_without_ai_at", _AT, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    # What it is filtered by; triggers keep it in step with series and outcomes.
    sa.Column("facets", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")),
    sa.Column("search", TSVECTOR, nullable=False, server_default=sa.text("''")),
    sa.Column("preview", JSONB(none_as_null=True)),
    # P2 as the database sees it: no row may say that AI made a study wait.
    sa.CheckConstraint("due_at <= due_without_ai_at", name="ai_never_delays"),
    sa.CheckConstraint("last_received_at >= received_at", name="last_after_first"),
)

series = sa.Table(
    "series",
    metadata,
    sa.Column("series_instance_uid", _UID, primary_key=True),
    sa.Column(
        "study_instance_uid", _UID, sa.ForeignKey("study.study_instance_uid"), primary_key=True
    ),
    sa.Column("modality", sa.Text, nullable=False),
    sa.Column("body_part_examined", sa.Text, nullable=False),
    sa.Column("series_description", sa.Text, nullable=False),
    sa.Column("series_number", sa.Integer),
    sa.Index("series_of_study", "study_instance_uid"),
)

instance = sa.Table(
    "instance",
    metadata,
    sa.Column("sop_instance_uid", _UID, primary_key=True),
    sa.Column("series_instance_uid", _UID, nullable=False),
    sa.Column("study_instance_uid", _UID, nullable=False),
    sa.Column("sop_class_uid", sa.Text, nullable=False),
    sa.Column("transfer_syntax_uid", sa.Text, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("archive_path", sa.Text, nullable=False, unique=True),
    sa.Column("received_at", _AT, nullable=False),
    sa.Column("calling_ae_title", sa.Text, nullable=False),
    sa.Column("sender_address", sa.Text, nullable=False),
    sa.Column("instance_number", sa.Integer),
    sa.Column("number_of_frames", sa.Integer, nullable=False),
    sa.Column("rows", sa.Integer),
    sa.Column("columns", sa.Integer),
    sa.Column("made_by_vigie", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("made_at", _AT),  # as its header writes it, taken as UTC; null: it does not say
    sa.ForeignKeyConstraint(
        ["series_instance_uid", "study_instance_uid"],
        ["series.series_instance_uid", "series.study_instance_uid"],
    ),
    sa.Index("instance_of_study", "study_instance_uid"),
)

instance_conflict = sa.Table(
    "instance_conflict",
    metadata,
    sa.Column(
        "sop_instance_uid", _UID, sa.ForeignKey("instance.sop_instance_uid"), primary_key=True
    ),
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("transfer_syntax_uid", sa.Text, primary_key=True),
    sa.Column("study_instance_uid", _UID, nullable=False),  # as the second object says
    sa.Column("archive_path", sa.Text, nullable=False),
    sa.Column("received_at", _AT, nullable=False),
    sa.Column("calling_ae_title", sa.Text, nullable=False),
)

quarantined_object = sa.Table(
    "quarantined_object",
    metadata,
    sa.Column("quarantine_path", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("received_at", _AT, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("calling_ae_title", sa.Text, nullable=False),
    sa.Column("sender_address", sa.Text, nullable=False),
)

study_association = sa.Table(
    "study_association",
    metadata,
    sa.Column(
        "study_instance_uid", _UID, sa.ForeignKey("study.study_instance_uid"), primary_key=True
    ),
    sa.Column("association_id", sa.Text, primary_key=True),
    sa.Column("calling_ae_title", sa.Text, primary_key=True),
    sa.Column("sender_address", sa.Text, primary_key=True),
)

assessment = sa.Table(
    "assessment",
    metadata,
    sa.Column(
        "study_instance_uid", _UID, sa.ForeignKey("study.study_instance_uid"), primary_key=True
    ),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("queued_at", _AT, nullable=False, server_default=sa.func.now()),
    sa.Column("started_at", _AT),
    sa.Column("finished_at", _AT),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    # Nothing more of it is to be queued for the RIS.
    sa.Column("told_to_ris", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("results_at", _AT),  # when what goes back was made of it, or found not to be needed
    sa.Column("results_asked", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.CheckConstraint("finished_at IS NULL OR finished_at >= queued_at", name="ends_after_queued"),
)

outcome = sa.Table(
    "outcome",
    metadata,
    sa.Column("outcome_id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("study_instance_uid", _UID, nullable=False),
    sa.Column("assessment_number", sa.Integer, nullable=False),
    sa.Column("detector", sa.Text, nullable=False),
    sa.Column("detector_version", sa.Text, nullable=False),
    sa.Column("weights_sha256", sa.Text, nullable=False),
    sa.Column("target", target_finding_type, nullable=False),
    sa.Column("operating_point", sa.Double, nullable=False),
    sa.Column("kind", outcome_kind_type, nullable=False),
    sa.Column("probability", sa.Double),
    sa.Column("reason", sa.Text),
    sa.Column("regions", JSONB, nullable=False),
    sa.Column("evidence", JSONB, nullable=False, server_default=sa.text("'{}'")),
    sa.Column("provenance", JSONB, nullable=False),
    sa.Column("too_late", sa.Boolean, nullable=False),
    sa.Column("current", sa.Boolean, nullable=False),
    sa.Column("finished_at", _AT, nullable=False),
    sa.ForeignKeyConstraint(
        ["study_instance_uid", "assessment_number"],
        ["assessment.study_instance_uid", "assessment.number"],
    ),
    sa.CheckConstraint(
        "(kind IN ('flagged', 'not_flagged')) = (probability IS NOT NULL)",
        name="kind_has_probability",
    ),
    sa.CheckConstraint("probability BETWEEN 0 AND 1", name="probability_range"),
    sa.CheckConstraint(
        "(kind IN ('not_applicable', 'failed')) = (reason IS NOT NULL)", name="kind_has_reason"
    ),
    sa.Index(
        "one_current_outcome",
        "study_instance_uid",
        "detector",
        unique=True,
        postgresql_where=sa.text("current"),
    ),
    sa.Index("outcome_of_study", "study_instance_uid"),
)

detector = sa.Table(
    "detector",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("target", target_finding_type),
    sa.Column("weights_sha256", sa.Text, nullable=False),
    sa.Column("operating_point", sa.Double),
    sa.Column("broken", sa.Text),  # why it could not be loaded; null: it works
    # Null: broken, or registered before cards were kept. Not JSONB: people read it in its order.
    sa.Column("card", sa.JSON(none_as_null=True)),
    sa.Column("registered_at", _AT, nullable=False),
)

ai_switch = sa.Table(
    "ai_switch",
    metadata,
    sa.Column("single", sa.Boolean, primary_key=True, server_default=sa.true()),
    sa.Column("whole", sa.Boolean, nullable=False),
    sa.Column("detectors", ARRAY(sa.Text), nullable=False),
    sa.CheckConstraint("single", name="one_row"),
)

event = sa.Table(
    "event",
    metadata,
    sa.Column("event_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", _AT, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("study_instance_uid", _UID),
    sa.Column("details", JSONB, nullable=False),
    sa.Column("previous_hash", BYTEA, nullable=False),
    sa.Column("hash", BYTEA, nullable=False),
    sa.Column("recorded_at", _AT),  # by the database's clock; null: before that was kept
    sa.Index("event_of_study", "study_instance_uid", "event_id"),
    sa.Index("event_recorded", "recorded_at"),
    sa.Index("event_ai_started", "event_id", postgresql_where=sa.text("kind = 'ai_started'")),
    sa.Index("event_day_sealed", "event_id", postgresql_where=sa.text("kind = 'day_sealed'")),
    sa.Index("event_days_removed", "event_id", postgresql_where=sa.text("kind = 'days_removed'")),
    # Who stopped AI is asked for whenever models are shown, however long ago it was.
    sa.Index("event_ai_stopped", "event_id", postgresql_where=sa.text("kind = 'ai_stopped'")),
)

account = sa.Table(
    "account",
    metadata,
    sa.Column("name", _NAME, primary_key=True),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("roles", ARRAY(account_role_type), nullable=False),
    sa.Column("password_hash", sa.Text),
    sa.Column("must_change_password", sa.Boolean, nullable=False),
    sa.Column("password_ends_at", _AT),
    sa.Column("issuer", sa.Text),
    sa.Column("subject", sa.Text),
    sa.Column("created_at", _AT, nullable=False),
    sa.Column("disabled_at", _AT),
    sa.UniqueConstraint("issuer", "subject"),
    sa.CheckConstraint("cardinality(roles) > 0", name="has_a_role"),
    sa.CheckConstraint("password_hash IS NOT NULL OR subject IS NOT NULL", name="can_sign_in"),
    sa.CheckConstraint("(issuer IS NULL) = (subject IS NULL)", name="subject_of_an_issuer"),
)

session = sa.Table(
    "session",
    metadata,
    sa.Column("digest", BYTEA, primary_key=True),  # SHA-256 of the secret in the cookie
    sa.Column("account", _NAME, sa.ForeignKey("account.name"), nullable=False),
    sa.Column("csrf_token", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("started_at", _AT, nullable=False),
    sa.Column("last_seen_at", _AT, nullable=False),
    sa.Column("ended_at", _AT),
    sa.CheckConstraint("last_seen_at >= started_at", name="seen_after_start"),
    sa.Index("session_of_account", "account", postgresql_where=sa.text("ended_at IS NULL")),
)

known_browser = sa.Table(
    "known_browser",
    metadata,
    sa.Column("digest", BYTEA, primary_key=True),
    sa.Column("account", _NAME, sa.ForeignKey("account.name"), primary_key=True),
    sa.Column("last_used_at", _AT, nullable=False),
)

sign_in_tries = sa.Table(
    "sign_in_tries",
    metadata,
    sa.Column("key", _NAME, primary_key=True),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("last_at", _AT, nullable=False),
    sa.Column("wait_until", _AT, nullable=False),
    sa.Index("sign_in_tries_last", "last_at"),
)

handshake = sa.Table(
    "handshake",
    metadata,
    sa.Column("state_digest", BYTEA, primary_key=True),
    sa.Column("browser_digest", BYTEA, nullable=False),
    sa.Column("nonce", sa.Text, nullable=False),
    sa.Column("code_verifier", sa.Text, nullable=False),
    sa.Column("started_at", _AT, nullable=False),
)

api_token = sa.Table(
    "api_token",
    metadata,
    sa.Column("name", _NAME, primary_key=True),
    sa.Column("digest", BYTEA, nullable=False, unique=True),  # SHA-256 of the token
    sa.Column("scopes", ARRAY(token_scope_type), nullable=False),
    sa.Column("created_at", _AT, nullable=False),
    sa.Column("ends_at", _AT),
    sa.Column("last_used_at", _AT),
    sa.Column("revoked_at", _AT),
    sa.CheckConstraint("cardinality(scopes) > 0", name="has_a_scope"),
)

# One narrow row for each unread study, kept by a trigger on `study`: the list stays fast
# whatever lies in the archive.
worklist_entry = sa.Table(
    "worklist_entry",
    metadata,
    sa.Column(
        "study_instance_uid",
        _UID,
        sa.ForeignKey("study.study_instance_uid", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("unpinned", sa.Boolean, nullable=False),
    sa.Column("due_at", _AT, nullable=False),
    sa.Column("received_at", _AT, nullable=False),
    sa.Column("facets", ARRAY(sa.Text), nullable=False),
    sa.Column("search", TSVECTOR, nullable=False),
    sa.Index(
        "worklist_order",
        "unpinned",
        "due_at",
        "received_at",
        "study_instance_uid",
        unique=True,
    ),
    sa.Index(
        "worklist_facets",
        "facets",
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},
    ),
    sa.Index(
        "worklist_words",
        "search",
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},
    ),
)

claim = sa.Table(
    "claim",
    metadata,
    sa.Column("claim_id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column(
        "study_instance_uid", _UID, sa.ForeignKey("study.study_instance_uid"), nullable=False
    ),
    sa.Column("account", _NAME, sa.ForeignKey("account.name"), nullable=False),
    sa.Column("claimed_at", _AT, nullable=False),
    sa.Column("ended_at", _AT),
    sa.Column("ended_how", claim_end_type),
    sa.CheckConstraint("ended_at >= claimed_at", name="ends_after_claimed"),
    sa.CheckConstraint("(ended_at IS NULL) = (ended_how IS NULL)", name="end_has_a_way"),
    sa.Index(
        "one_claim_of_a_study",
        "study_instance_uid",
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    ),
    sa.Index("claim_of_account", "account", postgresql_where=sa.text("ended_at IS NULL")),
)

preferences = sa.Table(
    "preferences",
    metadata,
    sa.Column("account", _NAME, sa.ForeignKey("account.name"), primary_key=True),
    sa.Column("chosen", JSONB, nullable=False),
)

saved_view = sa.Table(
    "saved_view",
    metadata,
    sa.Column("view_id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("account", _NAME, sa.ForeignKey("account.name"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("query", sa.Text, nullable=False),
    sa.UniqueConstraint("account", "name"),
)

sa.Index("study_arriving", study.c.last_received_at, postgresql_where=sa.text("arriving"))
sa.Index(
    "study_read_order",
    study.c.received_at,
    study.c.study_instance_uid,
    postgresql_where=sa.text("reading_state = 'read'"),
)
sa.Index(
    "study_read_facets",
    study.c.facets,
    postgresql_using="gin",
    postgresql_where=sa.text("reading_state = 'read'"),
)
sa.Index(
    "study_read_words",
    study.c.search,
    postgresql_using="gin",
    postgresql_where=sa.text("reading_state = 'read'"),
)
sa.Index(
    "outcome_latest",
    outcome.c.detector,
    outcome.c.finished_at,
    postgresql_where=sa.text("kind <> 'not_applicable'"),
)
sa.Index("outcome_flagged", outcome.c.finished_at, postgresql_where=sa.text("kind = 'flagged'"))
sa.Index(
    "assessment_running",
    assessment.c.study_instance_uid,
    assessment.c.number,
    postgresql_where=sa.text("started_at IS NOT NULL AND finished_at IS NULL"),
)
sa.Index(
    "assessment_to_tell",
    assessment.c.finished_at,
    postgresql_where=sa.text("finished_at IS NOT NULL AND NOT told_to_ris"),
)
sa.Index(
    "assessment_without_results",
    assessment.c.finished_at,
    postgresql_where=sa.text("finished_at IS NOT NULL AND results_at IS NULL"),
)
sa.Index(
    "assessment_results_asked",
    assessment.c.study_instance_uid,
    postgresql_where=sa.text("results_asked"),
)
INDEXED = 64  # characters of a text: an index takes no long keys, a header may hold any (P9)
sa.Index("study_by_patient_id", sa.func.left(study.c.patient_id, INDEXED))
sa.Index("study_by_accession", sa.func.left(study.c.accession_number, INDEXED))
sa.Index(
    "study_by_name",
    sa.func.lower(sa.func.left(study.c.patient_name, INDEXED)).label("name"),
    postgresql_ops={"name": "text_pattern_ops"},
)
sa.Index("study_newest", study.c.study_at.desc().nulls_last(), study.c.study_instance_uid)
