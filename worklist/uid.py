"""DICOM unique identifiers as types that cannot hold anything else (PS3.5 section 9.1)."""

import re
from typing import Self

from worklist.errors import InvalidUID

IMPLEMENTATION_CLASS_UID = "2.25.28737475897321514628284386494740145132"  # Vigie's (PS3.7 D.3.3.2)

_UID = re.compile(r"[0-9]+(?:\.[0-9]+)*", re.ASCII)


class _UID64(str):
    """At most 64 characters, digits in components joined by single dots.

    Tolerant in one way: a component may start with zero, which the standard forbids and
    devices send. What is left can always serve as one path component.

    Raises
    ------
    InvalidUID
        If the text is anything else, an empty one included.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        if len(text) > 64 or not _UID.fullmatch(text):
            raise InvalidUID(f"not a DICOM UID: {text[:80]!r}")
        return super().__new__(cls, text)


class StudyInstanceUID(_UID64):
    """Study Instance UID (0020,000D)."""

    __slots__ = ()


class SeriesInstanceUID(_UID64):
    """Series Instance UID (0020,000E)."""

    __slots__ = ()


class SOPInstanceUID(_UID64):
    """SOP Instance UID (0008,0018)."""

    __slots__ = ()


class TransactionUID(_UID64):
    """Transaction UID (0008,1195), which names one request for storage commitment."""

    __slots__ = ()
