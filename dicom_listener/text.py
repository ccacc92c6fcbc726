"""Text from outside: decoded as well as possible, and harmless to store and show."""

import unicodedata
import warnings
from collections.abc import Iterator

from pydicom.charset import convert_encodings, decode_bytes

_MAX_TEXT = 1024  # characters; the longest VR kept (LO) allows 64


def decode_text(value: bytes, character_sets: list[str]) -> str:
    """Decode a text value (PS3.5 section 6.1); wrong declarations cost characters, not errors."""
    if value.isascii() and b"\x1b" not in value:
        return value.decode("ascii")
    with warnings.catch_warnings():  # pydicom warns of what it replaces
        warnings.simplefilter("ignore")
        try:
            encodings = convert_encodings(character_sets or [""])
            return decode_bytes(value, encodings, {0x5C, 0x5E, 0x3D})
        except (LookupError, ValueError):
            return value.decode("latin-1")


def clean_text(text: str) -> str:
    """Strip padding; drop what no database or screen should get (control characters)."""
    kept = "".join(_printable(text[: 4 * _MAX_TEXT]))
    return kept.strip()[:_MAX_TEXT]


def _printable(text: str) -> Iterator[str]:
    return (c for c in text if unicodedata.category(c) not in {"Cc", "Cs"})
