"""Small geometric helpers shared by the phantoms; lengths in mm, arrays float64."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

Array = npt.NDArray[np.float64]


def smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], sigma: Any) -> Array:
    """Gaussian noise of mean 0 and standard deviation 1, blurred by ``sigma`` pixels an axis."""
    noise = gaussian_filter(rng.standard_normal(shape), sigma, mode="wrap")
    return np.asarray((noise - noise.mean()) / noise.std(), dtype=np.float64)


def step(signed_mm: Array, softness_mm: float) -> Array:
    """1 where ``signed_mm`` is positive, 0 where negative, soft in between."""
    return np.clip(0.5 + signed_mm / (2 * softness_mm), 0.0, 1.0)


def ellipsoid(
    x: Array,
    y: Array,
    z: Array | float,
    centre: tuple[float, float, float],
    radii: tuple[float, float, float],
) -> Array:
    """About how deep in mm a point lies inside an ellipsoid; negative outside."""
    rho = np.sqrt(
        ((x - centre[0]) / radii[0]) ** 2
        + ((y - centre[1]) / radii[1]) ** 2
        + ((z - centre[2]) / radii[2]) ** 2
    )
    return (1.0 - rho) * min(radii)


def segment_distance(
    x: Array, y: Array, start: tuple[float, float], end: tuple[float, float]
) -> tuple[Array, Array]:
    """Distance in mm to a line segment, and where along it (0 to 1) the nearest point lies."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    along = np.clip(((x - start[0]) * dx + (y - start[1]) * dy) / (dx * dx + dy * dy), 0.0, 1.0)
    return np.hypot(x - start[0] - along * dx, y - start[1] - along * dy), along


def blend(image: Array, value: Array | float, weight: Array) -> Array:
    """``image`` where ``weight`` is 0, ``value`` where it is 1."""
    return image + (value - image) * weight
