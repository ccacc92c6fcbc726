"""Whether a chest lies in its planes as its header says: by where the spine is.

The outside of vertebrae is the densest thin thing near the middle of a chest's back; neither
breastbone nor ribs come near it. Contrast agent can be as dense, but fills what is thick. Limits
were set on what was at hand, few scans: they ask for much before a chest is refused.
"""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from models.nodule_lungs import Lungs
from models.nodule_volume import Stack

Bools = npt.NDArray[np.bool_]
Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]

UPSIDE_DOWN = "The chest seems to be upside down in the images, though the header does not say so."
ON_ITS_SIDE = "The chest seems to lie on its side in the images, though the header does not say so."
_COMPACT_HU, _BONE_HU = 450.0, 200.0  # the outside of bone; all of it, and vessels with contrast
_POOL_HU, _POOL_MM = 350.0, 10.0  # what is as dense all across is contrast agent, or metal
_BEYOND = 0.25  # of the body's half depth or width from its middle: where a side begins
_NEAR_MIDDLE = 0.2  # of the other half: how far to both sides of the middle the spine may lie
_MOST_COMPACT = 3.0  # times what is at the back, at another side
_MOST_BONE = 1.25
_LEAST_COMPACT_MM2 = 25.0  # on a plane: less is no spine
_WIDE = 0.5  # of the plane with the most lung; narrower ones show shoulders or belly
_PLANES = 40  # looked at, at most
_SIDES = 4  # last rows, first rows, last columns, first columns


def why_not_upright(stack: Stack, lungs: Lungs) -> str | None:
    """Why the chest does not lie as the header says, a sentence; None if it may.

    Head and feet, left and right are not told apart.
    """
    back, front = _back_and_front(stack.orientation)
    compact = bone_mm2(stack, lungs, _COMPACT_HU, thin=True)
    side = int(np.argmax(compact))
    if side == back or compact[side] < max(_LEAST_COMPACT_MM2, _MOST_COMPACT * compact[back]):
        return None
    bone = bone_mm2(stack, lungs, _BONE_HU)
    if bone[side] < _MOST_BONE * bone[back]:
        return None
    return UPSIDE_DOWN if side == front else ON_ITS_SIDE


def _back_and_front(orientation: Doubles) -> tuple[int, int]:
    """Which of the sides of the planes are the patient's back and front, by the header."""
    along_columns, along_rows = float(orientation[4]), float(orientation[1])  # of LPS, y: back
    towards = [along_columns, -along_columns, along_rows, -along_rows]
    return int(np.argmax(towards)), int(np.argmin(towards))


def bone_mm2(stack: Stack, lungs: Lungs, least_hu: float, *, thin: bool = False) -> Doubles:
    """What is so dense near the middle of each side of the body, mm2 on a plane, the mean, (4,).

    The sides: last rows, first rows, last columns, first columns.

    Parameters
    ----------
    thin
        Leave out what is dense over a centimetre each way.
    """
    spacing_mm = stack.coarse_spacing_mm[1:]
    planes = _wide_planes(lungs)
    found = np.zeros(_SIDES)
    for number in planes:
        body = lungs.body[number].repeat(lungs.finer, axis=0).repeat(lungs.finer, axis=1)
        plane = stack.coarse[number][: body.shape[0], : body.shape[1]]
        dense = body & (plane > least_hu)
        if thin:
            dense &= ~_pools(plane, spacing_mm)
        found += _by_side(dense, body)
    return found * float(np.prod(spacing_mm)) / max(1, len(planes))


def _by_side(dense: Bools, body: Bools) -> Doubles:
    """How many pixels of a plane are dense near the middle of each side, (4,)."""
    down = _from_the_middle(np.asarray(body.any(axis=1)))[:, None]
    across = _from_the_middle(np.asarray(body.any(axis=0)))[None]
    sides = ((down, across), (-down, across), (across, down), (-across, down))
    found = [
        (dense & (way > _BEYOND) & (np.abs(beside) < _NEAR_MIDDLE)).sum() for way, beside in sides
    ]
    return np.array(found, np.float64)


def _pools(plane: Floats, spacing_mm: tuple[float, float]) -> Bools:
    """What is dense over a centimetre each way, and its rim."""
    across = [2 * max(1, round(_POOL_MM / side / 2)) + 1 for side in spacing_mm]
    inner = ndimage.minimum_filter(plane > _POOL_HU, across)
    return np.asarray(ndimage.maximum_filter(inner, [side + 4 for side in across]), np.bool_)


def _wide_planes(lungs: Lungs) -> npt.NDArray[np.intp]:
    """Some of the planes that show much of the lungs."""
    areas = lungs.mask.sum(axis=(1, 2))
    wide = np.flatnonzero(areas >= _WIDE * areas.max())
    some = np.linspace(0, len(wide) - 1, min(_PLANES, len(wide))).round().astype(int)
    return np.asarray(wide[some], np.intp)


def _from_the_middle(shown: Bools) -> Doubles:
    """Where each row or column lies between the body's edges, -1 to 1."""
    places = np.flatnonzero(shown)
    if not len(places):
        return np.zeros(len(shown))
    first, last = int(places[0]), int(places[-1])
    return (2 * np.arange(len(shown)) - first - last) / (last - first + 1)
