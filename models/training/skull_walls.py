"""Unrolled skulls held in memory, and the changed copies of their strips that training sees."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from models.haemorrhage_answers import KINDS, STRIDE
from models.haemorrhage_volume import find_skull, stack_of
from models.skull_unrolled import COLUMNS, ROWS, WRAP, to_network, unroll
from models.training.haemorrhage_data import LabelledPatient, as_images
from models.training.skull_drawings import draw_fracture, draw_surface_blood, draw_swelling

Floats = npt.NDArray[np.float32]

MARGIN = 8  # rows more at either side, that strips can be shifted
_SURFACE = np.isin(KINDS, ("subarachnoid", "epidural", "subdural"))  # what a strip can show
_NEGATIVES_PER_POSITIVE = 1.25
_DRAWN_PER_POSITIVE = 0.8
_LEAST_FRACTURE, _LEAST_BLOOD = 0.06, 0.25  # shares of a cell that its mask covers
_AIR = 1000.0  # below 0 HU


@dataclass(frozen=True, kw_only=True, slots=True)
class Walls:
    """One patient ready for training: the strips of the planes that hold brain."""

    patient: str
    strips: npt.NDArray[np.int16]  # (strip, 3, ROWS + 2 MARGIN, COLUMNS), HU
    blood: npt.NDArray[np.bool_]  # (strip,), whether the plane shows blood
    surface: npt.NDArray[np.bool_]  # (strip,), whether of a kind that lies at the surface
    fracture: npt.NDArray[np.bool_]  # (strip,)
    clear: bool  # no plane of the patient shows blood


@dataclass(frozen=True, kw_only=True, slots=True)
class Draw:
    """One strip to learn from."""

    patient: int
    strip: int
    drawn: bool = False  # fractures, blood or both are drawn into it


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """What one step learns from; signs are those of ``models.skull_network.SIGNS``."""

    strips: Tensor  # float32 (N, 3, ROWS, COLUMNS), -1 to 1
    signs: Tensor  # float32 (N, 2), 0 or 1
    known: Tensor  # float32 (N, 2), 0 where a strip cannot show what the plane's label says
    heat: Tensor  # float32 (N, 2, rows, columns of cells), 0 or 1
    heat_known: Tensor  # float32 (N, 2), 0 where it is not known which cells show it


def load_walls(patients: Sequence[LabelledPatient]) -> Iterator[Walls]:
    """Read and unroll every patient, in order."""
    for patient in patients:
        stack = stack_of(as_images(patient))
        unrolled = list(unroll(stack, find_skull(stack), MARGIN))
        labels = [patient.slices[stack.members[one.slab][0]] for one in unrolled]
        kinds = np.array([one.kinds for one in labels], bool).reshape(-1, len(KINDS))
        shape = (0, 3, ROWS + 2 * MARGIN, COLUMNS)
        yield Walls(
            patient=patient.patient,
            strips=np.array([np.round(one.hu) for one in unrolled], np.int16).reshape(
                -1, *shape[1:]
            ),
            blood=np.array([one.blood for one in labels], bool),
            surface=np.array(kinds[:, _SURFACE].any(axis=1)),
            fracture=np.array([one.fracture for one in labels], bool),
            clear=not patient.blood,
        )


def draw_pass(walls: Sequence[Walls], random: np.random.Generator) -> list[Draw]:
    """Draw one pass, shuffled.

    As many strips with a sign as there are, those of patients with few of them more often; strips
    without; and strips of patients without blood that get some drawn.
    """
    positive, weights, negative, clear = [], [], [], []
    for number, one in enumerate(walls):
        blood = one.blood & one.surface & ~one.fracture
        for sign in (one.fracture, blood):
            positive += [Draw(patient=number, strip=int(n)) for n in np.flatnonzero(sign)]
            weights += [1 / np.sqrt(max(1, sign.sum()))] * int(sign.sum())
        without = np.flatnonzero(~one.fracture & ~(one.blood & one.surface))
        negative += [Draw(patient=number, strip=int(n)) for n in without]
        if one.clear:
            clear += [Draw(patient=number, strip=n, drawn=True) for n in range(len(one.strips))]
    count = len(positive) or len(clear)
    chosen = []
    if positive:
        share = np.array(weights) / sum(weights)
        chosen = [positive[n] for n in random.choice(len(positive), count, p=share)]
    for pool, ratio in ((negative, _NEGATIVES_PER_POSITIVE), (clear, _DRAWN_PER_POSITIVE)):
        wanted = min(len(pool), int(ratio * count))
        chosen += [pool[n] for n in random.choice(len(pool), wanted, replace=False)]
    return [chosen[n] for n in random.permutation(len(chosen))]


def make_batch(walls: Sequence[Walls], draws: Sequence[Draw], random: np.random.Generator) -> Batch:
    """Change each strip a little."""
    parts = [_vary(walls[draw.patient], draw, random) for draw in draws]
    strips, signs, known, heat, heat_known = zip(*parts, strict=True)
    return Batch(
        strips=torch.stack(strips),
        signs=torch.tensor(signs),
        known=torch.tensor(known),
        heat=torch.stack(heat),
        heat_known=torch.tensor(heat_known),
    )


_Pair = tuple[float, float]
_Part = tuple[Tensor, _Pair, _Pair, Tensor, _Pair]


def _vary(walls: Walls, draw: Draw, random: np.random.Generator) -> _Part:
    strip = walls.strips[draw.strip].astype(np.float32)
    blood, fracture = bool(walls.blood[draw.strip]), bool(walls.fracture[draw.strip])
    deep = blood and not walls.surface[draw.strip]
    known = (float(not deep), 1.0)
    heat_known = (float(not blood), float(not fracture))
    masks = np.zeros((2, *strip.shape[1:]), np.float32)
    if draw.drawn:
        what = random.random()
        if what < 0.55:
            masks[1], fracture = draw_fracture(strip, MARGIN, random), True
        if what > 0.3:
            masks[0], blood = draw_surface_blood(strip, MARGIN, random), True
        if what > 0.9:
            _swell(strip, random)
    elif random.random() < 0.1:
        _swell(strip, random)
    varied, moved = _warp(strip, masks, random)
    heat = torch.stack(
        [
            (functional.avg_pool2d(mask[None, None], STRIDE)[0, 0] > least).float()
            for mask, least in zip(moved, (_LEAST_BLOOD, _LEAST_FRACTURE), strict=True)
        ]
    )
    seen = torch.from_numpy(to_network(_relight(varied, random).numpy()))
    return seen, (float(blood), float(fracture)), known, heat, heat_known


def _swell(strip: Floats, random: np.random.Generator) -> None:
    draw_swelling(strip, MARGIN, int(random.integers(60, strip.shape[2] - 60)), random)


def _warp(strip: Floats, masks: Floats, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Mirror, turn, stretch and bend; cut the margin off."""
    if random.random() < 0.5:
        strip, masks = strip[:, :, ::-1], masks[:, :, ::-1]
    if random.random() < 0.5:
        strip = strip[::-1]  # the other way up
    if random.random() < 0.4:
        thick = np.float32(random.uniform(0.1, 0.35))
        beside = (strip[0] + strip[2]) / 2
        strip = np.stack([strip[0], strip[1] + thick * (beside - strip[1]), strip[2]])
    columns, rows = torch.linspace(-1, 1, COLUMNS), torch.linspace(-1, 1, ROWS)
    turn = random.uniform(-0.1, 0.1)
    wide, high = np.exp(random.uniform(-0.12, 0.12)), np.exp(random.uniform(-0.15, 0.15))
    bend = random.uniform(0, 0.12) * torch.sin(
        columns * random.uniform(1, 9) + random.uniform(0, 6)
    )
    down = (rows[:, None] * high + (bend + random.uniform(-0.06, 0.06))[None]) * (
        ROWS / strip.shape[1]
    )
    around = (COLUMNS - 2 * WRAP) / COLUMNS  # half of it to either side of the middle
    across = (columns * wide + turn + around) % (2 * around) - around  # the back follows the back
    grid = torch.stack([across[None].expand(ROWS, COLUMNS), down], dim=-1)[None].float()
    moved = [
        functional.grid_sample(
            torch.from_numpy(np.ascontiguousarray(part))[None],
            grid,
            align_corners=False,
            padding_mode=beyond,
        )[0]
        for part, beyond in ((strip + np.float32(_AIR), "border"), (masks, "zeros"))
    ]
    return moved[0] - _AIR, moved[1]


def _relight(strip: Tensor, random: np.random.Generator) -> Tensor:
    """Vary calibration, noise and sharpness of the scanner."""
    tissue, bone = (strip > -50) & (strip < 150), strip > 150
    gain, shift = random.uniform(0.92, 1.08), random.uniform(-4, 4)
    strip = torch.where(tissue, (strip - 35) * gain + 35 + shift, strip)
    strip = torch.where(strip > 150, 150 + (strip - 150) * random.uniform(0.8, 1.2), strip)
    if random.random() < 0.5:
        noise = torch.from_numpy(random.standard_normal(strip.shape, dtype=np.float32))
        if random.random() < 0.6:
            noise = functional.avg_pool2d(noise[None], 3, 1, 1)[0] * 2
        strip = strip + random.uniform(0.5, 6) * noise * torch.where(bone, 4.0, 1.0)
    if random.random() < 0.3:
        soft = functional.avg_pool2d(strip[None], 3, 1, 1, count_include_pad=False)[0]
        strip = strip + random.uniform(-0.4, 0.8) * (soft - strip)
    return strip
