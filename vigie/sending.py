"""`vigie send`: files and folders by C-STORE, bytes as they lie on disk, never transcoded."""

import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from pydicom.config import disable_value_validation
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info
from pydicom.misc import is_dicom
from pynetdicom import AE, _config, evt
from pynetdicom.association import Association
from pynetdicom.status import code_to_category

_REACTOR_TICK_S = 0.05  # how often it is looked whether the reactor still lives
_VERIFICATION = "1.2.840.10008.1.1"  # SOP class of C-ECHO
_CONTEXTS_OF_AN_ASSOCIATION = 128  # PS3.8 section 9.3.2.2: odd numbers from 1 to 255


@dataclass(frozen=True, kw_only=True, slots=True)
class OutgoingFile:
    """A DICOM file to be sent."""

    path: Path
    sop_class_uid: str
    transfer_syntax_uid: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """A file that was not taken, and why."""

    path: Path
    reason: str


class NoAssociation(ConnectionError):
    """The peer cannot be reached, or does not talk to us; the message says which."""


def dicom_files(paths: Iterable[Path]) -> tuple[list[OutgoingFile], list[Refusal]]:
    """The DICOM files among these files and, through all their folders, below them.

    A file named by itself that is no DICOM file is a refusal; in folders such files are passed
    over in silence, for studies come with other files beside them.
    """
    files, refusals = [], []
    for path, named in _walk(paths):
        try:
            if is_dicom(path):
                files.append(_described(path))
            elif named:
                refusals.append(Refusal(path=path, reason="not a DICOM file"))
        except (OSError, InvalidDicomError, AttributeError, ValueError) as error:
            refusals.append(Refusal(path=path, reason=f"unreadable: {error}"))
    return files, refusals


def _described(path: Path) -> OutgoingFile:
    with disable_value_validation():
        meta = read_file_meta_info(path)
        return OutgoingFile(
            path=path,
            sop_class_uid=str(meta.MediaStorageSOPClassUID),
            transfer_syntax_uid=str(meta.TransferSyntaxUID),
        )


def _walk(paths: Iterable[Path]) -> Iterator[tuple[Path, bool]]:
    for path in paths:
        if path.is_dir():
            yield from ((one, False) for one in sorted(path.rglob("*")) if one.is_file())
        else:
            yield path, True


def send(
    files: Sequence[OutgoingFile],
    *,
    host: str,
    port: int,
    called_ae_title: str,
    calling_ae_title: str,
    sent: Callable[[], object],
) -> list[Refusal]:
    """Send files in their order, over as many associations as their kinds need.

    Parameters
    ----------
    sent
        Called after each file, whether it was taken or not.

    Returns
    -------
    list of Refusal
        The files that were not taken.

    Raises
    ------
    NoAssociation
        If no association can be opened, or the peer ends one.
    """
    refusals: list[Refusal] = []
    kinds = list(dict.fromkeys((one.sop_class_uid, one.transfer_syntax_uid) for one in files))
    remaining = iter(kinds)
    while batch := set(islice(remaining, _CONTEXTS_OF_AN_ASSOCIATION)):
        mine = [one for one in files if (one.sop_class_uid, one.transfer_syntax_uid) in batch]
        association = _associate(batch, host, port, called_ae_title, calling_ae_title)
        try:
            for file in mine:
                reason = _store(association, file)
                if reason is not None:
                    refusals.append(Refusal(path=file.path, reason=reason))
                sent()
        finally:
            association.release()
    return refusals


def echo(host: str, port: int, called_ae_title: str) -> bool:
    """Whether a DICOM node answers C-ECHO there, or at least refuses us as one does."""
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError:
        return False
    entity = AE(ae_title="VIGIE-DOCTOR")
    entity.acse_timeout = entity.network_timeout = entity.dimse_timeout = 15
    entity.add_requested_context(_VERIFICATION)
    association = entity.associate(host, port, ae_title=called_ae_title)
    if not association.is_established:
        return bool(association.is_rejected)
    status = association.send_c_echo()
    association.release()
    return "Status" in status


def _associate(
    kinds: Iterable[tuple[str, str]], host: str, port: int, called: str, calling: str
) -> Association:
    _config.STORE_SEND_CHUNKED_DATASET = True  # else every file is decoded before it is sent
    entity = AE(ae_title=calling)
    entity.acse_timeout = entity.network_timeout = 30
    entity.dimse_timeout = 120  # a node that makes sure of the bytes may take its time
    for sop_class_uid, transfer_syntax_uid in sorted(kinds):
        entity.add_requested_context(sop_class_uid, transfer_syntax_uid)
    association = entity.associate(
        host, port, ae_title=called, max_pdu=131072, evt_handlers=[(evt.EVT_CONN_OPEN, _no_delay)]
    )
    if association.is_established:
        association._reactor_checkpoint = Gate(association)
        return association
    if association.is_rejected:
        why = association.acceptor.primitive
        raise NoAssociation(
            f"{host}:{port} refused the association: "
            + (why.reason_str if why is not None and why.result else "no reason given")
        )
    raise NoAssociation(f"no DICOM node answers at {host}:{port}")


def _no_delay(event: evt.Event) -> None:
    transport = event.assoc.dul.socket
    if transport is not None and transport.socket is not None:
        transport.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _store(association: Association, file: OutgoingFile) -> str | None:
    """Why the peer did not take the file; None when it did."""
    if not association.is_established:
        raise NoAssociation("the peer ended the association")
    if not _is_accepted(association, file):
        return f"the peer takes no {file.sop_class_uid} in {file.transfer_syntax_uid}"
    try:
        with disable_value_validation():  # odd values are sent as they are
            status = association.send_c_store(file.path)
    except (ValueError, AttributeError) as error:
        return f"cannot be sent: {error}"
    if "Status" not in status:
        raise NoAssociation("the peer did not answer: the association is lost")
    if code_to_category(status.Status) in ("Success", "Warning"):
        return None
    comment = status.get("ErrorComment", "")
    return f"status 0x{status.Status:04X}" + (f": {comment}" if comment else "")


def _is_accepted(association: Association, file: OutgoingFile) -> bool:
    return any(
        context.abstract_syntax == file.sop_class_uid
        and file.transfer_syntax_uid in context.transfer_syntax
        for context in association.accepted_contexts
    )


class Gate(threading.Event):
    """Holds pynetdicom's reactor thread while we send, in place of its `threading.Event`.

    In pynetdicom 3.0.4 the reactor says "paused" before it waits, even where it then walks
    through; a sender that believes it loses the answer to the reactor, and the association.
    Here `clear` returns only when the reactor stands at the gate or has ended.

    Parameters
    ----------
    reactor
        The only thread that waits.
    """

    def __init__(self, reactor: threading.Thread) -> None:
        super().__init__()
        self._reactor = reactor
        self._changed = threading.Condition()
        self._open = True
        self._held = False

    def is_set(self) -> bool:
        """Whether the gate is open."""
        return self._open

    def set(self) -> None:
        """Open the gate."""
        with self._changed:
            self._open = True
            self._held = False
            self._changed.notify_all()

    def clear(self) -> None:
        """Shut the gate."""
        with self._changed:
            self._open = False
            if threading.current_thread() is self._reactor:
                return
            while not self._held and self._reactor.is_alive():
                self._changed.wait(_REACTOR_TICK_S)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the gate is open; for the reactor."""
        with self._changed:
            while not self._open:
                self._held = True
                self._changed.notify_all()
                self._changed.wait(timeout)
        return True
