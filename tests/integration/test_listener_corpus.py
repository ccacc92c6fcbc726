"""Objects of the wild are received and filed bit for bit (P1, P9)."""

import hashlib
import io
import subprocess
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydicom import dcmread
from pydicom.uid import CTImageStorage
from pynetdicom.dimse_primitives import C_STORE

from dicom_listener.indexer import Indexer, IndexerSettings
from dicom_listener.received_object import data_set_digest
from tests.listening import RunningListener, association
from worklist.study import (
    ArrivalResult,
    Completeness,
    InstanceArrival,
    QuarantinedObject,
    StudyArrival,
)
from worklist.uid import SOPInstanceUID, StudyInstanceUID


def data_set_of(path: Path) -> bytes:
    """The bytes behind the file meta information of a Part 10 file."""
    content = path.read_bytes()
    if content[128:132] != b"DICM":
        return b""
    return content[144 + int.from_bytes(content[140:144], "little") :]


class ForgetfulStore:
    """A store that takes everything."""

    def __init__(self) -> None:
        self.arrivals: list[InstanceArrival] = []
        self.quarantined: list[QuarantinedObject] = []

    def existing_digests(
        self, uids: Sequence[SOPInstanceUID]
    ) -> dict[SOPInstanceUID, tuple[str, str]]:
        return {}

    def record_arrivals(
        self, arrivals: Sequence[InstanceArrival], *, now: datetime
    ) -> list[ArrivalResult]:
        self.arrivals += arrivals
        return [ArrivalResult.FILED for _ in arrivals]

    def record_quarantined(
        self, quarantined: Sequence[QuarantinedObject], *, now: datetime
    ) -> None:
        self.quarantined += quarantined

    def studies_arriving(self) -> list[StudyArrival]:
        return []

    def complete_study(
        self, uid: StudyInstanceUID, *, completeness: Completeness, now: datetime
    ) -> None:
        raise AssertionError


def test_p1_the_corpus_is_received_and_filed_bit_for_bit(
    start: Callable[..., RunningListener],
    shared_dicom: Path,
    program: Callable[[str], str],
) -> None:
    listener = start()
    peer = ["127.0.0.1", str(listener.port)]
    options = ["--recurse", "--scan-directories", "--no-halt", "--decompress-never"]
    subprocess.run(
        [program("dcmsend"), *options, *peer, str(shared_dicom / "corpus")],
        check=False,
        capture_output=True,
        timeout=120,
    )
    received = [data_set_digest(path).sha256 for path in listener.received()]
    sent = {
        hashlib.sha256(data_set_of(path)).hexdigest()
        for path in (shared_dicom / "corpus").rglob("*")
        if path.is_file()
    }
    assert len(received) > 100
    # DCMTK re-encodes a few (group lengths, padding); most must be exactly as on the disk.
    assert len(sent.intersection(received)) > 60
    store = ForgetfulStore()
    settings = IndexerSettings(data=listener.settings.data)
    indexer = Indexer(settings, store, lambda: datetime.now(UTC))
    indexer.run_once()
    assert listener.received() == []
    for one in store.arrivals:
        assert data_set_digest(indexer.archive.root / one.archive_path).sha256 == one.sha256
    for other in store.quarantined:
        assert other.reason
        kept = indexer.quarantine.root / other.quarantine_path
        assert data_set_digest(kept).sha256 == other.sha256
    filed = [one.sha256 for one in store.arrivals] + [one.sha256 for one in store.quarantined]
    assert sorted(filed) == sorted(received)


def test_objects_that_share_one_uid_are_all_kept(
    start: Callable[..., RunningListener], shared_dicom: Path
) -> None:
    paths = sorted((shared_dicom / "corpus" / "cornerstone3D").rglob("*.dcm"))
    same: dict[str, list[Path]] = {}
    for path in paths:
        ds = dcmread(path, specific_tags=["SOPInstanceUID"], force=True)
        same.setdefault(str(ds.get("SOPInstanceUID", "")), []).append(path)
    uid, twins = max(same.items(), key=lambda item: len(item[1]))
    assert len(twins) >= 10
    listener = start()
    for path in twins:
        syntax = dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID
        send_raw(listener.port, path, uid, str(syntax))
    received = [data_set_digest(path).sha256 for path in listener.received()]
    sent = [hashlib.sha256(data_set_of(path)).hexdigest() for path in twins]
    assert sorted(received) == sorted(sent)


def send_raw(port: int, path: Path, uid: str, transfer_syntax: str) -> None:
    """Send a file's data set as it is on the disk."""
    with association(port, (CTImageStorage, [transfer_syntax])) as peer:
        request = C_STORE()
        request.MessageID = 1
        request.AffectedSOPClassUID = CTImageStorage
        request.AffectedSOPInstanceUID = uid
        request.Priority = 0
        request.DataSet = io.BytesIO(data_set_of(path))
        peer._reactor_checkpoint.clear()
        peer.dimse.send_msg(request, peer.accepted_contexts[0].context_id)
        _, answer = peer.dimse.get_msg(block=True)
        peer._reactor_checkpoint.set()
        assert answer.Status == 0x0000
