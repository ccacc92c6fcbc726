"""Whether two series of one study are reconstructions of one scan, or different scans."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from models.detector import Image, InstanceHeader, SeriesImages

Doubles = npt.NDArray[np.float64]
Plane = Image | InstanceHeader

_SAME_TIME_S = 10.0  # between scans of the same place more time passes
_MOST = 0.9  # of a series' extent that another must cover to show the same
_PARALLEL = 0.9  # least cosine of the angle between the normals of two stacks


def shows_again(one: SeriesImages, other: SeriesImages) -> bool:
    """Whether a series shows nothing that another of its study does not show too.

    That is so for reconstructions of one scan with other kernels or slices: both have one frame
    of reference, were acquired at the same time as far as is stated, and the other covers most of
    what the one covers. Where the place is not known, it is not so. Told by the headers, without
    asking for images, unless these are enhanced objects.

    Raises
    ------
    UndecodableImage
        If only the images could tell, and cannot be decoded.
    """
    return (
        _same_frame_of_reference(one, other)
        and _at_one_time(one, other)
        and _covered(_planes(one), _planes(other)) >= _MOST
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


def _planes(series: SeriesImages) -> Sequence[Plane]:
    """The headers of the images, or the images where these alone know where they lie."""
    headers = series.header.instances
    if all(i.number_of_frames == 1 and i.image_position_mm is not None for i in headers):
        return headers
    return series.images


def _covered(planes: Sequence[Plane], by: Sequence[Plane]) -> float:
    """The share of the planes' extent along their normal that others cover, 0 to 1."""
    normal, other_normal = _normal(planes), _normal(by)
    if normal is None or other_normal is None or abs(normal @ other_normal) < _PARALLEL:
        return 0.0
    extent, other = _extent_mm(planes, normal), _extent_mm(by, normal)
    if extent is None or other is None:
        return 0.0
    shared = min(extent[1], other[1]) - max(extent[0], other[0])
    return max(0.0, shared) / (extent[1] - extent[0])


def _normal(planes: Sequence[Plane]) -> Doubles | None:
    orientation = planes[0].image_orientation if planes else None
    if orientation is None or len(orientation) != 6:
        return None
    normal = np.cross(orientation[:3], orientation[3:])
    length = float(np.linalg.norm(normal))
    return np.asarray(normal / length) if length > 0.5 else None


def _shape(plane: Plane) -> tuple[int, ...]:
    return plane.pixels.shape if isinstance(plane, Image) else (plane.rows, plane.columns)


def _extent_mm(planes: Iterable[Plane], normal: Doubles) -> tuple[float, float] | None:
    """From the lowest to the highest middle of a plane; None where one is not known."""
    heights = []
    for plane in planes:
        if plane.image_position_mm is None or plane.image_orientation is None:
            return None
        rows, columns = _shape(plane)
        between_rows, between_columns = plane.pixel_spacing_mm or (0.0, 0.0)
        orientation = np.array(plane.image_orientation)
        middle = (
            np.array(plane.image_position_mm)
            + orientation[:3] * between_columns * (columns - 1) / 2
            + orientation[3:] * between_rows * (rows - 1) / 2
        )
        heights.append(float(middle @ normal))
    extent = min(heights), max(heights)
    return extent if extent[1] > extent[0] else None
