"""How fast the detectors are: OpenVINO against PyTorch, and from DICOM files to an outcome.

    .venv/bin/python benchmarks/inference.py [--rounds 5] [--threads 2] [--json FILE]

*Networks*: each detector's network in OpenVINO and eagerly in PyTorch, turn and turn about on the
same batch and threads, so that whatever else the machine does falls on both alike.

*From files to outcome*: a radiograph, a head CT of about 30 slices (both real, from
``../shared/dicom/studies``) and a chest CT of 300 slices of 512 x 512: the 30 real ones of
``chestct_a0001``, written anew with nine planes interpolated between each two. Each study goes
through headers, eligibility, digests, decoding and assessment, as in a worker whose detectors are
loaded, in a process of its own whose peak memory is told.
"""

import argparse
import importlib
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pydicom
import torch
from pydicom.uid import ExplicitVRLittleEndian
from rich.console import Console
from rich.table import Table

from models.assessment import look, select
from models.card import read_card
from models.data_set import data_set_sha256
from models.headers import DEFAULT_LIMIT_BYTES, read_series_headers
from models.runtime import Blueprint, load_network, load_torch_network
from worklist.study import ArchivedInstance
from worklist.uid import SeriesInstanceUID, SOPInstanceUID

STUDIES = Path(__file__).resolve().parents[1].parent / "shared" / "dicom" / "studies"
# the batches in which the detectors feed their networks: images, channels, rows, columns
_BATCHES = {"fracture": (1, 1, 576, 448), "haemorrhage": (8, 3, 256, 256), "nodule": (1, 1, 48, 48)}
_CHEST_SLICES = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkSpeed:
    """One network on both runtimes."""

    detector: str
    openvino_ms: float  # medians
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
    networks = [
        network_speed(name, options.rounds, options.threads)
        for name in _BATCHES
        if _installed(name)
    ]
    console.print(_networks_table(networks, options.threads))
    studies = study_speeds(options.studies, options.rounds, options.threads)
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


def network_speed(name: str, rounds: int, threads: int) -> NetworkSpeed:
    """The same network and batch on both, in turns."""
    module = importlib.import_module(f"models.{name}")
    card = read_card(module.CARD_PATH)
    plan: Blueprint = module.blueprint(card, module.CARD_PATH.with_name(card.weights_file))
    torch.set_num_threads(threads)
    runs = {
        "openvino": load_network(plan, device="cpu", threads=threads),
        "pytorch": load_torch_network(plan),
    }
    batch = np.random.default_rng(0).uniform(-1, 1, _BATCHES[name]).astype(np.float32)
    seconds: dict[str, list[float]] = {runtime: [] for runtime in runs}
    for _ in range(4 * rounds + 2):
        for runtime, run in runs.items():
            seconds[runtime].append(timed(partial(run, batch)))
    medians = {runtime: 1000 * statistics.median(of[2:]) for runtime, of in seconds.items()}
    return NetworkSpeed(
        detector=name, openvino_ms=medians["openvino"], pytorch_ms=medians["pytorch"]
    )


def study_speeds(studies: Path, rounds: int, threads: int) -> list[StudySpeed]:
    """Each study in a fresh process."""
    speeds = []
    with tempfile.TemporaryDirectory() as folder:
        chest = _thin_chest(studies / "chestct_a0001", Path(folder))
        cases = [
            ("radiograph", "fracture", sorted(studies.glob("img*"))[:1]),
            ("head CT", "haemorrhage", sorted(studies.glob("headct*"))[:1]),
            ("chest CT", "nodule", [chest] if chest else []),
        ]
        for what, detector, folders in cases:
            if not folders or not _installed(detector):
                print(f"{what}: left out, it is not in {studies} or has no detector")
                continue
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                speeds.append(
                    pool.apply(study_speed, (what, detector, folders[0], rounds, threads))
                )
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
    """Write a chest CT of 300 slices, interpolated between those that are there."""
    planes = [pydicom.dcmread(path) for path in sorted(source.glob("*.dcm"))]
    if len(planes) < 2:
        return None
    planes.sort(key=lambda plane: float(plane.ImagePositionPatient[2]))
    stored = np.stack([plane.pixel_array for plane in planes]).astype(np.float32)
    positions = np.array([[float(x) for x in plane.ImagePositionPatient] for plane in planes])
    for number, at in enumerate(np.linspace(0, len(planes) - 1, _CHEST_SLICES)):
        low = min(int(at), len(planes) - 2)
        share = at - low
        image = stored[low] * (1 - share) + stored[low + 1] * share
        position = positions[low] * (1 - share) + positions[low + 1] * share
        data_set = planes[low].copy()
        data_set.PixelData = np.round(image).astype(planes[low].pixel_array.dtype).tobytes()
        data_set.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data_set.ImagePositionPatient = [round(float(x), 4) for x in position]
        data_set.SliceThickness = round(float(np.ptp(positions[:, 2])) / (_CHEST_SLICES - 1), 4)
        data_set.SOPInstanceUID = f"2.25.{number + 1}"
        data_set.file_meta.MediaStorageSOPInstanceUID = data_set.SOPInstanceUID
        data_set.InstanceNumber = number + 1
        data_set.save_as(folder / f"{number:03}.dcm", enforce_file_format=True)
    return folder


def _networks_table(networks: list[NetworkSpeed], threads: int) -> Table:
    table = Table("network", "batch", "OpenVINO ms", "PyTorch ms", "ratio")
    table.title = f"Networks, {threads} threads, medians"
    for one in networks:
        table.add_row(
            one.detector,
            " x ".join(map(str, _BATCHES[one.detector])),
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
