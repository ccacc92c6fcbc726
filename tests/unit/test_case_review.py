"""Reviews are blind and independent, and two that differ are decided by a third."""

from dataclasses import replace

import pytest

from tests.builders import NOON, STUDY
from worklist.case_review import (
    AlreadyReviewed,
    Case,
    CaseState,
    Involvement,
    MayNotReview,
    Review,
    WrongCaseState,
    check_closes,
    check_may_review,
    is_blind,
    standing,
)
from worklist.conclusion import Answer
from worklist.finding import TargetFinding
from worklist.people import Role
from worklist.quality import CaseKind

_QA = frozenset({Role.QA_REVIEWER})
_NOBODY = Involvement()
CASE = Case(
    case_id=1,
    study_instance_uid=STUDY,
    target=TargetFinding.FRACTURE,
    kinds=(CaseKind.MISSED_FLAG,),
    opened_at=NOON,
    due_at=NOON,
    state=CaseState.WAITING,
    inclusion_probability=None,
)


def review(answer: Answer, account: str = "quinn") -> Review:
    return Review(account=account, answer=answer, comment="", at=NOON)


@pytest.mark.parametrize(
    ("answers", "needed", "state", "verdict"),
    [
        ("", 1, CaseState.WAITING, None),
        ("p", 1, CaseState.REVIEWED, Answer.PRESENT),
        ("p", 2, CaseState.WAITING, None),
        ("pp", 2, CaseState.REVIEWED, Answer.PRESENT),
        ("pa", 2, CaseState.ADJUDICATION, None),
        ("pc", 2, CaseState.ADJUDICATION, None),
        ("pac", 2, CaseState.REVIEWED, Answer.CANNOT_SAY),
        ("paa", 2, CaseState.REVIEWED, Answer.ABSENT),
        ("cc", 2, CaseState.REVIEWED, Answer.CANNOT_SAY),
        ("ppa", 3, CaseState.ADJUDICATION, None),
    ],
)
def test_what_reviews_come_to(
    answers: str, needed: int, state: CaseState, verdict: Answer | None
) -> None:
    said = {"p": Answer.PRESENT, "a": Answer.ABSENT, "c": Answer.CANNOT_SAY}
    found = standing([review(said[one]) for one in answers], needed)
    assert (found.state, found.verdict) == (state, verdict)


def test_a_stranger_to_the_study_may_review_it() -> None:
    check_may_review(CASE, "quinn", _QA, _NOBODY)
    assert is_blind(CASE, "quinn", _NOBODY)


def test_a_reader_may_not_review_her_own_study() -> None:
    involved = Involvement(readers=frozenset({"quinn"}))
    with pytest.raises(MayNotReview, match="does not review"):
        check_may_review(CASE, "quinn", _QA, involved)
    assert not is_blind(CASE, "quinn", involved)


def test_who_was_shown_the_results_may_not_review() -> None:
    involved = Involvement(informed=frozenset({"quinn"}))
    with pytest.raises(MayNotReview, match="were shown"):
        check_may_review(CASE, "quinn", _QA, involved)
    assert not is_blind(CASE, "quinn", involved)


def test_only_qa_reviewers_review() -> None:
    with pytest.raises(MayNotReview):
        check_may_review(CASE, "quinn", {Role.ADMINISTRATOR}, _NOBODY)


def test_nobody_reviews_twice() -> None:
    case = replace(CASE, reviews=(review(Answer.PRESENT),))
    with pytest.raises(AlreadyReviewed):
        check_may_review(case, "quinn", _QA, _NOBODY)
    assert not is_blind(case, "quinn", _NOBODY)


@pytest.mark.parametrize("state", [CaseState.REVIEWED, CaseState.CLOSED])
def test_a_case_with_its_verdict_takes_no_review(state: CaseState) -> None:
    case = replace(CASE, state=state, verdict=Answer.PRESENT)
    with pytest.raises(WrongCaseState):
        check_may_review(case, "quinn", _QA, _NOBODY)
    assert not is_blind(case, "quinn", _NOBODY)


@pytest.mark.parametrize("state", list(CaseState))
def test_only_a_reviewed_case_closes(state: CaseState) -> None:
    case = replace(CASE, state=state)
    if state is CaseState.REVIEWED:
        check_closes(case)
    else:
        with pytest.raises(WrongCaseState):
            check_closes(case)
