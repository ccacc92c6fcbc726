"""The network that tells nodules from vessels and scars: several small trunks, averaged.

Each member is the trunk of ``models.mobilenet``, cut off before the stride of 32. It sees
48 x 48 pixels of 0.7 mm, enlarged to 64 x 64, and weighs the whole cut and its middle.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from models import mobilenet
from models.nodule_cuts import SIDE

_STAGES = mobilenet.STAGES[:5]  # up to the stride of 16
_TRUNK_CHANNELS = _STAGES[-1][1]
_FEATURES = 512
_ENLARGED = 64  # pixels
_MIDDLE, _SPREAD = 0.3, 0.3  # of the greys of lung tissue, roughly


class Verdict(NamedTuple):
    """What the network says of a batch of cuts."""

    logit: Tensor  # (N,), uncalibrated log odds of a nodule, averaged over the members


class NoduleMember(nn.Module):
    """One network of the ensemble."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = mobilenet.stem(1)
        self.blocks = mobilenet.blocks(_STAGES)
        self.head = nn.Conv2d(_TRUNK_CHANNELS, _FEATURES, 1)
        self.dropout = nn.Dropout(0.3)
        self.verdict = nn.Linear(2 * _FEATURES, 1)
        nn.init.normal_(self.verdict.weight, std=0.01)

    def forward(self, grey: Tensor) -> Tensor:
        """Log odds, (N,), of float32 (N, 1, 48, 48), 0 (-1000 HU) to 1 (400 HU)."""
        x = (grey - _MIDDLE) / _SPREAD
        x = functional.interpolate(x, size=_ENLARGED, mode="bilinear", align_corners=False)
        x = mobilenet.same(x, self.stem)
        for block in self.blocks:
            _, x = block(x)
        x = functional.relu6(self.head(x))
        centre = x[:, :, 1:3, 1:3].mean(dim=(2, 3))  # of 4 x 4
        features = torch.cat([x.mean(dim=(2, 3)), centre], dim=1)
        said: Tensor = self.verdict(self.dropout(features))
        return said[:, 0]


class NoduleNetwork(nn.Module):
    """The members' mean, over a sheet of cuts.

    Parameters
    ----------
    members
        How many.
    """

    def __init__(self, members: int) -> None:
        super().__init__()
        self.members = nn.ModuleList(NoduleMember() for _ in range(members))

    def forward(self, sheet: Tensor) -> Verdict:
        """Look at cuts that lie edge to edge on a sheet.

        Parameters
        ----------
        sheet
            float32 (1, 1, 48 rows, 48 columns), 0 (-1000 HU) to 1 (400 HU); the cuts are read row
            by row. Networks of the runtime take one image, so that many cuts go through at once.
        """
        grey = _cut_up(sheet)
        return Verdict(torch.stack([member(grey) for member in self.members]).mean(dim=0))


class NoduleGlance(NoduleMember):
    """One member alone, over a sheet of cuts: what looks at every candidate first."""

    def forward(self, sheet: Tensor) -> Verdict:  # type: ignore[override]
        """Look at cuts that lie edge to edge on a sheet, as ``NoduleNetwork`` does."""
        return Verdict(super().forward(_cut_up(sheet)))


def _cut_up(sheet: Tensor) -> Tensor:
    """From a sheet (1, 1, 48 rows, 48 columns) to its cuts, (rows x columns, 1, 48, 48)."""
    rows, columns = sheet.shape[2] // SIDE, sheet.shape[3] // SIDE
    cuts = sheet.reshape(rows, SIDE, columns, SIDE).permute(0, 2, 1, 3)
    return cuts.reshape(rows * columns, 1, SIDE, SIDE)
