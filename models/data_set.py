"""Reading archived DICOM files that nobody vouches for: bounded, quiet, and one kind of error.

What lies in the archive came from the network (P9). A file may claim anything: it is read
here with limits, and whatever pydicom trips over becomes ``UnreadableDataSet``.
"""

import hashlib
import math
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from pydicom import dcmread
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filereader import read_dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag
from pydicom.uid import DeflatedExplicitVRLittleEndian

from models.inflated import Inflated, TooLarge

# All that pydicom, its codecs and numpy were seen to raise on hostile bytes. RuntimeError
# covers RecursionError (deep sequences) and what pydicom raises when every codec failed.
MALFORMED = (
    ArithmeticError,
    AttributeError,
    BufferError,
    BytesLengthException,
    EOFError,
    InvalidDicomError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
    AssertionError,
)
_LONG_VALUE_REPRESENTATIONS = frozenset({b"OB", b"OW", b"UN", b"SQ", b"UT", b"UC", b"UR"})
_PIXEL_DATA_GROUP = 0x7FE0
_HEADER_LIMIT_BYTES = 64 * 2**20  # of a deflated data set without its pixels
_PIXEL_SIZE_TAGS = [
    tag
    for tag in map(
        tag_for_keyword, ("SamplesPerPixel", "NumberOfFrames", "Rows", "Columns", "BitsAllocated")
    )
    if tag is not None
]


class UnreadableDataSet(Exception):
    """A file that cannot be read as DICOM; the text says why, for people."""


@contextmanager
def quiet() -> Iterator[None]:
    """Let pydicom grumble about values that break the standard without telling anyone.

    What matters of it comes back as a value that is None or as an error with a reason.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def describe(error: BaseException) -> str:
    """One short line on an error, for a reason."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:197] + "..."


def read_data_set(
    path: Path, *, limit_bytes: int = 0, specific_tags: list[int] | None = None, pixels: bool = True
) -> Dataset:
    """Read one Part 10 file (PS3.10), with ``file_meta`` set.

    Parameters
    ----------
    limit_bytes
        What the pixels of a deflated data set (PS3.5 A.5) may take. A few bytes can claim
        gigabytes, so it is inflated no further than its own header claims, and not at all if
        that is beyond the limit.
    specific_tags
        Read these alone; None: all.
    pixels
        False stops in front of the pixel data.

    Raises
    ------
    UnreadableDataSet
        If the file is missing, is not DICOM, or is broken.
    """
    try:
        with path.open("rb") as file:
            transfer_syntax_uid, offset = _scan_file_meta(file)
            if transfer_syntax_uid == DeflatedExplicitVRLittleEndian:
                if pixels:
                    return _read_deflated(file, offset, limit_bytes, specific_tags)
                return _read_deflated_header(file, offset, specific_tags)
            file.seek(0)
            return dcmread(file, specific_tags=specific_tags, stop_before_pixels=not pixels)
    except FileNotFoundError:
        raise UnreadableDataSet("the file is not in the archive") from None
    except MALFORMED as error:
        raise UnreadableDataSet(f"the file cannot be read: {describe(error)}") from error


def _read_deflated(
    file: BinaryIO, offset: int, limit_bytes: int, specific_tags: list[int] | None
) -> Dataset:
    """The whole data set, as far as its header gives it a right to be large."""
    claimed_bytes = _claimed_pixel_bytes(_read_deflated_header(file, offset, _PIXEL_SIZE_TAGS))
    if claimed_bytes > limit_bytes:
        raise UnreadableDataSet(
            f"the deflated pixels take {claimed_bytes} bytes, the limit is {limit_bytes}"
        )
    inflated = Inflated(file, offset, limit_bytes=claimed_bytes + _HEADER_LIMIT_BYTES)
    return _parse_inflated(inflated, specific_tags)


def _read_deflated_header(file: BinaryIO, offset: int, specific_tags: list[int] | None) -> Dataset:
    def at_pixels(tag: BaseTag, _vr: str | None, _length: int) -> bool:
        return tag.group == _PIXEL_DATA_GROUP

    inflated = Inflated(file, offset, limit_bytes=_HEADER_LIMIT_BYTES)
    return _parse_inflated(inflated, specific_tags, at_pixels)


def _parse_inflated(
    inflated: Inflated,
    specific_tags: list[int] | None,
    stop_when: Callable[[BaseTag, str | None, int], bool] | None = None,
) -> Dataset:
    try:
        data_set = read_dataset(
            cast(BinaryIO, inflated), False, True, stop_when=stop_when, specific_tags=specific_tags
        )
    except TooLarge as error:
        raise UnreadableDataSet(str(error)) from error
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    return data_set


def _claimed_pixel_bytes(header: Dataset) -> int:
    """What the Image Pixel module says of the size of the pixels (PS3.3 C.7.6.3); at least 0."""
    rows, columns, bits_allocated = (
        max(0, integer_of(header, keyword) or 0) for keyword in ("Rows", "Columns", "BitsAllocated")
    )
    samples_per_pixel, number_of_frames = (
        max(1, integer_of(header, keyword) or 1)
        for keyword in ("SamplesPerPixel", "NumberOfFrames")
    )
    bits = rows * columns * samples_per_pixel * number_of_frames * bits_allocated
    return -(-bits // 8)


def data_set_sha256(path: Path) -> str:
    """SHA-256 in hex over the data set as received: all that follows the file meta.

    Raises
    ------
    UnreadableDataSet
        If the file is missing or has no file meta information.
    """
    try:
        with path.open("rb") as file:
            _, offset = _scan_file_meta(file)
            file.seek(offset)
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise UnreadableDataSet("the file is not in the archive") from None
    except (OSError, struct.error) as error:
        raise UnreadableDataSet(f"the file cannot be read: {describe(error)}") from error


def _scan_file_meta(file: BinaryIO) -> tuple[str, int]:
    """Transfer syntax UID, and where the first element behind group 0002 starts (PS3.10 7.1)."""
    file.seek(128)
    if file.read(4) != b"DICM":
        raise UnreadableDataSet("the file has no DICOM preamble")
    transfer_syntax_uid = ""
    while True:
        start = file.tell()
        head = file.read(8)
        if len(head) < 8 or head[:2] != b"\x02\x00":
            return transfer_syntax_uid, start
        if head[4:6] in _LONG_VALUE_REPRESENTATIONS:
            (length,) = struct.unpack("<L", file.read(4))
        else:
            (length,) = struct.unpack("<H", head[6:8])
        if head[2:4] == b"\x10\x00":
            transfer_syntax_uid = file.read(length).rstrip(b"\0 ").decode("ascii", "replace")
        else:
            file.seek(length, 1)


def value_of(data_set: Dataset, keyword: str) -> Any:
    """The value of one attribute; None where absent, empty or not what its VR allows."""
    try:
        return data_set.get(keyword)
    except MALFORMED:
        return None


def text_of(data_set: Dataset, keyword: str) -> str:
    """The attribute as one text, values joined by backslashes; empty where absent."""
    value = value_of(data_set, keyword)
    if value is None:
        return ""
    if isinstance(value, MultiValue):
        return "\\".join(str(item) for item in value).strip()
    return str(value).strip()


def numbers_of(data_set: Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    """The first ``count`` values as finite floats; None where there are fewer."""
    value = value_of(data_set, keyword)
    items = list(value) if isinstance(value, MultiValue | list) else [value]
    try:
        numbers = tuple(float(item) for item in items[:count])
    except (TypeError, ValueError, OverflowError):
        return None
    return numbers if len(numbers) == count and all(map(math.isfinite, numbers)) else None


def number_of(data_set: Dataset, keyword: str) -> float | None:
    """The first value as a finite float."""
    numbers = numbers_of(data_set, keyword, 1)
    return numbers[0] if numbers else None


def integer_of(data_set: Dataset, keyword: str) -> int | None:
    """The first value as an integer."""
    number = number_of(data_set, keyword)
    return None if number is None else int(number)


def items_of(data_set: Dataset, keyword: str) -> list[Dataset]:
    """The items of a sequence; none where it is absent or no sequence."""
    value = value_of(data_set, keyword)
    try:
        return [item for item in value or () if isinstance(item, Dataset)]
    except MALFORMED:
        return []


def functional_group(data_set: Dataset, frame_index: int, sequence: str) -> Dataset:
    """One functional group macro of one frame of an enhanced object (PS3.3 C.7.6.16).

    The frame's own comes before the shared one; the data set itself stands in for objects
    that have none, so that the same attribute names work on classic objects.
    """
    for groups, index in (
        ("PerFrameFunctionalGroupsSequence", frame_index),
        ("SharedFunctionalGroupsSequence", 0),
    ):
        group = _item_of(data_set, groups, index)
        found = None if group is None else _item_of(group, sequence, 0)
        if found is not None:
            return found
    return data_set


def _item_of(data_set: Dataset, keyword: str, index: int) -> Dataset | None:
    """One item of a sequence, without touching the others: there may be thousands."""
    try:
        item = data_set[keyword][index]
    except MALFORMED:
        return None
    return item if isinstance(item, Dataset) else None
