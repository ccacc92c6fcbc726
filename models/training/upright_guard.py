"""Train the upright guard: ``python -m models.training.upright_guard --data D --out DIR``.

Learns from the heads of ``hemorrhage``, whose planes are all upright, against the same planes
turned. Every fold of a cross-validation by patient says how heads fare that were not learnt from;
they set the limit.
"""

import argparse
import hashlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from models.haemorrhage_volume import find_skull, stack_of
from models.runtime import Floats
from models.training.haemorrhage import folds_of
from models.training.haemorrhage_data import as_images, read_patients
from models.upright_guard import PLANES, SIDE, WEIGHTS_FILE, UprightGuard, bone_of
from models.upright_guard_network import UprightGuardNetwork

Random = np.random.Generator

STORED = 96  # pixels of the canvases in memory, so that a turn or shift brings in no edge
_FOLDS = 5
_BATCH = 64
_RATE = 3e-3
_UPRIGHT, _UPSIDE_DOWN = 0.5, 0.3  # shares of what is drawn; the rest lies on its side
_TILT = 0.1  # usual slope of a tilt
_MARGIN = 0.3  # log odds; the limit lies so far below the upright head that sets it
_HIGHEST_LIMIT = -1.0
_SOURCE = (
    "CT-ICH 1.0.0 (Hssayeni et al. 2020), CC BY 4.0: planes of {count} heads, all upright, and the "
    "same planes turned by the program"
)
WAYS: dict[str, Callable[[Floats], Floats]] = {
    "upright": lambda planes: planes,
    "mirrored top to bottom": lambda planes: planes[:, ::-1],
    "turned by 180 degrees": lambda planes: planes[:, ::-1, ::-1],
    "turned to one side": lambda planes: np.rot90(planes, 1, (1, 2)),
    "turned to the other side": lambda planes: np.rot90(planes, 3, (1, 2)),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Margins:
    """By how many log odds each head was more likely upright than not, in each of ``WAYS``."""

    patients: tuple[str, ...]
    of_way: dict[str, tuple[float, ...]]  # in the order of patients


def read_heads(data: Path) -> dict[str, Floats]:
    """Bone of each patient's planes, (plane, 96, 96), 0 to 1."""
    heads = {}
    for patient in read_patients(data / "hemorrhage"):
        stack = stack_of(as_images(patient))
        skull = find_skull(stack)
        heads[patient.patient] = bone_of(stack, skull, side=STORED, most=len(stack.planes))
    return heads


def cross_validate(
    heads: Mapping[str, Floats], folds: Mapping[str, int], *, steps: int, seed: int
) -> Margins:
    """What networks say of heads that they did not learn from."""
    of_way: dict[str, dict[str, float]] = {way: {} for way in WAYS}
    for fold in sorted(set(folds.values())):
        learnt = [head for patient, head in heads.items() if folds[patient] != fold]
        network = learn(learnt, steps=steps, seed=seed + fold)
        for patient, head in heads.items():
            if folds[patient] == fold:
                for way, turn in WAYS.items():
                    of_way[way][patient] = margin(network, turn(in_the_middle(head)))
    return Margins(
        patients=tuple(heads),
        of_way={way: tuple(said[p] for p in heads) for way, said in of_way.items()},
    )


def in_the_middle(head: Floats) -> Floats:
    """The planes and the part of each that the guard looks at, (plane, 64, 64)."""
    chosen = np.linspace(0, len(head) - 1, min(PLANES, len(head))).round().astype(int)
    beyond = (STORED - SIDE) // 2
    return head[chosen, beyond:-beyond, beyond:-beyond]


def margin(network: UprightGuardNetwork, planes: Floats) -> float:
    """How many log odds upright lies before the most likely other way."""

    def run(batch: Floats) -> dict[str, Floats]:
        with torch.inference_mode():
            (said,) = network(torch.from_numpy(batch))
        return {"logit": said.numpy()}

    upright, *others = UprightGuard(network=run, least_margin=0.0).logits(planes)
    return upright - max(others)


def learn(heads: Sequence[Floats], *, steps: int, seed: int) -> UprightGuardNetwork:
    """Train a network on these heads."""
    torch.set_num_threads(1)  # more wait for each other longer than so small a network takes
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    network = UprightGuardNetwork().train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=steps)
    started, total = time.monotonic(), 0.0
    for step in range(1, steps + 1):
        images, wanted = _batch(heads, random)
        (logits,) = network(images)
        loss = functional.binary_cross_entropy_with_logits(logits, wanted)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        total += float(loss.detach())
        if step % 100 == 0:
            spent = time.monotonic() - started
            print(f"step {step} loss {total / 100:.4f} {spent:.0f} s", flush=True)  # noqa: T201
            total = 0.0
    return network.eval()


def _batch(heads: Sequence[Floats], random: Random) -> tuple[Tensor, Tensor]:
    """Varied planes (64, 1, 64, 64), 0 to 1, and 1.0 where they are upright."""
    several = [heads[int(n)] for n in random.integers(len(heads), size=_BATCH)]
    chosen = torch.from_numpy(np.stack([tilted(head, random) for head in several]))[:, None]
    grid = functional.affine_grid(_moves(random), [_BATCH, 1, SIDE, SIDE], align_corners=False)
    images = _relit(functional.grid_sample(chosen, grid, align_corners=False), random)
    upright = round(_UPRIGHT * _BATCH)
    down = upright + round(_UPSIDE_DOWN * _BATCH)
    images[upright:down] = images[upright:down].flip(2)
    left = (down + _BATCH) // 2
    images[down:left] = images[down:left].rot90(1, (2, 3))
    images[left:] = images[left:].rot90(3, (2, 3))
    return images, torch.arange(_BATCH).lt(upright).float()


def tilted(head: Floats, random: Random) -> Floats:
    """A plane of a head, (96, 96), as if the chin had been raised or lowered when it was cut.

    A plane is about as far from the next as a pixel of it is long.
    """
    slope = np.clip(random.normal(0, _TILT), -3 * _TILT, 3 * _TILT)
    heights = random.uniform(0, len(head) - 1) + slope * (np.arange(STORED) - STORED / 2)
    heights = np.clip(heights, 0, len(head) - 1)
    below = np.minimum(heights.astype(int), len(head) - 2)
    share = (heights - below).astype(np.float32)[:, None]
    rows = np.arange(STORED)
    plane: Floats = head[below, rows] * (1 - share) + head[below + 1, rows] * share
    return plane


def _moves(random: Random) -> Tensor:
    """Turns by up to 15 degrees, zooms, stretches and shifts, (64, 2, 3)."""
    turn = np.deg2rad(random.uniform(-15, 15, _BATCH))
    zoom = np.exp(random.uniform(-0.15, 0.2, _BATCH)) * SIDE / STORED
    stretch = np.exp(random.uniform(-0.1, 0.1, _BATCH))
    mirror = random.choice([-1, 1], _BATCH)
    shift = random.uniform(-0.1, 0.1, (2, _BATCH))
    rows = [
        np.stack([mirror * zoom * np.cos(turn), -zoom * np.sin(turn) * stretch, shift[0]], axis=1),
        np.stack([mirror * zoom * np.sin(turn), zoom * np.cos(turn) * stretch, shift[1]], axis=1),
    ]
    return torch.from_numpy(np.stack(rows, axis=1).astype(np.float32))


def _relit(images: Tensor, random: Random) -> Tensor:
    """Denser and thinner bone, a gap in it, noise, blur."""

    def each(low: float, high: float) -> Tensor:
        return torch.from_numpy(random.uniform(low, high, (_BATCH, 1, 1, 1)).astype(np.float32))

    images = ((images - each(0, 0.25)) * torch.exp(each(-0.7, 0.9))).clamp(0, 1)
    rows, columns = torch.arange(SIDE)[:, None], torch.arange(SIDE)[None]
    away = torch.hypot(rows - each(0, SIDE), columns - each(0, SIDE))
    images = images * (away > each(-12, 12))
    blurred = functional.avg_pool2d(images, 3, 1, 1)
    images = torch.where(each(0, 1) < 0.3, blurred, images)
    noise = torch.from_numpy(random.standard_normal(images.shape).astype(np.float32))
    return (images + noise * each(0, 0.08)).clamp(0, 1)


def limit_of(margins: Margins) -> float:
    """The least margin of a head that passes: below every upright one of these."""
    return min(_HIGHEST_LIMIT, min(margins.of_way["upright"]) - _MARGIN)


def counts(margins: Margins, limit: float) -> dict[str, int]:
    """How many heads are refused in each way to lie."""
    return {way: sum(one < limit for one in said) for way, said in margins.of_way.items()}


def _write(
    network: UprightGuardNetwork, limit: float, margins: Margins, learnt: Sequence[str], out: Path
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    weights = out / WEIGHTS_FILE
    save_file({name: value.float() for name, value in network.state_dict().items()}, weights)
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    refused = counts(margins, limit)
    lines = [
        f'weights_sha256 = "{digest}"',
        f"least_margin = {math.floor(limit * 100) / 100:.2f}",
        'training_data = ["' + _SOURCE.format(count=len(learnt)) + '"]',
        "",
        "# cross-validation by patient, five folds: heads refused of so many, in each way to lie",
        "[refused]",
        f"heads = {len(margins.patients)}",
        *(f'"{way}" = {number}' for way, number in refused.items()),
    ]
    weights.with_suffix(".toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Train as the command line says."""
    parser = argparse.ArgumentParser(description="Train the upright guard.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--without", nargs="*", default=[], help="patients kept apart")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    folds = folds_of(read_patients(chosen.data / "hemorrhage"), _FOLDS)
    heads = read_heads(chosen.data)
    margins = cross_validate(heads, folds, steps=chosen.steps, seed=chosen.seed)
    limit = limit_of(margins)
    learnt = {p: head for p, head in heads.items() if p not in chosen.without}
    network = learn(list(learnt.values()), steps=chosen.steps, seed=chosen.seed)
    _write(network, limit, margins, list(learnt), chosen.out)
    lowest = np.sort(margins.of_way["upright"])[:6].round(2)
    print(f"limit {limit:.2f}; lowest upright {lowest}; refused {counts(margins, limit)}")  # noqa: T201


if __name__ == "__main__":
    main()
