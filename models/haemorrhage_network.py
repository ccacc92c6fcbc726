"""The network that looks for blood in head CT: MobileNetV2, both halves compared, places, kinds.

Its three input channels are a plane and its two neighbours. An ensemble holds several such
networks and is run as one.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from models import mobilenet
from models.both_halves import BothHalves, mean_of
from models.haemorrhage_answers import KINDS

_HOTTEST = 4  # cells


class Predictions(NamedTuple):
    """What the network says of a batch of planes."""

    slice_logit: Tensor  # (N,), uncalibrated log odds that the plane shows blood
    kind_logits: Tensor  # (N, 5), the same for each of KINDS
    heat_logit: Tensor  # (N, 1, H / 8, W / 8), log odds that the cell shows blood


class HaemorrhageNetwork(BothHalves):
    """A plane and its neighbours in; whether, which kind and where blood is out.

    Parameters
    ----------
    width
        Channels of the feature pyramid.
    """

    def __init__(self, width: int = 96) -> None:
        super().__init__(width)
        self.heat = nn.Conv2d(width, 1, 1)
        self.verdict = nn.Linear(mobilenet.STRIDE_32_CHANNELS + width, 1 + len(KINDS))
        self.top_weight = nn.Parameter(torch.full((1 + len(KINDS),), 0.5))
        nn.init.constant_(self.heat.bias, -4.0)  # type: ignore[arg-type]  # blood is rare
        nn.init.normal_(self.verdict.weight, std=0.01)

    def forward(self, x: Tensor) -> Predictions:
        """Look at a batch.

        Parameters
        ----------
        x
            float32 (N, 3, H, W), -1 to 1 (``models.haemorrhage_volume.to_network``); the plane
            below, the plane, the plane above; H and W multiples of 32.
        """
        seen = self.see(x)
        heat = self.heat(seen.cells)
        features, top = self.weigh(seen, heat, _HOTTEST)
        verdict = self.verdict(features) + self.top_weight * top[:, None]
        return Predictions(verdict[:, 0], verdict[:, 1:], heat)


class HaemorrhageEnsemble(nn.Module):
    """Several networks run as one: the means of what they say."""

    def __init__(self, members: int) -> None:
        super().__init__()
        self.members = nn.ModuleList(HaemorrhageNetwork() for _ in range(members))

    def forward(self, x: Tensor) -> Predictions:
        """Look at a batch as ``HaemorrhageNetwork.forward`` does."""
        return Predictions(*mean_of([member(x) for member in self.members]))
