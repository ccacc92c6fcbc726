"""Milliseconds from opening a CT to its first picture, and from one slice to the next, in Chromium.

    python benchmarks/pictures.py [--opens 15] [--slices 512] [--json FILE] [--chromium PATH]

Starts `vigie serve` in a temporary folder, sends the head CT of `test_images` and a made-up body
CT of 512 x 512 pixels, signs in, and drives the page over the loopback in a browser without a
window. Time runs inside the page, from the change of its address (or the key) until the picture is
drawn. Without a graphics card WebGL runs on the processor (SwiftShader), and the
layers of the page are laid together without it; a workstation is faster.
The browser's cache of scripts is warm, as on a workstation after its first study of the day; no
picture is kept from one opening to the next.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import BrowserContext, Page, sync_playwright
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from rich.console import Console
from rich.table import Table

from vigie.sending import dicom_files, send

_REPOSITORY = Path(__file__).parent.parent
_LIMIT_S = 120.0
_TARGET_OPEN_MS = 1000.0
_SIZE = 512
_GL = (
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-gpu-compositing",
)
_PASSWORD = "nine green bottles"

# Resolves with the ms until the first picture of a study is drawn.
_OPEN = """(uid) => new Promise((resolve) => {
    const began = performance.now();
    const look = () => {
        const drawn = document.querySelector("[data-testid=surface]")?.dataset.drawn;
        if (Number(drawn ?? 0) < 1) return;
        observer.disconnect();
        resolve(performance.now() - began);
    };
    const observer = new MutationObserver(look);
    observer.observe(document, { subtree: true, childList: true, attributes: true });
    location.hash = `#/studies/${uid}`;
})"""

# Presses a key and resolves with the ms until another slice is drawn.
_STEP = """(key) => new Promise((resolve) => {
    const surface = document.querySelector("[data-testid=surface]");
    const { shown, drawn } = surface.dataset;
    const began = performance.now();
    const observer = new MutationObserver(() => {
        if (surface.dataset.shown === shown || surface.dataset.drawn === drawn) return;
        observer.disconnect();
        resolve(performance.now() - began);
    });
    observer.observe(surface, { attributes: true });
    window.dispatchEvent(new KeyboardEvent("keydown", { key, code: key }));
})"""


def body(folder: Path, slices: int) -> str:
    """Write a made-up body CT; its Study Instance UID."""
    folder.mkdir()
    study, series, frame = generate_uid(), generate_uid(), generate_uid()
    row, column = np.mgrid[0:_SIZE, 0:_SIZE]
    inside = np.hypot((column - 256) / 220, (row - 256) / 160) < 1
    noise = np.random.default_rng(8152).normal(0, 30, (_SIZE, _SIZE))
    for index in range(slices):
        lung = np.hypot((np.abs(column - 256) - 110) / 80, (row - 250) / (60 + index % 60)) < 1
        values = np.where(inside, np.where(lung, -850, 40), -1000) + noise
        stored = np.clip(values + 1024, 0, 4095).astype(np.uint16)
        path = folder / f"{index}.dcm"
        dcmwrite(path, _image(study, series, frame, index, stored), enforce_file_format=True)
    return str(study)


def _image(study: str, series: str, frame: str, index: int, stored: Any) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, generate_uid()
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, series
    dataset.FrameOfReferenceUID = frame
    dataset.Modality, dataset.BodyPartExamined = "CT", "ABDOMEN"
    dataset.PatientName, dataset.PatientID = "Benchmark^Body", "BENCHMARK"
    dataset.SeriesDescription, dataset.InstanceNumber = "BODY 1.0", index + 1
    dataset.ImagePositionPatient = [-180.0, -180.0, float(index)]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing, dataset.SliceThickness = [0.7, 0.7], 1.0
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows = dataset.Columns = _SIZE
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
    dataset.PixelData = stored.tobytes()
    dataset["PixelData"].VR = "OW"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Node:
    """A node of its own, with a radiologist."""

    def __init__(self, folder: Path) -> None:
        self._data = folder / "data"
        self._log = folder / "log"
        self._environment = {k: v for k, v in os.environ.items() if not k.startswith("VIGIE_")}
        self.dicom_port = free_port()
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "vigie", "serve", "--data", str(self._data)]
        command += ["--dicom-port", str(self.dicom_port), "--http-port", str(port)]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)

    def wait(self) -> None:
        """Until it is up."""
        deadline = time.monotonic() + _LIMIT_S
        while "Vigie is up" not in self._log.read_text(errors="replace"):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(self._log.read_text(errors="replace"))
            time.sleep(0.2)

    def stop(self) -> None:
        """End it."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=60)

    def receive(self, folder: Path) -> None:
        """Send it a folder."""
        files, _ = dicom_files([folder])
        refusals = send(
            files,
            host="127.0.0.1",
            port=self.dicom_port,
            called_ae_title="VIGIE",
            calling_ae_title="PICTURES",
            sent=lambda: None,
        )
        if refusals:
            raise RuntimeError(refusals[0].reason)

    def sign_in(self, context: BrowserContext) -> None:
        """A radiologist of this node in this browser."""
        command = [sys.executable, "-m", "vigie", "users", "add", "reader", "--role", "radiologist"]
        command += ["--data", str(self._data)]
        said = subprocess.check_output(command, env=self._environment, text=True)
        given = said.split("One-time password of reader: ", 1)[1].split()[0]
        origin = {"Origin": self.url}
        begun = context.request.post(
            f"{self.url}/api/session", data={"name": "reader", "password": given}, headers=origin
        ).json()
        context.request.post(
            f"{self.url}/api/session/password",
            data={"present": given, "new": _PASSWORD},
            headers=origin | {"X-CSRF-Token": begun["csrf_token"]},
        )

    def has_all(self, context: BrowserContext, study: str, count: int) -> None:
        """Until all images of a study are filed, and nothing looks at it any more."""
        deadline = time.monotonic() + _LIMIT_S
        while time.monotonic() < deadline:
            answer = context.request.get(f"{self.url}/api/studies/{study}?marks=false")
            row = answer.json()["row"] if answer.ok else None
            if row and row["instance_count"] >= count and not row["arriving"]:
                states = {one["state"] for one in row["detectors"]}
                if states and not states & {"not_run_yet", "running"}:
                    return
            time.sleep(0.5)
        raise TimeoutError(f"{study} is not there within {_LIMIT_S:g} s")


@contextmanager
def browser_of(executable: str) -> Iterator[BrowserContext]:
    """A browser without a window, and without a graphics card."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable,
            args=["--no-sandbox", "--disable-background-networking", *_GL],
        )
        yield browser.new_context(viewport={"width": 1920, "height": 1080})
        browser.close()


def measure(page: Page, url: str, study: str, opens: int, steps: int) -> dict[str, list[float]]:
    """Milliseconds of opening a study, and of going on by one slice."""
    opened = []
    for number in range(opens + 1):
        page.goto(f"{url}/#/")
        page.get_by_role("grid").wait_for()
        page.wait_for_timeout(500)
        milliseconds = float(page.evaluate(_OPEN, study))
        if number:  # the first loads the viewer's script
            opened.append(milliseconds)
    page.wait_for_timeout(1500)  # neighbours are fetched ahead while one looks
    page.keyboard.press("Home")
    page.wait_for_timeout(1500)
    stepped = [float(page.evaluate(_STEP, "ArrowDown")) for _ in range(steps)]
    return {"open": opened, "next slice": stepped}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--opens", type=int, default=15)
    parser.add_argument("--slices", type=int, default=512)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--chromium", default=shutil.which("chromium") or "chromium")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vigie-pictures-") as temporary:
        figures = run(Path(temporary), arguments)
    table = Table("study", "what", "median ms", "95th percentile", "most", "of")
    for name, (what, values) in ((n, one) for n, all_ in figures.items() for one in all_.items()):
        table.add_row(
            name,
            what,
            f"{np.median(values):.0f}",
            f"{np.percentile(values, 95):.0f}",
            f"{max(values):.0f}",
            str(len(values)),
        )
    Console().print(table)
    Console().print(f"target: the first picture of a CT within {_TARGET_OPEN_MS:.0f} ms")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")


def run(folder: Path, arguments: argparse.Namespace) -> dict[str, dict[str, list[float]]]:
    """Start a node, measure every study, stop the node."""
    head = _REPOSITORY / "test_images" / "head_ct_bleed"
    body_uid = body(folder / "body", arguments.slices)
    head_uid = str(dcmread(next(head.glob("*.dcm"))).StudyInstanceUID)
    node = Node(folder)
    try:
        node.wait()
        node.receive(head)
        node.receive(folder / "body")
        with browser_of(arguments.chromium) as context:
            node.sign_in(context)
            node.has_all(context, head_uid, 32)
            node.has_all(context, body_uid, arguments.slices)
            page = context.new_page()
            return {
                name: measure(page, node.url, study, arguments.opens, steps)
                for name, study, steps in (
                    ("head CT, 32 slices", head_uid, 30),
                    (f"body CT, {arguments.slices} slices", body_uid, 100),
                )
            }
    finally:
        node.stop()


if __name__ == "__main__":
    main()
