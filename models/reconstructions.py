"""Whether two series of one study are reconstructions of one scan, or different scans."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from models.detector import Image, InstanceHeader, SeriesHeader, SeriesImages

Doubles = npt.NDArray[np.float64]
Plane = Image | InstanceHeader

_SAME_TIME_S = 10.0  # between scans of the same place more time passes
_MOST = 0.9  # of a series' extent that another must cover to show the same
_MOST_IN_PLANE = 0.65  # the same along rows and columns: a body is cut out of its air and table
_WIDEST_GAP_MM = 10.0  # between planes that state no thickness and are taken for neighbours
_SHOWN_AROUND = 0.75  # of its thickness: how far from its middle a plane still shows what is there
_LEAST_REACH_MM = 1.5  # of thin planes: 3 mm from one to the next hide nothing looked for
_TOLERANCE_MM = 0.1  # of positions as they are written
_PARALLEL = 0.9  # least cosine of the angle between the normals of two stacks


def shows_again(one: SeriesImages, other: SeriesImages) -> bool:
    """Whether a series shows nothing that another of its study does not show too.

    That is so for reconstructions of one scan with other kernels or slices: both have one frame
    of reference, were acquired at the same time as far as is stated, and the other covers most of
    what the one covers, without a hole between its planes. Where the place is not known, it is not
    so. Told by the headers, without asking for images, unless these are enhanced objects.

    Raises
    ------
    UndecodableImage
        If only the images could tell, and cannot be decoded.
    """
    return (
        _same_frame_of_reference(one, other)
        and _at_one_time(one, other)
        and _is_covered(_planes(one), _planes(other), _thicknesses_mm(other))
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


def is_placed(header: SeriesHeader) -> bool:
    """Whether the headers tell where the images lie; those of enhanced objects do not."""
    return all(
        i.number_of_frames == 1 and i.image_position_mm is not None for i in header.instances
    )


def _planes(series: SeriesImages) -> Sequence[Plane]:
    """The headers of the images, or the images where these alone know where they lie."""
    return series.header.instances if is_placed(series.header) else series.images


def _is_covered(
    planes: Sequence[Plane], by: Sequence[Plane], thicknesses_mm: Mapping[str, float]
) -> bool:
    """Whether others lie where the planes do, and close to one another for their thickness."""
    axes, other_axes = _axes(planes), _axes(by)
    if axes is None or other_axes is None or abs(axes[2] @ other_axes[2]) < _PARALLEL:
        return False
    corners, other_corners = _corners_mm(planes, axes), _corners_mm(by, axes)
    if corners is None or other_corners is None:
        return False
    heights, other_heights = (several.mean(axis=1)[:, 2] for several in (corners, other_corners))
    shares = [
        *(_share(corners[..., n], other_corners[..., n]) / _MOST_IN_PLANE for n in (0, 1)),
        _share(heights, other_heights) / _MOST,
    ]
    return min(shares) >= 1 and not _has_hole(
        heights, other_heights, [thicknesses_mm.get(plane.sop_instance_uid, 0.0) for plane in by]
    )


def _share(values: Doubles, others: Doubles) -> float:
    """How much of the range of values lies within that of others, 0 to 1."""
    low, high = float(values.min()), float(values.max())
    shared = min(high, float(others.max())) - max(low, float(others.min()))
    return max(0.0, shared) / (high - low) if high > low else float(shared >= 0)


def _has_hole(heights: Doubles, by: Doubles, thicknesses_mm: Sequence[float]) -> bool:
    """Whether a plane between the lowest and the highest of others lies close to none of them."""
    gaps = np.diff(np.unique(by))
    usual = min(float(np.median(gaps)), _WIDEST_GAP_MM) if len(gaps) else 0.0
    shown = [_SHOWN_AROUND * (thickness or usual) for thickness in thicknesses_mm]
    reach = np.maximum(shown, _LEAST_REACH_MM)
    between = heights[(heights > by.min()) & (heights < by.max())]
    away = np.abs(between[:, None] - by) - reach
    return bool((away.min(axis=1) > _TOLERANCE_MM).any()) if len(between) else False


def _thicknesses_mm(series: SeriesImages) -> dict[str, float]:
    """Of each instance that states one."""
    return {
        i.sop_instance_uid: i.slice_thickness_mm
        for i in series.header.instances
        if i.slice_thickness_mm is not None and i.slice_thickness_mm > 0
    }


def _axes(planes: Sequence[Plane]) -> Doubles | None:
    """Along the rows, along the columns and along the normal, (axis, LPS); None: not known."""
    orientation = planes[0].image_orientation if planes else None
    if orientation is None or len(orientation) != 6:
        return None
    along_row, along_column = np.array(orientation[:3]), np.array(orientation[3:])
    normal = np.cross(along_row, along_column)
    length = float(np.linalg.norm(normal))
    return np.stack([along_row, along_column, normal / length]) if length > 0.5 else None


def _shape(plane: Plane) -> tuple[int, ...]:
    return plane.pixels.shape if isinstance(plane, Image) else (plane.rows, plane.columns)


def _corners_mm(planes: Sequence[Plane], axes: Doubles) -> Doubles | None:
    """Each plane's corners along the axes, (plane, corner, axis); None where one is not known."""
    corners = []
    for plane in planes:
        place, orientation = plane.image_position_mm, plane.image_orientation
        if place is None or orientation is None or plane.pixel_spacing_mm is None:
            return None
        rows, columns = _shape(plane)
        between_rows, between_columns = plane.pixel_spacing_mm
        across = np.array(orientation[:3]) * between_columns * (columns - 1)
        down = np.array(orientation[3:]) * between_rows * (rows - 1)
        first = np.array(place)
        corners.append([first, first + across, first + down, first + across + down])
    return np.array(corners) @ axes.T
