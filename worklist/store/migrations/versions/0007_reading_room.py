"""Who reads what, what each person likes, and a list that answers fast however long it is."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

from worklist.search import SEARCHED, study_words

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_AT_ONCE = 1000


def upgrade() -> None:
    """Studies from before are entered into the list, and found by their words."""
    connection = op.get_bind()
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101  (online migrations only)
    driver.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
    studies = connection.execute(
        sa.text(f"SELECT study_instance_uid, {', '.join(SEARCHED)} FROM study")  # noqa: S608
    ).all()
    save = sa.text(
        "UPDATE study SET search = array_to_tsvector(CAST(:words AS text[]))"
        " WHERE study_instance_uid = :uid"
    )
    for begin in range(0, len(studies), _AT_ONCE):
        connection.execute(
            save,
            [
                {"uid": one.study_instance_uid, "words": study_words(one[1:])}
                for one in studies[begin : begin + _AT_ONCE]
            ],
        )
