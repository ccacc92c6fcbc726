"""Changed copies of cuts that training sees: turned, mirrored, moved, scaled, relit, mixed.

Only what a scanner or a patient could do: lungs have no up and down in an axial cut, a candidate's
place is good to a pixel or two, and greys move with the kernel, the noise and the slice.
"""

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from models.nodule_cuts import SIDE

_LARGEST_SCALE, _LARGEST_STRETCH = 0.18, 0.08  # natural logarithms
_LARGEST_SHIFT_PIXELS = 1.5
_CONTRAST, _BRIGHTNESS = 0.12, 0.06
_NOISE, _NOISY_SHARE = 0.06, 0.3
_MIXING = 0.2  # both parameters of the beta distribution (Zhang et al. 2018, mixup)


def batches(
    nodule: npt.NDArray[np.bool_],
    *,
    size: int,
    negatives_per_positive: float,
    random: np.random.Generator,
) -> Iterator[npt.NDArray[np.intp]]:
    """Draw one pass: every nodule, and so many of the others; a last part batch is left out."""
    positive, negative = np.flatnonzero(nodule), np.flatnonzero(~nodule)
    wanted = min(len(negative), max(1, round(len(positive) * negatives_per_positive)))
    chosen = np.concatenate([positive, random.choice(negative, wanted, replace=False)])
    chosen = random.permutation(chosen)
    size = min(size, len(chosen))
    for start in range(0, len(chosen) - size + 1, size):
        yield chosen[start : start + size]


def vary(cuts: npt.NDArray[np.uint8], random: np.random.Generator) -> Tensor:
    """Change each cut; float32 (n, 1, 48, 48), around 0 to 1."""
    count = len(cuts)
    source = torch.from_numpy(cuts.astype(np.float32) / np.float32(255))[:, None]
    theta = torch.from_numpy(_placements(count, cuts.shape[1], random)).float()
    grid = functional.affine_grid(theta, [count, 1, SIDE, SIDE], align_corners=False)
    varied = functional.grid_sample(
        source, grid, padding_mode="reflection", align_corners=False
    ).numpy()
    contrast = np.exp(random.uniform(-_CONTRAST, _CONTRAST, (count, 1, 1, 1)))
    brightness = random.uniform(-_BRIGHTNESS, _BRIGHTNESS, (count, 1, 1, 1))
    amount = random.uniform(0, _NOISE, (count, 1, 1, 1))
    amount *= random.random((count, 1, 1, 1)) < _NOISY_SHARE
    noise = random.standard_normal(varied.shape, dtype=np.float32)
    return torch.from_numpy((varied * contrast + brightness + amount * noise).astype(np.float32))


def _placements(count: int, side: int, random: np.random.Generator) -> npt.NDArray[np.float64]:
    """Matrices from the new cut to the old one, (n, 2, 3), in units of half a side."""
    turn = random.uniform(-math.pi, math.pi, count)
    scale = np.exp(random.uniform(-_LARGEST_SCALE, _LARGEST_SCALE, count)) * SIDE / side
    stretch = np.exp(random.uniform(-_LARGEST_STRETCH, _LARGEST_STRETCH, count))
    mirror = np.where(random.random(count) < 0.5, 1.0, -1.0)
    shift = random.uniform(-1, 1, (count, 2)) * _LARGEST_SHIFT_PIXELS / (side / 2)
    cosine, sine = np.cos(turn) * scale, np.sin(turn) * scale
    matrices = np.empty((count, 2, 3))
    matrices[:, 0, 0], matrices[:, 0, 1] = cosine * stretch * mirror, -sine / stretch
    matrices[:, 1, 0], matrices[:, 1, 1] = sine * stretch * mirror, cosine / stretch
    matrices[:, :, 2] = shift
    return matrices


def mix(cuts: Tensor, targets: Tensor, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Blend each cut and its target with those of another cut of the batch (mixup)."""
    share = torch.from_numpy(random.beta(_MIXING, _MIXING, len(cuts))).float()
    other = torch.from_numpy(random.permutation(len(cuts)))
    wide = share[:, None, None, None]
    mixed = cuts * wide + cuts[other] * (1 - wide)
    return mixed, targets * share + targets[other] * (1 - share)
