"""Nodules of known place and kind put into real chest CT, to count what the detector finds.

Semi-synthetic: the lungs are a patient's, the nodules are computed. A nodule is a ball, bent by
low waves over its surface (and by high ones where it is spiculated), solid, part-solid or ground
glass. Its edge is as soft as the scanner's, slices average over their thickness, noise goes on
inside it, and what is denser already (vessels, wall) stays. Places are drawn in the open lung,
at the pleura, or at a vessel.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from models.detector import Image, SeriesImages, Unsuitable
from models.nodule_lungs import Lungs, find_lungs
from models.nodule_volume import Stack, stack_of

Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_EDGE_MM = 0.45  # softness of edges in plane, standard deviation
_PARTS = 5  # planes averaged to one slice
_APART_MM = 12.0  # between the surfaces of two nodules
_VESSEL_HU = -350.0
_DRAWS = 200  # of a place, before another kind of place is taken


class Texture(StrEnum):
    """What a nodule is made of."""

    SOLID = "solid"
    SPICULATED = "spiculated"
    PART_SOLID = "part_solid"
    GROUND_GLASS = "ground_glass"


class Setting(StrEnum):
    """What a nodule lies beside."""

    OPEN_LUNG = "open_lung"
    PLEURA = "pleura"
    VESSEL = "vessel"


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatedNodule:
    """One nodule that was put in."""

    centre_mm: tuple[float, float, float]  # LPS
    diameter_mm: float
    texture: Texture
    setting: Setting


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownZone:
    """A ball around a real finding of the scan: nothing is put in, and no answer there counts."""

    centre_mm: tuple[float, float, float]  # LPS
    radius_mm: float

    def holds(self, place: Sequence[float], margin_mm: float = 0.0) -> bool:
        """Whether a place lies in the ball, or within a margin of it."""
        distance = float(np.linalg.norm(np.subtract(place, self.centre_mm)))
        return distance <= self.radius_mm + margin_mm


class Background:
    """A scan into which nodules can be put.

    Parameters
    ----------
    series
        A chest CT without nodules but those in ``known``.

    Raises
    ------
    ValueError
        If it shows no lungs.
    """

    def __init__(self, series: SeriesImages, known: Sequence[KnownZone] = ()) -> None:
        stack = stack_of(series)
        lungs = stack if isinstance(stack, Unsuitable) else find_lungs(stack)
        if isinstance(stack, Unsuitable) or isinstance(lungs, Unsuitable):
            raise ValueError(f"no background for nodules: {lungs}")
        self.series, self.known = series, tuple(known)
        self._stack, self._lungs = stack, lungs
        self._places = _places(stack, lungs)
        self._noise_hu = _noise_hu(stack)

    def with_nodules(
        self,
        count: int,
        random: np.random.Generator,
        *,
        diameters_mm: tuple[float, float] = (4, 20),
    ) -> tuple[SeriesImages, list[SimulatedNodule]]:
        """A copy with so many nodules, sizes even on a logarithmic scale; fewer where full."""
        pixels = {n: image.pixels for n, image in enumerate(self._stack.images)}
        put: list[SimulatedNodule] = []
        for _ in range(count):
            drawn = self._draw(put, random, diameters_mm)
            if drawn is not None:
                nodule, at = drawn
                put.append(nodule)
                self._paint(pixels, nodule, at, random)
        images: list[Image] = [
            replace(image, pixels=pixels[n]) for n, image in enumerate(self._stack.images)
        ]
        return replace(self.series, images=tuple(images)), put

    def _draw(
        self,
        put: Sequence[SimulatedNodule],
        random: np.random.Generator,
        diameters_mm: tuple[float, float],
    ) -> tuple[SimulatedNodule, Doubles] | None:
        """A nodule and its coarse place, away from others and from known findings."""
        diameter = float(np.exp(random.uniform(*np.log(diameters_mm))))
        texture = list(Texture)[int(random.choice(4, p=(0.5, 0.2, 0.15, 0.15)))]
        setting = list(Setting)[int(random.choice(3, p=(0.5, 0.3, 0.2)))]
        for _ in range(_DRAWS):
            places = self._places[setting]
            at = places[int(random.integers(len(places)))] + random.uniform(-0.5, 0.5, 3)
            centre = coarse_to_patient(self._stack, at)
            others_far = all(
                float(np.linalg.norm(np.subtract(centre, other.centre_mm)))
                > (diameter + other.diameter_mm) / 2 + _APART_MM
                for other in put
            )
            if others_far and not any(z.holds(centre, diameter / 2 + 5) for z in self.known):
                nodule = SimulatedNodule(
                    centre_mm=centre, diameter_mm=diameter, texture=texture, setting=setting
                )
                return nodule, at
        return None

    def _paint(
        self,
        pixels: dict[int, npt.NDArray[np.float32]],
        nodule: SimulatedNodule,
        at: Doubles,
        random: np.random.Generator,
    ) -> None:
        """Put a nodule into the slices that it touches."""
        stack = self._stack
        z_mm = float(stack.coarse_z_mm[0] + at[0] * stack.coarse_spacing_mm[0])
        row, column = ((place + 0.5) * stack.factor - 0.5 for place in at[1:])
        shape = _Shape.drawn(nodule, random)
        reach = 0.8 * nodule.diameter_mm + 3
        down, across = (int(reach / side) + 1 for side in stack.spacing_mm)
        top, left = max(0, int(row) - down), max(0, int(column) - across)
        thickness = stack.gap_mm
        for number, height in enumerate(stack.z_mm):
            if abs(height - z_mm) > reach + thickness:
                continue
            old = pixels[number][top : int(row) + down + 1, left : int(column) + across + 1]
            y = (np.arange(old.shape[0]) + top - row)[:, None] * stack.spacing_mm[0]
            x = (np.arange(old.shape[1]) + left - column)[None] * stack.spacing_mm[1]
            parts = height - z_mm + thickness * ((np.arange(_PARTS) + 0.5) / _PARTS - 0.5)
            new = np.mean([shape.onto(old, x, y, z) for z in parts], axis=0)
            changed = np.clip((new - old) / 300.0, 0, 1)
            noise = ndimage.gaussian_filter(random.normal(size=old.shape), 0.6)
            new = new + changed * self._noise_hu * noise / max(float(noise.std()), 1e-6)
            copy = pixels[number].copy()
            copy[top : top + old.shape[0], left : left + old.shape[1]] = new
            pixels[number] = copy


@dataclass(frozen=True, kw_only=True, slots=True)
class _Shape:
    """The surface and the density of one nodule."""

    radius_mm: float
    waves: tuple[tuple[float, float, float, float, float], ...]  # direction, frequency, height
    outer_hu: float
    core_hu: float
    core_share: float  # of the radius that is core
    stretch: tuple[float, float, float]  # along x, y, z

    @classmethod
    def drawn(cls, nodule: SimulatedNodule, random: np.random.Generator) -> "_Shape":
        ground, solid = float(random.uniform(-680, -480)), float(random.uniform(-10, 60))
        outer, core, share = {
            Texture.SOLID: (solid, solid, 0.0),
            Texture.SPICULATED: (solid, solid, 0.0),
            Texture.PART_SOLID: (ground, solid, float(random.uniform(0.4, 0.65))),
            Texture.GROUND_GLASS: (ground, ground, 0.0),
        }[nodule.texture]
        waves = [(2.0, 0.06), (3.0, 0.05), (5.0, 0.04)]
        if nodule.texture is Texture.SPICULATED:
            waves += [(9.0, 0.14), (13.0, 0.12)]
        directed = []
        for frequency, height in waves:
            direction = random.normal(size=3)
            x, y, z = direction / np.linalg.norm(direction)
            directed.append((float(x), float(y), float(z), frequency, height))
        stretch = np.exp(random.normal(0, 0.1, 3))
        stretch = stretch / np.cbrt(np.prod(stretch))
        return cls(
            radius_mm=nodule.diameter_mm / 2,
            waves=tuple(directed),
            outer_hu=outer,
            core_hu=core,
            core_share=share,
            stretch=(float(stretch[0]), float(stretch[1]), float(stretch[2])),
        )

    def onto(self, old: npt.NDArray[np.float32], x: Doubles, y: Doubles, z: float) -> Doubles:
        """One plane with the nodule; what is denser already stays."""
        sx, sy, sz = self.stretch
        distance = np.sqrt((x / sx) ** 2 + (y / sy) ** 2 + (z / sz) ** 2) + 1e-6
        rough = np.ones_like(distance)
        for wx, wy, wz, frequency, height in self.waves:
            angle = np.arccos(np.clip((wx * x + wy * y + wz * z) / distance, -1, 1))
            rough = rough + height * np.cos(frequency * angle + 7 * wx)
        depth = self.radius_mm * rough - distance
        core = self.radius_mm * self.core_share * rough - distance
        new = old.astype(np.float64)
        for inside, density in ((depth, self.outer_hu), (core, self.core_hu)):
            weight = 1 / (1 + np.exp(-np.clip(1.7 * inside / _EDGE_MM, -40, 40)))
            if density == self.core_hu and not self.core_share and inside is core:
                continue
            new = new + weight * np.maximum(density - new, 0)
        return new


def varied(
    series: SeriesImages, known: Sequence[KnownZone], random: np.random.Generator
) -> tuple[SeriesImages, tuple[KnownZone, ...]]:
    """Another scan made of one: mirrored or not, larger or smaller, noisier, fewer slices.

    It stands in for more patients where there is only one, and badly: vessels stay the same.
    """
    images = series.images
    left_out = int(random.integers(0, max(1, len(images) // 4)))
    first = int(random.integers(0, left_out + 1))
    images = images[first : len(images) - (left_out - first)]
    mirrored, scale = bool(random.random() < 0.5), float(np.exp(random.uniform(-0.1, 0.1)))
    noise = float(random.uniform(0, 12))
    new = []
    for image in images:
        pixels = image.pixels[:, ::-1] if mirrored else image.pixels
        rough = ndimage.gaussian_filter(random.normal(size=pixels.shape), 0.7)
        pixels = pixels + np.asarray(noise / rough.std() * rough, np.float32)
        spacing = image.pixel_spacing_mm or (1.0, 1.0)
        new.append(
            replace(image, pixels=pixels, pixel_spacing_mm=(spacing[0] * scale, spacing[1] * scale))
        )
    zones = tuple(_moved(zone, images[0], mirrored=mirrored, scale=scale) for zone in known)
    return replace(series, images=tuple(new)), zones


def _moved(zone: KnownZone, image: Image, *, mirrored: bool, scale: float) -> KnownZone:
    """Where a zone comes to lie when the pixels are mirrored and grow."""
    along = np.array((image.image_orientation or (1, 0, 0, 0, 1, 0))[:3], float)
    below = np.array((image.image_orientation or (1, 0, 0, 0, 1, 0))[3:], float)
    origin = np.array(image.image_position_mm or (0, 0, 0), float)
    offset = np.array(zone.centre_mm) - origin
    across, down = float(offset @ along), float(offset @ below)
    if mirrored:
        spacing = image.pixel_spacing_mm or (1.0, 1.0)
        across_new = (image.pixels.shape[1] - 1) * spacing[1] - across
    else:
        across_new = across
    moved = (across_new * scale - across) * along + (down * scale - down) * below
    x, y, z = np.array(zone.centre_mm) + moved
    return KnownZone(
        centre_mm=(float(x), float(y), float(z)), radius_mm=zone.radius_mm * max(1.0, scale)
    )


def coarse_to_patient(stack: Stack, at: Doubles) -> tuple[float, float, float]:
    """LPS mm of a place in the coarse copy, planes between slices included."""
    z_mm = float(stack.coarse_z_mm[0] + at[0] * stack.coarse_spacing_mm[0])
    number = stack.nearest(z_mm)
    x, y, z = stack.to_patient(
        number, (float(at[2]) + 0.5) * stack.factor, (float(at[1]) + 0.5) * stack.factor
    )
    normal = np.cross(stack.orientation[:3], stack.orientation[3:])
    nx, ny, nz = normal * (z_mm - float(stack.z_mm[number]))
    return x + float(nx), y + float(ny), z + float(nz)


def _places(stack: Stack, lungs: Lungs) -> dict[Setting, Doubles]:
    """Coarse voxels in the open lung, just inside the pleura, and beside vessels."""
    airy = lungs.mask & (stack.coarse < -600)
    airy[[0, -1]] = False  # a nodule on the first or last slice is cut off
    spacing = stack.coarse_spacing_mm
    inward = np.stack([ndimage.distance_transform_edt(m, sampling=spacing[1:]) for m in lungs.mask])
    wide = lungs.mask & (stack.coarse > _VESSEL_HU) & (inward > 10)
    vessel = np.stack([ndimage.distance_transform_edt(~m, sampling=spacing[1:]) for m in wide])
    return {
        Setting.OPEN_LUNG: np.argwhere(airy & (inward > 12) & (vessel > 5)).astype(float),
        Setting.PLEURA: np.argwhere(airy & (inward > 1) & (inward < 4)).astype(float),
        Setting.VESSEL: np.argwhere(airy & (inward > 12) & (vessel < 3)).astype(float),
    }


def _noise_hu(stack: Stack) -> float:
    """The scanner's noise: the spread of fine differences in the airy lung, robustly."""
    middle = len(stack.images) // 2
    pixels = stack.images[middle].pixels
    fine = (pixels[1:, 1:] - pixels[1:, :-1] - pixels[:-1, 1:] + pixels[:-1, :-1]) / 2
    quiet = fine[(pixels[1:, 1:] < -780) & (pixels[1:, 1:] > -960)]
    if quiet.size < 100:
        return 15.0
    return float(min(60.0, 1.4826 * np.median(np.abs(quiet - np.median(quiet)))))
