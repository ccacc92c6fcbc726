"""Train one haemorrhage network, a member of the ensemble, resumably."""

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from models.calibration import auc
from models.haemorrhage_network import (
    HaemorrhageNetwork,
    Predictions,
    start_from,
)
from models.haemorrhage_volume import CANVAS, to_network, with_neighbours
from models.mobilenet import freeze_early_layers
from models.training.evaluation import Progress
from models.training.haemorrhage_augmentation import STORED, Batch, Head, draw_pass, make_batch

_TOLD_EVERY = 3  # passes; measuring takes a quarter of the time of one


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingSettings:
    """How to train; written into the run's report."""

    epochs: int = 14
    early_share: float = 0.6  # of the passes, which see smaller canvases: they are faster
    early_side: int = 160  # pixels of the canvas in those passes
    folds: int = 5  # of the cross-validation; as many networks make the ensemble
    seed: int = 1
    batch_size: int = 4
    negatives_per_positive: float = 1.0  # planes without blood drawn a pass
    synthetic_per_positive: float = 0.8  # planes with drawn blood a pass
    rate: float = 1e-3  # highest learning rate of the new layers
    trunk_rate: float = 3e-4  # of the ImageNet trunk
    warm_up_steps: int = 40
    weight_decay: float = 0.02
    average: float = 0.99  # decay a step of the averaged weights
    threads: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Epoch:
    """What one pass of one fold came to."""

    fold: int  # counts from 1
    number: int  # counts from 1
    loss: float  # mean over the pass
    slice_auc: float  # planes of the fold's own patients, not learnt from; nan: not measured
    patient_auc: float  # the same, by the mean of a patient's three most suspect planes
    seconds: float


class _Averaged:
    """An exponential moving average of a network's weights."""

    def __init__(self, network: HaemorrhageNetwork, decay: float) -> None:
        self.network = HaemorrhageNetwork().to(next(network.parameters()).device)
        self.network.load_state_dict(network.state_dict())
        self.network.eval().requires_grad_(False)
        self._decay = decay
        self.steps = 0

    def update(self, network: HaemorrhageNetwork) -> None:
        """Take one step towards the network; early steps are longer."""
        self.steps += 1
        decay = min(self._decay, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            for mine, other in zip(self.network.parameters(), network.parameters(), strict=True):
                mine.lerp_(other, 1 - decay)


@dataclass(kw_only=True)
class _Run:
    """A training under way: all that a checkpoint holds."""

    fold: int
    settings: TrainingSettings
    network: HaemorrhageNetwork
    averaged: _Averaged
    optimizer: torch.optim.Optimizer
    random: np.random.Generator
    epochs: list[Epoch]
    step: int = 0


def train_fold(
    fold: int,
    learnt: Sequence[Head],
    apart: Sequence[Head],
    folder: Path,
    settings: TrainingSettings,
    *,
    start: Path,
    resume: bool = False,
    progress: Progress = lambda _what, _share: None,
) -> tuple[HaemorrhageNetwork, list[Epoch]]:
    """Train on some patients, watching others; the last pass's averaged network is the result.

    The patients set apart choose nothing: they are there to be reported and to calibrate on.
    ``last.pt`` in the folder is written after every pass.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(settings.threads)
    run = _prepare(fold, folder, settings, start, resume)
    while len(run.epochs) < settings.epochs:
        _one_epoch(run, learnt, apart, progress)
        _save(run, folder)
    return run.averaged.network, run.epochs


def _prepare(
    fold: int, folder: Path, settings: TrainingSettings, start: Path, resume: bool
) -> _Run:
    torch.manual_seed(settings.seed + 1000 * fold)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = HaemorrhageNetwork()
    start_from(network, load_file(start))
    freeze_early_layers(network.stem, network.blocks)
    network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    named = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        [
            {
                "params": [p for name, p in named if name.startswith("blocks")],
                "highest": settings.trunk_rate,
            },
            {
                "params": [p for name, p in named if not name.startswith("blocks")],
                "highest": settings.rate,
            },
        ],
        lr=settings.rate,
        weight_decay=settings.weight_decay,
    )
    run = _Run(
        fold=fold,
        settings=settings,
        network=network,
        averaged=_Averaged(network, settings.average),
        optimizer=optimizer,
        random=np.random.default_rng([settings.seed, fold]),
        epochs=[],
    )
    if resume and (folder / "last.pt").is_file():
        _restore(run, folder / "last.pt")
    return run


def _one_epoch(
    run: _Run, learnt: Sequence[Head], apart: Sequence[Head], progress: Progress
) -> None:
    started = time.monotonic()
    number = len(run.epochs) + 1
    settings = run.settings
    draws = draw_pass(
        learnt,
        negatives_per_positive=settings.negatives_per_positive,
        synthetic_per_positive=settings.synthetic_per_positive,
        random=run.random,
    )
    side = settings.early_side if number <= settings.early_share * settings.epochs else CANVAS
    starts = range(0, len(draws), settings.batch_size)
    losses: list[float] = []
    run.network.train()
    for done, first in enumerate(starts, start=1):
        _set_rate(run, (number - 1 + done / len(starts)) / settings.epochs)
        chosen = draws[first : first + settings.batch_size]
        batch = make_batch(learnt, chosen, run.random, side)
        losses.append(_one_step(run, batch))
        progress(
            f"network {run.fold}, pass {number}, loss {np.mean(losses[-50:]):.3f}",
            done / len(starts),
        )
    told = number % _TOLD_EVERY == 0 or number == settings.epochs
    slice_auc, patient_auc = measure(run.averaged.network, apart) if told else (math.nan, math.nan)
    run.epochs.append(
        Epoch(
            fold=run.fold,
            number=number,
            loss=float(np.mean(losses)),
            slice_auc=slice_auc,
            patient_auc=patient_auc,
            seconds=time.monotonic() - started,
        )
    )


def _set_rate(run: _Run, share: float) -> None:
    """Warm up over the first steps, then a half cosine down to a hundredth."""
    warm = min(1.0, (run.step + 1) / run.settings.warm_up_steps)
    fall = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share))
    for group in run.optimizer.param_groups:
        group["lr"] = group["highest"] * warm * fall


def _one_step(run: _Run, batch: Batch) -> float:
    device = next(run.network.parameters()).device
    images = batch.images.to(device, memory_format=torch.channels_last)
    loss = total_loss(run.network(images), batch)
    run.optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(run.network.parameters(), 5.0)
    run.optimizer.step()
    run.averaged.update(run.network)
    run.step += 1
    return float(loss.detach())


def total_loss(said: Predictions, batch: Batch) -> Tensor:
    """The sum that training follows: the verdict, the kinds, and the places where known."""
    device = said.slice_logit.device
    verdict = functional.binary_cross_entropy_with_logits(said.slice_logit, batch.blood.to(device))
    kinds = functional.binary_cross_entropy_with_logits(said.kind_logits, batch.kinds.to(device))
    heat = heat_loss(said.heat_logit, batch.heat.to(device), batch.heat_known.to(device))
    return verdict + kinds + 0.5 * heat


def heat_loss(logit: Tensor, heat: Tensor, known: Tensor) -> Tensor:
    """Focal loss (Lin et al. 2017) a plane, by its cells with blood, and overlap (soft Dice)."""
    wrong = torch.sigmoid(torch.where(heat > 0, -logit, logit))
    cells = functional.binary_cross_entropy_with_logits(logit, heat, reduction="none")
    focal = (cells * wrong**2 * known).sum(dim=(1, 2, 3)) / heat.sum(dim=(1, 2, 3)).clamp(min=4)
    found = torch.sigmoid(logit) * known
    both = (found * heat).sum(dim=(1, 2, 3))
    dice = 1 - (2 * both + 1) / (found.sum(dim=(1, 2, 3)) + heat.sum(dim=(1, 2, 3)) + 1)
    with_blood = (heat.sum(dim=(1, 2, 3)) > 0).float()
    return focal.mean() + (dice * with_blood).sum() / with_blood.sum().clamp(min=1)


def measure(network: HaemorrhageNetwork, heads: Sequence[Head]) -> tuple[float, float]:
    """AUC by plane, and by patient (the mean of the three most suspect planes)."""
    device = next(network.parameters()).device
    edge = (STORED - CANVAS) // 2
    planes, patients = [], []
    for head in heads:
        stored = head.planes[:, edge:-edge, edge:-edge].astype(np.float32)
        canvases = torch.from_numpy(with_neighbours(to_network(stored))).to(device)
        with torch.inference_mode():
            parts = [
                network(canvases[first : first + 8]).slice_logit.cpu().numpy()
                for first in range(0, len(canvases), 8)
            ]
        planes.append(np.concatenate(parts).astype(np.float64))
        patients.append(np.sort(planes[-1])[-3:].mean())
    by_plane = auc(np.concatenate(planes), np.concatenate([head.blood for head in heads]))
    return by_plane, auc(np.array(patients), np.array([head.blood.any() for head in heads]))


def _save(run: _Run, folder: Path) -> None:
    state: dict[str, Any] = {
        "network": run.network.state_dict(),
        "averaged": run.averaged.network.state_dict(),
        "averaged_steps": run.averaged.steps,
        "optimizer": run.optimizer.state_dict(),
        "random": run.random.bit_generator.state,
        "torch_random": torch.get_rng_state(),
        "epochs": [asdict(epoch) for epoch in run.epochs],
        "step": run.step,
    }
    partial = folder / "last.pt.partial"
    torch.save(state, partial)
    partial.replace(folder / "last.pt")


def _restore(run: _Run, path: Path) -> None:
    """Take up a run where its checkpoint left it; ``weights_only`` keeps pickled code out."""
    state = torch.load(path, weights_only=True)
    run.network.load_state_dict(state["network"])
    run.averaged.network.load_state_dict(state["averaged"])
    run.averaged.steps = state["averaged_steps"]
    run.optimizer.load_state_dict(state["optimizer"])
    run.random.bit_generator.state = state["random"]
    torch.set_rng_state(state["torch_random"])
    run.epochs = [Epoch(**epoch) for epoch in state["epochs"]]
    run.step = state["step"]
