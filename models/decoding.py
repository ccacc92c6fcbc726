"""Pixel data to stored values: every transfer syntax that can be decoded, nothing believed.

pydicom's decoders come first; what they refuse (lossless, 12-bit and progressive JPEG, HTJ2K,
JPEG XL, mislabelled streams) goes by the signature of its codestream to imagecodecs.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import imagecodecs
import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID

from models.codestreams import (
    JPEG_2000_START,
    JPEG_LS_FRAME,
    JPEG_START,
    declared_precision,
    declared_size,
    jpeg_frame_header,
)
from models.data_set import MALFORMED, describe, integer_of, quiet, text_of, value_of

# GDCM ends the whole process on some broken JPEG and JPEG 2000 streams (std::terminate).
_CRASHING_PLUGINS = frozenset({"gdcm"})
_WORDS = frozenset({8, 16, 32})  # bits, of which a sample may take the upper part
_JPEG_XL_STARTS = (b"\xff\x0a", b"\x00\x00\x00\x0cJXL ")
_JPEG_LOSSLESS_FRAME = 0xC3


class UndecodableImage(Exception):
    """Pixels that cannot be had; the text says why, for people."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ImagePixel:
    """The Image Pixel module (PS3.3 C.7.6.3) of one object, checked before it is believed."""

    transfer_syntax_uid: UID
    rows: int
    columns: int
    number_of_frames: int
    samples_per_pixel: int
    bits_allocated: int
    bits_stored: int
    high_bit: int  # of a sample in its word, from 0; at least bits_stored - 1
    pixel_representation: int  # 0 unsigned, 1 two's complement
    photometric_interpretation: str
    planar_configuration: int

    @property
    def frame_bytes(self) -> int:
        """Size of one frame once decoded: as stored or as float32, the larger."""
        bytes_per_sample = max(1, self.bits_allocated // 8)
        return self.rows * self.columns * max(4, self.samples_per_pixel * bytes_per_sample)

    @property
    def unused_low_bits(self) -> int:
        """Bits of a word below the sample (PS3.5 8.1.1), as very old devices have; mostly 0."""
        return self.high_bit + 1 - self.bits_stored

    def in_words(self) -> "ImagePixel":
        """The same with whole words for samples."""
        last = self.bits_allocated - 1
        return replace(self, bits_stored=self.bits_allocated, high_bit=last)


class SamplePlace(Enum):
    """Where samples lie in their words, as the words of one frame themselves tell."""

    BELOW_HIGH_BIT = "as the header says"
    LOWEST = "in the lowest bits, against the header"
    UNDECIDED = "either way, with other values"  # a plane of nothing but air, for instance


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredFrame:
    """One decoded frame before any lookup table."""

    values: npt.NDArray[Any]  # (row, column), or (row, column, 3) for colour
    photometric_interpretation: str  # of the values; YBR has become RGB
    place: SamplePlace | None = None  # None: there is but one way to read the words


def image_pixel(data_set: Dataset) -> ImagePixel:
    """Read the Image Pixel module, with the defaults that devices leave out.

    Raises
    ------
    UndecodableImage
        If the data set has no pixels, or its description of them cannot be true.
    """
    if not any(k in data_set for k in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        raise UndecodableImage("the object holds no pixel data")
    samples = integer_of(data_set, "SamplesPerPixel") or 1
    bits_allocated = integer_of(data_set, "BitsAllocated") or 0
    bits_stored = integer_of(data_set, "BitsStored") or bits_allocated
    high_bit = integer_of(data_set, "HighBit") or 0
    has_low_bits = bits_stored <= high_bit < bits_allocated and bits_allocated in _WORDS
    described = ImagePixel(
        transfer_syntax_uid=UID(text_of(data_set.file_meta, "TransferSyntaxUID")),
        rows=integer_of(data_set, "Rows") or 0,
        columns=integer_of(data_set, "Columns") or 0,
        number_of_frames=max(1, integer_of(data_set, "NumberOfFrames") or 1),
        samples_per_pixel=samples,
        bits_allocated=bits_allocated,
        bits_stored=bits_stored,
        high_bit=high_bit if has_low_bits else bits_stored - 1,
        pixel_representation=integer_of(data_set, "PixelRepresentation") or 0,
        photometric_interpretation=text_of(data_set, "PhotometricInterpretation").upper()
        or ("RGB" if samples == 3 else "MONOCHROME2"),
        planar_configuration=integer_of(data_set, "PlanarConfiguration") or 0,
    )
    if (
        described.rows <= 0
        or described.columns <= 0
        or not 0 < described.bits_stored <= bits_allocated <= 64
    ):
        raise UndecodableImage(
            f"the header claims {described.rows} rows, {described.columns} columns and "
            f"{described.bits_stored} of {bits_allocated} bits a sample"
        )
    return described


def decode_frames(
    data_set: Dataset,
    described: ImagePixel,
    frame_indices: Sequence[int],
    *,
    limit_bytes: int,
    undecided: SamplePlace = SamplePlace.BELOW_HIGH_BIT,
) -> Iterator[StoredFrame]:
    """Decode the frames asked for (counted from 0), in the order asked for.

    Parameters
    ----------
    undecided
        Where samples are taken to lie in frames that do not tell: as in others of their series.

    Raises
    ------
    UndecodableImage
        If a frame is not there, is larger than the limit, or no codec reads it.
    """
    if described.frame_bytes > limit_bytes:
        raise UndecodableImage(
            f"a frame of {described.rows} x {described.columns} pixels takes "
            f"{described.frame_bytes} bytes, the limit is {limit_bytes}"
        )
    for index in frame_indices:
        if not 0 <= index < described.number_of_frames:
            raise UndecodableImage(
                f"frame {index + 1} was asked for, the object has {described.number_of_frames}"
            )
    words_at = _translated(partial(_prepare, data_set, described, frame_indices))
    for index in frame_indices:
        words = _translated(partial(words_at, index))
        yield _samples_of(words, described, undecided)


_Result = TypeVar("_Result")


def _translated(step: Callable[[], _Result]) -> _Result:
    """Run one step of decoding; whatever trips it becomes ``UndecodableImage``."""
    with quiet():
        try:
            return step()
        except MALFORMED as error:
            raise UndecodableImage(
                f"the pixel data cannot be decoded: {describe(error)}"
            ) from error


def _prepare(
    data_set: Dataset, described: ImagePixel, frame_indices: Sequence[int]
) -> Callable[[int], StoredFrame]:
    if described.transfer_syntax_uid.is_encapsulated:  # ValueError where it is none we know
        return _encapsulated_frames(data_set, described, frame_indices)
    return _native_frames(data_set, described)


def _native_frames(data_set: Dataset, described: ImagePixel) -> Callable[[int], StoredFrame]:
    keyword = next(
        k for k in ("PixelData", "FloatPixelData", "DoubleFloatPixelData") if k in data_set
    )
    element = data_set[keyword]
    decoder = get_decoder(described.transfer_syntax_uid)
    words = described.in_words() if described.unused_low_bits else described
    options = _decoder_options(
        words, described.number_of_frames, pixel_keyword=keyword, pixel_vr=element.VR
    )

    def frame_at(index: int) -> StoredFrame:
        frame = _stored_frame(decoder.as_array(element.value, index=index, **options))
        return _in_question(frame, described)

    return frame_at


def _encapsulated_frames(
    data_set: Dataset, described: ImagePixel, frame_indices: Sequence[int]
) -> Callable[[int], StoredFrame]:
    last = max(frame_indices, default=-1)
    codestreams = list(islice(_codestreams(data_set, described), last + 1))

    def frame_at(index: int) -> StoredFrame:
        if index >= len(codestreams):
            raise UndecodableImage(
                f"the header claims {described.number_of_frames} frames, frame {index + 1} "
                "is not there"
            )
        codestream = codestreams[index]
        precision = declared_precision(codestream)
        if not described.unused_low_bits or (precision or 64) <= described.bits_stored:
            return _decode_codestream(codestream, described)  # there are no other bits in it
        return _in_question(_decode_codestream(codestream, described.in_words()), described)

    return frame_at


def _stored_frame(decoded: tuple[npt.NDArray[Any], dict[str, str | int]]) -> StoredFrame:
    values, properties = decoded
    return StoredFrame(
        values=values, photometric_interpretation=str(properties["photometric_interpretation"])
    )


def _in_question(words: StoredFrame, described: ImagePixel) -> StoredFrame:
    """Whole words, with what they tell of where their samples lie.

    Many devices that write a High Bit above Bits Stored - 1 put the samples into the lowest bits
    nevertheless. Then bits are set below where samples should lie, and none above.
    """
    if not described.unused_low_bits:
        return words
    kind, size = "ui"[described.pixel_representation == 1], described.bits_allocated // 8
    values = words.values.astype(f"{kind}{size}")
    some_below = bool((values & ((1 << described.unused_low_bits) - 1)).any())
    some_above = not np.isin(values >> described.bits_stored, (0, -1)).all()
    if some_below and some_above:
        raise UndecodableImage(
            f"the header puts samples of {described.bits_stored} bits below High Bit "
            f"{described.high_bit} (0028,0102), but bits outside of them are set too, so that "
            "no value is certain: the sender has to correct Bits Stored or High Bit"
        )
    place = SamplePlace.UNDECIDED if values.any() else None  # zeros are zeros wherever they lie
    if some_below or some_above:
        place = SamplePlace.LOWEST if some_below else SamplePlace.BELOW_HIGH_BIT
    return replace(words, values=values, place=place)


def _samples_of(words: StoredFrame, described: ImagePixel, undecided: SamplePlace) -> StoredFrame:
    """Samples out of their words; where these do not tell where, as the others do."""
    if words.place is None:
        return words
    place = undecided if words.place is SamplePlace.UNDECIDED else words.place
    last = described.bits_stored - 1 if place is SamplePlace.LOWEST else described.high_bit
    above = described.bits_allocated - 1 - last
    values = (words.values << above) >> (described.bits_allocated - described.bits_stored)
    return replace(words, values=values)


def _codestreams(data_set: Dataset, described: ImagePixel) -> Iterator[bytes]:
    """The encoded frames, put together from their fragments (PS3.5 A.4)."""
    offsets = value_of(data_set, "ExtendedOffsetTable")
    lengths = value_of(data_set, "ExtendedOffsetTableLengths")
    return generate_frames(
        data_set.PixelData,
        number_of_frames=described.number_of_frames,
        extended_offsets=(offsets, lengths) if offsets and lengths else None,
    )


def _decode_codestream(codestream: bytes, described: ImagePixel) -> StoredFrame:
    declared = declared_size(codestream)
    if declared is not None and declared != (described.rows, described.columns):
        raise UndecodableImage(
            f"the codestream holds {declared[0]} x {declared[1]} pixels, the header claims "
            f"{described.rows} x {described.columns}"
        )
    options = _decoder_options(described, 1, pixel_keyword="PixelData")
    encapsulated = encapsulate([codestream], has_bot=False)
    refusal: BaseException | None = None
    for plugin in _plugins(described.transfer_syntax_uid):
        try:
            decoder = get_decoder(described.transfer_syntax_uid)
            decoded = decoder.as_array(encapsulated, index=0, decoding_plugin=plugin, **options)
        except MALFORMED as error:
            refusal = error
        else:
            return _stored_frame(decoded)
    return _decode_otherwise(codestream, described, refusal)


def _plugins(transfer_syntax_uid: UID) -> list[str]:
    """pydicom's plugins for a transfer syntax, without those that crash on broken streams."""
    try:
        available = get_decoder(transfer_syntax_uid).available_plugins
    except NotImplementedError:  # pydicom knows the name of the transfer syntax alone
        return []
    return [plugin for plugin in available if plugin not in _CRASHING_PLUGINS]


def _decoder_options(described: ImagePixel, number_of_frames: int, **others: str) -> dict[str, Any]:
    return {
        "rows": described.rows,
        "columns": described.columns,
        "number_of_frames": number_of_frames,
        "samples_per_pixel": described.samples_per_pixel,
        "bits_allocated": described.bits_allocated,
        "bits_stored": described.bits_stored,
        "pixel_representation": described.pixel_representation,
        "photometric_interpretation": described.photometric_interpretation,
        "planar_configuration": described.planar_configuration,
        **others,
    }


def _decode_otherwise(
    codestream: bytes, described: ImagePixel, refusal: BaseException | None
) -> StoredFrame:
    """Decode by what the codestream is, whatever the transfer syntax says it is."""
    codec = _codec_for(codestream)
    if codec is None:
        why = "its pixel data is nothing known" if refusal is None else describe(refusal)
        raise UndecodableImage(
            f"no codec for {described.transfer_syntax_uid.name}: {why}"
        ) from refusal
    values = np.asarray(codec(codestream))
    shape: tuple[int, ...] = (described.rows, described.columns)
    if described.samples_per_pixel > 1:
        shape = (*shape, described.samples_per_pixel)
    if values.shape != shape:
        raise UndecodableImage(f"the codestream holds {values.shape}, the header claims {shape}")
    if described.pixel_representation == 1 and values.dtype.kind == "u":
        values = _sign_extended(values, described.bits_stored)
    colour = described.samples_per_pixel == 3
    return StoredFrame(
        values=values,
        photometric_interpretation="RGB" if colour else described.photometric_interpretation,
    )


def _sign_extended(values: npt.NDArray[Any], bits_stored: int) -> npt.NDArray[Any]:
    """Two's complement of ``bits_stored`` bits, which an unsigned codec cannot know of."""
    widened = values.astype(np.int64)
    sign = np.int64(1) << (bits_stored - 1)
    return (widened & (sign - 1)) - (widened & sign)


def _codec_for(codestream: bytes) -> Callable[[bytes], Any] | None:
    if codestream.startswith(JPEG_START):
        frame = jpeg_frame_header(codestream)
        if frame is not None and frame[0] == JPEG_LS_FRAME:
            return _codec("jpegls")
        if frame is not None and frame[0] == _JPEG_LOSSLESS_FRAME:
            return _codec("ljpeg")
        return _codec("jpeg8")  # libjpeg-turbo 3: 8 and 12 bits, sequential and progressive
    if JPEG_2000_START in codestream[:256]:
        return _codec("jpeg2k")  # OpenJPEG 2.5 reads HTJ2K too
    if codestream.startswith(_JPEG_XL_STARTS):
        return _codec("jpegxl")
    return None


def _codec(name: str) -> Callable[[bytes], Any]:
    decode: Callable[[bytes], Any] = getattr(imagecodecs, f"{name}_decode")
    return decode
