"""What the network of the planes learns: whether, which kind and where blood is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from models.haemorrhage import PLANES
from models.haemorrhage_network import HaemorrhageNetwork, Predictions
from models.haemorrhage_volume import CANVAS, to_network, with_neighbours
from models.measures import auc
from models.training.fold import Recipe
from models.training.haemorrhage_augmentation import (
    STORED,
    Batch,
    Draw,
    Head,
    draw_pass,
    make_batch,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaneRecipe(Recipe):
    """How the network of the planes learns."""

    early_share: float = 0.6  # of the passes, which see smaller canvases: they are faster
    early_side: int = 160  # pixels of the canvas in those passes
    negatives_per_positive: float = 1.0  # planes without blood drawn a pass
    synthetic_per_positive: float = 0.8  # planes with drawn blood a pass


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaneLesson:
    """Planes between their neighbours (``models.training.fold.Lesson``)."""

    learnt: Sequence[Head]
    apart: Sequence[Head]
    recipe: PlaneRecipe
    part: str = field(default=PLANES)

    def network(self) -> HaemorrhageNetwork:
        """A new network."""
        return HaemorrhageNetwork()

    def draws(self, random: np.random.Generator) -> list[Draw]:
        """The planes of one pass."""
        return draw_pass(
            self.learnt,
            negatives_per_positive=self.recipe.negatives_per_positive,
            synthetic_per_positive=self.recipe.synthetic_per_positive,
            random=random,
        )

    def loss(
        self,
        network: HaemorrhageNetwork,
        draws: Sequence[Draw],
        random: np.random.Generator,
        number: int,
    ) -> Tensor:
        """Of one batch of planes."""
        early = number <= self.recipe.early_share * self.recipe.epochs
        side = self.recipe.early_side if early else CANVAS
        batch = make_batch(self.learnt, draws, random, side)
        device = next(network.parameters()).device
        images = batch.images.to(device, memory_format=torch.channels_last)
        return total_loss(network(images), batch)

    def measure(self, network: HaemorrhageNetwork) -> tuple[float, float]:
        """AUC by plane, and by patient (the mean of the three most suspect planes)."""
        device = next(network.parameters()).device
        edge = (STORED - CANVAS) // 2
        planes, patients = [], []
        for head in self.apart:
            stored = head.planes[:, edge:-edge, edge:-edge].astype(np.float32)
            canvases = torch.from_numpy(with_neighbours(to_network(stored))).to(device)
            with torch.inference_mode():
                parts = [
                    network(canvases[first : first + 8]).slice_logit.cpu().numpy()
                    for first in range(0, len(canvases), 8)
                ]
            planes.append(np.concatenate(parts).astype(np.float64))
            patients.append(np.sort(planes[-1])[-3:].mean())
        by_plane = auc(np.concatenate(planes), np.concatenate([head.blood for head in self.apart]))
        blood = np.array([head.blood.any() for head in self.apart])
        return by_plane, auc(np.array(patients), blood)

    def data(self) -> Iterator[object]:
        """What tells these patients from others."""
        for part in (self.learnt, self.apart):
            yield [(head.patient, head.blood.tolist()) for head in part]


def total_loss(said: Predictions, batch: Batch) -> Tensor:
    """The sum that training follows: the verdict, the kinds, and the places where known."""
    device = said.slice_logit.device
    verdict = functional.binary_cross_entropy_with_logits(said.slice_logit, batch.blood.to(device))
    kinds = functional.binary_cross_entropy_with_logits(said.kind_logits, batch.kinds.to(device))
    heat = heat_loss(said.heat_logit, batch.heat.to(device), batch.heat_known.to(device))
    return verdict + kinds + 0.5 * heat


def heat_loss(logit: Tensor, heat: Tensor, known: Tensor) -> Tensor:
    """Focal loss (Lin et al. 2017) a picture, by its cells with the sign, and overlap (soft Dice).

    Parameters
    ----------
    logit, heat, known
        (N, 1, rows, columns), ``heat`` and ``known`` 0 or 1.
    """
    wrong = torch.sigmoid(torch.where(heat > 0, -logit, logit))
    cells = functional.binary_cross_entropy_with_logits(logit, heat, reduction="none")
    focal = (cells * wrong**2 * known).sum(dim=(1, 2, 3)) / heat.sum(dim=(1, 2, 3)).clamp(min=4)
    found = torch.sigmoid(logit) * known
    both = (found * heat).sum(dim=(1, 2, 3))
    dice = 1 - (2 * both + 1) / (found.sum(dim=(1, 2, 3)) + heat.sum(dim=(1, 2, 3)) + 1)
    with_sign = (heat.sum(dim=(1, 2, 3)) > 0).float()
    return focal.mean() + (dice * with_sign).sum() / with_sign.sum().clamp(min=1)
