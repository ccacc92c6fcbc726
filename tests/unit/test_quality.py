"""When people and AI disagree, a case opens; and by lot, so that silence is measured too."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worklist.conclusion import Answer
from worklist.finding import OutcomeState, TargetFinding
from worklist.quality import (
    AIAnswer,
    CaseKind,
    Evidence,
    ReaderAnswer,
    drawn_kinds,
    is_drawn,
    kinds_of,
    ordered_kinds,
)
from worklist.report_reading import Said
from worklist.uid import StudyInstanceUID

_FRACTURE = TargetFinding.FRACTURE
_KEY = b"k" * 32
_FLAGGED, _NOT_FLAGGED = OutcomeState.FLAGGED, OutcomeState.NOT_FLAGGED
_FAILED, _NOT_APPLICABLE = OutcomeState.FAILED, OutcomeState.NOT_APPLICABLE


def evidence(
    *ai: OutcomeState,
    said: Answer | None = None,
    report: Said | None = None,
    late: bool = False,
    looked_for: bool = True,
) -> Evidence:
    return Evidence(
        target=_FRACTURE,
        ai=tuple(
            AIAnswer(detector=f"d{number}", state=one, probability=None, was_late=late)
            for number, one in enumerate(ai)
        ),
        is_looked_for=looked_for,
        conclusions=(ReaderAnswer(account="anna", answer=said),) if said else (),
        report=report,
    )


def test_a_finding_that_ai_did_not_flag_is_a_missed_flag() -> None:
    assert kinds_of(evidence(_NOT_FLAGGED, said=Answer.PRESENT)) == {CaseKind.MISSED_FLAG}
    assert kinds_of(evidence(_NOT_FLAGGED, report=Said.PRESENT)) == {CaseKind.MISSED_FLAG}


def test_a_flag_that_a_person_denies_is_a_false_flag() -> None:
    assert kinds_of(evidence(_FLAGGED, said=Answer.ABSENT)) == {CaseKind.FALSE_FLAG}
    assert kinds_of(evidence(_FLAGGED, report=Said.ABSENT)) == {CaseKind.FALSE_FLAG}


def test_the_report_may_confirm_what_the_conclusion_denied() -> None:
    both = evidence(_FLAGGED, said=Answer.ABSENT, report=Said.PRESENT)
    assert kinds_of(both) == {CaseKind.MISSED_BY_READER}


@pytest.mark.parametrize("ai", [(_FAILED,), ()])
def test_a_finding_where_ai_could_not_look_is_a_case(ai: tuple[OutcomeState, ...]) -> None:
    assert kinds_of(evidence(*ai, said=Answer.PRESENT)) == {CaseKind.NOT_LOOKED}
    assert kinds_of(evidence(*ai, said=Answer.ABSENT)) == frozenset()


def test_what_no_detector_looks_for_is_no_case() -> None:
    assert kinds_of(evidence(report=Said.PRESENT, looked_for=False)) == frozenset()


def test_a_study_that_is_none_for_ai_is_a_case_only_by_a_radiologists_own_answer() -> None:
    assert kinds_of(evidence(_NOT_APPLICABLE, report=Said.PRESENT)) == frozenset()
    assert kinds_of(evidence(_NOT_APPLICABLE, said=Answer.PRESENT)) == {CaseKind.NOT_LOOKED}


def test_one_detector_that_looked_is_enough_to_have_looked() -> None:
    assert kinds_of(evidence(_FAILED, _FLAGGED, said=Answer.PRESENT)) == frozenset()


def test_a_flag_after_the_reading_is_a_case_whatever_was_said() -> None:
    for said in (None, *Answer):
        assert CaseKind.LATE_FLAG in kinds_of(evidence(_FLAGGED, said=said, late=True))


def test_a_late_flag_is_no_false_flag() -> None:
    assert kinds_of(evidence(_FLAGGED, said=Answer.ABSENT, late=True)) == {CaseKind.LATE_FLAG}


def test_a_second_reader_who_confirms_a_flag_opens_a_case_of_the_first() -> None:
    both = Evidence(
        target=_FRACTURE,
        ai=evidence(_FLAGGED).ai,
        conclusions=(
            ReaderAnswer(account="anna", answer=Answer.ABSENT),
            ReaderAnswer(account="ben", answer=Answer.PRESENT),
        ),
    )
    assert kinds_of(both) == {CaseKind.MISSED_BY_READER}


def test_a_reader_who_puts_herself_right_opens_none() -> None:
    same = Evidence(
        target=_FRACTURE,
        ai=evidence(_FLAGGED).ai,
        conclusions=(
            ReaderAnswer(account="anna", answer=Answer.ABSENT),
            ReaderAnswer(account="anna", answer=Answer.PRESENT),
        ),
    )
    assert kinds_of(same) == frozenset()


@pytest.mark.parametrize("state", [_FLAGGED, _NOT_FLAGGED, _FAILED, _NOT_APPLICABLE])
@pytest.mark.parametrize("said", [None, Answer.CANNOT_SAY])
@pytest.mark.parametrize("report", [None, Said.UNCERTAIN, Said.NOT_MENTIONED])
def test_doubt_opens_no_case(state: OutcomeState, said: Answer | None, report: Said | None) -> None:
    assert kinds_of(evidence(state, said=said, report=report)) == frozenset()


@pytest.mark.parametrize("state", [_FLAGGED, _NOT_FLAGGED])
def test_agreement_opens_no_case(state: OutcomeState) -> None:
    said = Answer.PRESENT if state is _FLAGGED else Answer.ABSENT
    assert kinds_of(evidence(state, said=said)) == frozenset()


def uid(number: int) -> StudyInstanceUID:
    return StudyInstanceUID(f"1.2.826.{number}")


def test_the_lot_falls_on_about_the_share_and_always_on_the_same() -> None:
    drawn = {number for number in range(20_000) if is_drawn(uid(number), _FRACTURE, _KEY, 0.05)}
    assert 870 < len(drawn) < 1130  # 1000, give or take four standard deviations
    assert drawn == {
        number for number in range(20_000) if is_drawn(uid(number), _FRACTURE, _KEY, 0.05)
    }


def test_another_key_draws_others() -> None:
    def drawn(key: bytes) -> set[int]:
        return {number for number in range(5_000) if is_drawn(uid(number), _FRACTURE, key, 0.1)}

    both = drawn(_KEY) & drawn(b"another")
    assert len(both) < 100  # 50 by chance


@given(st.integers(0, 10**9), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_draws_the_same_and_more(number: int, one: float, other: float) -> None:
    small, large = sorted((one, other))
    if is_drawn(uid(number), _FRACTURE, _KEY, small):
        assert is_drawn(uid(number), _FRACTURE, _KEY, large)


def test_nothing_is_drawn_at_no_share_and_everything_at_one() -> None:
    assert not any(is_drawn(uid(number), _FRACTURE, _KEY, 0) for number in range(1000))
    assert all(is_drawn(uid(number), _FRACTURE, _KEY, 1) for number in range(1000))


def test_only_unflagged_findings_that_nobody_called_present_are_drawn() -> None:
    assert drawn_kinds(evidence(_NOT_FLAGGED), uid(1), _KEY, 1) == {CaseKind.SAMPLE}
    others = [
        evidence(_FLAGGED),
        evidence(_NOT_FLAGGED, said=Answer.PRESENT),
        evidence(_NOT_FLAGGED, _FLAGGED),
        evidence(_FAILED),
        evidence(_NOT_FLAGGED, late=True),
    ]
    assert [drawn_kinds(one, uid(1), _KEY, 1) for one in others] == [frozenset()] * 5


def test_reasons_come_the_most_serious_first() -> None:
    kinds = list(CaseKind)
    random.Random(1).shuffle(kinds)
    assert ordered_kinds(kinds)[0] is CaseKind.MISSED_FLAG
    assert ordered_kinds(kinds)[-1] is CaseKind.SAMPLE
