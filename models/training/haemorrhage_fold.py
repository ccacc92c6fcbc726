"""Train one haemorrhage network, a member of the ensemble, resumably."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from models.calibration import auc
from models.haemorrhage_network import (
    HaemorrhageNetwork,
    Predictions,
    start_from,
)
from models.haemorrhage_volume import CANVAS, to_network, with_neighbours
from models.mobilenet import freeze_early_layers
from models.training.fitting import Fitting, write_checkpoint
from models.training.haemorrhage_augmentation import STORED, Batch, Head, draw_pass, make_batch
from models.training.progress import Progress
from models.training.resuming import MADE_WITH, made_with, read_to_resume

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


@dataclass(kw_only=True)
class _Run:
    """A training under way: all that a checkpoint holds."""

    fold: int
    settings: TrainingSettings
    fitting: Fitting[HaemorrhageNetwork]
    epochs: list[Epoch]


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
    run = _prepare(fold, settings, start)
    made = made_with(asdict(settings), _data(learnt, apart))
    saved = read_to_resume(folder, made) if resume else None
    if saved is not None:
        run.fitting.restore(saved)
        run.epochs = [Epoch(**epoch) for epoch in saved["epochs"]]
    while len(run.epochs) < settings.epochs:
        _one_epoch(run, learnt, apart, progress)
        epochs = [asdict(epoch) for epoch in run.epochs]
        write_checkpoint(folder, {**run.fitting.state(), "epochs": epochs, MADE_WITH: made})
    return run.fitting.averaged, run.epochs


def _data(learnt: Sequence[Head], apart: Sequence[Head]) -> Iterator[object]:
    for part in (learnt, apart):
        yield [(head.patient, head.blood.tolist()) for head in part]


def _prepare(fold: int, settings: TrainingSettings, start: Path) -> _Run:
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
                "lr": settings.trunk_rate,
            },
            {
                "params": [p for name, p in named if not name.startswith("blocks")],
                "lr": settings.rate,
            },
        ],
        weight_decay=settings.weight_decay,
    )
    fitting = Fitting(
        network,
        averaged=HaemorrhageNetwork(),
        optimizer=optimizer,
        random=np.random.default_rng([settings.seed, fold]),
        decay=settings.average,
        warm_up_steps=settings.warm_up_steps,
    )
    return _Run(fold=fold, settings=settings, fitting=fitting, epochs=[])


def _one_epoch(
    run: _Run, learnt: Sequence[Head], apart: Sequence[Head], progress: Progress
) -> None:
    started = time.monotonic()
    number = len(run.epochs) + 1
    settings, fitting = run.settings, run.fitting
    draws = draw_pass(
        learnt,
        negatives_per_positive=settings.negatives_per_positive,
        synthetic_per_positive=settings.synthetic_per_positive,
        random=fitting.random,
    )
    side = settings.early_side if number <= settings.early_share * settings.epochs else CANVAS
    starts = range(0, len(draws), settings.batch_size)
    losses: list[float] = []
    fitting.network.train()
    for done, first in enumerate(starts, start=1):
        fitting.set_rate((number - 1 + done / len(starts)) / settings.epochs)
        chosen = draws[first : first + settings.batch_size]
        batch = make_batch(learnt, chosen, fitting.random, side)
        losses.append(fitting.learn(_loss(fitting.network, batch)))
        progress(
            f"network {run.fold}, pass {number}, loss {np.mean(losses[-50:]):.3f}",
            done / len(starts),
        )
    told = number % _TOLD_EVERY == 0 or number == settings.epochs
    slice_auc, patient_auc = measure(fitting.averaged, apart) if told else (math.nan, math.nan)
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


def _loss(network: HaemorrhageNetwork, batch: Batch) -> Tensor:
    device = next(network.parameters()).device
    images = batch.images.to(device, memory_format=torch.channels_last)
    return total_loss(network(images), batch)


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
