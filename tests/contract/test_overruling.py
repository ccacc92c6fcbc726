"""P7: people overrule. Each act needs a reason, wins over AI, and stands in the log."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.builders import FRACTURE, HAEMORRHAGE, NOON, STUDY, arrival, provenance, targets
from tests.contract.conftest import Kept
from worklist.errors import MissingReason, UnknownDetector, UnknownStudy
from worklist.finding import DetectorIdentity, Failed, Flagged, NotFlagged, Outcome
from worklist.history import in_a_sentence
from worklist.reading import ReadingState, WrongReadingState
from worklist.service import Worklist
from worklist.study import Completeness, RequestedPriority
from worklist.uid import StudyInstanceUID

OTHER = StudyInstanceUID("1.2.4")
INSTALLED = [FRACTURE.name, HAEMORRHAGE.name]
STAT, URGENT, ROUTINE = RequestedPriority


def complete(worklist: Worklist, uid: StudyInstanceUID) -> None:
    worklist.record_arrivals([arrival(f"{uid}.1.1", study=uid)], now=NOON)
    worklist.complete_study(uid, completeness=Completeness.COMPLETE, now=NOON)


def assess(
    worklist: Worklist, uid: StudyInstanceUID, outcomes: dict[str, Outcome], number: int = 1
) -> None:
    """As the worker does: begin, one outcome for each detector that is not stopped, finish."""
    identities: dict[str, DetectorIdentity] = {FRACTURE.name: FRACTURE, "haemorrhage": HAEMORRHAGE}
    worklist.begin_assessment(uid, number, now=NOON)
    for name, outcome in outcomes.items():
        worklist.record_outcome(uid, number, outcome, provenance(identities[name]), now=NOON)
    worklist.finish_assessment(uid, number, now=NOON)


@pytest.fixture
def assessed(worklist: Worklist) -> Worklist:
    """With two routine studies: STUDY flagged for a fracture, OTHER for a haemorrhage."""
    for uid in (STUDY, OTHER):
        complete(worklist, uid)
    no = NotFlagged(probability=0.0)
    assess(worklist, STUDY, {"fracture": Flagged(probability=0.9), "haemorrhage": no})
    assess(worklist, OTHER, {"fracture": no, "haemorrhage": Flagged(probability=0.9)})
    return worklist


def stop(worklist: Worklist, detectors: list[str] | None) -> int:
    return worklist.stop_ai(
        detectors, installed=INSTALLED, actor="anna", reason="it looks wrong", now=NOON
    )


def start(worklist: Worklist, detectors: list[str] | None) -> int:
    return worklist.start_ai(
        detectors, installed=INSTALLED, actor="anna", reason="all well", now=NOON
    )


def stands_without_ai(kept: Kept, uid: StudyInstanceUID) -> bool:
    record = kept.record(uid)
    return record.due_at == record.due_without_ai_at


ACTS: list[Callable[[Worklist, str], object]] = [
    lambda w, why: w.override_priority(STUDY, STAT, actor="anna", reason=why, now=NOON),
    lambda w, why: w.pin(STUDY, True, actor="anna", reason=why, now=NOON),
    lambda w, why: w.mark_read(STUDY, actor="anna", reason=why, now=NOON),
    lambda w, why: w.stop_ai(None, installed=INSTALLED, actor="anna", reason=why, now=NOON),
    lambda w, why: w.start_ai(None, installed=[], actor="anna", reason=why, now=NOON),
]


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("silence", ["", "  \n"])
def test_an_act_without_a_reason_is_refused_and_changes_nothing(
    assessed: Worklist, kept: Kept, act: Callable[[Worklist, str], object], silence: str
) -> None:
    before = kept.record(STUDY), kept.record(OTHER), kept.events(), assessed.ai_switch()
    with pytest.raises(MissingReason, match="say why"):
        act(assessed, silence)
    assert (kept.record(STUDY), kept.record(OTHER), kept.events(), assessed.ai_switch()) == before


@pytest.mark.parametrize("act", ACTS)
def test_an_act_stands_in_the_log_with_who_and_why(
    assessed: Worklist, kept: Kept, act: Callable[[Worklist, str], object]
) -> None:
    act(assessed, "because\x00I say so")
    last = kept.events()[-1]
    assert last.actor == "person anna"
    assert str(last.details["why"]).startswith("because")


@pytest.mark.parametrize("act", ACTS[:3])
def test_no_act_is_possible_on_a_study_never_filed(
    worklist: Worklist, act: Callable[[Worklist, str], object]
) -> None:
    with pytest.raises(UnknownStudy):
        act(worklist, "why not")


def test_a_priority_given_by_a_person_replaces_the_requested_one(
    assessed: Worklist, kept: Kept
) -> None:
    record = assessed.override_priority(STUDY, STAT, actor="anna", reason="in theatre", now=NOON)
    assert record == kept.record(STUDY)
    assert record.requested_priority is ROUTINE
    assert record.due_without_ai_at == NOON + timedelta(hours=1)
    assert record.due_at < record.due_without_ai_at
    assert record.reason.startswith("stat 1 h; fracture 0.90")
    event = kept.events()[-1]
    assert (event.kind, event.details["priority"]) == ("priority_overridden", "stat")
    back = assessed.override_priority(STUDY, None, actor="anna", reason="a mistake", now=NOON)
    assert back.due_without_ai_at == NOON + timedelta(hours=24)


def test_a_person_may_also_make_a_study_wait_and_then_images_do_not_undo_it(
    worklist: Worklist, kept: Kept
) -> None:
    worklist.record_arrivals([arrival(priority=URGENT)], now=NOON)
    worklist.override_priority(STUDY, ROUTINE, actor="anna", reason="can wait", now=NOON)
    assert kept.record(STUDY).due_at == NOON + timedelta(hours=24)
    worklist.record_arrivals([arrival("1.2.3.1.2", priority=STAT)], now=NOON)
    record = kept.record(STUDY)
    assert record.requested_priority is STAT
    assert record.due_at == NOON + timedelta(hours=24)


def test_a_pinned_study_is_first_whatever_ai_says(assessed: Worklist, kept: Kept) -> None:
    assert kept.record(OTHER).position < kept.record(STUDY).position
    assessed.pin(STUDY, True, actor="anna", reason="the patient is waiting", now=NOON)
    event = kept.events()[-1]
    assert (event.kind, event.details["place_before"], event.details["place"]) == ("pinned", 2, 1)
    assert kept.record(STUDY).position < kept.record(OTHER).position
    assessed.pin(STUDY, False, actor="anna", reason="done", now=NOON)
    event = kept.events()[-1]
    assert (event.kind, event.details["place_before"], event.details["place"]) == ("unpinned", 1, 2)


def test_a_read_study_leaves_the_list_and_cannot_be_read_again(
    assessed: Worklist, kept: Kept
) -> None:
    record = assessed.mark_read(OTHER, actor="anna", reason="read in the PACS", now=NOON)
    assert record.reading_state is ReadingState.READ
    event = kept.events()[-1]
    assert (event.details["place_before"], event.details["place"]) == (1, None)
    with pytest.raises(WrongReadingState, match="cannot mark read"):
        assessed.mark_read(OTHER, actor="ben", reason="me too", now=NOON)
    with kept.store.transaction() as transaction:
        assert transaction.place_of(kept.record(STUDY).position) == 1


def test_stopping_ai_as_a_whole_gives_the_order_without_ai_at_once(
    assessed: Worklist, kept: Kept
) -> None:
    assert stop(assessed, None) == 2
    assert stands_without_ai(kept, STUDY)
    assert stands_without_ai(kept, OTHER)
    assert kept.record(STUDY).reason == "routine 24 h"
    event = kept.events()[-1]
    assert (event.kind, event.details["detectors"]) == ("ai_stopped", "all")
    assert event.details["moved"] == 2
    assert assessed.ai_switch().is_stopped("fracture")
    assert stop(assessed, None) == 0


@pytest.mark.parametrize("factor", [0.5, 2])
def test_p7_ai_can_be_stopped_and_started_after_the_site_changed_its_targets(
    assessed: Worklist, kept: Kept, factor: float
) -> None:
    """Each study then stands where it would stand had AI never looked at it."""
    before = kept.record(STUDY).due_at
    changed = Worklist(kept.store, targets(requested=factor, findings=factor))
    assert stop(changed, None) == 2
    for uid in (STUDY, OTHER):
        assert stands_without_ai(kept, uid)
        assert kept.record(uid).due_at == NOON + timedelta(hours=24)
        assert kept.record(uid).reason == "routine 24 h"
    assert start(changed, None) == 2
    assert not stands_without_ai(kept, STUDY)
    assert (kept.record(STUDY).due_at > before) == (factor > 1)


def test_a_priority_given_by_a_person_has_the_target_of_today(
    assessed: Worklist, kept: Kept
) -> None:
    changed = Worklist(kept.store, targets(requested=2))
    changed.pin(STUDY, True, actor="anna", reason="look", now=NOON)
    assert kept.record(STUDY).due_without_ai_at == NOON + timedelta(hours=24)
    changed.override_priority(STUDY, STAT, actor="anna", reason="in theatre", now=NOON)
    assert kept.record(STUDY).due_without_ai_at == NOON + timedelta(hours=2)
    assert kept.record(STUDY).reason.startswith("stat 2 h")


def test_p3_stopping_and_starting_ai_stands_in_the_history_of_each_study_it_moves(
    assessed: Worklist, kept: Kept
) -> None:
    complete(assessed, StudyInstanceUID("1.2.5"))
    before = kept.record(STUDY)
    stop(assessed, None)
    stopped = kept.record(STUDY)
    start(assessed, ["fracture"])
    moves = [one for one in kept.events("due_time_changed") if one.actor == "person anna"]
    assert [one.study_instance_uid for one in moves] == [STUDY, OTHER, STUDY]
    assert [moves[0].details[name] for name in ("part_of", "due_before", "due_at", "reason")] == [
        "ai_stopped",
        before.due_at.isoformat(),
        stopped.due_at.isoformat(),
        "routine 24 h",
    ]
    assert in_a_sentence(moves[0].kind, moves[0].details) == (
        "due 2026-03-03 12:00:00 UTC (routine 24 h), AI was stopped, because it looks wrong"
    )
    assert in_a_sentence(moves[2].kind, moves[2].details).endswith(
        f"({before.reason}), the detector fracture was started, because all well"
    )


def test_stopping_one_detector_leaves_the_others_counting(assessed: Worklist, kept: Kept) -> None:
    assert stop(assessed, ["fracture"]) == 1
    assert stands_without_ai(kept, STUDY)
    assert not stands_without_ai(kept, OTHER)


def test_an_outcome_of_a_stopped_detector_is_kept_and_moves_nothing(
    worklist: Worklist, kept: Kept
) -> None:
    complete(worklist, STUDY)
    stop(worklist, ["fracture"])
    worklist.record_outcome(STUDY, 1, Flagged(probability=0.9), provenance(), now=NOON)
    assert stands_without_ai(kept, STUDY)
    assert len(kept.outcomes(STUDY)) == 1
    assert start(worklist, ["fracture"]) == 1
    assert not stands_without_ai(kept, STUDY)


def test_starting_ai_again_gives_back_the_order_with_ai(assessed: Worklist, kept: Kept) -> None:
    before = kept.record(STUDY), kept.record(OTHER)
    stop(assessed, None)
    assert start(assessed, None) == 2
    assert (kept.record(STUDY), kept.record(OTHER)) == before
    assert kept.events()[-1].kind == "ai_started"
    assert len(kept.jobs()) == 2  # the first ones: nothing was missed


def test_starting_one_detector_does_not_start_the_others(assessed: Worklist, kept: Kept) -> None:
    """With AI stopped as a whole, exactly the detector that was named runs again."""
    stop(assessed, None)
    assert start(assessed, ["haemorrhage"]) == 1
    assert stands_without_ai(kept, STUDY)
    assert not stands_without_ai(kept, OTHER)
    assert assessed.ai_switch().is_stopped("fracture")
    assert not assessed.ai_switch().is_stopped("haemorrhage")


def test_studies_that_a_stopped_detector_missed_are_queued_again_when_it_starts(
    worklist: Worklist, kept: Kept
) -> None:
    complete(worklist, STUDY)
    stop(worklist, ["haemorrhage"])
    assess(worklist, STUDY, {"fracture": Failed(reason="out of memory")})
    start(worklist, ["haemorrhage"])
    assert sorted(kept.jobs()) == [(STUDY, 1), (STUDY, 2)]
    assert kept.record(STUDY).assessment_number == 2
    assess(worklist, STUDY, {name: Failed(reason="?") for name in INSTALLED}, number=2)
    start(worklist, ["haemorrhage"])
    assert len(kept.jobs()) == 2


def test_an_assessment_under_way_when_a_detector_starts_is_followed_by_another(
    worklist: Worklist, kept: Kept
) -> None:
    """Its worker has read the switch already, so the detector has no part in it."""
    complete(worklist, STUDY)
    stop(worklist, None)
    worklist.begin_assessment(STUDY, 1, now=NOON)
    start(worklist, None)
    assert sorted(kept.jobs()) == [(STUDY, 1), (STUDY, 2)]


def test_studies_that_no_worker_has_taken_yet_are_not_queued_twice(
    worklist: Worklist, kept: Kept
) -> None:
    complete(worklist, STUDY)
    stop(worklist, None)
    start(worklist, None)
    assert kept.jobs() == [(STUDY, 1)]


def test_read_and_arriving_studies_are_not_queued_when_ai_starts(
    worklist: Worklist, kept: Kept
) -> None:
    stop(worklist, None)
    for uid in (STUDY, OTHER):
        complete(worklist, uid)
        assess(worklist, uid, {})
    worklist.mark_read(STUDY, actor="anna", reason="read in the PACS", now=NOON)
    worklist.record_arrivals([arrival("1.2.4.1.2", study=OTHER)], now=NOON)
    start(worklist, None)
    assert sorted(kept.jobs()) == [(STUDY, 1), (OTHER, 1)]


@pytest.mark.parametrize("switch", [stop, start])
def test_a_detector_that_is_not_installed_can_be_neither_stopped_nor_started(
    assessed: Worklist, kept: Kept, switch: Callable[[Worklist, list[str]], int]
) -> None:
    before = kept.events()
    with pytest.raises(UnknownDetector, match="no detector named nodule"):
        switch(assessed, ["nodule"])
    assert kept.events() == before


def test_p10_a_model_that_is_added_or_removed_stands_in_the_log(
    worklist: Worklist, kept: Kept
) -> None:
    worklist.note_model("model_added", FRACTURE, actor="anna", now=NOON)
    worklist.note_model("model_removed", FRACTURE, actor="bert", now=NOON)
    added, removed = kept.events()
    assert (added.kind, added.actor, added.study_instance_uid) == (
        "model_added",
        "person anna",
        None,
    )
    assert added.details["weights_sha256"] == FRACTURE.weights_sha256
    assert (removed.kind, removed.actor) == ("model_removed", "person bert")
