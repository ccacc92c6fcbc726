"""Who reads what, what each person likes, and a list that answers fast however long it is."""

from pathlib import Path
from typing import Any

import psycopg
from alembic import op

from worklist.search import SEARCHED, study_words

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_AT_ONCE = 5000


def upgrade() -> None:
    """Studies from before are entered into the list, and found by their words."""
    driver = op.get_bind().connection.driver_connection
    assert isinstance(driver, psycopg.Connection)  # noqa: S101  (online migrations only)
    here = Path(__file__)
    driver.execute(here.with_suffix(".sql").read_text(encoding="utf-8"))
    _fill(driver)
    follows = here.with_name("0007_reading_room_follows.sql")
    driver.execute(follows.read_text(encoding="utf-8"))


def _fill(driver: psycopg.Connection[Any]) -> None:
    """Words and facets of all studies by one statement, however many there are.

    The words are folded here, a portion at a time, so that an archive of millions fits.
    """
    driver.execute(
        'CREATE TEMPORARY TABLE folded (uid VARCHAR(64) COLLATE "C" NOT NULL,'
        " words TEXT[] NOT NULL) ON COMMIT DROP"
    )
    with driver.cursor("studies") as studies, driver.cursor() as writer:
        studies.execute(f"SELECT study_instance_uid, {', '.join(SEARCHED)} FROM study")  # noqa: S608
        while portion := studies.fetchmany(_AT_ONCE):
            with writer.copy("COPY folded FROM STDIN") as copy:
                copy.set_types(["text", "text[]"])
                for uid, *texts in portion:
                    copy.write_row((uid, study_words(texts)))
    driver.execute("ANALYZE folded")
    driver.execute(
        "UPDATE study SET search = array_to_tsvector(words),"
        " facets = study_facets(study_instance_uid, arriving, assessment_number,"
        " coalesce(priority_override, requested_priority))"
        " FROM folded WHERE uid = study_instance_uid"
    )
    driver.execute("DROP TABLE folded")
