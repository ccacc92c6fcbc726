"""The narrow table of the list: the database keeps it in step, whatever happens to a study."""

import time
from typing import Any

import pytest
import sqlalchemy as sa

from tests.builders import HAEMORRHAGE, NOON, STUDY, arrival, provenance
from worklist.finding import Failed, Flagged, NotFlagged
from worklist.service import Worklist
from worklist.store.schema import migrate
from worklist.study import Completeness, RequestedPriority

WHO = {"actor": "anna", "reason": "because"}


def entries(engine: sa.Engine) -> dict[str, Any]:
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT * FROM worklist_entry")).all()
        for row in rows:
            study = connection.execute(
                sa.text("SELECT * FROM study WHERE study_instance_uid = :uid"),
                {"uid": row.study_instance_uid},
            ).one()
            for name in row._mapping:
                assert row._mapping[name] == study._mapping[name], name
    return {row.study_instance_uid: row for row in rows}


def facets(engine: sa.Engine) -> set[str]:
    return set(entries(engine)[STUDY].facets)


def test_the_facets_of_a_study_follow_whatever_happens_to_it(
    worklist: Worklist, emptied_engine: sa.Engine
) -> None:
    worklist.record_arrivals([arrival()], now=NOON)
    routine = {"modality:CT", "body:HEAD", "priority:routine"}
    assert facets(emptied_engine) == routine
    worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON)
    worklist.record_outcome(STUDY, 1, Flagged(probability=0.9), provenance(), now=NOON)
    worklist.record_outcome(STUDY, 1, Failed(reason="?"), provenance(HAEMORRHAGE), now=NOON)
    both = {"state:fracture:flagged", "state:haemorrhage:failed"}
    assert facets(emptied_engine) == routine | both
    worklist.record_outcome(STUDY, 1, NotFlagged(probability=0), provenance(), now=NOON)
    both = {"state:fracture:not_flagged", "state:haemorrhage:failed"}
    assert facets(emptied_engine) == routine | both
    worklist.override_priority(STUDY, RequestedPriority.STAT, **WHO, now=NOON)
    stat = {"modality:CT", "body:HEAD", "priority:stat"}
    assert facets(emptied_engine) == stat | both
    worklist.record_arrivals([arrival("1.2.3.1.2")], now=NOON)
    assert facets(emptied_engine) == stat  # P4: earlier results say nothing on these images
    worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON)
    worklist.record_outcome(STUDY, 1, Flagged(probability=0.9), provenance(), now=NOON)
    assert facets(emptied_engine) == stat
    worklist.record_outcome(STUDY, 2, Flagged(probability=0.9), provenance(), now=NOON)
    assert facets(emptied_engine) == stat | {"state:fracture:flagged"}


def test_a_study_that_is_read_leaves_the_list_and_comes_back_with_new_images(
    worklist: Worklist, emptied_engine: sa.Engine
) -> None:
    worklist.record_arrivals([arrival()], now=NOON)
    worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON)
    worklist.mark_read(STUDY, **WHO, now=NOON)
    assert entries(emptied_engine) == {}
    worklist.record_outcome(STUDY, 1, Flagged(probability=0.9), provenance(), now=NOON)
    assert entries(emptied_engine) == {}
    worklist.record_arrivals([arrival("1.2.3.1.2")], now=NOON)
    assert set(entries(emptied_engine)) == {STUDY}


def found(engine: sa.Engine, *words: str) -> bool:
    query = " & ".join(f"'{word}':*" for word in words)
    with engine.connect() as connection:
        return bool(
            connection.scalar(
                sa.text("SELECT search @@ CAST(:query AS tsquery) FROM worklist_entry"),
                {"query": query},
            )
        )


def test_a_study_is_found_by_what_later_objects_fill_in(
    worklist: Worklist, emptied_engine: sa.Engine
) -> None:
    worklist.record_arrivals([arrival(patient_name="", patient_id="")], now=NOON)
    assert not found(emptied_engine, "mul")
    late = arrival("1.2.3.1.2", patient_name="Müller^Jean", patient_id="P-77")
    worklist.record_arrivals([late], now=NOON)
    assert found(emptied_engine, "jean", "mul", "77")
    assert entries(emptied_engine)
    other = arrival("1.2.3.1.3", patient_name="Other^Name")
    worklist.record_arrivals([other], now=NOON)
    assert found(emptied_engine, "mull")
    assert not found(emptied_engine, "other")


@pytest.mark.parametrize("text", ["", "'", "\\", "\x00", "\ud800", "a" * 9000, "山" * 900, "':*|"])
def test_p9_no_name_keeps_a_study_off_the_list(
    worklist: Worklist, emptied_engine: sa.Engine, text: str
) -> None:
    worklist.record_arrivals([arrival(patient_name=text, patient_id=text)], now=NOON)
    assert set(entries(emptied_engine)) == {STUDY}


def test_studies_of_an_earlier_version_are_entered_and_found(
    engine_of_version: Any,
) -> None:
    engine = engine_of_version("0006")
    with engine.begin() as connection:
        connection.execute(sa.text(_STUDY))
        connection.execute(sa.text(_STUDY.replace("1.2.3", "1.2.4").replace("unread", "read")))
        connection.execute(
            sa.text("INSERT INTO series VALUES ('1.2.3.1', '1.2.3', 'CT', 'HEAD', '', 1)")
        )
    migrate(engine)
    assert facets(engine) == {"modality:CT", "body:HEAD", "priority:routine"}
    assert set(entries(engine)) == {"1.2.3"}
    assert found(engine, "mull", "77")


def rows_written(engine: sa.Engine, table: str, kind: str, at_least: int) -> int:
    """By all connections that are over; the database counts them a little later."""
    counted = sa.text(f"SELECT n_tup_{kind} FROM pg_stat_user_tables WHERE relname = :name")
    deadline = time.monotonic() + 60
    while True:
        with engine.connect() as connection:
            found = int(connection.execute(counted, {"name": table}).scalar_one())
        if found >= at_least or time.monotonic() > deadline:
            return found
        time.sleep(0.2)


def test_an_upgrade_writes_each_study_once_however_many_there_are(engine_of_version: Any) -> None:
    """More than a portion of them; and what it writes is what the triggers would."""
    engine = engine_of_version("0006")
    many = 5_003
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                _STUDY.split("VALUES")[0]
                + "SELECT '1.2.' || one, 'P' || one, 'Müller^Jean', '', '', '', '', now(), now(),"
                " 1, false, 1, 'routine', true, 'unread', now(), now(), ''"
                " FROM generate_series(1, :many) AS one"
            ),
            {"many": many},
        )
        connection.execute(
            sa.text(
                "INSERT INTO series SELECT study_instance_uid || '.1', study_instance_uid, 'CT',"
                " 'HEAD', '', 1 FROM study"
            )
        )
    migrate(engine, to="0007")
    engine.dispose()
    assert rows_written(engine, "study", "upd", many) == many
    assert rows_written(engine, "worklist_entry", "ins", many) == many
    assert rows_written(engine, "worklist_entry", "upd", 0) == 0
    made = entries_of(engine)
    assert len(made) == many
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE study SET facets = '{}'"))
    assert entries_of(engine) == made


def entries_of(engine: sa.Engine) -> set[tuple[str, str, str]]:
    """UID, facets and words of the whole list."""
    with engine.connect() as connection:
        rows = connection.execute(
            sa.text("SELECT study_instance_uid, facets::text, search::text FROM worklist_entry")
        )
        return {(row[0], row[1], row[2]) for row in rows}


def test_an_index_of_a_day_and_facets_of_an_earlier_version_are_put_right(
    engine_of_version: Any,
) -> None:
    engine = engine_of_version("0010")
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE INDEX study_of_patient ON study (patient_id)"))
        connection.execute(sa.text(_STUDY))
        connection.execute(
            sa.text("INSERT INTO series VALUES ('1.2.3.1', '1.2.3', 'CT', 'fuß', '', 1)")
        )
        connection.execute(sa.text("ALTER TABLE study DISABLE TRIGGER study_faceted"))
        connection.execute(sa.text("UPDATE study SET facets = '{body:FUSS}'"))
        connection.execute(sa.text("ALTER TABLE study ENABLE TRIGGER study_faceted"))
    migrate(engine)
    assert facets(engine) == {"modality:CT", "body:FUß", "priority:routine"}
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT to_regclass('study_of_patient')")) is None


_STUDY = """
INSERT INTO study (study_instance_uid, patient_id, patient_name, patient_sex, accession_number,
    study_id, study_description, received_at, last_received_at, instance_count, arriving,
    assessment_number, requested_priority, unpinned, reading_state, due_at, due_without_ai_at,
    reason)
VALUES ('1.2.3', 'P-77', 'Müller^Jean', '', '', '', '', now(), now(), 1, false, 1, 'routine', true,
    'unread', now(), now(), '')
"""
