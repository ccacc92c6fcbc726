"""The small network that tells planes of upright heads from turned ones, by their bone."""

from itertools import pairwise

from torch import Tensor, nn

_CHANNELS = (1, 12, 24, 48, 64)
_PLACES = 4  # to each side of the canvas; what lies where decides


class UprightGuardNetwork(nn.Module):
    """Four strided convolutions and a verdict of what lies where."""

    def __init__(self) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        for source, target in pairwise(_CHANNELS):
            size = 5 if source == 1 else 3
            stages += [
                nn.Conv2d(source, target, size, 2, size // 2, bias=False),
                nn.BatchNorm2d(target),
                nn.ReLU(),
            ]
        self.stages = nn.Sequential(*stages)
        self.cells = nn.Sequential(nn.Conv2d(_CHANNELS[-1], 16, 1), nn.ReLU())
        self.places = nn.Sequential(nn.AdaptiveAvgPool2d(_PLACES), nn.Flatten(), nn.Dropout(0.3))
        self.verdict = nn.Linear(16 * _PLACES**2, 1)

    def forward(self, planes: Tensor) -> tuple[Tensor]:
        """Log odds (N,) that the head on each plane (N, 1, 64, 64), 0 to 1, is upright."""
        seen = self.places(self.cells(self.stages(planes)))
        return (self.verdict(seen)[:, 0],)
