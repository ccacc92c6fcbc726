"""A feature pyramid on MobileNetV2 that compares each place with the one opposite.

What is looked for in a head is rarely symmetrical; sutures, sinuses and the base of the skull are.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from models import mobilenet
from models.mobilenet import Separable


class Seen(NamedTuple):
    """Features of a batch."""

    whole: Tensor  # (N, STRIDE_32_CHANNELS), means over each picture
    cells: Tensor  # (N, width, rows / 8, columns / 8)


class BothHalves(nn.Module):
    """The trunk and the pyramid of a network whose pictures have the midline in the middle.

    Parameters
    ----------
    width
        Channels of the feature pyramid.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.stem = mobilenet.stem(3)
        self.blocks = mobilenet.blocks()
        self.lateral_8 = nn.Conv2d(2 * mobilenet.STRIDE_8_CHANNELS, width, 1)
        self.lateral_16 = nn.Conv2d(2 * mobilenet.STRIDE_16_CHANNELS, width, 1)
        self.lateral_32 = nn.Conv2d(mobilenet.STRIDE_32_CHANNELS, width, 1)
        self.merge_16 = Separable(width)
        self.merge_8 = Separable(width)
        self.tower = nn.Sequential(Separable(width), Separable(width))
        self.dropout = nn.Dropout(0.3)

    def see(self, x: Tensor) -> Seen:
        """Features of a batch, (N, 3, rows, columns), both multiples of 32."""
        stride_8, stride_16, x = mobilenet.features(x, self.stem, self.blocks)
        pyramid = self.merge_16(
            self.lateral_16(_with_opposite(stride_16))
            + functional.interpolate(self.lateral_32(x), scale_factor=2.0, mode="nearest")
        )
        pyramid = self.merge_8(
            self.lateral_8(_with_opposite(stride_8))
            + functional.interpolate(pyramid, scale_factor=2.0, mode="nearest")
        )
        return Seen(functional.relu6(x).mean(dim=(2, 3)), self.tower(pyramid))

    def weigh(self, seen: Seen, heat: Tensor, hottest: int) -> tuple[Tensor, Tensor]:
        """What a verdict rests on.

        Parameters
        ----------
        heat
            (N, 1, rows, columns), of the cells.
        hottest
            How many cells say how hot it is.

        Returns
        -------
        features
            (N, STRIDE_32_CHANNELS + width), the whole picture's and those where it is hottest.
        top
            (N,), how hot that is.
        """
        cells = heat.flatten(2)
        attended = (seen.cells.flatten(2) * torch.softmax(cells, dim=2)).sum(dim=2)
        top = torch.topk(cells[:, 0], hottest, dim=1).values.mean(dim=1)
        return self.dropout(torch.cat([seen.whole, attended], dim=1)), top


def _with_opposite(features: Tensor) -> Tensor:
    """Each place with the place opposite, (N, 2 C, H, W)."""
    return torch.cat([features, torch.flip(features, dims=(3,))], dim=1)


def mean_of(said: Sequence[tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    """Of each output the mean over the members of an ensemble."""
    return tuple(torch.stack(outputs).mean(dim=0) for outputs in zip(*said, strict=True))


def start_from(network: BothHalves, weights: Mapping[str, Tensor], part: str, member: int) -> None:
    """Fill the network with a member of an ensemble, or its trunk with folded ImageNet weights.

    Parameters
    ----------
    weights
        Of a detector, named ``PART.members.N.``; or ``stem`` and
        ``blocks.N.{expand,depthwise,project}``, each ``.weight`` and ``.bias``, for three
        colours. Weights that the network does not have are left out.
    part, member
        Which ensemble of the detector, and which of its members, from 0.

    Raises
    ------
    ValueError
        If not even the trunk is there.
    """
    own = network.state_dict()
    prefix = f"{part}.members.{member}."
    found = {n.removeprefix(prefix): w for n, w in weights.items() if n.startswith(prefix)}
    found = found or dict(weights)
    trunk = {name for name in own if name.startswith(("stem.", "blocks."))}
    if not trunk <= found.keys():
        raise ValueError(
            f"the weights to start from hold neither network {member + 1} of {part} nor MobileNetV2"
        )
    own.update({name: found[name].float() for name in own if name in found})
    network.load_state_dict(own)
