"""Receivers of webhooks and mails: real small servers on the loopback."""

import asyncio
import http.server
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

_LIMIT_S = 30


@dataclass(frozen=True, slots=True)
class Received:
    """One request."""

    headers: Mapping[str, str]  # names in lower case
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What a receiver answers."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    hangs: bool = False  # says nothing until the receiver ends


class Receiver(http.server.ThreadingHTTPServer):
    """Keeps what it is sent, and answers as a test says."""

    daemon_threads = True

    def __init__(self, certificate: tuple[Path, Path] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[Received] = []
        self.reply = Reply()
        self.ends = threading.Event()
        self.is_tls = certificate is not None
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        scheme, name = ("https", "localhost") if self.is_tls else ("http", "127.0.0.1")
        return f"{scheme}://{name}:{self.server_port}/flags"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Peers that turn away are no news."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = Received({name.lower(): one for name, one in self.headers.items()}, body)
        self.server.received.append(request)
        reply = self.server.reply
        if reply.hangs:
            self.server.ends.wait(_LIMIT_S)
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        """What a redirect that was followed would come to."""
        self.do_POST()

    def log_message(self, *args: Any) -> None:
        """Nothing is written to the terminal."""


@contextmanager
def receiving(certificate: tuple[Path, Path] | None = None) -> Iterator[Receiver]:
    """A receiver of webhooks, over TLS with a certificate and its key."""
    receiver = Receiver(certificate)
    thread = threading.Thread(target=receiver.serve_forever, args=[0.05], daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.ends.set()
        receiver.shutdown()
        thread.join()
        receiver.server_close()


class Proxy(http.server.ThreadingHTTPServer):
    """Passes connections on (CONNECT); keeps for whom, and the password that it was told."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Tunnel)
        self.asked: list[tuple[str, str | None]] = []
        self.refuses = False
        self.overheard = b""  # on their way to the receiver

    def hear(self, part: bytes) -> None:
        """Keep what passes."""
        self.overheard += part

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Peers that turn away are no news."""


class _Tunnel(http.server.BaseHTTPRequestHandler):
    server: Proxy

    def do_CONNECT(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Proxy-Authorization")))
        if self.server.refuses:
            self.send_error(407, "Proxy Authentication Required")
            return
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=_LIMIT_S) as there:
            self.send_response(200, "Connection established")
            self.end_headers()
            back = threading.Thread(target=_pass_on, args=[there, self.connection], daemon=True)
            back.start()
            _pass_on(self.connection, there, self.server.hear)
            back.join()
        self.close_connection = True

    def log_message(self, *args: Any) -> None:
        """Nothing is written to the terminal."""


def _pass_on(
    one: socket.socket, other: socket.socket, hear: Callable[[bytes], None] | None = None
) -> None:
    """Everything that one says to the other, until it is done; it is heard before it arrives."""
    with suppress(OSError):
        while part := one.recv(65536):
            if hear is not None:
                hear(part)
            other.sendall(part)
    with suppress(OSError):
        other.shutdown(socket.SHUT_WR)


@contextmanager
def passing_on() -> Iterator[Proxy]:
    """A proxy."""
    proxy = Proxy()
    thread = threading.Thread(target=proxy.serve_forever, args=[0.05], daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()


@dataclass
class Postbox:
    """What a mail server took, and what it answers instead."""

    mails: list[Envelope] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)  # replies by recipient
    data_reply: str = "250 OK"
    greets: bool = True
    port: int = 0
    signed_in: list[str] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 (its name in aiosmtpd)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if self.data_reply.startswith("250"):
            self.mails.append(envelope)
        return self.data_reply

    def check(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        """Let in whoever knows the password."""
        assert isinstance(data, LoginPassword)
        self.signed_in.append(data.login.decode())
        return AuthResult(success=data.password == b"nine green bottles", handled=False)


@contextmanager
def mail_server(
    certificate: tuple[Path, Path] | None = None, *, implicit_tls: bool = False
) -> Iterator[Postbox]:
    """A mail server; with a certificate it wants STARTTLS, or speaks TLS from the beginning."""
    postbox = Postbox()
    more: dict[str, Any] = {}
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        more = {"authenticator": postbox.check}
        if implicit_tls:
            more |= {"auth_require_tls": False}  # it does not see the TLS around it
        else:
            more |= {"tls_context": context, "require_starttls": True, "auth_required": True}
    loop = asyncio.new_event_loop()
    serving = loop.create_server(
        lambda: SMTP(postbox, hostname="localhost", loop=loop, **more),
        "127.0.0.1",
        0,
        ssl=context if implicit_tls else None,
    )
    server = loop.run_until_complete(serving)
    postbox.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield postbox
    finally:
        asyncio.run_coroutine_threadsafe(_ended(server), loop).result(_LIMIT_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _ended(server: asyncio.Server) -> None:
    """Close it, and let those who are still at it come to an end."""
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for one in others:
        one.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(0)
