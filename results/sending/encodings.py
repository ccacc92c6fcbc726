"""An object in the transfer syntax that its receiver takes (PS3.5 annex A).

From explicit to implicit VR only the heads of the elements change: values are copied byte for
byte, for a name that breaks its own character set must reach the archive as it came.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydicom import dcmread
from pydicom.config import disable_value_validation
from pydicom.errors import InvalidDicomError
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_file_meta_info
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from pynetdicom.dsutils import encode, split_dataset

from results.sending.errors import UnsendableFile
from worklist.uid import SOPInstanceUID

EXPLICIT = str(ExplicitVRLittleEndian)
IMPLICIT = str(ImplicitVRLittleEndian)

_LONG_HEADS = frozenset(
    {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
)  # VRs with a length of 32 bits (PS3.5 section 7.1.2)
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF
_DEEPEST = 64  # sequences within sequences; ours have six


@dataclass(frozen=True, kw_only=True, slots=True)
class OutgoingObject:
    """A DICOM file to be sent."""

    path: Path
    sop_class_uid: str
    sop_instance_uid: SOPInstanceUID
    transfer_syntax_uid: str

    @property
    def choices(self) -> list[str]:
        """The transfer syntaxes it can be sent in: its own first, then what all can read."""
        return list(dict.fromkeys((self.transfer_syntax_uid, EXPLICIT, IMPLICIT)))[
            : 1 if self.transfer_syntax_uid == IMPLICIT else None
        ]


def outgoing_object(path: Path) -> OutgoingObject:
    """Read of a file what an association must know of it.

    Raises
    ------
    UnsendableFile
        If it cannot be read or lacks its UIDs.
    """
    try:
        with disable_value_validation():
            meta = read_file_meta_info(path)
            return OutgoingObject(
                path=path,
                sop_class_uid=str(meta.MediaStorageSOPClassUID),
                sop_instance_uid=SOPInstanceUID(str(meta.MediaStorageSOPInstanceUID)),
                transfer_syntax_uid=str(meta.TransferSyntaxUID),
            )
    except (OSError, InvalidDicomError, AttributeError, ValueError) as error:
        raise UnsendableFile(f"The file {path.name} cannot be sent: {error}", path) from error


def data_set_in(one: OutgoingObject, transfer_syntax_uid: str) -> BinaryIO:
    """The data set of a file in one of its `choices`; its own is read as it lies on disk.

    Raises
    ------
    UnsendableFile
        If the file cannot be read, or not be put into the other transfer syntax.
    """
    try:
        if transfer_syntax_uid == one.transfer_syntax_uid:
            file = one.path.open("rb")
            file.seek(_offset(one.path))
            return file
        explicit = _in_explicit(one)
        return io.BytesIO(explicit if transfer_syntax_uid == EXPLICIT else in_implicit(explicit))
    except Exception as error:  # decoders raise many kinds; named, and nothing is half sent
        raise UnsendableFile(
            f"The file {one.path.name} cannot be sent in another transfer syntax: {error}",
            one.path,
        ) from error


def file_in_explicit(one: OutgoingObject) -> bytes:
    """A whole file in Explicit VR Little Endian (PS3.10 section 7).

    Raises
    ------
    UnsendableFile
        If the file cannot be read, or not be put into it.
    """
    data_set = data_set_in(one, EXPLICIT)
    with data_set, disable_value_validation():
        meta = read_file_meta_info(one.path)
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        file = DicomBytesIO()
        file.is_implicit_VR, file.is_little_endian = False, True
        file.write(b"\0" * 128 + b"DICM")
        write_file_meta_info(file, meta, enforce_standard=True)
        file.write(data_set.read())
        return bytes(file.getvalue())


def _offset(path: Path) -> int:
    return int(split_dataset(path)[1])


def _in_explicit(one: OutgoingObject) -> bytes:
    if one.transfer_syntax_uid in (EXPLICIT, DeflatedExplicitVRLittleEndian):
        with one.path.open("rb") as file:
            file.seek(_offset(one.path))
            content = file.read()
        if one.transfer_syntax_uid == EXPLICIT:
            return content
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(content)
    if not UID(one.transfer_syntax_uid).is_compressed:
        raise ValueError("it is in a transfer syntax that is no longer used")
    with disable_value_validation():
        data_set = dcmread(one.path)
        data_set.decompress()
        encoded = encode(data_set, False, True)
    if encoded is None:
        raise ValueError("it cannot be encoded again")
    return encoded


def in_implicit(explicit: bytes) -> bytes:
    """A data set in Explicit VR Little Endian, in Implicit VR Little Endian.

    Raises
    ------
    ValueError
        If it cannot be read to its end.
    """
    try:
        return _Explicit(explicit).elements(0, len(explicit), 0)[0]
    except (struct.error, IndexError) as error:
        raise ValueError("the data set ends inside an element") from error


class _Explicit:
    """A data set in Explicit VR Little Endian while it is read."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def elements(self, position: int, end: int, depth: int) -> tuple[bytes, int]:
        """The elements up to `end`, or to the end of the item; and where they ended."""
        parts: list[bytes] = []
        while position < end:
            tag = self._tag(position)
            if tag == _ITEM_END:
                return b"".join(parts), position + 8
            vr, length, start = self._head(position)
            if vr == b"SQ":
                value, position = self._sequence(start, length, depth + 1)
            elif length == _UNDEFINED:
                value, position = self._as_it_is(start)
                parts += (self._content_head(tag, _UNDEFINED), value)
                continue
            else:
                value, position = self._value(start, length)
            parts += (self._content_head(tag, len(value)), value)
        return b"".join(parts), position

    def _sequence(self, position: int, length: int, depth: int) -> tuple[bytes, int]:
        """A sequence's items, with defined lengths."""
        if depth > _DEEPEST:
            raise ValueError("sequences lie too deep")
        end = len(self._content) if length == _UNDEFINED else position + length
        parts: list[bytes] = []
        while position < end:
            tag, item_length = self._tag(position), self._number(position + 4)
            position += 8
            if tag == _SEQUENCE_END:
                break
            if tag != _ITEM:
                raise ValueError("a sequence holds something else than items")
            item_end = end if item_length == _UNDEFINED else position + item_length
            value, position = self.elements(position, item_end, depth)
            parts += (self._content_head(_ITEM, len(value)), value)
        return b"".join(parts), position

    def _as_it_is(self, position: int) -> tuple[bytes, int]:
        """An unknown value of undefined length, which is implicit already (PS3.5 6.2.2)."""
        end = self._end_of_implicit(position)
        return self._content[position:end], end

    def _end_of_implicit(self, position: int, depth: int = 0) -> int:
        if depth > _DEEPEST:
            raise ValueError("sequences lie too deep")
        while True:
            tag, length = self._tag(position), self._number(position + 4)
            position += 8
            if tag == _SEQUENCE_END:
                return position
            if length != _UNDEFINED:
                position += length
                continue
            while self._tag(position) != _ITEM_END:  # of this item
                inner = self._number(position + 4)
                position += 8
                if inner == _UNDEFINED:
                    position = self._end_of_implicit(position, depth + 1)
                else:
                    position += inner
            position += 8

    def _head(self, position: int) -> tuple[bytes, int, int]:
        """VR, length, and where the value begins."""
        vr = self._content[position + 4 : position + 6]
        if vr in _LONG_HEADS:
            return vr, self._number(position + 8), position + 12
        return vr, struct.unpack_from("<H", self._content, position + 6)[0], position + 8

    def _value(self, position: int, length: int) -> tuple[bytes, int]:
        end = position + length
        if end > len(self._content):
            raise ValueError("the data set ends inside an element")
        return self._content[position:end], end

    def _tag(self, position: int) -> int:
        group, element = struct.unpack_from("<HH", self._content, position)
        return int(group << 16 | element)

    def _number(self, position: int) -> int:
        return int(struct.unpack_from("<L", self._content, position)[0])

    @staticmethod
    def _content_head(tag: int, length: int) -> bytes:
        return struct.pack("<HHL", tag >> 16, tag & 0xFFFF, length)


def batches(objects: list[OutgoingObject], most: int) -> Iterator[list[OutgoingObject]]:
    """Objects in their order, in lots whose kinds fit into so many presentation contexts."""
    lot: list[OutgoingObject] = []
    kinds: set[tuple[str, str]] = set()
    for one in objects:
        needed = kinds | {(one.sop_class_uid, choice) for choice in one.choices}
        if lot and len(needed) > most:
            yield lot
            lot, needed = [], {(one.sop_class_uid, choice) for choice in one.choices}
        lot, kinds = [*lot, one], needed
    if lot:
        yield lot
