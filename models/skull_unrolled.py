"""The wall of the skull unrolled: once around the head, from the surface of the brain to the skin.

A fracture is a line in the bone hardly wider than a pixel, thin blood a layer beneath it. On a
strip that follows the inner table both lie in the middle rows, whatever the head's shape, and take
more of the picture than on a plane. Rows run from the brain outwards, the inner table between rows
``INSIDE - 1`` and ``INSIDE``; columns run once around from the back of the head, the front in the
middle, with ``WRAP`` columns at either end that the other end shows too. A row is about 0.45 mm, a
column about 0.55 mm. Canvas and plane pixels are those of ``models.haemorrhage_volume``.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from models.haemorrhage_volume import AIR_HU, CANVAS, Matrix, Skull, Stack

Floats = npt.NDArray[np.float32]

ROWS, COLUMNS = 64, 768
INSIDE = 32  # rows within the inner table
WRAP = 32  # columns shown at both ends
_AROUND = COLUMNS - 2 * WRAP
_ROW = 0.5  # canvas pixels
_REACH = np.arange(8.0, 110.0)  # canvas pixels from the middle where the cavity is looked for
_NEAR = np.arange(-7.0, 9.0, 0.5)  # and from its edge, where the bone begins
_TABLE_HU = 250.0
_LEAST_CAVITY = 80  # coarse pixels; of fewer, the middle is not known
_LEAST_AROUND = 0.3  # of the directions that must meet the cavity
_TURN = (np.arange(_AROUND) + 0.5) / _AROUND * 2 * np.pi - np.pi
_OUTWARDS = np.stack([np.sin(_TURN), -np.cos(_TURN)], axis=1)  # (column, row): front is up
_BONE_HU = 1800.0
_SOFT_LOW_HU, _SOFT_WIDTH_HU = -20.0, 120.0


@dataclass(frozen=True, kw_only=True, slots=True)
class InnerTable:
    """Where the skull's inner table runs in one plane."""

    middle: Matrix  # (2,), canvas pixels, (column, row)
    radius: Matrix  # (directions,), canvas pixels from the middle

    def on_canvas(self, rows: Matrix, columns: Matrix) -> Matrix:
        """Where strip pixels lie, (..., 2), (column, row) of the canvas; corners at whole numbers.

        Parameters
        ----------
        rows, columns
            Of the strip, whole numbers at corners; of one shape.
        """
        place = np.floor(columns).astype(int) - WRAP
        radius = np.maximum(self.radius[place % _AROUND] + (rows - INSIDE) * _ROW, 0)
        points: Matrix = self.middle + radius[..., None] * _OUTWARDS[place % _AROUND]
        return points

    def encloses(self, points: Matrix, beyond: float = 0.0) -> npt.NDArray[np.bool_]:
        """Whether canvas points, (..., 2), (column, row), lie within, or not so far beyond."""
        offset = points - self.middle
        turn = np.arctan2(offset[..., 0], -offset[..., 1])
        place = np.floor((turn + np.pi) / (2 * np.pi) * _AROUND).astype(int) % _AROUND
        held: npt.NDArray[np.bool_] = np.hypot(*np.moveaxis(offset, -1, 0)) <= (
            self.radius[place] + beyond
        )
        return held


@dataclass(frozen=True, kw_only=True, slots=True)
class Strip:
    """One plane's wall, between those of its neighbours along the same curve."""

    slab: int  # of the stack
    table: InnerTable
    hu: Floats  # (3, row, column), Hounsfield units: below, itself, above


def unroll(stack: Stack, skull: Skull, margin: int = 0) -> Iterator[Strip]:
    """Unroll every plane with brain whose cavity can be followed around.

    Parameters
    ----------
    margin
        Rows more at either side.
    """
    last = len(stack.planes) - 1
    for slab in range(skull.first, skull.last + 1):
        table = _inner_table(stack.planes[slab], skull.cavity[slab], skull)
        if table is not None:
            near = stack.planes[np.clip([slab - 1, slab, slab + 1], 0, last)]
            yield Strip(slab=slab, table=table, hu=_strip(near, table, skull.to_plane, margin))


def to_network(hu: Floats) -> Floats:
    """What the network sees of a strip, (3, row, column), -1 to 1.

    The bone of the plane, its soft tissue, and the mean of the neighbours' bone.
    """
    plane, beside = hu[1], (hu[0] + hu[2]) / 2
    parts = (plane / _BONE_HU, (plane - _SOFT_LOW_HU) / _SOFT_WIDTH_HU, beside / _BONE_HU)
    shares: Floats = np.clip(np.stack(parts), 0, 1).astype(np.float32) * 2 - 1
    return shares


def _inner_table(plane: Floats, cavity: npt.NDArray[np.bool_], skull: Skull) -> InnerTable | None:
    """Follow the edge of the cavity, then the bone beside it; gaps of bone are bridged."""
    middle = np.full(2, CANVAS / 2)
    inside = np.argwhere(cavity)[:, ::-1] + 0.5
    if len(inside) > _LEAST_CAVITY:
        to_canvas = np.linalg.inv(skull.to_plane[:, :2]).T
        middle = ((inside * skull.step - skull.to_plane[:, 2]) @ to_canvas).mean(axis=0)
    held = _held(cavity, *_rays(middle, _REACH[:, None], skull.to_plane / skull.step))
    met = held.any(axis=0)
    if met.mean() < _LEAST_AROUND:
        return None
    farthest = _REACH[len(_REACH) - 1 - held[::-1].argmax(axis=0)]
    directions = np.arange(_AROUND)
    edge = np.interp(directions, directions[met], farthest[met], period=_AROUND)
    edge = ndimage.median_filter(edge, 41, mode="wrap")
    bone = _sampled(plane, *_rays(middle, edge + _NEAR[:, None], skull.to_plane)) > _TABLE_HU
    begins = np.where(bone.any(axis=0), edge + _NEAR[bone.argmax(axis=0)], edge)
    begins = ndimage.median_filter(begins, 31, mode="wrap")
    radius = ndimage.gaussian_filter1d(begins, 4, mode="wrap")
    return InnerTable(middle=middle, radius=radius)


def _strip(planes: Floats, table: InnerTable, to_plane: Matrix, margin: int) -> Floats:
    rows = np.arange(-margin, ROWS + margin) + 0.5
    reach = np.maximum(table.radius + (rows[:, None] - INSIDE) * _ROW, 0)
    column, row = _rays(table.middle, reach, to_plane)
    around = np.arange(-WRAP, _AROUND + WRAP) % _AROUND
    strips = [_sampled(plane, column, row)[:, around] for plane in planes]
    return np.stack(strips)


def _rays(middle: Matrix, reach: Matrix, to_plane: Matrix) -> tuple[Matrix, Matrix]:
    """Columns and rows of a plane, corners at whole numbers, so far from the middle outwards.

    Parameters
    ----------
    reach
        (n, directions) or (n, 1), canvas pixels.
    """
    start = to_plane[:, :2] @ middle + to_plane[:, 2]
    along = _OUTWARDS @ to_plane[:, :2].T
    return start[0] + reach * along[:, 0], start[1] + reach * along[:, 1]


def _held(mask: npt.NDArray[np.bool_], column: Matrix, row: Matrix) -> npt.NDArray[np.bool_]:
    """Whether the pixels in which points lie belong to a mask."""
    x, y = np.floor(column).astype(np.int32), np.floor(row).astype(np.int32)
    rows, columns = mask.shape
    within = (x >= 0) & (x < columns) & (y >= 0) & (y < rows)
    held: npt.NDArray[np.bool_] = within & mask[np.clip(y, 0, rows - 1), np.clip(x, 0, columns - 1)]
    return held


def _sampled(plane: Floats, column: Matrix, row: Matrix) -> Floats:
    """Values of a plane at points, air beyond it."""
    values: Floats = ndimage.map_coordinates(
        plane, [row - 0.5, column - 0.5], np.float32, 1, "constant", AIR_HU, prefilter=False
    )
    return values
