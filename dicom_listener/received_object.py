"""A received file opened: its file meta information, its digest, and its header's raw values."""

import hashlib
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

from dicom_listener.errors import UnreadableObject
from dicom_listener.header import Encoding, Read, scan
from dicom_listener.text import clean_text
from dicom_listener.uid import any_uid_from_bytes
from worklist.errors import InvalidUID

_IMPLICIT_LITTLE = "1.2.840.10008.1.2"
_EXPLICIT_BIG = "1.2.840.10008.1.2.2"
_DEFLATED = "1.2.840.10008.1.2.1.99"
_META = Encoding(is_explicit=True, is_little_endian=True)
_META_TAGS = frozenset({0x00020002, 0x00020003, 0x00020010, 0x00020017, 0x00020026})
_MAX_META_BYTES = 1024 * 1024
_MAX_INFLATED_BYTES = 64 * 1024**2  # of a deflated header; a bomb stops here
_CHUNK_BYTES = 1024 * 1024
_WINDOW_BYTES = 65536


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceivedObject:
    """What a file of the inbox holds, before anything is believed."""

    command_sop_class_uid: bytes  # of the C-STORE command, as sent
    command_sop_instance_uid: bytes
    transfer_syntax_uid: str
    calling_ae_title: str
    sender_address: str
    is_little_endian: bool
    elements: dict[int, bytes]  # the wanted top-level values of the data set


@dataclass(frozen=True, slots=True)
class Digest:
    """Of the data set as received, without preamble and file meta information."""

    sha256: str  # hex
    size_bytes: int


def data_set_digest(path: Path) -> Digest:
    """Hash the data set of a file; of a file without a readable header, all of it.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        try:
            offset = _meta(_reader(file.fileno()), size)[1]
        except UnreadableObject:
            offset = 0
        file.seek(offset)
        digest = hashlib.sha256()
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return Digest(digest.hexdigest(), size - offset)


def transfer_syntax_of(path: Path) -> str:
    """The transfer syntax a file declares; empty if it has no readable header."""
    try:
        return _transfer_syntax_uid(_meta_of(path))
    except UnreadableObject:
        return ""


def sender_of(path: Path) -> tuple[str, str]:
    """(calling AE title, address) a file declares; empty if it has no readable header."""
    try:
        meta = _meta_of(path)
    except UnreadableObject:
        return "", ""
    return _calling_ae_title(meta), _address(meta)


def _meta_of(path: Path) -> dict[int, bytes]:
    with path.open("rb", buffering=0) as file:
        return _meta(_reader(file.fileno()), os.fstat(file.fileno()).st_size)[0]


def open_received(path: Path, wanted: frozenset[int]) -> ReceivedObject:
    """Read the file meta information and the wanted top-level elements of a file.

    Raises
    ------
    UnreadableObject
        If it cannot be read; the message says why.
    OSError
        If the file cannot be read at all.
    """
    with path.open("rb", buffering=0) as file:
        read = _reader(file.fileno())
        size = os.fstat(file.fileno()).st_size
        meta, offset = _meta(read, size)
        transfer_syntax_uid = _transfer_syntax_uid(meta)
        encoding = _encoding(transfer_syntax_uid)
        start, end = offset, size
        if transfer_syntax_uid == _DEFLATED:
            inflated = _inflate(read, offset, size)
            read, start, end = _over(inflated), 0, len(inflated)
        elements = scan(read, start=start, size=end, encoding=encoding, wanted=wanted)
    return ReceivedObject(
        command_sop_class_uid=meta.get(0x00020002, b""),
        command_sop_instance_uid=meta.get(0x00020003, b""),
        transfer_syntax_uid=transfer_syntax_uid,
        calling_ae_title=_calling_ae_title(meta),
        sender_address=_address(meta),
        is_little_endian=encoding.is_little_endian,
        elements=elements,
    )


def _meta(read: Read, size: int) -> tuple[dict[int, bytes], int]:
    """The wanted file meta elements, and where the data set starts (PS3.10 section 7.1)."""
    start = read(0, 144)
    if start[128:132] != b"DICM" or start[132:140] != b"\x02\0\0\0UL\x04\0" or len(start) < 144:
        raise UnreadableObject("the file has no DICOM file header")
    length = int.from_bytes(start[140:144], "little")
    end = 144 + length
    if length > _MAX_META_BYTES or end > size:
        raise UnreadableObject("the file meta information is longer than the file")
    return scan(read, start=144, size=end, encoding=_META, wanted=_META_TAGS), end


def _transfer_syntax_uid(meta: dict[int, bytes]) -> str:
    try:
        return any_uid_from_bytes(meta.get(0x00020010, b""))
    except InvalidUID as error:
        raise UnreadableObject(f"the transfer syntax is {error}") from error


def _encoding(transfer_syntax_uid: str) -> Encoding:
    """All but three transfer syntaxes are Explicit VR Little Endian (PS3.5 annex A)."""
    return Encoding(
        is_explicit=transfer_syntax_uid != _IMPLICIT_LITTLE,
        is_little_endian=transfer_syntax_uid != _EXPLICIT_BIG,
    )


def _calling_ae_title(meta: dict[int, bytes]) -> str:
    return clean_text(meta.get(0x00020017, b"").decode("ascii", "replace"))


def _address(meta: dict[int, bytes]) -> str:
    text = clean_text(meta.get(0x00020026, b"").decode("ascii", "replace"))
    return text.removeprefix("dicom://").strip("[]")


def _inflate(read: Read, position: int, size: int) -> bytes:
    """The beginning of a deflated data set (PS3.5 annex A.5)."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    inflated = bytearray()
    try:
        while position < size and len(inflated) < _MAX_INFLATED_BYTES and not inflater.eof:
            chunk = read(position, _WINDOW_BYTES)
            position += len(chunk)
            inflated += inflater.decompress(chunk, _MAX_INFLATED_BYTES - len(inflated))
    except zlib.error as error:
        raise UnreadableObject(f"the deflated data set is broken: {error}") from error
    return bytes(inflated)


def _over(content: bytes) -> Read:
    return lambda position, length: content[position : position + length]


def _reader(descriptor: int) -> Read:
    """Random access through a window, so that most elements cost no system call."""
    window = b""
    window_at = 0

    def read(position: int, length: int) -> bytes:
        nonlocal window, window_at
        offset = position - window_at
        if offset < 0 or offset + length > len(window):
            window = os.pread(descriptor, max(length, _WINDOW_BYTES), position)
            window_at = position
            offset = 0
        return window[offset : offset + length]

    return read
