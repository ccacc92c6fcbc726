"""Radiographs held in memory, and the changed copies of them that training sees."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from models.letterbox import CANVAS_MULTIPLE, plan, resize, to_grey
from models.training.labels import LabelledRadiograph

_SPARE = 1.15  # images are held this much larger than the canvas, so that zooming in adds detail
_LEAST_VISIBLE = 0.5  # share of a box that must stay in the picture for it to count


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One radiograph ready for training."""

    grey: npt.NDArray[np.uint8]  # (row, column)
    boxes: npt.NDArray[np.float32]  # (n, 4), left top right bottom, pixels of ``grey``
    fractured: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """What one step learns from."""

    images: Tensor  # float32 (N, 1, H, W), -1 to 1
    boxes: tuple[Tensor, ...]  # for each image (n, 4), left top right bottom, canvas pixels
    fractured: Tensor  # float32 (N,), 0 or 1


def read_grey(row: LabelledRadiograph) -> npt.NDArray[np.uint8]:
    """Decode an image file as 8-bit grey, (row, column)."""
    with Image.open(row.path) as image:
        return np.asarray(image.convert("L"))


def load_samples(rows: Sequence[LabelledRadiograph], longest: int) -> Iterator[Sample]:
    """Decode, normalise and shrink every radiograph, in order."""

    def load(row: LabelledRadiograph) -> Sample:
        grey = read_grey(row)
        box = plan((grey.shape[0], grey.shape[1]), round(longest * _SPARE), 1)
        corners = np.array([(x, y, x + w, y + h) for x, y, w, h in row.boxes], np.float32).reshape(
            -1, 4
        )
        return Sample(
            grey=np.array(resize(to_grey(grey), box.content_shape)),  # torch wants it writable
            boxes=box.to_canvas(corners),
            fractured=row.fractured,
        )

    with ThreadPoolExecutor(2) as pool:
        yield from pool.map(load, rows)


def batches(
    samples: Sequence[Sample],
    *,
    longest: int,
    size: int,
    negatives_per_positive: float,
    random: np.random.Generator,
) -> list[tuple[int, ...]]:
    """Draw one pass: every fractured radiograph, and so many of the others, in batches.

    The images of a batch lie the same way (upright or across), so that they share a canvas.
    """
    positive = [number for number, sample in enumerate(samples) if sample.fractured]
    negative = [number for number, sample in enumerate(samples) if not sample.fractured]
    wanted = min(len(negative), max(1, round(len(positive) * negatives_per_positive)))
    chosen = positive + [int(n) for n in random.choice(negative, wanted, replace=False)]
    by_shape: dict[tuple[int, int], list[int]] = {}
    for number in random.permutation(chosen):
        by_shape.setdefault(_canvas(samples[number], longest), []).append(int(number))
    drawn = [
        tuple(numbers[start : start + size])
        for numbers in by_shape.values()
        for start in range(0, len(numbers), size)
    ]
    return [drawn[place] for place in random.permutation(len(drawn))]


def _canvas(sample: Sample, longest: int) -> tuple[int, int]:
    return plan((sample.grey.shape[0], sample.grey.shape[1]), longest, CANVAS_MULTIPLE).canvas_shape


def make_batch(samples: Sequence[Sample], longest: int, random: np.random.Generator) -> Batch:
    """Change each radiograph a little, and stack them; all must share a canvas."""
    canvas = _canvas(samples[0], longest)
    images, boxes = zip(
        *(_vary(sample, longest, canvas, random) for sample in samples), strict=True
    )
    return Batch(
        images=torch.stack(images),
        boxes=boxes,
        fractured=torch.tensor([float(sample.fractured) for sample in samples]),
    )


def _vary(
    sample: Sample, longest: int, canvas: tuple[int, int], random: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """One changed copy; a fracture that would leave the picture brings back the plain one."""
    for strength in (1.0, 0.5, 0.0):
        matrix = _placement(sample, longest, strength, random)
        boxes = _move(sample.boxes, matrix, canvas)
        if len(boxes) == len(sample.boxes):
            break
    image = _warp(sample.grey, matrix, canvas)
    return _relight(image, random), torch.from_numpy(boxes)


def _placement(
    sample: Sample, longest: int, strength: float, random: np.random.Generator
) -> npt.NDArray[np.float64]:
    """A 3 x 3 matrix from source to canvas pixels: flip, turn, zoom, stretch, shift."""
    rows, columns = sample.grey.shape
    fit = longest / max(rows, columns)
    turn = np.deg2rad(random.uniform(-10, 10)) * strength
    zoom = fit * np.exp(random.uniform(-0.2, 0.25) * strength)
    stretch = np.exp(random.uniform(-0.1, 0.1) * strength)
    flip = -1.0 if random.random() < 0.5 else 1.0
    upside = -1.0 if random.random() < 0.1 else 1.0
    shift = random.uniform(-0.08, 0.08, 2) * longest * strength
    centre = np.array([[1, 0, -columns / 2], [0, 1, -rows / 2], [0, 0, 1.0]])
    cosine, sine = np.cos(turn), np.sin(turn)
    linear = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1.0]])
    scale = np.diag([flip * zoom * stretch, upside * zoom / stretch, 1.0])
    back = np.array(
        [[1, 0, columns * fit / 2 + shift[0]], [0, 1, rows * fit / 2 + shift[1]], [0, 0, 1.0]]
    )
    return np.asarray(back @ linear @ scale @ centre)


def _move(
    boxes: npt.NDArray[np.float32], matrix: npt.NDArray[np.float64], canvas: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """The upright boxes around the moved ones, clipped; those mostly outside are dropped."""
    if not len(boxes):
        return boxes
    corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
    moved = corners @ matrix[:2, :2].T + matrix[:2, 2]
    low, high = moved.min(axis=1), moved.max(axis=1)
    limit = np.array([canvas[1], canvas[0]], np.float64)
    inner_low, inner_high = np.clip(low, 0, limit), np.clip(high, 0, limit)
    visible = np.prod(inner_high - inner_low, axis=1) / np.maximum(
        np.prod(high - low, axis=1), 1e-6
    )
    kept = np.concatenate([inner_low, inner_high], axis=1)[visible >= _LEAST_VISIBLE]
    return np.asarray(kept, np.float32)


def _warp(
    grey: npt.NDArray[np.uint8], matrix: npt.NDArray[np.float64], canvas: tuple[int, int]
) -> Tensor:
    """Sample the source at each canvas pixel; black outside. Returns (1, H, W), 0 to 1."""
    rows, columns = grey.shape
    height, width = canvas
    inverse = np.linalg.inv(matrix)
    # grid_sample's coordinates run from -1 to 1 over the source's edges
    to_pixels = np.array([[width / 2, 0, width / 2], [0, height / 2, height / 2], [0, 0, 1]])
    to_unit = np.array([[2 / columns, 0, -1], [0, 2 / rows, -1], [0, 0, 1]])
    theta = torch.from_numpy((to_unit @ inverse @ to_pixels)[:2]).float()
    grid = functional.affine_grid(theta[None], [1, 1, height, width], align_corners=False)
    source = torch.from_numpy(grey).float()[None, None] / 255.0
    sampled = functional.grid_sample(source, grid, align_corners=False, padding_mode="zeros")
    return sampled[0]


def _relight(image: Tensor, random: np.random.Generator) -> Tensor:
    """Vary exposure, sharpness and noise, so that none of them can stand for a fracture."""
    image = image.clamp(min=1e-4) ** float(np.exp(random.uniform(-0.4, 0.4)))
    image = image * float(random.uniform(0.8, 1.2)) + float(random.uniform(-0.08, 0.08))
    if random.random() < 0.3:
        softness = float(random.uniform(0.2, 1.0))
        soft = functional.avg_pool2d(image[None], 3, 1, 1, count_include_pad=False)[0]
        image = image + softness * (soft - image)
    if random.random() < 0.3:
        noise = random.standard_normal(image.shape, dtype=np.float32)
        image = image + float(random.uniform(0.005, 0.03)) * torch.from_numpy(noise)
    return image.clamp(0.0, 1.0) * 2.0 - 1.0
