"""An archived object written again in Explicit VR Little Endian, its values as they are.

Only what has to change does: how elements are written, and of compressed pixel data what describes
them decoded. Private and malformed values are carried over byte by byte.
"""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from viewer.dicomweb.elements import (
    EXPLICIT,
    EXPLICIT_LITTLE,
    IMPLICIT,
    ITEM,
    ITEM_END,
    PIXEL_DATA_TAGS,
    SEQUENCE_END,
    UNDEFINED,
    ArchivedFile,
    Broken,
    Element,
    Encoding,
    TooManyElements,
    after,
    element_at,
    vr_of,
)
from viewer.dicomweb.json_model import MAX_DEPTH, MAX_ELEMENTS
from viewer.dicomweb.pixels import PixelData, StoredFrame, codestream, find_pixel_data
from viewer.dicomweb.values import in_little_endian
from viewer.ports import CannotDecode

Decode = Callable[[Path, int, StoredFrame | None], bytes]  # see `viewer.dicomweb.ports`

_LONG_VRS = frozenset(
    ["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"]
)
_PIECE_BYTES = 1024**2
_LARGEST_VALUE_BYTES = 2**32 - 2
_PIXEL_REPRESENTATION = 0x00280103
_PHOTOMETRIC_INTERPRETATION = 0x00280004
_PLANAR_CONFIGURATION = 0x00280006
_SAMPLES_PER_PIXEL = 0x00280002
_BITS_ALLOCATED = 0x00280100
_OFFSET_TABLES = frozenset({0x7FE00001, 0x7FE00002})
_META = (0x00020002, 0x00020003, 0x00020012, 0x00020013)


def rewrite(path: Path, target: Path, decode: Decode) -> None:
    """Write the object to a new file.

    Parameters
    ----------
    decode
        Decodes compressed frames.

    Raises
    ------
    CannotDecode
        If its structure is broken, or a frame of it cannot be decoded.
    """
    with ArchivedFile(path) as file, target.open("xb") as out:
        out.write(_header(file))
        try:
            _Rewriter(path, file, out, decode).data_set()
        except Broken as error:
            raise CannotDecode("the object is broken: it can be had as stored only") from error


def _header(file: ArchivedFile) -> bytes:
    """Preamble and file meta information."""
    values = {tag: file.meta[tag] for tag in _META if file.meta.get(tag)}
    values[0x00020010] = EXPLICIT_LITTLE.encode()
    body = _element(0x00020001, "OB", b"\0\1")
    for tag, value in sorted(values.items()):
        vr = "SH" if tag == 0x00020013 else "UI"
        body += _element(tag, vr, value + (b" " if vr == "SH" else b"\0") * (len(value) % 2))
    length = _element(0x00020000, "UL", struct.pack("<L", len(body)))
    return bytes(128) + b"DICM" + length + body


def _element(tag: int, vr: str, value: bytes) -> bytes:
    return _head(tag, vr, len(value)) + value


def _head(tag: int, vr: str, length: int) -> bytes:
    if vr in _LONG_VRS:
        return struct.pack("<HH2sxxL", tag >> 16, tag & 0xFFFF, vr.encode(), length)
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr.encode(), length)


def _mark(tag: int) -> bytes:
    """The head of an item of no length, or the end of an item or sequence."""
    return struct.pack("<HHL", tag >> 16, tag & 0xFFFF, UNDEFINED if tag == ITEM else 0)


class _Rewriter:
    def __init__(self, path: Path, file: ArchivedFile, out: BinaryIO, decode: Decode) -> None:
        self._path = path
        self._file = file
        self._read = file.read
        self._out = out
        self._decode = decode
        self._is_signed = False
        self._pixels = _compressed(file)

    def data_set(self) -> None:
        self._elements(self._file.start, self._file.size, self._file.encoding, 0)

    def _elements(self, position: int, end: int, encoding: Encoding, depth: int) -> int:
        """Up to the end of an item, or of the bytes; where it goes on."""
        creators: dict[int, str] = {}
        while position + 8 <= end:
            element = element_at(self._read, position, encoding)
            if element.tag >> 16 == 0xFFFE:
                return element.value_at
            if depth == 0 and element.tag in PIXEL_DATA_TAGS and self._pixels is not None:
                self._write_decoded(self._pixels)
                return end
            next_at = after(self._read, element, encoding, self._file.size)
            if element.tag & 0xFFFF and not (depth == 0 and self._is_replaced(element)):
                if encoding == EXPLICIT and element.vr != "UN":
                    self._copy(position, next_at - position)
                else:
                    self._write(element, next_at, encoding, depth, creators)
            position = next_at
        return position

    def _is_replaced(self, element: Element) -> bool:
        """Whether an element says something of the pixels that is no longer so; then written."""
        if self._pixels is None:
            return False
        is_colour = self._pixels.numbers.get(_SAMPLES_PER_PIXEL) == 3
        if element.tag == _PHOTOMETRIC_INTERPRETATION and is_colour:
            self._out.write(_element(element.tag, "CS", b"RGB "))
            return True
        if element.tag == _PLANAR_CONFIGURATION and is_colour:
            self._out.write(_element(element.tag, "US", b"\0\0"))
            return True
        return element.tag in _OFFSET_TABLES

    def _write(
        self,
        element: Element,
        next_at: int,
        encoding: Encoding,
        depth: int,
        creators: dict[int, str],
    ) -> None:
        vr = self._vr(element, creators)
        if element.length == UNDEFINED or vr == "SQ":
            inner = IMPLICIT if element.vr == "UN" else encoding
            self._sequence(element, min(next_at, self._file.size), inner, depth)
            return
        value = self._read(element.value_at, min(element.length, _PIECE_BYTES))
        if element.tag == _PIXEL_REPRESENTATION:
            little = in_little_endian("US", value, is_little_endian=encoding.is_little_endian)
            self._is_signed = little[:2] == b"\1\0"
        if element.tag >> 16 & 1 and 0x10 <= element.tag & 0xFFFF <= 0xFF:
            creator = value.decode("ascii", "replace").strip(" \0")
            creators[element.tag >> 16 << 8 | element.tag & 0xFF] = creator
        if vr not in _LONG_VRS and element.length > 0xFFFF:
            vr = "UN"  # PS3.5 section 6.2.2
        if element.value_at + element.length > self._file.size:
            raise Broken
        self._out.write(_head(element.tag, vr, element.length))
        if encoding.is_little_endian:
            self._copy(element.value_at, element.length)
        else:
            value = self._read(element.value_at, element.length)
            self._out.write(in_little_endian(vr, value, is_little_endian=False))

    def _vr(self, element: Element, creators: dict[int, str]) -> str:
        if element.vr:
            return element.vr
        vr = vr_of(element.tag, creators.get(element.tag >> 8, ""))
        if " or " not in vr:
            return vr
        if "SS" in vr and element.length <= 16:
            return "SS" if self._is_signed else "US"
        return "OW" if "OW" in vr else "US"

    def _sequence(self, element: Element, end: int, encoding: Encoding, depth: int) -> None:
        if depth >= MAX_DEPTH:
            raise Broken
        self._out.write(_head(element.tag, "SQ", UNDEFINED))
        position = element.value_at
        while position + 8 <= end:
            item = element_at(self._read, position, encoding)
            if item.tag != ITEM:
                break
            self._out.write(_mark(ITEM))
            has_end = item.length == UNDEFINED
            item_end = end if has_end else item.value_at + item.length
            position = self._elements(item.value_at, item_end, encoding, depth + 1)
            position = position if has_end else item_end
            self._out.write(_mark(ITEM_END))
        self._out.write(_mark(SEQUENCE_END))

    def _copy(self, position: int, length: int) -> None:
        end = position + length
        while position < end:
            piece = self._read(position, min(_PIECE_BYTES, end - position))
            if not piece:
                raise Broken
            self._out.write(piece)
            position += len(piece)

    def _write_decoded(self, pixels: PixelData) -> None:
        """The frames one after the other; the first says how long each is."""
        vr = "OB" if pixels.numbers.get(_BITS_ALLOCATED, 16) <= 8 else "OW"
        frames = pixels.number_of_frames
        written = 0
        for number in range(1, frames + 1):
            frame = self._decoded(pixels, number)
            if number == 1:
                total = len(frame) * frames
                if total > _LARGEST_VALUE_BYTES:
                    raise CannotDecode("the object is too large to be decoded as a whole")
                self._out.write(_head(pixels.element.tag, vr, total + total % 2))
            self._out.write(frame)
            written += len(frame)
        if written != total:
            raise CannotDecode("the frames of the object are not of one size")
        self._out.write(bytes(total % 2))

    def _decoded(self, pixels: PixelData, number: int) -> bytes:
        stored = StoredFrame(
            content=codestream(self._path, pixels, number, pixels.number_of_frames),
            transfer_syntax_uid=self._file.transfer_syntax_uid,
            number_of_frames=pixels.number_of_frames,
        )
        return self._decode(self._path, number, stored)


def _compressed(file: ArchivedFile) -> PixelData | None:
    """The pixel data, if they have to be decoded."""
    try:
        pixels = find_pixel_data(file, MAX_ELEMENTS)  # in a process of its own
    except TooManyElements:
        raise
    except CannotDecode:
        return None
    return pixels if pixels.element.length == UNDEFINED else None
