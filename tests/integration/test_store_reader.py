"""P3: the order in the database is the order of `worklist.order`, page by page."""

import base64
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders import FRACTURE, HAEMORRHAGE, MINUTE, NOON, STUDY, arrival, provenance
from tests.conftest import empty
from worklist.due_time import DueTargets
from worklist.errors import UnknownDetector, UnknownStudy
from worklist.finding import (
    Failed,
    Flagged,
    NotApplicable,
    NotFlagged,
    Outcome,
    OutcomeState,
    Region,
)
from worklist.order import Position, in_order
from worklist.reading import ReadingState
from worklist.service import Worklist
from worklist.store.postgres import PostgresStore
from worklist.store.reader import PostgresReader
from worklist.store.tables import study
from worklist.store.transaction import READING_ORDER, position_tuple
from worklist.study import Completeness, RequestedPriority
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID
from worklist.views import InvalidCursor, ModelState, UnknownInstance

# Few different values, so that ties at every level are common.
minutes = st.integers(0, 2).map(lambda count: NOON + count * MINUTE)
uids = st.sampled_from(["1.9", "1.10", "1.2", "1.2.3", "1.20", "1.02", "1.1", "2.1", "1.100"])
positions = st.builds(
    Position,
    unpinned=st.booleans(),
    due_at=minutes,
    received_at=minutes,
    study_instance_uid=uids.map(StudyInstanceUID),
)
some_positions = st.lists(
    positions, unique_by=lambda one: one.study_instance_uid, min_size=1, max_size=9
)


def put(engine: sa.Engine, some: list[Position], state: ReadingState = ReadingState.UNREAD) -> None:
    """Studies at these positions."""
    with engine.begin() as connection:
        connection.execute(sa.insert(study), [_row(one, state) for one in some])


def _row(position: Position, state: ReadingState) -> dict[str, Any]:
    texts = ("patient_id", "patient_name", "patient_sex", "accession_number", "study_id")
    return {
        **dict.fromkeys([*texts, "study_description", "reason"], ""),
        "study_instance_uid": position.study_instance_uid,
        "received_at": position.received_at,
        "last_received_at": position.received_at,
        "instance_count": 0,
        "arriving": False,
        "assessment_number": 0,
        "requested_priority": RequestedPriority.ROUTINE,
        "unpinned": position.unpinned,
        "reading_state": state,
        "due_at": position.due_at,
        "due_without_ai_at": position.due_at,
    }


@pytest.fixture
def reader(emptied_engine: sa.Engine, tmp_path: Path) -> PostgresReader:
    return PostgresReader(emptied_engine, archive=tmp_path, inbox_objects=lambda: 0)


@pytest.fixture
def worklist(emptied_engine: sa.Engine) -> Worklist:
    store = PostgresStore(emptied_engine)
    store.register_detectors([FRACTURE, HAEMORRHAGE], {}, NOON)
    return Worklist(store, DueTargets())


def walk(reader: PostgresReader, limit: int) -> list[tuple[int, str]]:
    """Place and UID of every row, page by page."""
    rows: list[tuple[int, str]] = []
    after = None
    while True:
        page = reader.worklist_page(after, limit, NOON)
        rows += [(row.place, row.study_instance_uid) for row in page.rows]
        after = page.next_cursor
        if after is None:
            return rows


@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(some_positions, st.integers(1, 4))
def test_the_database_orders_as_the_rules_do_whatever_the_page_size(
    emptied_engine: sa.Engine, reader: PostgresReader, some: list[Position], limit: int
) -> None:
    empty(emptied_engine)
    put(emptied_engine, some)
    expected = [one.study_instance_uid for one in in_order(some)]
    assert walk(reader, limit) == list(enumerate(expected, start=1))
    with PostgresStore(emptied_engine).transaction() as transaction:
        for place, one in enumerate(in_order(some), start=1):
            assert transaction.place_of(one) == place


def positions_in_a_row(count: int) -> list[Position]:
    return [
        Position(
            unpinned=True,
            due_at=NOON + number * MINUTE,
            received_at=NOON,
            study_instance_uid=StudyInstanceUID(f"1.{number}"),
        )
        for number in range(count)
    ]


def change(engine: sa.Engine, uid: str, **values: Any) -> None:
    with engine.begin() as connection:
        connection.execute(
            sa.update(study).where(study.c.study_instance_uid == uid).values(**values)
        )


@pytest.mark.parametrize("seed", range(4))
def test_who_pages_while_the_list_moves_misses_no_study_that_stood_still(
    emptied_engine: sa.Engine, reader: PostgresReader, seed: int
) -> None:
    random = Random(seed)
    still, moving = positions_in_a_row(30)[::2], positions_in_a_row(30)[1::2]
    put(emptied_engine, still + moving)
    seen: list[str] = []
    after = None
    new = 0
    while True:
        page = reader.worklist_page(after, 4, NOON)
        seen += [row.study_instance_uid for row in page.rows]
        assert [row.place for row in page.rows] == list(
            range(page.rows[0].place, page.rows[0].place + len(page.rows))
        )
        after = page.next_cursor
        if after is None:
            break
        one = random.choice(moving)
        due = NOON + random.randrange(60) * MINUTE
        change(emptied_engine, one.study_instance_uid, due_at=due, due_without_ai_at=due)
        new += 1
        put(
            emptied_engine,
            [
                Position(
                    unpinned=True,
                    due_at=NOON + random.randrange(30) * MINUTE,
                    received_at=NOON,
                    study_instance_uid=StudyInstanceUID(f"3.{new}"),
                )
            ],
        )
    stood = [one.study_instance_uid for one in still]
    assert [uid for uid in seen if uid in set(stood)] == stood


def test_places_stay_right_when_the_last_study_of_a_page_is_read_meanwhile(
    emptied_engine: sa.Engine, reader: PostgresReader
) -> None:
    put(emptied_engine, positions_in_a_row(6))
    first = reader.worklist_page(None, 3, NOON)
    change(emptied_engine, first.rows[-1].study_instance_uid, reading_state="read")
    second = reader.worklist_page(first.next_cursor, 3, NOON)
    assert [(row.place, row.study_instance_uid) for row in second.rows] == [
        (3, "1.3"),
        (4, "1.4"),
        (5, "1.5"),
    ]
    assert second.total == 5


@pytest.mark.parametrize(("limit", "more"), [(2, True), (3, False), (4, False)])
def test_the_last_page_says_that_it_is_the_last(
    emptied_engine: sa.Engine, reader: PostgresReader, limit: int, more: bool
) -> None:
    put(emptied_engine, positions_in_a_row(3))
    page = reader.worklist_page(None, limit, NOON)
    assert (page.next_cursor is not None) == more
    assert page.total == 3


def test_an_empty_list_is_one_empty_page(reader: PostgresReader) -> None:
    page = reader.worklist_page(None, 10, NOON)
    assert (page.rows, page.total, page.next_cursor) == ((), 0, None)


def test_read_studies_are_not_on_the_list(
    emptied_engine: sa.Engine, reader: PostgresReader
) -> None:
    put(emptied_engine, positions_in_a_row(2), ReadingState.READ)
    assert walk(reader, 10) == []


def written(key: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "é",
        "AAAA",
        "not base64 at all",
        written("abcd"),
        written([True, "2026-03-02", "2026-03-02T12:00:00+00:00", "1.2"]),
        written([True, "2026-03-02T12:00:00", "2026-03-02T12:00:00+00:00", "1.2"]),
        written([True, "0001-01-01T00:00:00+14:00", "2026-03-02T12:00:00+00:00", "1.2"]),
        written([True, NOON.isoformat(), NOON.isoformat(), "../1.2"]),
        written([True, NOON.isoformat(), NOON.isoformat(), 12]),
        written([True, 1, 2, "1.2"]),
        written({"a": 1, "b": 2, "c": 3, "d": 4}),
        base64.urlsafe_b64encode(b"[" * 50_000).decode(),
    ],
)
def test_a_cursor_this_node_never_gave_out_is_refused(reader: PostgresReader, cursor: str) -> None:
    with pytest.raises(InvalidCursor, match="no cursor of this list"):
        reader.worklist_page(cursor, 10, NOON)


def test_a_page_is_read_from_the_index_of_the_reading_order(emptied_engine: sa.Engine) -> None:
    some = positions_in_a_row(3000)
    put(emptied_engine, some)
    put(
        emptied_engine,
        [
            Position(
                unpinned=True,
                due_at=NOON,
                received_at=NOON,
                study_instance_uid=StudyInstanceUID(f"2.{number}"),
            )
            for number in range(1000)
        ],
        ReadingState.READ,
    )
    with emptied_engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE study"))
    page = (
        sa.select(study.c.study_instance_uid)
        .where(
            study.c.reading_state == ReadingState.UNREAD, position_tuple(some[1500]) < READING_ORDER
        )
        .order_by(*READING_ORDER)
        .limit(50)
    )
    with emptied_engine.connect() as connection:
        sql = page.compile(connection, compile_kwargs={"literal_binds": True})
        [plan] = connection.execute(sa.text(f"EXPLAIN (FORMAT JSON, ANALYZE) {sql}")).scalar_one()
    scan = plan["Plan"]["Plans"][0]
    assert plan["Plan"]["Node Type"] == "Limit"
    assert scan["Node Type"] in {"Index Scan", "Index Only Scan"}
    assert scan["Index Name"] == "study_reading_order"
    assert scan["Actual Rows"] == 50
    assert "Index Cond" in scan


def test_a_study_is_shown_with_every_detector_and_its_state(
    worklist: Worklist, reader: PostgresReader
) -> None:
    worklist.record_arrivals([arrival(), arrival("1.2.3.2.1", series="1.2.3.2")], now=NOON)
    worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON)

    def states() -> dict[str, OutcomeState]:
        [row] = reader.worklist_page(None, 10, NOON).rows
        return {one.name: one.state for one in row.detectors}

    assert set(states().values()) == {OutcomeState.NOT_RUN_YET}
    worklist.begin_assessment(STUDY, 1, now=NOON)
    assert set(states().values()) == {OutcomeState.RUNNING}
    worklist.record_outcome(STUDY, 1, Flagged(probability=0.9), provenance(), now=NOON)
    worklist.record_outcome(STUDY, 1, Failed(reason="?"), provenance(HAEMORRHAGE), now=NOON)
    worklist.finish_assessment(STUDY, 1, now=NOON)
    assert states() == {"fracture": OutcomeState.FLAGGED, "haemorrhage": OutcomeState.FAILED}
    worklist.stop_ai(["fracture"], installed=["fracture"], actor="a", reason="b", now=NOON)
    assert states() == {"fracture": OutcomeState.STOPPED, "haemorrhage": OutcomeState.FAILED}


def test_an_outcome_after_the_reading_is_shown_as_too_late(
    worklist: Worklist, reader: PostgresReader
) -> None:
    worklist.record_arrivals([arrival()], now=NOON)
    worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON)
    worklist.mark_read(STUDY, actor="anna", reason="in the PACS", now=NOON)
    worklist.record_outcome(STUDY, 1, NotFlagged(probability=0.1), provenance(), now=NOON)
    row = reader.study(STUDY, NOON).row
    assert row.detectors[0].state is OutcomeState.TOO_LATE


def shown(reader: PostgresReader) -> tuple[OutcomeState, float | None, str | None]:
    """How the first detector stands on the study."""
    one = reader.study(STUDY, NOON).row.detectors[0]
    return one.state, one.probability, one.reason


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Flagged(probability=0.914), "flagged 0.91"),
        (NotFlagged(probability=0.2), "not flagged 0.20"),
        (Failed(reason="out of memory"), "failed, because out of memory"),
        (NotApplicable(reason="no bones in it"), "not applicable, because no bones in it"),
    ],
)
def test_p4_a_result_on_earlier_images_is_not_shown_as_one_on_the_new_images(
    worklist: Worklist, reader: PostgresReader, outcome: Outcome, words: str
) -> None:
    worklist.record_arrivals([arrival()], now=NOON)
    worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON)
    worklist.begin_assessment(STUDY, 1, now=NOON)
    worklist.record_outcome(STUDY, 1, outcome, provenance(), now=NOON)
    before = reader.study(STUDY, NOON).row
    worklist.record_arrivals([arrival("1.2.3.1.2")], now=NOON)
    arriving = f"not run on the new images yet; before them: {words}"
    assert shown(reader) == (OutcomeState.NOT_RUN_YET, None, arriving)
    worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON)
    waiting = f"not run again yet; before: {words}"
    assert shown(reader) == (OutcomeState.NOT_RUN_YET, None, waiting)
    worklist.begin_assessment(STUDY, 2, now=NOON)
    assert shown(reader) == (OutcomeState.RUNNING, None, f"running again; before: {words}")
    worklist.finish_assessment(STUDY, 2, now=NOON)
    assert shown(reader) == (OutcomeState.NOT_RUN_YET, None, waiting)
    row = reader.study(STUDY, NOON).row
    assert (row.due_at, row.reason) == (before.due_at, before.reason)
    worklist.record_outcome(STUDY, 2, NotFlagged(probability=0.1), provenance(), now=NOON)
    assert shown(reader) == (OutcomeState.NOT_FLAGGED, 0.1, None)


def test_p4_what_came_too_late_is_not_shown_as_a_result_when_the_study_comes_back(
    worklist: Worklist, reader: PostgresReader
) -> None:
    worklist.record_arrivals([arrival()], now=NOON)
    worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON)
    worklist.mark_read(STUDY, actor="anna", reason="in the PACS", now=NOON)
    worklist.record_outcome(STUDY, 1, Flagged(probability=0.9), provenance(), now=NOON)
    worklist.record_arrivals([arrival("1.2.3.1.2")], now=NOON)
    state, probability, reason = shown(reader)
    assert (state, probability) == (OutcomeState.NOT_RUN_YET, None)
    assert reason == (
        "not run on the new images yet; before them: flagged 0.90, too late: the study was read"
    )


def test_regions_of_the_earlier_result_stay_in_sight_while_new_images_wait(
    worklist: Worklist, reader: PostgresReader
) -> None:
    region = Region(
        sop_instance_uid=SOPInstanceUID("1.2.3.1.1"),
        frame_number=1,
        polygon=((0.0, 0.0), (10.5, 0.0), (10.5, 4.0)),
        score=0.8,
    )
    found = Flagged(probability=0.9, regions=(region,))
    worklist.record_arrivals([arrival()], now=NOON)
    worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON)
    worklist.record_outcome(STUDY, 1, found, provenance(), now=NOON)
    worklist.record_arrivals([arrival("1.2.3.1.2")], now=NOON)
    assert [one.polygon for one in reader.study(STUDY, NOON).regions] == [region.polygon]


def test_every_event_of_a_study_is_said_in_a_sentence(
    worklist: Worklist, reader: PostgresReader
) -> None:
    who = {"actor": "anna", "reason": "because"}
    worklist.record_arrivals([arrival(expected_instance_count=9)], now=NOON)
    worklist.record_arrivals([arrival(content="other bytes")], now=NOON)
    worklist.complete_study(STUDY, completeness=Completeness.INCOMPLETE, now=NOON)
    worklist.begin_assessment(STUDY, 1, now=NOON)
    worklist.record_outcome(STUDY, 1, Flagged(probability=0.9), provenance(), now=NOON)
    worklist.record_outcome(STUDY, 1, Failed(reason="broken"), provenance(HAEMORRHAGE), now=NOON)
    worklist.finish_assessment(STUDY, 1, now=NOON)
    worklist.override_priority(STUDY, RequestedPriority.URGENT, **who, now=NOON)
    worklist.pin(STUDY, True, **who, now=NOON)
    worklist.pin(STUDY, False, **who, now=NOON)
    worklist.mark_read(STUDY, **who, now=NOON)
    late = arrival("1.2.3.1.2", patient_id="P2", priority=RequestedPriority.STAT)
    worklist.record_arrivals([late], now=NOON)
    told = {one.kind: one.words for one in reader.study(STUDY, NOON).events}
    assert told["study_arrived"] == (
        "first object received, requested routine; due 2026-03-03 12:00:00 UTC, place 1"
    )
    assert told["study_complete"].startswith("not known to be complete in time")
    assert told["outcome_recorded"] == "haemorrhage: failed, because broken"
    assert told["study_reopened"].startswith("1 more objects arrived after it was read; due ")
    assert told["priority_overridden"].startswith("priority urgent, because because; due ")
    assert all(words and words != kind.replace("_", " ") for kind, words in told.items())


def test_a_study_that_was_read_says_so_and_has_no_place(
    worklist: Worklist, reader: PostgresReader
) -> None:
    worklist.record_arrivals([arrival()], now=NOON)
    row = reader.study(STUDY, NOON).row
    assert (row.place, row.reading_state) == (1, ReadingState.UNREAD)
    worklist.mark_read(STUDY, actor="anna", reason="in the PACS", now=NOON)
    row = reader.study(STUDY, NOON).row
    assert (row.place, row.reading_state) == (None, ReadingState.READ)


def test_a_study_that_nobody_asked_for_urgently_is_shown_as_routine(
    worklist: Worklist, reader: PostgresReader
) -> None:
    worklist.record_arrivals([arrival(priority=None)], now=NOON)
    [row] = reader.worklist_page(None, 10, NOON).rows
    assert row.requested_priority is row.priority_in_force is RequestedPriority.ROUTINE


def test_p9_a_conflict_shows_on_the_study_that_has_the_uid_and_on_the_one_that_wants_it(
    worklist: Worklist, reader: PostgresReader
) -> None:
    worklist.record_arrivals([arrival(), arrival("1.7.1", study="1.7")], now=NOON)
    worklist.record_arrivals([arrival(content="corrected")], now=NOON)
    worklist.record_arrivals([arrival(study="1.2.4", content="other bytes")], now=NOON)
    page = reader.worklist_page(None, 10, NOON)
    shown = {row.study_instance_uid: (row.instance_count, row.conflicts) for row in page.rows}
    assert shown == {STUDY: (1, 2), "1.2.4": (0, 1), "1.7": (1, 0)}
    assert reader.counts().conflicts == 2
    other = reader.study(StudyInstanceUID("1.2.4"), NOON)
    assert (other.series, other.row.modalities, other.row.body_part) == ((), (), "")
    assert [one.words for one in other.events][-1] == (
        "an object came under 1.2.3.1.1, which an object of study 1.2.3 has already; "
        "both are kept, the other study's counts"
    )
    assert [one.words for one in reader.study(STUDY, NOON).events][-2:] == [
        "an object came again under 1.2.3.1.1 with other bytes; both are kept",
        "an object of study 1.2.4 came under 1.2.3.1.1 too; both are kept, this study's counts",
    ]


def test_a_study_or_an_object_never_filed_is_not_found(
    worklist: Worklist, reader: PostgresReader, tmp_path: Path
) -> None:
    with pytest.raises(UnknownStudy):
        reader.study(StudyInstanceUID("1.9"), NOON)
    one = arrival()
    worklist.record_arrivals([one], now=NOON)
    series, sop = SeriesInstanceUID("1.2.3.1"), one.sop_instance_uid
    assert reader.archived_path(STUDY, series, sop) == tmp_path / one.archive_path
    for wrong in [
        (StudyInstanceUID("1.9"), series, sop),
        (STUDY, SeriesInstanceUID("1.9"), sop),
        (STUDY, series, SOPInstanceUID("1.9")),
    ]:
        with pytest.raises(UnknownInstance):
            reader.archived_path(*wrong)


def test_every_installed_model_is_shown_with_its_state_and_its_card(
    worklist: Worklist, emptied_engine: sa.Engine, reader: PostgresReader
) -> None:
    card = {"title": "Fractures \x00", "limits": ["a", "b"], "b": 1, "a": 2}
    PostgresStore(emptied_engine).register_detectors(
        [FRACTURE, HAEMORRHAGE], {"haemorrhage": "no weights"}, NOON, cards={"fracture": card}
    )
    fracture, haemorrhage = reader.models()
    assert (fracture.name, fracture.state, fracture.broken) == ("fracture", ModelState.ON, None)
    assert (fracture.title, fracture.operating_point) == ("Fractures \ufffd", 0.4)
    assert fracture.card == {**card, "title": "Fractures \ufffd"}
    assert list(fracture.card) == list(card)  # as its author put it
    assert (haemorrhage.state, haemorrhage.broken) == (ModelState.BROKEN, "no weights")
    assert (haemorrhage.title, haemorrhage.card) == ("haemorrhage", None)
    assert reader.model("fracture") == fracture
    with pytest.raises(UnknownDetector, match=r"none\.such"):
        reader.model("none.such")


def test_p7_a_stopped_model_says_who_stopped_it_when_and_why(
    worklist: Worklist, reader: PostgresReader
) -> None:
    def stop(who: str, minute: int, *names: str) -> None:
        worklist.stop_ai(
            list(names) or None,
            installed=["fracture", "haemorrhage"],
            actor=who,
            reason=f"{who} says so",
            now=NOON + minute * MINUTE,
        )

    def stops() -> list[tuple[ModelState, str | None]]:
        return [(one.state, one.stopped_by) for one in reader.models()]

    stop("anna", 1, "fracture")
    fracture = reader.model("fracture")
    assert (fracture.stopped_at, fracture.stopped_because) == (NOON + MINUTE, "anna says so")
    assert stops() == [(ModelState.STOPPED, "anna"), (ModelState.ON, None)]
    stop("bert", 2, "haemorrhage")
    assert stops() == [(ModelState.STOPPED, "anna"), (ModelState.STOPPED, "bert")]
    stop("carl", 3)
    assert stops() == [(ModelState.STOPPED, "carl"), (ModelState.STOPPED, "carl")]
    worklist.start_ai(None, installed=["fracture"], actor="a", reason="b", now=NOON)
    assert stops() == [(ModelState.ON, None), (ModelState.ON, None)]


def test_counts_say_how_much_of_everything_there_is(
    worklist: Worklist, emptied_engine: sa.Engine, tmp_path: Path
) -> None:
    reader = PostgresReader(emptied_engine, archive=tmp_path, inbox_objects=lambda: 7)
    for number in (1, 2, 3):
        study_uid = f"1.{number}"
        worklist.record_arrivals([arrival(f"1.{number}.1", study=study_uid)], now=NOON)
    worklist.complete_study(StudyInstanceUID("1.1"), completeness=Completeness.COMPLETE, now=NOON)
    worklist.mark_read(StudyInstanceUID("1.2"), actor="a", reason="b", now=NOON)
    worklist.record_outcome(
        StudyInstanceUID("1.1"), 1, Flagged(probability=1), provenance(), now=NOON
    )
    counts = reader.counts()
    assert counts.studies == {"unread": 1, "read": 1, "arriving": 1}
    assert counts.outcomes == {("fracture", "flagged"): 1}
    assert (counts.inbox_objects, counts.jobs_waiting, counts.jobs_failed) == (7, 1, 0)
