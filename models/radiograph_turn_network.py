"""The network that tells radiographs that lie as they should: a trunk, and what lies where."""

from torch import Tensor, nn
from torch.nn import functional

from models import mobilenet

_STAGES = mobilenet.STAGES[:5]  # up to the stride of 16
_TRUNK_CHANNELS = _STAGES[-1][1]
_FEATURES = 48
_PLACES = 4  # to each side of the canvas; what lies where decides


class RadiographTurnNetwork(nn.Module):
    """The trunk of ``models.mobilenet``, cut off before the stride of 32, and one verdict."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = mobilenet.stem(1)
        self.blocks = mobilenet.blocks(_STAGES)
        self.head = nn.Conv2d(_TRUNK_CHANNELS, _FEATURES, 1)
        self.places = nn.Sequential(nn.AdaptiveAvgPool2d(_PLACES), nn.Flatten(), nn.Dropout(0.3))
        self.verdict = nn.Linear(_FEATURES * _PLACES**2, 1)
        nn.init.normal_(self.verdict.weight, std=0.01)

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """Log odds (N,) that each image (N, 1, 128, 128), -1 to 1, lies as it should.

        They count only beside those of the same image turned.
        """
        x = mobilenet.same(images, self.stem)
        for block in self.blocks:
            _, x = block(x)
        seen = self.places(functional.relu6(self.head(x)))
        return (self.verdict(seen)[:, 0],)
