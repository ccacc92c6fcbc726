"""Rules for accounts: names, passwords, and how waits grow with guessing."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worklist.people import (
    LONGEST_PASSWORD,
    Account,
    AccountName,
    InvalidAccountName,
    Role,
    Tries,
    Waits,
    WeakPassword,
    check_password,
)
from worklist.sessions import Session, SessionLimits, digest_of
from worklist.sign_in import place_of

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ANNA = Account(
    name=AccountName("anna"),
    display_name="Dr Anna Weber",
    roles=frozenset({Role.RADIOLOGIST}),
    password_hash="kept",
    must_change_password=False,
    password_ends_at=None,
    issuer=None,
    subject=None,
    created_at=NOW,
    disabled_at=None,
)


@pytest.mark.parametrize("text", ["anna", " Anna ", "a", "a.b-c_d@site.org", "7of9", "a" * 64])
def test_a_name_is_kept_in_lower_case(text: str) -> None:
    assert AccountName(text) == text.strip().lower()


@pytest.mark.parametrize(
    "text", ["", " ", ".a", "-a", "a b", "ä", "a\n", "a\x00", "a(b)", "a" * 65, "<script>"]
)
def test_p9_other_texts_are_no_names(text: str) -> None:
    if text == "a\n":  # the line's end is cut off with the blanks
        assert AccountName(text) == "a"
        return
    with pytest.raises(InvalidAccountName):
        AccountName(text)


@pytest.mark.parametrize(
    "password", ["twelve signs", "tw3lve-sign5", "eleven lines of text", "ж" * 2 + "абвгдеёзий"]
)
def test_a_long_password_needs_no_kinds_of_signs(password: str) -> None:
    check_password(password, ANNA, "another")


@pytest.mark.parametrize(
    "password",
    [
        "eleven sign",
        "x" * (LONGEST_PASSWORD + 1),
        "aaaaaaaaaaaaaaaa",
        "abababababababab",
        "password1234",
        "annaannaanna",
        "AnnaWeber2026",
        "vigie123456!",
    ],
)
def test_a_password_that_is_guessed_first_is_refused(password: str) -> None:
    with pytest.raises(WeakPassword):
        check_password(password, ANNA, "another")


def test_the_longest_password_is_taken_and_the_present_one_is_not() -> None:
    longest = ("correct horse " * 30)[:LONGEST_PASSWORD]
    check_password(longest, ANNA, "another")
    with pytest.raises(WeakPassword, match="present"):
        check_password(longest, ANNA, longest)


def test_waits_begin_after_the_free_tries_double_and_have_a_limit() -> None:
    waits = Waits(free=3, longest=timedelta(seconds=10))
    assert [waits.after(count).total_seconds() for count in range(8)] == [0, 0, 0, 2, 4, 8, 10, 10]
    assert waits.after(10**6) == timedelta(seconds=10)


def test_tries_are_forgotten_after_a_while_without_one() -> None:
    waits = Waits(free=3, longest=timedelta(seconds=10))
    before = Tries(count=7, last_at=NOW, wait_until=NOW)
    just_before = NOW + waits.forgotten_after - timedelta(microseconds=1)
    assert waits.tried(before, just_before).count == 8
    assert waits.tried(before, NOW + waits.forgotten_after).count == 1


@given(st.lists(st.integers(min_value=0, max_value=7200), max_size=60))
def test_no_wait_is_longer_than_the_limit_however_one_tries(pauses: list[int]) -> None:
    waits = Waits(free=5, longest=timedelta(minutes=15))
    tries, now = None, NOW
    for pause in pauses:
        now += timedelta(seconds=pause)
        tries = waits.tried(tries, now)
        assert timedelta(0) <= tries.wait_until - now <= waits.longest


def test_a_right_try_is_taken_back_with_its_wait() -> None:
    waits = Waits(free=1, longest=timedelta(minutes=1))
    once = waits.tried(None, NOW)
    assert once.wait_until > NOW
    assert waits.taken_back(once, once, None) is None
    before = Tries(count=7, last_at=NOW, wait_until=NOW + timedelta(minutes=1))
    later = waits.tried(before, NOW + timedelta(minutes=50))
    assert waits.taken_back(later, later, before) == before
    anew = waits.tried(before, NOW + waits.forgotten_after)
    assert waits.taken_back(anew, anew, before) is None


def test_a_right_try_takes_back_itself_only_if_others_tried_meanwhile() -> None:
    waits = Waits(free=1, longest=timedelta(minutes=1))
    first = waits.tried(None, NOW)
    second = waits.tried(first, NOW + timedelta(seconds=5))
    left = waits.taken_back(second, first, None)
    assert left == Tries(
        count=1,
        last_at=NOW + timedelta(seconds=5),
        wait_until=NOW + timedelta(seconds=5) + waits.after(1),
    )
    assert left is not None
    assert waits.taken_back(left, second, first) is None


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("this machine", "this machine"),
    ],
)
def test_a_machine_cannot_count_as_many_by_its_ipv6_addresses(address: str, place: str) -> None:
    assert place_of(address) == place


def session(**changes: object) -> Session:
    values: dict[str, object] = {
        "digest": digest_of("secret"),
        "account": ANNA.name,
        "csrf_token": "token",
        "address": "127.0.0.1",
        "started_at": NOW,
        "last_seen_at": NOW,
        "ended_at": None,
    }
    return Session(**{**values, **changes})  # type: ignore[arg-type]


def test_a_session_ends_when_nobody_is_there_and_after_a_shift_anyway() -> None:
    limits = SessionLimits(idle=timedelta(minutes=30), absolute=timedelta(hours=12))
    tick = timedelta(microseconds=1)
    assert not limits.is_over(session(), NOW + limits.idle - tick)
    assert limits.is_over(session(), NOW + limits.idle)
    end = NOW + limits.absolute
    assert not limits.is_over(session(last_seen_at=end), end - tick)
    assert limits.is_over(session(last_seen_at=end), end)
    assert limits.is_over(session(ended_at=NOW), NOW)
