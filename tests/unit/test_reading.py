"""The states of a reading: each act fits one state, and none is done by Vigie itself (P5)."""

import pytest

from worklist.reading import ReadingAct, ReadingState, WrongReadingState, after


def test_a_person_marks_an_unread_study_as_read() -> None:
    assert after(ReadingState.UNREAD, ReadingAct.MARK_READ) is ReadingState.READ


def test_a_read_study_can_be_opened_again() -> None:
    assert after(ReadingState.READ, ReadingAct.REOPEN) is ReadingState.UNREAD


@pytest.mark.parametrize(
    ("state", "act"),
    [(ReadingState.READ, ReadingAct.MARK_READ), (ReadingState.UNREAD, ReadingAct.REOPEN)],
)
def test_an_act_that_does_not_fit_is_refused_in_words(state: ReadingState, act: ReadingAct) -> None:
    with pytest.raises(WrongReadingState, match=f"the study is {state}: cannot"):
        after(state, act)
