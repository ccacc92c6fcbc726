"""How fast the detectors are: OpenVINO against PyTorch, and from DICOM files to an outcome.

    .venv/bin/python benchmarks/inference.py [--rounds 5] [--threads 2] [--json FILE]

*Networks*: each detector's networks in OpenVINO and eagerly in PyTorch, turn and turn about on the
same batch and threads, so that whatever else the machine does falls on both alike. The batch is the
one that the detector itself sent most often when it looked at the study below.

*From files to outcome*: a radiograph, a head CT of about 30 slices (both real, from
``../shared/dicom/studies``) and a chest CT of 300 slices of 512 x 512, 1 mm apart: as tall as a
chest, made of the 21 real slices of ``chestct_a0001``, which are 5 mm apart and cover a third of
one. Between them planes are interpolated; on top of them they lie mirrored, and on those once more
as they are, so that the lungs go on. Each study goes through headers, eligibility, digests,
decoding and assessment, as in a worker whose detectors are loaded, in a process of its own whose
peak memory is told.
"""

import argparse
import importlib
import json
import math
import multiprocessing
import os
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
import torch
from pydicom.uid import ExplicitVRLittleEndian
from rich.console import Console
from rich.table import Table

from models.assessment import look, select
from models.card import read_card
from models.data_set import data_set_sha256
from models.headers import DEFAULT_LIMIT_BYTES, read_series_headers
from models.runtime import Blueprint, Network, load_network, load_torch_network
from worklist.study import ArchivedInstance
from worklist.uid import SeriesInstanceUID, SOPInstanceUID

STUDIES = Path(__file__).resolve().parents[1].parent / "shared" / "dicom" / "studies"
_CHEST_SLICES, _CHEST_GAP_MM = 300, 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkSpeed:
    """One network on both runtimes."""

    detector: str
    network: str  # which of the detector's
    batch: tuple[int, ...]  # images, channels, rows, columns
    calls: int  # with such a batch, for one study
    openvino_ms: float  # medians of one call
    pytorch_ms: float

    @property
    def ratio(self) -> float:
        """How many times as fast OpenVINO is."""
        return self.pytorch_ms / self.openvino_ms


@dataclass(frozen=True, kw_only=True, slots=True)
class StudySpeed:
    """One study from its files to its outcome."""

    study: str
    detector: str
    images: int
    median_s: float
    slowest_s: float
    peak_memory_mib: float  # of the process, its detector loaded
    outcome: str


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--studies", type=Path, default=STUDIES)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        cases = _cases(options.studies, Path(folder))
        networks = [
            speed
            for _, name, study in cases
            for speed in network_speeds(name, study, options.rounds, options.threads)
        ]
        console.print(_networks_table(networks, options.threads))
        studies = study_speeds(cases, options.rounds, options.threads)
        console.print(_studies_table(studies, options.threads))
    if options.json:
        content = {
            "threads": options.threads,
            "networks": [{**asdict(one), "ratio": one.ratio} for one in networks],
            "studies": [asdict(one) for one in studies],
        }
        options.json.write_text(json.dumps(content, indent=1), encoding="utf-8")


def _installed(name: str) -> bool:
    return (Path(__file__).resolve().parents[1] / "models" / "weights" / f"{name}.toml").is_file()


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """What a detector sends to one of its networks."""

    plan: Blueprint
    images: npt.NDArray[np.float32]  # (images, channels, rows, columns)
    calls: int  # with a batch of this shape, for one study


class RecordingMachine:
    """A ``models.loading.Machine`` whose networks keep the batches they are sent."""

    device = "cpu"
    cache = None

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._sent: list[tuple[Blueprint, list[npt.NDArray[np.float32]]]] = []

    def network(self, blueprint: Blueprint) -> Network:
        """A network that is ready to run, and keeps what it is sent."""
        run = load_network(blueprint, device="cpu", threads=self.threads)
        batches: list[npt.NDArray[np.float32]] = []
        self._sent.append((blueprint, batches))

        def keeping(batch: npt.NDArray[np.float32]) -> Any:
            batches.append(batch.copy())
            return run(batch)

        return keeping

    def most_used(self) -> list[Batch]:
        """Of each network, a batch of the shape it was sent most often; the largest of several."""
        found = []
        for plan, batches in self._sent:
            if not batches:
                continue
            counts = Counter(batch.shape for batch in batches)
            shape = max(counts, key=lambda one: (counts[one], math.prod(one)))
            images = next(batch for batch in batches if batch.shape == shape)
            found.append(Batch(plan=plan, images=images, calls=counts[shape]))
        return found


def batches_of(name: str, folder: Path, threads: int) -> list[Batch]:
    """What the detector sends to its networks as it looks at a study."""
    module = importlib.import_module(f"models.{name}")
    card = read_card(module.CARD_PATH)
    machine = RecordingMachine(threads)
    detector = module.assemble(card, module.CARD_PATH.with_name(card.weights_file), machine)
    instances = [_archived(path) for path in sorted(folder.glob("*.dcm"))]
    look(
        detector,
        select(detector, read_series_headers(instances, folder)),
        limit_bytes=DEFAULT_LIMIT_BYTES,
    )
    return machine.most_used()


def network_speeds(name: str, folder: Path, rounds: int, threads: int) -> list[NetworkSpeed]:
    """Each network of a detector on both runtimes, in turns."""
    torch.set_num_threads(threads)
    speeds = []
    for sent in batches_of(name, folder, threads):
        runs = {
            "openvino": load_network(sent.plan, device="cpu", threads=threads),
            "pytorch": load_torch_network(sent.plan),
        }
        seconds: dict[str, list[float]] = {runtime: [] for runtime in runs}
        for _ in range(4 * rounds + 2):
            for runtime, run in runs.items():
                seconds[runtime].append(timed(partial(run, sent.images)))
        medians = {runtime: 1000 * statistics.median(of[2:]) for runtime, of in seconds.items()}
        speeds.append(
            NetworkSpeed(
                detector=name,
                network=sent.plan.prefix.rstrip(".") or "all members",
                batch=sent.images.shape,
                calls=sent.calls,
                openvino_ms=medians["openvino"],
                pytorch_ms=medians["pytorch"],
            )
        )
    return speeds


def _cases(studies: Path, folder: Path) -> list[tuple[str, str, Path]]:
    """What it is, the detector, where the study lies; those that are not there are named."""
    chest = _thin_chest(studies / "chestct_a0001", folder)
    wanted = [
        ("radiograph", "fracture", next(iter(sorted(studies.glob("img*"))), None)),
        ("head CT", "haemorrhage", next(iter(sorted(studies.glob("headct*"))), None)),
        ("chest CT", "nodule", chest),
    ]
    cases = []
    for what, detector, study in wanted:
        if study is None or not _installed(detector):
            print(f"{what}: left out, it is not in {studies} or has no detector")
        else:
            cases.append((what, detector, study))
    return cases


def study_speeds(cases: list[tuple[str, str, Path]], rounds: int, threads: int) -> list[StudySpeed]:
    """Each study in a fresh process."""
    speeds = []
    for what, detector, folder in cases:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            speeds.append(pool.apply(study_speed, (what, detector, folder, rounds, threads)))
    return speeds


def study_speed(what: str, name: str, folder: Path, rounds: int, threads: int) -> StudySpeed:
    """Headers, eligibility, digests, decoding, assessment; the detector is loaded before."""
    instances = [_archived(path) for path in sorted(folder.glob("*.dcm"))]
    detector = importlib.import_module(f"models.{name}").load(threads=threads, device="cpu")
    outcomes: list[str] = []

    def assess() -> None:
        selection = select(detector, read_series_headers(instances, folder))
        seen = look(detector, selection, limit_bytes=DEFAULT_LIMIT_BYTES)
        probability = getattr(seen.outcome, "probability", None)
        outcomes.append(
            f"{type(seen.outcome).__name__} "
            + (f"{probability:.2f}" if probability is not None else seen.outcome.reason)
        )

    seconds = [timed(assess) for _ in range(rounds + 1)][1:]
    return StudySpeed(
        study=what,
        detector=name,
        images=len(instances),
        median_s=statistics.median(seconds),
        slowest_s=max(seconds),
        peak_memory_mib=_peak_memory_kib() / 1024,
        outcome=outcomes[-1],
    )


def _peak_memory_kib() -> int:
    """Of this process alone; getrusage would count what its parent had before it was started."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0])


def _archived(path: Path) -> ArchivedInstance:
    header = pydicom.dcmread(path, stop_before_pixels=True)
    return ArchivedInstance(
        sop_instance_uid=SOPInstanceUID(header.SOPInstanceUID),
        series_instance_uid=SeriesInstanceUID(header.SeriesInstanceUID),
        sha256=data_set_sha256(path),
        archive_path=path.name,
    )


def _thin_chest(source: Path, folder: Path) -> Path | None:
    """Write a chest CT of 300 slices 1 mm apart: those that are there, up and down and up again."""
    planes = [pydicom.dcmread(path) for path in sorted(source.glob("*.dcm"))]
    if len(planes) < 2:
        return None
    planes.sort(key=lambda plane: float(plane.ImagePositionPatient[2]))
    stored = np.stack([plane.pixel_array for plane in planes]).astype(np.float32)
    x, y, lowest = map(float, planes[0].ImagePositionPatient)
    top = len(planes) - 1
    gap_mm = (float(planes[-1].ImagePositionPatient[2]) - lowest) / top
    for number in range(_CHEST_SLICES):
        height_mm = number * _CHEST_GAP_MM
        at = top - abs(height_mm / gap_mm % (2 * top) - top)
        low = min(int(at), top - 1)
        image = stored[low] * (1 - (at - low)) + stored[low + 1] * (at - low)
        data_set = planes[low].copy()
        data_set.PixelData = np.round(image).astype(planes[low].pixel_array.dtype).tobytes()
        data_set.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data_set.ImagePositionPatient = [x, y, round(lowest + height_mm, 4)]
        data_set.SliceThickness = _CHEST_GAP_MM
        data_set.SOPInstanceUID = f"2.25.{number + 1}"
        data_set.file_meta.MediaStorageSOPInstanceUID = data_set.SOPInstanceUID
        data_set.InstanceNumber = number + 1
        data_set.save_as(folder / f"{number:03}.dcm", enforce_file_format=True)
    return folder


def _networks_table(networks: list[NetworkSpeed], threads: int) -> Table:
    table = Table("detector", "network", "batch", "calls", "OpenVINO ms", "PyTorch ms", "ratio")
    table.title = f"Networks, {threads} threads, medians of one call"
    for one in networks:
        table.add_row(
            one.detector,
            one.network,
            " x ".join(map(str, one.batch)),
            str(one.calls),
            f"{one.openvino_ms:.1f}",
            f"{one.pytorch_ms:.1f}",
            f"{one.ratio:.1f}",
        )
    return table


def _studies_table(studies: list[StudySpeed], threads: int) -> Table:
    table = Table("study", "images", "median s", "slowest s", "peak MiB", "outcome")
    table.title = f"From DICOM files to an outcome, {threads} threads"
    for one in studies:
        table.add_row(
            one.study,
            str(one.images),
            f"{one.median_s:.3f}",
            f"{one.slowest_s:.3f}",
            f"{one.peak_memory_mib:.0f}",
            one.outcome,
        )
    return table


def timed(work: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
