"""The tables of what people see and say of studies; rows of them are only ever added."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from worklist.conclusion import Answer
from worklist.store.columns import AT, NAME, UID, enumeration, metadata, target_finding_type

finding_answer_type = enumeration(Answer, "finding_answer")

first_look_answer = sa.Table(
    "first_look_answer",
    metadata,
    sa.Column(
        "study_instance_uid", UID, sa.ForeignKey("study.study_instance_uid"), primary_key=True
    ),
    sa.Column("account", NAME, sa.ForeignKey("account.name"), primary_key=True),
    sa.Column("assessment_number", sa.Integer, primary_key=True),
    sa.Column("target", target_finding_type, primary_key=True),
    sa.Column("answer", finding_answer_type, nullable=False),
    sa.Column("at", AT, nullable=False),
)

reveal = sa.Table(
    "reveal",
    metadata,
    sa.Column(
        "study_instance_uid", UID, sa.ForeignKey("study.study_instance_uid"), primary_key=True
    ),
    sa.Column("looker", NAME, primary_key=True),  # as events name who acts
    sa.Column("detector", sa.Text, primary_key=True),
    sa.Column("assessment_number", sa.Integer, primary_key=True),
    sa.Column("at", AT, nullable=False),
)

judgement = sa.Table(
    "judgement",
    metadata,
    sa.Column("judgement_id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("study_instance_uid", UID, nullable=False),
    sa.Column("account", NAME, sa.ForeignKey("account.name"), nullable=False),
    sa.Column("detector", sa.Text, nullable=False),
    sa.Column("assessment_number", sa.Integer, nullable=False),
    sa.Column("lesion", sa.Integer),
    sa.Column("region", sa.Integer),
    sa.Column("agrees", sa.Boolean, nullable=False),
    sa.Column("comment", sa.Text, nullable=False),
    sa.Column("at", AT, nullable=False),
    sa.ForeignKeyConstraint(
        ["study_instance_uid", "assessment_number"],
        ["assessment.study_instance_uid", "assessment.number"],
    ),
    sa.CheckConstraint("lesion IS NULL OR region IS NULL", name="one_thing"),
    sa.Index("judgement_of_study", "study_instance_uid"),
)

drawn_finding = sa.Table(
    "drawn_finding",
    metadata,
    sa.Column("drawn_id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("study_instance_uid", UID, nullable=False),
    sa.Column("account", NAME, sa.ForeignKey("account.name"), nullable=False),
    sa.Column("target", target_finding_type, nullable=False),
    sa.Column("sop_instance_uid", UID, sa.ForeignKey("instance.sop_instance_uid"), nullable=False),
    sa.Column("frame_number", sa.Integer, nullable=False),
    sa.Column("polygon", JSONB, nullable=False),
    sa.Column("at", AT, nullable=False),
    sa.ForeignKeyConstraint(["study_instance_uid"], ["study.study_instance_uid"]),
    sa.CheckConstraint("frame_number >= 1", name="counts_from_one"),
    sa.Index("drawn_in_study", "study_instance_uid"),
)

drawn_withdrawal = sa.Table(
    "drawn_withdrawal",
    metadata,
    sa.Column("drawn_id", sa.BigInteger, sa.ForeignKey("drawn_finding.drawn_id"), primary_key=True),
    sa.Column("at", AT, nullable=False),
)

conclusion = sa.Table(
    "conclusion",
    metadata,
    sa.Column(
        "study_instance_uid", UID, sa.ForeignKey("study.study_instance_uid"), primary_key=True
    ),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("account", NAME, sa.ForeignKey("account.name"), nullable=False),
    sa.Column("assessment_number", sa.Integer, nullable=False),
    sa.Column("reading_s", sa.Double, nullable=False),
    sa.Column("opened_at", AT, nullable=False),
    sa.Column("concluded_at", AT, nullable=False),
    sa.Column("amends", sa.Boolean, nullable=False),
    sa.CheckConstraint(
        "reading_s >= 0 AND reading_s <= EXTRACT(epoch FROM concluded_at - opened_at)",
        name="read_while_open",
    ),
    sa.CheckConstraint("NOT amends OR number > 1", name="amends_one"),
)

conclusion_answer = sa.Table(
    "conclusion_answer",
    metadata,
    sa.Column("study_instance_uid", UID, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("target", target_finding_type, primary_key=True),
    sa.Column("answer", finding_answer_type, nullable=False),
    sa.ForeignKeyConstraint(
        ["study_instance_uid", "number"],
        ["conclusion.study_instance_uid", "conclusion.number"],
    ),
)
