"""The header of a data set, read element by element without recursion (PS3.5 section 7).

General DICOM readers build every nested sequence as objects and recurse, so that one hostile
object can take the process down. This scanner walks the top level, keeps the few values asked
for, and steps over everything else: nesting costs it a counter, and a length that lies costs
one comparison. Pixel data is never reached.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from dicom_listener.errors import UnreadableObject

MAX_DEPTH = 64  # sequences in sequences; structured reports of the wild stay under 20
MAX_VALUE_BYTES = 65536  # of a value that is kept
MAX_ELEMENTS = 200_000  # stepped over, nested ones included; about a third of a second

_UNDEFINED = 0xFFFFFFFF
_ITEM = 0xFFFEE000
_ITEM_END = 0xFFFEE00D
_SEQUENCE_END = 0xFFFEE0DD
_FIRST_PIXEL_GROUP = 0x7FE0
# VRs whose length has 4 bytes (PS3.5 section 7.1.2)
_LONG_VRS = frozenset(
    {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
)
_SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split())

Read = Callable[[int, int], bytes]  # (position, length) -> bytes, fewer at the end


@dataclass(frozen=True, slots=True)
class Encoding:
    """How elements are written."""

    is_explicit: bool
    is_little_endian: bool

    @property
    def order(self) -> str:
        """Byte order for `struct`."""
        return "<" if self.is_little_endian else ">"


@dataclass(frozen=True, slots=True)
class _Element:
    tag: int
    vr: bytes  # empty when implicit
    length: int
    value_at: int


class _Malformed(Exception):
    """The structure breaks here; what was read before it counts."""


def scan(
    read: Read, *, start: int, size: int, encoding: Encoding, wanted: frozenset[int]
) -> dict[int, bytes]:
    """Collect the first value of each wanted top-level element.

    Parameters
    ----------
    read : callable
        Random access to the bytes.
    start, size : int
        Where the data set begins, and where the bytes end.
    wanted : frozenset of int
        Tags, group in the upper 16 bits.

    Returns
    -------
    dict of int to bytes
        Values as written, padding included. Scanning stops at the pixel data, at the end, or
        where the structure breaks: an object that ends in the middle is still an object, unless
        it ends inside a wanted value.

    Raises
    ------
    UnreadableObject
        If sequences are nested deeper than `MAX_DEPTH`, or the bytes end inside a wanted value.
    """
    encoding = _as_written(read(start, 8), encoding)
    read = _limited(read)
    found: dict[int, bytes] = {}
    position = start
    try:
        while position + 8 <= size:
            element = _element_at(read, position, encoding)
            if element.tag >> 16 >= _FIRST_PIXEL_GROUP:
                break
            if element.length == _UNDEFINED:
                nested = encoding if element.vr != b"UN" else Encoding(False, True)
                position = _after_sequence(read, element.value_at, size, nested)
                continue
            is_small = element.length <= MAX_VALUE_BYTES
            if is_small and element.tag in wanted and element.tag not in found:
                found[element.tag] = _whole_value(read, element)
            position = element.value_at + element.length
    except _Malformed:
        pass
    return found


def _whole_value(read: Read, element: _Element) -> bytes:
    """The value; the beginning of a UID may be a valid UID, another one."""
    value = read(element.value_at, element.length)
    if len(value) < element.length:
        group, number = divmod(element.tag, 1 << 16)
        raise UnreadableObject(f"the data set ends inside the element ({group:04X},{number:04X})")
    return value


def _limited(read: Read) -> Read:
    """Let an object of endless tiny elements end; each element takes at least one read."""
    left = MAX_ELEMENTS

    def limited(position: int, length: int) -> bytes:
        nonlocal left
        left -= 1
        if left < 0:
            raise _Malformed
        return read(position, length)

    return limited


def _as_written(first: bytes, declared: Encoding) -> Encoding:
    """Correct a transfer syntax that contradicts the first element, as some devices write."""
    if len(first) < 8 or not declared.is_little_endian:
        return declared
    looks_explicit = first[4:6] in _LONG_VRS or first[4:6] in _SHORT_VRS
    return Encoding(looks_explicit, True)


def _element_at(read: Read, position: int, encoding: Encoding) -> _Element:
    header = read(position, 12)
    if len(header) < 8:
        raise _Malformed
    group, number = struct.unpack_from(encoding.order + "HH", header)
    tag = group << 16 | number
    if encoding.is_explicit and group != 0xFFFE:
        vr = header[4:6]
        if vr in _LONG_VRS:
            if len(header) < 12:
                raise _Malformed
            (length,) = struct.unpack_from(encoding.order + "L", header, 8)
            return _Element(tag, vr, length, position + 12)
        if vr.isalpha() and vr.isupper():
            (length,) = struct.unpack_from(encoding.order + "H", header, 6)
            return _Element(tag, vr, length, position + 8)
    (length,) = struct.unpack_from(encoding.order + "L", header, 4)
    return _Element(tag, b"", length, position + 8)


def _after_sequence(read: Read, position: int, size: int, encoding: Encoding) -> int:
    """Position after a sequence of undefined length whose first item is at `position`.

    The stack holds, for each open sequence or item of undefined length, whether it is an item,
    and how its content is encoded.
    """
    stack = [(False, encoding)]
    while stack:
        if position + 8 > size:
            raise _Malformed
        if len(stack) > 2 * MAX_DEPTH:
            raise UnreadableObject(f"sequences are nested deeper than {MAX_DEPTH} levels")
        inside_item, here = stack[-1]
        element = _element_at(read, position, here)
        position = element.value_at
        if inside_item:
            if element.tag == _ITEM_END:
                stack.pop()
            elif element.length == _UNDEFINED:
                stack.append((False, here if element.vr != b"UN" else Encoding(False, True)))
            else:
                position += element.length
        elif element.tag == _SEQUENCE_END:
            stack.pop()
        elif element.tag != _ITEM:
            raise _Malformed
        elif element.length == _UNDEFINED:
            stack.append((True, here))
        else:
            position += element.length
    return position
