"""A multipart request read while it comes, however long it is (RFC 2046 section 5.1.1).

No more of it is in memory than what was handed in last, and the head of one part.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from worklist.errors import VigieError

_LONGEST_BOUNDARY = 70
_LONGEST_HEAD_BYTES = 16384
_LONGEST_PREAMBLE_BYTES = 65536
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]", re.ASCII)


class BrokenMultipart(VigieError, ValueError):
    """A request that is not the parts it says it has."""


@dataclass(frozen=True, slots=True)
class PartBegins:
    """A part starts here."""

    headers: dict[str, str]  # names in lower case


@dataclass(frozen=True, slots=True)
class PartData:
    """The next bytes of the part."""

    content: memoryview


@dataclass(frozen=True, slots=True)
class PartEnds:
    """The part is whole."""


Event = PartBegins | PartData | PartEnds


class _At(Enum):
    PREAMBLE = auto()
    MARK = auto()  # behind a boundary: its line's end, or two hyphens
    HEAD = auto()
    CONTENT = auto()
    EPILOGUE = auto()


class MultipartReader:
    """Turns pieces of a request into events.

    Parameters
    ----------
    boundary
        As the Content-Type of the request has it.

    Raises
    ------
    BrokenMultipart
        If no boundary can look like this.
    """

    def __init__(self, boundary: str) -> None:
        if not _BOUNDARY.fullmatch(boundary) or len(boundary) > _LONGEST_BOUNDARY:
            raise BrokenMultipart("the multipart boundary is missing or impossible")
        self._mark = b"\r\n--" + boundary.encode("ascii")
        self._held = b"\r\n"  # so that the first boundary is found like the others
        self._position = 0  # of what is held: what lies before it is over
        self._at = _At.PREAMBLE
        self._skipped = 0

    @property
    def is_over(self) -> bool:
        """Whether the last boundary came."""
        return self._at is _At.EPILOGUE

    def feed(self, content: bytes) -> Iterator[Event]:
        """What these bytes come to; they are valid until the next call.

        Raises
        ------
        BrokenMultipart
            If they cannot be parts.
        """
        self._held = self._held[self._position :] + content
        self._position = 0
        steps = {
            _At.PREAMBLE: self._preamble,
            _At.MARK: self._after_mark,
            _At.HEAD: self._head,
            _At.CONTENT: self._content,
        }
        while self._at in steps:
            was = self._at
            yield from steps[self._at]()
            if self._at is was:
                return
        self._held, self._position = b"", 0

    def _preamble(self) -> Iterator[Event]:
        found = self._held.find(self._mark)
        if found >= 0:
            self._position = found + len(self._mark)
            self._at = _At.MARK
            return
        self._position = max(0, len(self._held) - len(self._mark) + 1)
        self._skipped += self._position
        if self._skipped > _LONGEST_PREAMBLE_BYTES:
            raise BrokenMultipart("the request has no part within its first bytes")
        yield from ()

    def _after_mark(self) -> Iterator[Event]:
        if self._held.startswith(b"--", self._position):
            self._at = _At.EPILOGUE
            return
        end = self._held.find(b"\r\n", self._position)
        if end < 0:
            if len(self._held) - self._position > _LONGEST_HEAD_BYTES:
                raise BrokenMultipart("a boundary has no end of its line")
            return
        if self._held[self._position : end].strip(b" \t"):
            raise BrokenMultipart("a boundary has no end of its line")
        self._position = end  # with the line's end: a head may be empty
        self._at = _At.HEAD
        yield from ()

    def _head(self) -> Iterator[Event]:
        end = self._held.find(b"\r\n\r\n", self._position)
        if end < 0:
            if len(self._held) - self._position > _LONGEST_HEAD_BYTES:
                raise BrokenMultipart("the head of a part is too long")
            return
        headers: dict[str, str] = {}
        for line in self._held[self._position : end].decode("latin-1").split("\r\n"):
            name, colon, value = line.partition(":")
            if colon:
                headers[name.strip().lower()] = value.strip()
        self._position = end + 4
        self._at = _At.CONTENT
        yield PartBegins(headers)

    def _content(self) -> Iterator[Event]:
        start = self._position
        found = self._held.find(self._mark, start)
        if found >= 0:
            self._position = found + len(self._mark)
            self._at = _At.MARK
            if found > start:
                yield PartData(memoryview(self._held)[start:found])
            yield PartEnds()
            return
        end = len(self._held) - len(self._mark) + 1  # the rest may be the beginning of a boundary
        if end > start:
            self._position = end
            yield PartData(memoryview(self._held)[start:end])
