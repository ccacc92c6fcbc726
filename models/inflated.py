"""A deflated data set (PS3.5 A.5), inflated no further than somebody reads."""

import io
import zlib
from typing import BinaryIO

_CHUNK_BYTES = 64 * 2**10
_STEP_BYTES = 2**20


class TooLarge(Exception):
    """Reading went on behind the limit; a few bytes can claim gigabytes."""


class Inflated(io.RawIOBase):
    """The inflated bytes as a file that can be read and sought, but not from its end.

    Parameters
    ----------
    file
        Where the deflated bytes lie; it has to stay open, and nobody else may move in it.
    offset
        Where they begin, in bytes.
    limit_bytes
        How many inflated bytes may be asked for.
    """

    def __init__(self, file: BinaryIO, offset: int, *, limit_bytes: int) -> None:
        super().__init__()
        file.seek(offset)
        self._file = file
        self._limit_bytes = limit_bytes
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._content = bytearray()
        self._position = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always, but not from the end, which is not known."""
        return True

    def tell(self) -> int:
        """Counts inflated bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go somewhere; nothing is inflated before it is read."""
        if whence == io.SEEK_END:
            raise io.UnsupportedOperation("the end is not known")
        start = self._position if whence == io.SEEK_CUR else 0
        self._position = max(0, start + offset)
        return self._position

    def read(self, size: int = -1) -> bytes:
        """The next bytes; fewer than asked for at the end.

        Raises
        ------
        TooLarge
            If there are bytes behind the limit and these are asked for.
        zlib.error
            If the deflated bytes are broken.
        """
        end = self._position + size if size >= 0 else self._limit_bytes + 1
        self._inflate_to(end)
        found = bytes(self._content[self._position : end])
        self._position += len(found)
        return found

    def _inflate_to(self, end: int) -> None:
        while len(self._content) < end and not self._inflater.eof:
            deflated = self._inflater.unconsumed_tail or self._file.read(_CHUNK_BYTES)
            inflated = self._inflater.decompress(deflated, _STEP_BYTES)
            if not deflated and not inflated:
                return
            self._content += inflated
            if len(self._content) > self._limit_bytes and end > self._limit_bytes:
                raise TooLarge(f"the deflated data set grows beyond {self._limit_bytes} bytes")
