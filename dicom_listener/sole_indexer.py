"""One process at a time files an inbox."""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from dicom_listener.inbox import Inbox


@contextmanager
def only_one(inbox: Inbox, stop: threading.Event) -> Iterator[bool]:
    """Wait until this process is the inbox's only indexer; False if stopped before."""
    descriptor = os.open(inbox.root / "indexer.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        while not stop.is_set():
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                stop.wait(0.5)
            else:
                yield True
                return
        yield False
    finally:
        os.close(descriptor)
