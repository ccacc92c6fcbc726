"""Where the lungs are in a coarse CT volume, and whether it shows a chest at all.

Everything runs on a grid of about 3 mm in plane, which is fast and blind to single vessels. Bodies
are told from tables by size, lungs from bowel gas by their content: gas is darker than any lung.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from models.detector import Unjudgeable, Unsuitable
from models.guard import NOISE, are_noise
from models.nodule_volume import Stack, block_mean

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]

_TISSUE_HU, _AIRY_HU = -300.0, -400.0  # the body is above, lungs are below
_GAS_HU = -965.0  # a component whose median is below holds gas, not lung
_CLOSING_MM = 12.0  # radius: nodules on the pleura and vessels at the hilum count as lung
_LARGEST_HOLE_MM2 = 1500.0  # a hole in a lung's cut that is filled: not the heart
_LEAST_PART = 0.03  # of the largest component, for another one to be lung
_LEAST_LITRES, _LEAST_SIDE_LITRES, _ONE_LUNG_LITRES = 0.4, 0.06, 0.8
_FINER_IN_PLANE = 2  # coarse voxels that one voxel of the lung grid spans
_IN_PLANE = np.zeros((3, 3, 3), bool)
_IN_PLANE[1] = ndimage.generate_binary_structure(2, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Lungs:
    """Where to look for nodules."""

    mask: Bools  # (plane, row, column) of the stack's coarse copy; closed
    body: Bools  # (plane, row, column) of the lung grid, with all that it encloses
    finer: int  # coarse voxels in plane that one of the lung grid spans
    median_hu: float  # of the airy part
    litres: float  # of the airy part


def find_lungs(stack: Stack) -> Lungs | Unsuitable:
    """Find the lungs, or say why the images show none, or may show some but not their values."""
    reason = why_not_hounsfield(stack.coarse)
    if reason is not None:
        return Unjudgeable(reason=reason)
    grid = np.stack([block_mean(plane, _FINER_IN_PLANE) for plane in stack.coarse])
    between, rows_mm, columns_mm = stack.coarse_spacing_mm
    spacing = (between, rows_mm * _FINER_IN_PLANE, columns_mm * _FINER_IN_PLANE)
    inside = _body(grid)
    airy = _lung_components(grid, inside)
    litres = float(airy.sum()) * float(np.prod(spacing)) / 1e6
    reason = _why_no_lungs(airy, inside, litres)
    if reason is not None:
        return Unsuitable(reason=reason)
    closed = _fill_small_holes(_close(airy, spacing), spacing)
    return Lungs(
        mask=_finer(closed, stack.coarse.shape),
        body=inside,
        finer=_FINER_IN_PLANE,
        median_hu=float(np.median(grid[airy])),
        litres=litres,
    )


def why_not_hounsfield(coarse: Floats) -> str | None:
    """Why values cannot be a CT of a body in Hounsfield units, a sentence; None if they can."""
    sample = coarse[:: max(1, len(coarse) // 16)]
    low, high = (float(value) for value in np.percentile(sample, (1, 99.5)))
    if high - low < 50:
        return "The images are empty: all their values are nearly the same."
    if low > -500:
        return "Nothing is as dark as air: the values are no Hounsfield units."
    if high < -100:
        return "Nothing is as bright as soft tissue: the values are no Hounsfield units."
    tissue = float(np.mean((sample > -200) & (sample < 300)))
    if tissue < 0.02:
        return "Hardly anything has the brightness of soft tissue; there is no body in the images."
    if are_noise(sample):
        return NOISE
    corners = sample[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    if float(np.median(corners)) > _TISSUE_HU:
        return (
            "The corners are as bright as tissue: the greys are inverted, or the body is cropped."
        )
    return None


def _body(grid: Floats) -> Bools:
    """The body with all that it encloses in each plane; tables and blankets are left out."""
    solid = ndimage.binary_erosion(grid > _TISSUE_HU, _IN_PLANE)
    parts, count = ndimage.label(solid)
    if not count:
        return np.zeros(grid.shape, bool)
    largest = 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
    return ~_reaching_the_edge(parts != largest)


def _reaching_the_edge(mask: Bools) -> Bools:
    """The in-plane components that touch a plane's edge."""
    parts, count = ndimage.label(mask, _IN_PLANE)
    touching = np.zeros(count + 1, bool)
    for edge in (parts[:, 0], parts[:, -1], parts[:, :, 0], parts[:, :, -1]):
        touching[np.unique(edge)] = True
    touching[0] = False
    return np.asarray(touching[parts])


def _lung_components(grid: Floats, inside: Bools) -> Bools:
    """The airy components that are large enough and not gas."""
    airy = inside & (grid < _AIRY_HU)
    parts, count = ndimage.label(airy)
    if not count:
        return airy
    sizes = np.bincount(parts.ravel(), minlength=count + 1)
    sizes[0] = 0
    lung = np.zeros(count + 1, bool)
    large = [part for part in np.argsort(-sizes)[:10] if sizes[part] > 0]
    largest = 0
    boxes = ndimage.find_objects(parts)
    for part in large:
        box = boxes[part - 1]
        median = float(np.median(grid[box][parts[box] == part]))
        if median >= _GAS_HU and sizes[part] >= _LEAST_PART * largest:
            lung[part] = True
            largest = max(largest, int(sizes[part]))
    return np.asarray(lung[parts])


def _why_no_lungs(airy: Bools, inside: Bools, litres: float) -> str | None:
    if litres < _LEAST_LITRES:
        return (
            f"No lungs were found ({1000 * litres:.0f} mL of airy tissue inside a body); at least "
            f"{1000 * _LEAST_LITRES:.0f} mL are needed."
        )
    middle = int(np.average(np.arange(inside.shape[2]), weights=inside.sum(axis=(0, 1))))
    left = float(airy[:, :, :middle].mean()) * middle
    right = float(airy[:, :, middle:].mean()) * (airy.shape[2] - middle)
    lesser = litres * min(left, right) / (left + right)
    if lesser < _LEAST_SIDE_LITRES and litres < _ONE_LUNG_LITRES:
        return "Airy tissue was found on one side of the body only, and too little for a lung."
    return None


def _close(airy: Bools, spacing: tuple[float, float, float]) -> Bools:
    """Close each cut with a disk."""
    down, across = (max(1, round(_CLOSING_MM / side)) for side in spacing[1:])
    row, column = np.mgrid[-down : down + 1, -across : across + 1]
    disk = (row / (down + 0.3)) ** 2 + (column / (across + 0.3)) ** 2 <= 1
    room = ((0, 0), (down, down), (across, across))
    wide = ndimage.binary_closing(np.pad(airy, room), disk[None])
    return np.asarray(wide[:, down : -down or None, across : -across or None])


def _fill_small_holes(mask: Bools, spacing: tuple[float, float, float]) -> Bools:
    """Fill what each cut encloses, but for large parts such as the heart."""
    parts, count = ndimage.label(~mask, _IN_PLANE)
    sizes = np.bincount(parts.ravel(), minlength=count + 1) * spacing[1] * spacing[2]
    small = sizes <= _LARGEST_HOLE_MM2
    small[0] = False
    return np.asarray(mask | small[parts])


def _finer(mask: Bools, shape: tuple[int, ...]) -> Bools:
    """From the lung grid to the coarse one, without its outermost voxels: those are half wall.

    What is over at the end is no lung.
    """
    fine = np.zeros(shape, bool)
    repeated = mask.repeat(_FINER_IN_PLANE, axis=1).repeat(_FINER_IN_PLANE, axis=2)
    inner = repeated.copy()
    inner[:, 1:] &= repeated[:, :-1]
    inner[:, :-1] &= repeated[:, 1:]
    inner[:, :, 1:] &= repeated[:, :, :-1]
    inner[:, :, :-1] &= repeated[:, :, 1:]
    fine[:, : repeated.shape[1], : repeated.shape[2]] = inner
    return fine
