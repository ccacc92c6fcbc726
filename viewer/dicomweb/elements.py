"""Archived files opened to be read at random: where each element lies, and how it is written.

What lies in the archive came from the network (P9): lengths lie, sequences never end, nesting has
no bottom. Nothing here recurses, and no more of a file is in memory than a window of it.
"""

import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Self

from pydicom.datadict import dictionary_VR, private_dictionary_VR

from viewer.ports import CannotDecode

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
NATIVE = frozenset({IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED})

MAX_ELEMENTS = 200_000  # stepped over for one answer in the web process, nested ones included
UNDEFINED = 0xFFFFFFFF
ITEM = 0xFFFEE000
ITEM_END = 0xFFFEE00D
SEQUENCE_END = 0xFFFEE0DD
PIXEL_DATA_TAGS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})

_LONG_VRS = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split())
_NAMES = {vr: vr.decode() for vr in _LONG_VRS | _SHORT_VRS}
_WINDOW_BYTES = 32768
_MOST_INFLATED_BYTES = 64 * 1024**2  # of a deflated header; a bomb stops here
_META_LIMIT_BYTES = 1024**2
_LONGEST_META_BYTES = 128
_TRANSFER_SYNTAX_UID = 0x00020010

Read = Callable[[int, int], bytes]  # (position, length) -> bytes, fewer at the end


class Broken(Exception):
    """The structure of the data set breaks here; what came before counts."""


class TooManyElements(CannotDecode):
    """A data set of more elements than are stepped over while others wait."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How elements are written."""

    is_explicit: bool
    is_little_endian: bool

    @property
    def order(self) -> str:
        """Byte order for `struct`."""
        return "<" if self.is_little_endian else ">"


EXPLICIT = Encoding(True, True)
IMPLICIT = Encoding(False, True)


@dataclass(frozen=True, slots=True)
class Element:
    """One element without its value."""

    tag: int
    vr: str  # empty when implicit; UN for letters that are none
    length: int
    value_at: int


class ArchivedFile:
    """One Part 10 file of the archive (PS3.10 section 7.1), to be used in a `with`.

    Raises
    ------
    CannotDecode
        If it is gone or has no DICOM header.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("rb", buffering=0)
        except OSError as error:
            raise CannotDecode("the archived object cannot be read") from error
        try:
            self._descriptor = self._file.fileno()
            self.size = os.fstat(self._descriptor).st_size
            self.read: Read = _windowed(self._descriptor)
            self.meta, self.start = _meta(limited(self.read), self.size)
            syntax = self.meta.get(_TRANSFER_SYNTAX_UID, b"").rstrip(b"\0 ")
            self.transfer_syntax_uid = syntax.decode("ascii", "replace")
            self.is_deflated = self.transfer_syntax_uid == DEFLATED
            if self.is_deflated:
                content = _inflated(self._descriptor, self.start)
                self.read, self.start, self.size = _over(content), 0, len(content)
            self.encoding = encoding_of(self.transfer_syntax_uid, self.read(self.start, 8))
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


def limited(read: Read, most_elements: int = MAX_ELEMENTS) -> Read:
    """The same, for so many elements: each takes at least one read.

    A thread of the web process that steps over millions of them holds up everybody else.

    Raises
    ------
    TooManyElements
        By what is returned, when they are used up.
    """
    left = most_elements

    def counted(position: int, length: int) -> bytes:
        nonlocal left
        left -= 1
        if left < 0:
            raise TooManyElements(f"the object has more than {most_elements} elements")
        return read(position, length)

    return counted


def element_at(read: Read, position: int, encoding: Encoding) -> Element:
    """The element that starts here.

    Raises
    ------
    Broken
        If the bytes end.
    """
    header = read(position, 12)
    if len(header) < 8:
        raise Broken
    group, number = struct.unpack_from(encoding.order + "HH", header)
    tag = group << 16 | number
    if encoding.is_explicit and group != 0xFFFE:
        vr = header[4:6]
        if vr in _SHORT_VRS:
            (length,) = struct.unpack_from(encoding.order + "H", header, 6)
            return Element(tag, _NAMES[vr], length, position + 8)
        if vr in _LONG_VRS:
            if len(header) < 12:
                raise Broken
            (length,) = struct.unpack_from(encoding.order + "L", header, 8)
            return Element(tag, _NAMES[vr], length, position + 12)
        if vr.isalpha() and vr.isupper():
            (length,) = struct.unpack_from(encoding.order + "H", header, 6)
            return Element(tag, "UN", length, position + 8)
    (length,) = struct.unpack_from(encoding.order + "L", header, 4)
    return Element(tag, "", length, position + 8)


def after(read: Read, element: Element, encoding: Encoding, end: int) -> int:
    """Where the element after this one starts, whatever is nested in it.

    Raises
    ------
    Broken
        If a sequence has no end, or holds what no sequence may.
    """
    if element.length != UNDEFINED:
        return element.value_at + element.length
    stack = [(False, IMPLICIT if element.vr == "UN" else encoding)]  # whether an item is open
    position = element.value_at
    while stack:
        if position + 8 > end:
            raise Broken
        in_item, here = stack[-1]
        one = element_at(read, position, here)
        position = one.value_at
        if one.tag == (ITEM_END if in_item else SEQUENCE_END):
            stack.pop()
        elif not in_item and one.tag != ITEM:
            raise Broken
        elif one.length == UNDEFINED:
            stack.append((not in_item, IMPLICIT if one.vr == "UN" else here))
        else:
            position += one.length
    return position


@lru_cache(maxsize=8192)
def vr_of(tag: int, private_creator: str = "") -> str:
    """The VR of an attribute by the dictionary, as ``US or SS`` where it depends; else UN."""
    if tag >> 16 & 1:
        if 0x10 <= tag & 0xFFFF <= 0xFF:
            return "LO"
        try:
            return private_dictionary_VR(tag, private_creator) if private_creator else "UN"
        except KeyError:
            return "UN"
    try:
        return dictionary_VR(tag)
    except KeyError:
        return "UN"


def _meta(read: Read, size: int) -> tuple[dict[int, bytes], int]:
    """Short values of the file meta information, and where the data set behind it starts."""
    if read(128, 4) != b"DICM":
        raise CannotDecode("the archived object has no DICOM header")
    position, found = 132, {}
    try:
        while position + 8 <= min(size, _META_LIMIT_BYTES):
            element = element_at(read, position, EXPLICIT)
            if element.tag >> 16 != 2 or element.length == UNDEFINED:
                break
            if element.length <= _LONGEST_META_BYTES:
                found[element.tag] = read(element.value_at, element.length)
            position = element.value_at + element.length
    except Broken as error:
        raise CannotDecode("the archived object has no data set") from error
    return found, position


def encoding_of(transfer_syntax_uid: str, first: bytes) -> Encoding:
    """How a data set is written that begins like this.

    A transfer syntax that contradicts the first element, as some devices write, is corrected.
    """
    if transfer_syntax_uid == EXPLICIT_BIG:
        return Encoding(True, False)
    if len(first) < 8:
        return Encoding(transfer_syntax_uid != IMPLICIT_LITTLE, True)
    return Encoding(first[4:6] in _NAMES, True)


def _windowed(descriptor: int) -> Read:
    """Random access through a window, so that most elements cost no system call."""
    window, window_at = b"", 0

    def read(position: int, length: int) -> bytes:
        nonlocal window, window_at
        offset = position - window_at
        if offset < 0 or offset + length > len(window):
            if length > _WINDOW_BYTES:
                return os.pread(descriptor, length, position)
            window, window_at, offset = os.pread(descriptor, _WINDOW_BYTES, position), position, 0
        return window[offset : offset + length]

    return read


def _over(content: bytes) -> Read:
    return lambda position, length: content[position : position + length]


def inflated_beginning(content: bytes, most_bytes: int) -> bytes:
    """What the beginning of a deflated data set comes to, as far as it can be told."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        return inflater.decompress(content, most_bytes)
    except zlib.error:
        return b""


def _inflated(descriptor: int, position: int) -> bytes:
    """The beginning of a deflated data set (PS3.5 annex A.5)."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    inflated = bytearray()
    try:
        while len(inflated) < _MOST_INFLATED_BYTES and not inflater.eof:
            chunk = os.pread(descriptor, _WINDOW_BYTES, position)
            if not chunk:
                break
            position += len(chunk)
            inflated += inflater.decompress(chunk, _MOST_INFLATED_BYTES - len(inflated))
    except zlib.error:
        pass  # what was inflated counts
    return bytes(inflated)
