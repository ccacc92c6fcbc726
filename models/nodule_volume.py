"""Slices of a CT series as a stack in space, with a coarse copy on which lungs are searched."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from models.detector import (
    Image,
    InstanceHeader,
    Refused,
    SeriesImages,
    Unjudgeable,
    Unsuitable,
)
from models.guard import CUT_OFF, few_cut_off
from models.reconstructions import shows_again

Floats = npt.NDArray[np.float32]

COARSE_MM = 1.5  # wanted between the voxels of the coarse copy
LARGEST_GAP_MM = 5.5  # between slices, their median; the detector was made for 5 mm
_LARGEST_PIXEL_MM = 2.0
_SAME_PLACE_MM = 0.05  # slices closer than this are two versions of one
DOUBLE = "Another image at the same place is looked at instead."
LEAST_SLICES, LEAST_HEIGHT_MM = 10, 50.0
_SAME_SPACING, _SAME_COSINE = 0.01, 0.02  # share, and difference, that count as one grid
_STEEPEST = 0.5  # of the normal's component along the body's axis an axial stack may miss


@dataclass(frozen=True, kw_only=True, slots=True)
class Stack:
    """Parallel slices in the order of their positions, and their coarse copy.

    The coarse voxel (p, r, c) covers the pixels from (r, c) x ``factor`` on and lies at
    ``coarse_z_mm[p]`` along the normal.
    """

    images: tuple[Image, ...]
    positions_mm: npt.NDArray[np.float64]  # (slice, 3), LPS, centre of the first pixel
    orientation: npt.NDArray[np.float64]  # (6,), direction cosines of rows and columns
    z_mm: npt.NDArray[np.float64]  # (slice,), rising, along the normal
    spacing_mm: tuple[float, float]  # between rows, between columns
    coarse: Floats  # (plane, row, column), HU
    coarse_z_mm: npt.NDArray[np.float64]  # (plane,)
    factor: int  # pixels of a slice that one coarse voxel spans
    odd: tuple[Refused, ...] = ()  # images in another grid than most, or cut off
    doubles: tuple[Refused, ...] = ()  # what they show, other images show that were taken

    @property
    def gap_mm(self) -> float:
        """Between slices, the median."""
        return float(np.median(np.diff(self.z_mm)))

    @property
    def coarse_spacing_mm(self) -> tuple[float, float, float]:
        """Between planes, rows, columns of the coarse copy."""
        between = float(self.coarse_z_mm[1] - self.coarse_z_mm[0])
        return between, self.spacing_mm[0] * self.factor, self.spacing_mm[1] * self.factor

    def nearest(self, z_mm: float) -> int:
        """The slice nearest to a height."""
        return int(np.argmin(np.abs(self.z_mm - z_mm)))

    def to_patient(self, number: int, column: float, row: float) -> tuple[float, float, float]:
        """LPS mm of a place in slice ``number`` (PS3.3 C.7.6.2.1.1).

        Parameters
        ----------
        column, row
            Pixels, (0, 0) is the top-left corner of the top-left pixel.
        """
        across = (column - 0.5) * self.spacing_mm[1]
        down = (row - 0.5) * self.spacing_mm[0]
        along, below = self.orientation[:3], self.orientation[3:]
        x, y, z = self.positions_mm[number] + across * along + down * below
        return float(x), float(y), float(z)


def stack_of(series: SeriesImages) -> Stack | Unsuitable:
    """Order the slices in space and make the coarse copy, or say why they are no chest CT stack.

    Slices of another grid than most are odd, unless those show all that they do (two fields of view
    of one scan), and so are a few that are cut off. If no stack is left without them, or if slices
    say nothing of where they lie, a chest may be shown that cannot be judged: ``Unjudgeable``.
    Of two slices at one place the first is taken, and one that differs is a double. Gaps may be
    uneven: coarse planes without a slice of their own are interpolated, which shows nothing that
    lay there (``nodule_missing``).
    """
    grid, odd = _without_cut(*_one_grid(series.images))
    why_not = _why_no_stack(grid)
    if why_not is not None:
        return _in_doubt(why_not, odd)
    heights = _heights_mm(grid)
    order = np.argsort(heights, kind="stable").tolist()
    kept = _at_different_places(order, heights)
    images, z_mm = tuple(grid[place] for place in kept), heights[kept]
    reason = _why_not_dense(z_mm)
    if reason is not None:
        return _in_doubt(Unsuitable(reason=reason), odd)
    spacing = images[0].pixel_spacing_mm or (1.0, 1.0)  # it states one, or was refused above
    factor = max(1, round(COARSE_MM / min(spacing)))
    coarse, coarse_z_mm = _coarse(images, z_mm, factor)
    again = _shown_again(series, grid, odd)
    doubles = _doubles([grid[place] for place in order], [place in kept for place in order])
    return Stack(
        images=images,
        positions_mm=np.array([image.image_position_mm for image in images], float),
        orientation=np.array(grid[0].image_orientation, float),
        z_mm=z_mm,
        spacing_mm=spacing,
        coarse=coarse,
        coarse_z_mm=coarse_z_mm,
        factor=factor,
        odd=tuple(one for one in odd if _place(one) not in map(_place, again)),
        doubles=(*doubles, *again),
    )


def _heights_mm(grid: Sequence[Image]) -> npt.NDArray[np.float64]:
    """Of the slices of one grid along its normal."""
    orientation = np.array(grid[0].image_orientation, float)
    normal = np.cross(orientation[:3], orientation[3:])
    positions = np.array([image.image_position_mm for image in grid], float)
    return np.asarray(positions @ (normal / np.linalg.norm(normal)))


def _at_different_places(order: Sequence[int], heights: npt.NDArray[np.float64]) -> list[int]:
    """Of what lies in this order at these heights, the first at each."""
    kept = [order[0]]
    for place in order[1:]:
        if heights[place] - heights[kept[-1]] > _SAME_PLACE_MM:
            kept.append(place)
    return kept


def _doubles(images: Sequence[Image], kept: Sequence[bool]) -> tuple[Refused, ...]:
    """The images not kept that differ from the one before them that was."""
    doubles, taken = [], images[0]
    for image, is_kept in zip(images, kept, strict=True):
        if is_kept:
            taken = image
        elif not np.array_equal(image.pixels, taken.pixels):
            doubles.append(replace(_refused(image, DOUBLE), place_judged=True))
    return tuple(doubles)


def _shown_again(
    series: SeriesImages, taken: Sequence[Image], odd: Sequence[Refused]
) -> tuple[Refused, ...]:
    """The images of each other grid all of which those taken show again, as another scan might."""
    places = {_place(one) for one in odd if one.reason != CUT_OFF}
    others = [image for image in series.images if _place(image) in places]
    judged = _as_series(series, taken)
    return tuple(
        replace(_refused(image, DOUBLE), place_judged=True)
        for grid in _grids(others)
        if shows_again(_as_series(series, grid), judged)
        for image in grid
    )


def _place(one: Image | Refused) -> tuple[str, int]:
    return one.sop_instance_uid, one.frame_number


def _as_series(series: SeriesImages, images: Sequence[Image]) -> SeriesImages:
    """Some images of a series as one of their own."""
    uids = {image.sop_instance_uid for image in images}
    instances = tuple(i for i in series.header.instances if i.sop_instance_uid in uids)
    return SeriesImages(header=replace(series.header, instances=instances), images=tuple(images))


def _in_doubt(why_not: Unsuitable, odd: Sequence[Refused]) -> Unsuitable:
    """What slices of one grid make no stack may with those of the others."""
    return Unjudgeable(reason=odd[0].reason) if odd else why_not


def _one_grid(images: Sequence[Image]) -> tuple[Sequence[Image], tuple[Refused, ...]]:
    """The most images that lie in one axial grid, and the others with what is odd about them.

    All of them where none says where it lies.
    """
    grids = _grids(images)
    if not grids:
        return images, ()
    most = max(grids, key=_how_apt)
    reasons = [(image, _why_nowhere(image) or why_other_grid(image, most[0])) for image in images]
    odd = tuple(_refused(image, reason) for image, reason in reasons if reason is not None)
    return most, odd


def _grids(images: Sequence[Image]) -> list[list[Image]]:
    """The images that say where they lie, those of one grid together."""
    grids: list[list[Image]] = []
    for image in images:
        if _why_nowhere(image) is not None:
            continue
        same = next((grid for grid in grids if why_other_grid(image, grid[0]) is None), None)
        if same is None:
            grids.append([image])
        else:
            same.append(image)
    return grids


def _without_cut(
    grid: Sequence[Image], odd: tuple[Refused, ...]
) -> tuple[Sequence[Image], tuple[Refused, ...]]:
    """The images of a grid that are whole, and those cut off besides the odd ones."""
    cut = few_cut_off([image.pixels for image in grid], LEAST_SLICES)
    whole = [image for place, image in enumerate(grid) if place not in cut]
    return whole, (*odd, *(_refused(grid[place], CUT_OFF) for place in cut))


def _refused(image: Image, reason: str) -> Refused:
    uid, frame = image.sop_instance_uid, image.frame_number
    return Refused(sop_instance_uid=uid, frame_number=frame, reason=reason)


def _how_apt(grid: Sequence[Image]) -> tuple[bool, int, float, str]:
    """Axial rather than not, then more rather than fewer, then the larger field of view.

    Whatever order the images come in.
    """
    first = grid[0]
    axial = why_not_axial(first.image_orientation) is None
    field_mm2 = math.prod(first.pixels.shape) * math.prod(first.pixel_spacing_mm or ())
    return axial, len(grid), field_mm2, min(image.sop_instance_uid for image in grid)


def _why_nowhere(image: Image) -> str | None:
    """What an image leaves out of how large it is and where it lies, a sentence; None: nothing."""
    spacing = image.pixel_spacing_mm
    if spacing is None or min(spacing) <= 0:
        return "The slices do not state their pixel spacing, so that no size can be told."
    if image.image_position_mm is None or image.image_orientation is None:
        return "Not every slice states its position and orientation."
    return None


def why_other_grid(one: Image | InstanceHeader, other: Image | InstanceHeader) -> str | None:
    """Why two slices that say where they lie are of different grids, a sentence; None: of one."""
    if _shape(one) != _shape(other):
        return "The slices differ in rows and columns."
    spacings = zip(one.pixel_spacing_mm or (), other.pixel_spacing_mm or (), strict=True)
    if not all(math.isclose(a, b, rel_tol=_SAME_SPACING) for a, b in spacings):
        return "The slices differ in pixel spacing."
    cosines = zip(one.image_orientation or (), other.image_orientation or (), strict=True)
    if not all(abs(a - b) <= _SAME_COSINE for a, b in cosines):
        return "The slices differ in orientation."
    return None


def _shape(plane: Image | InstanceHeader) -> tuple[int, ...]:
    return plane.pixels.shape if isinstance(plane, Image) else (plane.rows, plane.columns)


def _why_no_stack(images: Sequence[Image]) -> Unsuitable | None:
    """Why images of one grid, or that lie nowhere, are no stack of axial slices; None: they are."""
    if len(images) < LEAST_SLICES:
        reason = f"There are {len(images)} slices; at least {LEAST_SLICES} are needed."
        return Unsuitable(reason=reason)
    first = images[0]
    nowhere = _why_nowhere(first)
    if nowhere is not None:
        return Unjudgeable(reason=nowhere)
    if max(first.pixel_spacing_mm or ()) > _LARGEST_PIXEL_MM:
        return Unsuitable(reason=f"The pixels are larger than {_LARGEST_PIXEL_MM} mm.")
    slanted = why_not_axial(first.image_orientation)
    return None if slanted is None else Unsuitable(reason=slanted)


def why_not_axial(orientation: Sequence[float] | None) -> str | None:
    """Why slices are not axial, a sentence; None if they are, or do not say."""
    if orientation is None:
        return None
    rx, ry, _, cx, cy, _ = orientation
    if abs(rx * cy - ry * cx) < 1 - _STEEPEST:
        return "The slices are not axial (a coronal, sagittal or oblique reformat)."
    return None


def _why_not_dense(z_mm: npt.NDArray[np.float64]) -> str | None:
    """Why slices at these heights are too few or too far apart, a sentence; None if not."""
    if len(z_mm) < LEAST_SLICES:
        return f"There are {len(z_mm)} places with a slice; at least {LEAST_SLICES} are needed."
    gap = float(np.median(np.diff(z_mm)))
    if gap > LARGEST_GAP_MM:
        return f"The slices are {gap:.1f} mm apart; the detector was made for 5 mm at most."
    height = float(z_mm[-1] - z_mm[0])
    if height < LEAST_HEIGHT_MM:
        return f"The slices cover {height:.0f} mm; at least {LEAST_HEIGHT_MM:.0f} mm are needed."
    return None


def _coarse(
    images: Sequence[Image], z_mm: npt.NDArray[np.float64], factor: int
) -> tuple[Floats, npt.NDArray[np.float64]]:
    """Planes about ``COARSE_MM`` apart, or as far as the slices are: means of what is there."""
    gap = float(np.median(np.diff(z_mm)))
    together = max(1, round(COARSE_MM / gap))
    step = together * gap
    first = z_mm[0] + (together - 1) / 2 * gap
    planes_mm = first + step * np.arange(max(2, int((z_mm[-1] - first) / step + 0.5) + 1))
    rows, columns = (side // factor for side in images[0].pixels.shape)
    coarse = np.zeros((len(planes_mm), rows, columns), np.float32)
    shares = _shares(z_mm, planes_mm, step)
    for number, image in enumerate(images):
        small: Floats | None = None
        for plane in np.flatnonzero(shares[:, number]):
            small = block_mean(image.pixels, factor) if small is None else small
            coarse[plane] += shares[plane, number] * small
    return coarse, planes_mm


def _shares(
    z_mm: npt.NDArray[np.float64], planes_mm: npt.NDArray[np.float64], step: float
) -> Floats:
    """How much of each slice goes into each plane, (plane, slice), each plane's sum 1."""
    near = np.abs(planes_mm[:, None] - z_mm[None]) <= 0.501 * step
    shares = near.astype(np.float64)
    for plane in np.flatnonzero(~near.any(axis=1)):
        after = int(np.clip(np.searchsorted(z_mm, planes_mm[plane]), 1, len(z_mm) - 1))
        share = (planes_mm[plane] - z_mm[after - 1]) / (z_mm[after] - z_mm[after - 1])
        shares[plane, after - 1 : after + 1] = 1 - np.clip(share, 0, 1), np.clip(share, 0, 1)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float32)


def block_mean(plane: Floats, factor: int) -> Floats:
    """The mean of blocks of ``factor`` x ``factor`` pixels; what is over at the end is left out."""
    rows, columns = (side // factor * factor for side in plane.shape)
    total = np.zeros((rows // factor, columns // factor), np.float32)
    for row in range(factor):
        for column in range(factor):
            total += plane[row:rows:factor, column:columns:factor]
    return np.asarray(total / np.float32(factor * factor), np.float32)
