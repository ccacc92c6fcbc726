"""The durable inbox: bytes as received, safe before Success is answered (promise P1).

::

    inbox/tmp/            being received, where files cannot be without a name; worthless
                          after a crash
    inbox/<name>.dcm      received, durable, not yet filed
    inbox/associations/   one marker an open association (see `association_evidence`)
    inbox/listeners/      one lock a running listener

An object is written to a file without a name (see `incoming_file`) or in ``tmp/``, the file is
synced, linked or renamed into ``inbox/``, and the folder is synced; only then may Success be
answered. Names are made here, never from the network, and sort by the time of reception.
"""

import os
import re
import struct
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Self

from dicom_listener.durable import make_root, sync_folder
from dicom_listener.incoming_file import IncomingFile, can_be_unnamed
from dicom_listener.uid import padded
from worklist.uid import IMPLEMENTATION_CLASS_UID

_NAME = re.compile(r"(?P<ns>[0-9]{20})_(?P<association>[0-9a-z-]{1,48})_(?P<n>[0-9]{6,10})\.dcm")


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Where an object came from."""

    association_id: str  # listener and number, [0-9a-z-]; empty never
    calling_ae_title: str
    called_ae_title: str
    address: str  # IP address of the sender


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceivedName:
    """What the name of an inbox file says; sorts by time of reception."""

    received_at_ns: int  # since 1970, UTC
    association_id: str
    number: int  # within the association, from 1

    def __str__(self) -> str:
        return f"{self.received_at_ns:020d}_{self.association_id}_{self.number:06d}.dcm"

    @classmethod
    def parse(cls, name: str) -> Self | None:
        """Read a file name; None for a file that the listener did not name."""
        match = _NAME.fullmatch(name)
        if match is None:
            return None
        return cls(
            received_at_ns=int(match["ns"]),
            association_id=match["association"],
            number=int(match["n"]),
        )

    @property
    def received_at(self) -> datetime:
        """The time of reception, to the microsecond."""
        seconds, nanoseconds = divmod(self.received_at_ns, 10**9)
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=nanoseconds // 1000)


class Inbox:
    """The inbox folder, made if it is missing.

    Parameters
    ----------
    root : Path
        The folder; it must lie on the file system of the archive.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.temporary = root / "tmp"
        self.associations = root / "associations"
        self.listeners = root / "listeners"
        make_root(root)
        for folder in (self.temporary, self.associations, self.listeners):
            folder.mkdir(parents=True, exist_ok=True)
        self._folder_sync = FolderSync(root)
        self._tried: tuple[tuple[int, int], bool] | None = None  # folder, and its answer

    @property
    def unnamed_files(self) -> bool:
        """Whether objects are received into files without a name.

        Tried once for each folder that stands at the path: one that took its place (restored,
        mounted over) may lie on another file system.
        """
        state = self.temporary.stat()
        folder = (state.st_dev, state.st_ino)
        tried = self._tried
        if tried is None or tried[0] != folder:
            tried = self._tried = (folder, can_be_unnamed(self.temporary))
        return tried[1]

    def create(self, header: bytes, temporary_name: str) -> "IncomingObject":
        """Start to receive an object.

        Parameters
        ----------
        header : bytes
            What stands before the data set in the file: preamble and file meta information.

        Raises
        ------
        OSError
            If the file cannot be made.
        """
        return IncomingObject(self, header, f"{self.temporary}/{temporary_name}")

    def publish(self, file: IncomingFile, name: str) -> None:
        """Give a written file its name, and return when both are durable."""
        path = f"{self.root}/{name}"
        file.finish(path)
        try:
            self._folder_sync.sync()
        except OSError:
            Path(path).unlink(missing_ok=True)
            raise

    def pending(self) -> list[str]:
        """Names of the objects not yet filed, in the order of their reception."""
        with os.scandir(self.root) as entries:
            return sorted(entry.name for entry in entries if entry.name.endswith(".dcm"))

    def free_bytes(self) -> int:
        """Free space of the file system for an ordinary user."""
        state = os.statvfs(self.root)
        return state.f_bavail * state.f_frsize


class IncomingObject:
    """One object on its way to the disk. Every method may raise `OSError`."""

    def __init__(self, inbox: Inbox, header: bytes, temporary: str) -> None:
        self._inbox = inbox
        self._file = IncomingFile(temporary, unnamed=inbox.unnamed_files)
        self.size_bytes = 0  # of the data set so far
        self._pending = header

    def write(self, data: memoryview) -> None:
        """Append bytes of the data set as they came."""
        if self._pending:
            self._file.write(b"".join((self._pending, data)))
            self._pending = b""
        else:
            self._file.write(data)
        self.size_bytes += len(data)

    def finish(self, name: str) -> None:
        """Make the object durable under its final name; Success may be answered afterwards."""
        if self._pending:
            self._file.write(self._pending)
        self._inbox.publish(self._file, name)

    def discard(self) -> None:
        """Remove what was written; safe to call at any time, more than once."""
        self._file.close()


class FolderSync:
    """Syncs one folder for many threads: whoever waits meanwhile shares the next sync.

    Parameters
    ----------
    folder : Path
        Opened anew for each sync: names are made by path too, and a folder that took its place
        (restored, mounted over) must be the one that is synced.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._changed = threading.Condition()
        self._next = _Sync()  # covers whoever asks now
        self._running = False

    def sync(self) -> None:
        """Return when every change of the folder made before this call is durable.

        Raises
        ------
        OSError
            If the sync that covered this call failed.
        """
        with self._changed:
            mine = self._next
            while self._running and not mine.over:
                self._changed.wait()
            if mine.over:
                if mine.error is not None:
                    raise OSError(mine.error.errno, "the folder could not be synced")
                return
            self._running = True
            self._next = _Sync()
        self._run(mine)

    def _run(self, mine: "_Sync") -> None:
        error: OSError | None = OSError("the sync was cut short")
        try:
            sync_folder(self._folder)
            error = None
        except OSError as failure:
            error = failure
            raise
        finally:
            with self._changed:
                self._running = False
                mine.over, mine.error = True, error
                self._changed.notify_all()


@dataclass(slots=True)
class _Sync:
    """One sync of the folder, shared by all who asked for it before it began."""

    over: bool = False
    error: OSError | None = None  # why it failed


def file_header(
    *,
    sop_class_uid: bytes,
    sop_instance_uid: bytes,
    transfer_syntax_uid: str,
    origin: Origin,
    implementation_version_name: str,
) -> bytes:
    """Preamble and file meta information of a received object (PS3.10 section 7.1).

    The two UIDs are those of the C-STORE command, byte for byte, whatever they are.
    """
    body = b"".join(
        (
            _meta_element(0x0001, b"OB", b"\0\1"),
            _meta_element(0x0002, b"UI", sop_class_uid),
            _meta_element(0x0003, b"UI", sop_instance_uid),
            _common_elements(transfer_syntax_uid, origin, implementation_version_name),
        )
    )
    length = struct.pack("<HH2sHL", 0x0002, 0x0000, b"UL", 4, len(body))
    return bytes(128) + b"DICM" + length + body


@lru_cache(maxsize=1024)
def _common_elements(
    transfer_syntax_uid: str, origin: Origin, implementation_version_name: str
) -> bytes:
    """What the objects of one association share."""
    elements = [
        (0x0010, b"UI", transfer_syntax_uid),
        (0x0012, b"UI", IMPLEMENTATION_CLASS_UID),
        (0x0013, b"SH", implementation_version_name[:16]),
        (0x0016, b"AE", origin.calling_ae_title),
        (0x0017, b"AE", origin.calling_ae_title),
        (0x0018, b"AE", origin.called_ae_title),
        (0x0026, b"UR", f"dicom://{_host(origin.address)}"),
    ]
    return b"".join(
        _meta_element(number, vr, value.encode("ascii", "replace"))
        for number, vr, value in elements
    )


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _meta_element(number: int, vr: bytes, value: bytes) -> bytes:
    value = padded(value, b"\0" if vr in (b"UI", b"OB") else b" ")
    if vr in (b"OB", b"UR"):
        return struct.pack("<HH2sxxL", 0x0002, number, vr, len(value)) + value
    return struct.pack("<HH2sH", 0x0002, number, vr, len(value)) + value
