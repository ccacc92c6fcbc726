"""From the network's heat maps to outlines of suspected blood on the source images."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from scipy import ndimage

from models.haemorrhage_answers import STRIDE
from models.haemorrhage_volume import BONE_HU, CANVAS
from models.skull_unrolled import InnerTable

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Points = npt.NDArray[np.float64]  # (n, 2), column and row

_GRID = 2  # canvas pixels to a pixel of the masks
_SIDE = CANVAS // _GRID
_LEAST_PIXELS = 6  # of a mask; smaller ones are not shown
_ABOVE_BRAIN_HU = 8.0  # blood is at least so much denser than the plane's brain
_LEAST_BLOOD_HU = 42.0
_CORNERS = 48  # of an outline, at most
_BEYOND_TABLE = 2.0  # canvas pixels, about 2 mm; the scalp begins farther out
_FLAT_DISC = ndimage.generate_binary_structure(2, 1)[None]  # within a plane
_LINK = 3  # pixels of the masks by which parts are widened: lesions lie about 1 cm apart


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """One outline on one plane."""

    plane: int  # place in the stack of canvases
    lesion: int  # number of the thing in space that it is a cut of, from 1
    outline: Points  # (n, 2), canvas pixels, corners at whole numbers
    score: float  # highest heat within, 0 to 1
    area: float  # canvas pixels


def find_places(
    canvases: Floats, heat: Floats, tables: Sequence[InnerTable | None], *, least: float
) -> tuple[Place, ...]:
    """Outline what is hot within the skull, and number what hangs together across planes.

    Parameters
    ----------
    canvases
        (plane, CANVAS, CANVAS), Hounsfield units.
    heat
        (plane, CANVAS / STRIDE, CANVAS / STRIDE), 0 to 1.
    tables
        Of each plane the skull's inner table, beyond which there is no place: a haematoma of the
        scalp is as dense as blood within. None where it is not known: anywhere.
    least
        Heat from which on a cell counts.

    Returns
    -------
    tuple of Place
        Lesions are numbered by their highest heat. A plane on which nothing is hot has its hottest
        place, so that there is something to show where the plane as a whole is suspect.
    """
    within = [_within(table) for table in tables]
    fine = _fine(heat)
    masks = np.stack([_mask(*plane, least) for plane in zip(canvases, heat, within, strict=True)])
    lesions, count = _linked(masks)
    for plane, mask in enumerate(masks):
        if next(_parts(mask), None) is None:
            count += 1
            masks[plane] = _hottest(fine[plane], within[plane])
            lesions[plane] = np.where(masks[plane], count, 0)
    peaks = ndimage.maximum(fine, lesions, np.arange(1, count + 1)) if count else np.zeros(0)
    number = {int(old) + 1: new for new, old in enumerate(np.argsort(-peaks), start=1)}
    return tuple(
        Place(
            plane=plane,
            lesion=number[int(lesions[plane][part][0])],
            outline=_outline(part) * _GRID,
            score=float(fine[plane][part].max()),
            area=float(part.sum()) * _GRID**2,
        )
        for plane, mask in enumerate(masks)
        for part in _parts(mask)
    )


def _within(table: InnerTable | None) -> Mask:
    """The pixels of the masks in which there may be a place."""
    if table is None:
        return np.ones((_SIDE, _SIDE), bool)
    row, column = (np.indices((_SIDE, _SIDE)) + 0.5) * _GRID
    return table.encloses(np.stack([column, row], axis=-1), _BEYOND_TABLE)


def _hottest(heat: Floats, within: Mask) -> Mask:
    """The hottest cell within, and half a cell around it."""
    side = STRIDE // _GRID
    shown = np.where(within, heat, 0)
    row, column = (int(n) // side * side for n in np.unravel_index(shown.argmax(), shown.shape))
    mask = np.zeros_like(within)
    rows, columns = (slice(max(0, n - side // 2), n + side + side // 2) for n in (row, column))
    mask[rows, columns] = True
    return mask & within


def _linked(masks: Mask) -> tuple[npt.NDArray[np.int32], int]:
    """Masks (plane, row, column) with the number of their lesion, and how many lesions there are.

    Thin blood shows in bits: what is nearly in touch, on a plane or the next, is one.
    """
    wide = ndimage.binary_dilation(masks, _FLAT_DISC, iterations=_LINK)
    labels, count = ndimage.label(wide, np.ones((3, 3, 3)))
    return np.where(masks, labels, 0), count


def _mask(canvas: Floats, cells: Floats, within: Mask, least: float) -> Mask:
    """The dense pixels in and beside hot cells; the hot cells themselves where none is dense."""
    if cells.max() < least:
        return np.zeros((_SIDE, _SIDE), bool)
    smooth_heat = np.asarray(
        Pillow.fromarray(cells).resize((_SIDE, _SIDE), Pillow.Resampling.BILINEAR)
    )
    hot = ((smooth_heat >= least) | _fine(cells >= least)) & within
    small = canvas.reshape(_SIDE, _GRID, _SIDE, _GRID).mean(axis=(1, 3))
    smooth = ndimage.gaussian_filter(small, 0.7)
    tissue = (small > 0) & (small < 100)
    brain = float(np.median(small[tissue])) if tissue.any() else 32.0
    dense = smooth > max(_LEAST_BLOOD_HU, brain + _ABOVE_BRAIN_HU)
    near = ndimage.binary_dilation(hot, iterations=2) & (small < BONE_HU - 40) & within
    blood = ndimage.binary_opening(dense & near)
    mask = np.zeros_like(hot)
    for part in _parts(hot):
        own = blood & ndimage.binary_dilation(part, iterations=2)
        mask |= own if own.sum() >= _LEAST_PIXELS else part
    return ndimage.binary_fill_holes(mask)  # type: ignore[no-any-return]


def _fine(cells: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Cells as pixels of the masks; the last two axes are rows and columns."""
    return cells.repeat(STRIDE // _GRID, axis=-2).repeat(STRIDE // _GRID, axis=-1)


def _parts(mask: Mask) -> Iterator[Mask]:
    """The connected parts of a mask that are large enough."""
    labels, count = ndimage.label(mask)
    for number in range(1, count + 1):
        part = labels == number
        if part.sum() >= _LEAST_PIXELS:
            yield part


def _outline(part: Mask) -> Points:
    """The outer edge of a connected part, along its pixels' sides, thinned to few corners."""
    padded = np.pad(part, 1)
    after: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    # each side of a pixel with nothing beyond, clockwise: from (column, row) to (column, row)
    for (down, right), start, end in (
        ((-1, 0), (0, 0), (1, 0)),
        ((0, 1), (1, 0), (1, 1)),
        ((1, 0), (1, 1), (0, 1)),
        ((0, -1), (0, 1), (0, 0)),
    ):
        beyond = np.roll(padded, (-down, -right), (0, 1))
        for row, column in np.argwhere(padded & ~beyond) - 1:
            after[int(column) + start[0], int(row) + start[1]].append(
                (int(column) + end[0], int(row) + end[1])
            )
    loops = []
    while after:
        loop = [next(iter(after))]
        while loop[-1] in after:
            following = after[loop[-1]]
            loop.append(following.pop())
            if not following:
                del after[loop[-2]]
        loops.append(np.array(loop[:-1], np.float64))
    return _thinned(max(loops, key=len))


def _thinned(loop: Points) -> Points:
    """Rounded a little, and every n-th point, so that there are not too many."""
    rounded = (np.roll(loop, 1, axis=0) + 2 * loop + np.roll(loop, -1, axis=0)) / 4
    return rounded[:: max(1, -(-len(rounded) // _CORNERS))]
