"""Whether two series of one study are reconstructions of one scan, or different scans."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from models.detector import Image, SeriesImages

Doubles = npt.NDArray[np.float64]

_SAME_TIME_S = 10.0  # between scans of the same place more time passes
_MOST = 0.9  # of a series' extent that another must cover to show the same
_PARALLEL = 0.9  # least cosine of the angle between the normals of two stacks


def shows_again(one: SeriesImages, other: SeriesImages) -> bool:
    """Whether a series shows nothing that another of its study does not show too.

    That is so for reconstructions of one scan with other kernels or slices: both have one frame
    of reference, were acquired at the same time as far as is stated, and the other covers most of
    what the one covers. Where the place is not known, it is not so.
    """
    return (
        _same_frame_of_reference(one, other)
        and _at_one_time(one, other)
        and _covered(one.images, other.images) >= _MOST
    )


def _same_frame_of_reference(one: SeriesImages, other: SeriesImages) -> bool:
    frames = {i.frame_of_reference_uid for i in (*one.header.instances, *other.header.instances)}
    return len(frames) == 1 and "" not in frames


def _at_one_time(one: SeriesImages, other: SeriesImages) -> bool:
    """Whether the spans of time in which two series were acquired meet; yes where not stated."""
    spans = [
        [i.acquired_s for i in series.header.instances if i.acquired_s is not None]
        for series in (one, other)
    ]
    if not all(spans):
        return True
    apart = max(map(min, spans)) - min(map(max, spans))
    return apart <= _SAME_TIME_S


def _covered(images: Sequence[Image], by: Sequence[Image]) -> float:
    """The share of the images' extent along their normal that others cover, 0 to 1."""
    normal, other_normal = _normal(images), _normal(by)
    if normal is None or other_normal is None or abs(normal @ other_normal) < _PARALLEL:
        return 0.0
    extent, other = _extent_mm(images, normal), _extent_mm(by, normal)
    if extent is None or other is None:
        return 0.0
    shared = min(extent[1], other[1]) - max(extent[0], other[0])
    return max(0.0, shared) / (extent[1] - extent[0])


def _normal(images: Sequence[Image]) -> Doubles | None:
    orientation = images[0].image_orientation if images else None
    if orientation is None or len(orientation) != 6:
        return None
    normal = np.cross(orientation[:3], orientation[3:])
    length = float(np.linalg.norm(normal))
    return np.asarray(normal / length) if length > 0.5 else None


def _extent_mm(images: Iterable[Image], normal: Doubles) -> tuple[float, float] | None:
    """From the lowest to the highest middle of an image; None where one is not known."""
    heights = []
    for image in images:
        if image.image_position_mm is None or image.image_orientation is None:
            return None
        rows, columns = image.pixels.shape
        between_rows, between_columns = image.pixel_spacing_mm or (0.0, 0.0)
        orientation = np.array(image.image_orientation)
        middle = (
            np.array(image.image_position_mm)
            + orientation[:3] * between_columns * (columns - 1) / 2
            + orientation[3:] * between_rows * (rows - 1) / 2
        )
        heights.append(float(middle @ normal))
    extent = min(heights), max(heights)
    return extent if extent[1] > extent[0] else None
