"""Blood beneath the skull's wall and fractures of it, seen on the unrolled skull of one series."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.special import expit

from models.haemorrhage_answers import SIGNS, STRIDE
from models.haemorrhage_places import Place
from models.haemorrhage_volume import CANVAS, Skull, Stack
from models.runtime import Floats, Network
from models.skull_unrolled import COLUMNS, INSIDE, WRAP, InnerTable, Strip, to_network, unroll

Mask = npt.NDArray[np.bool_]

_BATCH = 8  # strips a call of the network
_CELLS = CANVAS // STRIDE  # of a canvas, a side
_WITHIN = INSIDE // STRIDE + 1  # rows of cells on which blood lies: beyond them is the scalp
_CORNER_EVERY = 4  # columns of an outline


@dataclass(frozen=True, kw_only=True, slots=True)
class SkullSigns:
    """What the wall of a skull shows."""

    logits: npt.NDArray[np.float64]  # (slab, 2), log odds of each of SIGNS; nan: not unrolled
    blood_heat: Floats  # (slab, CANVAS / STRIDE, CANVAS / STRIDE), 0 to 1, on the canvas
    fractures: tuple[Place, ...]  # their planes count from the skull's first
    tables: Mapping[int, InnerTable]  # of each slab that was unrolled


def find_signs(stack: Stack, skull: Skull, network: Network, *, least_heat: float) -> SkullSigns:
    """Unroll the skull of a series and look at it.

    Parameters
    ----------
    least_heat
        Of a cell that belongs to a fracture, 0 to 1.
    """
    strips = list(unroll(stack, skull))
    logits = np.full((len(stack.planes), len(SIGNS)), np.nan)
    heat = np.zeros((len(stack.planes), _CELLS, _CELLS), np.float32)
    fractures: list[Place] = []
    for first in range(0, len(strips), _BATCH):
        batch = strips[first : first + _BATCH]
        said = network(np.stack([to_network(one.hu) for one in batch]))
        heats = expit(said["heat_logits"])
        for strip, signs, (blood, fracture) in zip(batch, said["sign_logits"], heats, strict=True):
            logits[strip.slab] = signs
            _onto_canvas(heat[strip.slab], strip, blood)
            fractures += _outlines(
                strip, fracture >= least_heat, fracture, strip.slab - skull.first
            )
    return SkullSigns(
        logits=logits,
        blood_heat=heat,
        fractures=tuple(fractures),
        tables={one.slab: one.table for one in strips},
    )


def _onto_canvas(canvas: Floats, strip: Strip, cells: Floats) -> None:
    """Each cell within the skull to the canvas cell of its middle, the hottest counting."""
    cells = cells[:_WITHIN]
    rows, columns = (np.indices(cells.shape) + 0.5) * STRIDE
    places = np.floor(strip.table.on_canvas(rows, columns) / STRIDE).astype(int)
    shown = ((places >= 0) & (places < _CELLS)).all(axis=-1)
    column, row = places[shown].T
    np.maximum.at(canvas, (row, column), cells[shown])


def _outlines(strip: Strip, hot: Mask, cells: Floats, plane: int) -> list[Place]:
    """An outline around the hot cells that hang together; what both ends show counts once."""
    parts, count = ndimage.label(hot, np.ones((3, 3)))
    outlines: list[Place] = []
    seen: list[slice] = []
    for number, (rows, columns) in enumerate(ndimage.find_objects(parts, count), start=1):
        if any(_same_again(columns, before) for before in seen):
            continue
        seen.append(columns)
        along = np.arange(columns.start * STRIDE, columns.stop * STRIDE + 1, _CORNER_EVERY)
        inner, outer = (
            strip.table.on_canvas(np.full(len(along), end * STRIDE), along)
            for end in (rows.start, rows.stop)
        )
        outline = np.concatenate([inner, outer[::-1]])
        x, y = outline[:, 0], outline[:, 1]
        area = abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))) / 2
        outlines.append(
            Place(
                plane=plane,
                lesion=0,
                outline=outline,
                score=float(cells[parts == number].max()),
                area=area,
            )
        )
    return outlines


def _same_again(columns: slice, before: slice) -> bool:
    """Whether a part at one end of a strip shows what one at the other end shows already."""
    around = (COLUMNS - 2 * WRAP) // STRIDE
    near, far = sorted((columns, before), key=lambda part: int(part.start))
    return bool(far.start < near.stop + around and near.start + around < far.stop)
