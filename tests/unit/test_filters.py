"""Filters of the list, made from what people ask."""

import pytest

from worklist.filters import (
    EVERYTHING,
    InvalidFilter,
    StateAsked,
    make_filter,
)
from worklist.finding import OutcomeState
from worklist.people import AccountName
from worklist.study import RequestedPriority


def test_nothing_asked_is_the_whole_list() -> None:
    assert make_filter() == EVERYTHING
    assert make_filter(text=" ^ ", modalities=["", " "]).lets_all_through
    for narrower in (
        make_filter(modalities=["CT"]),
        make_filter(text="x"),
        make_filter(read=True),
        make_filter(unclaimed=True),
        make_filter(claimed_by=AccountName("anna")),
        make_filter(states=["failed"]),
    ):
        assert not narrower.lets_all_through


def test_the_same_question_in_other_words_is_the_same_filter() -> None:
    one = make_filter(modalities=["ct", "MR "], text="Jane  DÖE", priorities=["STAT"])
    other = make_filter(modalities=["MR", "CT", "CT"], text="doe jane", priorities=["stat"])
    assert one == other
    assert hash(one) == hash(other)
    assert one.priorities == {RequestedPriority.STAT}


def test_case_is_folded_as_every_database_does_it() -> None:
    asked = make_filter(body_parts=["hÜFTE", "Fuß"], modalities=["ct"])
    assert asked.body_parts == {"HÜFTE", "FUß"}
    assert asked.modalities == {"CT"}


@pytest.mark.parametrize(
    ("text", "detector", "state"),
    [
        ("flagged", None, OutcomeState.FLAGGED),
        ("fracture:failed", "fracture", OutcomeState.FAILED),
        ("a:b:stopped", "a:b", OutcomeState.STOPPED),
        (":running", None, OutcomeState.RUNNING),
    ],
)
def test_states(text: str, detector: str | None, state: OutcomeState) -> None:
    assert StateAsked.parse(text) == StateAsked(detector=detector, state=state)


@pytest.mark.parametrize("text", ["", "normal", "fracture:", "fracture:normal", "FLAGGED"])
def test_a_state_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidFilter, match="no such state"):
        make_filter(states=[text])


def test_a_priority_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidFilter, match="stat, urgent, routine"):
        make_filter(priorities=["stat", "now"])


@pytest.mark.parametrize(("count", "refused"), [(31, False), (32, False), (33, True)])
def test_p9_a_filter_has_so_many_values_and_no_more(count: int, refused: bool) -> None:
    values = [f"M{number}" for number in range(count)]
    if refused:
        with pytest.raises(InvalidFilter, match="at most 32"):
            make_filter(modalities=values)
    else:
        assert len(make_filter(modalities=values).modalities) == count
    assert make_filter(body_parts=["x" * 900]).body_parts == {"X" * 64}
