"""What the node does with a request: plain functions that return a DIMSE status.

They need no socket: tests call them with bytes.
"""

import errno
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from dicom_listener.command import (
    CANNOT_UNDERSTAND,
    OUT_OF_RESOURCES,
    PROCESSING_FAILURE,
    SUCCESS,
    UNRECOGNIZED_OPERATION,
    Command,
)
from dicom_listener.inbox import Inbox, IncomingObject, Origin, ReceivedName, file_header
from dicom_listener.settings import ListenerSettings

_SPACE_CHECK_BYTES = 16 * 1024**2  # how much may be written between two looks at the free space
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE})

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A DIMSE status, and for a failure a few words for the sender's log."""

    status: int
    comment: str = ""


def echo() -> Outcome:
    """Answer C-ECHO (PS3.4 annex A)."""
    return Outcome(SUCCESS)


def unsupported() -> Outcome:
    """Answer a request the node does not know."""
    return Outcome(UNRECOGNIZED_OPERATION, "only C-ECHO, C-STORE and storage commitment")


def store_without_data_set() -> Outcome:
    """Answer a C-STORE that brings no data set."""
    return Outcome(CANNOT_UNDERSTAND, "C-STORE without a data set")


class Reception:
    """One C-STORE request while its data set arrives (PS3.4 annex B).

    A failure does not end the association: the rest of the data set is read and dropped, and
    the sender is told by the status.
    """

    def __init__(
        self, *, inbox: Inbox, settings: ListenerSettings, begin: Callable[[], IncomingObject]
    ) -> None:
        self._inbox = inbox
        self._settings = settings
        self._object: IncomingObject | None = None
        self._failure: Outcome | None = None
        self._unchecked_bytes = 0
        try:
            self._check_space(0)
            if self._failure is None:
                self._object = begin()
        except OSError as error:
            self._fail_with(error)

    def write(self, data: memoryview) -> None:
        """Take the next bytes of the data set, exactly as they came."""
        if self._object is None:
            return
        if self._object.size_bytes + len(data) > self._settings.max_object_bytes:
            self._fail(Outcome(OUT_OF_RESOURCES, "the object is larger than this node accepts"))
            return
        self._unchecked_bytes += len(data)
        try:
            if self._unchecked_bytes > _SPACE_CHECK_BYTES:
                self._check_space(len(data))
            if self._object is not None:
                self._object.write(data)
        except OSError as error:
            self._fail_with(error)

    def finish(self, name: str) -> Outcome:
        """Make the object durable, and only then return Success (promise P1)."""
        if self._object is not None:
            try:
                self._check_space(0)
                if self._object is not None:
                    self._object.finish(name)
            except OSError as error:
                self._fail_with(error)
        return self._failure or Outcome(SUCCESS)

    def discard(self) -> None:
        """Forget an object that never became whole: the association broke."""
        if self._object is not None:
            received, self._object = self._object, None
            received.discard()

    def _check_space(self, more_bytes: int) -> None:
        self._unchecked_bytes = 0
        if self._inbox.free_bytes() - more_bytes < self._settings.disk_reserve_bytes:
            self._fail(Outcome(OUT_OF_RESOURCES, "the disk is nearly full"))

    def _fail_with(self, error: OSError) -> None:
        log.error("an object could not be stored", error=str(error))
        if error.errno in _NO_SPACE:
            self._fail(Outcome(OUT_OF_RESOURCES, "no space to store the object"))
        else:
            self._fail(Outcome(PROCESSING_FAILURE, "the object could not be stored"))

    def _fail(self, outcome: Outcome) -> None:
        self._failure = outcome
        try:
            self.discard()
        except OSError as error:
            log.error("a temporary file stays behind", error=str(error))


class StoreHandler:
    """Receives the objects of one association.

    Parameters
    ----------
    clock_ns : callable
        Nanoseconds since 1970, UTC.
    """

    def __init__(
        self,
        *,
        inbox: Inbox,
        settings: ListenerSettings,
        origin: Origin,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._inbox = inbox
        self._settings = settings
        self._origin = origin
        self._clock_ns = clock_ns
        self._number = 0

    def begin(self, command: Command, transfer_syntax_uid: str) -> Reception:
        """Start to receive the data set of a C-STORE request.

        The UIDs are not judged here: what cannot be filed is received, kept, and put into
        quarantine by the indexer.
        """
        self._number += 1
        header = file_header(
            sop_class_uid=command.sop_class_uid,
            sop_instance_uid=command.sop_instance_uid,
            transfer_syntax_uid=transfer_syntax_uid,
            origin=self._origin,
            implementation_version_name=self._settings.implementation_version_name,
        )
        temporary_name = f"{self._origin.association_id}_{self._number:06d}"
        return Reception(
            inbox=self._inbox,
            settings=self._settings,
            begin=lambda: self._inbox.create(header, temporary_name),
        )

    def finish(self, reception: Reception) -> Outcome:
        """End a reception under a name that says when it was received."""
        name = ReceivedName(
            received_at_ns=self._clock_ns(),
            association_id=self._origin.association_id,
            number=self._number,
        )
        return reception.finish(str(name))
