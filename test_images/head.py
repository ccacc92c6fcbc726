"""A simulated head CT without contrast: skull, brain, ventricles and, if wanted, blood.

Coordinates are LPS in mm with the origin between the ears, values are Hounsfield units.
"""

from dataclasses import dataclass

import numpy as np
from fields import Array, blend, ellipsoid, segment_distance, smooth_noise, step
from scipy.ndimage import gaussian_filter, map_coordinates

MATRIX = 256
PIXEL_MM = 0.9375
SLICES = 32
SLICE_MM = 5.0
FIRST_Z_MM = -58.0  # centre of the lowest slice
_PARTS = 2  # planes averaged to one slice, for the partial volume effect
_NOISE_HU = 3.2
_SULCI_MM = 3.0  # grid of the field whose zero surfaces are the sulci


@dataclass(frozen=True, kw_only=True)
class Head:
    """One simulated patient."""

    seed: int
    size: float = 1.0  # of the head, 1 is 15.2 cm wide
    ventricles: float = 1.0  # their width, 1 is a young adult's
    sulci: float = 1.0  # their width
    rotation_degrees: float = 0.0  # in the plane
    bleed: bool = False


def head_hu(head: Head) -> Array:
    """Hounsfield units, (slice, row, column), lowest slice first."""
    rng = np.random.default_rng(head.seed)
    sulci = smooth_noise(rng, (72, 80, 80), 1.35)
    diploe = smooth_noise(rng, (MATRIX, MATRIX), 1.2)
    x, y = _plane(head)
    volume = np.empty((SLICES, MATRIX, MATRIX))
    for number in range(SLICES):
        parts = [
            _slice_hu(head, x, y, z / head.size, sulci, diploe)
            for z in FIRST_Z_MM + SLICE_MM * (number + (np.arange(_PARTS) + 0.5) / _PARTS - 0.5)
        ]
        volume[number] = gaussian_filter(np.mean(parts, axis=0), 0.6)
        volume[number] += _NOISE_HU * smooth_noise(rng, (MATRIX, MATRIX), 0.75)
    outside = np.hypot(*_grid()) > 0.5 * MATRIX * PIXEL_MM
    volume[:, outside] = -1024.0
    return volume


def _grid() -> tuple[Array, Array]:
    axis = (np.arange(MATRIX) - (MATRIX - 1) / 2) * PIXEL_MM
    columns, rows = np.meshgrid(axis, axis)
    return columns, rows


def _plane(head: Head) -> tuple[Array, Array]:
    """The patient's own x and y of every pixel."""
    columns, rows = _grid()
    turn = np.deg2rad(head.rotation_degrees)
    x = (columns * np.cos(turn) + rows * np.sin(turn)) / head.size
    y = (rows * np.cos(turn) - columns * np.sin(turn)) / head.size
    return x, y


def _slice_hu(head: Head, x: Array, y: Array, z: float, sulci: Array, diploe: Array) -> Array:
    surface = _below_skin(x, y, z)
    image = np.full_like(x, -1000.0)
    image = blend(image, _headrest(x, y), _headrest_weight(x, y))
    image = blend(image, 35.0, step(surface, 0.5))
    image = blend(image, -40.0, step(surface - 2.8, 0.5))
    skull_depth = surface - 5.5 - 1.5 * np.clip(-z / 40, 0, 1)
    brain = _brain(head, x, y, z, skull_depth - 8.0, sulci)
    bone = np.where(np.abs(skull_depth - 3.5) < 1.8, 520 + 120 * diploe, 1150.0)
    image = blend(image, bone, step(skull_depth, 0.4))
    image = blend(image, brain, step(skull_depth - 7.0, 0.4))
    return _skull_base(image, x, y, z, skull_depth - 7.0, diploe)


def _below_skin(x: Array, y: Array, z: float) -> Array:
    """Depth below the skin in mm, negative outside."""
    wide = 76.0 * (1 + 0.07 * np.clip(y / 95.0, -1, 1))
    tall = 98.0 if z > 0 else 150.0
    rho = np.sqrt((x / wide) ** 2 + (y / 95.0) ** 2 + (z / tall) ** 2) + 1e-9
    return (1.0 - rho) / rho * np.sqrt(x**2 + y**2 + z**2)


def _headrest(x: Array, y: Array) -> Array:
    return np.where(np.abs(np.hypot(x, y - 10) - 101) < 1.2, 40.0, -780.0)


def _headrest_weight(x: Array, y: Array) -> Array:
    return step(6.0 - np.abs(np.hypot(x, y - 10) - 105), 0.5) * step(y - 55, 2.0)


def _brain(head: Head, x: Array, y: Array, z: float, depth: Array, sulci: Array) -> Array:
    """What lies inside the inner table; ``depth`` counts from it."""
    shift = _midline_shift_mm(head, y, z)
    folds = _folds(x, y, z, sulci)
    width = head.sulci * np.clip(1.0 - depth / 16.0, 0.0, 1.0)
    white = step(depth - 4.5, 1.0) * step(
        np.abs(folds) - 0.52 * np.clip(1.3 - depth / 22, 0, 1), 0.15
    )
    tissue = blend(np.full_like(x, 38.0), 28.0, white)
    tissue = _deep_grey(tissue, x - shift, y, z)
    tissue = blend(tissue, 9.0, step(0.30 * width - np.abs(folds), 0.1) * step(width - 0.02, 0.02))
    tissue = blend(tissue, 8.0, step(head.sulci * 1.2 - depth, 0.8))
    tissue = _fissures(head, tissue, x - shift, y, z)
    tissue = _cerebellum(tissue, x, y, z, depth)
    tissue = blend(tissue, 6.0, _ventricles(head, x - shift, y, z))
    return _blood(tissue, x, y, z, sulci) if head.bleed else tissue


def _folds(x: Array, y: Array, z: float, sulci: Array) -> Array:
    """A smooth field, zero along the sulci, mirrored across the midline but not exactly."""
    skewed = np.abs(x + 1.5) + 4.0 * (x > -1.5)
    at = [
        np.full_like(x, (z + 60) / (_SULCI_MM * 0.9)),
        (y + 110) / _SULCI_MM,
        np.where(x > -1.5, skewed, skewed + 110) / _SULCI_MM,
    ]
    return np.asarray(map_coordinates(sulci, at, order=1, mode="grid-wrap"))


def _deep_grey(tissue: Array, x: Array, y: Array, z: float) -> Array:
    side = np.abs(x)
    for centre, radii in (
        ((13.0, 10.0, 12.0), (9.0, 14.0, 12.0)),  # thalamus
        ((25.0, -8.0, 10.0), (7.0, 17.0, 12.0)),  # lentiform nucleus
        ((12.0, -22.0, 16.0), (5.0, 9.0, 12.0)),  # head of the caudate
    ):
        tissue = blend(tissue, 37.0, step(ellipsoid(side, y, z, centre, radii), 1.0))
    return tissue


def _fissures(head: Head, tissue: Array, x: Array, y: Array, z: float) -> Array:
    side = np.abs(x)
    sylvian, _ = segment_distance(side, y, (36.0, -14.0), (64.0, 2.0 + 0.3 * z))
    insula, _ = segment_distance(side, y, (36.0, -14.0), (38.0, 14.0))
    fissure = np.minimum(sylvian, insula)
    present = float(np.clip(1.4 - abs(z - 4.0) / 14.0, 0.0, 1.0))
    tissue = blend(tissue, 9.0, present * step(1.4 * head.sulci - fissure, 0.8))
    midline = np.clip(np.maximum.reduce([-28 - y, y - 42, np.full_like(y, z - 38)]) / 6, 0, 1)
    midline *= float(z > -12)
    tissue = blend(tissue, 9.0, midline * step(1.6 * head.sulci - side, 0.8))
    tissue = blend(tissue, 52.0, midline * step(0.7 - side, 0.5))
    cistern = ellipsoid(x, y, z, (0.0, -12.0, -20.0), (15.0, 11.0, 7.0))
    cistern = np.maximum(cistern, ellipsoid(x, y, z, (0.0, 24.0, -2.0), (13.0, 4.0, 6.0)))
    return blend(tissue, 8.0, step(cistern, 1.0))


def _cerebellum(tissue: Array, x: Array, y: Array, z: float, depth: Array) -> Array:
    """Everything behind and below the tentorium, with the brain stem in front of it."""
    tent = y - 14 - np.clip(z + 40, 0, None) * 1.1  # moves back as it rises
    inside = float(z < -4) * step(tent, 1.5) * step(depth - 1.0, 1.0)
    leaves = 3.0 * np.sin(np.hypot(x, y - 20) * 2 * np.pi / 5.5)
    tissue = blend(tissue, 36.0 + leaves * (np.abs(x) > 8), inside)
    tissue = blend(tissue, 50.0, float(-34 < z < -4) * step(1.0 - np.abs(tent), 0.8))
    stem = ellipsoid(x, y, min(z, -10.0), (0.0, 6.0, -10.0), (14.0, 13.0, 200.0))
    ring = float(z < -4) * step(stem + 3.0, 1.0)
    tissue = blend(tissue, 9.0, ring * (1 - step(stem, 1.0)))
    return blend(tissue, 33.0, float(z < -4) * step(stem, 1.0))


def _ventricles(head: Head, x: Array, y: Array, z: float) -> Array:
    """Weight of the ventricles' fluid."""
    side, wide = np.abs(x), head.ventricles
    arch = 20.0 + 6.0 * np.clip((y + 20) / 40, -0.5, 1)  # the bodies rise towards the back
    roof = np.sqrt(np.clip(1 - ((z - arch) / (13.0 + 2 * wide)) ** 2, 0, 1))
    frontal, t = segment_distance(side, y, (9.0, -34.0), (6.0, -8.0))
    weight = step((3.4 - 1.2 * t) * wide * roof - frontal, 0.7)
    body, t = segment_distance(side, y, (6.0, -8.0), (20.0, 26.0))
    weight = np.maximum(weight, step((2.4 + 4.0 * t) * wide * roof - body, 0.7))
    horn, t = segment_distance(side, y, (20.0, 26.0), (24.0, 48.0))
    low = float(np.clip(1.3 - abs(z - 14) / 12, 0, 1))
    weight = np.maximum(weight, step((5.0 - 3.6 * t) * wide * low - horn, 0.7))
    third = ellipsoid(x, y, z, (0.0, 2.0, 5.0), (1.6 * wide, 13.0, 12.0))
    fourth = ellipsoid(x, y, z, (0.0, 25.0, -30.0), (7.0 * wide, 5.0, 10.0))
    return np.maximum.reduce([weight, step(third * 2, 0.7), step(fourth, 0.8)])


def _midline_shift_mm(head: Head, y: Array, z: float) -> Array:
    """The haematoma pushes what lies near the midline to the patient's right."""
    if not head.bleed:
        return np.zeros_like(y)
    return -4.5 * np.exp(-(((y + 2) / 30) ** 2) - ((z - 14) / 24) ** 2)


def _blood(tissue: Array, x: Array, y: Array, z: float, sulci: Array) -> Array:
    """A haematoma of the left basal ganglia with oedema, broken into the ventricle."""
    edge = 3.0 * _folds(x * 0.55, y * 0.55, z * 0.55, sulci)
    depth = ellipsoid(x, y, z, (32.0, -4.0, 13.0), (17.0, 25.0, 19.0)) + edge
    tissue = blend(tissue, 21.0, step(depth + 6.5, 2.0))
    clot = 64.0 + 4.0 * np.clip(depth / 10, 0, 1) + 2.0 * edge / 3.0
    tissue = blend(tissue, clot, step(depth, 0.9))
    level = step(y - 34.0, 0.8) * step(4.0 - np.hypot(x - 21, (y - 39) / 2.2), 1.0)
    return blend(tissue, 62.0, level * float(6 < z < 22))


def _skull_base(image: Array, x: Array, y: Array, z: float, inside: Array, diploe: Array) -> Array:
    """Petrous bones, sphenoid wings, orbits, air cells; nothing above them."""
    side, within = np.abs(x), step(inside + 7.0, 0.5)
    petrous, t = segment_distance(side, y, (12.0, -2.0), (62.0, 26.0))
    thick = 11.0 * np.clip(1 - abs(z + 36) / 13, 0, 1) * (0.5 + 0.6 * t) - 1.0
    image = blend(image, 1000 + 250 * diploe, within * step(thick - petrous, 0.8))
    cells = step(diploe - 0.2, 0.3) * step(0.72 * thick - petrous, 0.8) * step(t - 0.62, 0.06)
    image = blend(image, -650.0, cells)
    wing, _ = segment_distance(side, y, (10.0, -24.0), (64.0, -40.0 + 0.8 * (z + 40)))
    image = blend(
        image, 900.0, within * step(5.0 * max(0.0, 1 - abs(z + 30) / 9) - 1.0 - wing, 0.6)
    )
    front = step(-42 - 0.25 * side - y, 1.0) * step(inside + 5.0, 0.5)  # the face's part
    face = float(np.clip((-27 - z) / 4, 0, 1)) * front
    image = blend(image, -85.0, face * step(side - 14, 0.6))
    image = blend(image, 850.0, face * step(1.4 - np.abs(side - 14), 0.6))
    walls = np.minimum(np.abs((y + 44) % 9 - 4.5), np.abs(side - 4.5))
    image = blend(image, np.where(walls < 1.0, 150.0, -850.0), face * step(12.6 - side, 0.5))
    lateral, _ = segment_distance(side, y, (52.0, -62.0), (40.0, -46.0))
    image = blend(image, 900.0, face * step(2.2 - lateral, 0.5))
    globe = 12.5 - np.sqrt((side - 32) ** 2 + (y + 67) ** 2 + (z + 42) ** 2)
    image = blend(image, 40.0, step(globe, 0.5))
    image = blend(image, 12.0, step(globe - 1.5, 0.5))
    nerve, _ = segment_distance(side, y, (29.0, -54.0), (14.0, -34.0))
    return blend(image, 35.0, face * step(2.2 - nerve, 0.6) * float(abs(z + 42) < 6))
