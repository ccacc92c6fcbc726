"""Storage commitment as the listener sees it: requests and answers as files (PS3.4 annex J).

::

    commitments/asked/     requests of peers (N-ACTION), durable before Success, until answered
    commitments/answers/   our answers to them, made by another process, sent from here
    commitments/heard/     answers of archives to our own requests (N-EVENT-REPORT), durable

The listener has no database and decodes nothing: what comes is kept as it came. Who looks into the
archive, and who records what was heard, takes the files from there. A peer that keeps its
association open is answered on it; else whoever made the answer opens another.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
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
_MOST_WAITING = 1000  # messages of a kind; peers are told to come again

log = structlog.get_logger(__name__)


class CommitmentFolders:
    """The folders, made if they are missing.

    Parameters
    ----------
    data
        The node's folder.
    """

    def __init__(self, data: Path) -> None:
        root = data / "commitments"
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
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(folder / name)
        sync_folder(folder)

    def answered(self, name: str) -> None:
        """Forget a request: the peer has its answer."""
        (self.asked / name).unlink(missing_ok=True)
        (self.answers / name).unlink(missing_ok=True)


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
    clock_ns : callable
        Nanoseconds since 1970, UTC.
    """

    def __init__(
        self,
        folders: CommitmentFolders,
        origin: Origin,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._folders = folders
        self._origin = origin
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
            if sum(1 for _ in os.scandir(folder)) >= _MOST_WAITING:
                return Outcome(RESOURCE_LIMITATION, "too many messages wait; come again later")
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
        name = f"{now_ns:020d}_{self._origin.association_id}_{self._number:06d}.json"
        self._folders.keep(folder, name, message.as_json())
        return name
