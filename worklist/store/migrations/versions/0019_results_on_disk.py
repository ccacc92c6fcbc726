"""Which files of results lie on disk, what is tried again, and where destinations were."""

from alembic import op

revision = "0019"
down_revision = "0018c"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What was made before lies on disk; its reports name those that they took the place of."""
    for statement in _STATEMENTS.split(";\n"):
        op.execute(statement)


_STATEMENTS = """
ALTER TABLE destination ADD COLUMN address TEXT DEFAULT '' NOT NULL;
ALTER TABLE destination ADD COLUMN until TIMESTAMP WITH TIME ZONE;
ALTER TABLE destination ADD COLUMN held_before TIMESTAMP WITH TIME ZONE;
ALTER TABLE destination ADD COLUMN commits_at TIMESTAMP WITH TIME ZONE;
ALTER TABLE result_set ADD COLUMN rules TEXT DEFAULT '' NOT NULL;
ALTER TABLE result_object ADD COLUMN file_gone_at TIMESTAMP WITH TIME ZONE;
ALTER TABLE result_object ADD COLUMN names TEXT[] DEFAULT '{}' NOT NULL;
ALTER TABLE result_object ADD COLUMN why rejection_reason;
ALTER TABLE result_object ADD COLUMN said_at TIMESTAMP WITH TIME ZONE;
CREATE INDEX result_object_on_disk ON result_object (made_at) WHERE file_gone_at IS NULL;
CREATE TABLE making_retry (
    study_instance_uid VARCHAR(64) COLLATE "C" NOT NULL,
    assessment_number INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    first_at TIMESTAMP WITH TIME ZONE NOT NULL,
    next_try_at TIMESTAMP WITH TIME ZONE NOT NULL,
    problem TEXT NOT NULL,
    PRIMARY KEY (study_instance_uid, assessment_number),
    FOREIGN KEY(study_instance_uid, assessment_number)
        REFERENCES assessment (study_instance_uid, number)
);
CREATE INDEX making_retry_due ON making_retry (next_try_at);
UPDATE result_object report SET names = earlier.uids
FROM result_set mine, LATERAL (
    SELECT array_agg(before.sop_instance_uid::TEXT ORDER BY before.sop_instance_uid) AS uids
    FROM result_object before JOIN result_set theirs USING (result_set_id)
    WHERE theirs.study_instance_uid = mine.study_instance_uid
        AND theirs.superseded_at = mine.made_at AND before.kind = 'report'
        AND EXISTS (
            SELECT FROM delivery
            WHERE delivery.sop_instance_uid = before.sop_instance_uid AND delivery.may_be_there
        )
) earlier
WHERE report.kind = 'report' AND report.result_set_id = mine.result_set_id
    AND earlier.uids IS NOT NULL
"""
