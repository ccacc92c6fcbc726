"""The listener process: accepts connections and gives each a thread.

Several processes may listen on one port (SO_REUSEPORT): the kernel spreads the connections, so
that receiving uses all cores.
"""

import contextlib
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable

import structlog

from dicom_listener.association import serve_connection
from dicom_listener.association_evidence import ListenerLock, remove_stale_temporaries
from dicom_listener.commitments import CommitmentFolders
from dicom_listener.inbox import Inbox
from dicom_listener.settings import ListenerSettings

__all__ = ["Listener", "ListenerSettings", "listen"]

_BACKLOG = 256
_POLL_S = 0.2
_UNNEGOTIATED_CONNECTIONS = 64  # beside the associations; more are closed at once

log = structlog.get_logger(__name__)


def listen(
    settings: ListenerSettings,
    stop: threading.Event,
    ready: Callable[[int], object],
) -> None:
    """Run one listener until `stop` is set and the associations in hand are over.

    Parameters
    ----------
    ready : callable
        Called with the port number once connections are accepted.

    Raises
    ------
    OSError
        If the port cannot be had or the inbox cannot be made.
    """
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)
    listener = Listener(settings)
    try:
        listener.serve(stop, ready)
    finally:
        listener.close()


class Listener:
    """One listening socket and its associations."""

    def __init__(self, settings: ListenerSettings) -> None:
        self.settings = settings
        self.inbox = Inbox(settings.inbox)
        self.commitments = CommitmentFolders(settings.data)
        self._lock = ListenerLock(self.inbox)
        self._tls = _tls_context(settings)
        self._places = threading.BoundedSemaphore(settings.max_associations)
        self._stopping = threading.Event()
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._connections_lock = threading.Lock()
        self._accepted = 0
        self._socket = _bind(settings)

    def claim_place(self) -> bool:
        """Take one of the places for associations; False if there is none left."""
        return self._places.acquire(blocking=False)

    def free_place(self) -> None:
        """Give the place back."""
        self._places.release()

    def is_stopping(self) -> bool:
        """Whether idle associations should come to an end."""
        return self._stopping.is_set()

    def serve(self, stop: threading.Event, ready: Callable[[int], object]) -> None:
        """Accept connections until `stop` is set, then finish those in hand."""
        remove_stale_temporaries(self.inbox)
        port = self._socket.getsockname()[1]
        log.info("listening", ae_title=self.settings.ae_title, port=port)
        ready(port)
        while not stop.is_set():
            self._accept()
        self._socket.close()
        self._finish()

    def close(self) -> None:
        """Let go of everything; associations still open are cut."""
        self._socket.close()
        with self._connections_lock:
            left = list(self._connections.items())
        for connection, _ in left:
            with contextlib.suppress(OSError):
                # Not SSLSocket's own: it lets go of TLS, and the thread that still reads would
                # take what is left for plain bytes.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        for _, thread in left:
            thread.join(timeout=5.0)
        self._lock.release()

    def _accept(self) -> None:
        try:
            connection, peer = self._socket.accept()
        except TimeoutError:
            return
        except OSError as error:  # the peer is gone already, or no descriptors are left
            log.warning("a connection could not be accepted", error=str(error))
            time.sleep(_POLL_S)
            return
        address = str(peer[0])
        if not self.settings.allows_address(address):
            log.warning("connection refused", address=address, reason="address not allowed")
            connection.close()
            return
        with self._connections_lock:
            crowded = len(self._connections) >= (
                self.settings.max_associations + _UNNEGOTIATED_CONNECTIONS
            )
        if crowded:
            log.warning("connection refused", address=address, reason="too many connections")
            connection.close()
            return
        self._start(connection, address)

    def _start(self, accepted: socket.socket, address: str) -> None:
        try:
            connection = self._wrap(accepted)
        except OSError as error:  # the peer is gone already
            log.warning("no TLS with the peer", address=address, reason=str(error))
            accepted.close()
            return
        self._accepted += 1
        association_id = f"{self._lock.listener_id}-{self._accepted:06d}"
        thread = threading.Thread(
            target=self._run,
            args=(connection, address, association_id),
            name=f"association-{association_id}",
            daemon=True,
        )
        with self._connections_lock:
            self._connections[connection] = thread
        thread.start()

    def _run(self, connection: socket.socket, address: str, association_id: str) -> None:
        try:
            serve_connection(connection, address, association_id, self)
        except Exception:  # the boundary of the thread: recorded, and the others go on
            log.exception("association failed", association=association_id, address=address)
        finally:
            with self._connections_lock:
                self._connections.pop(connection, None)

    def _wrap(self, accepted: socket.socket) -> socket.socket:
        """Put TLS around a socket, which is of no use any more; its thread shakes hands."""
        if self._tls is None:
            return accepted
        return self._tls.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False)

    def _finish(self) -> None:
        """Let messages in hand end; idle associations are aborted at once."""
        self._stopping.set()
        deadline = time.monotonic() + self.settings.stop_limit_s
        with self._connections_lock:
            threads = list(self._connections.values())
        for thread in threads:
            thread.join(timeout=max(0.0, deadline - time.monotonic()))
        log.info("stopped listening", cut=sum(thread.is_alive() for thread in threads))


def _bind(settings: ListenerSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind((settings.host, settings.port))
        listening.listen(_BACKLOG)
        listening.settimeout(_POLL_S)
    except OSError:
        listening.close()
        raise
    return listening


def _tls_context(settings: ListenerSettings) -> ssl.SSLContext | None:
    if settings.tls_certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    if settings.tls_client_ca is not None:
        context.load_verify_locations(settings.tls_client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
