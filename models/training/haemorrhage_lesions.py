"""Blood drawn into heads without any, so that its place is known to the pixel.

What is drawn follows how the kinds of haemorrhage look on CT (Osborn's Brain, 2nd ed., part I
section 1): round or ragged clots with a rim of oedema, crescents and lenses along the inner
table, dense sulci, dense fluid in the ventricles. Calcium is drawn too, as what blood is not.
Planes are canvases of about 0.8 mm a pixel and about 5 mm apart; arrays are (row, column).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from scipy import ndimage

from models.haemorrhage_answers import KINDS

Floats = npt.NDArray[np.float32]
Random = np.random.Generator

PIXEL_MM = 0.8  # of a canvas, about
_PLANE_MM = 5.0
_LEAST_PIXELS = 14  # of visible blood in the plane itself


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """A plane between its neighbours, with what is known of the cavity of the skull."""

    planes: Floats  # (3, row, column), Hounsfield units: below, itself, above
    depths: Floats  # (3, row, column), pixels from the inner table; 0 outside the cavity


@dataclass(frozen=True, kw_only=True, slots=True)
class Lesion:
    """Blood that was drawn."""

    planes: Floats  # (3, row, column), the scene's with the blood
    mask: Floats  # (row, column), 0 to 1, of the plane itself
    kind: int  # place in KINDS


@dataclass(frozen=True, kw_only=True, slots=True)
class _Shape:
    weights: Floats  # (3, row, column), 0 to 1, share of blood
    rim: Floats | None = None  # the same of oedema around it


def draw_blood(scene: Scene, random: Random) -> Lesion | None:
    """Draw one haemorrhage of a random kind; None if the plane has no room for it."""
    name = str(random.choice(list(_SHAPES), p=[0.16, 0.34, 0.14, 0.14, 0.22]))
    shape = _SHAPES[name](scene, random)
    if shape is None:
        return None
    inside = scene.depths > 0
    weights = np.where(inside, shape.weights, 0).astype(np.float32)
    if (weights[1] > 0.5).sum() < _LEAST_PIXELS:
        return None
    density = random.uniform(50, 80) + 4 * _noise(scene.planes.shape[1:], 12, random)
    grain = scene.planes - ndimage.gaussian_filter(scene.planes, (0, 1.5, 1.5))
    planes = scene.planes.copy()
    if shape.rim is not None:
        planes -= np.where(inside, shape.rim, 0) * np.float32(random.uniform(4, 14))
    blood = density + np.clip(grain, -9, 9)
    planes += weights * np.maximum(blood - planes, 0)
    return Lesion(planes=planes.astype(np.float32), mask=weights[1], kind=KINDS.index(name))


def draw_calcium(scene: Scene, random: Random) -> Floats:
    """Draw a few small calcifications, which are no blood; returns the planes."""
    planes = scene.planes.copy()
    for _ in range(int(random.integers(1, 4))):
        centre = _point(scene.depths[1] > 2, random)
        if centre is None:
            break
        radius = random.uniform(0.8, 4.0) / PIXEL_MM
        at = np.hypot(*_offsets(planes.shape[1:], centre)) / radius
        weight = _step((1 - at) * radius) * (scene.depths[1] > 0)
        dense = np.float32(random.uniform(110, 500))
        planes[1] += weight * np.maximum(dense - planes[1], 0)
        side = int(random.choice([0, 2]))
        planes[side] += weight * np.maximum(dense - planes[side], 0) * np.float32(random.random())
    return planes


def _clot(scene: Scene, random: Random) -> _Shape | None:
    """One clot in the brain, or several small ones near its surface (contusions)."""
    if random.random() < 0.35:
        return _contusions(scene, random)
    radius = float(np.exp(random.uniform(np.log(2.5), np.log(26)))) / PIXEL_MM
    centre = _point(scene.depths[1] > min(0.7 * radius, 20), random)
    if centre is None:
        return None
    at = _ellipsoid(scene, centre, radius, random)
    ragged = _noise(scene.planes.shape[1:], max(4.0, radius / 2), random) * 0.16
    weights = _step((1 - at + ragged) * radius / 1.2)
    wide = 1 + random.uniform(0, 0.7)
    rim = _step((wide - at + ragged) * radius / 3.0) * (1 - weights)
    return _Shape(weights=weights, rim=rim if random.random() < 0.7 else None)


def _contusions(scene: Scene, random: Random) -> _Shape | None:
    depth = scene.depths[1]
    middle = _point((depth > 2) & (depth < 16), random)
    if middle is None:
        return None
    near = np.hypot(*_offsets(depth.shape, middle)) < random.uniform(8, 22) / PIXEL_MM
    weights = np.zeros_like(scene.planes)
    for _ in range(int(random.integers(2, 7))):
        centre = _point(near & (depth > 1) & (depth < 22), random)
        if centre is None:
            break
        radius = random.uniform(2, 7) / PIXEL_MM
        at = _ellipsoid(scene, centre, radius, random)
        weights = np.maximum(weights, _step((1 - at) * radius / 1.2) * random.uniform(0.5, 1))
    rim = ndimage.gaussian_filter(weights, (0, 5, 5)) * (1 - weights)
    return _Shape(weights=weights.astype(np.float32), rim=rim)


def _crescent(scene: Scene, random: Random) -> _Shape | None:
    """A layer along the inner table, tapering at both ends; sometimes along the falx."""
    if random.random() < 0.2:
        return _falx(scene, random)
    half = np.deg2rad(random.uniform(25, 85))
    thickest = random.uniform(1.8, 14) / PIXEL_MM
    return _layer(scene, half, thickest, lambda share: np.sqrt(np.clip(1 - share**2, 0, 1)), random)


def _lens(scene: Scene, random: Random) -> _Shape | None:
    """A lens between skull and dura, short and thick."""
    half = np.deg2rad(random.uniform(12, 40))
    thickest = random.uniform(4, 28) / PIXEL_MM
    return _layer(scene, half, thickest, lambda share: np.clip(1 - share**2, 0, 1), random)


def _layer(
    scene: Scene,
    half: float,
    thickest: float,
    profile: Callable[[Floats], Floats],
    random: Random,
) -> _Shape | None:
    inside = scene.depths[1] > 0
    if inside.sum() < 400:
        return None
    rows, columns = np.nonzero(inside)
    centre = (float(rows.mean()), float(columns.mean()))
    down, right = _offsets(inside.shape, centre)
    turn = random.uniform(-np.pi, np.pi)
    away = np.angle(np.exp(1j * (np.arctan2(down, right) - turn)))
    thickness = thickest * profile(away / half)
    thickness = thickness * (1 + 0.15 * _noise(inside.shape, 8, random))
    scale = np.array([random.uniform(0.4, 1.15), 1.0, random.uniform(0.4, 1.15)])
    reach = thickness[None] * scale[:, None, None] - scene.depths
    weights = _step(reach / 0.8) * (thickness[None] > 0.6)
    return _Shape(weights=weights.astype(np.float32))


def _falx(scene: Scene, random: Random) -> _Shape | None:
    side = scene.planes.shape[2]
    rows = np.nonzero(scene.depths[1] > 0)[0]
    if len(rows) < 400:
        return None
    down, right = _offsets(scene.planes.shape[1:], (0.0, side / 2 + random.uniform(-3, 3)))
    front, back = np.sort(random.uniform(rows.min(), rows.max(), 2))
    half = random.uniform(1.2, 4.0) / PIXEL_MM
    one_side = float(random.choice([-1, 0, 1])) * half
    ends = np.minimum(down - front, back - down) / 4
    weight = _step((half - np.abs(right - one_side)) / 0.8) * _step(ends)
    scale = np.array([random.uniform(0.2, 1), 1, random.uniform(0.2, 1)])
    return _Shape(weights=(weight[None] * scale[:, None, None]).astype(np.float32))


def _sulci(scene: Scene, random: Random) -> _Shape | None:
    """Fluid of the sulci and cisterns of one region made dense."""
    fluid = _fluid(scene)
    region = _point((scene.depths[1] > 1) & (fluid[1] > 0.4) & (scene.depths[1] < 45), random)
    if region is None:
        return None
    reach = random.uniform(8, 45) / PIXEL_MM
    at = np.hypot(*_offsets(fluid.shape[1:], region)) / reach
    return _Shape(weights=(fluid * _step((1 - at) * 4)).astype(np.float32))


def _ventricles(scene: Scene, random: Random) -> _Shape | None:
    """Fluid deep in the brain made dense, all of it or what lies at the back."""
    fluid = ndimage.gaussian_filter(_fluid(scene), (0, 1, 1)) * (scene.depths > 28)
    rows = np.nonzero((fluid[1] > 0.5).any(axis=1))[0]
    if len(rows) < 6:
        return None
    lowest = max(float(rows.mean()), float(rows.max()) - 3)
    level = rows.min() if random.random() < 0.4 else random.uniform(float(rows.mean()), lowest)
    down, _ = _offsets(fluid.shape[1:], (float(level), 0.0))
    return _Shape(weights=(np.clip(1.5 * fluid, 0, 1) * _step(down / 1.5)).astype(np.float32))


_SHAPES: dict[str, Callable[[Scene, Random], _Shape | None]] = {
    "intraventricular": _ventricles,
    "intraparenchymal": _clot,
    "subarachnoid": _sulci,
    "epidural": _lens,
    "subdural": _crescent,
}


def _fluid(scene: Scene) -> Floats:
    """Share of cerebrospinal fluid, by density."""
    smooth = ndimage.gaussian_filter(scene.planes, (0, 1.0, 1.0))
    share: Floats = np.clip((25 - smooth) / 12, 0, 1) * (scene.depths > 0)
    return share


def _ellipsoid(scene: Scene, centre: tuple[float, float], radius: float, random: Random) -> Floats:
    """Distance from the centre of a turned ellipsoid in its radii, (3, row, column)."""
    down, right = _offsets(scene.planes.shape[1:], centre)
    turn, ratio = random.uniform(0, np.pi), float(np.exp(random.uniform(-0.35, 0.35)))
    along = (right * np.cos(turn) + down * np.sin(turn)) * ratio
    across = (down * np.cos(turn) - right * np.sin(turn)) / ratio
    height = max(radius * random.uniform(0.6, 1.3), 3.0) * PIXEL_MM  # mm
    middle = random.uniform(-0.7, 0.7) * height
    levels = (np.array([-_PLANE_MM, 0, _PLANE_MM]) - middle) / height
    flat = (along**2 + across**2) / radius**2
    at: Floats = np.sqrt(flat[None] + (levels**2)[:, None, None]).astype(np.float32)
    return at


def _point(allowed: npt.NDArray[np.bool_], random: Random) -> tuple[float, float] | None:
    places = np.flatnonzero(allowed)
    if not len(places):
        return None
    row, column = divmod(int(random.choice(places)), allowed.shape[1])
    return float(row), float(column)


def _offsets(shape: tuple[int, ...], centre: tuple[float, float]) -> tuple[Floats, Floats]:
    """Rows down and columns right of a point."""
    down = np.arange(shape[0], dtype=np.float32)[:, None] - np.float32(centre[0])
    right = np.arange(shape[1], dtype=np.float32)[None] - np.float32(centre[1])
    return np.broadcast_to(down, shape), np.broadcast_to(right, shape)


def _step(pixels: npt.NDArray[np.floating]) -> Floats:
    """From 0 to 1 over about two units around 0."""
    soft: Floats = np.clip(0.5 + 0.5 * np.asarray(pixels, np.float32), 0, 1)
    return soft


def _noise(shape: tuple[int, ...], grain: float, random: Random) -> Floats:
    """A smooth field of about unit spread; ``grain`` in pixels."""
    small = [max(3, round(side / grain)) for side in shape]
    field = Pillow.fromarray(random.standard_normal(small, dtype=np.float32))
    return np.asarray(field.resize((shape[1], shape[0]), Pillow.Resampling.BICUBIC), np.float32)
