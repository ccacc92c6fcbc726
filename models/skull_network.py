"""The network that looks at the unrolled wall of the skull: blood beneath it, fractures of it."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from models import mobilenet
from models.both_halves import BothHalves, mean_of
from models.haemorrhage_answers import SIGNS

_HOTTEST = 3  # cells


class SkullPredictions(NamedTuple):
    """What the network says of a batch of strips."""

    sign_logits: Tensor  # (N, 2), uncalibrated log odds of each of SIGNS on the strip
    heat_logits: Tensor  # (N, 2, H / 8, W / 8), the same of each cell


class SkullNetwork(BothHalves):
    """A strip of ``models.skull_unrolled`` in; whether and where it shows each of SIGNS out.

    Parameters
    ----------
    width
        Channels of the feature pyramid.
    """

    def __init__(self, width: int = 96) -> None:
        super().__init__(width)
        self.heat = nn.Conv2d(width, len(SIGNS), 1)
        features = mobilenet.STRIDE_32_CHANNELS + width
        self.verdict = nn.ModuleList(nn.Linear(features, 1) for _ in SIGNS)
        self.top_weight = nn.Parameter(torch.full((len(SIGNS),), 0.7))
        nn.init.constant_(self.heat.bias, -3.0)  # type: ignore[arg-type]  # both are rare
        for verdict in self.verdict:
            nn.init.normal_(verdict.weight, std=0.01)  # type: ignore[arg-type]
            nn.init.zeros_(verdict.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> SkullPredictions:
        """Look at a batch.

        Parameters
        ----------
        x
            float32 (N, 3, ROWS, COLUMNS), -1 to 1 (``models.skull_unrolled.to_network``).
        """
        seen = self.see(x)
        heat = self.heat(seen.cells)
        signs = []
        for place, verdict in enumerate(self.verdict):
            features, top = self.weigh(seen, heat[:, place : place + 1], _HOTTEST)
            signs.append(verdict(features)[:, 0] + self.top_weight[place] * top)
        return SkullPredictions(torch.stack(signs, dim=1), heat)


class SkullEnsemble(nn.Module):
    """Several networks run as one: the means of what they say."""

    def __init__(self, members: int) -> None:
        super().__init__()
        self.members = nn.ModuleList(SkullNetwork() for _ in range(members))

    def forward(self, x: Tensor) -> SkullPredictions:
        """Look at a batch as ``SkullNetwork.forward`` does."""
        return SkullPredictions(*mean_of([member(x) for member in self.members]))
