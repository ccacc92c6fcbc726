"""Fractures, swollen scalp and thin blood drawn into unrolled skulls, so that their place is known.

How they look on CT follows Osborn's Brain (2nd ed., part I sections 1 and 2): fractures are dark
lines with sharp edges across the bone, sometimes with a step; the scalp above is swollen and its
fat dense; epidural blood is a lens, subdural blood a crescent beneath the bone. Strips are those of
``models.skull_unrolled``: (3, row, column), Hounsfield units, and are changed in place; a mask is
(row, column), 0 to 1, of the plane itself.
"""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from models.skull_unrolled import INSIDE

Floats = npt.NDArray[np.float32]
Random = np.random.Generator

_TABLE_HU = 250.0
_BONE_HU = 130.0
_FLUID_HU = 95.0  # denser is no brain
_SKIN_HU, _FAT_HU = -160.0, 15.0  # between them lies fat
_WITHIN = 16  # rows from the brain in which no bone begins
_EDGE = 60  # columns from either end where no fracture begins
_BESIDE = 2.5  # columns on either side of a fracture's middle that its mask holds


def inner_table(strip: Floats, margin: int) -> npt.NDArray[np.int_]:
    """The first row of bone in each column, (column,)."""
    start = margin + _WITHIN
    bone = strip[1, start:] > _TABLE_HU
    first = np.where(bone.any(axis=0), bone.argmax(axis=0) + start, margin + INSIDE)
    smooth: npt.NDArray[np.int_] = ndimage.median_filter(first, 9)
    return smooth


def draw_fracture(strip: Floats, margin: int, random: Random) -> Floats:
    """Draw one fracture through the bone, sometimes with a step or a swollen scalp; its mask."""
    rows, columns = np.arange(strip.shape[1])[:, None], np.arange(strip.shape[2])[None]
    start = int(random.integers(_EDGE, strip.shape[2] - _EDGE))
    width = np.exp(random.uniform(np.log(0.7), np.log(4.5)))
    slope, drift = random.uniform(-1.2, 1.2), random.uniform(-14, 14)  # drift: a plane
    inner = inner_table(strip, margin)
    within, strength = random.uniform(0, 80), random.uniform(0.45, 1.0)
    ragged = ndimage.gaussian_filter1d(random.standard_normal(len(rows)), 3) * random.uniform(0, 4)
    step = _Step(random) if random.random() < 0.3 else None
    mask = np.zeros(strip.shape[1:], np.float32)
    for plane, away in ((0, -1), (1, 0), (2, 1)):
        seen = strength
        if plane != 1:
            seen *= random.uniform(0.3, 1) if random.random() < 0.75 else 0
        if seen == 0:
            continue
        middle = start + away * drift + slope * (rows - inner[start]) + ragged[:, None]
        if step is not None and (plane == 1 or random.random() < 0.5):
            step.press(strip[plane], round(start + away * drift))
        share = np.clip(width / 2 - np.abs(columns - middle) + 0.5, 0, 1) * seen
        if random.random() < 0.5:
            share = ndimage.gaussian_filter1d(share, random.uniform(0.5, 1.5), axis=1)
        bone = strip[plane] > _BONE_HU
        if plane == 1:
            mask = ((np.abs(columns - middle) < _BESIDE) & bone).astype(np.float32)
        strip[plane] -= np.where(bone, share * (strip[plane] - within), 0)
    if random.random() < 0.6:
        draw_swelling(strip, margin, start, random)
    return mask


class _Step:
    """A piece of the skull pressed in (or out), less and less away from the fracture."""

    def __init__(self, random: Random) -> None:
        self._length = int(random.integers(15, 90))
        self._depth = int(random.integers(1, 5)) * (1 if random.random() < 0.8 else -1)

    def press(self, plane: Floats, start: int) -> None:
        last = plane.shape[1]
        for column in range(max(0, start), min(last, start + self._length)):
            rows = round(self._depth * (1 - (column - start) / self._length))
            from_row = np.clip(np.arange(len(plane)) + rows, 0, len(plane) - 1)
            plane[:, column] = plane[from_row, column]


def draw_swelling(strip: Floats, margin: int, middle: int, random: Random) -> None:
    """Fill the fat of the scalp with fluid over a stretch, and sometimes thicken it."""
    half = random.uniform(25, 110)
    away = np.arange(strip.shape[2]) - middle - random.uniform(-25, 25)
    bell = np.clip(1 - (away / half) ** 2, 0, 1)
    rows = np.arange(strip.shape[1])[:, None]
    outside = rows > inner_table(strip, margin)[None] + 8
    thicker = int(random.integers(0, 8))  # rows
    for plane in strip:
        fluid = random.uniform(35, 65)
        fat = (plane > _SKIN_HU) & (plane < _FAT_HU) & outside
        plane[fat] += (np.clip(2 * bell, 0, 1) * 0.85 * (fluid - plane))[fat]
        skin = np.where(plane > _SKIN_HU, rows, 0).max(axis=0)
        added = (rows > skin) & (rows <= skin + bell * thicker) & outside
        plane[added] = fluid


def draw_surface_blood(strip: Floats, margin: int, random: Random) -> Floats:
    """Draw a lens or a crescent of blood beneath the bone; its mask."""
    inner, rows = inner_table(strip, margin), np.arange(strip.shape[1])[:, None]
    columns = strip.shape[2]
    middle = int(random.integers(40, columns - 40))
    if random.random() < 0.6:
        half, thickest = random.uniform(25, 120), np.exp(random.uniform(np.log(3.5), np.log(30)))
        profile = np.clip(1 - ((np.arange(columns) - middle) / half) ** 2, 0, 1)
    else:
        half, thickest = random.uniform(60, 300), np.exp(random.uniform(np.log(3), np.log(16)))
        profile = np.sqrt(np.clip(1 - ((np.arange(columns) - middle) / half) ** 2, 0, 1))
    density = random.uniform(48, 80)
    uneven = 1 + 0.8 * ndimage.gaussian_filter1d(random.standard_normal(columns), 8)
    mask = np.zeros(strip.shape[1:], np.float32)
    for number, scale in enumerate((random.uniform(0.3, 1.1), 1.0, random.uniform(0.3, 1.1))):
        plane = strip[number]
        thick = thickest * profile * scale * uneven
        depth = inner[None] - rows
        share = np.clip((thick[None] - depth) / 1.5 + 0.5, 0, 1)
        share *= (thick[None] > 1) & (depth > 0) & (plane < _FLUID_HU)
        grain = np.clip(plane - ndimage.gaussian_filter(plane, 1.5), -9, 9)
        cloud = 60 * ndimage.gaussian_filter(random.standard_normal(plane.shape), 6)
        plane += share * np.maximum(density + cloud + grain - plane, 0)
        if number == 1:
            mask = share.astype(np.float32)
    return mask
