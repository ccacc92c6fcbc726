"""How large a nodule is and on which slices it shows: rays from its centre to its edge.

On every slice rays go out from the centre to where the density has fallen halfway to that of the
lung. A ray that meets no edge (a vessel, the chest wall) is cut to what its neighbours say.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.nodule_volume import Stack

Doubles = npt.NDArray[np.float64]

_RAYS = 32
_STEP_MM = 0.25
_FURTHEST = 1.7  # of the blob's radius a ray goes
_LEAST_RADIUS_MM = 1.0
_LEAST_CONTRAST_HU = 80.0
_CORE_MM = 1.0  # around the centre, whose density counts


@dataclass(frozen=True, kw_only=True, slots=True)
class Outline:
    """One nodule in a stack."""

    centre_mm: tuple[float, float, float]  # LPS
    diameter_mm: float  # of a sphere of its volume
    cuts: tuple[tuple[int, tuple[tuple[float, float], ...]], ...]  # slice and (column, row) pixels


def outline(
    stack: Stack, *, z_mm: float, column: float, row: float, radius_mm: float, lung_hu: float
) -> Outline:
    """Outline the nodule at a place.

    Parameters
    ----------
    z_mm
        Of the centre, along the stack's normal.
    column, row
        Of the centre, pixels, (0, 0) the top-left corner of the top-left pixel.
    radius_mm
        Of the blob found there.
    lung_hu
        Of the lungs around it.
    """
    start = stack.nearest(z_mm)
    core = _core_hu(stack, start, column, row)
    level = (max(core, lung_hu + _LEAST_CONTRAST_HU) + lung_hu) / 2
    reach = _FURTHEST * max(radius_mm, 2.0)
    radii = {start: _radii(stack, start, column, row, level, reach, radius_mm)}
    first = float(np.sqrt(np.mean(radii[start] ** 2)))
    for direction in (-1, 1):
        number = start + direction
        while 0 <= number < len(stack.images):
            height = abs(stack.z_mm[number] - stack.z_mm[start])
            if height > max(1.3 * first, 0.0) or _core_hu(stack, number, column, row) < level:
                break
            # a ball's cuts shrink: no cut reaches further than the ball of the middle one
            most = max(_LEAST_RADIUS_MM, np.sqrt(max((1.3 * first) ** 2 - height**2, 0.0)))
            radii[number] = np.minimum(
                _radii(stack, number, column, row, level, reach, radius_mm), most
            )
            number += direction
    return Outline(
        centre_mm=stack.to_patient(start, column, row),
        diameter_mm=_diameter_mm(stack, radii),
        cuts=tuple((n, _polygon(stack, radii[n], column, row)) for n in sorted(radii)),
    )


def _angles() -> Doubles:
    return 2 * np.pi * np.arange(_RAYS) / _RAYS


def _core_hu(stack: Stack, number: int, column: float, row: float) -> float:
    """The density around the centre on one slice."""
    pixels = stack.images[number].pixels
    down, across = (max(0.5, _CORE_MM / side) for side in stack.spacing_mm)
    rows = slice(max(0, int(row - down)), max(1, int(row + down) + 1))
    columns = slice(max(0, int(column - across)), max(1, int(column + across) + 1))
    return float(np.mean(pixels[rows, columns]))


def _radii(
    stack: Stack,
    number: int,
    column: float,
    row: float,
    level: float,
    reach: float,
    radius_mm: float,
) -> Doubles:
    """How far each ray is from its first falling below the level, (rays,), mm."""
    pixels = stack.images[number].pixels
    steps = np.arange(0.0, reach, _STEP_MM)
    angles = _angles()
    columns = column - 0.5 + np.cos(angles)[:, None] * steps / stack.spacing_mm[1]
    rows = row - 0.5 + np.sin(angles)[:, None] * steps / stack.spacing_mm[0]
    below = sample(pixels, rows, columns) < level
    met = below.any(axis=1)
    radii = np.where(met, steps[np.argmax(below, axis=1)], np.nan)
    usual = float(np.nanmedian(radii)) if met.any() else radius_mm
    usual = max(usual, _LEAST_RADIUS_MM)
    # a ray that runs on along a vessel or into the wall ends near where the others do
    radii = np.where(met, np.minimum(radii, 1.6 * usual), usual)
    return np.maximum(radii, _LEAST_RADIUS_MM)


def sample(
    pixels: npt.NDArray[np.float32], rows: Doubles, columns: Doubles
) -> npt.NDArray[np.float32]:
    """Bilinear values at places (pixel centres at whole numbers); the edge goes on for ever."""
    rows = np.clip(rows, 0, pixels.shape[0] - 1.001)
    columns = np.clip(columns, 0, pixels.shape[1] - 1.001)
    top, left = rows.astype(np.intp), columns.astype(np.intp)
    down, across = (rows - top).astype(np.float32), (columns - left).astype(np.float32)
    upper = pixels[top, left] * (1 - across) + pixels[top, left + 1] * across
    lower = pixels[top + 1, left] * (1 - across) + pixels[top + 1, left + 1] * across
    return np.asarray(upper * (1 - down) + lower * down, np.float32)


def _diameter_mm(stack: Stack, radii: dict[int, Doubles]) -> float:
    """Of a ball of the same volume; on a single slice, of a disk of the same area."""
    areas = {n: float(np.pi * np.mean(r**2)) for n, r in radii.items()}
    flat = 2 * float(np.sqrt(max(areas.values()) / np.pi))
    if len(areas) == 1:
        return flat
    volume = sum(area * _height_mm(stack, number) for number, area in areas.items())
    return float(np.cbrt(6 * volume / np.pi))


def _height_mm(stack: Stack, number: int) -> float:
    """What one slice stands for: half the way to either neighbour."""
    low, high = max(0, number - 1), min(len(stack.z_mm) - 1, number + 1)
    return float(stack.z_mm[high] - stack.z_mm[low]) / (high - low)


def _polygon(
    stack: Stack, radii: Doubles, column: float, row: float
) -> tuple[tuple[float, float], ...]:
    """The ends of the rays, within the image, (column, row) pixels."""
    rows, columns = stack.images[0].pixels.shape
    across = np.clip(column + radii * np.cos(_angles()) / stack.spacing_mm[1], 0, columns)
    down = np.clip(row + radii * np.sin(_angles()) / stack.spacing_mm[0], 0, rows)
    return tuple((float(a), float(d)) for a, d in zip(across, down, strict=True))
