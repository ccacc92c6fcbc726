"""Head CTs held in memory, and the changed copies of their planes that training sees."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image as Pillow
from PIL import ImageDraw
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from models.haemorrhage_answers import KINDS, STRIDE
from models.haemorrhage_volume import (
    BONE_HU,
    CANVAS,
    Matrix,
    cavity_of,
    find_skull,
    stack_of,
    to_canvas,
    to_network,
)
from models.training.haemorrhage_data import Box, LabelledPatient, as_images
from models.training.haemorrhage_lesions import Scene, draw_blood, draw_calcium

Floats = npt.NDArray[np.float32]

STORED = 256  # pixels, side of the canvases in memory: turned ones need a margin
_IGNORED_AROUND_BOX = 4  # pixels


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """One patient ready for training: planes that hold brain, on canvases of STORED pixels."""

    patient: str
    planes: npt.NDArray[np.int16]  # (plane, row, column), HU
    depths: npt.NDArray[np.uint8]  # (plane, row / 2, column / 2), half pixels from the bone
    blood: npt.NDArray[np.bool_]  # (plane,)
    kinds: npt.NDArray[np.bool_]  # (plane, 5)
    masks: dict[int, npt.NDArray[np.uint8]]  # of planes with boxes: 2 blood, 1 perhaps, 0 none


@dataclass(frozen=True, kw_only=True, slots=True)
class Draw:
    """One plane to learn from."""

    head: int
    plane: int
    synthetic: bool = False  # blood is drawn into it


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """What one step learns from."""

    images: Tensor  # float32 (N, 3, side, side), -1 to 1
    blood: Tensor  # float32 (N,)
    kinds: Tensor  # float32 (N, 5)
    heat: Tensor  # float32 (N, 1, cells, cells), 0 or 1
    heat_known: Tensor  # float32 of the same shape, 1 where the heat is known


def load_heads(patients: Sequence[LabelledPatient]) -> Iterator[Head]:
    """Read and prepare every patient, in order."""
    for patient in patients:
        stack = stack_of(as_images(patient))
        skull = find_skull(stack)
        labels = [patient.slices[members[0]] for members in stack.members]
        kept = [n for n in range(len(labels)) if skull.first <= n <= skull.last or labels[n].blood]
        planes = np.stack([to_canvas(stack.planes[n], skull.to_plane, STORED) for n in kept])
        depths = np.stack([_depth(plane, skull.closing + 1) for plane in planes])
        yield Head(
            patient=patient.patient,
            planes=np.clip(planes, -1000, 3000).round().astype(np.int16),
            depths=depths,
            blood=np.array([labels[n].blood for n in kept]),
            kinds=np.array([labels[n].kinds for n in kept]),
            masks={
                place: _mask(planes[place], depths[place], labels[n].boxes, skull.to_plane)
                for place, n in enumerate(kept)
                if labels[n].boxes
            },
        )


def _depth(plane: Floats, closing: int) -> npt.NDArray[np.uint8]:
    """Distance from the inner table in half-size pixels, 0 outside the cavity."""
    half = plane.reshape(STORED // 2, 2, STORED // 2, 2)
    cavity = ndimage.binary_dilation(cavity_of(plane, 2, closing), iterations=2)
    cavity &= half.mean(axis=(1, 3)) < BONE_HU - 40
    distance = ndimage.distance_transform_edt(cavity)
    clipped: npt.NDArray[np.uint8] = np.clip(np.round(distance), 0, 255).astype(np.uint8)
    return clipped


def _mask(
    plane: Floats, depth: npt.NDArray[np.uint8], boxes: Sequence[Box], to_plane: Matrix
) -> npt.NDArray[np.uint8]:
    """Bright pixels within the boxes are blood; the rest of a box may be."""
    linear = np.linalg.inv(to_plane[:, :2])
    boxed = Pillow.new("L", (STORED, STORED))
    for left, top, width, height in boxes:
        corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) * (width, height) + (left, top)
        on_canvas = (corners - to_plane[:, 2]) @ linear.T + (STORED - CANVAS) / 2
        ImageDraw.Draw(boxed).polygon([tuple(p) for p in on_canvas], fill=1)
    inside = np.asarray(boxed, bool)
    cavity = depth.repeat(2, axis=0).repeat(2, axis=1) > 0
    smooth = ndimage.gaussian_filter(plane, 1.2)
    brain = np.median(plane[cavity]) if cavity.any() else 32.0
    bright = inside & cavity & (smooth > max(44.0, brain + 9)) & (smooth < 105)
    if bright.sum() < 10:
        bright = ndimage.binary_erosion(inside, iterations=4) | (bright & inside)
    perhaps = ndimage.binary_dilation(inside, iterations=_IGNORED_AROUND_BOX)
    return np.where(bright, 2, perhaps.astype(np.uint8)).astype(np.uint8)


def draw_pass(
    heads: Sequence[Head],
    *,
    negatives_per_positive: float,
    synthetic_per_positive: float,
    random: np.random.Generator,
) -> list[Draw]:
    """Draw one pass, shuffled.

    As many planes with blood as there are, those of patients with few of them more often; planes
    without; and planes of patients without blood that get some drawn.
    """
    positive, weights, negative, clear = [], [], [], []
    for number, head in enumerate(heads):
        with_blood = np.flatnonzero(head.blood)
        positive += [Draw(head=number, plane=int(n)) for n in with_blood]
        weights += [1 / np.sqrt(max(1, len(with_blood)))] * len(with_blood)
        negative += [Draw(head=number, plane=int(n)) for n in np.flatnonzero(~head.blood)]
        if not len(with_blood):
            clear += [Draw(head=number, plane=n, synthetic=True) for n in range(len(head.planes))]
    share = np.array(weights) / max(sum(weights), 1e-9)
    chosen = [positive[n] for n in random.choice(len(positive), len(positive), p=share)]
    for pool, ratio in ((negative, negatives_per_positive), (clear, synthetic_per_positive)):
        wanted = min(len(pool), round(ratio * len(positive)))
        chosen += [pool[n] for n in random.choice(len(pool), wanted, replace=False)]
    return [chosen[n] for n in random.permutation(len(chosen))]


def make_batch(
    heads: Sequence[Head], draws: Sequence[Draw], random: np.random.Generator, side: int = CANVAS
) -> Batch:
    """Change each plane a little, and stack them on canvases of ``side`` pixels."""
    parts = [_vary(heads[draw.head], draw, random, side) for draw in draws]
    images, blood, kinds, heat, known = zip(*parts, strict=True)
    return Batch(
        images=torch.stack(images),
        blood=torch.tensor(blood),
        kinds=torch.stack(kinds),
        heat=torch.stack(heat),
        heat_known=torch.stack(known),
    )


_Part = tuple[Tensor, float, Tensor, Tensor, Tensor]


def _vary(head: Head, draw: Draw, random: np.random.Generator, side: int) -> _Part:
    near = np.clip([draw.plane - 1, draw.plane, draw.plane + 1], 0, len(head.planes) - 1)
    planes = head.planes[near].astype(np.float32)
    blood, kinds = bool(head.blood[draw.plane]), head.kinds[draw.plane].astype(np.float32)
    mask = head.masks.get(draw.plane)
    if mask is not None:
        sure, perhaps = (mask == 2).astype(np.float32), (mask == 1).astype(np.float32)
    else:
        sure = np.zeros(planes.shape[1:], np.float32)
        perhaps = np.full_like(sure, float(blood))
    scene = Scene(planes=planes, depths=_full_depths(head, near))
    if random.random() < 0.15:
        planes = draw_calcium(scene, random)
        scene = Scene(planes=planes, depths=scene.depths)
    lesion = draw_blood(scene, random) if draw.synthetic else None
    if lesion is not None:
        planes, sure, blood = lesion.planes, lesion.mask, True
        kinds = np.zeros(len(KINDS), np.float32)
        kinds[lesion.kind] = 1
    warped = _warp(np.concatenate([planes, sure[None], perhaps[None]]), side, random)
    sure_cells, perhaps_cells = (
        functional.avg_pool2d(warped[None, n : n + 1], STRIDE)[0] for n in (3, 4)
    )
    heat = (sure_cells > 0.3).float()
    known = ((perhaps_cells < 0.2) & ((sure_cells < 0.03) | (sure_cells > 0.3))) | (heat > 0)
    return (
        _relight(warped[:3], random),
        float(blood),
        torch.from_numpy(kinds),
        heat,
        known.float(),
    )


def _full_depths(head: Head, near: npt.NDArray[np.int64]) -> Floats:
    """Pixels from the inner table at full size."""
    depths = head.depths[near].astype(np.float32) * 2
    return depths.repeat(2, axis=1).repeat(2, axis=2)


def _warp(channels: Floats, side: int, random: np.random.Generator) -> Tensor:
    """Turn, zoom, shift and mirror; what CANVAS of the STORED pixels show, on ``side`` pixels."""
    turn = np.deg2rad(random.normal(0, 8))
    zoom = np.exp(random.uniform(-0.12, 0.12))
    stretch = np.exp(random.uniform(-0.06, 0.06))
    flip = -1.0 if random.random() < 0.5 else 1.0
    linear = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    linear = linear @ np.diag([flip * stretch / zoom, 1 / stretch / zoom]) * (CANVAS / STORED)
    theta = np.column_stack([linear, random.uniform(-0.06, 0.06, 2)])
    if random.random() < 0.5:
        channels[:3] = channels[[2, 1, 0]]  # the other way up
    grid = functional.affine_grid(
        torch.from_numpy(theta[None]).float(), [1, 1, side, side], align_corners=False
    )
    lifted = torch.from_numpy(channels)
    lifted[:3] += 1000  # so that what lies beyond the canvas is air
    sampled = functional.grid_sample(lifted[None], grid, align_corners=False)[0]
    sampled[:3] -= 1000
    return sampled


def _relight(planes: Tensor, random: np.random.Generator) -> Tensor:
    """Vary calibration, thickness, sharpness and noise of the scanner."""
    if random.random() < 0.25:
        thick = float(random.uniform(0.1, 0.35))
        beside = (planes[0] + planes[2]) / 2
        planes = torch.stack([planes[0], planes[1] + thick * (beside - planes[1]), planes[2]])
    soft = functional.avg_pool2d(planes[None], 3, 1, 1, count_include_pad=False)[0]
    sharpness = float(random.choice([0.0, 0.0, random.uniform(-0.5, 1.0)]))
    planes = planes + sharpness * (soft - planes)
    tissue = (planes > -50) & (planes < 150)
    gain, shift = float(random.uniform(0.92, 1.08)), float(random.uniform(-4, 4))
    planes = torch.where(tissue, (planes - 35) * gain + 35 + shift, planes)
    if random.random() < 0.5:
        noise = torch.from_numpy(random.standard_normal(planes.shape, dtype=np.float32))
        grain = (
            functional.avg_pool2d(noise[None], 3, 1, 1)[0] * 2 if random.random() < 0.6 else noise
        )
        planes = planes + float(random.uniform(0.5, 6)) * grain
    return torch.from_numpy(to_network(planes.numpy()))
