"""How fast CT images are received, beside DCMTK's storescp and Orthanc in the same run.

    .venv/bin/python benchmarks/ingest.py [--images 400] [--rounds 3] [--json FILE]

The sender is DCMTK's dcmsend with TCP_NODELAY=1 on loopback: one association with all images,
then four processes with a quarter each. Time runs from the start of the senders until the last
has its last Success. Vigie syncs every object to the disk before it answers; storescp and
Orthanc leave theirs to the operating system. "The disk alone" is Vigie's inbox without a network:
as many objects, written, synced and named by as many threads. What is missing from there to
Vigie's rate is the protocol and the sender's own work.

So that nobody pays for another's late writes, the disk is synced and left alone for a while
before each measurement. All write to the same file system, everyone into fresh folders; the
contenders take turns in each round, and the ratio of a round's figures is what counts: other
work on the machine disturbs the rates more than the ratios. Do not delete many files just
before a run: ext4 without a journal then searches long for a free inode, for minutes.
"""

import argparse
import contextlib
import json
import logging
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import structlog
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from rich.console import Console
from rich.table import Table

from dicom_listener.inbox import Inbox
from dicom_listener.indexer import Indexer, IndexerSettings, utc_now
from vigie.settings import load_settings
from vigie.wiring import make_worklist, migrated_engine

_CHECKOUT = Path(__file__).resolve().parent.parent
_ASSOCIATIONS = (1, 4)
_LISTENER = """
import logging, signal, sys, threading
from pathlib import Path
import structlog
from dicom_listener.server import ListenerSettings, listen
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
listen(ListenerSettings(data=Path(sys.argv[1]), port=int(sys.argv[2])), stop, lambda port: None)
"""


@dataclass(slots=True)
class Contender:
    """One receiver: how to start it, and what it has done."""

    name: str
    rates: dict[int, list[float]] = field(
        default_factory=lambda: {count: [] for count in _ASSOCIATIONS}
    )  # images/s by number of associations, one a round

    def command(self, folder: Path, port: int) -> list[list[str]]:
        """The processes to start; all write below `folder`."""
        raise NotImplementedError

    def measure(self, folder: Path, images: dict[int, Path], options: argparse.Namespace) -> None:
        """Take one turn."""
        with running(self, folder) as port:
            for associations, source in images.items():
                rest(options)
                elapsed = send(source, port, associations)
                self.rates[associations].append(options.images / elapsed)


class Vigie(Contender):
    """Two listener processes on one port."""

    __slots__ = ("processes",)

    def __init__(self, processes: int) -> None:
        super().__init__(f"Vigie, {processes} listeners")
        self.processes = processes

    def command(self, folder: Path, port: int) -> list[list[str]]:
        """See `Contender`."""
        return [[sys.executable, "-c", _LISTENER, str(folder), str(port)]] * self.processes


class Storescp(Contender):
    """DCMTK, one process an association."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__("storescp --fork")

    def command(self, folder: Path, port: int) -> list[list[str]]:
        """See `Contender`."""
        return [[program("storescp"), "--fork", "--output-directory", str(folder), str(port)]]


class Orthanc(Contender):
    """Orthanc with its SQLite index, all else at its defaults."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__("Orthanc")

    def command(self, folder: Path, port: int) -> list[list[str]]:
        """See `Contender`."""
        settings = {
            "StorageDirectory": str(folder),
            "IndexDirectory": str(folder),
            "DicomPort": port,
            "DicomCheckCalledAet": False,
            "DicomAlwaysAllowStore": True,
            "HttpServerEnabled": False,
            "Plugins": [],
        }
        file = folder / "orthanc.json"
        file.write_text(json.dumps(settings))
        return [[program("Orthanc"), str(file)]]


class Disk(Contender):
    """Writes, syncs and names files as Vigie does, without a network: what bounds its rate."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__("the disk alone")

    def measure(self, folder: Path, images: dict[int, Path], options: argparse.Namespace) -> None:
        """See `Contender`."""
        inbox = Inbox(folder)
        for writers, source in images.items():
            content = next(source.glob("*/*.dcm")).read_bytes()
            names = [f"{writers}-{number}" for number in range(options.images)]
            rest(options)
            started = time.perf_counter()
            with ThreadPoolExecutor(writers) as threads:
                shares = [
                    threads.submit(keep, inbox, names[first::writers], content)
                    for first in range(writers)
                ]
                for share in shares:
                    share.result()
            self.rates[writers].append(options.images / (time.perf_counter() - started))


def keep(inbox: Inbox, names: list[str], content: bytes) -> None:
    """Make objects durable one after the other, as an association does."""
    for name in names:
        incoming = inbox.create(b"", name)
        incoming.write(memoryview(content))
        incoming.finish(name)


def rest(options: argparse.Namespace) -> None:
    """Let the disk finish what others left to it."""
    os.sync()
    time.sleep(options.pause_s)


def program(name: str) -> str:
    """A program of the system; pynetdicom brings others of the same names."""
    path = shutil.which(name, path="/usr/local/bin:/usr/bin:/usr/sbin:/opt/homebrew/bin")
    if path is None:
        raise SystemExit(f"{name} is not installed (apt-get install dcmtk orthanc)")
    return path


def make_images(folder: Path, count: int) -> None:
    """Write CT images of 512 x 512 pixels of 16 bits, 525 kB each, in four sub-folders."""
    noise = np.random.default_rng(0)
    study, series = generate_uid(), generate_uid()
    for number in range(count):
        ds = Dataset()
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, generate_uid()
        ds.StudyInstanceUID, ds.SeriesInstanceUID = study, series
        ds.PatientID, ds.PatientName = "BENCH", "Bench^Mark"
        ds.Modality, ds.InstanceNumber = "CT", number + 1
        ds.Rows = ds.Columns = 512
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 0
        ds.PixelData = noise.integers(0, 4096, (512, 512), dtype=np.uint16).tobytes()
        quarter = folder / str(number % 4)
        quarter.mkdir(exist_ok=True)
        ds.save_as(quarter / f"{number:04d}.dcm", enforce_file_format=True)


@contextlib.contextmanager
def running(contender: Contender, folder: Path) -> Iterator[int]:
    """Start a contender, wait until it listens, and end it afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    environment = {**os.environ, "TCP_NODELAY": "1", "PYTHONPATH": str(_CHECKOUT)}
    with (folder.parent / f"{folder.name}.log").open("w") as log:
        processes = [
            subprocess.Popen(command, env=environment, stdout=log, stderr=log)
            for command in contender.command(folder, port)
        ]
        try:
            for _ in range(300):
                if is_listening(port):
                    break
                time.sleep(0.1)
            time.sleep(2.0)  # the second listener process, Orthanc's start-up
            yield port
        finally:
            for process in processes:
                process.send_signal(signal.SIGTERM)
            for process in processes:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(30)


def is_listening(port: int) -> bool:
    """Whether somebody answers at a port of this machine."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def send(images: Path, port: int, associations: int) -> float:
    """Send all images, and return the seconds until the last Success."""
    folders = [images] if associations == 1 else sorted(images.iterdir())
    command = [program("dcmsend"), "-q", "--recurse", "--scan-directories", "127.0.0.1", str(port)]
    environment = {**os.environ, "TCP_NODELAY": "1"}
    started = time.perf_counter()
    senders = [subprocess.Popen([*command, str(one)], env=environment) for one in folders]
    codes = [sender.wait() for sender in senders]
    elapsed = time.perf_counter() - started
    if any(codes):
        raise SystemExit(f"dcmsend failed: {codes}")
    return elapsed


def file_all(data: Path) -> float:
    """File what the listeners received, with a real database; return the seconds it took."""
    settings = load_settings(data=data)
    with migrated_engine(settings) as engine:
        indexer = Indexer(IndexerSettings(data=data), make_worklist(settings, engine), utc_now)
        started = time.perf_counter()
        while indexer.inbox.pending():
            indexer.run_once()
        return time.perf_counter() - started


def measure(
    contenders: list[Contender], images: dict[int, Path], work: Path, options: argparse.Namespace
) -> float:
    """Let the contenders take turns; return the objects/s that Vigie filed at the end."""
    filed = 0.0
    for number in range(options.rounds):
        # Whoever comes first in one round comes last in the next.
        for contender in contenders if number % 2 == 0 else contenders[::-1]:
            folder = work / f"{contender.name.split()[0].strip(',').lower()}-{number}"
            folder.mkdir()
            contender.measure(folder, images, options)
            if isinstance(contender, Vigie):
                kept = len(list((folder / "inbox").glob("*.dcm")))
                if kept != options.images * len(images):
                    raise SystemExit(f"{kept} objects in the inbox, not what was sent")
                if number == options.rounds - 1:
                    filed = kept / file_all(folder)
    return filed


def ratios(ours: Contender, other: Contender, associations: int) -> list[float]:
    """Ours to the other's, round by round."""
    pairs = zip(ours.rates[associations], other.rates[associations], strict=True)
    return [mine / theirs for mine, theirs in pairs]


def show(contenders: list[Contender], filed: float, images: int) -> None:
    """Print the table."""
    ours = contenders[0]
    table = Table(title=f"{images} CT images of 525 kB until Success, median of the rounds")
    table.add_column("receiver")
    for associations in _ASSOCIATIONS:
        table.add_column(f"{associations} assoc., per s", justify="right")
        table.add_column("Vigie is", justify="right")
    for contender in contenders:
        row = [contender.name]
        for associations in _ASSOCIATIONS:
            row.append(f"{statistics.median(contender.rates[associations]):.0f}")
            ratio = statistics.median(ratios(ours, contender, associations))
            row.append("" if contender is ours else f"{ratio:.2f} x")
        table.add_row(*row)
    console = Console()
    console.print(table)
    console.print(f"filed into archive and database: {filed:.0f} objects/s (one indexer)")


def report(contenders: list[Contender], filed: float, images: int) -> dict[str, object]:
    """The same for machines."""
    ours = contenders[0]
    return {
        "images": images,
        "filed_per_s": round(filed, 1),
        "receivers": {
            contender.name: {
                str(associations): {
                    "images_per_s": [round(rate, 1) for rate in contender.rates[associations]],
                    "vigie_ratio_median": round(
                        statistics.median(ratios(ours, contender, associations)), 3
                    ),
                }
                for associations in _ASSOCIATIONS
            }
            for contender in contenders
        },
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--listeners", type=int, default=2, help="Vigie's processes")
    parser.add_argument("--pause-s", type=float, default=5.0, help="rest before a measurement")
    parser.add_argument("--work", type=Path, help="where to write; default: the temporary folder")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    contenders: list[Contender] = [Vigie(options.listeners), Storescp(), Orthanc(), Disk()]
    with tempfile.TemporaryDirectory(prefix="vigie-ingest-", dir=options.work) as folder:
        work = Path(folder)
        images = {count: work / f"images-{count}" for count in _ASSOCIATIONS}
        for path in images.values():
            path.mkdir()
            make_images(path, options.images)
        filed = measure(contenders, images, work, options)
    show(contenders, filed, options.images)
    if options.json:
        options.json.write_text(json.dumps(report(contenders, filed, options.images), indent=2))


if __name__ == "__main__":
    main()
