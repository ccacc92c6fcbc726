"""Syslog over TLS: RFC 5424 messages, framed as RFC 5425 says (PS3.15 A.6)."""

import re
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from worklist.errors import VigieError

LONGEST = 8192  # bytes: what a receiver should take at least (RFC 5425 section 4.3.1)
DICOM = "DICOM+RFC3881"  # the MSGID that PS3.15 A.6 asks for
_SECURITY, _NOTICE = 10, 5  # facility authpriv, severity (RFC 5424 tables 1 and 2)
_PRIORITY = _SECURITY * 8 + _NOTICE
_NUMBERS = 2**31 - 1  # sequenceId goes to here, then begins anew (RFC 5424 section 7.3.1)
_PRINTABLE = re.compile(r"[^!-~]")
_CHUNK = 65536


class ReceiverUnavailable(VigieError):
    """The syslog receiver did not take everything; the message says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SyslogReceiver:
    """Where messages go."""

    host: str
    port: int
    ca: Path | None = None  # PEM; None: the machine's own authorities
    certificate: Path | None = None  # shown to the receiver
    key: Path | None = None
    timeout_s: float = 30.0


def syslog_message(
    body: bytes, *, at: datetime, number: int, host: str, message_id: str, process_id: int
) -> bytes:
    """One message (RFC 5424 section 6), its sequence number that of the event.

    Parameters
    ----------
    body
        UTF-8.
    """
    clock = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    sequence = (number - 1) % _NUMBERS + 1
    header = (
        f"<{_PRIORITY}>1 {clock} {_token(host, 255)} vigie {process_id} {_token(message_id, 32)} "
        f'[meta sequenceId="{sequence}"] '
    )
    return header.encode() + b"\xef\xbb\xbf" + body


def send_messages(receiver: SyslogReceiver, messages: Sequence[bytes]) -> None:
    """Send messages, and return when the receiver has read them all.

    Syslog has no answers. After the last message our half of the connection is closed; a receiver
    closes its own when it has read to that end, and what it had not read would break the
    connection instead.

    Raises
    ------
    ReceiverUnavailable
        If that did not happen: some of the messages may have been read, and some not.
    """
    try:
        context = ssl.create_default_context(cafile=receiver.ca)
        if receiver.certificate is not None:
            context.load_cert_chain(receiver.certificate, receiver.key)
        address = (receiver.host, receiver.port)
        with (
            socket.create_connection(address, timeout=receiver.timeout_s) as plain,
            context.wrap_socket(plain, server_hostname=receiver.host) as secured,
        ):
            for one in messages:
                secured.sendall(f"{len(one)} ".encode() + one)
            _close_and_wait(secured)
    except (OSError, ValueError) as error:
        where = f"{receiver.host}:{receiver.port}"
        raise ReceiverUnavailable(f"the syslog receiver {where}: {error}") from error


def _close_and_wait(secured: ssl.SSLSocket) -> None:
    """Say that there is no more (close_notify), and wait until the other side ends as well."""
    try:
        plain = secured.unwrap()  # until its close_notify: it has read ours, which came last
    except ssl.SSLEOFError:
        return  # it closed the connection in order, without the alert
    plain.close()


def _token(text: str, longest: int) -> str:
    return _PRINTABLE.sub("_", text)[:longest] or "-"
