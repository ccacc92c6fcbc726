"""What the network of the unrolled skull learns: blood beneath it, fractures of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from models.haemorrhage import WALLS
from models.measures import auc
from models.skull_network import SkullNetwork, SkullPredictions
from models.skull_unrolled import to_network
from models.training.haemorrhage_planes import heat_loss
from models.training.skull_walls import MARGIN, Batch, Draw, Walls, draw_pass, make_batch


@dataclass(frozen=True, kw_only=True, slots=True)
class SkullLesson:
    """Strips of unrolled skulls (``models.training.fold.Lesson``)."""

    learnt: Sequence[Walls]
    apart: Sequence[Walls]
    part: str = field(default=WALLS)

    def network(self) -> SkullNetwork:
        """A new network."""
        return SkullNetwork()

    def draws(self, random: np.random.Generator) -> list[Draw]:
        """The strips of one pass."""
        return draw_pass(self.learnt, random)

    def loss(
        self,
        network: SkullNetwork,
        draws: Sequence[Draw],
        random: np.random.Generator,
        number: int,  # noqa: ARG002  # all passes are alike
    ) -> Tensor:
        """Of one batch of strips."""
        batch = make_batch(self.learnt, draws, random)
        device = next(network.parameters()).device
        strips = batch.strips.to(device, memory_format=torch.channels_last)
        return total_loss(network(strips), batch)

    def measure(self, network: SkullNetwork) -> tuple[float, float]:
        """AUC of blood by plane, and by patient (the mean of the three most suspect strips).

        Both signs count alike: where the skull is broken, blood is likely.
        """
        device = next(network.parameters()).device
        strips, patients = [], []
        for one in self.apart:
            seen = [to_network(s[:, MARGIN:-MARGIN].astype(np.float32)) for s in one.strips]
            with torch.inference_mode():
                parts = [
                    network(torch.from_numpy(np.stack(seen[first : first + 8])).to(device))
                    .sign_logits.sum(dim=1)
                    .cpu()
                    .numpy()
                    for first in range(0, len(seen), 8)
                ]
            strips.append(np.concatenate([np.zeros(0), *parts]))
            patients.append(np.sort(strips[-1])[-3:].mean() if len(seen) else -np.inf)
        by_strip = auc(np.concatenate(strips), np.concatenate([one.blood for one in self.apart]))
        return by_strip, auc(np.array(patients), np.array([not one.clear for one in self.apart]))

    def data(self) -> Iterator[object]:
        """What tells these patients from others."""
        for part in (self.learnt, self.apart):
            yield [
                (one.patient, one.blood.tolist(), one.surface.tolist(), one.fracture.tolist())
                for one in part
            ]


def total_loss(said: SkullPredictions, batch: Batch) -> Tensor:
    """The sum that training follows: for each sign the verdict, and the places where known."""
    device = said.sign_logits.device
    known, heat = batch.known.to(device), batch.heat.to(device)
    verdicts = functional.binary_cross_entropy_with_logits(
        said.sign_logits, batch.signs.to(device), reduction="none"
    )
    total: Tensor = ((verdicts * known).sum(dim=0) / known.sum(dim=0).clamp(min=1)).sum()
    heat_known = batch.heat_known.to(device)[:, :, None, None].expand_as(heat)
    for sign in range(heat.shape[1]):
        own = slice(sign, sign + 1)
        total = total + 0.5 * heat_loss(said.heat_logits[:, own], heat[:, own], heat_known[:, own])
    return total
