"""The gate: every HTTP request is held against the table of `viewer.access` first."""

import hmac
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

import anyio
import anyio.to_thread
import structlog
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from viewer.access import Rule, RuleBook, Who
from viewer.cookies import browser_in, session_in
from viewer.ports import People
from viewer.problems import problem
from worklist.api_tokens import ApiToken
from worklist.errors import StoreUnavailable
from worklist.people import Account
from worklist.sessions import SignedIn
from worklist.sign_in import Visitor

_log = structlog.get_logger(__name__)

_AT_ONCE = 16  # callers looked up, in threads that nothing else can use up
_SAFE = frozenset({"GET", "HEAD"})
_UNATTENDED = "vigie-unattended"  # a page that asks by itself says so
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-proto", "x-real-ip")


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Who asks; in ``request.state.caller`` once the gate has let it pass."""

    visitor: Visitor
    is_local: bool  # on the node's own machine, and not through a proxy
    is_secure: bool  # the browser speaks TLS, to us or to a proxy that we trust
    signed_in: SignedIn | None = None
    token: ApiToken | None = None

    @property
    def is_known(self) -> bool:
        """Whether it is a person or a machine that has proved it."""
        return self.signed_in is not None or self.token is not None

    @property
    def account(self) -> Account | None:
        """The person's account, if it is a person."""
        return self.signed_in.account if self.signed_in else None


class Gate:
    """Lets requests pass that the table allows; answers the others itself."""

    def __init__(self, app: ASGIApp, people: People, now: Callable[[], datetime]) -> None:
        self.app = app
        self._people = people
        self._now = now
        self._rules = RuleBook()
        self._at_once = anyio.CapacityLimiter(_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let it pass, or say why not."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        rule = self._rules.find(scope["method"], scope["path"])
        try:
            refusal = _malformed(scope) or await self._refusal(scope, rule)
        except StoreUnavailable as error:
            refusal = problem(503, str(error), {"Retry-After": "2"})
        if refusal is None and rule is not None and scope["method"] not in _SAFE:
            receive = _measured(receive, rule.longest_body)
        await (refusal or self.app)(scope, receive, send)

    async def _refusal(self, scope: Scope, rule: Rule | None) -> Response | None:
        """Why this request may not pass; None: it may, and ``state.caller`` says who it is."""
        connection = HTTPConnection(scope)
        method, path = scope["method"], scope["path"]
        if rule is None:
            allowed = self._rules.methods(path)
            if allowed:
                return problem(405, headers={"Allow": ", ".join(allowed)})
            return problem(404)
        caller = _stranger(connection)
        if not (caller.is_secure or rule.in_the_clear or _may_be_in_the_clear(scope)):
            return problem(403, "From another machine this node is asked by TLS only (https).")
        if rule.who is not Who.ANYONE or path == "/api/session":
            attended = not rule.by_itself and _UNATTENDED not in connection.headers
            caller = await anyio.to_thread.run_sync(
                self._known, caller, connection, attended, limiter=self._at_once
            )
        scope.setdefault("state", {})["caller"] = caller
        return _too_long(rule, method, connection.headers) or (
            _may_not(rule, caller) or _forged(rule, method, caller, connection)
        )

    def _known(self, caller: Caller, connection: HTTPConnection, attended: bool) -> Caller:
        """The caller with what cookie or token prove."""
        scheme, _, secret = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            token = self._people.token(secret.strip(), self._now())
            return _with(caller, token=token)
        if caller.visitor.session is None:
            return caller
        signed_in = self._people.who(caller.visitor.session, self._now(), attended=attended)
        return _with(caller, signed_in=signed_in)


def still_holds(people: People, caller: Caller, now: datetime) -> bool:
    """Whether what the gate found out about a caller is still so."""
    if caller.signed_in is not None and caller.visitor.session is not None:
        found = people.who(caller.visitor.session, now, attended=False)
        return found is not None and found.account.roles == caller.signed_in.account.roles
    return caller.token is not None and people.token_holds(caller.token, now)


def _with(
    caller: Caller, *, signed_in: SignedIn | None = None, token: ApiToken | None = None
) -> Caller:
    return Caller(
        visitor=caller.visitor,
        is_local=caller.is_local,
        is_secure=caller.is_secure,
        signed_in=signed_in,
        token=token,
    )


def _stranger(connection: HTTPConnection) -> Caller:
    """A caller of whom nothing is known but the connection."""
    address = connection.client.host if connection.client else ""
    is_secure = connection.scope.get("scheme") == "https"
    is_forwarded = any(name in connection.headers for name in _FORWARDED)
    return Caller(
        visitor=Visitor(
            address=address,
            browser=browser_in(connection.cookies, is_secure=is_secure),
            session=session_in(connection.cookies, is_secure=is_secure),
        ),
        is_local=_is_loopback(address) and not is_forwarded,
        is_secure=is_secure,
    )


def _may_be_in_the_clear(scope: Scope) -> bool:
    """Whether the connection never leaves this machine, as far as this process sees."""
    client = scope.get("client")
    return client is not None and _is_loopback(client[0])


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _may_not(rule: Rule, caller: Caller) -> Response | None:
    """Why the table does not allow it."""
    if rule.who is Who.ANYONE or (rule.on_this_machine and caller.is_local):
        return None
    if caller.token is not None:
        if rule.scope is not None and rule.scope in caller.token.scopes:
            return None
        return _denied(rule, caller.token.name, "This token's scopes do not cover this.")
    if caller.signed_in is None:
        return problem(401, "Sign in first.", {"WWW-Authenticate": 'Bearer realm="vigie"'})
    account = caller.signed_in.account
    if rule.who is Who.HERSELF:
        return None
    if account.must_change_password:
        return problem(403, "Change the one-time password first.")
    if isinstance(rule.who, frozenset) and rule.who & account.roles:
        return None
    return _denied(rule, account.name, "Your roles do not cover this.")


def _denied(rule: Rule, name: str, why: str) -> Response:
    _log.warning("access_denied", name=name, method=rule.method, route=rule.path)
    return problem(403, why)


def _malformed(scope: Scope) -> Response | None:
    """What no honest client sends: a body of two lengths (RFC 9112 section 6.3), or NUL.

    The database holds no NUL, so no study, model or value is named by one.
    """
    headers = Headers(scope=scope)
    if "transfer-encoding" in headers and "content-length" in headers:
        words = "This request says in two ways how long its body is."
        return problem(HTTPStatus.BAD_REQUEST, words, {"Connection": "close"})
    query = scope.get("query_string", b"")
    if "\0" in scope["path"] or b"\0" in query or b"%00" in query:
        return problem(HTTPStatus.BAD_REQUEST, "An address holds no NUL.")
    return None


def _too_long(rule: Rule, method: str, headers: Headers) -> Response | None:
    if method in _SAFE or rule.longest_body is None:
        return None
    if "transfer-encoding" in headers:
        return problem(HTTPStatus.LENGTH_REQUIRED)
    length = headers.get("content-length", "0")
    if not length.isascii() or not length.isdigit():
        return problem(HTTPStatus.LENGTH_REQUIRED)
    if int(length) > rule.longest_body:
        return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return None


def _measured(receive: Receive, longest: int | None) -> Receive:
    """The body as it comes, refused where it is longer than allowed whatever its header said."""
    if longest is None:
        return receive
    had = 0

    async def measured() -> Message:
        nonlocal had
        message = await receive()
        had += len(message.get("body", b""))
        if had > longest:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return message

    return measured


def _forged(rule: Rule, method: str, caller: Caller, connection: HTTPConnection) -> Response | None:
    """Whether another site may have made the browser ask (CSRF).

    A request that changes something must come from our own page: its origin is ours, and, with a
    session, it carries the session's token, which only our own page can read. Tokens of machines
    are no cookies, so no browser sends them by itself.
    """
    if method in _SAFE or caller.token is not None:
        return None
    headers = connection.headers
    origin = headers.get("origin")
    if origin is None:
        is_own = headers.get("sec-fetch-site") == "same-origin"
    else:
        is_own = origin == f"{connection.url.scheme}://{headers.get('host', '')}"
    if not is_own:
        return problem(403, _foreign(origin, connection))
    if rule.who is Who.ANYONE or caller.signed_in is None:
        return None
    expected = caller.signed_in.session.csrf_token
    if not hmac.compare_digest(headers.get("x-csrf-token", "").encode(), expected.encode()):
        return problem(403, "The page is out of date: load it again.")
    return None


def _foreign(origin: str | None, connection: HTTPConnection) -> str:
    if origin == f"https://{connection.headers.get('host', '')}":
        return (
            "The page was opened by https, but the node does not know the proxy in front of it: "
            "name it in the setting trusted_proxies."
        )
    return "This was not asked by a page of this node."
