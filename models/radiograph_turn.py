"""Whether a radiograph lies on its side, and how it is turned back.

The fracture network learnt radiographs as they are hung, and reads one on its side badly; heads up
or down hardly counts for it. Turned back is only what plainly lies on its side: feet, for one, are
hung many ways.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from models.guard_weights import settings_of
from models.letterbox import to_canvas
from models.runtime import Blueprint, Device, Floats, Network, load_network

if TYPE_CHECKING:
    from torch import nn

Doubles = npt.NDArray[np.float64]
TurnBack = Callable[[Floats], int]
"""Takes pixels (row, column); by how many quarters, counterclockwise as ``numpy.rot90`` turns, they
are to be turned before they are looked at: 0, 1 or 3."""

SIDE = 128  # rows and columns of the network's canvas, pixels
WEIGHTS_FILE = "radiograph_turn.safetensors"
WEIGHTS = Path(__file__).with_name("weights") / WEIGHTS_FILE
_SAMPLED = 4 * SIDE  # the longer side of what is made smaller with care, pixels at least


@dataclass(frozen=True, kw_only=True, slots=True)
class RadiographTurn:
    """Turns back what would rather lie as it should if it were turned a quarter."""

    network: Network
    least_margin: float  # log odds beyond which an image lies on its side

    def __call__(self, pixels: Floats | npt.NDArray[np.uint8]) -> int:
        """By how many quarters to turn an image (row, column), bone bright: 0, 1 or 3."""
        said = self.said(pixels)
        if margin(said) <= self.least_margin:
            return 0
        return 1 if said[1] >= said[3] else 3

    def said(self, pixels: Floats | npt.NDArray[np.uint8]) -> Doubles:
        """Log odds (4,) that the image lies as it should: as it is, turned once, twice, thrice.

        Quarters, counterclockwise. Not calibrated; they count beside each other.
        """
        canvases = canvases_of(pixels)
        return self.network(canvases[:, None])["logit"].astype(np.float64)


def margin(said: Doubles) -> float:
    """Log odds by which an image lies on its side rather than not, whichever end is up."""
    return float(np.logaddexp(said[1], said[3]) - np.logaddexp(said[0], said[2]))


def canvases_of(pixels: Floats | npt.NDArray[np.uint8]) -> Floats:
    """An image (row, column) in each of the four ways to turn it, (4, 128, 128), -1 to 1.

    A canvas' padding lies right or below however the image is turned.
    """
    step = max(1, max(pixels.shape) // _SAMPLED)
    canvas, letterbox = to_canvas(pixels[::step, ::step], SIDE, SIDE)
    rows, columns = letterbox.content_shape
    canvases = np.full((4, SIDE, SIDE), -1.0, np.float32)
    for quarters in range(4):
        content = np.rot90(canvas[:rows, :columns], quarters)
        canvases[quarters, : content.shape[0], : content.shape[1]] = content
    return canvases


def load_radiograph_turn(
    *,
    threads: int = 0,
    cache: Path | None = None,
    device: Device = "auto",
    weights: Path = WEIGHTS,
) -> RadiographTurn:
    """Load what is installed, or another with its toml beside it.

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
        sources=tuple(
            map(Path(__file__).with_name, ("radiograph_turn_network.py", "mobilenet.py"))
        ),
        weights=weights,
        weights_sha256=settings["weights_sha256"],
        outputs=("logit",),
        channels=1,
        side_multiple=SIDE,
        batch=None,
    )
    network = load_network(blueprint, device=device, threads=threads, cache=cache)
    return RadiographTurn(network=network, least_margin=float(settings["least_margin"]))


def _build() -> "nn.Module":
    from models.radiograph_turn_network import RadiographTurnNetwork

    return RadiographTurnNetwork()
