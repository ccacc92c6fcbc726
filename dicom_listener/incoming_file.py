"""A file on its way into the inbox: when it gets its name, and what makes it durable.

On file systems that are known for it (see `trusted_disk`), one sync makes the bytes and the name
durable. A `LinkedFile` is made without a name (O_TMPFILE), linked into its folder when it is
whole, and then synced. A power failure before that sync returns may leave the name with a part of
the bytes, of an object that nobody was told Success for. So the file is marked as unsynced until
the sync has returned (the sticky bit of its mode, which means nothing for files on Linux), and
its name says the CRC-32 of its bytes: what is still marked when its listener is dead is whole or
it is not, and `unsettled` finds out which.

Elsewhere a `RenamedFile` has a temporary name, is synced, and renamed; its folder is to be synced
then.
"""

import errno
import os
import stat
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import cast

import imagecodecs

_UNNAMED = getattr(os, "O_TMPFILE", 0)  # Linux alone has it
_UNSYNCED = stat.S_ISVTX
# The same function, ten times as fast: zlib's would cost a twentieth of an object's time.
_crc32 = cast(
    "Callable[[bytes | memoryview, int], int]",
    imagecodecs.deflate_crc32 if imagecodecs.DEFLATE.available else zlib.crc32,
)


class LinkedFile:
    """A new file that is named when it is whole, and then synced. Methods may raise `OSError`.

    Parameters
    ----------
    folder : str
        Where it will get its name.
    """

    syncs_its_name = True

    def __init__(self, folder: str) -> None:
        self._descriptor = open_unnamed(folder)
        self._crc32 = 0

    @property
    def crc32(self) -> int | None:
        """CRC-32 of what was written, for the name."""
        return self._crc32

    def write(self, *parts: bytes | memoryview) -> None:
        """Append bytes."""
        for part in parts:
            self._crc32 = _crc32(part, self._crc32)
        _write(self._descriptor, parts)

    def finish(self, path: str) -> None:
        """Name the file, and return when it is durable, name and all."""
        link_unnamed(self._descriptor, path)
        try:
            os.fsync(self._descriptor)
            note_synced(self._descriptor)
        except OSError:
            Path(path).unlink(missing_ok=True)
            raise
        with suppress(OSError):  # it is safe and has its name: it cannot fail any more
            self.close()

    def close(self) -> None:
        """Close it; unless finished, it is gone. Safe to call more than once."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)


class RenamedFile:
    """A new file with a temporary name until it is synced. Every method may raise `OSError`.

    Parameters
    ----------
    temporary : str
        The path until it gets its name.
    """

    syncs_its_name = False
    crc32: int | None = None  # its name never stands for a part of the bytes

    def __init__(self, temporary: str) -> None:
        self._temporary = temporary
        flags = os.O_WRONLY | os.O_CLOEXEC | os.O_CREAT | os.O_EXCL
        self._descriptor = os.open(temporary, flags, 0o640)

    def write(self, *parts: bytes | memoryview) -> None:
        """Append bytes."""
        _write(self._descriptor, parts)

    def finish(self, path: str) -> None:
        """Sync the file and give it its name, which the folder's sync makes durable."""
        os.fsync(self._descriptor)
        os.rename(self._temporary, path)  # noqa: PTH104 - pathlib costs more than the call
        self._temporary = ""
        with suppress(OSError):  # the bytes are safe and have their name
            self.close()

    def close(self) -> None:
        """Close it; unless finished, it is gone. Safe to call more than once."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)
        if self._temporary:
            Path(self._temporary).unlink(missing_ok=True)
            self._temporary = ""


def is_unsynced(status: os.stat_result) -> bool:
    """Whether a file of the inbox is marked: it has its name, but may not be durable yet."""
    return bool(status.st_mode & _UNSYNCED)


def note_synced(descriptor: int) -> None:
    """Take away the mark of a file that is durable."""
    mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
    os.fchmod(descriptor, mode & ~_UNSYNCED)


def _write(descriptor: int, parts: tuple[bytes | memoryview, ...]) -> None:
    written = os.writev(descriptor, parts)
    for part in parts:
        if written < len(part):
            _write_rest(descriptor, memoryview(part)[written:])
        written = max(0, written - len(part))


def _write_rest(descriptor: int, rest: memoryview) -> None:
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def open_unnamed(folder: str) -> int:
    """Open a new file without a name, marked as unsynced.

    Raises
    ------
    OSError
        If the system or the file system has no such files.
    """
    if not _UNNAMED:
        raise OSError(errno.EOPNOTSUPP, "no files without a name", folder)
    return os.open(folder, os.O_WRONLY | os.O_CLOEXEC | _UNNAMED, 0o640 | _UNSYNCED)


def link_unnamed(descriptor: int, path: str) -> None:
    """Give an unnamed file a name, as open(2) says under O_TMPFILE."""
    # Only linkat(2) can follow the link in /proc to the file, and os.link takes it only when a
    # folder is given, which means nothing for an absolute path.
    source = f"/proc/self/fd/{descriptor}"
    os.link(source, path, src_dir_fd=descriptor, follow_symlinks=True)
