"""Every route of the app, asked by everybody: what is not allowed is refused."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from tests.browser import Browser, app_of
from tests.people import PASSWORD, House
from tests.viewer_parts import INSTANCE, SERIES, STUDY
from viewer.access import RULES
from viewer.ports import Check
from worklist.api_tokens import ApiTokens, Scope
from worklist.people import AccountName, Role

# Written down a second time, on purpose: what the table says must be what was meant.
ANYONE = {
    ("GET", "/"),
    ("GET", "/assets/{path:path}"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("GET", "/api/session"),
    ("POST", "/api/session"),
    ("GET", "/api/sign-on"),
    ("GET", "/api/sign-on/callback"),
}
HERSELF = {("DELETE", "/api/session"), ("POST", "/api/session/password")}
UID = "/api/studies/{study_instance_uid}"
ACCOUNT = "/api/accounts/{name}"
ADMINISTRATORS = {
    ("GET", "/api/record/{study_instance_uid}"),  # not who reviews: it tells what others said
    ("GET", "/metrics"),
    ("POST", "/api/ai/stop"),
    ("POST", "/api/ai/start"),
    ("GET", "/api/hl7/messages"),
    ("GET", "/api/hl7/dead-letters/{message_id}"),
    ("POST", "/api/hl7/messages/{message_id}/resend"),
    ("POST", "/api/hl7/messages/{message_id}/dismiss"),
    ("GET", "/api/accounts"),
    ("POST", "/api/accounts"),
    ("PUT", f"{ACCOUNT}/roles"),
    ("POST", f"{ACCOUNT}/disable"),
    ("POST", f"{ACCOUNT}/enable"),
    ("POST", f"{ACCOUNT}/reset"),
    ("POST", f"{ACCOUNT}/end-sessions"),
    ("GET", "/api/notifications"),
    ("POST", "/api/notifications/{notification_id}/send-again"),
    ("POST", "/api/notifications/channels/{name}/test"),
    ("GET", "/api/deliveries"),
    ("POST", "/api/deliveries/resend"),
    ("GET", "/api/destinations"),
    ("POST", "/api/destinations/{name}/test"),
    ("POST", f"{UID}/retract-results"),
    ("POST", f"{UID}/make-results-anew"),
    ("POST", "/api/destinations/{name}/release"),
    ("GET", "/api/deliveries/problems"),
}
QUALITY = {
    ("GET", "/api/cases"),
    ("GET", "/api/cases/export.csv"),
    ("GET", "/api/cases/measures"),
    ("GET", "/api/cases/{case_id}"),
    ("POST", "/api/cases/{case_id}/assign"),
    ("POST", "/api/cases/{case_id}/comments"),
    ("POST", "/api/cases/{case_id}/close"),
}
REVIEWERS = {("POST", "/api/cases/{case_id}/review")}
RADIOLOGISTS = {
    ("POST", f"{UID}/claim"),
    ("POST", f"{UID}/first-look"),
    ("POST", f"{UID}/agreements"),
    ("POST", f"{UID}/drawn"),
    ("DELETE", f"{UID}/drawn/{{drawn_id}}"),
    ("POST", f"{UID}/conclusion"),
}
BOTH = {
    ("DELETE", f"{UID}/claim"),
    ("POST", f"{UID}/priority"),
    ("POST", f"{UID}/pin"),
    ("POST", f"{UID}/reopen"),
}
REPORTS = {("GET", f"{UID}/reports")}
QA_REVIEWERS = {
    ("POST", "/api/simulations"),
}  # and administrators
PERSONS = {  # not machines
    ("POST", f"{UID}/reveal"),
    ("GET", "/api/me/preferences"),
    ("PUT", "/api/me/preferences"),
    ("GET", "/api/me/views"),
    ("POST", "/api/me/views"),
    ("PUT", "/api/me/views/{view_id}"),
    ("DELETE", "/api/me/views/{view_id}"),
}
STORING = {("POST", "/dicomweb/studies"), ("POST", "/dicomweb/studies/{study_instance_uid}")}
FRAME = (
    "/api/studies/{study_instance_uid}/series/{series_instance_uid}"
    "/instances/{sop_instance_uid}/frames/{frame_number}/rendered"
)
STUDY_ = "/dicomweb/studies/{study_instance_uid}"
SERIES_ = STUDY_ + "/series/{series_instance_uid}"
INSTANCE_ = SERIES_ + "/instances/{sop_instance_uid}"
EVERY_ROLE = {
    ("GET", "/api/openapi.json"),
    ("GET", "/api/node"),
    ("GET", "/api/worklist"),
    ("GET", "/api/worklist/choices"),
    ("GET", "/api/worklist/{study_instance_uid}"),
    ("GET", "/api/events"),
    ("GET", UID),
    ("GET", f"{UID}/priors"),
    ("GET", f"{UID}/deliveries"),
    ("GET", FRAME),
    ("GET", "/api/models"),
    ("GET", "/api/models/{name}"),
    ("GET", "/dicomweb/studies"),
    ("GET", "/dicomweb/series"),
    ("GET", "/dicomweb/instances"),
    ("GET", STUDY_),
    ("GET", STUDY_ + "/series"),
    ("GET", STUDY_ + "/instances"),
    ("GET", STUDY_ + "/metadata"),
    ("GET", STUDY_ + "/thumbnail"),
    ("GET", SERIES_),
    ("GET", SERIES_ + "/instances"),
    ("GET", SERIES_ + "/metadata"),
    ("GET", SERIES_ + "/thumbnail"),
    ("GET", INSTANCE_),
    ("GET", INSTANCE_ + "/metadata"),
    ("GET", INSTANCE_ + "/rendered"),
    ("GET", INSTANCE_ + "/thumbnail"),
    ("GET", INSTANCE_ + "/frames/{frames}"),
    ("GET", INSTANCE_ + "/frames/{frames}/rendered"),
    ("GET", INSTANCE_ + "/frames/{frames}/thumbnail"),
    ("GET", INSTANCE_ + "/bulkdata/{address:path}"),
}
ALL = (
    ANYONE | HERSELF | ADMINISTRATORS | RADIOLOGISTS | BOTH | EVERY_ROLE | PERSONS | REPORTS
    | STORING | QA_REVIEWERS
)  # fmt: skip
ALL |= QUALITY | REVIEWERS
PEOPLE = {
    "stranger": ANYONE,
    "disabled": ANYONE,
    "expired": ANYONE,
    "signed out": ANYONE,
    "made up": ANYONE,
    "one-time password": ANYONE | HERSELF,
    "radiologist": ANYONE | HERSELF | EVERY_ROLE | PERSONS | RADIOLOGISTS | BOTH | REPORTS,
    "qa_reviewer": ANYONE
    | HERSELF
    | EVERY_ROLE
    | PERSONS
    | REPORTS
    | QA_REVIEWERS
    | QUALITY
    | REVIEWERS,
    "administrator": ALL - RADIOLOGISTS - REPORTS - REVIEWERS,
}
MACHINES = {
    "read": ANYONE | EVERY_ROLE,
    "metrics": ANYONE | {("GET", "/metrics")},
    "store": ANYONE | STORING,
    "revoked": ANYONE,
    "ended": ANYONE,
    "made up": ANYONE,
}


def routes_of(app: Any) -> Iterator[tuple[str, str]]:
    """Method and path of everything the app can answer."""
    for route in app.routes:
        if hasattr(route, "original_router"):
            yield from routes_of(route.original_router)
        elif getattr(route, "methods", None):
            yield from ((method, route.path) for method in route.methods - {"HEAD"})
        else:
            yield "GET", f"{route.path}/{{path:path}}"  # a mounted folder


@pytest.fixture
def house(emptied_engine: sa.Engine) -> House:
    return House(emptied_engine)


@pytest.fixture
def app(house: House, tmp_path: Path) -> FastAPI:
    return app_of(house, tmp_path)


def address(path: str) -> str:
    """A path that the fake list can answer."""
    for name, value in {
        "{path:path}": "a.js",
        "{study_instance_uid}": STUDY,
        "{series_instance_uid}": SERIES,
        "{sop_instance_uid}": INSTANCE,
        "{frame_number}": "1",
        "{frames}": "1",
        "{address:path}": "7FE00010",
        "{name}": "fracture",
        "{view_id}": "1",
        "{notification_id}": "5b2c0a0e-6f37-5e0e-9d0c-3d1b3a5c9f11",
        "{drawn_id}": "1",
    }.items():
        path = path.replace(name, value)
    return path


def answered(browser: Browser, **headers: str) -> set[tuple[str, str]]:
    """The routes that let this browser in; a session that is ended last stays open till then."""
    let_in = set()
    for method, path in sorted(ALL, key=lambda one: one == ("DELETE", "/api/session")):
        body = {} if method in {"POST", "PUT"} else None
        answer = browser.ask(method, address(path), body, **headers)
        assert answer.status_code in {200, 401, 403, 404, 415, 422}, (path, answer.text)
        if answer.status_code not in {401, 403}:
            let_in.add((method, path))
    return let_in


def test_every_route_is_in_the_table_and_nothing_else_is(app: FastAPI) -> None:
    routes = list(routes_of(app))
    assert len(routes) == len(set(routes))
    assert set(routes) == {(rule.method, rule.path) for rule in RULES} == ALL
    assert len(RULES) == len(ALL)


def browser_of(kind: str, house: House, app: FastAPI) -> Browser:
    browser = Browser(app)
    if kind == "stranger":
        return browser
    if kind == "made up":
        browser.cookies.set("__Host-vigie_session", "made-up", "reading.hospital")
        return browser
    if kind == "one-time password":
        assert browser.sign_in("anna", house.invite("anna")).status_code == 200
        return browser
    role = Role(kind) if kind in set(Role) else Role.ADMINISTRATOR
    house.person("other", Role.ADMINISTRATOR)
    name = house.person("anna", role)
    assert browser.sign_in("anna", PASSWORD).status_code == 200
    if kind == "disabled":
        house.accounts.disable(name, actor="person other", now=house.now)
    elif kind == "expired":
        house.later(minutes=30)
    elif kind == "signed out":
        kept = dict(browser.cookies)
        assert browser.ask("DELETE", "/api/session").status_code == 200
        for cookie, value in kept.items():
            browser.cookies.set(cookie, value, "reading.hospital")
    return browser


@pytest.mark.parametrize("kind", PEOPLE)
def test_each_person_gets_what_the_roles_allow_and_nothing_else(
    kind: str, house: House, app: FastAPI
) -> None:
    assert answered(browser_of(kind, house, app)) == PEOPLE[kind]


@pytest.mark.parametrize("kind", MACHINES)
def test_each_machine_gets_what_its_scopes_allow_and_nothing_else(
    kind: str, house: House, app: FastAPI
) -> None:
    tokens = ApiTokens(house.store, house.passwords)
    scope = Scope(kind) if kind in set(Scope) else Scope.READ
    lasts = timedelta(days=1)
    secret = tokens.add(AccountName("m"), [scope], lasts=lasts, actor="person x", now=house.now)
    if kind == "revoked":
        tokens.revoke(AccountName("m"), actor="person x", now=house.now)
    elif kind == "ended":
        house.now += lasts
    elif kind == "made up":
        secret = "vigie_made-up"
    assert answered(Browser(app), authorization=f"Bearer {secret}") == MACHINES[kind]


def test_metrics_are_for_the_machine_itself_too_but_not_through_a_proxy(app: FastAPI) -> None:
    here = Browser(app, address="127.0.0.1", origin="http://localhost")
    assert here.ask("GET", "/metrics").status_code == 200
    assert here.ask("GET", "/metrics", x_forwarded_for="10.0.0.9").status_code == 401
    assert here.ask("GET", "/api/worklist").status_code == 401


@pytest.mark.parametrize("method", ["PUT", "PATCH", "POST", "DELETE", "OPTIONS", "TRACE"])
def test_other_methods_are_refused_with_those_that_there_are(app: FastAPI, method: str) -> None:
    answer = Browser(app).ask(method, "/api/worklist")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET"


@pytest.mark.parametrize("path", ["/api", "/api/", "/docs", "/api/worklist/", "//api/worklist"])
def test_what_is_not_in_the_table_is_not_there(app: FastAPI, house: House, path: str) -> None:
    browser = browser_of("administrator", house, app)
    assert browser.ask("GET", path).status_code == 404


def test_from_another_machine_nothing_is_said_in_the_clear(app: FastAPI, house: House) -> None:
    house.person("anna")
    clear = Browser(app, origin="http://reading.hospital")
    assert clear.sign_in("anna", PASSWORD).status_code == 403
    assert clear.ask("GET", "/").status_code == 403
    assert clear.ask("GET", "/health/live").status_code == 200


def test_a_denied_request_is_logged_without_secrets(
    app: FastAPI, house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    browser = browser_of("radiologist", house, app)
    browser.ask("GET", "/metrics")
    logged = capsys.readouterr()
    assert "access_denied" in logged.out + logged.err
    for secret in browser.cookies.values():
        assert secret not in logged.out + logged.err


def test_what_is_wrong_is_told_to_the_machine_itself_only(house: House, tmp_path: Path) -> None:
    check = Check(name="database", ok=False, detail="no socket in /srv/vigie")
    app = app_of(house, tmp_path, checks=[check])
    here = Browser(app, address="127.0.0.1", origin="http://localhost").ask("GET", "/health/ready")
    assert (here.status_code, here.json()["checks"][0]["detail"]) == (503, check.detail)
    elsewhere = Browser(app).ask("GET", "/health/ready")
    assert elsewhere.status_code == 503
    assert elsewhere.json()["checks"] == [{"name": "database", "ok": False, "detail": ""}]
