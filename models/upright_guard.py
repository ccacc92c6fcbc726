"""Whether a head lies upright in its planes, whatever the header says of it.

Front and back of a skull differ in many small ways and in none that a rule can rely on (rules on
where bone lies told four heads of 58 wrongly): a small network looks at the bone alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as Pillow

from models.guard_weights import settings_of
from models.haemorrhage_volume import CANVAS, Matrix, Skull, Stack
from models.runtime import Blueprint, Device, Floats, Network, load_network

if TYPE_CHECKING:
    from torch import nn

HeadGuard = Callable[[Stack, Skull], str | None]
"""Why a head cannot be looked at, a sentence; None if it can."""

SIDE = 64  # rows and columns of the network's canvas, pixels
PLANES = 16  # of a head that are looked at, at most
WEIGHTS_FILE = "upright_guard.safetensors"
WEIGHTS = Path(__file__).with_name("weights") / WEIGHTS_FILE
UPSIDE_DOWN = "The head seems to be upside down in the images, though the header does not say so."
ON_ITS_SIDE = "The head seems to lie on its side in the images, though the header does not say so."
_PIXELS = 1.3 * CANVAS / SIDE  # of the haemorrhage network's canvas, to one of this one
_NO_BONE_HU, _BONE_HU = 100.0, 600.0  # 0 and 1 of what the network sees


@dataclass(frozen=True, kw_only=True, slots=True)
class UprightGuard:
    """Refuses heads that are turned by a quarter or a half, or mirrored top to bottom."""

    network: Network
    least_margin: float  # log odds by which upright may be less likely than another way to lie

    def __call__(self, stack: Stack, skull: Skull) -> str | None:
        """Why the head cannot be looked at, a sentence; None if it can."""
        return self.why(bone_of(stack, skull))

    def why(self, planes: Floats) -> str | None:
        """The same of its planes, as `bone_of` makes them."""
        upright, upside_down, *sides = self.logits(planes)
        if upright - max(upside_down, *sides) >= self.least_margin:
            return None
        return UPSIDE_DOWN if upside_down >= max(sides) else ON_ITS_SIDE

    def logits(self, planes: Floats) -> tuple[float, float, float, float]:
        """Log odds, the mean over planes, that the head is upright as it is, that it is once its
        rows run the other way, and once it is turned a quarter to one and to the other side.
        """
        ways = [planes, planes[:, ::-1], np.rot90(planes, 1, (1, 2)), np.rot90(planes, 3, (1, 2))]
        said = self.network(np.concatenate(ways)[:, None])["logit"]
        as_is, mirrored, left, right = said.reshape(len(ways), -1).mean(axis=1, dtype=np.float64)
        return float(as_is), float(mirrored), float(left), float(right)


def bone_of(stack: Stack, skull: Skull, *, side: int = SIDE, most: int = PLANES) -> Floats:
    """Bone on planes from neck to crown, (plane, side, side), 0 none to 1 dense, cavity in the
    middle.

    Bone alone: tables, cushions, air and blood do not count.

    Parameters
    ----------
    side
        Pixels; a larger canvas shows more around the same middle at the same scale.
    """
    linear = skull.to_plane[:, :2] * _PIXELS
    middle = skull.to_plane @ np.array([CANVAS / 2, CANVAS / 2, 1.0])
    matrix = np.column_stack([linear, middle - linear @ np.full(2, side / 2)]) / skull.step
    count = min(most, skull.last - skull.first + 1)
    chosen = np.linspace(skull.first, skull.last, count).round().astype(int)
    return np.stack([_bone(stack.planes[n], skull.step, matrix, side) for n in chosen])


def _bone(plane: Floats, step: int, matrix: Matrix, side: int) -> Floats:
    coarse = np.asarray(Pillow.fromarray(np.ascontiguousarray(plane)).reduce(step))
    bone = (coarse - np.float32(_NO_BONE_HU)) / np.float32(_BONE_HU - _NO_BONE_HU)
    sampled = Pillow.fromarray(np.clip(bone, 0, 1)).transform(
        (side, side),
        Pillow.Transform.AFFINE,
        tuple(matrix.ravel()),
        resample=Pillow.Resampling.BILINEAR,
    )
    return np.asarray(sampled, np.float32)


def load_upright_guard(
    *,
    threads: int = 0,
    cache: Path | None = None,
    device: Device = "auto",
    weights: Path = WEIGHTS,
) -> UprightGuard:
    """Load the guard that is installed, or another with its toml beside it.

    Parameters
    ----------
    threads
        Processor threads; 0 takes all.
    cache
        Folder for compiled networks; None compiles anew.

    Raises
    ------
    models.card.CardError
        If the weights are not the ones that the toml names.
    """
    settings = settings_of(weights)
    blueprint = Blueprint(
        build=_build,
        sources=(Path(__file__).with_name("upright_guard_network.py"),),
        weights=weights,
        weights_sha256=settings["weights_sha256"],
        outputs=("logit",),
        channels=1,
        side_multiple=SIDE,
        batch=None,
    )
    network = load_network(blueprint, device=device, threads=threads, cache=cache)
    return UprightGuard(network=network, least_margin=float(settings["least_margin"]))


def _build() -> "nn.Module":
    from models.upright_guard_network import UprightGuardNetwork

    return UprightGuardNetwork()
