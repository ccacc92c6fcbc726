"""Blobs in the lungs: the places at which the network looks.

A blob is bright against its surroundings in every direction. At several scales the second
derivatives of the smoothed lungs (Lindeberg 1998) are compared: a nodule curves alike along all
three axes, a vessel not along its course, a pleura or fissure along one axis only (Frangi et al.
1998, Li et al. 2003). Derivatives are in units of the scale, and along the normal in units of what
the slices can resolve, so that 5 mm slices do not turn every nodule into a disk.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from models.nodule_lungs import Lungs
from models.nodule_volume import Stack

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

_SCALES_MM = (1.2, 1.8, 2.6, 3.8, 5.5, 8.0)  # standard deviations of the smoothing
_RADIUS_OF_SCALE = 3.0**0.5  # of the sphere that answers most to a scale
_HIGHEST_HU = 60.0  # calcium and metal are no more of a blob than tissue is
_LEAST_HU = 60.0  # of curvature, in units of the scale; below is noise
_LEAST_ROUNDNESS = 0.12  # of the smallest to the largest curvature; straight vessels are below
_RESOLVED = 0.7  # of the planes' distance: finer the planes cannot tell
_COARSER_FROM_MM = 3.0  # scales from here on run on every other voxel
_MOST_A_LITRE = (150, 120, 100, 50, 20, 10)  # blobs of each scale, by the litre of lung
_LITRES = (2.0, 4.0)  # lungs count as no smaller and no larger
_ROOM_MM = 20.0  # around the lungs' box


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidates:
    """Places that might be nodules, most blob-like first.

    at: (n, 3) plane, row, column of the coarse copy, voxel centres at whole numbers.
    """

    at: Doubles
    radius_mm: Doubles  # (n,), of the sphere that answers most to the scale
    strength_hu: Doubles  # (n,), geometric mean of the three curvatures
    roundness: Doubles  # (n,), 0 a tube or sheet, 1 a sphere

    def __len__(self) -> int:
        return len(self.at)

    def __getitem__(self, chosen: npt.NDArray[np.intp] | slice) -> "Candidates":
        return Candidates(
            at=self.at[chosen],
            radius_mm=self.radius_mm[chosen],
            strength_hu=self.strength_hu[chosen],
            roundness=self.roundness[chosen],
        )


def find_candidates(stack: Stack, lungs: Lungs) -> Candidates:
    """The blobs of all scales, those that are one and the same merged."""
    box = _box(lungs, stack.coarse_spacing_mm)
    mask = lungs.mask[box]
    filled = np.minimum(stack.coarse[box], np.float32(_HIGHEST_HU))
    # what is not lung is filled with lung, so that the chest wall is no edge
    filled = np.where(mask, filled, np.float32(lungs.median_hu))
    offset = np.array([side.start for side in box], float)
    litres = float(np.clip(lungs.litres, *_LITRES))
    found = []
    for scale, most in zip(_SCALES_MM, _MOST_A_LITRE, strict=True):
        step = tuple(
            2 if scale >= _COARSER_FROM_MM and 2 * side <= scale else 1
            for side in stack.coarse_spacing_mm
        )
        small, small_mask = _every(filled, step), mask[:: step[0], :: step[1], :: step[2]]
        spacing = tuple(a * b for a, b in zip(stack.coarse_spacing_mm, step, strict=True))
        blobs = _blobs(small, small_mask, scale, spacing)[: round(most * litres)]
        middle = (np.array(step) - 1) / 2  # of the voxels that became one
        found.append((blobs, blobs.at * step + middle + offset))
    every = Candidates(
        at=np.concatenate([at for _, at in found]),
        radius_mm=np.concatenate([blobs.radius_mm for blobs, _ in found]),
        strength_hu=np.concatenate([blobs.strength_hu for blobs, _ in found]),
        roundness=np.concatenate([blobs.roundness for blobs, _ in found]),
    )
    return _merged(every, stack.coarse_spacing_mm)


def _box(lungs: Lungs, spacing: tuple[float, float, float]) -> tuple[slice, slice, slice]:
    (found,) = ndimage.find_objects(lungs.mask.astype(np.uint8))
    room = [round(_ROOM_MM / side) for side in spacing]
    plane, row, column = (
        slice(max(0, side.start - more), min(size, side.stop + more))
        for side, more, size in zip(found, room, lungs.mask.shape, strict=True)
    )
    return plane, row, column


def _every(volume: Floats, step: tuple[int, ...]) -> Floats:
    """Means of neighbouring voxels; a lone one at the end stays alone."""
    for axis, factor in enumerate(step):
        if factor == 2:
            first = np.take(volume, np.arange(0, volume.shape[axis], 2), axis)
            second = np.take(
                volume,
                np.minimum(np.arange(1, volume.shape[axis] + 1, 2), volume.shape[axis] - 1),
                axis,
            )
            volume = (first + second[tuple(slice(0, n) for n in first.shape)]) / 2
    return np.asarray(volume, np.float32)


def _blobs(
    volume: Floats, mask: npt.NDArray[np.bool_], scale: float, spacing: tuple[float, ...]
) -> Candidates:
    """The local maxima of the summed curvature that are round enough, best first."""
    smooth = ndimage.gaussian_filter(volume, [scale / side for side in spacing], truncate=3.0)
    # curvature per squared unit of what can be resolved along each axis
    units = [max(scale, _RESOLVED * side) / side for side in spacing]
    curved = np.zeros_like(smooth)
    for axis, unit in enumerate(units):
        curved += np.float32(unit * unit) * _second_difference(smooth, axis)
    highest = ndimage.maximum_filter(curved, size=3, mode="nearest")
    peak = (curved >= highest) & (curved > _LEAST_HU) & mask
    for axis in range(3):  # the rim has no neighbours on one side
        rim = [slice(None)] * 3
        for end in (0, -1):
            rim[axis] = end  # type: ignore[call-overload]
            peak[tuple(rim)] &= axis == 0  # nodules on the first or last slice are looked at
    at = np.argwhere(peak)
    curvature = _principal_curvatures(smooth, at, units)
    strength = np.cbrt(np.prod(np.clip(curvature, 0, None), axis=1))
    roundness = np.clip(curvature[:, 0], 0, None) / np.maximum(curvature[:, 2], 1e-6)
    good = (roundness >= _LEAST_ROUNDNESS) & (strength >= _LEAST_HU / 3)
    worth = strength * np.sqrt(roundness)
    good = np.flatnonzero(good)[np.argsort(-worth[good], kind="stable")]
    return Candidates(
        at=at[good].astype(float),
        radius_mm=np.full(len(good), scale * _RADIUS_OF_SCALE),
        strength_hu=strength[good],
        roundness=roundness[good],
    )


def _second_difference(smooth: Floats, axis: int) -> Floats:
    """Minus the second difference along an axis; the first and last stand in for what is beyond."""
    moved = np.swapaxes(smooth, 0, axis)
    result = np.empty_like(moved)
    result[1:-1] = 2 * moved[1:-1] - moved[2:] - moved[:-2]
    result[0], result[-1] = moved[0] - moved[1], moved[-1] - moved[-2]
    return np.swapaxes(result, 0, axis)


def _principal_curvatures(smooth: Floats, at: npt.NDArray[np.intp], units: list[float]) -> Doubles:
    """Eigenvalues of minus the Hessian at places, (n, 3), smallest first."""
    limit = np.array(smooth.shape) - 1
    matrix = np.zeros((len(at), 3, 3))

    def value(move: tuple[int, int, int]) -> Doubles:
        place = np.clip(at + move, 0, limit)
        return np.asarray(smooth[place[:, 0], place[:, 1], place[:, 2]], np.float64)

    centre = value((0, 0, 0))
    steps = np.eye(3, dtype=int)
    for a in range(3):
        up, down = value(tuple(steps[a])), value(tuple(-steps[a]))
        matrix[:, a, a] = units[a] ** 2 * (2 * centre - up - down)
        for b in range(a):
            both, none = steps[a] + steps[b], steps[a] - steps[b]
            cross = value(tuple(both)) + value(tuple(-both))
            cross -= value(tuple(none)) + value(tuple(-none))
            matrix[:, a, b] = matrix[:, b, a] = -units[a] * units[b] * cross / 4
    return np.asarray(np.linalg.eigvalsh(matrix))


def _merged(every: Candidates, spacing: tuple[float, float, float]) -> Candidates:
    """Best first; a worse one inside a better one's radius is the same blob."""
    worth = every.strength_hu * np.sqrt(every.roundness)
    every = every[np.argsort(-worth, kind="stable")]
    places = every.at * np.array(spacing)
    kept: list[int] = []
    for number in range(len(every)):
        distances = np.linalg.norm(places[kept] - places[number], axis=1)
        apart = np.maximum(every.radius_mm[kept], 2.0)
        if (distances > apart).all():
            kept.append(number)
    return every[np.array(kept, np.intp)]
