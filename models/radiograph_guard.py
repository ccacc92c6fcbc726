"""Whether pixels are a radiograph of a limb, hip or shoulder, whatever the header says.

A network of its own says so: to the fracture network's features, an inverted radiograph looks
like any other.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from models.guard_weights import settings_of
from models.letterbox import to_canvas
from models.runtime import Blueprint, Device, Floats, Network, load_network

if TYPE_CHECKING:
    from torch import nn

ImageGuard = Callable[[Floats], str | None]
"""Takes pixels (row, column) of any range; why they cannot be looked at, None if they can."""

SIDE = 96  # rows and columns of the network's canvas, pixels
WEIGHTS_FILE = "radiograph_guard.safetensors"
WEIGHTS = Path(__file__).with_name("weights") / WEIGHTS_FILE
INVERTED = "The grey scale looks inverted: bone is dark."
NO_RADIOGRAPH = "The image does not look like a radiograph of a limb, hip or shoulder."


@dataclass(frozen=True, kw_only=True, slots=True)
class RadiographGuard:
    """Refuses what does not look like the radiographs that the fracture detector learnt."""

    network: Network
    least_logit: float  # log odds at or above which an image passes

    def __call__(self, pixels: Floats) -> str | None:
        """Why the image cannot be looked at, a sentence; None if it can.

        Parameters
        ----------
        pixels
            (row, column), any range, bone bright.
        """
        canvas, letterbox = to_canvas(pixels, SIDE, SIDE)
        if self._passes(canvas):
            return None
        rows, columns = letterbox.content_shape
        canvas[:rows, :columns] *= -1
        return INVERTED if self._passes(canvas) else NO_RADIOGRAPH

    def logit(self, canvas: Floats) -> float:
        """Log odds that a canvas (96, 96), -1 to 1, is a radiograph; not calibrated."""
        return float(self.network(canvas[None, None])["logit"][0])

    def _passes(self, canvas: Floats) -> bool:
        return self.logit(np.ascontiguousarray(canvas)) >= self.least_logit


def load_radiograph_guard(
    *,
    threads: int = 0,
    cache: Path | None = None,
    device: Device = "auto",
    weights: Path = WEIGHTS,
) -> RadiographGuard:
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
        sources=(Path(__file__).with_name("radiograph_guard_network.py"),),
        weights=weights,
        weights_sha256=settings["weights_sha256"],
        outputs=("logit",),
        channels=1,
        side_multiple=SIDE,
    )
    network = load_network(blueprint, device=device, threads=threads, cache=cache)
    return RadiographGuard(network=network, least_logit=float(settings["least_logit"]))


def _build() -> "nn.Module":
    from models.radiograph_guard_network import RadiographGuardNetwork

    return RadiographGuardNetwork()
