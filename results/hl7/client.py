"""The MLLP client: one message after the other, each acknowledged before the next."""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from results.hl7.errors import BadFraming, NoAnswer
from results.hl7.framing import FrameReader, framed

_LONGEST_ANSWER = 1024**2  # bytes
_CHUNK = 65536


@dataclass(frozen=True, kw_only=True, slots=True)
class Receiver:
    """Where messages go."""

    host: str
    port: int
    answer_timeout_s: float = 30.0
    tls: bool = False
    ca: Path | None = None  # PEM; None: the machine's own
    certificate: Path | None = None  # shown to the receiver
    key: Path | None = None


class Link:
    """An open connection to the receiver."""

    def __init__(self, connection: socket.socket, timeout_s: float) -> None:
        self._connection = connection
        self._timeout_s = timeout_s

    def ask(self, message: bytes) -> bytes:
        """Send a message; what the receiver answers.

        Raises
        ------
        NoAnswer
            If it does not answer in time, or with anything that is no message.
        """
        reader = FrameReader(_LONGEST_ANSWER)
        deadline = time.monotonic() + self._timeout_s
        try:
            self._connection.settimeout(self._timeout_s)
            self._connection.sendall(framed(message))
            while True:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise NoAnswer("the receiver did not answer in time")
                self._connection.settimeout(left)
                data = self._connection.recv(_CHUNK)
                if not data:
                    raise NoAnswer("the receiver closed the connection without an answer")
                answers = reader.feed(data) or reader.paused()
                if answers:
                    return answers[0]
        except TimeoutError:
            raise NoAnswer("the receiver did not answer in time") from None
        except (OSError, BadFraming) as error:
            raise NoAnswer(f"the connection to the receiver broke: {error}") from error


@contextmanager
def connected(receiver: Receiver) -> Iterator[Link]:
    """A connection to the receiver; raises `NoAnswer` when there is none to be had."""
    try:
        opened = socket.create_connection(
            (receiver.host, receiver.port), timeout=receiver.answer_timeout_s
        )
    except OSError as error:
        raise NoAnswer(
            f"cannot connect to {receiver.host}:{receiver.port}: {error.strerror or error}"
        ) from error
    with opened:
        try:
            connection = _in_tls(opened, receiver)
        except OSError as error:
            raise NoAnswer(f"no TLS with the receiver: {error}") from error
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield Link(connection, receiver.answer_timeout_s)


def _in_tls(opened: socket.socket, receiver: Receiver) -> socket.socket:
    if not receiver.tls:
        return opened
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=receiver.ca)
    if receiver.certificate is not None:
        context.load_cert_chain(receiver.certificate, receiver.key)
    return context.wrap_socket(opened, server_hostname=receiver.host)
