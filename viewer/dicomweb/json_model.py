"""An archived object in the DICOM JSON model (PS3.18 annex F), without its bulk data.

Written straight from the file's bytes: a general reader that builds objects first takes several
times as long, and a series has hundreds of them.
"""

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from viewer.dicomweb.elements import (
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
    after,
    element_at,
    vr_of,
)
from viewer.dicomweb.values import (
    DEFAULT_CHARACTER_SETS,
    character_sets,
    inline_binary,
    is_bytes,
    json_values,
    little_endian,
)
from viewer.ports import CannotDecode

VERSION = 1  # of what is written; raise it when an object is written differently
MAX_DEPTH = 64  # of sequences in sequences; what lies deeper is left out
MAX_ELEMENTS = 2_000_000  # enhanced objects have some forty for each frame
LONGEST_INLINE_BYTES = 4096  # longer bytes are bulk data
LONGEST_TEXT_BYTES = 65536  # longer values of any VR are bulk data

_SPECIFIC_CHARACTER_SET = 0x00080005
_PIXEL_REPRESENTATION = 0x00280103
_AVAILABLE_TRANSFER_SYNTAX_UID = "00083002"
_BULK_DATA_URI = b'"BulkDataURI":"'


@dataclass(frozen=True, kw_only=True, slots=True)
class ToDescribe:
    """An object to be described."""

    path: Path
    address: str  # relative to the base of the service: studies/../instances/..


def describe(objects: Sequence[ToDescribe]) -> list[bytes | None]:
    """Each object as JSON, None for one that cannot be read at all.

    Bulk data is addressed relative to the base of the service.
    """
    return [_described(one) for one in objects]


def with_base(content: bytes, base: str) -> bytes:
    """The same with whole addresses.

    A quotation mark inside of a JSON string is escaped, so that what is replaced here can be
    nothing but a name of a member.
    """
    quoted = json.dumps(f"{base}/")[1:-1].encode()
    return content.replace(_BULK_DATA_URI, _BULK_DATA_URI + quoted)


def _described(one: ToDescribe) -> bytes | None:
    try:
        with ArchivedFile(one.path) as file:
            return as_json(_Writer(file, f"{one.address}/bulkdata").write())
    except CannotDecode:
        return None


def as_json(content: object) -> bytes:
    """Compact, and in UTF-8."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(slots=True)
class _Scope:
    """What holds for the elements of one data set or item."""

    encoding: Encoding
    character_sets: tuple[str, ...]
    address: str  # of bulk data in it
    depth: int


class _Writer:
    def __init__(self, file: ArchivedFile, address: str) -> None:
        self._file = file
        self._read = file.read
        self._address = address
        self._left = MAX_ELEMENTS
        self._is_signed = False

    def write(self) -> dict[str, Any]:
        scope = _Scope(self._file.encoding, DEFAULT_CHARACTER_SETS, self._address, 0)
        found, _ = self._data_set(self._file.start, self._file.size, scope)
        found[_AVAILABLE_TRANSFER_SYNTAX_UID] = {
            "vr": "UI",
            "Value": [self._file.transfer_syntax_uid],
        }
        return dict(sorted(found.items()))

    def _data_set(self, position: int, end: int, scope: _Scope) -> tuple[dict[str, Any], int]:
        """The elements up to `end` or the end of an item, and where it goes on.

        Where the structure breaks, everything ends: it goes on at the end of the file.
        """
        found: dict[str, Any] = {}
        creators: dict[int, str] = {}  # by group and block (PS3.5 section 7.8.1)
        try:
            while position + 8 <= end:
                element = self._element(position, scope.encoding)
                if element.tag == ITEM_END:
                    return found, element.value_at
                name = f"{element.tag:08X}"
                if element.tag >> 16 == 0xFFFE:
                    raise Broken
                if element.tag & 0xFFFF == 0 or name in found:
                    position = after(self._read, element, scope.encoding, end)
                    continue
                vr = self._vr(element, creators)
                found[name], position = self._attribute(element, vr, scope, end)
                if element.tag >> 16 & 1 and 0x10 <= element.tag & 0xFFFF <= 0xFF:
                    creators[element.tag >> 16 << 8 | element.tag & 0xFF] = _text_of(found[name])
        except Broken:
            return found, self._file.size
        return found, position

    def _element(self, position: int, encoding: Encoding) -> Element:
        self._left -= 1
        if self._left < 0:
            raise Broken
        return element_at(self._read, position, encoding)

    def _vr(self, element: Element, creators: dict[int, str]) -> str:
        if element.vr not in ("", "UN"):
            return element.vr
        vr = vr_of(element.tag, creators.get(element.tag >> 8, ""))
        if " or " in vr:
            if "SS" in vr and element.length <= 16:
                return "SS" if self._is_signed else "US"
            return "OW" if "OW" in vr else "US"
        return vr

    def _attribute(
        self, element: Element, vr: str, scope: _Scope, end: int
    ) -> tuple[dict[str, Any], int]:
        """One attribute and where the next one starts."""
        address = f"{scope.address}/{element.tag:08X}"
        if element.tag in PIXEL_DATA_TAGS and element.length == UNDEFINED:
            is_last = scope.depth == 0  # its fragments need not be walked through
            over = end if is_last else after(self._read, element, scope.encoding, end)
            return {"vr": vr, "BulkDataURI": address}, over
        if element.length == UNDEFINED or vr == "SQ":
            return self._sequence(element, scope, address, end)
        position = element.value_at + element.length
        if element.length == 0:
            return {"vr": vr}, position
        longest = LONGEST_INLINE_BYTES if is_bytes(vr) else LONGEST_TEXT_BYTES
        if element.length > longest or element.tag in PIXEL_DATA_TAGS:
            return {"vr": vr, "BulkDataURI": address}, position
        value = self._read(element.value_at, element.length)
        return self._short(element, vr, value, scope), position

    def _short(self, element: Element, vr: str, value: bytes, scope: _Scope) -> dict[str, Any]:
        is_little_endian = scope.encoding.is_little_endian
        if is_bytes(vr):
            ordered = little_endian(vr, value, is_little_endian=is_little_endian)
            return {"vr": vr, "InlineBinary": inline_binary(ordered)}
        if element.tag == _SPECIFIC_CHARACTER_SET:
            scope.character_sets = character_sets(value)
            return {"vr": "CS", "Value": ["ISO_IR 192"]}  # that of the JSON
        try:
            values = json_values(vr, value, scope.character_sets, is_little_endian=is_little_endian)
        except (ValueError, struct.error):
            values = []
        if element.tag == _PIXEL_REPRESENTATION and values:
            self._is_signed = values[0] == 1
        return {"vr": vr, "Value": values} if values else {"vr": vr}

    def _sequence(
        self, element: Element, scope: _Scope, address: str, end: int
    ) -> tuple[dict[str, Any], int]:
        after_it = after(self._read, element, scope.encoding, end) if _ends(element) else None
        if scope.depth >= MAX_DEPTH:
            return {"vr": "SQ"}, after_it or after(self._read, element, scope.encoding, end)
        encoding = IMPLICIT if element.vr == "UN" else scope.encoding
        items: list[dict[str, Any]] = []
        position = element.value_at
        last = end if after_it is None else min(after_it, end)
        while position + 8 <= last:
            item = self._element(position, encoding)
            position = item.value_at
            if item.tag == SEQUENCE_END:
                break
            if item.tag != ITEM:
                items_end = after_it if after_it is not None else self._file.size
                return _sequence_of(items), items_end
            inner = _Scope(
                encoding, scope.character_sets, f"{address}/{len(items)}", scope.depth + 1
            )
            item_end = last if item.length == UNDEFINED else min(position + item.length, last)
            content, position = self._data_set(position, item_end, inner)
            items.append(content)
            if _ends(item):
                position = item.value_at + item.length
        return _sequence_of(items), position if after_it is None else after_it


def _ends(element: Element) -> bool:
    return element.length != UNDEFINED


def _sequence_of(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"vr": "SQ", "Value": items} if items else {"vr": "SQ"}


def _text_of(attribute: dict[str, Any]) -> str:
    values = attribute.get("Value", [])
    return values[0] if values and isinstance(values[0], str) else ""
