"""Folders whose names outlive a power failure."""

import contextlib
import os
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
