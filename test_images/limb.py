"""Simulated radiographs of a forearm with wrist and of a leg with knee.

Bones are bodies of revolution about a curved axis: a tube of cortex around marrow, flaring into
trabecular ends. Their thickness along the ray is summed, attenuates a beam with scatter and
quantum noise, and is shown on a logarithmic scale as a digital radiography system does.
Coordinates are (across, along) in mm, along growing towards the lower edge of the image.
"""

from dataclasses import dataclass, field

import numpy as np
from fields import Array, smooth_noise, step
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.special import expit

ROWS = 900
COLUMNS = 700
PIXEL_MM = 0.25
HIGHEST = 4095  # of 12 bits

_CORTEX_PER_MM = 0.066  # attenuation, at an effective 55 keV
_TRABECULAR_PER_MM = 0.015  # in place of soft tissue
_TISSUE_PER_MM = 0.0205
_QUANTA = 9000.0  # a pixel, unattenuated
_TEXTURE_MM = 0.5  # grid of the trabeculae


@dataclass(frozen=True, kw_only=True)
class Break:
    """A complete fracture of a shaft."""

    at: tuple[float, float]  # across, along: where the line crosses the axis
    slope: float  # along per across: 0 is transverse, 1.5 oblique
    shift: tuple[float, float]  # of the lower fragment, across and along (negative: shortened)
    angle_degrees: float  # by which the lower fragment is turned
    gap: float = 0.0  # bone that is lost on either side of the line
    jagged: float = 1.0  # height of the teeth


@dataclass(frozen=True, kw_only=True)
class Lump:
    """A short bone or a condyle: an ellipsoid with a thin cortex."""

    centre: tuple[float, float]
    radii: tuple[float, float]
    turn_degrees: float = 0.0
    depth: float = 1.0
    cortex: float = 0.9


@dataclass(frozen=True, kw_only=True)
class Bone:
    """Knots along the axis: (along, across, outer radius, cortical thickness)."""

    knots: tuple[tuple[float, float, float, float], ...]
    depth: float = 1.0  # thickness along the ray over width
    processes: tuple[Lump, ...] = ()  # grown together with it
    broken: Break | None = None


@dataclass(frozen=True, kw_only=True)
class Limb:
    """Everything in front of the detector."""

    seed: int
    bones: tuple[Bone, ...]
    lumps: tuple[Lump, ...]
    skin: tuple[tuple[float, float, float], ...]  # knots: along, centre across, half width
    rotation_degrees: float = 0.0
    collimation: tuple[float, float, float, float] = (8, 8, 8, 8)  # left, top, right, bottom
    marker: tuple[float, float] = (16.0, 24.0)  # of the lead letter, from the upper left corner
    letter: str = "R"
    swelling: tuple[float, float, float] = field(default=(0.0, 0.0, 1.0))  # along, extra, length


def radiograph(limb: Limb) -> Array:
    """Display values, 0 to 4095, (row, column), bone bright."""
    rng = np.random.default_rng(limb.seed)
    columns, rows = np.meshgrid(
        (np.arange(COLUMNS) - (COLUMNS - 1) / 2) * PIXEL_MM,
        (np.arange(ROWS) - (ROWS - 1) / 2) * PIXEL_MM,
    )
    turn = np.deg2rad(limb.rotation_degrees)
    across = columns * np.cos(turn) + rows * np.sin(turn)
    along = rows * np.cos(turn) - columns * np.sin(turn)
    cortex, trabecular = _bone_mm(limb, rng, across, along)
    tissue = _tissue_mm(limb, rng, across, along)
    attenuation = (
        _TISSUE_PER_MM * tissue
        + (_CORTEX_PER_MM - _TISSUE_PER_MM) * cortex
        + _TRABECULAR_PER_MM * trabecular
    )
    attenuation += 2.5 * _letter(limb)
    return _detected(limb, rng, attenuation)


def _detected(limb: Limb, rng: np.random.Generator, attenuation: Array) -> Array:
    """The beam at the detector and its processing for presentation."""
    open_field = _collimator(limb)
    beam = np.exp(-attenuation)
    scatter = 0.10 * gaussian_filter(beam * open_field, 14 / PIXEL_MM, mode="nearest")
    beam = gaussian_filter(beam, 0.11 / PIXEL_MM) + scatter
    noise = gaussian_filter(rng.standard_normal(beam.shape), 0.5)
    beam = np.clip(beam + np.sqrt(beam / _QUANTA) * noise / noise.std(), 1e-4, None)
    density = -np.log(beam)
    coarse = gaussian_filter(density, 6 / PIXEL_MM, mode="nearest")
    fine = gaussian_filter(density, 0.5 / PIXEL_MM)
    density = density + 0.3 * (density - fine) - 0.35 * coarse
    # automatic exposure: the tissue's range, as found in the field, fills the display's
    low, high = np.percentile(density[(open_field > 0.5) & (attenuation > 0.2)], (10, 99.7))
    shown = expit(4.4 * (density - low) / (high - low) - 2.0)
    shown = 40 + 3950 * (shown - 0.06) / 0.86
    return np.clip(open_field * shown + (1 - open_field) * 60.0, 0, HIGHEST)


def _collimator(limb: Limb) -> Array:
    """1 in the field, 0 behind the collimator's leaves, soft at their edges."""
    left, top, right, bottom = limb.collimation
    x = (np.arange(COLUMNS) + 0.5) * PIXEL_MM
    y = (np.arange(ROWS) + 0.5) * PIXEL_MM
    across = np.minimum(x - left, COLUMNS * PIXEL_MM - right - x)
    along = np.minimum(y - top, ROWS * PIXEL_MM - bottom - y)
    return step(np.minimum(across[None, :], along[:, None]), 0.6)


def _tissue_mm(limb: Limb, rng: np.random.Generator, across: Array, along: Array) -> Array:
    """Water-equivalent thickness of skin, fat and muscle."""
    knots = np.array(limb.skin)
    centre = np.interp(along, knots[:, 0], knots[:, 1])
    half = np.interp(along, knots[:, 0], knots[:, 2])
    centre, half = (gaussian_filter(part, 8 / PIXEL_MM) for part in (centre, half))
    at, extra, length = limb.swelling
    half = half + extra * np.exp(-(((along - at) / length) ** 2))
    half = half + 0.5 * gaussian_filter(smooth_noise(rng, (ROWS, 1), (60, 0)), 1)
    offset = across - centre
    body = 2 * 0.9 * np.sqrt(np.clip(half**2 - offset**2, 0, None))
    fat = 4.0 + 0.06 * half
    muscle = 2 * 0.9 * np.sqrt(np.clip((half - fat) ** 2 - offset**2, 0, None))
    strands = smooth_noise(rng, across.shape, (40, 5)) + 0.7 * smooth_noise(
        rng, across.shape, (90, 12)
    )
    return 0.86 * (body - muscle) + muscle * (1.03 + 0.022 * strands)


def _bone_mm(
    limb: Limb, rng: np.random.Generator, across: Array, along: Array
) -> tuple[Array, Array]:
    """Thickness of cortical and of trabecular bone along the ray."""
    mesh = _trabeculae(rng, across, along)
    cortex, trabecular = np.zeros_like(across), np.zeros_like(across)
    for bone in limb.bones:
        for part, x, y in _fragments(bone, rng, across, along):
            whole, marrow, spongy = _tube_mm(bone, x, y)
            for lump in bone.processes:
                lump_whole, lump_marrow = _lump_mm(lump, x, y)
                whole, marrow = np.maximum(whole, lump_whole), np.maximum(marrow, lump_marrow)
                spongy = np.where(lump_whole > 0, np.maximum(spongy, 0.9), spongy)
            cortex += part * (whole - marrow)
            trabecular += part * marrow * spongy * mesh
    for lump in limb.lumps:
        whole, marrow = _lump_mm(lump, across, along)
        cortex += whole - marrow
        trabecular += marrow * mesh
    return cortex, trabecular


def _trabeculae(rng: np.random.Generator, across: Array, along: Array) -> Array:
    """Relative density of spongy bone: strands along the load with struts across."""
    size = (int(ROWS * 1.5 * PIXEL_MM / _TEXTURE_MM), int(COLUMNS * 1.5 * PIXEL_MM / _TEXTURE_MM))
    field_ = smooth_noise(rng, size, (1.6, 0.55)) + 0.6 * smooth_noise(rng, size, (0.6, 1.0))
    field_ += 0.7 * smooth_noise(rng, size, (8, 8))
    at = [
        along / _TEXTURE_MM + size[0] / 2,
        across / _TEXTURE_MM + size[1] / 2,
    ]
    return np.clip(1.0 + 0.13 * map_coordinates(field_, at, order=1, mode="grid-wrap"), 0.3, 2.0)


def _tube_mm(bone: Bone, across: Array, along: Array) -> tuple[Array, Array, Array]:
    """All bone, what of it is marrow, and how spongy that is (0 to 1), unbroken."""
    knots = np.array(bone.knots)
    at = np.linspace(knots[0, 0], knots[-1, 0], 600)
    axis, radius, wall = (
        gaussian_filter(np.interp(at, knots[:, 0], knots[:, k]), 9, mode="nearest")
        for k in (1, 2, 3)
    )
    slope = np.gradient(axis, at)
    tilt = np.interp(along, at, 1 / np.sqrt(1 + slope**2))
    offset = (across - np.interp(along, at, axis)) * tilt
    outer = np.interp(along, at, radius)
    inner = np.clip(outer - np.interp(along, at, wall), 0, None)
    # rounded ends, closed by a thin plate of cortex
    end = np.minimum(along - knots[0, 0], knots[-1, 0] - along)
    rounding = np.minimum(0.45 * outer, 6.0) + 1e-6
    cap, plate = np.clip(end / rounding, 0, 1), np.clip((end - 0.9) / rounding, 0, 1)
    outer = outer * np.sqrt(1 - (1 - cap) ** 2) * (end > 0)
    inner = np.minimum(inner, np.clip(outer - 0.5, 0, None)) * np.sqrt(1 - (1 - plate) ** 2)
    whole = 2 * bone.depth * np.sqrt(np.clip(outer**2 - offset**2, 0, None))
    marrow = 2 * bone.depth * np.sqrt(np.clip(inner**2 - offset**2, 0, None))
    spongy = np.clip(1.15 - np.interp(along, at, wall) / 3.0, 0.10, 1.0)  # shafts are hollow
    return whole, marrow, spongy


def _lump_mm(lump: Lump, across: Array, along: Array) -> tuple[Array, Array]:
    """All bone of a lump, and what of it is marrow."""
    turn = np.deg2rad(lump.turn_degrees)
    dx, dy = across - lump.centre[0], along - lump.centre[1]
    u = dx * np.cos(turn) + dy * np.sin(turn)
    v = dy * np.cos(turn) - dx * np.sin(turn)

    def chord(shrink: float) -> Array:
        a, b = lump.radii[0] - shrink, lump.radii[1] - shrink
        inside = np.clip(1 - np.sqrt((np.abs(u) / a) ** 2.6 + (np.abs(v) / b) ** 2.6), 0, None)
        return 2 * lump.depth * min(a, b) * np.sqrt(np.clip(inside * (2 - inside), 0, None))

    return chord(0.0), chord(lump.cortex)


def _fragments(
    bone: Bone, rng: np.random.Generator, across: Array, along: Array
) -> list[tuple[Array, Array, Array]]:
    """(weight, across, along) of each piece in the coordinates of the unbroken bone."""
    fracture = bone.broken
    if fracture is None:
        return [(np.ones_like(across), across, along)]
    (x0, y0), slope = fracture.at, fracture.slope
    turn = np.deg2rad(fracture.angle_degrees)
    dx, dy = across - x0 - fracture.shift[0], along - y0 - fracture.shift[1]
    moved_x = x0 + dx * np.cos(turn) + dy * np.sin(turn)
    moved_y = y0 + dy * np.cos(turn) - dx * np.sin(turn)
    teeth = [
        fracture.jagged * gaussian_filter(rng.standard_normal(400), s, mode="wrap") * np.sqrt(s) * 2
        for s in (4, 5)
    ]

    def kept(x: Array, y: Array, side: float) -> Array:
        """Weight of what lies above (-1) or below (1) the line, nearer and farther half."""
        weight = np.zeros_like(x)
        for tooth, skew in zip(teeth, (-0.9, 0.9), strict=True):
            edge = np.interp(x, np.linspace(-60, 60, 400), tooth) + skew * (0.4 + abs(slope))
            line = (y - y0 - slope * (x - x0) - edge) / np.sqrt(1 + slope**2)
            weight += 0.5 * step(side * line - fracture.gap / 2, 0.2)
        return weight

    return [
        (kept(across, along, -1.0), across, along),
        (kept(moved_x, moved_y, 1.0), moved_x, moved_y),
    ]


def _letter(limb: Limb) -> Array:
    """A lead letter L or R, 9 mm high."""
    x = (np.arange(COLUMNS) + 0.5) * PIXEL_MM - limb.marker[0]
    y = (np.arange(ROWS) + 0.5) * PIXEL_MM - limb.marker[1]
    u, v = np.meshgrid(x, y)
    stroke = (np.abs(u) < 0.9) & (v > 0) & (v < 9)
    if limb.letter == "L":
        stroke |= (u > -0.9) & (u < 5) & (v > 7.2) & (v < 9)
    else:
        bowl = np.abs(np.hypot(u - 1.2, (v - 2.4) * 1.05) - 2.4) < 0.9
        stroke |= (bowl & (u > 0.9)) | ((np.abs(v - 0.6) < 0.85) & (u > 0) & (u < 1.4))
        stroke |= (np.abs(v - 4.6) < 0.85) & (u > 0) & (u < 1.4)
        stroke |= (np.abs(u - 0.55 * (v - 4.6) - 1.0) < 1.05) & (v > 4.6) & (v < 9)
    return gaussian_filter(stroke.astype(float), 0.8)
