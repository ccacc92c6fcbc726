"""The network that looks for fractures: MobileNetV2, a feature pyramid, places and a verdict.

Fully convolutional, so that any canvas whose sides are multiples of 32 pixels goes through. The
trunk is that of ``models.mobilenet``; the places are predicted as in TTFNet (Liu et al. 2020): a
heat map of centres at stride 8 and the four distances from each cell's centre to the sides of its
box.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from models import mobilenet
from models.letterbox import STRIDE
from models.mobilenet import Separable

_TOP_CELLS = 4


class Predictions(NamedTuple):
    """What the network says of a batch."""

    image_logit: Tensor  # (N,), uncalibrated log odds that the image shows a fracture
    heat_logit: Tensor  # (N, 1, H / 8, W / 8), log odds that a fracture's centre is in the cell
    distances: Tensor  # (N, 4, H / 8, W / 8), canvas pixels from the cell's centre: l, t, r, b


class FractureNetwork(nn.Module):
    """A radiograph in, a verdict and places out.

    Parameters
    ----------
    width
        Channels of the feature pyramid.
    """

    def __init__(self, width: int = 96) -> None:
        super().__init__()
        self.stem = mobilenet.stem(1)
        self.blocks = mobilenet.blocks()
        self.head = nn.Conv2d(mobilenet.STRIDE_32_CHANNELS, 1280, 1)
        self.lateral_8 = nn.Conv2d(mobilenet.STRIDE_8_CHANNELS, width, 1)
        self.lateral_16 = nn.Conv2d(mobilenet.STRIDE_16_CHANNELS, width, 1)
        self.lateral_32 = nn.Conv2d(mobilenet.STRIDE_32_CHANNELS, width, 1)
        self.merge_16 = Separable(width)
        self.merge_8 = Separable(width)
        self.tower = nn.Sequential(Separable(width), Separable(width))
        self.heat = nn.Conv2d(width, 1, 1)
        self.sides = nn.Conv2d(width, 4, 1)
        self.dropout = nn.Dropout(0.3)
        self.verdict = nn.Linear(1280 + width, 1)
        self.top_weight = nn.Parameter(torch.tensor(0.5))
        nn.init.constant_(self.heat.bias, -4.0)  # type: ignore[arg-type]  # fractures are rare
        nn.init.normal_(self.sides.weight, std=0.01)
        nn.init.constant_(self.sides.bias, 0.5)  # type: ignore[arg-type]  # about 13 px each way
        nn.init.normal_(self.verdict.weight, std=0.01)

    def forward(self, x: Tensor) -> Predictions:
        """Look at a batch.

        Parameters
        ----------
        x
            float32 (N, 1, H, W), -1 (background) to 1, bone bright; H and W multiples of 32.
        """
        stride_8, stride_16, x = mobilenet.features(x, self.stem, self.blocks)
        pyramid = self.merge_16(
            self.lateral_16(stride_16)
            + functional.interpolate(self.lateral_32(x), scale_factor=2.0, mode="nearest")
        )
        pyramid = self.merge_8(
            self.lateral_8(stride_8)
            + functional.interpolate(pyramid, scale_factor=2.0, mode="nearest")
        )
        tower = self.tower(pyramid)
        heat = self.heat(tower)
        distances = STRIDE * torch.exp(torch.clamp(self.sides(tower), -3.0, 4.0))
        return Predictions(self._verdict(x, tower, heat), heat, distances)

    def _verdict(self, x: Tensor, tower: Tensor, heat: Tensor) -> Tensor:
        """Weigh the whole image, the features where it is hottest, and how hot that is."""
        whole = functional.relu6(self.head(x)).mean(dim=(2, 3))
        cells = heat.flatten(2)
        attended = (tower.flatten(2) * torch.softmax(cells, dim=2)).sum(dim=2)
        top = torch.topk(cells[:, 0], _TOP_CELLS, dim=1).values.mean(dim=1)
        verdict: Tensor = self.verdict(self.dropout(torch.cat([whole, attended], dim=1)))[:, 0]
        return verdict + self.top_weight * top


def start_from(network: FractureNetwork, weights: Mapping[str, Tensor]) -> None:
    """Fill the network with weights of its own kind, or its trunk with folded ImageNet ones.

    Parameters
    ----------
    weights
        Of a whole ``FractureNetwork``; or ``stem``, ``blocks.N.{expand,depthwise,project}`` and
        ``head``, each ``.weight`` and ``.bias``, for three colours (their filters become one
        sum); a classifier is left out.
    """
    if "verdict.weight" in weights:
        network.load_state_dict({name: weight.float() for name, weight in weights.items()})
        return
    trunk = {name: w.float() for name, w in weights.items() if not name.startswith("classifier")}
    trunk["stem.weight"] = trunk["stem.weight"].sum(dim=1, keepdim=True)
    own = network.state_dict()
    own.update(trunk)
    network.load_state_dict(own)
