"""Values of elements as the DICOM JSON model writes them (PS3.18 annex F.2.3).

What cannot be understood is null: a malformed number costs that number, and no accident.
"""

import base64
import math
import re
import struct
import warnings
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from pydicom.charset import convert_encodings, decode_bytes

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_LONGEST_NUMBER = 64  # characters; DS allows 16
_LARGEST_EXACT = 2**53  # integers beyond it are no numbers in JavaScript
_BINARY = {"US": "H", "SS": "h", "UL": "L", "SL": "l", "FL": "f", "FD": "d", "SV": "q", "UV": "Q"}
_WORD_BYTES = {"OW": 2, "OL": 4, "OF": 4, "OD": 8, "OV": 8}
_NUMBER_BYTES = {"US": 2, "SS": 2, "AT": 2, "UL": 4, "SL": 4, "FL": 4, "FD": 8, "SV": 8, "UV": 8}
_BYTES = frozenset({"OB", "OW", "OL", "OF", "OD", "OV", "UN"})
_IN_CHARACTER_SET = frozenset({"LO", "SH", "LT", "ST", "UT", "UC", "PN"})
_ONE_VALUE = frozenset({"LT", "ST", "UT", "UR"})
_PN_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
DEFAULT_CHARACTER_SETS: tuple[str, ...] = ("",)


def is_bytes(vr: str) -> bool:
    """Whether values of this VR are bytes, for which the JSON model has no values."""
    return vr in _BYTES


def character_sets(value: bytes) -> tuple[str, ...]:
    """The terms of Specific Character Set (0008,0005)."""
    terms = value.decode("ascii", "replace").strip("\0 ").split("\\")
    return tuple(term.strip() for term in terms)


def little_endian(vr: str, value: bytes, *, is_little_endian: bool) -> bytes:
    """Bytes of a VR in the order in which they are handed out."""
    size = _WORD_BYTES.get(vr, 1)
    if is_little_endian or size == 1:
        return value
    whole = len(value) // size * size
    swapped = bytearray(whole)
    for index in range(size):
        swapped[index::size] = value[size - 1 - index : whole : size]
    return bytes(swapped) + value[whole:]


def in_little_endian(vr: str, value: bytes, *, is_little_endian: bool) -> bytes:
    """Any value in that order, numbers too."""
    words = {1: "OB", 2: "OW", 4: "OL", 8: "OV"}[_NUMBER_BYTES.get(vr, _WORD_BYTES.get(vr, 1))]
    return little_endian(words, value, is_little_endian=is_little_endian)


def inline_binary(value: bytes) -> str:
    """Short bytes inside of the JSON (F.2.7)."""
    return base64.b64encode(value).decode("ascii")


def json_values(
    vr: str, value: bytes, sets: tuple[str, ...], *, is_little_endian: bool
) -> list[Any]:
    """The values of an element that is neither bytes nor a sequence; empty if it has none."""
    if vr in _BINARY:
        return _binary(_BINARY[vr], value, "<" if is_little_endian else ">")
    if vr == "AT":
        order = "<" if is_little_endian else ">"
        halves = struct.unpack(f"{order}{len(value) // 4 * 2}H", value[: len(value) // 4 * 4])
        pairs = zip(halves[::2], halves[1::2], strict=True)
        return [f"{group:04X}{number:04X}" for group, number in pairs]
    text = _decoded(value, sets if vr in _IN_CHARACTER_SET else DEFAULT_CHARACTER_SETS)
    if vr in _ONE_VALUE:
        text = text.rstrip(" \0")
        return [text] if text else []
    read = _READ.get(vr, _text)
    values = [read(part) for part in text.rstrip(" \0").split("\\")]
    return values if any(one is not None for one in values) else []


def _binary(code: str, value: bytes, order: str) -> list[Any]:
    count = len(value) // struct.calcsize(order + code)
    numbers = struct.unpack_from(f"{order}{count}{code}", value)
    if code in "fd":
        return [one if math.isfinite(one) else _not_finite(one) for one in numbers]
    if code in "qQ":
        return [one if abs(one) < _LARGEST_EXACT else str(one) for one in numbers]
    return list(numbers)


def _not_finite(number: float) -> str:
    """As a string, for JSON has no number for it."""
    return "NaN" if math.isnan(number) else ("inf" if number > 0 else "-inf")


def _text(part: str) -> str | None:
    return part.strip(" \0") or None


def _number(part: str) -> int | float | None:
    """A Decimal String; whole numbers without a point."""
    part = part.strip(" \0")
    if len(part) > _LONGEST_NUMBER or not _NUMBER.fullmatch(part):
        return None
    number = float(part)
    if not math.isfinite(number):
        return None
    is_whole = abs(number) < _LARGEST_EXACT and number.is_integer() and "." not in part
    return int(number) if is_whole else number


def _integer(part: str) -> int | None:
    """An Integer String; devices write 12.0, too."""
    number = _number(part)
    if number is None or number != int(number) or abs(number) >= _LARGEST_EXACT:
        return None
    return int(number)


def _name(part: str) -> dict[str, str] | None:
    """A person's name by its component groups (PS3.5 section 6.2.1)."""
    groups = zip(_PN_GROUPS, part.split("="), strict=False)
    named = {group: text.strip(" \0") for group, text in groups}
    return {group: text for group, text in named.items() if text} or None


_READ: dict[str, Callable[[str], Any]] = {"DS": _number, "IS": _integer, "PN": _name}


def _decoded(value: bytes, sets: tuple[str, ...]) -> str:
    """Decode a text (PS3.5 section 6.1); wrong declarations cost characters, not errors."""
    if value.isascii() and b"\x1b" not in value:
        return value.decode("ascii")
    with warnings.catch_warnings():  # pydicom warns of what it replaces
        warnings.simplefilter("ignore")
        try:
            text = decode_bytes(value, _encodings(sets), {0x5C, 0x5E, 0x3D})
        except (LookupError, ValueError):
            text = value.decode("latin-1")
    return text.encode("utf-8", "replace").decode("utf-8")  # no half surrogates


@lru_cache(maxsize=256)
def _encodings(sets: tuple[str, ...]) -> Sequence[str]:
    return convert_encodings(list(sets) or [""])
