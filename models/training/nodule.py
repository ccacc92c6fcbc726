"""Train the nodule network: ``train`` is what ``vigie train nodule`` calls."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from models.measures import auc
from models.mobilenet import start_from
from models.nodule_network import NoduleMember
from models.training.detector_files import save_members
from models.training.device import training_device
from models.training.fitting import Fitting, write_checkpoint
from models.training.nodule_augmentation import batches, mix, vary
from models.training.nodule_data import LabelledCuts, central, read_cuts, split_cuts
from models.training.nodule_evaluation import ranking_precision
from models.training.nodule_export import WEIGHTS_NAME, export
from models.training.progress import Progress
from models.training.report import write_report
from models.training.resuming import MADE_WITH, made_with, read_to_resume

_MEASURED_AT_ONCE = 128


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingSettings:
    """How to train; written into the run's report."""

    epochs: int = 12  # of each member
    members: int = 3
    seed: int = 1
    batch_size: int = 64
    negatives_per_positive: float = 2.0  # cuts without a nodule drawn a pass
    rate: float = 4e-4  # highest learning rate
    warm_up_steps: int = 60
    weight_decay: float = 0.02
    smoothing: float = 0.02  # of the labels: some are wrong
    average: float = 0.995  # decay a step of the averaged weights
    threads: int = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Epoch:
    """What one pass of one member came to."""

    number: int  # counts from 1 over all members
    member: int  # counts from 1
    loss: float  # mean over the pass, training cuts
    auc: float  # valid cuts, averaged weights, one view
    average_precision: float  # the same
    seconds: float


@dataclass(kw_only=True)
class _Run:
    """One member under way, and those that are done: all that a checkpoint holds."""

    settings: TrainingSettings
    done: list[dict[str, Tensor]] = field(default_factory=list)
    fitting: Fitting[NoduleMember]
    epochs: list[Epoch] = field(default_factory=list)


def train(
    data: Path,
    run_folder: Path,
    *,
    settings: TrainingSettings | None = None,
    start: Path | None = None,
    version: str = "0.0.0",
    resume: bool = False,
    progress: Progress = lambda _what, _share: None,
) -> dict[str, Any]:
    """Train, calibrate and export a detector into a run folder.

    The folder then holds ``nodule.safetensors`` and ``nodule.toml`` (what
    ``models.training.nodule_export.promote`` installs), ``report.json``, ``report.svg`` and the
    checkpoint ``last.pt``.

    Parameters
    ----------
    data
        A folder with ``candidates.npz``; see ``split_cuts`` for what is learnt from.
    settings
        How to train; None takes the defaults.
    start
        ImageNet weights of the trunk to start from (safetensors); None starts from chance.
    version
        Of the model card.
    resume
        Go on from ``last.pt`` where there is one.

    Returns
    -------
    dict
        The report, ready for JSON.

    Raises
    ------
    models.training.labels.LabelsError
        If the folder cannot be trained on.
    """
    settings = settings or TrainingSettings()
    learnt, valid = split_cuts(read_cuts(data))
    run_folder.mkdir(parents=True, exist_ok=True)
    run = train_members(
        learnt, valid, run_folder, settings, start=start, resume=resume, progress=progress
    )
    save_members(run.done, run_folder / WEIGHTS_NAME)
    card = export(run_folder, valid=valid, members=len(run.done), version=version)
    report: dict[str, Any] = {
        "data": str(data),
        "learnt": len(learnt),
        "valid": len(valid),
        "start": None
        if start is None
        else {"file": start.name, "sha256": sha256(start.read_bytes()).hexdigest()},
        "settings": asdict(settings),
        "device": training_device().type,
        "epochs": [asdict(epoch) for epoch in run.epochs if epoch.member <= len(run.done)],
        "performance": card.performance,
    }
    write_report(run_folder, report, {"valid AUC": "auc", "valid AP": "average_precision"})
    return report


def train_members(
    learnt: LabelledCuts,
    valid: LabelledCuts,
    run_folder: Path,
    settings: TrainingSettings,
    *,
    start: Path | None,
    resume: bool = False,
    progress: Progress = lambda _what, _share: None,
) -> _Run:
    """Train one member after the other, leaving ``last.pt`` in the run folder after each pass."""
    torch.set_num_threads(settings.threads)
    made = made_with(asdict(settings), _data(learnt, valid))
    saved = read_to_resume(run_folder, made) if resume else None
    first = 1 if saved is None else len(saved["done"]) + 1
    run = _member(settings, min(first, settings.members), start)
    if saved is not None:
        run.fitting.restore(saved)
        run.done, run.epochs = saved["done"], [Epoch(**epoch) for epoch in saved["epochs"]]
    while len(run.done) < settings.members:
        while _passes(run) < settings.epochs:
            _one_epoch(run, learnt, valid, progress)
            _save(run, made, run_folder)
        run.done.append({n: w.clone() for n, w in run.fitting.averaged.state_dict().items()})
        if len(run.done) < settings.members:
            after = _member(settings, len(run.done) + 1, start)
            after.done, after.epochs = run.done, run.epochs
            run = after
        _save(run, made, run_folder)
    return run


def _data(learnt: LabelledCuts, valid: LabelledCuts) -> Iterator[bytes]:
    for part in (learnt, valid):
        yield part.cuts.tobytes()
        yield part.nodule.tobytes()


def _passes(run: _Run) -> int:
    """How many passes the member under way has seen."""
    return sum(epoch.member == len(run.done) + 1 for epoch in run.epochs)


def _member(settings: TrainingSettings, number: int, start: Path | None) -> _Run:
    """A new member; each has its own random numbers."""
    torch.manual_seed(settings.seed * 1000 + number)
    network = NoduleMember()
    if start is not None:
        start_from(network, load_file(start))
    network.to(device=training_device(), memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings.rate, weight_decay=settings.weight_decay
    )
    fitting = Fitting(
        network,
        averaged=NoduleMember(),
        optimizer=optimizer,
        random=np.random.default_rng((settings.seed, number)),
        decay=settings.average,
        warm_up_steps=settings.warm_up_steps,
    )
    return _Run(settings=settings, fitting=fitting)


def _one_epoch(run: _Run, learnt: LabelledCuts, valid: LabelledCuts, progress: Progress) -> None:
    started = time.monotonic()
    settings, member, before = run.settings, len(run.done) + 1, _passes(run)
    drawn = list(
        batches(
            learnt.nodule,
            size=settings.batch_size,
            negatives_per_positive=settings.negatives_per_positive,
            random=run.fitting.random,
        )
    )
    losses = []
    run.fitting.network.train()
    for number, chosen in enumerate(drawn, start=1):
        run.fitting.set_rate((before + number / len(drawn)) / settings.epochs)
        losses.append(run.fitting.learn(_loss(run, learnt[chosen])))
        what = f"network {member}, pass {before + 1}, loss {np.mean(losses[-20:]):.3f}"
        progress(what, (len(run.epochs) + number / len(drawn)) / _total(settings))
    logits = member_logits(run.fitting.averaged, valid)
    run.epochs.append(
        Epoch(
            number=len(run.epochs) + 1,
            member=member,
            loss=float(np.mean(losses)),
            auc=auc(logits, valid.nodule),
            average_precision=ranking_precision(logits, valid.nodule),
            seconds=time.monotonic() - started,
        )
    )


def _total(settings: TrainingSettings) -> int:
    return settings.members * settings.epochs


def _loss(run: _Run, drawn: LabelledCuts) -> Tensor:
    softness, random = run.settings.smoothing, run.fitting.random
    targets = torch.from_numpy(drawn.nodule.astype(np.float32)) * (1 - 2 * softness) + softness
    cuts, targets = mix(vary(drawn.cuts, random), targets, random)
    device = next(run.fitting.network.parameters()).device
    logits = run.fitting.network(cuts.to(device, memory_format=torch.channels_last))
    return functional.binary_cross_entropy_with_logits(logits, targets.to(device))


def member_logits(member: NoduleMember, cuts: LabelledCuts) -> npt.NDArray[np.float64]:
    """What one member says of cuts, seen once."""
    device = next(member.parameters()).device
    grey = torch.from_numpy(central(cuts.cuts))[:, None]
    with torch.inference_mode():
        said = [member(part.to(device)) for part in torch.split(grey, _MEASURED_AT_ONCE)]
    return torch.cat(said).double().cpu().numpy()


def _save(run: _Run, made: dict[str, Any], run_folder: Path) -> None:
    epochs = [asdict(epoch) for epoch in run.epochs]
    state = {**run.fitting.state(), "done": run.done, "epochs": epochs, MADE_WITH: made}
    write_checkpoint(run_folder, state)
