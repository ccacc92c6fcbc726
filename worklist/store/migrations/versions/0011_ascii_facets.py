"""Facets whose case is folded for ASCII only, whatever the database's locale."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_FACETS = """
CREATE OR REPLACE FUNCTION study_facets(
    uid text, is_arriving boolean, newest integer, priority requested_priority
) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT array(
        SELECT 'modality:' || left(upper(modality COLLATE "C"), 64) FROM series
            WHERE study_instance_uid = uid AND modality <> ''
        UNION SELECT 'body:' || left(upper(body_part_examined COLLATE "C"), 64) FROM series
            WHERE study_instance_uid = uid AND body_part_examined <> ''
        UNION SELECT 'priority:' || priority
        UNION SELECT 'state:' || left(detector, 64) || ':'
                || CASE WHEN too_late THEN 'too_late' ELSE kind::text END
            FROM outcome WHERE study_instance_uid = uid AND current
                AND NOT is_arriving AND assessment_number >= newest
        ORDER BY 1)
$$
"""


def upgrade() -> None:
    """What is filtered by letters beyond ASCII is found in every database.

    Databases made between two commits of 22 November 2026 have an index that takes no long
    patient ID, and that nothing else would drop.
    """
    op.execute("DROP INDEX IF EXISTS study_of_patient")
    op.execute(_FACETS)
    op.execute(
        "UPDATE study SET facets = '{}' WHERE study_instance_uid IN ("  # a trigger fills them in
        " SELECT study_instance_uid FROM series"
        " WHERE octet_length(modality) <> char_length(modality)"
        " OR octet_length(body_part_examined) <> char_length(body_part_examined))"
    )
