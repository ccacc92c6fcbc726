"""Looking, judging, drawing, concluding: what both stores keep of it, and what is refused."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.builders import FRACTURE, HAEMORRHAGE, MINUTE, NOON, STUDY, arrival, provenance
from tests.contract.conftest import Kept
from worklist.claims import AlreadyRead, Claim, ClaimedByAnother, NotClaimed
from worklist.conclusion import (
    AlreadyAnswered,
    Answer,
    AnswersMissing,
    ImagesCame,
    MarksSeen,
    Superseded,
)
from worklist.due_time import DueTargets
from worklist.errors import MissingReason, UnknownDetector, UnknownStudy
from worklist.finding import (
    Evidence,
    Failed,
    Flagged,
    Lesion,
    NotApplicable,
    NotFlagged,
    Outcome,
    Region,
    TargetFinding,
)
from worklist.highlighting import FirstLookFirst, Highlighting, Looker, Modes, TriageOnly
from worklist.outlines import InvalidOutline, UnknownDrawing, UnknownMark
from worklist.people import AccountName, Role
from worklist.reading import ReadingState, WrongReadingState
from worklist.readings import Outline
from worklist.service import Worklist
from worklist.study import Completeness
from worklist.uid import SOPInstanceUID, StudyInstanceUID
from worklist.views import UnknownInstance

IMAGE = SOPInstanceUID("1.2.3.1.1")
BLOOD, BREAK = TargetFinding.INTRACRANIAL_HAEMORRHAGE, TargetFinding.FRACTURE
PRESENT, ABSENT, CANNOT_SAY = Answer
ANNA = Looker(actor="person anna", account="anna", roles=frozenset({Role.RADIOLOGIST}))
ANNA_NAME = AccountName("anna")
BEN = replace(ANNA, actor="person ben", account="ben")
QUINN = Looker(actor="person quinn", account="quinn", roles=frozenset({Role.QA_REVIEWER}))
SQUARE = ((1.0, 1.0), (9.5, 1.0), (9.5, 9.0), (1.0, 9.0))
MARKED = Flagged(
    probability=0.9,
    regions=(
        Region(
            sop_instance_uid=IMAGE, frame_number=1, polygon=SQUARE, score=0.8, kind="", lesion=1
        ),
        Region(sop_instance_uid=IMAGE, frame_number=1, polygon=SQUARE, score=0.7),
    ),
    evidence=Evidence(
        lesions=(
            Lesion(
                number=1,
                score=0.8,
                centre_mm=None,
                diameter_mm=None,
                first_image=IMAGE,
                last_image=IMAGE,
            ),
        )
    ),
)
DRAWN = Outline(target=BREAK, sop_instance_uid=IMAGE, frame_number=1, polygon=SQUARE)


@pytest.fixture
def room(kept: Kept) -> Worklist:
    """Haemorrhage after first look, fractures at once; one study, filed and begun."""
    kept.employ("anna", "ben", "quinn")
    modes = Modes(chosen={"haemorrhage": Highlighting.AFTER_FIRST_LOOK})
    worklist = Worklist(kept.store, DueTargets(), modes=modes)
    worklist.record_arrivals([arrival()], now=NOON)
    begin(worklist)
    return worklist


def begin(room: Worklist) -> int:
    """The study is complete and its assessment begun; its number."""
    room.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON)
    with room._store.transaction() as transaction:
        number = transaction.readings_of(STUDY).assessment_number
    room.begin_assessment(STUDY, number, now=NOON)
    return number


def judged(room: Worklist, blood: Outcome = MARKED, number: int = 1) -> None:
    room.record_outcome(STUDY, number, blood, provenance(HAEMORRHAGE), now=NOON)


def more_images(room: Worklist) -> int:
    room.record_arrivals([arrival("1.2.3.1.2", received_at=NOON + MINUTE)], now=NOON + MINUTE)
    return begin(room)


def claim(kept: Kept, account: str = "anna") -> None:
    with kept.store.transaction() as transaction:
        one = Claim(study_instance_uid=STUDY, account=AccountName(account), claimed_at=NOON)
        transaction.add_claim(one)


def conclude(
    room: Worklist, looker: Looker = ANNA, *, reading_s: float = 30, **answers: Answer
) -> None:
    said = {TargetFinding(name): answer for name, answer in answers.items()}
    room.conclude(STUDY, said, looker, reading_s=reading_s, now=NOON + MINUTE)


def test_a_first_look_is_kept_and_opens_the_marks_in_the_log(room: Worklist, kept: Kept) -> None:
    judged(room)
    room.first_look(STUDY, {BLOOD: ABSENT}, ANNA, assessment_number=1, now=NOON + MINUTE)
    [look] = kept.readings(STUDY).first_looks
    assert (look.account, look.assessment_number, look.answers) == ("anna", 1, {BLOOD: ABSENT})
    assert look.at == NOON + MINUTE
    first, shown = kept.events()[-2:]
    assert (first.kind, first.actor) == ("first_look", "person anna")
    assert first.details["first_answers"] == {"intracranial_haemorrhage": "absent"}
    assert (shown.kind, shown.actor) == ("marks_revealed", "person anna")
    assert shown.details["results"] == {"haemorrhage": 1}
    assert shown.details["highlighting"] == {"haemorrhage": "after_first_look"}


def test_marks_stay_closed_until_their_finding_is_answered(room: Worklist, kept: Kept) -> None:
    judged(room)
    with pytest.raises(FirstLookFirst, match="haemorrhage"):
        room.reveal(STUDY, "haemorrhage", ANNA, now=NOON)
    room.first_look(STUDY, {BREAK: PRESENT}, ANNA, now=NOON)
    with pytest.raises(FirstLookFirst):
        room.reveal(STUDY, "haemorrhage", ANNA, now=NOON)
    with pytest.raises(FirstLookFirst):
        room.judge(STUDY, "haemorrhage", ANNA, agrees=True, now=NOON)
    assert kept.events("marks_revealed") == []
    room.first_look(STUDY, {BLOOD: CANNOT_SAY}, ANNA, now=NOON)
    with pytest.raises(FirstLookFirst):
        room.reveal(STUDY, "haemorrhage", BEN, now=NOON)
    room.reveal(STUDY, "haemorrhage", QUINN, now=NOON)
    who = [one.actor for one in kept.events("marks_revealed")]
    assert who == ["person anna", "person quinn"]


def test_the_same_answers_again_change_nothing_and_other_ones_are_refused(
    room: Worklist, kept: Kept
) -> None:
    room.first_look(STUDY, {BLOOD: ABSENT}, ANNA, now=NOON)
    before = kept.events()
    room.first_look(STUDY, {BLOOD: ABSENT}, ANNA, now=NOON + MINUTE)
    assert kept.events() == before
    with pytest.raises(AlreadyAnswered, match="haemorrhage"):
        room.first_look(STUDY, {BLOOD: PRESENT, BREAK: ABSENT}, ANNA, now=NOON + MINUTE)
    assert kept.events() == before
    room.first_look(STUDY, {BLOOD: ABSENT, BREAK: ABSENT}, ANNA, now=NOON + MINUTE)
    assert kept.readings(STUDY).answers_of("anna", 1) == {BLOOD: ABSENT, BREAK: ABSENT}
    room.first_look(STUDY, {BLOOD: PRESENT}, BEN, now=NOON)


def test_a_look_without_an_answer_is_none(room: Worklist, kept: Kept) -> None:
    before = kept.events()
    with pytest.raises(AnswersMissing):
        room.first_look(STUDY, {}, ANNA, now=NOON)
    assert kept.events() == before


def test_after_the_marks_no_look_is_the_first(room: Worklist, kept: Kept) -> None:
    room.record_outcome(STUDY, 1, MARKED, provenance(FRACTURE), now=NOON)
    room.reveal(STUDY, "fracture", ANNA, now=NOON)
    with pytest.raises(MarksSeen, match="fracture"):
        room.first_look(STUDY, {BLOOD: ABSENT, BREAK: ABSENT}, ANNA, now=NOON)
    assert kept.readings(STUDY).first_looks == ()
    room.first_look(STUDY, {BLOOD: ABSENT, BREAK: ABSENT}, BEN, now=NOON)


def test_a_newer_assessment_asks_for_a_new_look(room: Worklist, kept: Kept) -> None:
    judged(room)
    assert more_images(room) == 2
    with pytest.raises(Superseded):
        room.first_look(STUDY, {BLOOD: ABSENT}, ANNA, assessment_number=1, now=NOON)
    assert kept.readings(STUDY).first_looks == ()
    room.first_look(STUDY, {BLOOD: ABSENT}, ANNA, assessment_number=2, now=NOON)
    room.reveal(STUDY, "haemorrhage", ANNA, now=NOON)  # of the first, and of the second when it is
    judged(room, number=2)
    room.reveal(STUDY, "haemorrhage", ANNA, now=NOON)
    shown = [one.details["results"] for one in kept.events("marks_revealed")]
    assert shown == [{"haemorrhage": 1}, {"haemorrhage": 2}]


def test_a_result_that_came_between_look_and_reveal_is_not_opened_by_it(
    room: Worklist, kept: Kept
) -> None:
    room.first_look(STUDY, {BLOOD: ABSENT}, ANNA, now=NOON)
    more_images(room)
    judged(room, number=2)
    with pytest.raises(FirstLookFirst):
        room.reveal(STUDY, "haemorrhage", ANNA, now=NOON)
    assert kept.events("marks_revealed") == []


def test_a_reveal_is_logged_once_for_each_person_and_result(room: Worklist, kept: Kept) -> None:
    room.record_outcome(STUDY, 1, MARKED, provenance(FRACTURE), now=NOON)
    for looker in (ANNA, ANNA, BEN):
        room.reveal(STUDY, "fracture", looker, now=NOON)
    who = [one.actor for one in kept.events("marks_revealed")]
    assert who == ["person anna", "person ben"]


def test_a_result_without_marks_reveals_nothing(room: Worklist, kept: Kept) -> None:
    outcome = Failed(reason="out of memory")
    room.record_outcome(STUDY, 1, outcome, provenance(FRACTURE), now=NOON)
    room.reveal(STUDY, "fracture", ANNA, now=NOON)
    assert kept.events("marks_revealed") == []
    with pytest.raises(UnknownDetector):
        room.reveal(STUDY, "nodule", ANNA, now=NOON)


def test_in_triage_only_no_look_opens_anything(room: Worklist, kept: Kept) -> None:
    strict = Worklist(kept.store, DueTargets(), modes=Modes(chosen={"*": Highlighting.TRIAGE_ONLY}))
    judged(strict)
    strict.first_look(STUDY, {BLOOD: ABSENT}, ANNA, now=NOON)
    for looker in (ANNA, QUINN):
        with pytest.raises(TriageOnly):
            strict.reveal(STUDY, "haemorrhage", looker, now=NOON)
    assert kept.events("marks_revealed") == []


def test_agreement_is_kept_with_what_it_is_about(room: Worklist, kept: Kept) -> None:
    room.record_outcome(STUDY, 1, MARKED, provenance(FRACTURE), now=NOON)
    judge: Callable[..., None] = room.judge
    judge(STUDY, "fracture", ANNA, agrees=True, lesion=1, now=NOON)
    judge(STUDY, "fracture", ANNA, agrees=False, region=2, comment="a vessel\x00", now=NOON)
    judge(STUDY, "fracture", ANNA, agrees=True, now=NOON)
    judge(STUDY, "fracture", ANNA, agrees=False, lesion=1, now=NOON + MINUTE)
    said = [(one.lesion, one.region, one.agrees) for one in kept.readings(STUDY).judgements]
    assert said == [(1, None, True), (None, 2, False), (None, None, True), (1, None, False)]
    in_force = kept.readings(STUDY).judgements_in_force
    assert [(one.lesion, one.agrees) for one in in_force] == [
        (None, False),
        (None, True),
        (1, False),
    ]
    assert len(kept.events("finding_judged")) == 4
    assert kept.events("finding_judged")[0].details["detector"] == "fracture"


@pytest.mark.parametrize(
    "mark", [{"lesion": 2}, {"region": 3}, {"region": 0}, {"lesion": 1, "region": 1}]
)
def test_nobody_can_agree_with_what_was_not_marked(
    room: Worklist, kept: Kept, mark: dict[str, int]
) -> None:
    room.record_outcome(STUDY, 1, MARKED, provenance(FRACTURE), now=NOON)
    with pytest.raises(UnknownMark):
        room.judge(STUDY, "fracture", ANNA, agrees=True, now=NOON, **mark)
    assert kept.readings(STUDY).judgements == ()


def test_a_detector_that_failed_has_nothing_to_agree_with(room: Worklist) -> None:
    outcome = Failed(reason="out of memory")
    room.record_outcome(STUDY, 1, outcome, provenance(FRACTURE), now=NOON)
    with pytest.raises(UnknownMark):
        room.judge(STUDY, "fracture", ANNA, agrees=False, now=NOON)


def test_what_a_person_draws_is_kept_also_when_it_is_taken_back(room: Worklist, kept: Kept) -> None:
    drawn = room.draw(STUDY, DRAWN, ANNA, now=NOON)
    [before] = kept.readings(STUDY).drawn
    assert before == drawn
    for looker, number in ((BEN, drawn.drawn_id), (ANNA, drawn.drawn_id + 1)):
        with pytest.raises(UnknownDrawing):
            room.withdraw(STUDY, number, looker, now=NOON)
    for _ in range(2):
        room.withdraw(STUDY, drawn.drawn_id, ANNA, now=NOON + MINUTE)
    assert kept.readings(STUDY).drawn == (replace(drawn, withdrawn_at=NOON + MINUTE),)
    kinds = [one.kind for one in kept.events()[-2:]]
    assert kinds == ["finding_drawn", "drawn_withdrawn"]


def test_an_outline_must_lie_in_an_image_of_this_study(room: Worklist, kept: Kept) -> None:
    room.record_arrivals([arrival("1.2.4.1.1", study="1.2.4")], now=NOON)
    outside = replace(DRAWN, polygon=((0.0, 0.0), (513.0, 0.0), (0.0, 9.0)))
    with pytest.raises(InvalidOutline):
        room.draw(STUDY, outside, ANNA, now=NOON)
    with pytest.raises(UnknownInstance):
        room.draw(StudyInstanceUID("1.2.4"), DRAWN, ANNA, now=NOON)
    with pytest.raises(UnknownStudy):
        room.draw(StudyInstanceUID("1.9"), DRAWN, ANNA, now=NOON)
    assert kept.events("finding_drawn") == []


def test_a_conclusion_takes_the_study_off_the_list_and_ends_the_claim(
    room: Worklist, kept: Kept
) -> None:
    judged(room)
    claim(kept)
    conclude(room, intracranial_haemorrhage=PRESENT)
    assert kept.record(STUDY).reading_state is ReadingState.READ
    [conclusion] = kept.readings(STUDY).conclusions
    assert (conclusion.number, conclusion.account, conclusion.amends) == (1, "anna", False)
    assert conclusion.answers == {BLOOD: PRESENT}
    assert (conclusion.reading_s, conclusion.opened_at) == (30, NOON)
    [event] = kept.events("concluded")
    assert (event.actor, event.details["place_before"]) == ("person anna", 1)
    assert event.details["answers"] == {"intracranial_haemorrhage": "present"}
    with kept.store.transaction() as transaction:
        assert transaction.claim_of(STUDY) is None


def test_a_clock_that_is_set_back_hinders_no_conclusion(room: Worklist, kept: Kept) -> None:
    """Or another machine's, which is behind that of the one that kept the claim."""
    claim(kept)
    room.conclude(STUDY, {}, ANNA, reading_s=30, now=NOON - MINUTE)
    room.conclude(STUDY, {}, ANNA, reading_s=30, now=NOON - 2 * MINUTE)
    first, second = kept.readings(STUDY).conclusions
    assert (first.opened_at, first.concluded_at, first.reading_s) == (NOON - MINUTE,) * 2 + (0,)
    assert (second.opened_at, second.concluded_at) == (NOON - 2 * MINUTE,) * 2
    assert [how for _, _, how in kept.ended_claims()] == ["concluded"]


def test_only_who_holds_the_study_concludes_it(room: Worklist, kept: Kept) -> None:
    before = kept.events()
    with pytest.raises(NotClaimed):
        conclude(room)
    claim(kept, "ben")
    with pytest.raises(ClaimedByAnother, match="ben"):
        conclude(room)
    assert kept.events() == before
    conclude(room, BEN)


def test_a_conclusion_answers_for_what_detectors_looked_for(room: Worklist, kept: Kept) -> None:
    claim(kept)
    judged(room, NotFlagged(probability=0.01))
    outcome = NotApplicable(reason="a head")
    room.record_outcome(STUDY, 1, outcome, provenance(FRACTURE), now=NOON)
    with pytest.raises(AnswersMissing, match="haemorrhage"):
        conclude(room, fracture=PRESENT)
    assert kept.record(STUDY).reading_state is ReadingState.UNREAD
    conclude(room, fracture=PRESENT, intracranial_haemorrhage=ABSENT)
    assert set(kept.readings(STUDY).conclusions[0].answers) == {BLOOD, BREAK}


@pytest.mark.parametrize("outcome", [Failed(reason="cut off"), MARKED])
def test_also_a_detector_that_failed_asks_for_an_answer(
    room: Worklist, kept: Kept, outcome: Outcome
) -> None:
    claim(kept)
    judged(room, outcome)
    with pytest.raises(AnswersMissing):
        conclude(room)
    conclude(room, intracranial_haemorrhage=CANNOT_SAY)


def test_a_study_can_be_concluded_before_ai_has_looked_and_its_outcome_is_too_late(
    room: Worklist, kept: Kept
) -> None:
    claim(kept)
    conclude(room)
    assert kept.readings(STUDY).conclusions[0].answers == {}
    judged(room)
    assert [one.too_late for one in kept.outcomes(STUDY)] == [True]
    assert kept.record(STUDY).reading_state is ReadingState.READ
    with pytest.raises(FirstLookFirst):
        room.reveal(STUDY, "haemorrhage", ANNA, now=NOON)
    room.reopen(STUDY, actor="anna", reason="AI came late", now=NOON + 2 * MINUTE)
    assert [one.too_late for one in kept.outcomes(STUDY)] == [True]
    assert kept.record(STUDY).due_at == kept.record(STUDY).due_without_ai_at


@pytest.mark.parametrize(("said_s", "kept_s"), [(0, 0), (59.5, 59.5), (60, 60), (3600, 60)])
def test_reading_time_is_no_longer_than_the_claim(
    room: Worklist, kept: Kept, said_s: float, kept_s: float
) -> None:
    claim(kept)
    conclude(room, reading_s=said_s)
    assert kept.readings(STUDY).conclusions[0].reading_s == kept_s


def test_who_concluded_may_amend_without_a_claim_and_both_are_kept(
    room: Worklist, kept: Kept
) -> None:
    claim(kept)
    conclude(room, fracture=PRESENT)
    later = NOON + 3 * MINUTE
    room.conclude(STUDY, {BREAK: ABSENT}, ANNA, reading_s=1000, now=later)
    first, second = kept.readings(STUDY).conclusions
    assert (first.answers, second.answers) == ({BREAK: PRESENT}, {BREAK: ABSENT})
    assert (second.number, second.amends, second.opened_at) == (2, True, first.concluded_at)
    assert second.reading_s == 120
    assert kept.record(STUDY).reading_state is ReadingState.READ
    assert [one.kind for one in kept.events()[-1:]] == ["conclusion_amended"]
    with pytest.raises(AlreadyRead):
        conclude(room, BEN, fracture=PRESENT)
    assert len(kept.readings(STUDY).conclusions) == 2


def test_a_study_that_was_read_elsewhere_is_not_concluded_beside(
    room: Worklist, kept: Kept
) -> None:
    room.mark_read(STUDY, actor="anna", reason="read in the PACS", now=NOON)
    with pytest.raises(AlreadyRead):
        conclude(room)


def test_images_after_the_conclusion_reopen_the_study_and_keep_it(
    room: Worklist, kept: Kept
) -> None:
    claim(kept)
    conclude(room, fracture=ABSENT)
    more_images(room)
    assert kept.record(STUDY).reading_state is ReadingState.UNREAD
    assert len(kept.readings(STUDY).conclusions) == 1
    with pytest.raises(NotClaimed):
        conclude(room)
    claim(kept, "ben")
    conclude(room, BEN, fracture=PRESENT)
    last = kept.readings(STUDY).conclusions[-1]
    assert (last.account, last.amends, last.assessment_number) == ("ben", False, 2)


def test_images_that_the_page_did_not_show_are_looked_at_first(room: Worklist, kept: Kept) -> None:
    claim(kept)
    more_images(room)
    with pytest.raises(ImagesCame):
        room.conclude(STUDY, {}, ANNA, reading_s=1, instance_count=1, now=NOON + MINUTE)
    room.conclude(STUDY, {}, ANNA, reading_s=1, instance_count=2, now=NOON + MINUTE)


def test_a_study_is_reopened_with_a_reason_and_gets_its_place_back(
    room: Worklist, kept: Kept
) -> None:
    judged(room)
    before = kept.record(STUDY)
    with pytest.raises(WrongReadingState):
        room.reopen(STUDY, actor="ben", reason="a second look", now=NOON)
    claim(kept)
    conclude(room, intracranial_haemorrhage=ABSENT)
    with pytest.raises(MissingReason):
        room.reopen(STUDY, actor="ben", reason=" ", now=NOON)
    record = room.reopen(STUDY, actor="ben", reason="a second look", now=NOON + 2 * MINUTE)
    assert record == before
    [event] = kept.events("reopened")
    assert (event.actor, event.details["why"]) == ("person ben", "a second look")
    assert (event.details["place_before"], event.details["place"]) == (None, 1)


def test_what_people_said_of_one_study_is_not_said_of_another(room: Worklist, kept: Kept) -> None:
    room.record_arrivals([arrival("1.2.4.1.1", study="1.2.4")], now=NOON)
    judged(room)
    room.first_look(STUDY, {BLOOD: ABSENT}, ANNA, now=NOON)
    room.draw(STUDY, DRAWN, ANNA, now=NOON)
    room.judge(STUDY, "haemorrhage", ANNA, agrees=True, now=NOON + timedelta(seconds=1))
    other = kept.readings("1.2.4")
    assert (other.first_looks, other.drawn, other.judgements, other.results) == ((), (), (), ())
    assert other.reveals == frozenset()
    assert kept.readings(STUDY).names == {"anna": "Dr Anna"}


def _judges(room: Worklist, at: datetime) -> None:
    room.record_outcome(STUDY, 1, NotFlagged(probability=0.1), provenance(FRACTURE), now=NOON)
    room.judge(STUDY, FRACTURE.name, ANNA, agrees=True, now=at)


def _withdraws(room: Worklist, at: datetime) -> None:
    drawn = room.draw(STUDY, DRAWN, ANNA, now=NOON - MINUTE)
    room.withdraw(STUDY, drawn.drawn_id, ANNA, now=at)


@pytest.mark.parametrize(
    "act",
    [
        _judges,
        _withdraws,
        lambda room, at: room.first_look(STUDY, {BLOOD: ABSENT}, ANNA, now=at),
        lambda room, at: room.draw(STUDY, DRAWN, ANNA, now=at),
    ],
)
@pytest.mark.parametrize(("after", "stays"), [(-1, False), (0, True), (1, True)])
def test_a_claim_that_opening_made_stays_once_something_was_said(
    room: Worklist,
    kept: Kept,
    act: Callable[[Worklist, datetime], None],
    after: int,
    stays: bool,
) -> None:
    act(room, NOON + timedelta(microseconds=after))
    claim(kept)
    given = room.give_back_unacted(STUDY, ANNA_NAME, claimed_at=NOON, now=NOON + MINUTE)
    assert given is not stays


def test_what_another_says_keeps_nobodys_claim(room: Worklist, kept: Kept) -> None:
    claim(kept)
    room.draw(STUDY, DRAWN, BEN, now=NOON + MINUTE)
    assert room.give_back_unacted(STUDY, ANNA_NAME, claimed_at=NOON, now=NOON + MINUTE)
