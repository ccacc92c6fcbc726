"""Where a piece of bulk data lies in its object."""

from dataclasses import dataclass

from viewer.dicomweb.elements import (
    IMPLICIT,
    ITEM,
    PIXEL_DATA_TAGS,
    UNDEFINED,
    ArchivedFile,
    Broken,
    Element,
    Encoding,
    Read,
    after,
    element_at,
    limited,
    vr_of,
)
from viewer.dicomweb.json_model import MAX_DEPTH
from worklist.errors import VigieError
from worklist.views import UnknownInstance


class InvalidBulkData(VigieError, ValueError):
    """An address of bulk data that this node never gave out."""


class UnknownBulkData(UnknownInstance):
    """The object has no such attribute, or it is a sequence."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BulkData:
    """One value, as it lies in the file."""

    vr: str
    value_at: int
    length: int
    encoding: Encoding
    is_encapsulated: bool = False  # pixel data in fragments: see `pixels.stored_frame`


def parse_address(address: str) -> tuple[int, ...]:
    """Tag, and for nested ones: tag/item/tag/item/tag; items count from 0."""
    parts = address.split("/")
    if len(parts) % 2 == 0 or len(parts) > 2 * MAX_DEPTH + 1:
        raise InvalidBulkData("bulk data is addressed by a tag, or by tag/item/tag")
    found = []
    for place, part in enumerate(parts):
        is_tag = place % 2 == 0
        digits = "0123456789ABCDEF" if is_tag else "0123456789"
        if not part or set(part) - set(digits) or (len(part) != 8 if is_tag else len(part) > 9):
            raise InvalidBulkData("bulk data is addressed by a tag, or by tag/item/tag")
        found.append(int(part, 16 if is_tag else 10))
    return tuple(found)


def find_bulk_data(file: ArchivedFile, address: tuple[int, ...]) -> BulkData:
    """Where the value lies.

    Raises
    ------
    UnknownBulkData
        If there is none.
    TooManyElements
        If too many lie before it.
    """
    read = limited(file.read)
    position, end, encoding = file.start, file.size, file.encoding
    try:
        element = _find(read, position, end, encoding, address[0])
        for place in range(1, len(address), 2):
            inner = IMPLICIT if element.vr == "UN" else encoding
            position, end = _item(read, element, end, inner, address[place])
            encoding = inner
            element = _find(read, position, end, encoding, address[place + 1])
    except Broken as error:
        raise UnknownBulkData("the object has no such bulk data") from error
    is_pixels = element.tag in PIXEL_DATA_TAGS and len(address) == 1
    if element.length == UNDEFINED and not is_pixels:
        raise UnknownBulkData("a sequence is no bulk data")
    is_encapsulated = element.length == UNDEFINED
    return BulkData(
        vr=element.vr or vr_of(element.tag).split(" or ")[-1],
        value_at=element.value_at,
        length=0 if is_encapsulated else min(element.length, file.size - element.value_at),
        encoding=encoding,
        is_encapsulated=is_encapsulated,
    )


def _find(read: Read, position: int, end: int, encoding: Encoding, tag: int) -> Element:
    """The first element of a tag, as it is described."""
    while position + 8 <= end:
        element = element_at(read, position, encoding)
        if element.tag == tag:
            return element
        if element.tag >> 16 == 0xFFFE:
            break
        position = after(read, element, encoding, end)
    raise Broken


def _item(
    read: Read, sequence: Element, end: int, encoding: Encoding, number: int
) -> tuple[int, int]:
    """Where the content of an item starts, and where it ends at the latest."""
    position = sequence.value_at
    if sequence.length != UNDEFINED:
        end = min(end, sequence.value_at + sequence.length)
    for _ in range(number):
        position = _after_item(read, position, encoding, end)
    item = element_at(read, position, encoding)
    if item.tag != ITEM or position + 8 > end:
        raise Broken
    return item.value_at, end if item.length == UNDEFINED else item.value_at + item.length


def _after_item(read: Read, position: int, encoding: Encoding, end: int) -> int:
    item = element_at(read, position, encoding)
    if item.tag != ITEM or position + 8 > end:
        raise Broken
    if item.length != UNDEFINED:
        return item.value_at + item.length
    position = item.value_at
    while position + 8 <= end:
        element = element_at(read, position, encoding)
        if element.tag >> 16 == 0xFFFE:  # its end
            return element.value_at
        position = after(read, element, encoding, end)
    raise Broken
