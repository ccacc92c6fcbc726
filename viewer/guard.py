"""What stands around every request: the Host check, security headers, the last error handler.

Plain ASGI, so that streams pass through it unbuffered.
"""

import secrets
from collections.abc import Collection

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from viewer.problems import problem

_log = structlog.get_logger(__name__)

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class HostCheck:
    """Refuses requests that were not addressed to this node by name (421, RFC 9110 15.5.20).

    A web page elsewhere can point its own name at 127.0.0.1 and then read this node through
    the browser of whoever visits it (DNS rebinding); the Host header gives that away.
    """

    def __init__(self, app: ASGIApp, allowed_hosts: Collection[str]) -> None:
        self.app = app
        self.allowed = LOOPBACK_NAMES | {host.lower() for host in allowed_hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what was meant for us."""
        if scope["type"] == "http" and host_name(Headers(scope=scope)) not in self.allowed:
            answer = problem(421, "This node does not serve this host name; see allowed hosts.")
            await answer(scope, receive, send)
            return
        await self.app(scope, receive, send)


def host_name(headers: Headers) -> str:
    """The name in the Host header without its port, lower case; empty when there is none."""
    host = headers.get("host", "").strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


class SecurityHeaders:
    """Writes the headers that keep other sites, caches and scripts out of the answers.

    The page's own style sheets that are made at run time carry ``scope["state"]["nonce"]``.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers to whatever answers."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        nonce = secrets.token_urlsafe(16)
        scope.setdefault("state", {})["nonce"] = nonce

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = _content_security_policy(nonce)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
                headers["Cross-Origin-Opener-Policy"] = "same-origin"
                headers["Cross-Origin-Resource-Policy"] = "same-origin"
                headers.setdefault("Cache-Control", "no-store")
                if scope.get("scheme") == "https":
                    headers["Strict-Transport-Security"] = "max-age=31536000"
            await send(message)

        await self.app(scope, receive, send_with_headers)


def _content_security_policy(nonce: str) -> str:
    return (
        f"default-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' blob: data:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


class LastResort:
    """The process boundary: what nobody expected is recorded and answered with 500.

    The log says the kind of the error and where, never its text, which may quote a name.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application; nothing it raises goes further for HTTP."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def send_and_note(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        except Exception as error:  # noqa: BLE001 - the boundary of the web process
            where = _place(error)
            _log.error("request_failed", error=type(error).__name__, where=where)
            if started:
                return  # the server sees the answer is cut short and closes the connection
            await problem(500, "The node could not answer; its log says more.")(
                scope, receive, send
            )


def _place(error: BaseException) -> str:
    """File, line and function where the error was raised."""
    trace = error.__traceback__
    if trace is None:
        return "unknown"
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    return f"{code.co_filename}:{trace.tb_lineno} {code.co_qualname}"
