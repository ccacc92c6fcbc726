"""Objects that come by HTTP (STOW-RS): into the same inbox, by the same rules, as by C-STORE.

What speaks HTTP hands in the bytes; nothing here knows of it. A request counts as an association
of its sender: as long as it runs, a study it may still add to is not complete.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from dicom_listener.association_evidence import ListenerLock, mark_open
from dicom_listener.command import C_STORE_RQ, SUCCESS, Command
from dicom_listener.handlers import Outcome, Reception, StoreHandler
from dicom_listener.inbox import Inbox, Origin
from dicom_listener.settings import ListenerSettings

_LONGEST_AE_TITLE = 16


class StowDoor:
    """Takes objects of many requests at once. The inbox is not touched before the first.

    Parameters
    ----------
    settings
        Those of the listener: size limits and the disk's reserve hold here too.
    """

    def __init__(self, settings: ListenerSettings) -> None:
        self._settings = settings
        self._guard = threading.Lock()
        self._opened: tuple[Inbox, ListenerLock] | None = None
        self._number = 0

    @contextmanager
    def session(self, sender: str, address: str) -> Iterator["StowSession"]:
        """One request.

        Parameters
        ----------
        sender
            Stands where an association has the calling AE title; cut to 16 characters.
        address
            IP address of the sender.

        Raises
        ------
        OSError
            If the inbox cannot be used at all.
        """
        inbox, lock, number = self._next()
        origin = Origin(
            association_id=f"{lock.listener_id}-{number:06d}",
            calling_ae_title=sender[:_LONGEST_AE_TITLE],
            called_ae_title=self._settings.ae_title,
            address=address,
        )
        marker = mark_open(inbox, origin, now=datetime.now(UTC))
        try:
            yield StowSession(inbox, self._settings, origin)
        finally:
            marker.unlink(missing_ok=True)

    def close(self) -> None:
        """End this door's life for everybody else; requests in hand have ended."""
        with self._guard:
            if self._opened is not None:
                self._opened[1].release()
                self._opened = None

    def _next(self) -> tuple[Inbox, ListenerLock, int]:
        with self._guard:
            if self._opened is None:
                inbox = Inbox(self._settings.inbox)
                self._opened = inbox, ListenerLock(inbox)
            self._number += 1
            return *self._opened, self._number


class StowSession:
    """The objects of one request."""

    def __init__(self, inbox: Inbox, settings: ListenerSettings, origin: Origin) -> None:
        self._inbox = inbox
        self._settings = settings
        self._handler = StoreHandler(inbox=inbox, settings=settings, origin=origin)

    @property
    def has_room(self) -> bool:
        """Whether the disk takes more objects."""
        return self._inbox.free_bytes() >= self._settings.disk_reserve_bytes

    def begin(
        self, sop_class_uid: bytes, sop_instance_uid: bytes, transfer_syntax_uid: str
    ) -> "StowObject":
        """Start to receive the data set of an object; the UIDs are those of its file header."""
        command = Command(
            field=C_STORE_RQ,
            message_id=0,
            has_data_set=True,
            sop_class_uid=sop_class_uid,
            sop_instance_uid=sop_instance_uid,
        )
        return StowObject(self._handler, self._handler.begin(command, transfer_syntax_uid))


class StowObject:
    """One object while its data set arrives; what fails is said by `finish`."""

    def __init__(self, handler: StoreHandler, reception: Reception) -> None:
        self._handler = handler
        self._reception = reception

    def write(self, data: memoryview) -> None:
        """Take the next bytes of the data set, exactly as they came."""
        self._reception.write(data)

    def finish(self) -> int | None:
        """Make it durable; then None, else the status that a C-STORE would get (promise P1)."""
        outcome: Outcome = self._handler.finish(self._reception)
        return None if outcome.status == SUCCESS else outcome.status

    def discard(self) -> None:
        """Forget an object that never became whole, or must not be kept."""
        self._reception.discard()
