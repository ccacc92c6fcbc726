"""Single sign-on by a real OpenID Connect provider, and all that can be wrong with it."""

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import sqlalchemy as sa
from joserfc.jwk import RSAKey

from tests.browser import HOST, Browser, app_of
from tests.people import HERE, House
from vigie.provider import Provider, ProviderSettings, ProviderUnavailable
from vigie.sign_on import SignOn
from worklist.people import AccountName, Role
from worklist.sessions import Handshake
from worklist.sign_in import SignInRefused, Visitor
from worklist.single_sign_on import SingleSignOn

SESSION, HANDSHAKE = "__Host-vigie_session", "__Host-vigie_sign_on"
CALLBACK = f"https://{HOST}/api/sign-on/callback"
ROLES = {"readers": Role.RADIOLOGIST, "quality": Role.QA_REVIEWER}


def serve(port: int) -> subprocess.Popen[bytes]:
    script = Path(__file__).parents[1] / "sign_on_provider.py"
    process = subprocess.Popen([sys.executable, str(script), str(port)], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(f"http://127.0.0.1:{port}/jwks", trust_env=False)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return process
    raise AssertionError("the provider did not start")


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """A provider's address."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = serve(port)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(10)


def settings(issuer: str, **changes: Any) -> ProviderSettings:
    values: dict[str, Any] = {
        "issuer": issuer,
        "client_id": "vigie",
        "client_secret": "kept",
        "scopes": ("openid", "profile", "email"),
        "role_claim": "groups",
        "roles": ROLES,
    }
    return ProviderSettings(**{**values, **changes})


@pytest.fixture
def house(emptied_engine: sa.Engine) -> House:
    return House(emptied_engine, now=datetime.now(UTC))


Visit = Callable[..., Browser]


@pytest.fixture
def visit(house: House, tmp_path: Path) -> Visit:
    """A browser at the node that knows this provider."""

    def browser(issuer: str, **changes: Any) -> Browser:
        provider = Provider(settings(issuer, **changes))
        door = SingleSignOn(house.store, house.passwords, house.door)
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        return Browser(
            app_of(house, folder, SignOn(label="Hospital", provider=provider, door=door))
        )

    return browser


def tell(issuer: str, sub: str, **claims: Any) -> None:
    """What the provider knows of a person."""
    httpx.put(f"{issuer}/users/{sub}", json=claims, trust_env=False).raise_for_status()


def at_the_provider(address: str, sub: str, **form: str) -> str:
    """Sign in there; where it sends the browser back to."""
    answer = httpx.post(address, data={"sub": sub, **form}, trust_env=False)
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


def set_out(browser: Browser) -> str:
    answer = browser.ask("GET", "/api/sign-on")
    assert answer.status_code == 303
    return answer.headers["location"]


def come_back(browser: Browser, location: str) -> httpx.Response:
    back = urlsplit(location)
    assert f"{back.scheme}://{back.netloc}{back.path}" == CALLBACK
    answer = browser.ask("GET", f"{back.path}?{back.query}", origin=None)
    assert answer.status_code == 303
    return answer


def sign_on(browser: Browser, sub: str) -> str:
    """The whole way; where the browser ends."""
    return come_back(browser, at_the_provider(set_out(browser), sub)).headers["location"]


def test_a_person_comes_in_and_gets_an_account_with_the_providers_roles(
    issuer: str, visit: Visit, house: House
) -> None:
    tell(issuer, "4711", preferred_username="Anna.W", name="Dr Anna Weber", groups=["readers"])
    browser = visit(issuer)
    assert browser.ask("GET", "/api/session").json()["single_sign_on"] == "Hospital"
    assert sign_on(browser, "4711") == "/"
    session = browser.ask("GET", "/api/session").json()
    assert session["name"] == "anna.w"
    assert session["display_name"] == "Dr Anna Weber"
    assert session["roles"] == ["radiologist"]
    assert not session["has_password"]
    assert browser.ask("GET", "/api/worklist").status_code == 200
    assert browser.cookie(HANDSHAKE) is None
    kinds = [(one.kind, one.actor) for one in house.events()]
    assert kinds == [("account_added", "single sign-on"), ("signed_in", "person anna.w")]
    assert house.events()[-1].details["by"] == "single sign-on"
    again = visit(issuer)
    assert sign_on(again, "4711") == "/"
    assert [one.name for one in house.accounts.all()] == ["anna.w"]


def test_the_way_out_carries_state_nonce_and_a_pkce_challenge(issuer: str, visit: Visit) -> None:
    browser = visit(issuer)
    address = set_out(browser)
    query = {name: value[0] for name, value in parse_qs(urlsplit(address).query).items()}
    assert query["response_type"] == "code"
    assert query["redirect_uri"] == CALLBACK
    assert query["code_challenge_method"] == "S256"
    assert re.fullmatch(r"[\w-]{43}", query["code_challenge"])
    secrets = {query["state"], query["nonce"], query["code_challenge"], browser.cookie(HANDSHAKE)}
    assert len(secrets) == 4
    assert "kept" not in address


def test_the_cookie_of_the_way_out_comes_back_from_another_site(issuer: str, visit: Visit) -> None:
    cookie = visit(issuer).ask("GET", "/api/sign-on").headers["set-cookie"]
    for attribute in ("HttpOnly", "Secure", "SameSite=lax", "Max-Age=600", "Path=/"):
        assert attribute in cookie


def test_signing_out_leads_to_the_provider_too(issuer: str, visit: Visit) -> None:
    tell(issuer, "4711", preferred_username="anna", groups=["readers"])
    browser = visit(issuer)
    sign_on(browser, "4711")
    browser.ask("GET", "/api/session")
    address = urlsplit(browser.ask("DELETE", "/api/session").json()["provider_address"])
    assert f"{address.scheme}://{address.netloc}" == issuer
    query = parse_qs(address.query)
    assert query == {"client_id": ["vigie"], "post_logout_redirect_uri": [f"https://{HOST}/"]}
    assert browser.ask("GET", "/api/worklist").status_code == 401


def test_changed_groups_hold_from_the_next_sign_in_on(
    issuer: str, visit: Visit, house: House
) -> None:
    tell(issuer, "12", preferred_username="bert", groups=["readers"])
    sign_on(visit(issuer), "12")
    tell(issuer, "12", preferred_username="bert", groups=["quality", "cooks"])
    browser = visit(issuer)
    sign_on(browser, "12")
    assert browser.ask("GET", "/api/session").json()["roles"] == ["qa_reviewer"]
    [changed] = house.events("roles_changed")
    assert changed.actor == "single sign-on"
    assert changed.details["roles_before"] == ["radiologist"]


def test_groups_may_lie_deeper_and_may_be_one_text(issuer: str, visit: Visit) -> None:
    tell(issuer, "13", preferred_username="carl", realm_access={"roles": ["quality"]})
    browser = visit(issuer, role_claim="realm_access.roles")
    sign_on(browser, "13")
    assert browser.ask("GET", "/api/session").json()["roles"] == ["qa_reviewer"]
    tell(issuer, "14", email="dora@site.org", **{"https://site/group": "readers"})
    browser = visit(issuer, role_claim="https://site/group")
    sign_on(browser, "14")
    assert browser.ask("GET", "/api/session").json()["name"] == "dora@site.org"


@pytest.mark.parametrize("groups", [{}, {"groups": []}, {"groups": ["cooks"]}, {"groups": 7}])
def test_who_has_no_role_here_stays_out_and_gets_no_account(
    issuer: str, visit: Visit, house: House, groups: dict[str, Any]
) -> None:
    tell(issuer, "15", preferred_username="emil", **groups)
    browser = visit(issuer)
    assert sign_on(browser, "15") == "/#/?sign-on=no-role"
    assert browser.cookie(SESSION) is None
    assert house.accounts.all() == []
    assert [one.kind for one in house.events()] == ["sign_in_failed"]


def test_a_disabled_person_stays_out(issuer: str, visit: Visit, house: House) -> None:
    tell(issuer, "16", preferred_username="fred", groups=["readers"])
    first = visit(issuer)
    sign_on(first, "16")
    house.accounts.disable(AccountName("fred"), actor="person x", now=house.now)
    assert first.ask("GET", "/api/worklist").status_code == 401
    assert sign_on(visit(issuer), "16") == "/#/?sign-on=refused"


@pytest.mark.parametrize("name", ["anna", "ANNA ", "", "<script>"])
def test_nobody_gets_another_persons_account_by_calling_oneself_so(
    issuer: str, visit: Visit, house: House, name: str
) -> None:
    house.person("anna", Role.ADMINISTRATOR)
    tell(issuer, f"evil{len(name)}", preferred_username=name, groups=["readers"])
    browser = visit(issuer)
    assert sign_on(browser, f"evil{len(name)}") == "/"
    session = browser.ask("GET", "/api/session").json()
    assert session["name"] == ("anna-2" if "ANNA" in name.upper() else "person")
    assert session["roles"] == ["radiologist"]


def test_a_way_back_is_good_once_in_the_browser_that_set_out_for_ten_minutes(
    issuer: str, visit: Visit, house: House
) -> None:
    tell(issuer, "17", preferred_username="gina", groups=["readers"])
    over = "/#/?sign-on=over"
    browser = visit(issuer)
    back = at_the_provider(set_out(browser), "17")
    kept = browser.cookie(HANDSHAKE) or ""
    assert come_back(browser, back).headers["location"] == "/"
    browser.cookies.set(HANDSHAKE, kept, HOST)
    assert come_back(browser, back).headers["location"] == over  # replayed
    other = visit(issuer)
    victim = visit(issuer)
    set_out(victim)
    assert come_back(victim, at_the_provider(set_out(other), "17")).headers["location"] == over
    assert victim.cookie(SESSION) is None
    back = at_the_provider(set_out(browser), "17")
    house.later(minutes=10)
    assert come_back(browser, back).headers["location"] == over
    assert come_back(browser, f"{CALLBACK}?code=x&state=made-up").headers["location"] == over
    assert house.events("sign_in_failed") == []  # anybody could fill the log


def test_who_sets_out_without_end_waits_and_who_comes_in_does_not_count(
    issuer: str, visit: Visit, house: House
) -> None:
    tell(issuer, "17", preferred_username="gina", groups=["readers"])
    for _ in range(3):
        assert sign_on(visit(issuer), "17") == "/"
    visitor = Visitor(address="10.0.0.7")  # a browser's of these tests
    with house.store.transaction() as transaction:
        assert transaction.tries(["set-out 10.0.0.7"]) == {}
    door = SingleSignOn(house.store, house.passwords, house.door)
    for _ in range(50):
        door.set_out(visitor, house.now)
    browser = visit(issuer)
    assert set_out(browser) == "/#/?sign-on=wait"
    door.set_out(Visitor(address="10.0.0.8"), house.now)
    house.later(seconds=2)
    assert sign_on(browser, "17") == "/"
    door.set_out(visitor, house.now)  # who came in left no wait
    house.later(minutes=60)
    for _ in range(50):
        door.set_out(visitor, house.now)


def test_a_one_time_password_ends_when_its_person_comes_by_the_provider(
    issuer: str, visit: Visit, house: House
) -> None:
    tell(issuer, "19", preferred_username="ida", groups=["readers"])
    sign_on(visit(issuer), "19")
    given = house.accounts.reset(AccountName("ida"), actor="person x", now=house.now)
    by_password = house.sign_in("ida", given)
    browser = visit(issuer)
    assert sign_on(browser, "19") == "/"
    assert browser.ask("GET", "/api/worklist").status_code == 200
    assert house.door.who(by_password.secret, house.now, attended=True) is None
    with pytest.raises(SignInRefused):
        house.sign_in("ida", given)


def test_a_refusal_of_the_provider_is_one_here(issuer: str, visit: Visit) -> None:
    browser = visit(issuer)
    state = parse_qs(urlsplit(set_out(browser)).query)["state"][0]
    answer = come_back(browser, f"{CALLBACK}?error=access_denied&state={state}")
    assert answer.headers["location"] == "/#/?sign-on=refused"


def test_what_others_put_into_the_way_back_is_not_shown(issuer: str, visit: Visit) -> None:
    browser = visit(issuer)
    answer = come_back(browser, f"{CALLBACK}?error_description=call%200900&state=x")
    assert answer.headers["location"] == "/#/?sign-on=over"


Exchange = tuple[Provider, str, Handshake]


def exchange(issuer: str, house: House, provider: Provider | None = None) -> Exchange:
    """A provider, a code it gave out, and what was remembered of the way."""
    provider = provider or Provider(settings(issuer))
    door = SingleSignOn(house.store, house.passwords, house.door)
    out = door.set_out(HERE, house.now)
    back = at_the_provider(provider.address(out, CALLBACK), "18")
    code = parse_qs(urlsplit(back).query)["code"][0]
    return provider, code, door.come_back(out.state, out.browser, house.now)


@pytest.mark.parametrize(
    ("changes", "later", "why"),
    [
        ({}, 0, ""),
        ({"nonce": "of another sign-in"}, 0, "nonce"),
        ({"code_verifier": "stolen-code-without-its-verifier-0123456789"}, 0, "refused"),
        ({}, 3600 + 30, ""),  # clocks may be a minute apart
        ({}, 3600 + 90, "ExpiredTokenError|exp"),
        ({}, -3600, "iat|InvalidTokenError|exp"),
    ],
)
def test_a_token_is_believed_only_if_everything_about_it_is_right(
    issuer: str, house: House, changes: dict[str, Any], later: int, why: str
) -> None:
    tell(issuer, "18", preferred_username="hans", groups=["readers"])
    provider, code, handshake = exchange(issuer, house)
    handshake, now = replace(handshake, **changes), house.now + timedelta(seconds=later)
    if why == "":
        assert provider.identity(code, handshake, CALLBACK, now).name == "hans"
        with pytest.raises(SignInRefused, match="refused"):  # a code is good once
            provider.identity(code, handshake, CALLBACK, now)
        return
    with pytest.raises(SignInRefused, match=why):
        provider.identity(code, handshake, CALLBACK, now)


@pytest.fixture
def liar(issuer: str) -> Iterator[Callable[..., str]]:
    """Serves metadata (and keys) that are the provider's but for what a test changes."""
    metadata = httpx.get(f"{issuer}/.well-known/openid-configuration", trust_env=False).json()
    answers: dict[str, Any] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(answers[self.path]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *said: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    address = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def lie(**changes: Any) -> str:
        answers["/.well-known/openid-configuration"] = {**metadata, **changes}
        answers["/keys"] = {
            "keys": [RSAKey.generate_key(2048, private=True).as_dict(private=False)]
        }
        return address

    yield lie
    server.shutdown()
    server.server_close()


def test_a_provider_that_calls_itself_otherwise_is_not_asked(
    liar: Callable[..., str], house: House
) -> None:
    provider = Provider(settings(liar()))  # its metadata name the true issuer
    out = SingleSignOn(house.store, house.passwords, house.door).set_out(HERE, house.now)
    with pytest.raises(ProviderUnavailable, match="sso_issuer"):
        provider.address(out, CALLBACK)


def test_a_token_of_another_issuer_is_not_believed(
    issuer: str, liar: Callable[..., str], house: House
) -> None:
    address = liar()
    provider = Provider(settings(liar(issuer=address)))
    provider, code, handshake = exchange(issuer, house, provider)
    with pytest.raises(SignInRefused, match="iss"):
        provider.identity(code, handshake, CALLBACK, house.now)


def test_a_token_that_another_key_signed_is_not_believed(
    issuer: str, liar: Callable[..., str], house: House
) -> None:
    address = liar()
    provider = Provider(settings(liar(issuer=address, jwks_uri=f"{address}/keys")))
    provider, code, handshake = exchange(issuer, house, provider)
    with pytest.raises(SignInRefused, match="cannot be believed"):
        provider.identity(code, handshake, CALLBACK, house.now)


def test_a_provider_that_is_down_is_said_and_passwords_still_open(
    visit: Visit, house: House, unused_port: int
) -> None:
    house.person("anna")
    issuer = f"http://127.0.0.1:{unused_port}"
    browser = visit(issuer)
    assert set_out(browser) == "/#/?sign-on=provider"
    process = serve(unused_port)
    try:
        back = at_the_provider(set_out(browser), "20")
    finally:
        process.terminate()
        process.wait(10)
    assert come_back(browser, back).headers["location"] == "/#/?sign-on=provider"
    assert browser.sign_in("anna", "nine green bottles").status_code == 200


def test_without_a_provider_there_is_no_such_way(house: House, tmp_path: Path) -> None:
    browser = Browser(app_of(house, tmp_path))
    assert browser.ask("GET", "/api/session").json()["single_sign_on"] is None
    for path in ("/api/sign-on", "/api/sign-on/callback?code=x&state=y"):
        assert browser.ask("GET", path).status_code == 404
