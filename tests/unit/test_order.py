"""P3: the order is total and deterministic."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worklist.order import Position, in_order
from worklist.uid import StudyInstanceUID

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

# Few different values, so that ties at every level are common.
minutes = st.integers(0, 3).map(lambda count: NOON + timedelta(minutes=count))
uids = st.sampled_from(["1.9", "1.10", "1.2", "1.2.3", "1.20", "1.02"]).map(StudyInstanceUID)
positions = st.builds(
    Position, unpinned=st.booleans(), due_at=minutes, received_at=minutes, study_instance_uid=uids
)


@given(
    st.lists(positions, unique_by=lambda one: one.study_instance_uid).flatmap(
        lambda some: st.tuples(st.just(some), st.permutations(some))
    )
)
def test_the_order_does_not_depend_on_how_the_studies_were_listed(
    same: tuple[list[Position], list[Position]],
) -> None:
    listed, permuted = same
    assert in_order(permuted) == in_order(listed)


@given(positions, positions)
def test_of_two_studies_exactly_one_comes_first(one: Position, other: Position) -> None:
    assert (one < other) + (other < one) == (one != other)


@given(positions, positions, positions)
def test_the_order_is_transitive(first: Position, second: Position, third: Position) -> None:
    if first < second < third:
        assert first < third


def at(unpinned: bool, due_at: datetime, received_at: datetime, uid: str) -> Position:
    return Position(
        unpinned=unpinned,
        due_at=due_at,
        received_at=received_at,
        study_instance_uid=StudyInstanceUID(uid),
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (  # pinned by a person, whatever is due
            at(False, NOON + timedelta(days=9), NOON, "1.2"),
            at(True, NOON, NOON, "1.1"),
        ),
        (  # due earlier, though received later
            at(True, NOON, NOON, "1.2"),
            at(True, NOON + timedelta(microseconds=1), NOON - timedelta(hours=1), "1.1"),
        ),
        (  # received earlier
            at(True, NOON, NOON - timedelta(seconds=1), "1.2"),
            at(True, NOON, NOON, "1.1"),
        ),
        (  # by code point, not by number: "1.10" before "1.9"
            at(True, NOON, NOON, "1.10"),
            at(True, NOON, NOON, "1.9"),
        ),
    ],
)
def test_pin_then_due_time_then_receipt_then_uid_decide(first: Position, second: Position) -> None:
    assert in_order([second, first]) == [first, second]
