"""A network being fitted: steps of learning, averaged weights, and checkpoints to go on from."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

CHECKPOINT_NAME = "last.pt"
_CLIPPED_AT = 5.0  # norm of all gradients together

Net = TypeVar("Net", bound=nn.Module)


class Fitting(Generic[Net]):
    """A network, the average of its weights, and all else that its next step depends on.

    Parameters
    ----------
    network
        On the device on which it learns.
    averaged
        A new network of the same kind, which becomes the average.
    optimizer
        Of the network; the rate of each of its groups is that group's highest.
    random
        Draws and varies what is learnt from; kept here so that a checkpoint holds it.
    decay
        A step, of the averaged weights.
    warm_up_steps
        Over which the rates rise.
    """

    def __init__(
        self,
        network: Net,
        *,
        averaged: Net,
        optimizer: torch.optim.Optimizer,
        random: np.random.Generator,
        decay: float,
        warm_up_steps: int,
    ) -> None:
        self.network = network
        self.averaged = averaged.to(next(network.parameters()).device)
        self.averaged.load_state_dict(network.state_dict())
        self.averaged.eval().requires_grad_(False)
        self.random = random
        self.step = 0
        self._optimizer = optimizer
        self._highest = [group["lr"] for group in optimizer.param_groups]
        self._decay = decay
        self._warm_up_steps = warm_up_steps

    def set_rate(self, share: float) -> None:
        """Warm up over the first steps, then a half cosine down to a hundredth.

        Parameters
        ----------
        share
            How much of the training is done, 0 to 1.
        """
        warm = min(1.0, (self.step + 1) / self._warm_up_steps)
        fall = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share))
        for group, highest in zip(self._optimizer.param_groups, self._highest, strict=True):
            group["lr"] = highest * warm * fall

    def learn(self, loss: Tensor) -> float:
        """Take one step down a loss, the averaged weights one towards the network; the loss.

        The first steps of the averaged weights are longer.
        """
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), _CLIPPED_AT)
        self._optimizer.step()
        self.step += 1
        decay = min(self._decay, (1 + self.step) / (10 + self.step))
        pairs = zip(self.averaged.parameters(), self.network.parameters(), strict=True)
        with torch.no_grad():
            for mine, other in pairs:
                mine.lerp_(other, 1 - decay)
        return float(loss.detach())

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds of it."""
        return {
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "random": self.random.bit_generator.state,
            "torch_random": torch.get_rng_state(),
            "step": self.step,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up the fitting where a checkpoint left it."""
        self.network.load_state_dict(state["network"])
        self.averaged.load_state_dict(state["averaged"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.random.bit_generator.state = state["random"]
        torch.set_rng_state(state["torch_random"])
        self.step = state["step"]


def write_checkpoint(folder: Path, state: Mapping[str, Any]) -> None:
    """Write ``last.pt`` into a folder; stopped halfway, it leaves the one before."""
    path = folder / CHECKPOINT_NAME
    partial = path.with_name(f"{CHECKPOINT_NAME}.partial")
    torch.save(dict(state), partial)
    partial.replace(path)


def read_checkpoint(folder: Path) -> dict[str, Any] | None:
    """What ``last.pt`` holds, read without running pickled code; None where there is none."""
    path = folder / CHECKPOINT_NAME
    if not path.is_file():
        return None
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state
