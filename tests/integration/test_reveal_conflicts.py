"""Marks that are shown to one person twice at once: nobody waits for the other in a circle."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import sqlalchemy as sa

from tests.builders import HAEMORRHAGE, NOON, STUDY, account, arrival, provenance
from worklist.due_time import DueTargets
from worklist.finding import Flagged, Region
from worklist.highlighting import Looker
from worklist.people import Role
from worklist.readings import Reveal
from worklist.service import Worklist
from worklist.store.people import PostgresPeople
from worklist.store.postgres import PostgresStore
from worklist.store.reader import PostgresReader
from worklist.study import Completeness
from worklist.uid import SOPInstanceUID

ANNA = Looker(actor="person anna", account="anna", roles=frozenset({Role.RADIOLOGIST}))
MARKED = Flagged(
    probability=0.9,
    regions=(
        Region(
            sop_instance_uid=SOPInstanceUID("1.2.3.1.1"),
            frame_number=1,
            polygon=((1.0, 1.0), (9.0, 1.0), (9.0, 9.0)),
            score=0.8,
        ),
    ),
)
_WAITING = sa.text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")


def wait_for_a_waiting_connection(engine: sa.Engine) -> None:
    deadline = time.monotonic() + 60
    with engine.connect() as connection:
        while connection.execute(_WAITING).scalar_one() == 0:
            connection.rollback()
            assert time.monotonic() < deadline, "nobody waits for the study"
            time.sleep(0.05)


def test_a_study_that_is_opened_while_its_marks_are_asked_for_shows_them_in_the_end(
    emptied_engine: sa.Engine, tmp_path: Path
) -> None:
    engine = emptied_engine
    with PostgresPeople(engine).transaction() as transaction:
        transaction.save_account(account("anna"))
    store = PostgresStore(engine)
    room = Worklist(store, DueTargets())
    room.record_arrivals([arrival()], now=NOON)
    room.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON)
    room.begin_assessment(STUDY, 1, now=NOON)
    room.record_outcome(STUDY, 1, MARKED, provenance(HAEMORRHAGE), now=NOON)
    study = PostgresReader(engine, archive=tmp_path, inbox_objects=lambda: 0).study(STUDY, NOON)
    reveal = Reveal(looker=ANNA.actor, detector="haemorrhage", assessment_number=1)
    with ThreadPoolExecutor(1) as pool:
        with store.transaction() as asked:  # as POST .../reveal does it: the study first
            asked.lock_studies([STUDY])
            opened = pool.submit(room.show, study, ANNA, now=NOON)
            wait_for_a_waiting_connection(engine)
            assert asked.add_reveals(STUDY, [reveal], NOON) == [reveal]
        assert opened.result(60).revealed == {"haemorrhage"}
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM reveal")).scalar_one() == 1
