"""Blood beneath the skull's wall and fractures of it, seen on the unrolled skull of one series."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.special import expit

from models.haemorrhage_places import Place
from models.haemorrhage_volume import CANVAS, Skull, Stack
from models.runtime import Floats, Network
from models.skull_network import SIGNS, STRIDE
from models.skull_unrolled import Strip, to_network, unroll

_BATCH = 8  # strips a call of the network
_CELLS = CANVAS // STRIDE  # of a canvas, a side
_LEAST_HEAT = 0.3  # of a cell that belongs to a fracture
_CORNER_EVERY = 4  # columns of an outline


@dataclass(frozen=True, kw_only=True, slots=True)
class SkullSigns:
    """What the wall of a skull shows."""

    logits: npt.NDArray[np.float64]  # (slab, 2), log odds of each of SIGNS; nan: not unrolled
    blood_heat: Floats  # (slab, CANVAS / STRIDE, CANVAS / STRIDE), 0 to 1, on the canvas
    fractures: tuple[Place, ...]  # their planes count from the skull's first


def find_signs(stack: Stack, skull: Skull, network: Network) -> SkullSigns:
    """Unroll the skull of a series and look at it."""
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
            fractures += _outlines(strip, fracture, strip.slab - skull.first)
    return SkullSigns(logits=logits, blood_heat=heat, fractures=tuple(fractures))


def _onto_canvas(canvas: Floats, strip: Strip, cells: Floats) -> None:
    """Each cell of a strip to the canvas cell in which its middle lies, the hottest counting."""
    rows, columns = (np.indices(cells.shape) + 0.5) * STRIDE
    middles = strip.table.on_canvas(rows, columns)
    places = np.clip(middles // STRIDE, 0, _CELLS - 1).astype(int)
    np.maximum.at(canvas, (places[..., 1], places[..., 0]), cells)


def _outlines(strip: Strip, cells: Floats, plane: int) -> list[Place]:
    """An outline around the cells that hang together; what both ends show counts once."""
    parts, count = ndimage.label(cells >= _LEAST_HEAT)
    outlines = []
    for number, (rows, columns) in enumerate(ndimage.find_objects(parts, count), start=1):
        top, bottom = rows.start * STRIDE, rows.stop * STRIDE
        left, right = columns.start * STRIDE, columns.stop * STRIDE
        along = np.arange(left, right + 1, _CORNER_EVERY)
        inner = strip.table.on_canvas(np.full(len(along), top), np.minimum(along, right - 1))
        outer = strip.table.on_canvas(np.full(len(along), bottom), np.minimum(along, right - 1))
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
    return _once(outlines)


def _once(places: list[Place]) -> list[Place]:
    """Of outlines whose middles lie within another's, seen at both ends of a strip, the surest."""
    kept: list[Place] = []
    for place in sorted(places, key=lambda one: -one.score):
        middle = place.outline.mean(axis=0)
        near = (np.linalg.norm(one.outline.mean(axis=0) - middle) < STRIDE for one in kept)
        if not any(near):
            kept.append(place)
    return kept
