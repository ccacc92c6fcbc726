"""Train one network of a cross-validation, a member of an ensemble, resumably."""

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from models.both_halves import BothHalves, start_from
from models.mobilenet import freeze_early_layers
from models.training.device import training_device
from models.training.fitting import Fitting, write_checkpoint
from models.training.progress import Progress
from models.training.resuming import MADE_WITH, made_with, read_to_resume

Net = TypeVar("Net", bound=BothHalves)

_TOLD_EVERY = 3  # passes; measuring takes a quarter of the time of one


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """How a network learns."""

    epochs: int = 14
    batch_size: int = 4
    rate: float = 1e-3  # highest learning rate of the new layers
    trunk_rate: float = 3e-4  # of the ImageNet trunk
    warm_up_steps: int = 40
    weight_decay: float = 0.02
    average: float = 0.99  # decay a step of the averaged weights


@dataclass(frozen=True, kw_only=True, slots=True)
class Epoch:
    """What one pass of one network came to."""

    part: str  # of the detector
    fold: int  # counts from 1
    number: int  # counts from 1
    loss: float  # mean over the pass
    slice_auc: float  # planes of the fold's own patients, not learnt from; nan: not measured
    patient_auc: float  # the same, by the mean of a patient's three most suspect planes
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Going:
    """How a training is begun and watched."""

    seed: int
    start: Path  # weights (``models.both_halves.start_from``)
    resume: bool = False  # from the checkpoint, where there is one
    progress: Progress = lambda _what, _share: None


class Lesson(Protocol[Net]):
    """What one kind of network learns from, and what it is watched on."""

    @property
    def part(self) -> str:
        """Of the detector: the name of its weights."""

    def network(self) -> Net:
        """A new network."""

    def draws(self, random: np.random.Generator) -> Sequence[Any]:
        """What one pass learns from, in its order."""

    def loss(
        self, network: Net, draws: Sequence[Any], random: np.random.Generator, number: int
    ) -> Tensor:
        """Of one batch of the pass of this number, from 1."""

    def measure(self, network: Net) -> tuple[float, float]:
        """AUC by plane and by patient of those set apart."""

    def data(self) -> Iterable[object]:
        """What tells these patients from others (``models.training.resuming.made_with``)."""


@dataclass(kw_only=True)
class _Run(Generic[Net]):
    """A training under way: all that a checkpoint holds."""

    fold: int
    lesson: Lesson[Net]
    recipe: Recipe
    fitting: Fitting[Net]
    epochs: list[Epoch]


def train_fold(
    fold: int,
    lesson: Lesson[Net],
    folder: Path,
    recipe: Recipe,
    going: Going,
) -> tuple[Net, list[Epoch]]:
    """Train on some patients, watching others; the last pass's averaged network is the result.

    The patients set apart choose nothing: they are there to be reported and to calibrate on.
    ``last.pt`` in the folder is written after every pass.
    """
    folder.mkdir(parents=True, exist_ok=True)
    run = _prepare(fold, lesson, recipe, going)
    start = sha256(going.start.read_bytes()).hexdigest()
    made = made_with({**asdict(recipe), "seed": going.seed, "start": start}, lesson.data())
    saved = read_to_resume(folder, made) if going.resume else None
    if saved is not None:
        run.fitting.restore(saved)
        run.epochs = [Epoch(**epoch) for epoch in saved["epochs"]]
    while len(run.epochs) < recipe.epochs:
        run.epochs.append(_one_epoch(run, going.progress))
        epochs = [asdict(epoch) for epoch in run.epochs]
        write_checkpoint(folder, {**run.fitting.state(), "epochs": epochs, MADE_WITH: made})
    return run.fitting.averaged, run.epochs


def _prepare(fold: int, lesson: Lesson[Net], recipe: Recipe, going: Going) -> _Run[Net]:
    torch.manual_seed(going.seed + 1000 * fold)
    network = lesson.network()
    start_from(network, load_file(going.start), lesson.part, fold - 1)
    freeze_early_layers(network.stem, network.blocks)
    network.to(device=training_device(), memory_format=torch.channels_last)  # type: ignore[call-overload]
    named = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
    trunk = [p for name, p in named if name.startswith("blocks")]
    new = [p for name, p in named if not name.startswith("blocks")]
    optimizer = torch.optim.AdamW(
        [{"params": trunk, "lr": recipe.trunk_rate}, {"params": new, "lr": recipe.rate}],
        weight_decay=recipe.weight_decay,
    )
    fitting = Fitting(
        network,
        averaged=lesson.network(),
        optimizer=optimizer,
        random=np.random.default_rng([going.seed, fold]),
        decay=recipe.average,
        warm_up_steps=recipe.warm_up_steps,
    )
    return _Run(fold=fold, lesson=lesson, recipe=recipe, fitting=fitting, epochs=[])


def _one_epoch(run: _Run[Net], progress: Progress) -> Epoch:
    started = time.monotonic()
    number = len(run.epochs) + 1
    lesson, recipe, fitting = run.lesson, run.recipe, run.fitting
    draws = lesson.draws(fitting.random)
    starts = range(0, len(draws), recipe.batch_size)
    losses: list[float] = []
    fitting.network.train()
    for done, first in enumerate(starts, start=1):
        fitting.set_rate((number - 1 + done / len(starts)) / recipe.epochs)
        chosen = draws[first : first + recipe.batch_size]
        losses.append(fitting.learn(lesson.loss(fitting.network, chosen, fitting.random, number)))
        progress(
            f"{lesson.part}, network {run.fold}, pass {number}, loss {np.mean(losses[-50:]):.3f}",
            done / len(starts),
        )
    told = number % _TOLD_EVERY == 0 or number == recipe.epochs
    slice_auc, patient_auc = lesson.measure(fitting.averaged) if told else (math.nan, math.nan)
    return Epoch(
        part=lesson.part,
        fold=run.fold,
        number=number,
        loss=float(np.mean(losses)),
        slice_auc=slice_auc,
        patient_auc=patient_auc,
        seconds=time.monotonic() - started,
    )
