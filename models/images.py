"""Decoded images as detectors and viewers use them: modality values, bone bright.

``read_series_headers`` and ``load_series`` feed the detectors, ``decode_frame`` feeds a viewer.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut

from models.data_set import (
    MALFORMED,
    UnreadableDataSet,
    describe,
    functional_group,
    items_of,
    number_of,
    numbers_of,
    quiet,
    read_data_set,
    text_of,
)
from models.decoding import (
    ImagePixel,
    SamplePlace,
    StoredFrame,
    UndecodableImage,
    decode_frames,
    image_pixel,
)
from models.detector import Image, InstanceHeader, SeriesHeader, SeriesImages
from models.headers import (
    DEFAULT_LIMIT_BYTES,
    SeriesHeaders,
    UnreadableInstance,
    by_position,
    pixel_aspect,
    pixel_spacing_mm,
    position_mm,
    read_series_headers,
)

__all__ = [
    "DEFAULT_LIMIT_BYTES",
    "Frame",
    "SeriesHeaders",
    "UndecodableImage",
    "UnreadableInstance",
    "decode_frame",
    "load_series",
    "read_series_headers",
]

_LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601
_HEAD = frozenset({"HEAD", "BRAIN", "SKULL"})
_HEAD_WINDOW = (40.0, 80.0)  # centre, width in HU
_BODY_WINDOW = (40.0, 400.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """One frame for a viewer, small values dark.

    pixels: float32 (row, column) of modality values, or uint8 (row, column, 3) RGB.
    """

    pixels: npt.NDArray[Any]
    window_center: float  # in the units of pixels; for colour 127.5
    window_width: float  # at least 1e-6; for colour 255
    number_of_frames: int
    pixel_aspect: float  # how many times as high as wide a pixel is


def load_series(header: SeriesHeader, *, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> SeriesImages:
    """Decode every frame of a series.

    Parameters
    ----------
    limit_bytes
        What the decoded frames may take in memory together, as float32.

    Raises
    ------
    UndecodableImage
        If one frame cannot be decoded or all together pass the limit.
    """
    claimed = sum(4 * i.rows * i.columns * i.number_of_frames for i in header.instances)
    if claimed > limit_bytes:
        raise UndecodableImage(
            f"the series claims {claimed} bytes of decoded pixels, the limit is {limit_bytes}"
        )
    load = partial(_load_instance, modality=header.modality, limit_bytes=limit_bytes)
    loaded = [load(instance) for instance in header.instances]
    elsewhere = _undecided_place({place for _, places in loaded for place in places})
    if elsewhere is SamplePlace.LOWEST:
        loaded = [
            load(instance, undecided=elsewhere)
            if SamplePlace.UNDECIDED in places
            else (own, places)
            for instance, (own, places) in zip(header.instances, loaded, strict=True)
        ]
    images = [image for own, _ in loaded for image in own]
    return SeriesImages(header=header, images=by_position(images, header.modality))


def _undecided_place(places: Collection[SamplePlace | None]) -> SamplePlace:
    """Where samples lie in frames that do not tell: as in the others of their series.

    Raises
    ------
    UndecodableImage
        If those others contradict one another.
    """
    lowest = SamplePlace.LOWEST in places
    if lowest and {SamplePlace.BELOW_HIGH_BIT, SamplePlace.UNDECIDED} <= set(places):
        raise UndecodableImage(
            "some images hold their samples below High Bit (0028,0102), others against it in the "
            "lowest bits, and one can be read both ways: its values are not certain"
        )
    return SamplePlace.LOWEST if lowest else SamplePlace.BELOW_HIGH_BIT


def _load_instance(
    instance: InstanceHeader,
    *,
    modality: str,
    limit_bytes: int,
    undecided: SamplePlace = SamplePlace.BELOW_HIGH_BIT,
) -> tuple[list[Image], set[SamplePlace | None]]:
    """The images of one object, and where their samples lay in their words."""
    data_set, described = _open(instance.path, limit_bytes)
    every_frame = range(described.number_of_frames)
    images: list[Image] = []
    places: set[SamplePlace | None] = set()
    with quiet():
        for index, stored in enumerate(
            decode_frames(
                data_set, described, every_frame, limit_bytes=limit_bytes, undecided=undecided
            )
        ):
            places.add(stored.place)
            pixels, _ = _grey(stored, data_set, described, index, modality)
            orientation = functional_group(data_set, index, "PlaneOrientationSequence")
            images.append(
                Image(
                    sop_instance_uid=instance.sop_instance_uid,
                    frame_number=index + 1,
                    pixels=pixels,
                    pixel_spacing_mm=pixel_spacing_mm(
                        functional_group(data_set, index, "PixelMeasuresSequence")
                    ),
                    image_position_mm=position_mm(
                        functional_group(data_set, index, "PlanePositionSequence")
                    ),
                    image_orientation=numbers_of(orientation, "ImageOrientationPatient", 6),
                )
            )
    return images, places


def decode_frame(path: Path, frame_number: int, *, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> Frame:
    """Decode one frame of one archived object for a viewer.

    The window is the file's own, else the usual one for CT (brain or body), else what 99 %
    of the pixels span.

    Parameters
    ----------
    frame_number
        Counts from 1.
    limit_bytes
        What the frame may take decoded, as stored or as float32; of a deflated object all
        frames together. Refused by the header, before anything is inflated or decoded.

    Raises
    ------
    UndecodableImage
        If the object or the frame is not there or cannot be decoded.
    """
    data_set, described = _open(path, limit_bytes)
    index = frame_number - 1
    stored = _decode_one(data_set, described, index, limit_bytes)
    with quiet():
        measures = functional_group(data_set, index, "PixelMeasuresSequence")
        aspect = pixel_aspect(data_set, measures)
        if _is_colour(stored):
            pixels: npt.NDArray[Any] = _colour(stored, data_set, described)
            centre, width = 127.5, 255.0
        else:
            modality = text_of(data_set, "Modality").upper()
            pixels, mirror = _grey(stored, data_set, described, index, modality)
            centre, width = _window(pixels, data_set, index, modality, mirror)
    return Frame(
        pixels=pixels,
        window_center=centre,
        window_width=width,
        number_of_frames=described.number_of_frames,
        pixel_aspect=aspect,
    )


def _decode_one(
    data_set: Dataset, described: ImagePixel, index: int, limit_bytes: int
) -> StoredFrame:
    """One frame; where its samples lie in their words others of its object may have to tell."""
    decode = partial(decode_frames, data_set, described, limit_bytes=limit_bytes)
    (stored,) = decode([index])
    if stored.place is not SamplePlace.UNDECIDED:
        return stored
    others = (n for n in range(described.number_of_frames) if n != index)
    undecided = _undecided_place({SamplePlace.UNDECIDED, *(f.place for f in decode([*others]))})
    (stored,) = decode([index], undecided=undecided)
    return stored


def _open(path: Path, limit_bytes: int) -> tuple[Dataset, ImagePixel]:
    with quiet():
        try:
            data_set = read_data_set(path, limit_bytes=limit_bytes)
        except UnreadableDataSet as error:
            raise UndecodableImage(str(error)) from error
        return data_set, image_pixel(data_set)


def _is_colour(stored: StoredFrame) -> bool:
    return stored.values.ndim == 3 or stored.photometric_interpretation == "PALETTE COLOR"


def _colour(stored: StoredFrame, data_set: Dataset, described: ImagePixel) -> npt.NDArray[np.uint8]:
    """RGB of 8 bits; of deeper samples the high byte."""
    values, bits = stored.values, described.bits_stored
    if stored.photometric_interpretation == "PALETTE COLOR":
        try:
            values = apply_color_lut(values, data_set)[..., :3]
        except MALFORMED as error:
            raise UndecodableImage(f"the palette cannot be used: {describe(error)}") from error
        bits = 8 * values.dtype.itemsize
    return (values >> max(0, bits - 8)).astype(np.uint8)


def _grey(
    stored: StoredFrame, data_set: Dataset, described: ImagePixel, index: int, modality: str
) -> tuple[npt.NDArray[np.float32], float | None]:
    """Modality values with bone bright, as float32 (row, column).

    Returns
    -------
    tuple
        The pixels, and the sum of the lowest and highest possible value by which they were
        mirrored; None where they were not. Hounsfield units are never mirrored.
    """
    if _is_colour(stored):
        return _colour(stored, data_set, described).astype(np.float32) @ _LUMINANCE, None
    lowest, highest = _stored_range(described)
    try:
        pixels = _modality_values(stored.values, data_set, index)
        ends = np.array([[lowest, highest]], dtype=stored.values.dtype)
        mirror = float(_modality_values(ends, data_set, index).sum())
    except MALFORMED as error:
        raise UndecodableImage(f"the modality LUT cannot be used: {describe(error)}") from error
    if stored.photometric_interpretation != "MONOCHROME1" or modality == "CT":
        return pixels, None
    return np.float32(mirror) - pixels, mirror


def _stored_range(described: ImagePixel) -> tuple[float, float]:
    if described.pixel_representation == 1:
        return -(2.0 ** (described.bits_stored - 1)), 2.0 ** (described.bits_stored - 1) - 1
    return 0.0, 2.0**described.bits_stored - 1


def _modality_values(
    values: npt.NDArray[Any], data_set: Dataset, index: int
) -> npt.NDArray[np.float32]:
    """Apply the modality LUT or rescale of one frame (PS3.3 C.11.1, C.7.6.16.2.9)."""
    if items_of(data_set, "ModalityLUTSequence"):
        return np.asarray(apply_modality_lut(values, data_set), dtype=np.float32)
    transformation = functional_group(data_set, index, "PixelValueTransformationSequence")
    slope = number_of(transformation, "RescaleSlope") or 1.0  # 0 would leave no image
    intercept = number_of(transformation, "RescaleIntercept") or 0.0
    return values.astype(np.float32) * np.float32(slope) + np.float32(intercept)


def _window(
    pixels: npt.NDArray[np.float32],
    data_set: Dataset,
    index: int,
    modality: str,
    mirror: float | None,
) -> tuple[float, float]:
    """Centre and width in the units of the pixels (PS3.3 C.11.2.1.2)."""
    voi = functional_group(data_set, index, "FrameVOILUTSequence")
    centre, width = number_of(voi, "WindowCenter"), number_of(voi, "WindowWidth")
    if centre is not None and width is not None and width > 0:
        return (centre if mirror is None else mirror - centre), width
    if modality == "CT":
        head = text_of(data_set, "BodyPartExamined").upper() in _HEAD
        return _HEAD_WINDOW if head else _BODY_WINDOW
    low, high = np.percentile(pixels, (0.5, 99.5))
    return float(low + high) / 2, max(float(high - low), 1e-6)
