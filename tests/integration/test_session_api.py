"""Signing in and out by HTTP: cookies, forged requests, waits, passwords."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from tests.browser import HOST, Browser, app_of
from tests.people import PASSWORD, House
from viewer.problems import problem_of
from worklist.errors import RefusedByStore

SESSION, KNOWN = "__Host-vigie_session", "__Host-vigie_browser"


@pytest.fixture
def house(emptied_engine: sa.Engine) -> House:
    house = House(emptied_engine)
    house.person("anna")
    return house


@pytest.fixture
def app(house: House, tmp_path: Path) -> FastAPI:
    return app_of(house, tmp_path)


def test_who_is_signed_in_is_told_to_that_browser_only(app: FastAPI) -> None:
    browser = Browser(app)
    assert browser.ask("GET", "/api/session").json()["name"] is None
    answer = browser.sign_in("Anna", PASSWORD)
    assert answer.status_code == 200
    assert answer.json()["name"] == "anna"
    assert answer.json()["roles"] == ["radiologist"]
    assert answer.json()["ends_at"] == "2026-03-03T00:00:00Z"
    assert browser.ask("GET", "/api/session").json() == answer.json()
    assert Browser(app).ask("GET", "/api/session").json()["name"] is None


def test_cookies_are_out_of_reach_of_scripts_other_sites_and_the_clear(app: FastAPI) -> None:
    answer = Browser(app).sign_in("anna", PASSWORD)
    cookies = {one.partition("=")[0]: one for one in answer.headers.get_list("set-cookie")}
    assert set(cookies) == {SESSION, KNOWN}
    for cookie in cookies.values():
        assert "; HttpOnly" in cookie
        assert "; SameSite=strict" in cookie
        assert "; Secure" in cookie
        assert "; Path=/" in cookie
        assert "Domain" not in cookie
    assert "Max-Age" not in cookies[SESSION]
    assert answer.headers["strict-transport-security"]


def test_on_the_machine_itself_cookies_work_without_tls(app: FastAPI) -> None:
    here = Browser(app, address="127.0.0.1", origin="http://127.0.0.1:8008")
    answer = here.sign_in("anna", PASSWORD)
    assert answer.status_code == 200
    assert all("Secure" not in one for one in answer.headers.get_list("set-cookie"))
    assert "strict-transport-security" not in answer.headers
    assert here.ask("GET", "/api/worklist").status_code == 200


def test_a_sign_in_rotates_the_session_and_a_planted_one_is_not_taken_over(app: FastAPI) -> None:
    browser = Browser(app)
    browser.cookies.set(SESSION, "planted", HOST)
    browser.sign_in("anna", PASSWORD)
    first = browser.cookie(SESSION)
    assert first not in (None, "planted")
    known = browser.cookie(KNOWN)
    assert browser.sign_in("anna", PASSWORD).status_code == 200
    assert browser.cookie(SESSION) != first
    assert browser.cookie(KNOWN) == known
    stale = Browser(app)
    stale.cookies.set(SESSION, first or "", HOST)
    assert stale.ask("GET", "/api/worklist").status_code == 401


def test_signing_out_ends_the_session_and_empties_the_browser(app: FastAPI, house: House) -> None:
    browser = Browser(app)
    browser.sign_in("anna", PASSWORD)
    kept = browser.cookie(SESSION)
    answer = browser.ask("DELETE", "/api/session")
    assert answer.status_code == 200
    assert answer.json() == {"provider_address": None}
    assert answer.headers["clear-site-data"] == '"cache"'
    assert browser.cookie(SESSION) is None
    assert browser.cookie(KNOWN) is not None
    browser.cookies.set(SESSION, kept or "", HOST)
    assert browser.ask("GET", "/api/worklist").status_code == 401
    assert house.events()[-1].kind == "signed_out"


def test_wrong_and_unknown_are_answered_alike(app: FastAPI) -> None:
    wrong = Browser(app).sign_in("anna", "wrong")
    unknown = Browser(app).sign_in("nobody", "wrong")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()
    assert wrong.headers.get("set-cookie") is None
    assert "wrong" in wrong.json()["detail"]


def test_waits_are_said_and_keep_no_known_browser_out(app: FastAPI) -> None:
    known = Browser(app)
    known.sign_in("anna", PASSWORD)
    stranger = Browser(app)
    for _ in range(5):
        stranger.sign_in("anna", "wrong")
    held = stranger.sign_in("anna", PASSWORD)
    assert held.status_code == 429
    assert int(held.headers["retry-after"]) > 0
    assert "try again in" in held.json()["detail"]
    assert known.sign_in("anna", PASSWORD).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"x_csrf_token": None}, 403),
        ({"x_csrf_token": "guessed"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "https://reading.hospital.evil.example"}, 403),
        ({"origin": "http://reading.hospital"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": None}, 403),
        ({"origin": None, "sec_fetch_site": "same-origin"}, 200),
        ({"origin": None, "sec_fetch_site": "same-site"}, 403),
        ({"origin": None, "sec_fetch_site": "cross-site"}, 403),
    ],
)
def test_a_change_that_another_site_made_the_browser_ask_is_refused(
    app: FastAPI, headers: dict[str, str | None], status: int
) -> None:
    browser = Browser(app)
    browser.sign_in("anna", PASSWORD)
    assert browser.ask("DELETE", "/api/session", **headers).status_code == status
    is_in = browser.ask("GET", "/api/worklist").status_code == 200
    assert is_in == (status == 403)


def test_nobody_is_signed_in_by_another_site(app: FastAPI) -> None:
    body = {"name": "anna", "password": PASSWORD}
    forged = Browser(app).ask("POST", "/api/session", body, origin="https://evil.example")
    assert forged.status_code == 403
    assert forged.headers.get("set-cookie") is None


def test_a_proxy_that_is_not_named_is_said_to_be_the_fault(app: FastAPI) -> None:
    behind = Browser(app, address="127.0.0.1", origin="http://reading.hospital")
    body = {"name": "anna", "password": PASSWORD}
    answer = behind.ask("POST", "/api/session", body, origin=f"https://{HOST}")
    assert answer.status_code == 403
    assert "trusted_proxies" in answer.json()["detail"]


def test_p9_a_body_without_end_is_not_read(app: FastAPI) -> None:
    browser = Browser(app)
    long = {"name": "anna", "password": "x" * 20_000}
    assert browser.ask("POST", "/api/session", long).status_code == 413
    answer = browser.ask("POST", "/api/session", {"name": "anna", "password": "x" * 2000})
    assert answer.status_code == 422
    assert "xxx" not in answer.text


def test_p9_a_body_is_measured_whatever_its_header_says(app: FastAPI) -> None:
    """Another web server may let through what h11 would not."""
    long = {"name": "anna", "password": "x" * 20_000}
    answer = Browser(app).ask("POST", "/api/session", long, content_length="10")
    assert (answer.status_code, answer.json()["status"]) == (413, 413)


def test_p9_what_the_database_refuses_is_the_fault_of_who_sent_it() -> None:
    assert problem_of(RefusedByStore("the database refuses the data")).status_code == 422


def test_a_one_time_password_opens_nothing_but_its_own_change(app: FastAPI, house: House) -> None:
    given = house.invite("bert")
    browser = Browser(app)
    assert browser.sign_in("bert", given).json()["must_change_password"] is True
    assert browser.ask("GET", "/api/worklist").status_code == 403
    weak = browser.ask("POST", "/api/session/password", {"present": given, "new": "short"})
    assert weak.status_code == 422
    assert "12" in weak.json()["detail"]
    wrong = browser.ask("POST", "/api/session/password", {"present": "no", "new": PASSWORD})
    assert wrong.status_code == 401
    before = browser.cookie(SESSION)
    done = browser.ask("POST", "/api/session/password", {"present": given, "new": PASSWORD})
    assert done.status_code == 200
    assert done.json()["must_change_password"] is False
    assert browser.cookie(SESSION) != before
    assert browser.ask("GET", "/api/worklist").status_code == 200


def test_what_a_page_asks_by_itself_keeps_no_session_open(app: FastAPI, house: House) -> None:
    left = Browser(app)
    left.sign_in("anna", PASSWORD)
    there = Browser(app)
    there.sign_in("anna", PASSWORD)
    for _ in range(4):
        house.later(minutes=10)
        left.ask("GET", "/api/worklist", vigie_unattended="1")
        left.ask("GET", "/api/events")  # browsers open it anew by themselves
        assert there.ask("GET", "/api/worklist").status_code == 200
    assert left.ask("GET", "/api/worklist").status_code == 401
