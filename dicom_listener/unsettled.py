"""Objects that a listener left marked as unsynced when it died: whole or not (promise P1).

After ``kill -9`` such an object is whole, as it got its name after its last byte. After a power
failure it may have been acknowledged, the disk having lost only that the mark was taken away; then
it is whole too. Or its sync had not returned, and the file may be any part of the object. The
CRC-32 in its name tells.
"""

import os
import zlib

from dicom_listener.association_evidence import living_listeners
from dicom_listener.durable import sync_folder
from dicom_listener.inbox import Inbox, ReceivedName
from dicom_listener.incoming_file import note_synced

NOT_WHOLE = (
    "the file is not what its name says was received: the power failed before it was durable and "
    "its sender was told Success, or the disk altered it"
)

_CHUNK_BYTES = 1024 * 1024


def unsettled(inbox: Inbox) -> list[str]:
    """Names of the objects marked as unsynced that no living listener looks after."""
    names = inbox.unsynced()  # before the listeners: one that starts meanwhile has none of them
    alive = living_listeners(inbox) if names else {}
    return [name for name in names if not alive.get(_listener_id(name), False)]


def settle(inbox: Inbox, name: str) -> bool:
    """Make an unsettled object durable and pending if it is whole; False if it is not.

    Raises
    ------
    OSError
        If it cannot be read or synced; it then stays as it was.
    """
    path = inbox.root / name
    received = ReceivedName.parse(name)
    expected = received.crc32 if received is not None else None
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
        if expected is not None and _crc32_on_disk(descriptor) != expected:
            return False
        sync_folder(inbox.root)
        note_synced(descriptor)
    finally:
        os.close(descriptor)
    return True


def _listener_id(name: str) -> str:
    received = ReceivedName.parse(name)
    return received.listener_id if received is not None else ""


def _crc32_on_disk(descriptor: int) -> int:
    # A sync that failed once leaves in memory what the disk does not have.
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    crc32 = 0
    while chunk := os.read(descriptor, _CHUNK_BYTES):
        crc32 = zlib.crc32(chunk, crc32)
    return crc32
