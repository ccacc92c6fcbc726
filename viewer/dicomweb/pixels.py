"""Where the pixels of an archived object lie, and its frames as they are stored.

A frame of native pixel data is read from its place in the file; one of encapsulated pixel data is
put together from its fragments (PS3.5 annex A.4). Nothing is decoded here.
"""

from dataclasses import dataclass
from io import BufferedReader, FileIO
from pathlib import Path

from pydicom.encaps import get_frame

from viewer.dicomweb.accept import is_video
from viewer.dicomweb.elements import (
    EXPLICIT_LITTLE,
    MAX_ELEMENTS,
    NATIVE,
    PIXEL_DATA_TAGS,
    UNDEFINED,
    ArchivedFile,
    Broken,
    Element,
    TooManyElements,
    after,
    element_at,
    limited,
    vr_of,
)
from viewer.dicomweb.values import json_values, little_endian
from viewer.ports import CannotDecode
from worklist.views import UnknownInstance

LARGEST_FRAME_BYTES = 1024**3
_SAMPLES_PER_PIXEL = 0x00280002
_PHOTOMETRIC_INTERPRETATION = 0x00280004
_NUMBER_OF_FRAMES = 0x00280008
_ROWS = 0x00280010
_COLUMNS = 0x00280011
_BITS_ALLOCATED = 0x00280100
_OFFSETS = 0x7FE00001  # Extended Offset Table
_LENGTHS = 0x7FE00002
_WANTED = {
    _SAMPLES_PER_PIXEL: "US",
    _PHOTOMETRIC_INTERPRETATION: "CS",
    _NUMBER_OF_FRAMES: "IS",
    _ROWS: "US",
    _COLUMNS: "US",
    _BITS_ALLOCATED: "US",
}
_LONGEST_TABLE_BYTES = 16 * 1024**2
_MOST_FRAGMENTS = 400_000  # stepped over for one frame
_ITEM = b"\xfe\xff\x00\xe0"
# What pydicom was seen to raise on encapsulated pixel data that break the rules.
_MALFORMED = (ValueError, LookupError, ArithmeticError, TypeError, EOFError, OSError, MemoryError)


class UnknownFrame(UnknownInstance):
    """The object has no frame of this number."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredFrame:
    """One frame as it lies in its object."""

    content: bytes
    transfer_syntax_uid: str  # Explicit VR Little Endian for every native one
    number_of_frames: int

    @property
    def is_native(self) -> bool:
        """Whether it is pixels and no codestream."""
        return self.transfer_syntax_uid == EXPLICIT_LITTLE


@dataclass(frozen=True, kw_only=True, slots=True)
class PixelData:
    """The pixel data element of an object, and what its header says of the frames."""

    element: Element
    vr: str
    numbers: dict[int, int]
    photometric_interpretation: str
    tables: tuple[bytes, bytes] | None  # Extended Offset Table and its lengths

    @property
    def number_of_frames(self) -> int:
        """At least 1."""
        return max(1, self.numbers.get(_NUMBER_OF_FRAMES, 1))

    @property
    def frame_bits(self) -> int:
        """Of one frame of native pixel data."""
        samples = max(1, self.numbers.get(_SAMPLES_PER_PIXEL, 1))
        if self.photometric_interpretation == "YBR_FULL_422" and samples == 3:
            samples = 2  # two pixels share their chrominance (PS3.3 C.7.6.3.1.2)
        rows, columns = self.numbers.get(_ROWS, 0), self.numbers.get(_COLUMNS, 0)
        return rows * columns * samples * self.numbers.get(_BITS_ALLOCATED, 0)


def stored_frame(path: Path, frame_number: int) -> StoredFrame:
    """A frame (counts from 1) as it is stored; native ones in little endian order.

    A video is one codestream of all its frames, and stands for the first.

    Raises
    ------
    UnknownFrame
        If the object has fewer frames.
    CannotDecode
        If the object has no pixels, or they are not where its header says.
    """
    with ArchivedFile(path) as file:
        pixels = find_pixel_data(file)
        if frame_number > pixels.number_of_frames:
            raise UnknownFrame(f"the object has no frame {frame_number}")
        if file.transfer_syntax_uid in NATIVE or pixels.element.length != UNDEFINED:
            content = _native_frame(file, pixels, frame_number)
            transfer_syntax_uid = EXPLICIT_LITTLE
        else:
            frames = 1 if is_video(file.transfer_syntax_uid) else pixels.number_of_frames
            content = codestream(path, pixels, frame_number, frames)
            transfer_syntax_uid = file.transfer_syntax_uid
    return StoredFrame(
        content=content,
        transfer_syntax_uid=transfer_syntax_uid,
        number_of_frames=pixels.number_of_frames,
    )


def find_pixel_data(file: ArchivedFile, most_elements: int = MAX_ELEMENTS) -> PixelData:
    """The pixel data of the object itself, not those of an icon in it.

    Raises
    ------
    CannotDecode
        If it has none; as TooManyElements if too many lie before it.
    """
    read = limited(file.read, most_elements)
    numbers: dict[int, int] = {}
    photometric_interpretation = ""
    tables: dict[int, bytes] = {}
    position = file.start
    try:
        while position + 8 <= file.size:
            element = element_at(read, position, file.encoding)
            if element.tag in PIXEL_DATA_TAGS:
                return PixelData(
                    element=element,
                    vr=element.vr or vr_of(element.tag).split(" or ")[-1],
                    numbers=numbers,
                    photometric_interpretation=photometric_interpretation,
                    tables=_tables(tables),
                )
            if element.tag in _WANTED and element.length <= 64:
                value = _value(file, element)
                if isinstance(value, int):
                    numbers.setdefault(element.tag, value)
                elif isinstance(value, str):
                    photometric_interpretation = value
            elif element.tag in (_OFFSETS, _LENGTHS) and element.length <= _LONGEST_TABLE_BYTES:
                tables[element.tag] = file.read(element.value_at, element.length)
            position = after(read, element, file.encoding, file.size)
    except Broken:
        pass
    raise CannotDecode("the object holds no pixel data")


def _value(file: ArchivedFile, element: Element) -> object:
    raw = file.read(element.value_at, element.length)
    values = json_values(
        _WANTED[element.tag], raw, ("",), is_little_endian=file.encoding.is_little_endian
    )
    return values[0] if values else None


def _tables(found: dict[int, bytes]) -> tuple[bytes, bytes] | None:
    offsets, lengths = found.get(_OFFSETS, b""), found.get(_LENGTHS, b"")
    return (offsets, lengths) if offsets and lengths else None


def _native_frame(file: ArchivedFile, pixels: PixelData, frame_number: int) -> bytes:
    bits = pixels.frame_bits
    if not 0 < bits <= 8 * LARGEST_FRAME_BYTES:
        raise CannotDecode(f"a frame of {bits // 8} bytes is none that can be served")
    first_bit = bits * (frame_number - 1)
    start, end = first_bit // 8, -(-(first_bit + bits) // 8)
    if end > min(pixels.element.length, file.size - pixels.element.value_at):
        raise CannotDecode(f"the pixel data end before frame {frame_number}")
    content = file.read(pixels.element.value_at + start, end - start)
    if bits % 8:
        return _from_bit(content, first_bit % 8, bits)
    words = "OW" if pixels.numbers.get(_BITS_ALLOCATED) == 16 else pixels.vr
    if pixels.numbers.get(_BITS_ALLOCATED) in (32, 64):
        words = {32: "OL", 64: "OV"}[pixels.numbers[_BITS_ALLOCATED]]
    return little_endian(words, content, is_little_endian=file.encoding.is_little_endian)


def _from_bit(content: bytes, first: int, count: int) -> bytes:
    """Bits from the middle of a byte on, moved to the beginning (PS3.5 section 8.1.1)."""
    bits = (int.from_bytes(content, "little") >> first) & ((1 << count) - 1)
    return bits.to_bytes(-(-count // 8), "little")


class _Counting(BufferedReader):
    """A file whose fragments end, however many there are; a frame's may be read at once."""

    _left = 2 * _MOST_FRAGMENTS  # each takes two reads

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(size)
        self._left -= 1 + 2 * content.count(_ITEM)
        if self._left < 0:
            raise TooManyElements(f"the pixel data has more than {_MOST_FRAGMENTS} fragments")
        return content


def codestream(path: Path, pixels: PixelData, frame_number: int, number_of_frames: int) -> bytes:
    """One frame of encapsulated pixel data, put together from its fragments.

    Raises
    ------
    CannotDecode
        If it is not there.
    """
    try:
        with _Counting(FileIO(path)) as stream:
            stream.seek(pixels.element.value_at + 4)
            if int.from_bytes(stream.read(4), "little") > _LONGEST_TABLE_BYTES:
                raise CannotDecode("the table of the frames is too long")
            stream.seek(pixels.element.value_at)
            return get_frame(
                stream,
                frame_number - 1,
                number_of_frames=number_of_frames,
                extended_offsets=pixels.tables,
            )
    except _MALFORMED as error:
        raise CannotDecode(f"frame {frame_number} is not in the pixel data") from error
