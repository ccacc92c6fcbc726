"""How fast the fracture detector is: OpenVINO against PyTorch, and from file to outcome.

Run from the checkout: ``python benchmarks/inference.py``. The two run in turns on the same
images and threads, so that whatever else the machine does falls on both alike.
"""

import argparse
import hashlib
import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

from models.card import read_card
from models.fracture import CARD_PATH, blueprint, load
from models.headers import read_series_headers
from models.images import load_series
from models.runtime import load_network, load_torch_network
from worklist.study import ArchivedInstance
from worklist.uid import SeriesInstanceUID, SOPInstanceUID

STUDIES = Path(__file__).parents[1].parent / "shared" / "dicom" / "studies"


def main() -> None:
    """Print one line a measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--studies", type=Path, default=STUDIES)
    options = parser.parse_args()
    networks(options.rounds, options.threads)
    file_to_outcome(options.studies, options.rounds, options.threads)


def networks(rounds: int, threads: int) -> None:
    """The same network, the same canvas, turn and turn about."""
    plan = blueprint(read_card(CARD_PATH), CARD_PATH.with_suffix(".safetensors"))
    torch.set_num_threads(threads)
    runs = {
        "openvino": load_network(plan, device="cpu", threads=threads),
        "pytorch": load_torch_network(plan),
    }
    batch = np.random.default_rng(0).uniform(-1, 1, (1, 1, 448, 384)).astype(np.float32)
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds + 2):
        for name, run in runs.items():
            seconds[name].append(timed(partial(run, batch)))
    medians = {name: statistics.median(of_run[2:]) for name, of_run in seconds.items()}
    for name, median in medians.items():
        print(f"network, {threads} threads, {name}: {1000 * median:.1f} ms (median of {rounds})")
    print(f"openvino is {medians['pytorch'] / medians['openvino']:.1f} times as fast as pytorch")


def file_to_outcome(studies: Path, rounds: int, threads: int) -> None:
    """One radiograph from its DICOM file to probability and regions."""
    paths = sorted(studies.glob("img*/*.dcm"))
    if not paths:
        print(f"file to outcome: left out, there are no radiographs in {studies}")
        return
    detector = load(threads=threads, device="cpu")
    seconds = []
    for place in range(rounds + 1):
        path = paths[place % len(paths)]
        instance = ArchivedInstance(
            sop_instance_uid=SOPInstanceUID("1.2"),
            series_instance_uid=SeriesInstanceUID("1.2"),
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            archive_path=path.name,
        )

        def assess(instance: ArchivedInstance = instance, folder: Path = path.parent) -> None:
            (header,) = read_series_headers([instance], folder).series
            detector.assess([load_series(header)])

        seconds.append(timed(assess))
    median = statistics.median(seconds[1:])
    print(f"file to outcome, {threads} threads: {median:.3f} s (median of {rounds})")


def timed(work: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
