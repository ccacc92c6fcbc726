"""Images made up for the radiograph guard: what no radiograph is, and limbs drawn as ones are.

Every drawing is uint8 (128, 128); what it shows is random.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

Grey = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator], Grey]

SIDE = 128
_ROW, _COLUMN = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]


def _grey(values: Floats) -> Grey:
    """Stretch to 0..255."""
    low, high = float(values.min()), float(values.max())
    return np.asarray((values - low) * (255 / max(high - low, 1e-9)), np.uint8)


def _field(random: np.random.Generator, sigma: float) -> Floats:
    """A random field as smooth as asked, mean 0, deviation 1."""
    field = gaussian_filter(random.standard_normal((SIDE, SIDE)), sigma, mode="wrap")
    return np.asarray((field - field.mean()) / field.std())


def _ellipse(random: np.random.Generator, reach: float, least: float, most: float) -> Floats:
    """At most 1 within a random ellipse; distances in half sides of the drawing."""
    centre_row, centre_column = random.uniform(-reach, reach, 2)
    height, width = random.uniform(least, most, 2)
    turn = random.uniform(0, np.pi)
    row, column = _ROW - centre_row, _COLUMN - centre_column
    along = row * np.cos(turn) + column * np.sin(turn)
    across = column * np.cos(turn) - row * np.sin(turn)
    return np.asarray((along / height) ** 2 + (across / width) ** 2)


def gradient(random: np.random.Generator) -> Grey:
    """A linear or round ramp, perhaps in steps, with little noise."""
    turn = random.uniform(0, 2 * np.pi)
    ramp = _ROW * np.sin(turn) + _COLUMN * np.cos(turn)
    if random.random() < 0.4:
        ramp = np.hypot(_ROW - random.uniform(-1, 1), _COLUMN - random.uniform(-1, 1))
    if random.random() < 0.4:
        ramp = np.round(ramp * random.uniform(2, 8))
    return _grey(ramp + random.uniform(0, 0.1) * _field(random, 0.7))


def pattern(random: np.random.Generator) -> Grey:
    """Checkerboards, bars, grids, rings, and patches of grey as test patterns hold them."""
    count = random.uniform(2, 16)
    waves = [
        np.sin(np.pi * count * _ROW) * np.sin(np.pi * count * _COLUMN),
        np.sin(np.pi * count * (_ROW if random.random() < 0.5 else _COLUMN)),
        np.maximum(np.cos(np.pi * count * _ROW), np.cos(np.pi * count * _COLUMN)) - 0.9,
        np.sin(np.pi * count * np.hypot(_ROW, _COLUMN)),
    ]
    values = waves[random.integers(len(waves))]
    if random.random() < 0.7:
        values = np.sign(values)
    image = Image.fromarray(_grey(values))
    draw = ImageDraw.Draw(image)
    for _ in range(int(random.integers(0, 12))):
        left, top = (int(p) for p in random.integers(0, SIDE, 2))
        width, height = (int(s) for s in random.integers(4, 50, 2))
        draw.rectangle((left, top, left + width, top + height), fill=int(random.integers(256)))
    return np.asarray(image)


def screenshot(random: np.random.Generator) -> Grey:
    """Lines of text, panels and buttons, dark on light or light on dark."""
    paper, ink = (int(v) for v in (random.integers(160, 256), random.integers(0, 90)))
    if random.random() < 0.5:
        paper, ink = ink, paper
    image = Image.new("L", (SIDE, SIDE), paper)
    draw = ImageDraw.Draw(image)
    for _ in range(int(random.integers(0, 5))):
        left, top = (int(p) for p in random.integers(0, SIDE, 2))
        width, height = (int(s) for s in random.integers(10, 100, 2))
        panel = int(random.integers(256))
        draw.rectangle((left, top, left + width, top + height), fill=panel, outline=ink)
    font = ImageFont.load_default(float(random.uniform(6, 18)))
    top = int(random.integers(0, 16))
    while top < SIDE:
        letters = random.integers(32, 123, int(random.integers(2, 30)))
        place = (int(random.integers(0, 40)), top)
        draw.text(place, "".join(map(chr, letters)), fill=ink, font=font)
        top += int(random.integers(8, 24))
    return np.asarray(image)


def section(random: np.random.Generator) -> Grey:
    """Ellipses in an ellipse, bright rim or not: a slice as CT and MR make them."""
    outline = _ellipse(random, 0.15, 0.5, 0.95)
    body = outline < 1
    values = np.where(body, random.uniform(0.2, 0.7), 0.0)
    for _ in range(int(random.integers(3, 14))):
        organ = _ellipse(random, 0.6, 0.05, 0.45)
        values = np.where((organ < 1) & body, random.uniform(0.0, 1.0), values)
    if random.random() < 0.7:
        rim = (outline < 1) & (outline > random.uniform(0.6, 0.9))
        values = np.where(rim, random.uniform(0.5, 1.3), values)
    values = gaussian_filter(values, random.uniform(0.3, 1.5))
    values += body * random.uniform(0.0, 0.15) * _field(random, random.uniform(0.5, 4))
    values += random.uniform(0, 0.08) * np.abs(_field(random, 0.6))
    if random.random() < 0.4:
        values = np.where(np.hypot(_ROW, _COLUMN) < 1, values, random.uniform(-0.6, 0))
    return _grey(values)


def smooth_field(random: np.random.Generator) -> Grey:
    """Clouds of one or two sizes."""
    values = _field(random, random.uniform(1.5, 20))
    values = values + random.uniform(0, 0.6) * _field(random, random.uniform(0.6, 4))
    return _grey(np.clip(values, -2.5, random.uniform(0.5, 2.5)))


def hot_spots(random: np.random.Generator) -> Grey:
    """A faint body with round bright places, as emission tomography shows it."""
    values = 0.25 * gaussian_filter((_ellipse(random, 0.2, 0.4, 0.9) < 1).astype(float), 3)
    for _ in range(int(random.integers(1, 7))):
        values += random.uniform(0.2, 1) * np.exp(-_ellipse(random, 0.6, 0.04, 0.25))
    return _grey(values * (1 + random.uniform(0, 0.3) * _field(random, random.uniform(0.7, 3))))


def photograph(random: np.random.Generator) -> Grey:
    """Leaves of random shape, size, grey and grain that cover one another."""
    values = random.uniform(0, 1) + 0.3 * _field(random, 12)
    grains = [_field(random, sigma) for sigma in (0.6, 1.5, 4)]
    for _ in range(int(random.integers(8, 40))):
        size = min(0.9, 0.04 + 0.08 * random.pareto(1.5))
        if random.random() < 0.5:
            leaf = _ellipse(random, 1.1, size * 0.4, size) < 1
        else:
            turned = _ellipse(random, 1.1, size, size + 0.01)
            leaf = (turned < 1) & (_ROW * random.uniform(-1, 1) > _COLUMN * random.uniform(-1, 1))
        grain = random.uniform(0, 0.2) * grains[int(random.integers(len(grains)))]
        shade = random.uniform(-0.3, 0.3) * _ROW
        values = np.where(leaf, random.uniform(0, 1) + grain + shade, values)
    return _grey(gaussian_filter(values, random.uniform(0.2, 1.2)))


def sonogram(random: np.random.Generator) -> Grey:
    """Speckle in a fan or a box below a probe, with letters beside it."""
    apex = random.uniform(-1.6, -0.8)
    angle = np.arctan2(_COLUMN, _ROW - apex)
    reach = np.hypot(_COLUMN, _ROW - apex)
    first = random.uniform(0.05, 0.5)
    fan = (np.abs(angle) < random.uniform(0.35, 0.9)) & (reach > first)
    fan &= reach < first + random.uniform(1.0, 1.9)
    if random.random() < 0.3:
        fan = (np.abs(_COLUMN) < random.uniform(0.4, 0.9)) & (random.uniform(-1, -0.5) < _ROW)
    speckle = np.hypot(_field(random, random.uniform(0.5, 1.5)), _field(random, 0.8))
    layers = np.exp(0.7 * _field(random, random.uniform(3, 12)))
    hole = _ellipse(random, 0.5, 0.1, 0.4) < 1
    values = fan * speckle * layers * np.where(hole, random.uniform(0, 0.5), 1.0)
    image = Image.fromarray(_grey(np.clip(values, 0, np.percentile(values, 99.5)) ** 0.7))
    draw = ImageDraw.Draw(image)
    for _ in range(int(random.integers(0, 6))):
        left, top = (int(p) for p in random.integers(0, SIDE, 2))
        draw.text((left, top), "".join(map(chr, random.integers(48, 91, 6))), fill=200)
    return np.asarray(image)


NO_RADIOGRAPHS: dict[str, Draw] = {
    "gradient": gradient,
    "pattern": pattern,
    "screenshot": screenshot,
    "section": section,
    "smooth field": smooth_field,
    "hot spots": hot_spots,
    "photograph": photograph,
    "sonogram": sonogram,
}


def limb(random: np.random.Generator) -> Grey:
    """Soft tissue with one or two bones along it, whose rims are brighter than their middles."""
    half = random.uniform(0.25, 0.7) + random.uniform(-0.15, 0.15) * _ROW
    bend = random.uniform(-0.2, 0.2) * _ROW**2
    thickness = np.sqrt(np.clip(1 - ((_COLUMN - bend) / half) ** 2, 0, 1))
    values = random.uniform(0.2, 0.5) * thickness
    bones = int(random.integers(1, 3))
    for number in range(bones):
        middle = bend + (number - (bones - 1) / 2) * random.uniform(0.5, 0.8) * half
        width = half * random.uniform(0.12, 0.3) * (1 + random.uniform(0, 0.8) * _ROW**4)
        inside = np.clip(1 - ((_COLUMN - middle) / width) ** 2, 0, 1)
        if random.random() < 0.5:  # it ends within the picture
            inside = inside * (random.choice([-1, 1]) * _ROW < random.uniform(0.2, 0.9))
        shell = (inside > 0) & (inside < random.uniform(0.3, 0.6))
        values = values + np.sqrt(inside) * random.uniform(0.2, 0.4) + 0.25 * shell
    values = gaussian_filter(values, random.uniform(0.4, 1.5))
    return _grey(values + random.uniform(0, 0.05) * _field(random, random.uniform(0.5, 2)))
