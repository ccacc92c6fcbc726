"""What is no image, our own results above all, is kept and sets nothing going again: no loops."""

from datetime import timedelta
from typing import Any

import pytest

from tests.builders import MINUTE, NOON, STUDY, arrival, provenance
from tests.contract.conftest import Kept
from worklist.finding import Flagged
from worklist.history import in_a_sentence
from worklist.reading import ReadingState
from worklist.service import Worklist
from worklist.study import (
    ArrivalResult,
    Completeness,
    InstanceArrival,
    ObjectRole,
    RequestedPriority,
)

FILED, _, CONFLICT = ArrivalResult
IMAGE, DOCUMENT, RESULT = ObjectRole
LATER = NOON + MINUTE


def document(sop: str, role: ObjectRole, **others: Any) -> InstanceArrival:
    given = {"series": "1.2.3.9", "calling_ae_title": "PACS", "association_id": "back", **others}
    return arrival(sop, role=role, received_at=LATER, **given)


def complete(worklist: Worklist) -> None:
    worklist.record_arrivals([arrival()], now=NOON)
    worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON)


@pytest.mark.parametrize("role", [DOCUMENT, RESULT])
def test_what_is_no_image_neither_reopens_nor_reassesses_a_complete_study(
    worklist: Worklist, kept: Kept, role: ObjectRole
) -> None:
    complete(worklist)
    before = kept.record(STUDY)
    assert worklist.record_arrivals([document("1.9.1", role)], now=LATER) == [FILED]
    assert kept.record(STUDY) == before
    worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=LATER)
    assert kept.jobs() == [(STUDY, 1)]
    assert worklist.studies_arriving() == []
    assert kept.events("study_reopened") == []


@pytest.mark.parametrize("role", [DOCUMENT, RESULT])
def test_what_is_no_image_leaves_a_read_study_read(
    worklist: Worklist, kept: Kept, role: ObjectRole
) -> None:
    complete(worklist)
    worklist.mark_read(STUDY, actor="anna", reason="read in the PACS", now=NOON)
    worklist.record_arrivals([document("1.9.1", role)], now=LATER)
    assert kept.record(STUDY).reading_state is ReadingState.READ
    assert kept.jobs() == [(STUDY, 1)]


def test_it_is_in_the_history_of_the_study_who_sent_it(worklist: Worklist, kept: Kept) -> None:
    complete(worklist)
    came = [document("1.9.1", RESULT), document("1.9.2", RESULT), document("1.9.3", DOCUMENT)]
    worklist.record_arrivals(came, now=LATER)
    [event] = kept.events("objects_kept")
    assert event.details == {"documents": 1, "results": 2, "senders": ["PACS"]}
    assert in_a_sentence(event.kind, event.details) == (
        "1 objects that are no images came after it was complete and are kept; "
        "2 results of Vigie came back and are kept"
    )
    worklist.record_arrivals(came, now=LATER)
    assert len(kept.events("objects_kept")) == 1


def test_a_result_that_comes_while_images_arrive_makes_nobody_wait(
    worklist: Worklist, kept: Kept
) -> None:
    worklist.record_arrivals([arrival()], now=NOON)
    before = worklist.studies_arriving()
    worklist.record_arrivals([document("1.9.1", RESULT, expected_instance_count=90)], now=LATER)
    assert worklist.studies_arriving() == before


def test_a_document_that_comes_while_images_arrive_is_one_of_the_announced_objects(
    worklist: Worklist, kept: Kept
) -> None:
    worklist.record_arrivals([arrival(expected_instance_count=2)], now=NOON)
    worklist.record_arrivals([document("1.9.1", DOCUMENT)], now=LATER)
    [study] = worklist.studies_arriving()
    assert (study.instance_count, study.expected_instance_count) == (2, 2)
    assert study.last_received_at == LATER
    assert kept.events("objects_kept") == []


def test_an_image_among_them_reopens_the_study_as_ever(worklist: Worklist, kept: Kept) -> None:
    complete(worklist)
    came = [document("1.9.1", RESULT), document("1.9.2", DOCUMENT), document("1.9.3", IMAGE)]
    worklist.record_arrivals(came, now=LATER)
    record = kept.record(STUDY)
    assert (record.arriving, record.instance_count) == (True, 3)
    assert len(kept.events("study_reopened")) == 1
    worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=LATER)
    assert sorted(kept.jobs()) == [(STUDY, 1), (STUDY, 2)]


def test_detectors_are_not_given_our_own_results(worklist: Worklist, kept: Kept) -> None:
    worklist.record_arrivals([arrival(), document("1.9.1", RESULT)], now=NOON)
    worklist.record_arrivals([document("1.9.2", DOCUMENT)], now=LATER)
    worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=LATER)
    task = worklist.begin_assessment(STUDY, 1, now=LATER)
    assert task is not None
    assert {one.sop_instance_uid for one in task.instances} == {"1.2.3.1.1", "1.9.2"}


def test_a_key_image_is_no_preview_of_its_study(worklist: Worklist, kept: Kept) -> None:
    results = [document(f"1.9.{number}", RESULT) for number in range(9)]
    worklist.record_arrivals([arrival(), *results], now=NOON)
    worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON)
    preview = kept.preview(STUDY)
    assert preview is not None
    assert preview["sop_instance_uid"] == "1.2.3.1.1"


def test_a_result_asks_for_nothing_and_fills_nothing(worklist: Worklist, kept: Kept) -> None:
    worklist.record_arrivals([arrival(patient_name="")], now=NOON)
    stat = document("1.9.1", RESULT, priority=RequestedPriority.STAT, patient_name="Other^Name")
    worklist.record_arrivals([stat], now=LATER)
    assert kept.record(STUDY).requested_priority is RequestedPriority.ROUTINE
    assert kept.events("requested_priority_changed") == []


def test_p2_a_result_that_comes_back_moves_no_due_time(worklist: Worklist, kept: Kept) -> None:
    complete(worklist)
    worklist.record_outcome(STUDY, 1, Flagged(probability=0.9), provenance(), now=NOON)
    due_at = kept.record(STUDY).due_at
    worklist.record_arrivals([document("1.9.1", RESULT)], now=LATER)
    assert kept.record(STUDY).due_at == due_at < NOON + timedelta(hours=24)


def test_p1_a_result_of_a_study_that_never_came_is_kept_and_its_images_follow(
    worklist: Worklist, kept: Kept
) -> None:
    assert worklist.record_arrivals([document("1.9.1", RESULT)], now=LATER) == [FILED]
    record = kept.record(STUDY)
    assert (record.instance_count, record.arriving) == (0, True)
    worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=LATER)
    worklist.record_arrivals([arrival()], now=LATER)
    assert (kept.record(STUDY).instance_count, kept.record(STUDY).arriving) == (1, True)


def test_a_result_that_two_archives_changed_is_kept_twice(worklist: Worklist, kept: Kept) -> None:
    complete(worklist)
    worklist.record_arrivals([document("1.9.1", RESULT, content="one")], now=LATER)
    again = document("1.9.1", RESULT, content="two")
    assert worklist.record_arrivals([again], now=LATER) == [CONFLICT]
    assert not kept.record(STUDY).arriving
