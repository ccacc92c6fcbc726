"""The network that looks for blood in head CT: MobileNetV2, both halves compared, places, kinds.

The trunk is that of ``models.mobilenet``. Its three input channels are a plane and its two
neighbours. Features are compared with those of the mirrored head, for blood is rarely symmetrical.
An ensemble holds several such networks and is run as one.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from models import mobilenet
from models.mobilenet import Separable

STRIDE = 8  # canvas pixels from one cell of the heat map to the next
KINDS = ("intraventricular", "intraparenchymal", "subarachnoid", "epidural", "subdural")
_TOP_CELLS = 4


class Predictions(NamedTuple):
    """What the network says of a batch of planes."""

    slice_logit: Tensor  # (N,), uncalibrated log odds that the plane shows blood
    kind_logits: Tensor  # (N, 5), the same for each of KINDS
    heat_logit: Tensor  # (N, 1, H / 8, W / 8), log odds that the cell shows blood


def _both_halves(features: Tensor) -> Tensor:
    """Each place with the place opposite, (N, 2 C, H, W)."""
    return torch.cat([features, torch.flip(features, dims=(3,))], dim=1)


class HaemorrhageNetwork(nn.Module):
    """A plane and its neighbours in; whether, which kind and where blood is out.

    Parameters
    ----------
    width
        Channels of the feature pyramid.
    """

    def __init__(self, width: int = 96) -> None:
        super().__init__()
        self.stem = mobilenet.stem(3)
        self.blocks = mobilenet.blocks()
        self.lateral_8 = nn.Conv2d(2 * mobilenet.STRIDE_8_CHANNELS, width, 1)
        self.lateral_16 = nn.Conv2d(2 * mobilenet.STRIDE_16_CHANNELS, width, 1)
        self.lateral_32 = nn.Conv2d(mobilenet.STRIDE_32_CHANNELS, width, 1)
        self.merge_16 = Separable(width)
        self.merge_8 = Separable(width)
        self.tower = nn.Sequential(Separable(width), Separable(width))
        self.heat = nn.Conv2d(width, 1, 1)
        self.dropout = nn.Dropout(0.3)
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
        stride_8, stride_16, x = mobilenet.features(x, self.stem, self.blocks)
        pyramid = self.merge_16(
            self.lateral_16(_both_halves(stride_16))
            + functional.interpolate(self.lateral_32(x), scale_factor=2.0, mode="nearest")
        )
        pyramid = self.merge_8(
            self.lateral_8(_both_halves(stride_8))
            + functional.interpolate(pyramid, scale_factor=2.0, mode="nearest")
        )
        tower = self.tower(pyramid)
        heat = self.heat(tower)
        verdict = self._verdict(x, tower, heat)
        return Predictions(verdict[:, 0], verdict[:, 1:], heat)

    def _verdict(self, x: Tensor, tower: Tensor, heat: Tensor) -> Tensor:
        """Weigh the whole plane, the features where it is hottest, and how hot that is."""
        cells = heat.flatten(2)
        attended = (tower.flatten(2) * torch.softmax(cells, dim=2)).sum(dim=2)
        top = torch.topk(cells[:, 0], _TOP_CELLS, dim=1).values.mean(dim=1)
        whole = functional.relu6(x).mean(dim=(2, 3))
        verdict: Tensor = self.verdict(self.dropout(torch.cat([whole, attended], dim=1)))
        return verdict + self.top_weight * top[:, None]


class HaemorrhageEnsemble(nn.Module):
    """Several networks run as one: the means of what they say."""

    def __init__(self, members: int) -> None:
        super().__init__()
        self.members = nn.ModuleList(HaemorrhageNetwork() for _ in range(members))

    def forward(self, x: Tensor) -> Predictions:
        """Look at a batch as ``HaemorrhageNetwork.forward`` does."""
        said = [member(x) for member in self.members]
        slices, kinds, heats = (
            torch.stack([one[place] for one in said]).mean(dim=0) for place in range(3)
        )
        return Predictions(slices, kinds, heats)


def start_from(network: HaemorrhageNetwork, weights: Mapping[str, Tensor]) -> None:
    """Fill the network with weights of its own kind, or its trunk with folded ImageNet ones.

    Parameters
    ----------
    weights
        Of a ``HaemorrhageEnsemble`` (its first member is taken); or ``stem`` and
        ``blocks.N.{expand,depthwise,project}``, each ``.weight`` and ``.bias``, for three
        colours. Weights that the network does not have are left out.

    Raises
    ------
    ValueError
        If not even the trunk is there.
    """
    first = "members.0."
    if any(name.startswith(first) for name in weights):
        weights = {n.removeprefix(first): w for n, w in weights.items() if n.startswith(first)}
    own = network.state_dict()
    trunk = {name for name in own if name.startswith(("stem.", "blocks."))}
    if not trunk <= weights.keys():
        raise ValueError("the weights to start from are neither this network's nor MobileNetV2's")
    own.update({name: weights[name].float() for name in own if name in weights})
    network.load_state_dict(own)
