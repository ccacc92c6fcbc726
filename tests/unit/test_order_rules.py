"""How urgently a study is asked for, by its orders and its images."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worklist.due_time import DueTargets
from worklist.orders import (
    Order,
    OrderControl,
    is_changed,
    merged_into,
    priority_for,
    requested_by,
    same_order,
    taken,
)
from worklist.study import RequestedPriority

STAT, URGENT, ROUTINE = BY_URGENCY = list(RequestedPriority)
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ORDER = Order(
    accession_number="A1",
    order_number="O1",
    patient_ids=("P1",),
    control=OrderControl.PLACED,
    requested_priority=URGENT,
    patient_class="",
    said_at=NOON,
)
orders = st.lists(
    st.builds(
        replace,
        st.just(ORDER),
        control=st.sampled_from(OrderControl),
        requested_priority=st.none() | st.sampled_from(RequestedPriority),
    ),
    max_size=4,
)
priorities = st.sampled_from(RequestedPriority)


@given(orders, priorities)
def test_p2_without_a_change_no_order_makes_a_study_less_urgent(
    known: list[Order], before: RequestedPriority
) -> None:
    placed = [one for one in known if one.control is not OrderControl.CHANGED]
    rank = list(RequestedPriority).index
    assert rank(requested_by(placed, before)) <= rank(before)


@given(orders, priorities)
def test_asked_twice_it_is_the_same(known: list[Order], before: RequestedPriority) -> None:
    once = requested_by(known, before)
    assert requested_by(known, once) is once
    assert requested_by(known[::-1], before) is once


def test_cancelled_orders_alone_leave_what_the_images_say() -> None:
    cancelled = replace(ORDER, control=OrderControl.CANCELLED, requested_priority=STAT)
    assert requested_by([cancelled], ROUTINE) is ROUTINE
    assert requested_by([], URGENT) is URGENT


@pytest.mark.parametrize(
    ("minutes", "raises", "lowers"),
    [(61, True, True), (0, True, True), (-1, True, False), (-60, True, False), (-61, False, False)],
)
def test_an_older_message_never_lowers_and_within_an_hour_may_raise(
    minutes: int, raises: bool, lowers: bool
) -> None:
    for priority, is_taken in ((STAT, raises), (ROUTINE, lowers)):
        at = NOON + timedelta(minutes=minutes)
        found = taken(replace(ORDER, said_at=at, requested_priority=priority), ORDER)
        assert (found is not None) == is_taken
        if found is not None:
            assert found.control is OrderControl.CHANGED
            assert found.said_at == max(at, NOON)


@pytest.mark.parametrize("control", OrderControl)
def test_an_older_message_brings_no_cancelled_order_back(control: OrderControl) -> None:
    cancelled = replace(ORDER, control=OrderControl.CANCELLED)
    older = replace(
        ORDER, control=control, requested_priority=STAT, said_at=NOON - timedelta(minutes=1)
    )
    assert taken(older, cancelled) is None


def test_what_a_message_leaves_out_is_as_it_was() -> None:
    before = replace(ORDER, control=OrderControl.CHANGED, patient_class="E", patient_ids=("P0",))
    silent = replace(ORDER, requested_priority=None)
    assert taken(silent, before) == replace(before, patient_ids=("P1", "P0"))
    assert taken(ORDER, None) == ORDER


in_force = st.sampled_from([OrderControl.PLACED, OrderControl.CHANGED])
messages = st.builds(
    replace,
    st.just(ORDER),
    control=in_force,
    requested_priority=st.none() | priorities,
)


@given(messages, in_force, st.lists(priorities, max_size=2), st.lists(priorities, max_size=2))
def test_p2_a_message_without_a_priority_changes_none(
    first: Order,
    control: OrderControl,
    said_before: list[RequestedPriority],
    said_after: list[RequestedPriority],
) -> None:
    """Nor does it let image headers count less than they did."""

    def asked_for(*given: Order) -> RequestedPriority:
        known: Order | None = None
        for one in given:
            known = taken(one, known)
        assert known is not None
        found = requested_by([known], min([ROUTINE, *said_before], key=BY_URGENCY.index))
        for header in () if is_changed([known]) else said_after:
            found = min(found, header, key=BY_URGENCY.index)
        return requested_by([known], found)

    silent = replace(ORDER, control=control, requested_priority=None)
    assert asked_for(first, silent) is asked_for(first)
    assert asked_for(silent, first) is asked_for(first)


def test_an_order_is_known_by_its_numbers_and_one_of_its_patients() -> None:
    both = replace(ORDER, patient_ids=("P9", "P1"))
    assert same_order(ORDER, both, str)
    assert not same_order(ORDER, replace(ORDER, patient_ids=("P2",)), str)
    merged = {"P2": "P1"}
    assert same_order(ORDER, replace(ORDER, patient_ids=("P2",)), lambda one: merged.get(one, one))
    assert not same_order(ORDER, replace(ORDER, order_number="O2"), str)


def test_merges_are_followed_to_the_end_and_end_where_one_is_in_use_again() -> None:
    chain = [("a", "b"), ("b", "c")]
    assert merged_into("a", chain) == "c"
    assert merged_into("x", chain) == "x"
    back = [*chain, ("c", "a")]
    assert [merged_into(one, back) for one in "abc"] == ["a", "a", "a"]
    taken_back = [("a", "b"), ("b", "a")]
    assert [merged_into(one, taken_back) for one in "ab"] == ["a", "a"]


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd"))))
def test_what_was_merged_last_is_in_use_whatever_was_merged_before(
    merges: list[tuple[str, str]],
) -> None:
    merges = [one for one in merges if one[0] != one[1]]
    for former, into in merges[-1:]:
        assert merged_into(former, merges) == merged_into(into, merges) == into


@pytest.mark.parametrize(
    ("minutes", "in_force", "needed"),
    [
        (59.9, ROUTINE, STAT),
        (60, ROUTINE, STAT),
        (60.1, ROUTINE, URGENT),
        (60.1, URGENT, None),
        (59, STAT, None),
        (1440, ROUTINE, None),
        (5000, ROUTINE, None),
    ],
)
def test_an_order_changes_to_the_least_urgent_class_that_is_soon_enough(
    minutes: float, in_force: RequestedPriority, needed: RequestedPriority | None
) -> None:
    targets = DueTargets().requested
    assert priority_for(timedelta(minutes=minutes), targets, in_force) is needed
