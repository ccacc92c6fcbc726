"""Claims: one person holds a study; giving it back, taking it over and losing it are events."""

from datetime import timedelta

import pytest

from tests.builders import MINUTE, NOON, STUDY, arrival
from tests.contract.conftest import Kept
from worklist.claims import AlreadyRead, ClaimedByAnother, NotClaimed
from worklist.errors import UnknownStudy
from worklist.history import in_a_sentence
from worklist.people import AccountName
from worklist.placement import CLAIM_LIMIT
from worklist.service import Worklist
from worklist.study import Completeness
from worklist.uid import StudyInstanceUID

OTHER = StudyInstanceUID("1.2.4")
ANNA, BERT = AccountName("anna"), AccountName("bert")
BOTH = {ANNA, BERT}
KINDS = {"claimed", "claim_taken_over", "claim_released", "claim_ended"}
MOMENT = timedelta(microseconds=1)


@pytest.fixture
def room(worklist: Worklist, kept: Kept) -> Worklist:
    """Two unread studies and two people."""
    kept.employ(ANNA, BERT)
    for uid in (STUDY, OTHER):
        worklist.record_arrivals([arrival(f"{uid}.1", study=uid)], now=NOON)
        worklist.complete_study(uid, completeness=Completeness.COMPLETE, now=NOON)
    return worklist


def holders(room: Worklist) -> dict[str, str]:
    return {one.study_instance_uid: one.account for one in room.claims()}


def told(kept: Kept) -> list[tuple[str, str, str]]:
    """Who did what, and the sentence that people read."""
    return [
        (one.kind, one.actor, in_a_sentence(one.kind, one.details))
        for one in kept.events()
        if one.kind in KINDS
    ]


def test_a_person_claims_a_study_and_gives_it_back(room: Worklist, kept: Kept) -> None:
    claim = room.claim(STUDY, ANNA, take_over=False, now=NOON)
    assert (claim.account, claim.claimed_at) == (ANNA, NOON)
    assert room.claims() == [claim]
    room.release(STUDY, ANNA, now=NOON)
    assert room.claims() == []
    assert kept.ended_claims() == [(STUDY, ANNA, "released")]
    assert told(kept) == [
        ("claimed", "person anna", "claimed by anna"),
        ("claim_released", "person anna", "claim of anna released"),
    ]


def test_claiming_again_changes_nothing_and_is_no_event(room: Worklist, kept: Kept) -> None:
    first = room.claim(STUDY, ANNA, take_over=False, now=NOON)
    assert room.claim(STUDY, ANNA, take_over=False, now=NOON + MINUTE) == first
    assert room.claim(STUDY, ANNA, take_over=True, now=NOON + MINUTE) == first
    assert len(told(kept)) == 1


def test_a_study_held_by_another_is_refused_and_nothing_changes(room: Worklist, kept: Kept) -> None:
    held = room.claim(STUDY, ANNA, take_over=False, now=NOON)
    with pytest.raises(ClaimedByAnother, match="anna has claimed this study") as refused:
        room.claim(STUDY, BERT, take_over=False, now=NOON + MINUTE)
    assert refused.value.claim == held
    with pytest.raises(ClaimedByAnother):
        room.release(STUDY, BERT, now=NOON + MINUTE)
    assert room.claims() == [held]
    assert len(told(kept)) == 1


def test_taking_over_is_an_event_that_names_both(room: Worklist, kept: Kept) -> None:
    room.claim(STUDY, ANNA, take_over=False, now=NOON)
    room.claim(STUDY, BERT, take_over=True, now=NOON + MINUTE)
    assert holders(room) == {STUDY: BERT}
    assert kept.ended_claims() == [(STUDY, ANNA, "taken_over")]
    assert told(kept)[-1] == (
        "claim_taken_over",
        "person bert",
        "claimed by bert, who took over from anna",
    )


def test_taking_over_what_nobody_holds_is_claiming(room: Worklist, kept: Kept) -> None:
    room.claim(STUDY, BERT, take_over=True, now=NOON)
    assert [kind for kind, _, _ in told(kept)] == ["claimed"]


def test_one_person_may_hold_several_studies(room: Worklist) -> None:
    room.claim(STUDY, ANNA, take_over=False, now=NOON)
    room.claim(OTHER, ANNA, take_over=False, now=NOON + MINUTE)
    assert [one.study_instance_uid for one in room.claims()] == [STUDY, OTHER]


def test_an_administrator_gives_back_for_another(room: Worklist, kept: Kept) -> None:
    room.claim(STUDY, ANNA, take_over=False, now=NOON)
    room.release(STUDY, BERT, anyones=True, now=NOON)
    room.claim(OTHER, ANNA, take_over=False, now=NOON)
    room.release_by_command(OTHER, actor="root (no account)", now=NOON)
    assert room.claims() == []
    assert told(kept)[1] == ("claim_released", "person bert", "claim of anna released")
    assert told(kept)[3][1] == "person root (no account)"


def test_a_claim_that_opening_made_is_given_back(room: Worklist, kept: Kept) -> None:
    room.claim(STUDY, ANNA, take_over=False, now=NOON)
    assert room.give_back_unacted(STUDY, ANNA, claimed_at=NOON, now=NOON + MINUTE)
    assert room.claims() == []
    assert told(kept)[-1] == ("claim_released", "person anna", "claim of anna released")
    assert not room.give_back_unacted(STUDY, ANNA, claimed_at=NOON, now=NOON + MINUTE)
    with pytest.raises(UnknownStudy):
        room.give_back_unacted(StudyInstanceUID("1.9"), ANNA, claimed_at=NOON, now=NOON)


@pytest.mark.parametrize("off", [-MOMENT, MOMENT])
def test_what_opening_made_is_no_other_claim(room: Worklist, kept: Kept, off: timedelta) -> None:
    held = room.claim(STUDY, ANNA, take_over=False, now=NOON)
    assert not room.give_back_unacted(STUDY, BERT, claimed_at=NOON, now=NOON)
    assert not room.give_back_unacted(STUDY, ANNA, claimed_at=NOON + off, now=NOON)
    assert room.claims() == [held]
    assert len(told(kept)) == 1


def test_what_nobody_holds_cannot_be_given_back(room: Worklist) -> None:
    with pytest.raises(NotClaimed):
        room.release(STUDY, ANNA, now=NOON)


def test_a_study_never_filed_cannot_be_claimed(room: Worklist) -> None:
    for act in (
        lambda: room.claim(StudyInstanceUID("1.9"), ANNA, take_over=True, now=NOON),
        lambda: room.release(StudyInstanceUID("1.9"), ANNA, now=NOON),
    ):
        with pytest.raises(UnknownStudy):
            act()


def test_a_study_that_is_read_is_held_by_nobody(room: Worklist, kept: Kept) -> None:
    room.claim(STUDY, ANNA, take_over=False, now=NOON)
    room.mark_read(STUDY, actor="bert", reason="in the PACS", now=NOON)
    assert room.claims() == []
    assert told(kept)[-1] == (
        "claim_ended",
        "person bert",
        "claim of anna ended: the study was read elsewhere",
    )
    with pytest.raises(AlreadyRead):
        room.claim(STUDY, ANNA, take_over=True, now=NOON)
    room.record_arrivals([arrival("1.2.3.9")], now=NOON)  # it comes back
    assert room.claim(STUDY, BERT, take_over=False, now=NOON).account == BERT


@pytest.mark.parametrize(
    ("after", "is_over"),
    [(CLAIM_LIMIT - MOMENT, False), (CLAIM_LIMIT, True), (CLAIM_LIMIT + MOMENT, True)],
)
def test_a_claim_ends_at_its_limit(
    room: Worklist, kept: Kept, after: timedelta, is_over: bool
) -> None:
    room.claim(STUDY, ANNA, take_over=False, now=NOON)
    assert room.end_claims(BOTH, now=NOON + after) == is_over
    assert (room.claims() == []) == is_over
    if is_over:
        why = "claim of anna ended: held for as long as anybody may"
        assert told(kept)[-1] == ("claim_ended", "vigie", why)


def test_a_claim_over_its_limit_keeps_nobody_out_even_before_it_is_ended(
    room: Worklist, kept: Kept
) -> None:
    room.claim(STUDY, ANNA, take_over=False, now=NOON)
    room.claim(STUDY, BERT, take_over=False, now=NOON + CLAIM_LIMIT)
    assert holders(room) == {STUDY: BERT}
    assert [kind for kind, _, _ in told(kept)] == ["claimed", "claim_ended", "claimed"]


def test_who_is_signed_in_nowhere_holds_nothing(room: Worklist, kept: Kept) -> None:
    room.claim(STUDY, ANNA, take_over=False, now=NOON)
    room.claim(OTHER, BERT, take_over=False, now=NOON)
    assert room.end_claims({BERT}, now=NOON) == 1
    assert holders(room) == {OTHER: BERT}
    assert kept.ended_claims() == [(STUDY, ANNA, "signed_out")]
    assert told(kept)[-1][2] == "claim of anna ended: no longer signed in as a radiologist"
    assert room.end_claims({BERT}, now=NOON) == 0


def test_a_complete_study_has_an_image_that_stands_for_it(room: Worklist, kept: Kept) -> None:
    assert kept.preview(STUDY) == {
        "series_instance_uid": f"{STUDY}.1",
        "sop_instance_uid": f"{STUDY}.1",
        "frame_number": 1,
        "window": [40.0, 80.0],
    }
