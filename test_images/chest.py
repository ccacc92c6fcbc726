"""A simulated chest CT without contrast: lungs with vessels, heart, ribs and, if wanted, nodules.

Coordinates are LPS in mm, z from the lowest slice upwards; values are Hounsfield units.
"""

from dataclasses import dataclass

import numpy as np
from fields import Array, blend, ellipsoid, smooth_noise, step
from scipy.ndimage import gaussian_filter

MATRIX = 256
PIXEL_MM = 1.40625
SLICES = 48
SLICE_MM = 5.0
_NOISE_HU = 14.0
_PARTS = 2  # planes averaged to one slice
_TOP_MM = SLICES * SLICE_MM


@dataclass(frozen=True, kw_only=True)
class Nodule:
    """A solid nodule."""

    centre_mm: tuple[float, float, float]  # LPS
    diameter_mm: float
    hu: float = 35.0
    spikes: float = 0.08  # height of the irregularities over the radius


@dataclass(frozen=True, kw_only=True)
class Chest:
    """One simulated patient."""

    seed: int
    nodules: tuple[Nodule, ...] = ()
    fat_mm: float = 16.0


def chest_hu(chest: Chest) -> Array:
    """Hounsfield units, (slice, row, column), lowest slice first."""
    rng = np.random.default_rng(chest.seed)
    axis = (np.arange(MATRIX) - (MATRIX - 1) / 2) * PIXEL_MM
    x, y = np.meshgrid(axis, axis)
    vessels = _vessels(rng)
    heights = SLICE_MM * (np.arange(SLICES * _PARTS) + 0.5 - _PARTS / 2) / _PARTS
    trees = _drawn(vessels, heights)
    marbling = smooth_noise(rng, (MATRIX, MATRIX), 3)
    volume = np.empty((SLICES, MATRIX, MATRIX))
    for number in range(SLICES):
        parts = [
            _slice_hu(chest, x, y, heights[k], trees[k], marbling)
            for k in range(number * _PARTS, (number + 1) * _PARTS)
        ]
        volume[number] = gaussian_filter(np.mean(parts, axis=0), 0.55)
        volume[number] += _NOISE_HU * smooth_noise(rng, (MATRIX, MATRIX), 0.7)
    volume[:, np.hypot(x, y) > 0.5 * MATRIX * PIXEL_MM] = -1024.0
    return volume


def _slice_hu(chest: Chest, x: Array, y: Array, z: float, tree: Array, marbling: Array) -> Array:
    cage = _cage(x, y, z)
    image = np.full_like(x, -1000.0)
    table = step(4 - np.abs(y - 0.0006 * x**2 - 139), 0.5)
    image = blend(image, -700.0, table * step(168 - np.abs(x), 2))
    arms = np.hypot((np.abs(x) - 176) / 1.1, y + 5)  # seen where the shoulders come in
    body = np.maximum(cage + chest.fat_mm + 14, 44 - arms + 0.9 * (z - _TOP_MM))
    image = blend(image, 20.0, step(body, 0.7))
    image = blend(image, -105 + 8 * marbling, step(body - 2.5, 0.7))
    muscle = cage + 13 + 8 * np.exp(-(((np.abs(x) - 75) / 30) ** 2)) * (y < 0)
    image = blend(image, 52 + 6 * marbling, step(muscle, 0.9))
    image = _bones(image, x, y, z, cage)
    lung = _lung(x, y, z, cage)
    image = blend(image, -30 + 30 * step(8 - np.abs(x), 8), step(cage - 2, 1) * (1 - lung))
    image = _middle(image, x, y, z, cage)
    air = -872 + 0.35 * (y + 40) + 14 * marbling
    lungs = np.maximum(air, tree)
    for nodule in chest.nodules:
        lungs = _with_nodule(lungs, nodule, x, y, z)
    image = blend(image, lungs, lung)
    return _airways(image, x, y, z)


def _cage(x: Array, y: Array, z: float) -> Array:
    """Depth in mm below the inner surface of the ribs, negative outside."""
    taper = np.sqrt(np.clip(1 - (max(z - 120, 0) / 150) ** 2, 0.05, 1))
    wide, deep = 133 * taper, 92 * (0.35 + 0.65 * taper)
    p = 2.4
    rho = ((np.abs(x) / wide) ** p + (np.abs(y - 4) / deep) ** p) ** (1 / p)
    groove = 16 * np.exp(-((x / 24) ** 2)) * (y > 40)  # the spine bulges inwards
    return (1 - rho) * min(wide, deep) - groove


def _lung(x: Array, y: Array, z: float, cage: Array) -> Array:
    """Weight of both lungs: inside the cage, above the diaphragm, beside the mediastinum."""
    dome = np.where(x < 0, 52.0, 42.0)  # the right side of the patient is at negative x
    floor = dome - 0.0050 * ((np.abs(x) - 62) ** 2 + (y + 6) ** 2)
    top = step(232 - z - 0.02 * (np.abs(x) - 55) ** 2, 3) if z > 200 else 1.0
    left = 26 + 34 * np.exp(-(((z - 75) / 45) ** 2)) * np.exp(-(((y + 25) / 40) ** 2))
    right = 24 + 14 * np.exp(-(((z - 80) / 40) ** 2)) * np.exp(-(((y + 20) / 40) ** 2))
    hilum = 12 * np.exp(-(((z - 125) / 16) ** 2)) * np.exp(-((y / 22) ** 2))
    wall = np.where(x > 0, left, right) + hilum - 6 * np.exp(-(((y + 70) / 25) ** 2))
    beside = np.abs(x) - wall
    return step(cage - 2.5, 0.8) * step(z - floor, 2.5) * step(beside, 1.2) * top


def _bones(image: Array, x: Array, y: Array, z: float, cage: Array) -> Array:
    side = np.abs(x)
    ring = 4.2 - np.abs(cage + 5.5)
    slope = z + 0.62 * (y + 95)  # ribs fall towards the front
    band = 5.5 - np.abs((slope + 4 * (x > 0)) % 25.0 - 12.5)
    rib = np.minimum.reduce([ring, band, side - 22])
    image = blend(image, 720.0, step(rib, 0.8))
    image = blend(image, 180.0, step(rib - 2.0, 0.8))
    vertebra = np.minimum(ellipsoid(x, y, 0.0, (0, 72, 0), (21, 17, 1)) * 17, 30)
    disc = float(abs((z % 23.0) - 2.5) < 2.5)
    image = blend(image, 620.0 - 480 * disc, step(vertebra, 0.8))
    image = blend(image, 190.0 - 100 * disc, step(vertebra - 2.0, 1))
    arch = 3.2 - np.abs(np.hypot(x, (y - 98) * 1.1) - 12)
    image = blend(image, 600.0, step(arch, 0.7) * step(y - 86, 1))
    spine = np.minimum(3.4 - side, 16 - np.abs(y - 116))
    image = blend(image, 560.0, step(spine, 0.7))
    sternum = np.minimum.reduce([5.5 - np.abs(cage + 9), 17 - side, -y])
    if z > 60:
        image = blend(image, 420.0, step(sternum, 0.8))
        image = blend(image, 160.0, step(sternum - 1.8, 0.8))
    if z > 110:
        blade = 3.0 - np.abs(cage + 17 + 0.10 * (side - 95))
        scapula = np.minimum.reduce([blade, 32 - np.abs(side - 98), y - 10])
        image = blend(image, 640.0, step(scapula, 0.7))
    return image


def _middle(image: Array, x: Array, y: Array, z: float, cage: Array) -> Array:
    """Heart, great vessels, liver, spleen and stomach."""
    inside = step(cage - 2, 1)
    heart = ellipsoid(x, y, z, (18.0, -22.0, 72.0), (56.0, 47.0, 52.0))
    image = blend(image, 41.0, step(heart, 1.5) * inside)
    aorta = 13.0 - np.hypot(x - 27, y - 46)
    image = blend(image, 43.0, step(aorta, 0.8) * float(z < 175))
    arch = np.minimum(13 - np.abs(z - 172), 12 - np.abs(x - 12 - 0.25 * (y - 10)))
    image = blend(image, 43.0, step(np.minimum(arch, 42 - np.abs(y - 8)), 0.8))
    ascending = 15.0 - np.hypot(x + 14, y + 22)
    image = blend(image, 43.0, step(ascending, 0.8) * float(95 < z < 172))
    trunk = np.minimum(13 - np.abs(z - 128), 13 - np.abs(y + 14 - 0.3 * np.abs(x)))
    image = blend(image, 43.0, step(np.minimum(trunk, 46 - np.abs(x - 6)), 0.8))
    for cx, cy in ((-16, -2), (4, -12), (22, 2), (-26, -20), (26, -24)):  # to head and arms
        image = blend(image, 42.0, step(5.5 - np.hypot(x - cx, y - cy), 0.8) * float(z > 178))
    floor = np.where(x < 0, 52.0, 42.0) - 0.0050 * ((np.abs(x) - 62) ** 2 + (y + 6) ** 2)
    below = step(floor - z, 2.5) * inside
    image = blend(image, np.where(x < 30, 58.0, -60.0), below)
    spleen = ellipsoid(x, y, z, (92.0, 38.0, 2.0), (28.0, 38.0, 42.0))
    stomach = ellipsoid(x, y, z, (58.0, -28.0, 0.0), (34.0, 36.0, 36.0))
    image = blend(image, 50.0, step(spleen, 1) * below)
    image = blend(image, 25.0, step(stomach, 1) * below)
    return blend(image, -950.0, step(stomach - 4, 1) * step(-38 - y, 0.8) * below)


def _airways(image: Array, x: Array, y: Array, z: float) -> Array:
    """Trachea, the two main bronchi, oesophagus."""
    if z >= 140:
        tubes = [(0.0, 18.0, 9.0)]
    elif z >= 100:
        apart = (140 - z) * 0.85
        tubes = [(-apart, 18 + 0.1 * apart, 7.0), (apart * 1.05, 18 + 0.1 * apart, 6.5)]
    else:
        tubes = []
    for cx, cy, radius in tubes:
        tube = radius - np.hypot(x - cx, y - cy)
        image = blend(image, 20.0, step(tube + 1.8, 0.7))
        image = blend(image, -990.0, step(tube, 0.7))
    gullet = 7.0 - np.hypot((x - 8) / 1.2, y - 38)
    return blend(image, 38.0, step(gullet, 0.8) * step(-np.abs(z - 100) + 200, 1))


def _with_nodule(lungs: Array, nodule: Nodule, x: Array, y: Array, z: float) -> Array:
    cx, cy, cz = nodule.centre_mm
    radius = nodule.diameter_mm / 2
    angle = np.arctan2(y - cy, x - cx)
    rough = 1 + nodule.spikes * (np.sin(5 * angle + 1) + 0.7 * np.sin(9 * angle + cz))
    depth = radius * rough - np.sqrt((x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2)
    return blend(lungs, nodule.hu, step(depth, 0.7))


def _vessels(rng: np.random.Generator) -> Array:
    """Points along branching vessels: x, y, z, radius in mm."""
    points: list[tuple[float, float, float, float]] = []
    for side in (-1.0, 1.0):
        for _ in range(15):
            start = np.array([side * 38.0, 8.0, 126.0]) + rng.normal(0, 6, 3)
            way = np.array([side * rng.uniform(0.2, 1.1), rng.normal(0, 0.7), rng.normal(0, 0.9)])
            _grow(rng, points, start, way / np.linalg.norm(way), 4.2, 0)
    return np.array(points)


def _grow(
    rng: np.random.Generator,
    points: list[tuple[float, float, float, float]],
    at: Array,
    way: Array,
    radius: float,
    generation: int,
) -> None:
    """Add one vessel and, where it ends, the two it divides into."""
    for _ in range(int(rng.uniform(9, 15))):
        at = at + 1.8 * way
        way = way + rng.normal(0, 0.06, 3)
        way = way / np.linalg.norm(way)
        points.append((float(at[0]), float(at[1]), float(at[2]), radius))
    if generation < 5:
        across = np.cross(way, rng.normal(0, 1, 3))
        across = across / np.linalg.norm(across)
        for share, bend in ((0.82, 0.42), (0.68, -0.7)):
            turned = way + bend * across
            _grow(rng, points, at, turned / np.linalg.norm(turned), radius * share, generation + 1)


def _drawn(vessels: Array, heights: Array) -> Array:
    """The vessels in every plane, as Hounsfield units over nothing at -1100."""
    planes = np.full((len(heights), MATRIX, MATRIX), -1100.0)
    half = SLICE_MM / _PARTS / 2
    reach = np.arange(-5, 6)
    point, plane = np.nonzero(np.abs(heights[None, :] - vessels[:, 2:3]) < vessels[:, 3:4] + half)
    x, y, _, radius = vessels[point].T
    column, row = x / PIXEL_MM + (MATRIX - 1) / 2, y / PIXEL_MM + (MATRIX - 1) / 2
    columns = np.clip(np.round(column).astype(int)[:, None] + reach, 0, MATRIX - 1)
    rows = np.clip(np.round(row).astype(int)[:, None] + reach, 0, MATRIX - 1)
    across, down = columns - column[:, None], rows - row[:, None]
    distance = PIXEL_MM * np.hypot(across[:, None, :], down[:, :, None])
    full = np.clip(0.5 + (radius[:, None, None] - distance) / PIXEL_MM, 0, 1)
    full = full * np.minimum(1.0, radius / half)[:, None, None]
    at = (plane[:, None, None], rows[:, :, None], columns[:, None, :])
    np.maximum.at(planes, at, -880 + 925 * full)
    return planes
