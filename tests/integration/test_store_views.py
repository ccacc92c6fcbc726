"""What the store shows: studies with their states and events, models, counts."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.builders import FRACTURE, HAEMORRHAGE, MINUTE, NOON, STUDY, arrival, provenance
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
from worklist.reading import ReadingState
from worklist.service import Worklist
from worklist.store.postgres import PostgresStore
from worklist.store.reader import PostgresReader
from worklist.study import Completeness, RequestedPriority
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID
from worklist.views import ModelState, UnknownInstance


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
