"""Objects are entered once, conflicts stay visible, late images reopen a study."""

from datetime import timedelta

import pytest

from tests.builders import MINUTE, NOON, STUDY, arrival, provenance, targets
from tests.contract.conftest import Kept
from worklist.errors import UnknownStudy
from worklist.finding import Flagged
from worklist.reading import ReadingState
from worklist.service import Worklist
from worklist.study import (
    ArrivalResult,
    Completeness,
    QuarantinedObject,
    RequestedPriority,
)
from worklist.uid import SOPInstanceUID, StudyInstanceUID

FILED, ALREADY, CONFLICT = ArrivalResult
STAT, URGENT, ROUTINE = RequestedPriority


def read(worklist: Worklist) -> None:
    worklist.mark_read(STUDY, actor="anna", reason="read in the PACS", now=NOON)


def test_a_first_object_begins_a_study_at_its_place(worklist: Worklist, kept: Kept) -> None:
    assert worklist.record_arrivals([arrival(priority=URGENT)], now=NOON) == [FILED]
    record = kept.record(STUDY)
    assert record.arriving
    assert record.received_at == NOON
    assert record.due_at == record.due_without_ai_at == NOON + timedelta(hours=4)
    assert record.reason == "urgent 4 h"
    assert record.reading_state is ReadingState.UNREAD
    [event] = kept.events()
    assert event.kind == "study_arrived"
    assert event.details["place"] == 1
    assert event.details["due_at"] == (NOON + timedelta(hours=4)).isoformat()
    assert kept.jobs() == []


def test_an_object_that_names_no_priority_is_routine(worklist: Worklist, kept: Kept) -> None:
    worklist.record_arrivals([arrival()], now=NOON)
    assert kept.record(STUDY).requested_priority is ROUTINE


def test_the_same_object_again_changes_nothing(worklist: Worklist, kept: Kept) -> None:
    worklist.record_arrivals([arrival()], now=NOON)
    before = kept.record(STUDY), kept.events()
    again = arrival(received_at=NOON + MINUTE)
    assert worklist.record_arrivals([again, again], now=NOON + MINUTE) == [ALREADY, ALREADY]
    assert (kept.record(STUDY), kept.events()) == before


def test_the_same_object_twice_in_one_batch_is_filed_once(worklist: Worklist, kept: Kept) -> None:
    assert worklist.record_arrivals([arrival(), arrival()], now=NOON) == [FILED, ALREADY]
    assert kept.record(STUDY).instance_count == 1


def test_other_bytes_under_a_known_uid_are_a_visible_conflict(
    worklist: Worklist, kept: Kept
) -> None:
    worklist.record_arrivals([arrival()], now=NOON)
    other = arrival(content="other bytes")
    assert worklist.record_arrivals([other], now=NOON) == [CONFLICT]
    assert kept.conflicts() == [("1.2.3.1.1", other.sha256)]
    assert kept.record(STUDY).instance_count == 1
    assert worklist.record_arrivals([other], now=NOON) == [CONFLICT]
    assert len(kept.events("instance_conflict")) == 1


def test_a_conflict_within_one_batch_is_kept_too(worklist: Worklist, kept: Kept) -> None:
    batch = [arrival(), arrival(content="other bytes"), arrival("1.2.3.1.2")]
    assert worklist.record_arrivals(batch, now=NOON) == [FILED, CONFLICT, FILED]
    assert kept.conflicts() == [("1.2.3.1.1", batch[1].sha256)]
    assert kept.record(STUDY).instance_count == 2


def test_a_sop_instance_uid_of_another_study_is_a_conflict_of_both(
    worklist: Worklist, kept: Kept
) -> None:
    worklist.record_arrivals([arrival(), arrival("1.2.4.1.1", study="1.2.4")], now=NOON)
    elsewhere = arrival(study="1.2.4", content="other bytes")
    for _ in range(2):
        assert worklist.record_arrivals([elsewhere], now=NOON) == [CONFLICT]
    told = {one.study_instance_uid: one.details for one in kept.events("instance_conflict")}
    assert {uid: details["filed_here"] for uid, details in told.items()} == {
        STUDY: True,
        "1.2.4": False,
    }
    assert len(kept.events("instance_conflict")) == 2
    assert (kept.record(STUDY).instance_count, kept.record("1.2.4").instance_count) == (1, 1)


def test_p1_a_study_all_of_whose_uids_another_one_has_is_on_the_list_and_completes(
    worklist: Worklist, kept: Kept
) -> None:
    worklist.record_arrivals([arrival()], now=NOON)
    second = arrival(
        study="1.2.4",
        content="other bytes",
        priority=STAT,
        received_at=NOON + MINUTE,
        association_id="association-2",
    )
    for _ in range(2):
        assert worklist.record_arrivals([second], now=NOON + MINUTE) == [CONFLICT]
    record = kept.record("1.2.4")
    assert (record.arriving, record.instance_count) == (True, 0)
    assert (record.requested_priority, record.patient_id) == (STAT, "P1")
    assert record.position < kept.record(STUDY).position
    arriving = {one.study_instance_uid: one for one in worklist.studies_arriving()}
    uid = StudyInstanceUID("1.2.4")
    assert arriving[uid].senders == {("CT1", "192.0.2.7")}
    assert arriving[uid].association_ids == {"association-2"}
    worklist.complete_study(uid, completeness=Completeness.COMPLETE, now=NOON + MINUTE)
    task = worklist.begin_assessment(uid, 1, now=NOON + MINUTE)
    assert task is not None
    assert task.instances == ()
    assert len(kept.events("study_arrived")) == 2
    worklist.record_arrivals([arrival("1.2.4.1.1", study="1.2.4")], now=NOON + MINUTE)
    assert (kept.record("1.2.4").arriving, kept.record("1.2.4").instance_count) == (True, 1)


def test_two_studies_that_share_a_uid_may_come_in_one_batch(worklist: Worklist, kept: Kept) -> None:
    batch = [arrival(), arrival(study="1.2.4", content="other bytes")]
    assert worklist.record_arrivals(batch, now=NOON) == [FILED, CONFLICT]
    assert (kept.record(STUDY).instance_count, kept.record("1.2.4").instance_count) == (1, 0)


def test_an_object_in_conflict_may_ask_for_its_study_more_urgently(
    worklist: Worklist, kept: Kept
) -> None:
    worklist.record_arrivals([arrival()], now=NOON)
    worklist.record_arrivals([arrival(content="other bytes", priority=STAT)], now=NOON)
    assert kept.record(STUDY).requested_priority is STAT
    assert kept.record(STUDY).instance_count == 1


def test_what_was_filed_before_is_known_by_its_digest(worklist: Worklist) -> None:
    one = arrival()
    worklist.record_arrivals([one], now=NOON)
    known = worklist.existing_digests([one.sop_instance_uid, SOPInstanceUID("1.9.9")])
    assert known == {one.sop_instance_uid: (one.sha256, one.transfer_syntax_uid)}


def test_a_batch_may_hold_several_studies(worklist: Worklist, kept: Kept) -> None:
    batch = [
        arrival("1.5.1", study="1.5", priority=ROUTINE),
        arrival("1.4.1", study="1.4", priority=STAT),
        arrival("1.5.2", study="1.5"),
    ]
    assert worklist.record_arrivals(batch, now=NOON) == [FILED] * 3
    assert kept.record("1.5").instance_count == 2
    assert kept.record("1.4").due_at < kept.record("1.5").due_at


def test_a_later_object_may_ask_more_urgently_but_never_less(
    worklist: Worklist, kept: Kept
) -> None:
    worklist.record_arrivals([arrival(priority=URGENT)], now=NOON)
    worklist.record_arrivals([arrival("1.2.3.1.2", priority=ROUTINE)], now=NOON)
    assert kept.record(STUDY).requested_priority is URGENT
    assert kept.events("requested_priority_changed") == []
    worklist.record_arrivals([arrival("1.2.3.1.3", priority=STAT)], now=NOON)
    assert kept.record(STUDY).due_at == NOON + timedelta(hours=1)
    [event] = kept.events("requested_priority_changed")
    assert event.details["due_before"] == (NOON + timedelta(hours=4)).isoformat()
    assert event.details["reason"] == "stat 1 h"


def test_a_complete_study_gets_one_job_however_often_it_is_completed(
    worklist: Worklist, kept: Kept
) -> None:
    worklist.record_arrivals([arrival()], now=NOON)
    for _ in range(2):
        worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON)
    assert kept.jobs() == [(STUDY, 1)]
    record = kept.record(STUDY)
    assert (record.arriving, record.assessment_number) == (False, 1)
    assert record.completeness is Completeness.COMPLETE
    assert len(kept.events("study_complete")) == 1


def test_a_study_never_filed_cannot_be_completed(worklist: Worklist, kept: Kept) -> None:
    with pytest.raises(UnknownStudy, match=r"1\.9\.9"):
        worklist.complete_study(
            StudyInstanceUID("1.9.9"), completeness=Completeness.COMPLETE, now=NOON
        )
    assert kept.jobs() == []


def test_jobs_are_taken_by_due_time_and_not_by_arrival(worklist: Worklist, kept: Kept) -> None:
    for minute, priority in enumerate([ROUTINE, URGENT, STAT, ROUTINE]):
        study = f"1.7.{minute}"
        at = NOON + minute * MINUTE
        worklist.record_arrivals(
            [arrival(f"{study}.1", study=study, priority=priority, received_at=at)], now=at
        )
        worklist.complete_study(StudyInstanceUID(study), completeness=Completeness.COMPLETE, now=at)
    assert kept.jobs() == [("1.7.2", 1), ("1.7.1", 1), ("1.7.0", 1), ("1.7.3", 1)]


def test_late_images_reopen_a_study_and_a_new_assessment_follows(
    worklist: Worklist, kept: Kept
) -> None:
    worklist.record_arrivals([arrival()], now=NOON)
    worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON)
    later = NOON + MINUTE
    worklist.record_arrivals([arrival("1.2.3.1.2", received_at=later)], now=later)
    record = kept.record(STUDY)
    assert (record.arriving, record.reopened_at, record.last_received_at) == (True, later, later)
    assert record.received_at == NOON
    [event] = kept.events("study_reopened")
    assert (event.details["new_images"], event.details["was_read"]) == (1, False)
    worklist.complete_study(STUDY, completeness=Completeness.INCOMPLETE, now=later)
    assert sorted(kept.jobs()) == [(STUDY, 1), (STUDY, 2)]


def test_late_images_bring_a_read_study_back_to_the_list(worklist: Worklist, kept: Kept) -> None:
    worklist.record_arrivals([arrival()], now=NOON)
    worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON)
    read(worklist)
    worklist.record_arrivals([arrival("1.2.3.1.2")], now=NOON)
    assert kept.record(STUDY).reading_state is ReadingState.UNREAD
    [event] = kept.events("study_reopened")
    assert (event.details["was_read"], event.details["place"]) == (True, 1)


def test_a_study_read_while_it_was_arriving_comes_back_with_its_next_image(
    worklist: Worklist, kept: Kept
) -> None:
    worklist.record_arrivals([arrival()], now=NOON)
    read(worklist)
    worklist.record_arrivals([arrival("1.2.3.1.2")], now=NOON)
    assert kept.record(STUDY).reading_state is ReadingState.UNREAD
    assert len(kept.events("study_reopened")) == 1


def test_a_study_that_comes_back_after_ai_was_stopped_stands_where_it_stands_without_ai(
    worklist: Worklist, kept: Kept
) -> None:
    worklist.record_arrivals([arrival()], now=NOON)
    worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON)
    worklist.record_outcome(STUDY, 1, Flagged(probability=0.9), provenance(), now=NOON)
    read(worklist)
    worklist.stop_ai(None, installed=["fracture"], actor="anna", reason="it looks wrong", now=NOON)
    worklist.record_arrivals([arrival("1.2.3.1.2")], now=NOON)
    record = kept.record(STUDY)
    assert record.due_at == record.due_without_ai_at
    assert record.reason == "routine 24 h"


def test_late_images_after_the_site_raised_its_targets_make_no_study_wait(
    worklist: Worklist, kept: Kept
) -> None:
    worklist.record_arrivals([arrival(priority=URGENT)], now=NOON)
    worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON)
    before = kept.record(STUDY)
    raised = Worklist(kept.store, targets(requested=100))
    raised.record_arrivals([arrival("1.2.3.1.2"), arrival("1.2.3.1.3", priority=STAT)], now=NOON)
    record = kept.record(STUDY)
    assert (record.arriving, record.requested_priority) == (True, STAT)
    assert (record.due_at, record.due_without_ai_at) == (before.due_at, before.due_without_ai_at)
    assert record.reason == "stat 4 h"


def test_objects_of_another_patient_in_the_same_study_are_named_in_its_history(
    worklist: Worklist, kept: Kept
) -> None:
    worklist.record_arrivals([arrival(patient_id="P1")], now=NOON)
    worklist.record_arrivals([arrival("1.2.3.1.2", patient_id="")], now=NOON)
    assert kept.events("patient_id_differs") == []
    worklist.record_arrivals([arrival("1.2.3.1.3", patient_id="P2")], now=NOON)
    assert len(kept.events("patient_id_differs")) == 1
    assert kept.record(STUDY).patient_id == "P1"


def test_what_the_first_header_left_empty_is_filled_by_a_later_one(
    worklist: Worklist, kept: Kept
) -> None:
    worklist.record_arrivals([arrival(patient_id="")], now=NOON)
    worklist.record_arrivals([arrival("1.2.3.1.2", patient_id="P1")], now=NOON)
    assert kept.record(STUDY).patient_id == "P1"


def test_arriving_studies_carry_the_evidence_that_completion_needs(
    worklist: Worklist, kept: Kept
) -> None:
    later = NOON + MINUTE
    worklist.record_arrivals([arrival(expected_instance_count=3)], now=NOON)
    worklist.record_arrivals(
        [
            arrival("1.2.3.1.2", received_at=later, association_id="association-2"),
            arrival("1.2.3.1.3", received_at=later, association_id="", calling_ae_title="PACS"),
        ],
        now=later,
    )
    [arriving] = worklist.studies_arriving()
    assert (arriving.first_received_at, arriving.last_received_at) == (NOON, later)
    assert (arriving.instance_count, arriving.expected_instance_count) == (3, 3)
    assert arriving.association_ids == {"association-1", "association-2"}
    assert arriving.senders == {("CT1", "192.0.2.7"), ("PACS", "192.0.2.7")}
    worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=later)
    assert worklist.studies_arriving() == []


def test_objects_of_one_batch_may_have_been_received_in_any_order(
    worklist: Worklist, kept: Kept
) -> None:
    batch = [arrival("1.2.3.1.2", received_at=NOON + MINUTE), arrival(received_at=NOON)]
    worklist.record_arrivals(batch, now=NOON + MINUTE)
    record = kept.record(STUDY)
    assert (record.received_at, record.last_received_at) == (NOON, NOON + MINUTE)


def test_a_quarantined_object_is_told_once(worklist: Worklist, kept: Kept) -> None:
    bad = QuarantinedObject(
        quarantine_path="2026/1.dcm",
        reason="no SOP Instance UID",
        received_at=NOON,
        size_bytes=3,
        sha256="0" * 64,
    )
    for _ in range(2):
        worklist.record_quarantined([bad], now=NOON)
    [event] = kept.events("object_quarantined")
    assert event.details["reason"] == "no SOP Instance UID"


@pytest.mark.parametrize(
    "nasty", ["a\x00b", "\ud800", "<script>alert(1)</script>", "\\u0000", "'; DROP TABLE study"]
)
def test_text_from_the_network_is_data_wherever_it_is_kept(
    worklist: Worklist, kept: Kept, nasty: str
) -> None:
    one = arrival(patient_name=nasty, patient_id=nasty, calling_ae_title=nasty)
    assert worklist.record_arrivals([one], now=NOON) == [FILED]
    worklist.record_arrivals([arrival(content="2", calling_ae_title=nasty)], now=NOON)
    worklist.record_quarantined(
        [
            QuarantinedObject(
                quarantine_path="2026/2.dcm",
                reason=nasty,
                received_at=NOON,
                size_bytes=3,
                sha256="0" * 64,
                calling_ae_title=nasty,
            )
        ],
        now=NOON,
    )
    kinds = [event.kind for event in kept.events()]
    assert kinds == ["study_arrived", "instance_conflict", "object_quarantined"]
