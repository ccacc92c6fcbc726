"""Accounts at the page: administrators make, change, disable and renew them."""

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from tests.browser import Browser, app_of
from tests.people import HERE, PASSWORD, House
from worklist.accounts import ONE_TIME_PASSWORD_LASTS
from worklist.people import AccountName, Role
from worklist.single_sign_on import Identity, SingleSignOn


@pytest.fixture
def house(emptied_engine: sa.Engine) -> House:
    return House(emptied_engine)


@pytest.fixture
def app(house: House, tmp_path: Path) -> FastAPI:
    return app_of(house, tmp_path)


@pytest.fixture
def boss(house: House, app: FastAPI) -> Browser:
    """The only administrator, signed in."""
    house.person("boss", Role.ADMINISTRATOR)
    browser = Browser(app)
    assert browser.sign_in("boss", PASSWORD).status_code == 200
    return browser


def listed(boss: Browser) -> dict[str, dict[str, object]]:
    return {one["name"]: one for one in boss.ask("GET", "/api/accounts").json()}


def test_an_account_is_made_with_a_password_that_is_said_once(
    boss: Browser, house: House, app: FastAPI
) -> None:
    body = {"name": " Anna ", "display_name": "Dr Anna", "roles": ["radiologist"]}
    made = boss.ask("POST", "/api/accounts", body)
    assert made.status_code == 201
    password = made.json()["one_time_password"]
    assert made.json()["account"]["name"] == "anna"
    lasts_until = (house.now + ONE_TIME_PASSWORD_LASTS).isoformat().replace("+00:00", "Z")
    assert made.json()["lasts_until"] == lasts_until
    assert made.headers["cache-control"] == "no-store"
    again = boss.ask("GET", "/api/accounts").text
    assert password not in again
    assert "argon2" not in again
    assert listed(boss)["anna"]["state"] == "one_time_password"
    anna = Browser(app)
    assert anna.sign_in("anna", password).json()["must_change_password"]
    assert listed(boss)["anna"]["signed_in"]
    (event,) = [one for one in house.events("account_added") if one.details["account"] == "anna"]
    assert event.actor == "person boss"
    assert password not in str(event)
    house.now += timedelta(days=4)
    boss.sign_in("boss", PASSWORD)
    assert listed(boss)["anna"]["state"] == "one_time_password_over"


def test_a_name_is_given_once_and_a_role_is_asked_for(boss: Browser) -> None:
    body = {"name": "anna", "roles": ["radiologist"]}
    assert boss.ask("POST", "/api/accounts", body).status_code == 201
    taken = boss.ask("POST", "/api/accounts", body)
    assert (taken.status_code, taken.json()["code"]) == (409, "account_exists")
    none = boss.ask("POST", "/api/accounts", {"name": "bert", "roles": []})
    assert none.status_code == 422
    odd = boss.ask("POST", "/api/accounts", {"name": "<b>", "roles": ["radiologist"]})
    assert (odd.status_code, odd.json()["code"]) == (422, "invalid_account_name")
    assert set(listed(boss)) == {"boss", "anna"}


def test_roles_change_and_hold_from_the_next_request_on(
    boss: Browser, house: House, app: FastAPI
) -> None:
    house.person("anna")
    anna = Browser(app)
    anna.sign_in("anna", PASSWORD)
    assert anna.ask("GET", "/api/accounts").status_code == 403
    changed = boss.ask("PUT", "/api/accounts/anna/roles", {"roles": ["administrator"]})
    assert changed.json()["roles"] == ["administrator"]
    assert anna.ask("GET", "/api/accounts").status_code == 200
    (event,) = house.events("roles_changed")
    assert event.actor == "person boss"
    assert event.details["roles_before"] == ["radiologist"]


def test_disabling_ends_what_is_open_and_enabling_lets_in_again(
    boss: Browser, house: House, app: FastAPI
) -> None:
    house.person("anna")
    anna = Browser(app)
    anna.sign_in("anna", PASSWORD)
    assert listed(boss)["anna"]["signed_in"]
    assert boss.ask("POST", "/api/accounts/anna/disable").json()["state"] == "disabled"
    assert anna.ask("GET", "/api/worklist").status_code == 401
    assert anna.sign_in("anna", PASSWORD).status_code == 401
    assert boss.ask("POST", "/api/accounts/anna/enable").json()["state"] == "enabled"
    assert anna.sign_in("anna", PASSWORD).status_code == 200
    actors = [one.actor for one in house.events("account_disabled", "account_enabled")]
    assert actors == ["person boss", "person boss"]


def test_the_last_administrator_stays_one(boss: Browser, house: House) -> None:
    for answer in (
        boss.ask("POST", "/api/accounts/boss/disable"),
        boss.ask("PUT", "/api/accounts/boss/roles", {"roles": ["radiologist"]}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "last_administrator")
    house.person("carla", Role.ADMINISTRATOR)
    assert boss.ask("POST", "/api/accounts/carla/disable").status_code == 200
    # A disabled one does not count.
    assert boss.ask("POST", "/api/accounts/boss/disable").status_code == 409
    assert boss.ask("POST", "/api/accounts/carla/enable").status_code == 200
    assert boss.ask("POST", "/api/accounts/boss/disable").status_code == 200
    assert boss.ask("GET", "/api/accounts").status_code == 401


def test_a_reset_gives_a_new_password_and_not_to_oneself(
    boss: Browser, house: House, app: FastAPI
) -> None:
    house.person("anna")
    anna = Browser(app)
    anna.sign_in("anna", PASSWORD)
    given = boss.ask("POST", "/api/accounts/anna/reset", {}).json()
    assert anna.ask("GET", "/api/worklist").status_code == 401
    assert anna.sign_in("anna", PASSWORD).status_code == 401
    assert anna.sign_in("anna", given["one_time_password"]).status_code == 200
    own = boss.ask("POST", "/api/accounts/boss/reset", {})
    assert (own.status_code, own.json()["code"]) == (409, "own_account")
    assert boss.ask("GET", "/api/accounts").status_code == 200


def welcome(house: House, name: str) -> None:
    """Let a person come by single sign-on for the first time."""
    identity = Identity(
        issuer="https://login",
        subject="1",
        name=name,
        display_name=name.title(),
        roles=frozenset({Role.RADIOLOGIST}),
    )
    SingleSignOn(house.store, house.passwords, house.door).welcome(identity, HERE, house.now)


def test_who_comes_by_the_provider_gets_a_password_only_when_asked_for(
    boss: Browser, house: House
) -> None:
    welcome(house, "greta")
    assert listed(boss)["greta"]["issuer"] == "https://login"
    assert not listed(boss)["greta"]["has_password"]
    none = boss.ask("POST", "/api/accounts/greta/reset", {}).json()
    assert (none["one_time_password"], none["lasts_until"]) == (None, None)
    assert not listed(boss)["greta"]["signed_in"]
    one = boss.ask("POST", "/api/accounts/greta/reset", {"one_time_password": True}).json()
    assert one["one_time_password"]
    assert one["account"]["has_password"]
    assert listed(boss)["greta"]["has_password"]


def test_a_password_from_before_ends_with_a_reset_that_gives_none(
    boss: Browser, house: House, app: FastAPI
) -> None:
    welcome(house, "greta")
    given = boss.ask("POST", "/api/accounts/greta/reset", {"one_time_password": True}).json()
    greta = Browser(app)
    assert greta.sign_in("greta", given["one_time_password"]).status_code == 200
    reset = boss.ask("POST", "/api/accounts/greta/reset", {}).json()
    assert not reset["account"]["has_password"]
    assert reset["account"]["state"] == "enabled"
    assert greta.sign_in("greta", given["one_time_password"]).status_code == 401
    assert listed(boss)["greta"] == reset["account"]
    assert [one.details["password_removed"] for one in house.events("sessions_ended")] == [True]
    boss.ask("POST", "/api/accounts/greta/reset", {})  # there is none to remove
    events = house.events("sessions_ended")
    assert [one.details["password_removed"] for one in events] == [True, False]


@pytest.mark.parametrize(
    ("path", "body"),
    [("", {"name": "bert", "roles": ["radiologist"]}), ("/anna/reset", {})],
)
def test_a_password_that_was_made_is_said_though_nothing_more_can_be_asked(
    boss: Browser, house: House, path: str, body: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    house.person("anna")

    def gone(*_: object) -> None:
        raise sa.exc.OperationalError("", {}, Exception("the database went away"))

    monkeypatch.setattr(house.accounts, "find", gone)
    monkeypatch.setattr(house.door, "present", gone)
    given = boss.ask("POST", f"/api/accounts{path}", body)
    assert given.status_code in {200, 201}
    assert given.json()["one_time_password"]
    assert given.json()["account"]["state"] == "one_time_password"


def test_sessions_are_ended_and_counted(boss: Browser, house: House, app: FastAPI) -> None:
    house.person("anna")
    for _ in range(2):
        Browser(app).sign_in("anna", PASSWORD)
    ended = boss.ask("POST", "/api/accounts/anna/end-sessions").json()
    assert ended["sessions_ended"] == 2
    assert not ended["account"]["signed_in"]
    assert house.accounts.find(AccountName("anna")) is not None
    (event,) = house.events("sessions_ended")
    assert event.actor == "person boss"
    unknown = boss.ask("POST", "/api/accounts/nobody/end-sessions")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_account")
