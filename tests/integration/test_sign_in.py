"""Accounts, the door and guessing, on PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import argon2
import pytest
import sqlalchemy as sa

from tests.people import HERE, PASSWORD, House
from vigie.passwords import Argon2Passwords
from worklist.accounts import ONE_TIME_PASSWORD_LASTS
from worklist.api_tokens import ApiTokens, Scope
from worklist.errors import StoreUnavailable
from worklist.people import (
    AccountExists,
    AccountName,
    LastAdministrator,
    Role,
    UnknownAccount,
    WeakPassword,
)
from worklist.sessions import NewSession
from worklist.sign_in import SignInRefused, TooManyTries, Visitor
from worklist.store.audit import verify_event_log

ANNA = AccountName("anna")
ELSEWHERE = Visitor(address="10.9.9.9")


@pytest.fixture
def house(emptied_engine: sa.Engine) -> House:
    return House(emptied_engine)


def wrong(house: House, name: str = "anna", visitor: Visitor = HERE) -> None:
    with pytest.raises(SignInRefused, match="name or the password"):
        house.door.sign_in(name, "wrong", visitor, house.now)


def held(house: House, name: str = "anna", visitor: Visitor = HERE) -> TooManyTries:
    with pytest.raises(TooManyTries) as raised:
        house.door.sign_in(name, PASSWORD, visitor, house.now)
    return raised.value


def test_the_first_administrator_is_made_once(house: House) -> None:
    made = house.accounts.add_first_administrator(house.now)
    assert made is not None
    name, password = made
    assert house.accounts.add_first_administrator(house.now) is None
    signed_in = house.sign_in(name, password).signed_in
    assert signed_in.account.roles == {Role.ADMINISTRATOR}
    assert signed_in.account.must_change_password


def test_an_administrator_is_made_though_others_have_accounts_and_the_name(house: House) -> None:
    house.invite("admin", Role.RADIOLOGIST)
    made = house.accounts.add_first_administrator(house.now)
    assert made is not None
    assert made[0] == "admin-2"


def test_several_that_start_at_once_make_one_administrator(house: House) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(house.accounts.add_first_administrator, [house.now] * 4))
    assert len([one for one in made if one]) == 1


def test_a_one_time_password_must_be_changed_and_then_serves_no_more(house: House) -> None:
    given = house.invite("anna")
    first = house.sign_in("anna", given)
    assert first.signed_in.account.must_change_password
    with pytest.raises(WeakPassword):
        house.door.change_password(first.signed_in, given, "short", HERE, house.now)
    with pytest.raises(WeakPassword):
        house.door.change_password(first.signed_in, given, given, HERE, house.now)
    with pytest.raises(SignInRefused, match="present password"):
        house.door.change_password(first.signed_in, "wrong", PASSWORD, HERE, house.now)
    new = house.door.change_password(first.signed_in, given, PASSWORD, HERE, house.now)
    assert not new.signed_in.account.must_change_password
    assert house.door.who(first.secret, house.now, attended=True) is None
    assert house.door.who(new.secret, house.now, attended=True) is not None
    with pytest.raises(SignInRefused):
        house.sign_in("anna", given)


def test_a_one_time_password_ends_and_says_so_to_who_knows_it(house: House) -> None:
    given = house.invite("anna")
    house.now += ONE_TIME_PASSWORD_LASTS
    with pytest.raises(SignInRefused, match="one-time password is over"):
        house.sign_in("anna", given)
    again = house.accounts.reset(ANNA, actor="person admin", now=house.now)
    assert house.sign_in("anna", again).signed_in.account.name == "anna"


def test_a_disabled_account_ends_its_sessions_and_cannot_sign_in(house: House) -> None:
    house.person("anna")
    open_one = house.sign_in("anna")
    assert house.accounts.disable(ANNA, actor="person admin", now=house.now) == 1
    assert house.door.who(open_one.secret, house.now, attended=True) is None
    with pytest.raises(SignInRefused, match="disabled"):
        house.sign_in("anna")
    wrong(house)  # who does not know the password does not learn it
    house.accounts.enable(ANNA, actor="person admin", now=house.now)
    assert house.door.who(open_one.secret, house.now, attended=True) is None
    assert house.sign_in("anna").signed_in.account.is_enabled


def test_a_session_that_nobody_ended_does_not_outlive_its_account(house: House) -> None:
    house.person("anna")
    one = house.sign_in("anna")
    with house.engine.begin() as connection:
        connection.execute(sa.text("UPDATE account SET disabled_at = now()"))
    assert house.door.who(one.secret, house.now, attended=True) is None


def test_an_enabled_account_gets_none_of_its_former_sessions_back(house: House) -> None:
    house.person("anna")
    one = house.sign_in("anna")
    with house.engine.begin() as connection:
        connection.execute(sa.text("UPDATE account SET disabled_at = now()"))
    house.accounts.enable(ANNA, actor="person admin", now=house.now)
    assert house.door.who(one.secret, house.now, attended=True) is None


def test_a_sign_in_by_a_one_time_password_ends_those_before_it(house: House) -> None:
    given = house.invite("anna")
    first = house.sign_in("anna", given)
    second = house.sign_in("anna", given)
    assert house.door.who(first.secret, house.now, attended=True) is None
    assert house.door.who(second.secret, house.now, attended=True) is not None


@pytest.mark.parametrize(
    ("happened", "words"),
    [
        ("UPDATE account SET disabled_at = now()", "disabled"),
        ("UPDATE account SET password_ends_at = '2026-03-01'", "one-time password is over"),
        ("UPDATE session SET ended_at = now()", "session is over"),
    ],
)
def test_a_password_is_changed_only_by_who_may_still_be_here(
    house: House, happened: str, words: str
) -> None:
    given = house.invite("anna")
    first = house.sign_in("anna", given)
    with house.engine.begin() as connection:
        connection.execute(sa.text(happened))
    with pytest.raises(SignInRefused, match=words):
        house.door.change_password(first.signed_in, given, PASSWORD, HERE, house.now)


def test_who_guesses_is_not_the_person_whose_password_it_is(house: House) -> None:
    house.person("anna")
    for _ in range(5):
        wrong(house)
    failed = house.events("sign_in_failed", "sign_in_held")
    assert {one.actor for one in failed} == {"somebody"}
    assert {one.details["account"] for one in failed} == {"anna"}


def test_a_store_that_can_only_be_read_is_read(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.person("anna")
    one = house.sign_in("anna")
    tokens = ApiTokens(house.store, house.passwords)
    secret = tokens.add(
        AccountName("probe"), [Scope.METRICS], lasts=None, actor="person anna", now=house.now
    )
    house.later(minutes=5)

    def read_only(*_: object) -> None:
        raise StoreUnavailable("read-only")

    monkeypatch.setattr(house.store, "note_seen", read_only)
    monkeypatch.setattr(house.store, "note_used", read_only)
    assert house.door.who(one.secret, house.now, attended=True) is not None
    assert tokens.find(secret, house.now) is not None


def test_the_last_administrator_stays(house: House) -> None:
    boss = house.person("boss", Role.ADMINISTRATOR)
    with pytest.raises(LastAdministrator):
        house.accounts.disable(boss, actor="person boss", now=house.now)
    with pytest.raises(LastAdministrator):
        house.accounts.set_roles(boss, [Role.RADIOLOGIST], actor="person boss", now=house.now)
    house.person("second", Role.ADMINISTRATOR)
    house.accounts.disable(boss, actor="person second", now=house.now)
    with pytest.raises(LastAdministrator):
        house.accounts.disable(AccountName("second"), actor="person second", now=house.now)


def test_names_are_given_once(house: House) -> None:
    house.invite("anna")
    with pytest.raises(AccountExists):
        house.invite("Anna")
    with pytest.raises(UnknownAccount):
        house.accounts.reset(AccountName("bert"), actor="person admin", now=house.now)


def test_an_unknown_name_is_answered_as_a_wrong_password_is(house: House) -> None:
    house.person("anna")
    wrong(house, "anna")
    wrong(house, "nobody")
    wrong(house, "no name at all, rather a password")


def test_guessing_is_slowed_down_and_waits_grow(house: House) -> None:
    house.person("anna")
    for _ in range(5):
        wrong(house)
    assert held(house).wait_s <= 3
    house.later(seconds=2)
    wrong(house)
    house.later(seconds=3)
    assert held(house).wait_s <= 2
    house.later(seconds=1)
    assert house.sign_in("anna").signed_in.account.name == "anna"
    wrong(house)  # counted from the start again


def test_tries_during_a_wait_neither_count_nor_prolong_it(house: House) -> None:
    house.person("anna")
    for _ in range(5):
        wrong(house)
    for _ in range(50):
        held(house)
    house.later(seconds=2)
    house.sign_in("anna")


def test_who_guesses_elsewhere_keeps_nobody_out(house: House) -> None:
    house.person("anna")
    mine = house.sign_in("anna")
    for number in range(30):  # from many addresses, each time as soon as it is allowed
        house.later(seconds=31)
        wrong(house, visitor=Visitor(address=f"10.9.9.{number}"))
    known = replace(HERE, browser=mine.browser)
    assert house.sign_in("anna", visitor=known).signed_in.account.name == "anna"
    assert held(house, visitor=HERE).wait_s <= 31  # from a new browser: a short wait


def test_who_guesses_at_the_same_address_keeps_a_known_browser_in(house: House) -> None:
    house.person("anna")
    mine = house.sign_in("anna")
    for _ in range(30):
        with pytest.raises((SignInRefused, TooManyTries)):
            house.door.sign_in("anna", "wrong", HERE, house.now)
    known = replace(HERE, browser=mine.browser)
    assert house.sign_in("anna", visitor=known).browser is None  # it has its secret


def test_a_made_up_browser_gains_nothing(house: House) -> None:
    house.person("anna")
    made_up = replace(ELSEWHERE, browser="made up")
    for number in range(5):
        wrong(house, visitor=replace(ELSEWHERE, browser=f"made up {number}"))
    held(house, visitor=made_up)
    house.later(seconds=2)
    assert house.sign_in("anna", visitor=made_up).browser not in (None, "made up")


def test_one_address_that_tries_many_names_is_slowed_down(house: House) -> None:
    house.person("anna")
    for number in range(50):
        wrong(house, f"name{number}", ELSEWHERE)
    held(house, "anna", ELSEWHERE)
    house.sign_in("anna", visitor=HERE)


def test_right_passwords_do_not_prolong_what_others_typed_wrong(house: House) -> None:
    house.person("anna")
    for number in range(56):
        with suppress(TooManyTries):
            wrong(house, f"name{number}", ELSEWHERE)
        house.later(seconds=31)
    for _ in range(4):
        house.later(minutes=55)
        for _ in range(3):  # colleagues, one after the other
            house.sign_in("anna", visitor=ELSEWHERE)


def test_an_attackers_own_account_does_not_wash_away_what_was_tried(house: House) -> None:
    house.person("anna")
    house.person("mallory")
    for number in range(49):
        wrong(house, f"name{number}", ELSEWHERE)
    house.sign_in("mallory", visitor=ELSEWHERE)
    wrong(house, "anna", ELSEWHERE)
    held(house, "anna", ELSEWHERE)


def test_guesses_all_at_once_are_counted_one_by_one(house: House) -> None:
    house.person("anna")

    def guess(number: int) -> str:
        try:
            house.door.sign_in("anna", f"guess {number}", HERE, house.now)
        except (SignInRefused, TooManyTries) as refused:
            return type(refused).__name__
        return "in"

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(guess, range(24)))
    assert answers.count("SignInRefused") == 5
    assert answers.count("TooManyTries") == 19


def test_a_restart_forgets_no_try(house: House) -> None:
    house.person("anna")
    for _ in range(5):
        wrong(house)
    held(House(house.engine, now=house.now))


def test_a_reset_ends_the_wait_here_and_in_a_known_browser_but_no_others(house: House) -> None:
    house.person("anna")
    house.person("bert")
    known = replace(HERE, browser=house.sign_in("anna").browser)
    for visitor in (HERE, known):
        for _ in range(5):
            wrong(house, visitor=visitor)
        held(house, visitor=visitor)
    for _ in range(5):
        wrong(house, "bert")
    house.accounts.reset(ANNA, actor="person admin", now=house.now)
    wrong(house)
    wrong(house, visitor=known)
    held(house, "bert")


def test_a_reset_ends_the_account_wide_wait(house: House) -> None:
    house.person("anna")
    for number in range(20):
        wrong(house, visitor=Visitor(address=f"10.1.0.{number}"))
    held(house, visitor=HERE)
    given = house.accounts.reset(ANNA, actor="person admin", now=house.now)
    house.sign_in("anna", given)


def test_a_session_holds_until_its_limits_and_only_a_person_prolongs_it(house: House) -> None:
    house.person("anna")
    one = house.sign_in("anna")

    def holds(*, attended: bool) -> bool:
        return house.door.who(one.secret, house.now, attended=attended) is not None

    house.later(minutes=29)
    assert holds(attended=False)  # the page asks by itself
    house.later(minutes=1)
    assert not holds(attended=True)
    one = house.sign_in("anna")
    for _ in range(48):
        assert holds(attended=True)
        house.later(minutes=15)
    assert not holds(attended=True)


def test_a_sign_in_begins_a_new_session_and_ends_the_one_before(house: House) -> None:
    house.person("anna")
    first = house.sign_in("anna")
    second = house.sign_in("anna", visitor=replace(HERE, session=first.secret))
    assert second.secret != first.secret
    assert second.signed_in.session.csrf_token != first.signed_in.session.csrf_token
    assert house.door.who(first.secret, house.now, attended=True) is None
    house.door.sign_out(second.secret, house.now)
    assert house.door.who(second.secret, house.now, attended=True) is None
    house.door.sign_out("never given out", house.now)


def test_changed_roles_hold_in_open_sessions(house: House) -> None:
    house.person("anna")
    one = house.sign_in("anna")
    house.accounts.set_roles(ANNA, [Role.QA_REVIEWER], actor="person admin", now=house.now)
    now = house.door.who(one.secret, house.now, attended=True)
    assert now is not None
    assert now.account.roles == {Role.QA_REVIEWER}


def test_p10_every_act_is_an_event_and_no_event_or_table_holds_a_secret(house: House) -> None:
    given = house.invite("anna", Role.RADIOLOGIST, Role.QA_REVIEWER)
    first = house.sign_in("anna", given)
    new = house.door.change_password(first.signed_in, given, PASSWORD, HERE, house.now)
    house.door.sign_out(new.secret, house.now)
    for _ in range(5):
        wrong(house)
    wrong(house, "hunter2 is my password", ELSEWHERE)
    house.accounts.set_roles(ANNA, [Role.RADIOLOGIST], actor="person admin", now=house.now)
    reset = house.accounts.reset(ANNA, actor="person admin", now=house.now)
    house.accounts.disable(ANNA, actor="person boss", now=house.now)
    house.accounts.enable(ANNA, actor="person boss", now=house.now)
    events = house.events()
    kinds = [one.kind for one in events]
    assert kinds == [
        *("account_added", "signed_in", "password_changed", "signed_in", "signed_out"),
        *["sign_in_failed"] * 5,
        *("sign_in_held", "sign_in_failed", "roles_changed", "password_reset"),
        *("account_disabled", "account_enabled"),
    ]
    by_kind = dict(zip(kinds, events, strict=True))
    assert by_kind["signed_out"].actor == "person anna"
    assert by_kind["password_reset"].actor == "person admin"
    assert by_kind["sign_in_failed"].details["account"] is None  # may be a password
    assert by_kind["sign_in_held"].details["tries"] == {"here": 5, "account": 5, "address": 5}
    kept = "\n".join(str(one) for one in events) + everything_kept(house)
    for secret in (given, reset, PASSWORD, first.secret, new.secret, first.browser, "hunter2"):
        assert secret is not None
        assert secret not in kept
    assert verify_event_log(house.engine) is None


def everything_kept(house: House) -> str:
    with house.engine.connect() as connection:
        return "\n".join(
            str(row)
            for table in ("account", "session", "known_browser", "sign_in_tries")
            for row in connection.execute(sa.text(f"SELECT * FROM {table}"))
        )


def test_a_hash_of_less_effort_is_renewed_at_sign_in(house: House) -> None:
    house.person("anna")
    better = argon2.PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    house = House(house.engine, passwords=Argon2Passwords(better))
    before = house.accounts.find(ANNA)
    house.sign_in("anna")
    after = house.accounts.find(ANNA)
    assert before is not None
    assert after is not None
    assert before.password_hash != after.password_hash
    assert isinstance(house.sign_in("anna"), NewSession)
