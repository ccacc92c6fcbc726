"""Train the fracture network: ``train`` is what ``vigie train fracture`` calls."""

import math
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from models.boxes import decode
from models.fracture import CARD_PATH
from models.fracture_network import (
    FractureNetwork,
    start_from,
)
from models.letterbox import CANVAS_MULTIPLE, STRIDE, to_canvas
from models.measures import auc, average_precision
from models.mobilenet import freeze_early_layers
from models.training.augmentation import Batch, Sample, batches, load_samples, make_batch, read_grey
from models.training.detector_files import save_weights
from models.training.device import training_device
from models.training.evaluation import corners
from models.training.export import export
from models.training.figures import without_nan
from models.training.fitting import Fitting, write_checkpoint
from models.training.labels import LabelledRadiograph, LabelsError, read_labels
from models.training.losses import total_loss
from models.training.progress import Progress
from models.training.report import write_report
from models.training.resuming import MADE_WITH, made_with, read_to_resume


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingSettings:
    """How to train; written into the run's report."""

    epochs: int = 24
    image_size: int = 448  # longest side of the canvas' content, pixels
    early_share: float = 0.5  # of the passes, which see smaller images: they are faster
    early_scale: float = 0.857  # of the longest side, in those passes
    seed: int = 1
    batch_size: int = 8
    negatives_per_positive: float = 1.2  # unfractured radiographs drawn a pass
    rate: float = 1e-3  # highest learning rate of the new layers
    trunk_rate: float = 3e-4  # of the ImageNet trunk
    warm_up_steps: int = 60
    weight_decay: float = 0.02
    average: float = 0.995  # decay a step of the averaged weights
    threads: int = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Epoch:
    """What one pass came to."""

    number: int  # counts from 1
    loss: float  # mean over the pass, training images
    auc: float  # valid images, averaged weights
    average_precision: float  # at IoU 0.5, valid images, averaged weights
    seconds: float


@dataclass(kw_only=True)
class _Run:
    """A training under way: all that a checkpoint holds."""

    settings: TrainingSettings
    made_with: dict[str, Any]
    fitting: Fitting[FractureNetwork]
    epochs: list[Epoch]


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

    The folder then holds ``fracture.safetensors`` and ``fracture.toml`` (what
    ``models.training.export.promote`` installs), ``report.json``, ``report.svg`` and the
    checkpoint ``last.pt``.

    Parameters
    ----------
    data
        A folder with ``labels.csv``; see ``split_rows`` for what is learnt from.
    settings
        How to train; None takes the defaults.
    start
        Weights to start from (safetensors): a whole fracture network, or the ImageNet trunk.
        None starts from the installed detector's.
    version
        Of the model card.
    resume
        Go on from ``last.pt`` where there is one; a finished training is exported anew.

    Returns
    -------
    dict
        The report, ready for JSON.

    Raises
    ------
    models.training.labels.LabelsError
        If the folder cannot be trained on.
    ValueError
        If ``last.pt`` was made with other settings or data.
    """
    settings = settings or TrainingSettings()
    learnt, valid = split_rows(read_labels(data))
    start = start or CARD_PATH.with_suffix(".safetensors")
    epochs = train_network(
        learnt, valid, run_folder, settings, start=start, resume=resume, progress=progress
    )
    card = export(
        run_folder / "best.safetensors",
        run_folder,
        valid=valid,
        image_size=settings.image_size,
        version=version,
        progress=progress,
    )
    report: dict[str, Any] = without_nan(
        {
            "data": str(data),
            "learnt": len(learnt),
            "valid": len(valid),
            "start": {"file": start.name, "sha256": sha256(start.read_bytes()).hexdigest()},
            "settings": asdict(settings),
            "device": training_device().type,
            "best": max(epochs, key=_worth).number,
            "epochs": [asdict(epoch) for epoch in epochs],
            "performance": card.performance,
        }
    )
    curves = {"valid AUC": "auc", "valid AP at IoU 0.5": "average_precision"}
    write_report(run_folder, report, curves)
    return report


def split_rows(
    rows: Sequence[LabelledRadiograph],
) -> tuple[list[LabelledRadiograph], list[LabelledRadiograph]]:
    """What is learnt from (split ``train``) and what chooses and calibrates (``valid``).

    Where no row is of split ``valid``, a sixth of the others is set apart by the digest of the
    image's name: the same ones each time. Images of one patient may then be on both sides.

    Raises
    ------
    LabelsError
        If either part lacks images with or without a fracture.
    """
    valid = [row for row in rows if row.split == "valid"]
    if not valid:
        open_rows = [row for row in rows if row.split in (None, "train")]
        for fractured in (True, False):
            of_class = [row for row in open_rows if row.fractured is fractured]
            of_class.sort(key=lambda row: sha256(row.image.encode()).digest())
            valid += of_class[: max(1, len(of_class) // 6)]
    apart = {row.image for row in valid}
    learnt = [row for row in rows if row.split in (None, "train") and row.image not in apart]
    for name, part in (("to learn from", learnt), ("to calibrate on", valid)):
        if len({row.fractured for row in part}) < 2:
            raise LabelsError(f"the images {name} must be some with and some without a fracture")
    return learnt, valid


def train_network(
    learnt: Sequence[LabelledRadiograph],
    valid: Sequence[LabelledRadiograph],
    run_folder: Path,
    settings: TrainingSettings,
    *,
    start: Path,
    resume: bool = False,
    progress: Progress = lambda _what, _share: None,
) -> list[Epoch]:
    """Train, leaving ``last.pt`` and ``best.safetensors`` in the run folder."""
    run_folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(settings.threads)
    run = _prepare(settings, start, made_with(asdict(settings), _data(learnt, valid)))
    saved = read_to_resume(run_folder, run.made_with) if resume else None
    if saved is not None:
        run.fitting.restore(saved)
        run.epochs = [Epoch(**epoch) for epoch in saved["epochs"]]
    if len(run.epochs) >= settings.epochs:
        return run.epochs
    samples: list[Sample] = []
    for sample in load_samples(learnt, settings.image_size):
        samples.append(sample)
        progress("reading images", len(samples) / len(learnt))
    while len(run.epochs) < settings.epochs:
        _one_epoch(run, samples, valid, run_folder, progress)
    return run.epochs


def _data(
    learnt: Sequence[LabelledRadiograph], valid: Sequence[LabelledRadiograph]
) -> Iterator[object]:
    for part in (learnt, valid):
        yield [(row.image, row.fractured, row.boxes) for row in part]


def _prepare(settings: TrainingSettings, start: Path, made: dict[str, Any]) -> _Run:
    torch.manual_seed(settings.seed)
    network = FractureNetwork()
    start_from(network, load_file(start))
    freeze_early_layers(network.stem, network.blocks)
    network.to(device=training_device(), memory_format=torch.channels_last)  # type: ignore[call-overload]
    trunk = [p for n, p in network.named_parameters() if n.startswith(("stem", "blocks", "head"))]
    new = [p for n, p in network.named_parameters() if not n.startswith(("stem", "blocks", "head"))]
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in trunk if p.requires_grad], "lr": settings.trunk_rate},
            {"params": new, "lr": settings.rate},
        ],
        weight_decay=settings.weight_decay,
    )
    fitting = Fitting(
        network,
        averaged=FractureNetwork(),
        optimizer=optimizer,
        random=np.random.default_rng(settings.seed),
        decay=settings.average,
        warm_up_steps=settings.warm_up_steps,
    )
    return _Run(settings=settings, made_with=made, fitting=fitting, epochs=[])


def _one_epoch(
    run: _Run,
    samples: Sequence[Sample],
    valid: Sequence[LabelledRadiograph],
    run_folder: Path,
    progress: Progress,
) -> None:
    started = time.monotonic()
    number = len(run.epochs) + 1
    longest = _longest(run.settings, number)
    drawn = batches(
        samples,
        longest=longest,
        size=run.settings.batch_size,
        negatives_per_positive=run.settings.negatives_per_positive,
        random=run.fitting.random,
    )
    losses = []
    run.fitting.network.train()
    for done, batch in enumerate(_made_ahead(run, samples, drawn, longest), start=1):
        run.fitting.set_rate((number - 1 + done / len(drawn)) / run.settings.epochs)
        losses.append(run.fitting.learn(_loss(run.fitting.network, batch)))
        progress(f"pass {number}, loss {np.mean(losses[-50:]):.3f}", done / len(drawn))
    area, precision = measure(run.fitting.averaged, valid, run.settings.image_size)
    run.epochs.append(
        Epoch(
            number=number,
            loss=float(np.mean(losses)),
            auc=area,
            average_precision=precision,
            seconds=time.monotonic() - started,
        )
    )
    _save(run, run_folder)


def _longest(settings: TrainingSettings, number: int) -> int:
    """The longest side of the images that a pass (counted from 1) sees, pixels."""
    early = number <= settings.early_share * settings.epochs
    return round(settings.image_size * settings.early_scale) if early else settings.image_size


def _made_ahead(
    run: _Run, samples: Sequence[Sample], drawn: Sequence[tuple[int, ...]], longest: int
) -> Iterator[Batch]:
    """The batches in order, the next one made by another thread while this one is learnt from."""
    with ThreadPoolExecutor(1) as pool:
        under_way: Future[Batch] | None = None
        for chosen in drawn:
            of_batch = [samples[number] for number in chosen]
            following = pool.submit(make_batch, of_batch, longest, run.fitting.random)
            if under_way is not None:
                yield under_way.result()
            under_way = following
        if under_way is not None:
            yield under_way.result()


def _loss(network: FractureNetwork, batch: Batch) -> Tensor:
    device = next(network.parameters()).device
    images = batch.images.to(device, memory_format=torch.channels_last)
    return total_loss(network(images), batch.boxes, batch.fractured.to(device))


def measure(
    network: FractureNetwork, rows: Sequence[LabelledRadiograph], image_size: int
) -> tuple[float, float]:
    """AUC of the verdict and average precision at IoU 0.5 of a network on labelled images."""
    device = next(network.parameters()).device
    logits, found, truth = [], [], []
    for row in rows:
        canvas, letterbox = to_canvas(read_grey(row), image_size, CANVAS_MULTIPLE)
        with torch.no_grad():
            said = network(torch.from_numpy(canvas)[None, None].to(device))
        heat, sides = (x[0].float().cpu().numpy() for x in (said.heat_logit[0], said.distances))
        boxes, scores = decode(heat, sides, stride=STRIDE, count=10, overlap_limit=0.3)
        logit = float(said.image_logit[0])
        logits.append(logit)
        found.append((letterbox.to_source(boxes), scores / (1 + math.exp(-logit))))
        truth.append(corners(row))
    labels = np.array([row.fractured for row in rows], bool)
    return auc(np.array(logits), labels), average_precision(found, truth)


def _save(run: _Run, run_folder: Path) -> None:
    if max(run.epochs, key=_worth) is run.epochs[-1]:
        save_weights(run.fitting.averaged.state_dict(), run_folder / "best.safetensors")
    epochs = [asdict(epoch) for epoch in run.epochs]
    state = {**run.fitting.state(), "epochs": epochs, MADE_WITH: run.made_with}
    write_checkpoint(run_folder, state)


def _worth(epoch: Epoch) -> float:
    """What a pass is chosen by: ranking of images and places, equally."""
    return sum(v for v in (epoch.auc, epoch.average_precision) if not math.isnan(v))
