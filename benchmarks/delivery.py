"""Seconds from the end of an assessment to its results in Orthanc, on a whole node.

    python benchmarks/delivery.py [--runs 3] [--json FILE]

Starts Orthanc and `vigie serve` in a temporary folder, with Orthanc as the one destination, which
gets every kind of object. Sends phantom studies under new UIDs, one after the other, and reads
from the node's database when each assessment ended, when its objects were made, and when Orthanc
had taken the last of them.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from journey import as_new_study, free_port
from rich.console import Console
from rich.table import Table

from vigie.database import EmbeddedPostgres
from vigie.sending import dicom_files, send
from worklist.store.engine import connect

_REPOSITORY = Path(__file__).parent.parent
_CASES = {"radiograph": "leg_fracture", "head CT, 32 slices": "head_ct_bleed"}
_KINDS = ["report", "segmentation", "presentation", "key_image", "selection"]
_LIMIT_S = 180.0
_TIMES = sa.text(
    "SELECT a.finished_at, max(s.made_at) AS made_at, max(d.sent_at) AS sent_at, count(*),"
    " bool_and(d.sent_at IS NOT NULL) AS all_sent, sum(o.size_bytes) AS size_bytes"
    " FROM assessment a JOIN result_set s ON s.study_instance_uid = a.study_instance_uid"
    " JOIN result_object o USING (result_set_id) JOIN delivery d USING (sop_instance_uid)"
    " WHERE a.study_instance_uid = :uid GROUP BY a.finished_at"
)


@contextmanager
def running(command: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    """A program for as long as it is needed."""
    with log.open("wb") as written:
        process = subprocess.Popen(command, env=environment, stdout=written, stderr=written)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=90)


def orthanc_command(folder: Path, dicom_port: int, http_port: int) -> list[str]:
    """Orthanc without plugins on the loopback."""
    folder.mkdir()
    configuration = folder / "orthanc.json"
    said = {
        "StorageDirectory": str(folder),
        "IndexDirectory": str(folder),
        "Plugins": [],
        "HttpPort": http_port,
        "AuthenticationEnabled": False,
        "DicomPort": dicom_port,
    }
    configuration.write_text(json.dumps(said), encoding="utf-8")
    program = shutil.which("Orthanc", path="/usr/sbin:/usr/local/bin:/usr/bin")
    if program is None:
        raise SystemExit("Orthanc is not installed")
    return [program, str(configuration)]


def wait_for(url: str) -> None:
    """Until it answers."""
    deadline = time.monotonic() + _LIMIT_S
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise TimeoutError(url)


def measure(source: Path, folder: Path, port: int, engine: sa.Engine) -> tuple[float, float, int]:
    """Seconds until the objects were made, seconds until all were taken, and their bytes."""
    study = as_new_study(source, folder)
    files, _ = dicom_files([folder])
    send(
        files,
        host="127.0.0.1",
        port=port,
        called_ae_title="VIGIE",
        calling_ae_title="DELIVERY",
        sent=lambda: None,
    )
    deadline = time.monotonic() + _LIMIT_S
    while time.monotonic() < deadline:
        with engine.connect() as connection:
            row = connection.execute(_TIMES, {"uid": study}).one_or_none()
        if row is not None and row.all_sent:
            made, sent = (one - row.finished_at for one in (row.made_at, row.sent_at))
            return made.total_seconds(), sent.total_seconds(), int(row.size_bytes)
        time.sleep(0.2)
    raise TimeoutError(f"{study} was not delivered within {_LIMIT_S:g} s")


def run(folder: Path, runs: int) -> dict[str, list[tuple[float, float, int]]]:
    """Every case, so many times, after one round that warms up."""
    ports = [free_port() for _ in range(4)]
    orthanc_dicom, orthanc_http, node_dicom, node_http = ports
    destination = {
        "name": "Orthanc",
        "host": "127.0.0.1",
        "port": orthanc_dicom,
        "called_ae_title": "ORTHANC",
        "objects": _KINDS,
        "studies": "all",
        "commitment": False,
    }
    environment = {k: v for k, v in os.environ.items() if not k.startswith("VIGIE_")}
    environment |= {"VIGIE_DESTINATIONS": json.dumps([destination])}
    node = [sys.executable, "-m", "vigie", "serve", "--data", str(folder / "data")]
    node += ["--dicom-port", str(node_dicom), "--http-port", str(node_http)]
    orthanc = orthanc_command(folder / "orthanc", orthanc_dicom, orthanc_http)
    figures: dict[str, list[tuple[float, float, int]]] = {}
    with (
        running(orthanc, environment, folder / "orthanc.log"),
        running(node, environment, folder / "node.log"),
    ):
        wait_for(f"http://127.0.0.1:{orthanc_http}/system")
        wait_for(f"http://127.0.0.1:{node_http}/health/ready")
        engine = connect(EmbeddedPostgres(folder / "data" / "postgres").url)
        for number in range(runs + 1):
            for name, case in _CASES.items():
                source = _REPOSITORY / "test_images" / case
                found = measure(source, folder / f"{case}{number}", node_dicom, engine)
                if number:
                    figures.setdefault(name, []).append(found)
        engine.dispose()
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vigie-delivery-") as temporary:
        Path(temporary).chmod(0o755)
        figures = run(Path(temporary), arguments.runs)
    table = Table("study", "made, median s", "in the PACS, median s", "most", "MB")
    for name, found in figures.items():
        made, sent, sizes = zip(*found, strict=True)
        table.add_row(
            name,
            f"{statistics.median(made):.2f}",
            f"{statistics.median(sent):.2f}",
            f"{max(sent):.2f}",
            f"{statistics.median(sizes) / 1e6:.1f}",
        )
    Console().print(table)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
