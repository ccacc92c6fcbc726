"""The event log, exported: to a file or by syslog, each event once and none left out."""

import fcntl
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import sqlalchemy as sa

from results.auditing import line, message, syslog
from results.auditing.line import ChainedEvent
from vigie.settings import Settings
from worklist.errors import VigieError
from worklist.store.engine import translated
from worklist.store.events import chained_events, exported_to, note_exported

Format = Literal["dicom", "json"]
Progress = Callable[[int], None]  # told how many events went out

_AT_A_TIME = 500
_TAIL = 65536
_ONE_EXPORTER = "vigie record export"


class NotExportable(VigieError):
    """A file cannot be continued; the message says why."""


def to_file(
    engine: sa.Engine,
    path: Path,
    kind: Format,
    source: message.AuditSource,
    progress: Progress = lambda _: None,
) -> int:
    """Append the events that a file does not hold yet; how many there were.

    What the file holds says where to go on; a line that a crash cut off is written anew.

    Raises
    ------
    NotExportable
        If the file ends with something else, or another process writes to it.
    StoreUnavailable
        If the database does not answer; what was written until then is whole.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NotExportable(f"another process exports to {path}") from None
        after = _last_number(file.fileno(), path, kind)
        while True:
            events = _events(engine, after)
            if not events:
                return count
            content = b"".join(_line(one, kind, source) for one in events)
            file.seek(0, os.SEEK_END)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            after = events[-1].event.event_id
            count += len(events)
            progress(len(events))


def to_syslog(
    engine: sa.Engine,
    receiver: syslog.SyslogReceiver,
    kind: Format,
    source: message.AuditSource,
    progress: Progress = lambda _: None,
) -> int:
    """Send the events that a receiver was not sent yet; how many there were.

    The database remembers how far it came, once the receiver has read everything. Where the
    connection breaks before that, the portion is sent again: nothing is left out, and the
    sequence number that each message has tells a receiver what it has already.

    Raises
    ------
    ReceiverUnavailable
        If the receiver does not take it all.
    StoreUnavailable
        If the database does not answer.
    """
    count = 0
    while True:
        with translated(), engine.begin() as connection:
            connection.execute(
                sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(_ONE_EXPORTER)))
            )
            name = export_name(receiver)
            events = _chained(connection, exported_to(connection, name))
            if not events:
                return count
            syslog.send_messages(receiver, [_syslog(one, kind, source) for one in events])
            note_exported(connection, name, events[-1].event.event_id)
        count += len(events)
        progress(len(events))


def export_name(receiver: syslog.SyslogReceiver) -> str:
    """How the database names what was sent to a receiver."""
    return f"syslog {receiver.host}:{receiver.port}"


def syslog_receiver(settings: Settings) -> syslog.SyslogReceiver | None:
    """The receiver that is set."""
    if settings.audit_syslog is None:
        return None
    host, _, port = settings.audit_syslog.rpartition(":")
    return syslog.SyslogReceiver(
        host=host.strip("[]"),
        port=int(port),
        ca=settings.audit_syslog_ca,
        certificate=settings.audit_syslog_certificate,
        key=settings.audit_syslog_key,
    )


def audit_source(settings: Settings) -> message.AuditSource:
    """This node, as audit messages name it."""
    return message.AuditSource(
        source_id=f"{settings.ae_title}@{socket.gethostname()}", ae_title=settings.ae_title
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Exports:
    """The exports that the settings ask for."""

    settings: Settings

    @property
    def any(self) -> bool:
        """Whether there are any."""
        return self.settings.audit_file is not None or self.settings.audit_syslog is not None

    @property
    def names(self) -> Sequence[str]:
        """Those whose progress the database keeps."""
        receiver = syslog_receiver(self.settings)
        return [] if receiver is None else [export_name(receiver)]

    def go_on(self, engine: sa.Engine) -> None:
        """Export what is new.

        Raises
        ------
        VigieError, OSError
            If one of them cannot; the other has gone on.
        """
        kind, source = self.settings.audit_format, audit_source(self.settings)
        try:
            if self.settings.audit_file is not None:
                to_file(engine, self.settings.audit_file, kind, source)
        finally:
            receiver = syslog_receiver(self.settings)
            if receiver is not None:
                to_syslog(engine, receiver, kind, source)


def _events(engine: sa.Engine, after: int) -> list[ChainedEvent]:
    with translated(), engine.connect() as connection:
        return _chained(connection, after)


def _chained(connection: sa.Connection, after: int) -> list[ChainedEvent]:
    return [
        ChainedEvent(event=event, previous_hash=before, hash=digest, patient_id=patient_id)
        for event, before, digest, patient_id in chained_events(
            connection, after=after, limit=_AT_A_TIME
        )
    ]


def _line(one: ChainedEvent, kind: Format, source: message.AuditSource) -> bytes:
    if kind == "json":
        return line.json_line(one)
    return message.audit_message(one.event, source, one.patient_id) + b"\n"


def _syslog(one: ChainedEvent, kind: Format, source: message.AuditSource) -> bytes:
    if kind == "json":
        body, message_id = line.short_json(one, syslog.LONGEST - 512), "vigie-event"
    else:
        body = message.audit_message(one.event, source, one.patient_id)
        message_id = syslog.DICOM
    return syslog.syslog_message(
        body,
        at=one.event.at,
        number=one.event.event_id,
        host=socket.gethostname(),
        message_id=message_id,
        process_id=os.getpid(),
    )


def _last_number(descriptor: int, path: Path, kind: Format) -> int:
    """The event of the last whole line; what comes after it is cut off."""
    size = os.fstat(descriptor).st_size
    tail, start = b"", size
    while start > 0 and tail.count(b"\n") < 2:  # the newline that ends it, and the one before it
        start = max(0, start - _TAIL)
        tail = os.pread(descriptor, size - start, start)
    whole, newline, rest = tail.rpartition(b"\n")
    if rest:
        os.ftruncate(descriptor, size - len(rest))
    if not newline:
        return 0
    last = whole.rpartition(b"\n")[2]
    number = line.event_number if kind == "json" else message.event_number
    try:
        return number(last)
    except ValueError as error:
        raise NotExportable(f"{path} holds no export in this format: {error}") from None
