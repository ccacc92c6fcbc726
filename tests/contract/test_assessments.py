"""Outcomes are kept, the study moves at once, and nothing ever makes it wait longer."""

from datetime import timedelta

import pytest

from tests.builders import (
    FRACTURE,
    HAEMORRHAGE,
    MINUTE,
    NOON,
    STUDY,
    arrival,
    provenance,
    targets,
)
from tests.contract.conftest import Kept
from worklist.errors import UnknownStudy
from worklist.finding import (
    Evidence,
    Failed,
    Flagged,
    ImageScore,
    Lesion,
    NotApplicable,
    NotFlagged,
    Outcome,
    Region,
    SuspectedKind,
    TurnedImage,
)
from worklist.service import Worklist
from worklist.study import Completeness, RequestedPriority
from worklist.uid import SOPInstanceUID, StudyInstanceUID

NO_RESULT: list[Outcome] = [
    Failed(reason="out of memory"),
    NotApplicable(reason="a chest, not a head"),
]


@pytest.fixture
def queued(worklist: Worklist) -> Worklist:
    """With one routine study of two images that waits for its first assessment."""
    worklist.record_arrivals(
        [arrival("1.2.3.1.2", instance_number=2), arrival(instance_number=1)], now=NOON
    )
    worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON)
    return worklist


def reopened(worklist: Worklist) -> None:
    worklist.record_arrivals([arrival("1.2.3.1.9", instance_number=9)], now=NOON)
    worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON)


def test_a_worker_is_told_what_to_look_at(queued: Worklist, kept: Kept) -> None:
    task = queued.begin_assessment(STUDY, 1, now=NOON)
    assert task is not None
    assert (task.study_instance_uid, task.number) == (STUDY, 1)
    assert [one.sop_instance_uid for one in task.instances] == ["1.2.3.1.1", "1.2.3.1.2"]
    assert task.instances[0].archive_path == arrival().archive_path
    queued.finish_assessment(STUDY, 1, now=NOON + MINUTE)
    kinds = [one.kind for one in kept.events()][-2:]
    assert kinds == ["assessment_started", "assessment_finished"]


def test_each_begin_of_an_assessment_is_counted(queued: Worklist) -> None:
    attempts = [queued.begin_assessment(STUDY, 1, now=NOON) for _ in range(3)]
    assert [task.attempt for task in attempts if task] == [1, 2, 3]


def test_an_assessment_that_a_later_one_replaced_is_not_begun(queued: Worklist, kept: Kept) -> None:
    reopened(queued)
    assert queued.begin_assessment(STUDY, 1, now=NOON) is None
    assert kept.events("assessment_started") == []
    task = queued.begin_assessment(STUDY, 2, now=NOON)
    assert task is not None
    assert len(task.instances) == 3


def test_a_study_never_filed_cannot_be_assessed(queued: Worklist) -> None:
    nowhere = StudyInstanceUID("1.9.9")
    with pytest.raises(UnknownStudy):
        queued.begin_assessment(nowhere, 1, now=NOON)
    with pytest.raises(UnknownStudy):
        queued.record_outcome(nowhere, 1, Failed(reason="?"), provenance(), now=NOON)


def test_a_flag_moves_a_study_past_others_and_says_why(queued: Worklist, kept: Kept) -> None:
    other = arrival("1.1.1", study="1.1", priority=RequestedPriority.URGENT)
    queued.record_arrivals([other], now=NOON)
    record = queued.record_outcome(
        STUDY, 1, Flagged(probability=0.91), provenance(HAEMORRHAGE), now=NOON
    )
    assert record == kept.record(STUDY)
    assert record.reason == "routine 24 h; haemorrhage 0.91 → 11 min"
    assert record.due_at < NOON + 11 * MINUTE
    assert record.due_without_ai_at == NOON + timedelta(hours=24)
    recorded, moved = kept.events()[-2:]
    assert recorded.kind == "outcome_recorded"
    assert recorded.details["probability"] == 0.91
    assert recorded.details["weights_sha256"] == HAEMORRHAGE.weights_sha256
    assert moved.kind == "due_time_changed"
    assert moved.actor == "detector haemorrhage 2.0"
    assert (moved.details["place_before"], moved.details["place"]) == (2, 1)
    assert moved.details["due_before"] == (NOON + timedelta(hours=24)).isoformat()
    assert moved.details["due_at"] == record.due_at.isoformat()
    assert moved.details["reason"] == record.reason


def test_a_study_below_the_operating_point_rises_too(queued: Worklist, kept: Kept) -> None:
    queued.record_outcome(STUDY, 1, NotFlagged(probability=0.39), provenance(), now=NOON)
    assert kept.record(STUDY).due_at < kept.record(STUDY).due_without_ai_at


@pytest.mark.parametrize("outcome", [*NO_RESULT, NotFlagged(probability=0.0)])
def test_an_outcome_without_a_chance_of_a_finding_changes_no_place(
    queued: Worklist, kept: Kept, outcome: Outcome
) -> None:
    before = kept.record(STUDY)
    assert queued.record_outcome(STUDY, 1, outcome, provenance(), now=NOON) == before
    assert kept.record(STUDY) == before
    assert kept.events("due_time_changed") == []
    assert len(kept.events("outcome_recorded")) == 1


@pytest.mark.parametrize("outcome", [*NO_RESULT, NotFlagged(probability=0.01)])
def test_a_later_assessment_replaces_what_is_shown_and_never_moves_the_study_back(
    queued: Worklist, kept: Kept, outcome: Outcome
) -> None:
    due = queued.record_outcome(STUDY, 1, Flagged(probability=0.9), provenance(), now=NOON).due_at
    reopened(queued)
    assert queued.record_outcome(STUDY, 2, outcome, provenance(), now=NOON).due_at == due
    assert [(one.number, one.current) for one in kept.outcomes(STUDY)] == [(1, False), (2, True)]


@pytest.mark.parametrize("outcome", [*NO_RESULT, NotFlagged(probability=0.01)])
def test_p2_an_outcome_after_the_site_raised_its_targets_makes_no_study_wait(
    queued: Worklist, kept: Kept, outcome: Outcome
) -> None:
    before = queued.record_outcome(STUDY, 1, Flagged(probability=0.9), provenance(), now=NOON)
    raised = Worklist(kept.store, targets(requested=2, findings=2))
    assert raised.record_outcome(STUDY, 1, outcome, provenance(HAEMORRHAGE), now=NOON) == before
    assert kept.record(STUDY) == before
    assert len(kept.events("due_time_changed")) == 1


def test_p3_an_earlier_due_time_after_the_site_changed_its_targets_has_its_own_reason(
    queued: Worklist, kept: Kept
) -> None:
    queued.record_outcome(STUDY, 1, NotFlagged(probability=0.01), provenance(), now=NOON)
    raised = Worklist(kept.store, targets(requested=2, findings=2))
    found = Flagged(probability=1.0)
    record = raised.record_outcome(STUDY, 1, found, provenance(HAEMORRHAGE), now=NOON)
    assert record.reason == "routine 24 h; haemorrhage 1.00 → 20 min; fracture 0.01 → 17 days"
    assert NOON + 19 * MINUTE < record.due_at < NOON + 20 * MINUTE
    assert record.due_without_ai_at == NOON + timedelta(hours=24)


@pytest.mark.parametrize("outcome", NO_RESULT)
def test_p4_no_result_moves_nothing_even_after_the_site_lowered_its_targets(
    queued: Worklist, kept: Kept, outcome: Outcome
) -> None:
    before = queued.record_outcome(STUDY, 1, Flagged(probability=0.9), provenance(), now=NOON)
    lowered = Worklist(kept.store, targets(requested=0.5, findings=0.5))
    assert lowered.record_outcome(STUDY, 1, outcome, provenance(HAEMORRHAGE), now=NOON) == before


def test_an_outcome_of_an_older_assessment_is_kept_and_counts_but_is_not_shown(
    queued: Worklist, kept: Kept
) -> None:
    reopened(queued)
    low = queued.record_outcome(STUDY, 2, NotFlagged(probability=0.1), provenance(), now=NOON)
    high = queued.record_outcome(STUDY, 1, Flagged(probability=0.9), provenance(), now=NOON)
    assert high.due_at < low.due_at
    assert [(one.number, one.current) for one in kept.outcomes(STUDY)] == [(2, True), (1, False)]


def test_an_outcome_recorded_twice_by_a_worker_that_died_in_between_is_shown_once(
    queued: Worklist, kept: Kept
) -> None:
    first, second = (
        queued.record_outcome(STUDY, 1, Flagged(probability=0.9), provenance(), now=NOON)
        for _ in range(2)
    )
    assert first == second
    assert [one.current for one in kept.outcomes(STUDY)] == [False, True]
    assert len(kept.events("due_time_changed")) == 1


def test_outcomes_of_different_detectors_stand_beside_each_other(
    queued: Worklist, kept: Kept
) -> None:
    queued.record_outcome(STUDY, 1, Flagged(probability=0.9), provenance(FRACTURE), now=NOON)
    record = queued.record_outcome(
        STUDY, 1, NotFlagged(probability=0.2), provenance(HAEMORRHAGE), now=NOON
    )
    assert record.reason == "routine 24 h; haemorrhage 0.20 → 50 min; fracture 0.90 → 2 h 13 min"
    assert [one.current for one in kept.outcomes(STUDY)] == [True, True]


def test_an_outcome_after_the_reading_is_too_late_and_moves_nothing(
    queued: Worklist, kept: Kept
) -> None:
    queued.mark_read(STUDY, actor="anna", reason="read in the PACS", now=NOON)
    before = kept.record(STUDY)
    late = queued.record_outcome(STUDY, 1, Flagged(probability=0.9), provenance(), now=NOON)
    assert late == before == kept.record(STUDY)
    [outcome] = kept.outcomes(STUDY)
    assert (outcome.kind, outcome.too_late) == ("flagged", True)
    assert kept.events("outcome_recorded")[0].details["too_late"] is True
    assert kept.events("due_time_changed") == []


def test_what_came_too_late_does_not_count_when_the_study_comes_back(
    queued: Worklist, kept: Kept
) -> None:
    queued.mark_read(STUDY, actor="anna", reason="read in the PACS", now=NOON)
    queued.record_outcome(STUDY, 1, Flagged(probability=0.9), provenance(), now=NOON)
    reopened(queued)
    assert kept.record(STUDY).reason == "routine 24 h"
    queued.record_outcome(STUDY, 2, Flagged(probability=0.9), provenance(), now=NOON)
    assert kept.record(STUDY).reason == "routine 24 h; fracture 0.90 → 2 h 13 min"


def test_a_place_of_suspicion_travels_with_the_outcome(queued: Worklist, kept: Kept) -> None:
    region = Region(
        sop_instance_uid=SOPInstanceUID("1.2.3.1.1"),
        frame_number=1,
        polygon=((0.0, 0.0), (10.5, 0.0), (10.5, 4.0)),
        score=0.8,
    )
    outcome = Flagged(probability=0.9, regions=(region,))
    queued.record_outcome(STUDY, 1, outcome, provenance(), now=NOON)
    assert kept.events("outcome_recorded")[0].details["regions"] == 1
    assert [one.regions for one in kept.outcomes(STUDY)] == [(region,)]


@pytest.mark.parametrize("result", [Flagged, NotFlagged])
def test_the_event_counts_the_regions_of_each_kind_apart(
    queued: Worklist, kept: Kept, result: type[Flagged | NotFlagged]
) -> None:
    kinds = ("subdural haemorrhage", "fracture of the skull", "subdural haemorrhage", "", "a\0b")
    regions = tuple(
        Region(
            sop_instance_uid=SOPInstanceUID("1.2.3.1.1"),
            frame_number=1,
            polygon=((0.0, 0.0), (10.5, 0.0), (10.5, 4.0)),
            score=0.8,
            kind=kind,
        )
        for kind in kinds
    )
    outcome = result(probability=0.9, regions=regions)
    queued.record_outcome(STUDY, 1, outcome, provenance(), now=NOON)
    details = kept.events("outcome_recorded")[0].details
    assert details["regions"] == 5
    told = {
        kind.replace("\0", "\ufffd"): count for kind, count in details["regions_of_kind"].items()
    }
    assert told == {
        "subdural haemorrhage": 2,
        "fracture of the skull": 1,
        "kind not said": 1,
        "a\ufffdb": 1,
    }


@pytest.mark.parametrize("result", [Flagged, NotFlagged])
def test_p6_what_a_probability_rests_on_travels_with_the_outcome(
    queued: Worklist, kept: Kept, result: type[Flagged | NotFlagged]
) -> None:
    first, last = SOPInstanceUID("1.2.3.1.1"), SOPInstanceUID("1.2.3.1.2")
    region = Region(
        sop_instance_uid=last,
        frame_number=1,
        polygon=((0.0, 0.0), (10.5, 0.0), (10.5, 4.0)),
        score=0.8,
        polygon_mm=((1.0, 2.0, 3.5), (4.0, 2.0, 3.5), (4.0, 1.0, 3.5)),
        kind="subdural",
        lesion=2,
    )
    unknown = Lesion(
        number=2, score=0.3, centre_mm=None, diameter_mm=None, first_image=last, last_image=last
    )
    evidence = Evidence(
        image_scores=(
            ImageScore(sop_instance_uid=first, frame_number=1, score=0.25),
            ImageScore(sop_instance_uid=last, frame_number=3, score=1.0),
        ),
        kinds=(SuspectedKind(name="subdural", score=0.7), SuspectedKind(name="epi", score=0.1)),
        lesions=(
            Lesion(
                number=1,
                score=0.9,
                centre_mm=(-1.5, 20.0, 3.25),
                diameter_mm=6.5,
                first_image=first,
                last_image=last,
            ),
            unknown,
        ),
        turned=(TurnedImage(sop_instance_uid=last, frame_number=2, quarters=3),),
    )
    outcome = result(probability=0.9, regions=(region,), evidence=evidence)
    queued.record_outcome(STUDY, 1, outcome, provenance(), now=NOON)
    queued.record_outcome(STUDY, 1, Failed(reason="?"), provenance(HAEMORRHAGE), now=NOON)
    said, silent = kept.outcomes(STUDY)
    assert (said.regions, said.evidence) == ((region,), evidence)
    assert (silent.regions, silent.evidence) == ((), Evidence())


@pytest.mark.parametrize("nasty", ["a\x00b", "\ud800 half a character"])
def test_whatever_a_detector_says_went_wrong_can_be_kept(
    queued: Worklist, kept: Kept, nasty: str
) -> None:
    queued.record_outcome(STUDY, 1, Failed(reason=nasty), provenance(), now=NOON)
    queued.record_outcome(STUDY, 1, NotApplicable(reason=nasty), provenance(), now=NOON)
    assert [one.kind for one in kept.outcomes(STUDY)] == ["failed", "not_applicable"]
