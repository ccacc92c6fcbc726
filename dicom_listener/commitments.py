"""Storage commitment as the listener sees it: requests and answers as files (PS3.4 annex J).

::

    commitments/asked/     requests of peers (N-ACTION), durable before Success, until answered
    commitments/answers/   our answers to them, made by another process, sent from here
    commitments/heard/     answers of archives to our own requests (N-EVENT-REPORT), durable

Names are ``<time>_<association>_<number>_<peer>.json``. What could not be read or told lies beside
them under another ending; of that the newest stay, for people to look at, and are in no one's way.

The listener has no database and decodes nothing: what comes is kept as it came. Who looks into the
archive, and who records what was heard, takes the files from there. A peer that keeps its
association open is answered on it; else whoever made the answer opens another.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import structlog

from dicom_listener.command import (
    N_ACTION_RQ,
    NO_SUCH_ACTION,
    NO_SUCH_SOP_CLASS,
    PROCESSING_FAILURE,
    RESOURCE_LIMITATION,
    SUCCESS,
    Command,
    encode_event_report,
)
from dicom_listener.durable import make_root, sync_folder
from dicom_listener.handlers import Outcome
from dicom_listener.inbox import Origin
from worklist.commitment import CommitmentMessage, PreparedAnswer

PUSH_MODEL = "1.2.840.10008.1.20.1"
MAX_DATA_SET_BYTES = 16 * 1024**2  # about 100,000 objects

_WELL_KNOWN_INSTANCE = "1.2.840.10008.1.20.1.1"
_REQUEST_ACTION = 1  # the only one (PS3.4 J.3.2.1)
_MOST_WAITING, _MOST_OF_A_PEER = 1000, 250  # messages of a kind; peers are told to come again
_MOST_BYTES, _MOST_BYTES_OF_A_PEER = 1024**3, 256 * 1024**2  # of their files
_MOST_ASIDE, _MOST_BYTES_ASIDE = 100, 64 * 1024**2  # that nobody could read, or tell

log = structlog.get_logger(__name__)


def peer_of(name: str) -> str:
    """What in the name of a message is the same for one AE title."""
    return name.removesuffix(".json").rpartition("_")[2]


def _peer(ae_title: str) -> str:
    return sha256(ae_title.encode()).hexdigest()[:12]


class CommitmentFolders:
    """The folders, made if they are missing.

    Parameters
    ----------
    data
        The node's folder.
    """

    def __init__(self, data: Path) -> None:
        self._root = root = data / "commitments"
        self.asked, self.answers, self.heard = (
            root / name for name in ("asked", "answers", "heard")
        )
        make_root(root)
        for folder in (self.asked, self.answers, self.heard):
            folder.mkdir(parents=True, exist_ok=True)
        sync_folder(root)

    def keep(self, folder: Path, name: str, text: str) -> None:
        """Write a file whose content and name are durable.

        Raises
        ------
        OSError
            If it cannot be; nothing of the name is left.
        """
        temporary = folder / f"{name}.new"
        try:
            with temporary.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(folder / name)
            sync_folder(folder)
        except OSError:
            for left in (temporary, folder / name):
                with suppress(OSError):
                    left.unlink(missing_ok=True)
            raise

    def why_full(self, folder: Path, ae_title: str) -> str:
        """Why no other message of this peer may be kept; empty if it may.

        What was put aside takes nobody's place: the oldest of it is forgotten here.
        """
        waiting, aside = [], []
        for name, size in _listed(folder):
            if name.endswith(".json"):
                waiting.append((name, size))
            elif not name.endswith(".new"):
                aside.append((name, size))
        _forget_the_oldest(folder, aside)
        own = [size for name, size in waiting if peer_of(name) == _peer(ae_title)]
        if len(own) >= _MOST_OF_A_PEER or sum(own) >= _MOST_BYTES_OF_A_PEER:
            return "too many messages of this AE title wait; come again later"
        if len(waiting) >= _MOST_WAITING or sum(size for _, size in waiting) >= _MOST_BYTES:
            return "too many messages wait; come again later"
        return ""

    def free_bytes(self) -> int:
        """Free space of the file system for an ordinary user."""
        return shutil.disk_usage(self._root).free

    def answered(self, name: str) -> None:
        """Forget a request: the peer has its answer."""
        (self.asked / name).unlink(missing_ok=True)
        (self.answers / name).unlink(missing_ok=True)


def _listed(folder: Path) -> Iterator[tuple[str, int]]:
    """Name and size of what lies there, and is not taken away meanwhile."""
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                yield entry.name, entry.stat().st_size


def _forget_the_oldest(folder: Path, aside: list[tuple[str, int]]) -> None:
    total = 0
    for number, (name, size) in enumerate(sorted(aside, reverse=True), start=1):
        total += size
        if number > _MOST_ASIDE or total > _MOST_BYTES_ASIDE:
            log.warning("an old message of storage commitment is forgotten", name=name)
            (folder / name).unlink(missing_ok=True)


@dataclass(slots=True)
class _Asked:
    """A request of this association."""

    name: str
    context_id: int
    message_id: int = 0  # of our N-EVENT-REPORT; 0: not sent yet


class CommitmentDesk:
    """Storage commitment on one association.

    Parameters
    ----------
    disk_reserve_bytes
        Free space that messages leave to the images.
    clock_ns : callable
        Nanoseconds since 1970, UTC.
    """

    def __init__(
        self,
        folders: CommitmentFolders,
        origin: Origin,
        *,
        disk_reserve_bytes: int = 0,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._folders = folders
        self._origin = origin
        self._disk_reserve_bytes = disk_reserve_bytes
        self._clock_ns = clock_ns
        self._number = 0
        self._asked: list[_Asked] = []

    def take(
        self, command: Command, context_id: int, data_set: bytes, transfer_syntax_uid: str
    ) -> Outcome:
        """Keep a request or an answer of the peer's, and only then return Success."""
        if command.sop_class_uid.rstrip(b"\0 ") != PUSH_MODEL.encode():
            return Outcome(NO_SUCH_SOP_CLASS, "only storage commitment (push model) is served")
        is_request = command.field == N_ACTION_RQ
        if is_request and command.type_id != _REQUEST_ACTION:
            return Outcome(NO_SUCH_ACTION, "the only action is a request for commitment")
        if len(data_set) > MAX_DATA_SET_BYTES:
            return Outcome(RESOURCE_LIMITATION, "too many objects in one message")
        folder = self._folders.asked if is_request else self._folders.heard
        try:
            full = self._why_full(folder, len(data_set))
            if full:
                return Outcome(RESOURCE_LIMITATION, full)
            name = self._keep(folder, data_set, transfer_syntax_uid)
        except OSError as error:
            log.error("a message of storage commitment could not be kept", error=str(error))
            return Outcome(PROCESSING_FAILURE, "the message could not be kept")
        if is_request:
            self._asked.append(_Asked(name, context_id))
        return Outcome(SUCCESS)

    def due(self) -> Iterator[tuple[int, bytes, bytes]]:
        """Answers that are ready: context id, command set and data set of each.

        Of none of them is anything due again; what the peer does not confirm is told it on
        another association.
        """
        for one in self._asked:
            if one.message_id:
                continue
            with suppress(OSError, ValueError):
                text = (self._folders.answers / one.name).read_text(encoding="utf-8")
                prepared = PreparedAnswer.from_json(text)
                self._number += 1
                one.message_id = self._number
                command = encode_event_report(
                    sop_class_uid=PUSH_MODEL,
                    sop_instance_uid=_WELL_KNOWN_INSTANCE,
                    event_type_id=prepared.answer.event_type_id,
                    message_id=one.message_id,
                )
                yield one.context_id, command, prepared.data_set

    def confirm(self, response: Command) -> None:
        """Hear what the peer says to an answer."""
        for one in self._asked:
            if one.message_id == response.responded_to and response.status == SUCCESS:
                self._folders.answered(one.name)

    def _why_full(self, folder: Path, more_bytes: int) -> str:
        if self._folders.free_bytes() - 2 * more_bytes < self._disk_reserve_bytes:
            return "the disk is nearly full"
        return self._folders.why_full(folder, self._origin.calling_ae_title)

    def _keep(self, folder: Path, data_set: bytes, transfer_syntax_uid: str) -> str:
        now_ns = self._clock_ns()
        self._number += 1
        message = CommitmentMessage(
            data_set=data_set,
            transfer_syntax_uid=transfer_syntax_uid,
            calling_ae_title=self._origin.calling_ae_title,
            called_ae_title=self._origin.called_ae_title,
            address=self._origin.address,
            association_id=self._origin.association_id,
            received_at=datetime.fromtimestamp(now_ns / 10**9, UTC),
        )
        peer = _peer(self._origin.calling_ae_title)
        name = f"{now_ns:020d}_{self._origin.association_id}_{self._number:06d}_{peer}.json"
        self._folders.keep(folder, name, message.as_json())
        return name
