"""Peers for tests of the HL7 interface: our server in a thread, and a RIS that may misbehave."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from results.hl7.framing import FrameReader, framed
from results.hl7.inbound import Site
from results.hl7.message import envelope
from results.hl7.server import MllpServer, ServerSettings
from vigie.hl7 import Inbound
from vigie.wiring import utc_now
from worklist.due_time import DueTargets
from worklist.service import Worklist
from worklist.store.postgres import PostgresStore


@contextlib.contextmanager
def serving(engine: sa.Engine, **settings: Any) -> Iterator[MllpServer]:
    """Our interface over a database."""
    site = Site(**settings.pop("site", {}))
    inbound = Inbound(Worklist(PostgresStore(engine), DueTargets()), site, utc_now)
    usual: dict[str, Any] = {"host": "127.0.0.1", "port": 0, "message_timeout_s": 10.0}
    server = MllpServer(ServerSettings(**{**usual, **settings}), inbound.handle, inbound.cut)
    stop = threading.Event()
    thread = threading.Thread(target=server.serve, args=[stop], daemon=True)
    thread.start()
    try:
        yield server
    finally:
        stop.set()
        thread.join(timeout=20)
        assert not thread.is_alive()


def asked(port: int, raw: bytes, tls: ssl.SSLContext | None = None) -> bytes:
    """What is answered to bytes on a connection of their own; empty: it was closed."""
    with contextlib.ExitStack() as stack:
        peer: socket.socket = stack.enter_context(
            socket.create_connection(("127.0.0.1", port), timeout=20)
        )
        if tls is not None:
            peer = stack.enter_context(tls.wrap_socket(peer, server_hostname="localhost"))
        peer.sendall(raw)
        return answer_on(peer)


def answer_on(peer: socket.socket) -> bytes:
    """The next message; empty: the connection was closed."""
    reader = FrameReader(10**7)
    while True:
        data = peer.recv(65536)
        if not data:
            return b""
        found = reader.feed(data)
        if found:
            return found[0]


Behaviour = Callable[[bytes, int], bytes | None]
"""What a RIS answers to a message that came for the n-th time; None: it hangs up."""


def accepts(raw: bytes, times: int, code: str = "AA", extra: str = "") -> bytes:
    """An acknowledgement as a RIS writes it."""
    del times
    control_id = envelope(raw, "ASCII").control_id
    lines = f"MSH|^~\\&|RIS|H|VIGIE||20260302||ACK|x|P|2.5.1\rMSA|{code}|{control_id}\r{extra}"
    return lines.encode()


@dataclass
class FakeRis:
    """Takes messages, and does with each what the test says."""

    behave: Behaviour = accepts
    received: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(0.1)
        self.port: int = self._socket.getsockname()[1]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._stop.set()
        self._thread.join(timeout=20)
        self._socket.close()

    def control_ids(self) -> list[str]:
        """Of what came, in its order."""
        return [envelope(one, "ASCII").control_id for one in self.received]

    def _serve(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._socket.accept()
            except TimeoutError:
                continue
            with connection:
                connection.settimeout(0.1)
                with contextlib.suppress(ConnectionError):
                    self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        reader = FrameReader(10**7)
        while not self._stop.is_set():
            try:
                data = connection.recv(65536)
            except TimeoutError:
                continue
            if not data:
                return
            for raw in reader.feed(data):
                self.received.append(raw)
                answer = self.behave(raw, self.received.count(raw))
                if answer is None:
                    return
                connection.sendall(framed(answer))


def wait_until(condition: Callable[[], bool], what: str, limit_s: float = 60) -> None:
    """Until something has happened in another thread."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {limit_s:g} s: {what}"
        time.sleep(0.05)
