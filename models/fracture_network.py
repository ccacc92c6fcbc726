"""The network that looks for fractures: MobileNetV2, a feature pyramid, places and a verdict.

Fully convolutional, so that any canvas whose sides are multiples of 32 pixels goes through. The
trunk is MobileNetV2 (Sandler et al. 2018) with batch norm folded into the convolutions and
TensorFlow's SAME padding; the places are predicted as in TTFNet (Liu et al. 2020): a heat map of
centres at stride 8 and the four distances from each cell's centre to the sides of its box.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.letterbox import STRIDE

# expansion, channels, repeats, stride of the seven stages
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
_STRIDE_8_BLOCK, _STRIDE_16_BLOCK = 6, 13  # the blocks whose expansions leave these strides
_TOP_CELLS = 4


class Predictions(NamedTuple):
    """What the network says of a batch."""

    image_logit: Tensor  # (N,), uncalibrated log odds that the image shows a fracture
    heat_logit: Tensor  # (N, 1, H / 8, W / 8), log odds that a fracture's centre is in the cell
    distances: Tensor  # (N, 4, H / 8, W / 8), canvas pixels from the cell's centre: l, t, r, b


def _relu6_convolution(source: int, target: int, size: int, stride: int, groups: int) -> nn.Conv2d:
    padding = size // 2 if stride == 1 else 0
    return nn.Conv2d(source, target, size, stride, padding, groups=groups)


def _same(x: Tensor, convolution: nn.Conv2d) -> Tensor:
    """Convolve with TensorFlow's SAME padding: on stride 2, one row below and one column right."""
    if convolution.stride[0] == 2:
        x = functional.pad(x, (0, 1, 0, 1))
    return functional.relu6(convolution(x))


class _InvertedResidual(nn.Module):
    """Expand, filter each channel, project; adds its input where the shapes agree."""

    def __init__(self, source: int, target: int, expansion: int, stride: int) -> None:
        super().__init__()
        inner = source * expansion
        self.expand = _relu6_convolution(source, inner, 1, 1, 1) if expansion > 1 else None
        self.depthwise = _relu6_convolution(inner, inner, 3, stride, inner)
        self.project = nn.Conv2d(inner, target, 1)
        self.residual = stride == 1 and source == target

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the expansion (before the stride) and the output."""
        expanded = x if self.expand is None else functional.relu6(self.expand(x))
        y = self.project(_same(expanded, self.depthwise))
        return expanded, x + y if self.residual else y


class _Separable(nn.Module):
    """A depthwise and a pointwise convolution with group norm."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 3, 1, 1, groups=channels, bias=False)
        self.pointwise = nn.Conv2d(channels, channels, 1, bias=False)
        self.norm = nn.GroupNorm(8, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        return functional.relu(self.norm(self.pointwise(self.depthwise(x))))


class FractureNetwork(nn.Module):
    """A radiograph in, a verdict and places out.

    Parameters
    ----------
    width
        Channels of the feature pyramid.
    """

    def __init__(self, width: int = 96) -> None:
        super().__init__()
        self.stem = _relu6_convolution(1, 32, 3, 2, 1)
        self.blocks = nn.ModuleList()
        source = 32
        for expansion, channels, repeats, stride in _STAGES:
            for repeat in range(repeats):
                block = _InvertedResidual(source, channels, expansion, stride if not repeat else 1)
                self.blocks.append(block)
                source = channels
        self.head = nn.Conv2d(320, 1280, 1)
        self.lateral_8 = nn.Conv2d(32 * 6, width, 1)
        self.lateral_16 = nn.Conv2d(96 * 6, width, 1)
        self.lateral_32 = nn.Conv2d(320, width, 1)
        self.merge_16 = _Separable(width)
        self.merge_8 = _Separable(width)
        self.tower = nn.Sequential(_Separable(width), _Separable(width))
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
        x = _same(x, self.stem)
        for number, block in enumerate(self.blocks):
            expanded, x = block(x)
            if number == _STRIDE_8_BLOCK:
                stride_8 = expanded
            elif number == _STRIDE_16_BLOCK:
                stride_16 = expanded
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


def freeze_early_layers(network: FractureNetwork, blocks: int = 3) -> None:
    """Keep the stem and the first blocks as they are: edges are edges, and they cost the most."""
    for module in (network.stem, *list(network.blocks)[:blocks]):
        module.requires_grad_(False)
