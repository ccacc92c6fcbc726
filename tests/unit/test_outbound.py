"""The way of one object to one destination: every step, in every order."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import MINUTE, NOON
from worklist.outbound import (
    CannotResend,
    Delivery,
    DeliveryState,
    ObjectKind,
    Patience,
    Wants,
    Worth,
    accepted,
    begun,
    committed,
    not_committed,
    not_offered,
    put_off,
    refused,
    resent,
    withdrawn,
)
from worklist.uid import SOPInstanceUID

PATIENCE = Patience(
    first_pause=timedelta(seconds=5), longest_pause=timedelta(minutes=10), limit=timedelta(hours=3)
)
NEW = Delivery(
    delivery_id=1,
    sop_instance_uid=SOPInstanceUID("2.25.1"),
    destination="PACS",
    state=DeliveryState.WAITING,
    queued_at=NOON,
    next_try_at=NOON,
)
S = DeliveryState


def test_the_pause_doubles_up_to_the_longest() -> None:
    seconds = [PATIENCE.pause(tries).total_seconds() for tries in range(10)]
    assert seconds == [5, 5, 10, 20, 40, 80, 160, 320, 600, 600]


@given(st.integers(0, 10**9), st.floats(1e-6, 1e6), st.floats(1, 1e6))
def test_a_pause_is_never_longer_than_the_longest_nor_shorter_than_the_one_before(
    tries: int, first_s: float, more: float
) -> None:
    patience = Patience(
        first_pause=timedelta(seconds=first_s), longest_pause=timedelta(seconds=first_s * more)
    )
    assert patience.pause(tries) <= patience.pause(tries + 1) <= patience.longest_pause


@pytest.mark.parametrize(
    ("age", "state"),
    [
        (PATIENCE.limit - timedelta(microseconds=1), S.WAITING),
        (PATIENCE.limit, S.PARKED),
        (PATIENCE.limit + MINUTE, S.PARKED),
    ],
)
def test_what_nobody_takes_is_parked_at_the_limit(age: timedelta, state: DeliveryState) -> None:
    tried = put_off(begun(NEW), words="nobody answers", now=NOON + age, patience=PATIENCE)
    assert tried.state is state
    assert tried.words == "nobody answers"
    assert (tried.next_try_at is None) == (state is S.PARKED)


def test_what_was_begun_may_be_there_until_it_was_refused() -> None:
    assert not NEW.may_be_there
    sent = begun(NEW)
    assert sent.may_be_there
    assert put_off(sent, words="", now=NOON, patience=PATIENCE).may_be_there
    assert not refused(sent, status=0xA900, words="no").may_be_there


def test_what_was_there_before_a_try_is_there_after_a_refusal() -> None:
    sent = accepted(begun(NEW), status=0, words="", now=NOON)
    again = begun(resent(committed(sent, now=NOON), now=NOON))
    told = refused(again, status=0x0110, words="a second one")
    assert (told.state, told.may_be_there) == (S.REFUSED, True)
    unanswered = begun(put_off(begun(NEW), words="", now=NOON, patience=PATIENCE))
    assert refused(unanswered, status=0x0110, words="", was_there=True).may_be_there


def test_what_did_not_leave_is_there_only_if_it_was_before() -> None:
    assert not not_offered(begun(NEW), was_there=False).may_be_there
    assert not_offered(begun(NEW), was_there=True).may_be_there


def test_what_lands_after_it_was_withdrawn_is_there_all_the_same() -> None:
    late = accepted(withdrawn(begun(NEW)), status=0, words="", now=NOON)
    assert late.state is S.SENT
    assert late.may_be_there


def test_what_was_withdrawn_is_neither_tried_again_nor_refused_nor_sent_again() -> None:
    one = withdrawn(begun(NEW))
    assert put_off(one, words="x", now=NOON, patience=PATIENCE).state is S.WITHDRAWN
    assert refused(one, status=None, words="x").state is S.WITHDRAWN
    with pytest.raises(CannotResend):
        resent(one, now=NOON)


def test_what_was_sent_is_not_withdrawn_but_rejected() -> None:
    sent = accepted(begun(NEW), status=0, words="", now=NOON)
    assert withdrawn(sent) == sent


def test_what_is_kept_no_longer_is_sent_again() -> None:
    sent = accepted(begun(NEW), status=0, words="", now=NOON)
    again = not_committed(sent, words="not kept", now=NOON + MINUTE, patience=PATIENCE)
    assert again.state is S.WAITING
    assert again.may_be_there
    assert committed(again, now=NOON) == again
    assert committed(sent, now=NOON).state is S.COMMITTED


def test_sent_again_it_has_the_whole_limit_before_it() -> None:
    parked = put_off(begun(NEW), words="", now=NOON + PATIENCE.limit, patience=PATIENCE)
    later = NOON + 2 * PATIENCE.limit
    again = resent(parked, now=later)
    assert (again.state, again.tries, again.next_try_at) == (S.WAITING, 0, later)
    assert put_off(begun(again), words="", now=later, patience=PATIENCE).state is S.WAITING


_STEPS = {
    "begin": lambda one, _: begun(one) if one.state is S.WAITING else one,
    "accept": lambda one, now: accepted(one, status=0, words="", now=now),
    "refuse": lambda one, _: refused(one, status=0xC000, words="no"),
    "put off": lambda one, now: put_off(one, words="later", now=now, patience=PATIENCE),
    "commit": lambda one, now: committed(one, now=now),
    "not commit": lambda one, now: not_committed(one, words="gone", now=now, patience=PATIENCE),
    "withdraw": lambda one, _: withdrawn(one),
    "resend": lambda one, now: one if one.state is S.WITHDRAWN else resent(one, now=now),
}


@given(st.lists(st.tuples(st.sampled_from(sorted(_STEPS)), st.integers(0, 300))))
def test_whatever_happens_a_delivery_says_what_the_database_insists_on(
    steps: list[tuple[str, int]],
) -> None:
    one, now, accepted_once = NEW, NOON, False
    for name, minutes in steps:
        now += minutes * MINUTE
        before = one
        one = _STEPS[name](one, now)
        accepted_once |= name == "accept"
        assert (one.state is S.WAITING) == (one.next_try_at is not None)
        assert one.state not in {S.SENT, S.COMMITTED} or (one.sent_at and one.may_be_there)
        assert (one.state is not S.COMMITTED) or one.committed_at is not None
        assert one.state is not S.SENT or accepted_once, "nothing is sent that nobody accepted"
        if before.state is S.WITHDRAWN:
            assert one.state in {S.WITHDRAWN, S.SENT}
        if name == "withdraw":
            assert one.state in {S.WITHDRAWN, S.SENT, S.COMMITTED}


@pytest.mark.parametrize("of", Worth)
@pytest.mark.parametrize("worth", Worth)
def test_a_destination_gets_studies_of_its_worth_and_narrower_ones(of: Worth, worth: Worth) -> None:
    wants = Wants(name="PACS", kinds=frozenset({ObjectKind.REPORT}), worth=of)
    order = [Worth.FLAGGED, Worth.EVALUATED, Worth.ALL]
    assert wants.wants(ObjectKind.REPORT, worth) == (order.index(worth) <= order.index(of))
    assert not wants.wants(ObjectKind.KEY_IMAGE, worth)
    assert replace(wants, kinds=frozenset(ObjectKind)).wants(ObjectKind.KEY_IMAGE, Worth.FLAGGED)
