"""Folders whose names outlive a power failure, and locks that end with their process."""

import contextlib
import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path


def make_root(folder: Path) -> None:
    """Make a folder of the node if it is missing, and its name durable.

    A file's own sync does not promise the names of the folders above it. What is above the
    node's folder may not be ours to read; it was there before.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sync_folder(folder.parent)
    with contextlib.suppress(PermissionError):
        sync_folder(folder.parent.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def only_one(lock: Path, stop: threading.Event) -> Iterator[bool]:
    """Wait until this process alone holds the lock file; False if stopped before."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
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
