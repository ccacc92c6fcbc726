"""P1 under ``kill -9``: whatever is killed, what was answered Success is there bit for bit.

Every process of a node is killed again and again, at random moments, while objects are sent.
"""

import gc
import hashlib
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import psycopg
import pytest
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from pynetdicom.dsutils import split_dataset
from vigie_node import Node, wait_until

from vigie.database import EmbeddedPostgres
from vigie.sending import NoAssociation, OutgoingFile, send

_STUDIES = 5
_IMAGES = 30  # of a study
_KILLS = 6  # of each kind of process
_SEED = 20261121


@dataclass(frozen=True, kw_only=True, slots=True)
class SentFile:
    """An object as it lies at the sender's."""

    path: Path
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sha256: str  # of its data set


def make_object(folder: Path, study: int, image: int) -> SentFile:
    """A small CT image with pixels of its own."""
    dataset = Dataset()
    dataset.SOPClassUID = CTImageStorage
    dataset.StudyInstanceUID = f"2.25.7001.{study}"
    dataset.SeriesInstanceUID = f"2.25.7001.{study}.1"
    dataset.SOPInstanceUID = f"2.25.7001.{study}.1.{image}"
    dataset.Modality = "CT"
    dataset.PatientID = f"CRASH-{study}"
    dataset.InstanceNumber = image
    dataset.Rows = dataset.Columns = 128
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = 0
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    pixels = np.random.default_rng([study, image]).integers(0, 4096, (128, 128), np.uint16)
    dataset.PixelData = pixels.tobytes()
    dataset["PixelData"].VR = "OW"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    path = folder / f"{study:02d}-{image:03d}.dcm"
    dcmwrite(path, dataset, enforce_file_format=True)
    return SentFile(
        path=path,
        study_instance_uid=dataset.StudyInstanceUID,
        series_instance_uid=dataset.SeriesInstanceUID,
        sop_instance_uid=dataset.SOPInstanceUID,
        sha256=data_set_digest(path),
    )


def data_set_digest(path: Path) -> str:
    """SHA-256 of what follows preamble and file meta information."""
    _, offset = split_dataset(path)
    return hashlib.sha256(path.read_bytes()[offset:]).hexdigest()


class Sender(threading.Thread):
    """Sends each object until it is answered Success, however often the node goes away."""

    def __init__(self, node: Node, files: Sequence[SentFile], pause_s: float) -> None:
        super().__init__()
        self._node = node
        self._files = list(files)
        self._pause_s = pause_s
        self.acknowledged: list[SentFile] = []

    def run(self) -> None:
        """Send everything, at most a few at a time, so that kills fall in between."""
        while self._files:
            self._send_some(self._files[:6])
            time.sleep(self._pause_s)

    def _send_some(self, some: Sequence[SentFile]) -> None:
        answered = 0

        def count() -> None:
            nonlocal answered
            answered += 1

        outgoing = [
            OutgoingFile(
                path=one.path,
                sop_class_uid=str(CTImageStorage),
                transfer_syntax_uid=str(ExplicitVRLittleEndian),
            )
            for one in some
        ]
        refused: set[Path] = set()
        try:
            refusals = send(
                outgoing,
                host="127.0.0.1",
                port=self._node.dicom_port,
                called_ae_title="VIGIE",
                calling_ae_title=f"CRASH{self.ident}"[:16],
                sent=count,
            )
            refused = {one.path for one in refusals}
        except NoAssociation:
            time.sleep(0.2)
        taken = [one for one in some[:answered] if one.path not in refused]
        self.acknowledged += taken
        self._files = [one for one in self._files if one not in taken]


def kill_role(name: str) -> Callable[[Node, random.Random], None]:
    """Kills one process of a role."""

    def kill(node: Node, chance: random.Random) -> None:
        pids = node.role_pids(name)
        if pids:
            _kill(chance.choice(pids))

    return kill


def kill_database(node: Node, chance: random.Random) -> None:
    """Kills the database's first process; the others follow by themselves."""
    del chance
    try:
        _kill(node.database_pid())
    except (FileNotFoundError, IndexError):
        return  # it is just being started


def kill_detectors(node: Node, chance: random.Random) -> None:
    """Kills the process that runs detectors for a worker."""
    for pid in node.role_pids("work"):
        try:
            children = psutil.Process(pid).children(recursive=True)
        except psutil.NoSuchProcess:
            continue
        if children:
            _kill(chance.choice(children).pid)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


VICTIMS = {
    "listener": kill_role("listen"),
    "indexer": kill_role("file"),
    "worker": kill_role("work"),
    "web": kill_role("web"),
    "detectors": kill_detectors,
    "database": kill_database,
}


# pynetdicom leaves a socket to the garbage collector when the node is not there to answer.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.timeout(600)
def test_p1_nothing_acknowledged_is_lost_whatever_is_killed(
    make_node: Callable[..., Node], tmp_path: Path
) -> None:
    node = make_node()
    outbox = tmp_path / "outbox"
    outbox.mkdir()
    files = [
        make_object(outbox, study, image)
        for study in range(1, _STUDIES + 1)
        for image in range(1, _IMAGES + 1)
    ]
    chance = random.Random(_SEED)
    half = len(files) // 2
    senders = [Sender(node, files[:half], 0.4), Sender(node, files[half:], 0.4)]
    for sender in senders:
        sender.start()
    order = [name for name in VICTIMS for _ in range(_KILLS if name != "database" else 3)]
    chance.shuffle(order)
    for name in order:
        time.sleep(chance.uniform(0.05, 0.6))
        VICTIMS[name](node, chance)
    for sender in senders:
        sender.join(timeout=240)
        assert not sender.is_alive(), f"the node no longer takes objects\n{node.tail()}"

    acknowledged = [one for sender in senders for one in sender.acknowledged]
    assert len(acknowledged) == len(files)
    rows = node.all_assessed(_STUDIES)
    assert {row["study_instance_uid"] for row in rows} == {one.study_instance_uid for one in files}
    _assert_archived(node, acknowledged)
    assert node.stop() == 0, node.tail()
    gc.collect()  # here, where a socket left open is no surprise


def _assert_archived(node: Node, acknowledged: Sequence[SentFile]) -> None:
    inbox = node.data / "inbox"
    wait_until(lambda: not list(inbox.glob("*.dcm")), "the inbox is filed")
    for one in acknowledged:
        archived = (
            node.data
            / "archive"
            / one.study_instance_uid
            / one.series_instance_uid
            / f"{one.sop_instance_uid}.dcm"
        )
        assert archived.is_file(), f"lost: {one.sop_instance_uid}"
        assert data_set_digest(archived) == one.sha256, f"altered: {one.sop_instance_uid}"
    assert list((node.data / "quarantine").glob("*.dcm")) == []


def test_a_worker_killed_in_mid_job_leaves_a_job_that_another_takes_over(
    make_node: Callable[..., Node], tmp_path: Path
) -> None:
    node = make_node()
    sent = make_object(tmp_path, 1, 1)
    with psycopg.connect(_url(node), autocommit=True) as database:
        # The worker's first write of an outcome waits here: it is killed while it waits.
        with database.transaction():
            database.execute("LOCK TABLE outcome IN EXCLUSIVE MODE")
            assert (
                node.run("send", "127.0.0.1", str(node.dicom_port), str(sent.path)).returncode == 0
            )
            # "doing" alone would not do: a worker killed before its first event leaves one start.
            wait_until(lambda: _starts(node) == 1, "the worker has begun the assessment")
            [before] = node.role_pids("work")
            _kill(before)
        node.all_assessed(1)
    assert node.role_pids("work") != [before]
    events = [one["kind"] for one in node.api(f"/api/studies/{sent.study_instance_uid}")["events"]]
    assert events.count("assessment_started") == 2
    [row] = node.rows()
    assert events.count("outcome_recorded") == len(row["detectors"]), "each once"


def _url(node: Node) -> str:
    return EmbeddedPostgres(node.data / "postgres").url


def _starts(node: Node) -> int:
    with psycopg.connect(_url(node)) as database:
        events = database.execute("SELECT kind FROM event").fetchall()
    return events.count(("assessment_started",))


def test_killing_the_supervisor_leaves_no_process_behind(node: Node) -> None:
    assert node.process is not None
    family = psutil.Process(node.process.pid).children(recursive=True)
    assert len(family) >= 5
    node.process.kill()
    node.process.wait()
    gone, alive = psutil.wait_procs(family, timeout=45)
    assert alive == [], [process.cmdline() for process in alive]
    assert gone
    node.start()  # and the folder can be used again
    assert node.rows() == []
