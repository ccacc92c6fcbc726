"""The small network that tells radiographs of limbs, hip and shoulder from other images."""

from itertools import pairwise

from torch import Tensor, nn

_CHANNELS = (1, 16, 32, 48, 64)


class RadiographGuardNetwork(nn.Module):
    """Four strided convolutions and one verdict of what they saw on average."""

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
        self.cells = nn.Sequential(nn.Conv2d(_CHANNELS[-1], 64, 1), nn.ReLU())
        self.verdict = nn.Linear(64, 1)

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """Log odds (N,) that each image (N, 1, 96, 96), -1 to 1, is such a radiograph."""
        seen = self.cells(self.stages(images)).mean((2, 3))
        return (self.verdict(seen)[:, 0],)
