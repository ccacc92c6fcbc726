"""MobileNetV2's trunk, from which the three detectors' networks start.

As published (Sandler et al. 2018), with batch norm folded into the convolutions and TensorFlow's
SAME padding, so that ImageNet weights of that kind fit. The parts keep the names ``stem`` and
``blocks.N.{expand,depthwise,project}`` in the network that holds them.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional

# expansion, channels, repeats, stride of the seven stages
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
STEM_CHANNELS = 32
STRIDE_8_CHANNELS, STRIDE_16_CHANNELS, STRIDE_32_CHANNELS = 32 * 6, 96 * 6, 320
_STRIDE_8_BLOCK, _STRIDE_16_BLOCK = 6, 13  # the blocks whose expansions leave these strides


class Features(NamedTuple):
    """What the whole trunk makes of a batch, at three strides."""

    stride_8: Tensor  # (N, STRIDE_8_CHANNELS, H / 8, W / 8)
    stride_16: Tensor  # (N, STRIDE_16_CHANNELS, H / 16, W / 16)
    stride_32: Tensor  # (N, STRIDE_32_CHANNELS, H / 32, W / 32)


def stem(channels: int) -> nn.Conv2d:
    """The first convolution, of images with so many channels."""
    return _convolution(channels, STEM_CHANNELS, 3, 2, 1)


def blocks(stages: Sequence[tuple[int, int, int, int]] = STAGES) -> nn.ModuleList:
    """The inverted residuals of these stages, one after the other."""
    made = nn.ModuleList()
    source = STEM_CHANNELS
    for expansion, channels, repeats, stride in stages:
        for repeat in range(repeats):
            made.append(InvertedResidual(source, channels, expansion, 1 if repeat else stride))
            source = channels
    return made


def same(x: Tensor, convolution: nn.Conv2d) -> Tensor:
    """Convolve with TensorFlow's SAME padding: on stride 2, one row below and one column right."""
    if convolution.stride[0] == 2:
        x = functional.pad(x, (0, 1, 0, 1))
    return functional.relu6(convolution(x))


def features(x: Tensor, stem: nn.Conv2d, blocks: nn.ModuleList) -> Features:
    """Send a batch, (N, channels, H, W) with H and W multiples of 32, through the whole trunk."""
    x = same(x, stem)
    for number, block in enumerate(blocks):
        expanded, x = block(x)
        if number == _STRIDE_8_BLOCK:
            stride_8 = expanded
        elif number == _STRIDE_16_BLOCK:
            stride_16 = expanded
    return Features(stride_8, stride_16, x)


def freeze_early_layers(stem: nn.Conv2d, blocks: nn.ModuleList, count: int = 3) -> None:
    """Keep the stem and the first blocks as they are: edges are edges, and they cost the most."""
    for module in (stem, *list(blocks)[:count]):
        module.requires_grad_(False)


def start_from(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Fill the trunk that a network holds; what comes after it stays as it is.

    Parameters
    ----------
    weights
        ``stem`` and ``blocks.N.{expand,depthwise,project}``, each ``.weight`` and ``.bias``, for
        one channel or for three colours (their filters become one sum); what the network does not
        have is left out.
    """
    own = network.state_dict()
    for name, weight in weights.items():
        if name.startswith(("stem.", "blocks.")) and name in own:
            whole = weight.float()
            own[name] = whole.sum(dim=1, keepdim=True) if name == "stem.weight" else whole
    network.load_state_dict(own)


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project; adds its input where the shapes agree."""

    def __init__(self, source: int, target: int, expansion: int, stride: int) -> None:
        super().__init__()
        inner = source * expansion
        self.expand = _convolution(source, inner, 1, 1, 1) if expansion > 1 else None
        self.depthwise = _convolution(inner, inner, 3, stride, inner)
        self.project = nn.Conv2d(inner, target, 1)
        self.residual = stride == 1 and source == target

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the expansion (before the stride) and the output."""
        expanded = x if self.expand is None else functional.relu6(self.expand(x))
        y = self.project(same(expanded, self.depthwise))
        return expanded, x + y if self.residual else y


def _convolution(source: int, target: int, size: int, stride: int, groups: int) -> nn.Conv2d:
    return nn.Conv2d(source, target, size, stride, size // 2 if stride == 1 else 0, groups=groups)


class Separable(nn.Module):
    """A depthwise and a pointwise convolution with group norm; for what follows the trunk."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 3, 1, 1, groups=channels, bias=False)
        self.pointwise = nn.Conv2d(channels, channels, 1, bias=False)
        self.norm = nn.GroupNorm(8, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        return functional.relu(self.norm(self.pointwise(self.depthwise(x))))
