"""Whether something dense runs through a place, in on one side and out on the other: a vessel.

In an axial cut a vessel that runs through the slice is as round as a nodule. In space it goes on:
what is as dense as the place and hangs together with it crosses a shell around it at opposite
sides. A nodule does not, and one at a vessel is mostly wider than the vessel. One that is not, down
to about twice the vessel's width, is crossed as much as a slanting vessel is: so what runs through
lowers the suspicion of a place, and does not settle it.
"""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from models.nodule_lungs import Lungs
from models.nodule_volume import Stack

Doubles = npt.NDArray[np.float64]

_LEAST_RADIUS_MM = 2.0
_SHELL_FROM = 1.3  # of the place's radius, and
_SHELL_ROOM_MM = 2.0  # so much more
_SHELL_MM = 4.0  # thick at least, and most of the way to the next plane
_OF_A_PLANE = 0.8
_CORE_MM = 1.5  # around the centre, whose density counts
_LEAST_CONTRAST_HU = 150.0  # over the lung; below is noise
_HANGS_AT = 0.6  # of the radius: what is dense within hangs together with the place
_OPPOSITE = -0.3  # cosine between two crossings' directions, at most
_TOUCHING = np.ones((3, 3, 3), bool)
_SUSPECT_TO = 0.2  # of a place's own area: what less of it runs through counts for nothing
_LOG_ODDS_OF_ALL = 20.0  # that a place would lose of which its whole area more ran through
_MOST_LOG_ODDS = 6.0  # that any place loses


def lost_to_vessels(through: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The log odds by which places are less suspect for what runs through them.

    Parameters
    ----------
    through
        As ``runs_through`` says, of any shape.
    """
    return np.asarray(np.clip(_LOG_ODDS_OF_ALL * (through - _SUSPECT_TO), 0.0, _MOST_LOG_ODDS))


def runs_through(
    stack: Stack, lungs: Lungs, at: npt.NDArray[np.float64], radius_mm: float
) -> float:
    """The lesser of two opposite crossings, as a share of the place's own area; 0 if there is none.

    Parameters
    ----------
    at
        (3,) plane, row, column of the coarse copy.
    radius_mm
        Of what was outlined there.
    """
    spacing = np.array(stack.coarse_spacing_mm)
    radius = max(radius_mm, _LEAST_RADIUS_MM)
    inner = _SHELL_FROM * radius + _SHELL_ROOM_MM
    outer = inner + max(_SHELL_MM, _OF_A_PLANE * float(spacing[0]))
    box = tuple(
        slice(max(0, int(place - outer / side)), int(place + outer / side) + 2)
        for place, side in zip(at, spacing, strict=True)
    )
    values = stack.coarse[box]
    starts = np.array([side.start for side in box])
    axes = [
        (np.arange(size) + start - place) * side
        for size, start, place, side in zip(values.shape, starts, at, spacing, strict=True)
    ]
    offsets = np.stack(np.meshgrid(*axes, indexing="ij"))
    distance = np.sqrt((offsets**2).sum(axis=0))
    level = _level(values, distance, lungs.median_hu, float(spacing[1]))
    dense = (values > level) & lungs.mask[box] & (distance <= outer)
    parts, _ = ndimage.label(dense, _TOUCHING)
    own = np.unique(parts[dense & (distance <= max(_HANGS_AT * radius, _LEAST_RADIUS_MM))])
    shell = np.isin(parts, own) & dense & (distance >= inner)
    area_of_a_voxel = float(spacing.prod()) / (outer - inner)
    return _lesser_of_two_opposite(shell, offsets) * area_of_a_voxel / (np.pi * radius**2)


def _level(
    values: npt.NDArray[np.float32], distance: Doubles, lung_hu: float, pixel_mm: float
) -> float:
    """Halfway from the lung to the density around the centre."""
    near = values[distance <= max(_CORE_MM, pixel_mm)]
    core = float(np.median(near)) if near.size else float(values.flat[np.argmin(distance)])
    return max((core + lung_hu) / 2, lung_hu + _LEAST_CONTRAST_HU)


def _lesser_of_two_opposite(shell: npt.NDArray[np.bool_], offsets: Doubles) -> float:
    """Voxels of the lesser of the two largest crossings that lie opposite each other."""
    crossings, count = ndimage.label(shell, _TOUCHING)
    if count < 2:
        return 0.0
    numbers = np.arange(1, count + 1)
    sizes = np.asarray(ndimage.sum_labels(shell, crossings, numbers))
    ways = np.stack([ndimage.mean(axis, crossings, numbers) for axis in offsets], axis=1)
    ways /= np.maximum(np.linalg.norm(ways, axis=1, keepdims=True), 1e-9)
    opposite = ways @ ways.T < _OPPOSITE
    return float((np.minimum(sizes[:, None], sizes[None]) * opposite).max())
