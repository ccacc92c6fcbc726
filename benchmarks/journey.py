"""Seconds from the last image of a study to its new place in the list, on a whole node.

    python benchmarks/journey.py [--runs 5] [--json FILE] [--studies DIR]

Starts `vigie serve` in a temporary folder with default settings, sends one study after the other
by C-STORE over the loopback, and reads from the study's history when its place was settled. The
quiet period (5 s by default) is part of each figure and printed beside it.
"""

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydicom import dcmread, dcmwrite
from pydicom.uid import generate_uid
from rich.console import Console
from rich.table import Table

from vigie.sending import dicom_files, send

_REPOSITORY = Path(__file__).parent.parent
_CASES = {"radiograph": "leg_fracture", "head CT, 32 slices": "head_ct_bleed"}
_LIMIT_S = 90.0


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def as_new_study(source: Path, folder: Path) -> str:
    """Copy a study under new UIDs; its Study Instance UID."""
    folder.mkdir()
    study, series = generate_uid(), generate_uid()
    for path in sorted(source.rglob("*.dcm")):
        dataset = dcmread(path)
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, series
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        dcmwrite(folder / path.name, dataset)
    return str(study)


def answer(url: str, token: str) -> Any:
    """JSON of the node's API; None while it does not answer, or not with success."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return json.load(response)
    except OSError:
        return None


def settled_at(url: str, token: str, study: str) -> datetime:
    """When every detector had had its turn on the study."""
    deadline = time.monotonic() + _LIMIT_S
    while time.monotonic() < deadline:
        view = answer(f"{url}/api/studies/{study}", token)
        for event in reversed(view["events"] if view else []):
            if event["kind"] == "assessment_finished":
                return datetime.fromisoformat(event["at"])
        time.sleep(0.1)
    raise TimeoutError(f"{study} was not assessed within {_LIMIT_S:g} s")


def measure(source: Path, folder: Path, port: int, url: str, token: str) -> float:
    """Seconds from the last image's Success to the study's settled place."""
    study = as_new_study(source, folder)
    files, _ = dicom_files([folder])
    refusals = send(
        files,
        host="127.0.0.1",
        port=port,
        called_ae_title="VIGIE",
        calling_ae_title="JOURNEY",
        sent=lambda: None,
    )
    if refusals:
        raise RuntimeError(refusals[0].reason)
    last_image_at = datetime.now(UTC)
    return (settled_at(url, token, study) - last_image_at).total_seconds()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--studies", type=Path, default=_REPOSITORY / "test_images")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vigie-journey-") as temporary:
        figures = run(arguments.studies, Path(temporary), arguments.runs)
    table = Table("study", "median s", "least", "most", "of which quiet period")
    for name, seconds in figures.items():
        table.add_row(
            name,
            f"{statistics.median(seconds):.2f}",
            f"{min(seconds):.2f}",
            f"{max(seconds):.2f}",
            "5 s",
        )
    Console().print(table)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")


def run(studies: Path, folder: Path, runs: int) -> dict[str, list[float]]:
    """Start a node, measure every case, stop the node."""
    dicom_port, http_port = free_port(), free_port()
    url = f"http://127.0.0.1:{http_port}"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("VIGIE_")}
    command = [sys.executable, "-m", "vigie", "serve", "--data", str(folder / "data")]
    command += ["--dicom-port", str(dicom_port), "--http-port", str(http_port)]
    with (folder / "log").open("wb") as log:
        node = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + _LIMIT_S
        while "Vigie is up" not in (folder / "log").read_text(errors="replace"):
            if node.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((folder / "log").read_text(errors="replace"))
            time.sleep(0.2)
        added = [sys.executable, "-m", "vigie", "tokens", "add", "journey", "--scope", "read"]
        added += ["--data", str(folder / "data")]
        token = subprocess.check_output(added, env=environment, text=True).strip()
        figures: dict[str, list[float]] = {}
        for number in range(runs + 1):  # the first round warms up and is not counted
            for name, case in _CASES.items():
                copy = folder / f"{case}{number}"
                seconds = measure(studies / case, copy, dicom_port, url, token)
                if number:
                    figures.setdefault(name, []).append(seconds)
        return figures
    finally:
        node.send_signal(signal.SIGTERM)
        node.wait(timeout=60)


if __name__ == "__main__":
    main()
