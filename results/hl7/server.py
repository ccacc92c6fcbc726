"""The MLLP server: each connection is a thread that takes one message after the other.

A message is answered when its handler returns; nothing is said in the meantime. What a handler
cannot make durable gets no answer, and the connection is closed: the sender sends it again.
"""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path

import structlog

from results.hl7.errors import BadFraming
from results.hl7.framing import FrameReader, framed

log = structlog.get_logger(__name__)

_POLL_S = 0.2
_PAUSE_S = 1.0  # after which a message is whole whose sender leaves out the last CR
_CHUNK = 65536
_BACKLOG = 64

Handle = Callable[[bytes], bytes | None]
"""What answers a message; None: nothing can be answered now."""

HandleCut = Callable[[bytes, str], bytes | None]
"""What answers a message of which only the beginning is known, and why that is so."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerSettings:
    """The server's part of the settings."""

    host: str
    port: int  # 0: any that is free
    allowed_addresses: Sequence[str] = ()  # addresses and networks; empty: all
    longest_message: int = 16 * 1024**2  # bytes
    most_connections: int = 32
    idle_timeout_s: float = 600.0  # between messages
    message_timeout_s: float = 30.0  # from the beginning of a message to its end
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None


class MllpServer:
    """One listening socket and its connections.

    Parameters
    ----------
    handle
        Answers a message; called in the connection's thread.
    handle_cut
        Answers one that is longer than any that is taken, or cut in two, from its beginning.

    Raises
    ------
    OSError
        If the port cannot be had.
    """

    def __init__(self, settings: ServerSettings, handle: Handle, handle_cut: HandleCut) -> None:
        self._settings = settings
        self._handle = handle
        self._handle_cut = handle_cut
        self._tls = _tls_context(settings)
        self._stopping = threading.Event()
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._lock = threading.Lock()
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        self._socket = socket.create_server(
            (settings.host, settings.port), family=family, backlog=_BACKLOG
        )
        self._socket.settimeout(_POLL_S)
        self.port: int = self._socket.getsockname()[1]

    def serve(self, stop: threading.Event) -> None:
        """Accept connections until `stop` is set, then end them after the message in hand."""
        log.info("hl7_listening", port=self.port)
        while not stop.is_set():
            self._accept()
        self.close()

    def close(self) -> None:
        """Let go of the port and of every connection."""
        self._stopping.set()
        self._socket.close()
        with self._lock:
            threads = list(self._connections.values())
        for thread in threads:
            thread.join(timeout=self._settings.message_timeout_s)

    def _accept(self) -> None:
        try:
            connection, peer = self._socket.accept()
        except TimeoutError:
            return
        except OSError as error:  # the peer is gone already, or no descriptors are left
            log.warning("hl7_connection_not_accepted", error=str(error))
            time.sleep(_POLL_S)
            return
        address = str(peer[0])
        with self._lock:
            crowded = len(self._connections) >= self._settings.most_connections
        allowed = self._allows(address)
        if crowded or not allowed:
            reason = "too many connections" if allowed else "address not allowed"
            log.warning("hl7_connection_refused", address=address, reason=reason)
            connection.close()
            return
        thread = threading.Thread(target=self._run, args=(connection, address), daemon=True)
        with self._lock:
            self._connections[connection] = thread
        thread.start()

    def _allows(self, address: str) -> bool:
        if not self._settings.allowed_addresses:
            return True
        peer = ip_address(address.partition("%")[0])
        peer = getattr(peer, "ipv4_mapped", None) or peer
        return any(
            peer in ip_network(one, strict=False) for one in self._settings.allowed_addresses
        )

    def _run(self, accepted: socket.socket, address: str) -> None:
        connection = accepted
        try:
            connection.settimeout(self._settings.message_timeout_s)
            if self._tls is not None:
                connection = self._tls.wrap_socket(accepted, server_side=True)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._talk(connection)
        except OSError as error:  # gone, silent in the middle, or no TLS
            log.warning("hl7_connection_lost", address=address, reason=str(error))
        except BadFraming as error:
            log.warning("hl7_bad_framing", address=address, reason=str(error))
        except Exception:  # the boundary of the thread: recorded, and the others go on
            log.exception("hl7_connection_failed", address=address)
        finally:
            with contextlib.suppress(OSError):
                connection.close()
            with self._lock:
                self._connections.pop(accepted, None)

    def _talk(self, connection: socket.socket) -> None:
        reader = FrameReader(self._settings.longest_message)
        begun: float | None = None  # when the message that is not whole yet began
        heard = time.monotonic()
        connection.settimeout(_POLL_S)
        while not self._stopping.is_set():
            now = time.monotonic()
            if begun is not None and now - begun > self._settings.message_timeout_s:
                raise TimeoutError("a message began and did not end")
            if now - heard > self._settings.idle_timeout_s:
                return
            try:
                data = connection.recv(_CHUNK)
            except (TimeoutError, ssl.SSLWantReadError):
                if now - heard > _PAUSE_S and not self._all_answered(connection, reader.paused()):
                    return
                begun = begun if reader.is_within else None
                continue
            if not data:
                self._all_answered(connection, reader.paused())
                return
            messages = self._taken(connection, reader, data)
            if messages or reader.is_within:  # what is of no message keeps no place
                heard = time.monotonic()
            if not self._all_answered(connection, messages):
                return
            begun = (begun or heard) if reader.is_within else None

    def _taken(
        self, connection: socket.socket, reader: FrameReader, data: bytes
    ) -> Sequence[bytes]:
        """The messages that are whole now; of one that is cut the beginning is answered."""
        try:
            return reader.feed(data)
        except BadFraming as error:
            answer = self._handle_cut(error.beginning, str(error)) if error.beginning else None
            if answer is not None:
                self._send(connection, answer)
            raise

    def _all_answered(self, connection: socket.socket, messages: Sequence[bytes]) -> bool:
        for message in messages:
            answer = self._handle(message)
            if answer is None:
                return False
            self._send(connection, answer)
        return True

    def _send(self, connection: socket.socket, answer: bytes) -> None:
        connection.settimeout(self._settings.message_timeout_s)
        connection.sendall(framed(answer))
        connection.settimeout(_POLL_S)


def _tls_context(settings: ServerSettings) -> ssl.SSLContext | None:
    if settings.tls_certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    if settings.tls_client_ca is not None:
        context.load_verify_locations(settings.tls_client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
