"""Unique identifiers as bytes from outside (PS3.5 sections 6.2 and 9.1)."""

from typing import TypeVar

from worklist.errors import InvalidUID
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID

AnyUID = TypeVar("AnyUID", StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID)


def uid_from_bytes(kind: type[AnyUID], value: bytes) -> AnyUID:
    """Check a UID that came from outside.

    Tolerant of what devices send: trailing NUL and space padding, any number of them, and
    leading spaces. Nothing else: the result can serve as a path component.

    Raises
    ------
    InvalidUID
        If it is none.
    """
    stripped = value.rstrip(b"\0 ").lstrip(b" ")
    try:
        return kind(stripped.decode("ascii"))
    except UnicodeDecodeError as error:
        raise InvalidUID(f"not a DICOM UID: {stripped[:80]!r}") from error


def padded(value: bytes, padding: bytes) -> bytes:
    """Make the length even, as every value's must be (PS3.5 section 6.2)."""
    return value + padding if len(value) % 2 else value


def any_uid_from_bytes(value: bytes) -> str:
    """Check a UID of another kind (SOP class, transfer syntax) in the same way.

    Raises
    ------
    InvalidUID
        If it is none.
    """
    return str(uid_from_bytes(SOPInstanceUID, value))
