"""A listener on a real socket: senders of every kind, and peers that are none (P1, P9)."""

import hashlib
import io
import os
import random
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import JPEG2000, CTImageStorage, ExplicitVRLittleEndian
from pynetdicom import AE, build_context
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    PatientRootQueryRetrieveInformationModelFind,
    Verification,
)

from dicom_listener.association_evidence import open_associations
from dicom_listener.inbox import Inbox
from dicom_listener.indexer import Indexer, IndexerSettings
from dicom_listener.received_object import data_set_digest
from dicom_listener.server import ListenerSettings, listen
from worklist.study import (
    ArrivalResult,
    Completeness,
    InstanceArrival,
    QuarantinedObject,
    StudyArrival,
)
from worklist.uid import SOPInstanceUID, StudyInstanceUID

PRIVATE_STORAGE = "1.2.826.0.1.3680043.9.9999.1"
PRIVATE_TRANSFER_SYNTAX = "1.2.826.0.1.3680043.9.9999.2"


class RunningListener:
    """A listener in a thread of the test."""

    def __init__(self, data: Path, **settings: Any) -> None:
        defaults = {"port": 0, "disk_reserve_bytes": 0, "stop_limit_s": 10.0}
        self.settings = ListenerSettings(data=data, **{**defaults, **settings})
        self.inbox = Inbox(self.settings.inbox)
        self.port = 0
        self._stop = threading.Event()
        self._ready = threading.Event()
        self.thread = threading.Thread(
            target=listen, args=(self.settings, self._stop, self._note), daemon=True
        )
        self.thread.start()
        assert self._ready.wait(20)

    def _note(self, port: int) -> None:
        self.port = port
        self._ready.set()

    def ask_to_stop(self) -> None:
        self._stop.set()

    def stop(self) -> None:
        self._stop.set()
        self.thread.join(30)
        assert not self.thread.is_alive()

    def received(self) -> list[Path]:
        return sorted(self.inbox.root.glob("*.dcm"))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., RunningListener]]:
    running: list[RunningListener] = []

    def starter(**settings: Any) -> RunningListener:
        running.append(RunningListener(tmp_path / "data", **settings))
        return running[-1]

    yield starter
    for listener in running:
        listener.stop()
        listener.inbox.close()


def ct(uid: str = "1.2.3.4", size: int = 2000) -> Dataset:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = CTImageStorage
    ds.SOPInstanceUID = uid
    ds.StudyInstanceUID = "1.2.3.1"
    ds.SeriesInstanceUID = "1.2.3.2"
    ds.PatientName = "Doe^Jane"
    ds.TextValue = "x" * size
    return ds


@contextmanager
def association(
    port: int,
    *contexts: tuple[str, list[str]],
    ae_title: str = "CT01",
    called: str = "VIGIE",
    timeout_s: float = 20.0,
    tls: ssl.SSLContext | None = None,
) -> Iterator[Any]:
    ae = AE(ae_title=ae_title)
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = timeout_s
    wanted = contexts or ((CTImageStorage, [ExplicitVRLittleEndian]),)
    association = ae.associate(
        "127.0.0.1",
        port,
        contexts=[build_context(*one) for one in wanted],
        ae_title=called,
        tls_args=(tls, "localhost") if tls else None,
    )
    try:
        yield association
    finally:
        if association.is_established:
            association.release()
        if association.dul.socket is not None and association.dul.socket.socket is not None:
            association.dul.socket.socket.close()  # pynetdicom forgets it after a rejection


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def test_an_echo_is_answered(start: Callable[..., RunningListener]) -> None:
    with association(start().port, (Verification, [ExplicitVRLittleEndian])) as peer:
        assert peer.send_c_echo().Status == 0x0000


def test_dcmtk_is_answered_and_its_objects_kept(
    start: Callable[..., RunningListener], program: Callable[[str], str], tmp_path: Path
) -> None:
    listener = start()
    peer = ["127.0.0.1", str(listener.port)]
    subprocess.run([program("echoscu"), *peer], check=True, timeout=60)
    sent = tmp_path / "sent.dcm"
    ct(size=500_000).save_as(sent, enforce_file_format=True)
    subprocess.run([program("storescu"), *peer, str(sent)], check=True, timeout=60)
    subprocess.run([program("dcmsend"), *peer, str(sent)], check=True, timeout=60)
    digests = {data_set_digest(path) for path in listener.received()}
    assert digests == {data_set_digest(sent)}
    assert len(listener.received()) == 2


def test_every_storage_class_and_transfer_syntax_is_taken_as_proposed(
    start: Callable[..., RunningListener],
) -> None:
    listener = start()
    contexts: list[tuple[str, list[str]]] = [
        (CTImageStorage, [JPEG2000]),
        (PRIVATE_STORAGE, [PRIVATE_TRANSFER_SYNTAX]),
        ("1.2.840.10008.5.1.4.1.1.88.33", [ExplicitVRLittleEndian, "1.2.840.10008.1.2"]),
        ("1.2.840.10008.5.1.4.1.1.2", ["1.2.840.10008.1.2", JPEG2000]),
        (PatientRootQueryRetrieveInformationModelFind, [ExplicitVRLittleEndian]),
    ]
    with association(listener.port, *contexts) as peer:
        accepted = [
            (str(cx.abstract_syntax), str(cx.transfer_syntax[0])) for cx in peer.accepted_contexts
        ]
        assert accepted == [(uid, syntaxes[0]) for uid, syntaxes in contexts[:4]]
        assert len(peer.rejected_contexts) == 1


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")  # by the sender
def test_p9_a_hostile_instance_uid_is_stored_and_never_a_path(
    start: Callable[..., RunningListener],
) -> None:
    listener = start()
    ds = ct()
    with association(listener.port) as peer:
        ds.SOPInstanceUID = "../../../etc/passwd"
        assert peer.send_c_store(ds).Status == 0x0000
    (path,) = listener.received()
    assert path.parent == listener.inbox.root
    assert dcmread(path).file_meta.MediaStorageSOPInstanceUID == "../../../etc/passwd"


def test_a_nearly_full_disk_answers_out_of_resources_and_keeps_the_association(
    start: Callable[..., RunningListener], monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = start(disk_reserve_bytes=10**6)
    with association(listener.port) as peer:
        with monkeypatch.context() as full:
            full.setattr(Inbox, "free_bytes", lambda _: 10**6 - 1)
            assert peer.send_c_store(ct()).Status == 0xA700
        assert peer.send_c_store(ct()).Status == 0x0000
    assert len(listener.received()) == 1


def test_p1_a_disk_that_fails_to_sync_never_gives_success(
    start: Callable[..., RunningListener], monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = start()
    with association(listener.port) as peer:
        with monkeypatch.context() as broken:
            broken.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "full")))
            assert peer.send_c_store(ct()).Status == 0xA700
        assert peer.send_c_store(ct()).Status == 0x0000
    assert len(listener.received()) == 1
    assert list(listener.inbox.temporary.iterdir()) == []


def test_an_object_over_the_limit_is_refused_and_the_next_one_taken(
    start: Callable[..., RunningListener],
) -> None:
    listener = start(max_object_bytes=100_000)
    with association(listener.port) as peer:
        assert peer.send_c_store(ct(size=1_000_000)).Status == 0xA700
        assert peer.send_c_store(ct()).Status == 0x0000
    assert list(listener.inbox.temporary.iterdir()) == []


def test_only_allowed_senders_get_in(start: Callable[..., RunningListener]) -> None:
    listener = start(allowed_calling_ae_titles=("CT01",), require_called_ae_title=True)
    for ae_title, called, is_let_in in (
        ("CT01", "VIGIE", True),
        ("CT02", "VIGIE", False),
        ("CT01", "OTHER", False),
    ):
        with association(listener.port, ae_title=ae_title, called=called) as peer:
            assert peer.is_established is is_let_in
            assert peer.is_rejected is not is_let_in


def test_an_address_that_is_not_allowed_is_not_spoken_to(
    start: Callable[..., RunningListener],
) -> None:
    listener = start(allowed_addresses=("10.0.0.0/8",))
    with association(listener.port) as peer:
        assert not peer.is_established
    allowed = ListenerSettings(data=Path("x"), allowed_addresses=("10.0.0.0/8", "fe80::/10"))
    assert allowed.allows_address("10.1.2.3")
    assert allowed.allows_address("::ffff:10.1.2.3")
    assert allowed.allows_address("fe80::1%eth0")
    assert not allowed.allows_address("11.1.2.3")


def test_more_associations_than_allowed_are_rejected_for_now(
    start: Callable[..., RunningListener],
) -> None:
    listener = start(max_associations=1)
    with association(listener.port) as first, association(listener.port) as second:
        assert first.is_established
        assert second.is_rejected
    with association(listener.port) as third:
        assert third.is_established


def test_an_association_leaves_evidence_while_it_is_open(
    start: Callable[..., RunningListener],
) -> None:
    listener = start()
    with association(listener.port) as peer:
        assert [one.sender for one in open_associations(listener.inbox)] == [("CT01", "127.0.0.1")]
        peer.abort()
    assert eventually(lambda: not open_associations(listener.inbox))
    with association(listener.port):
        assert len(open_associations(listener.inbox)) == 1
    assert eventually(lambda: not open_associations(listener.inbox))


def associate_pdu() -> bytes:
    """What pynetdicom sends to open an association for CT images."""
    sent = io.BytesIO()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def catch() -> None:
            connection, _ = server.accept()
            with connection:
                sent.write(connection.recv(65536))

        thread = threading.Thread(target=catch)
        thread.start()
        with association(server.getsockname()[1]):
            pass
        thread.join(10)
    return sent.getvalue()


HOSTILE = {
    "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "noise": random.Random(1).randbytes(5000),
    "nothing": b"",
    "half a header": b"\x01\x00\x00",
    "a release first": b"\x05\x00\x00\x00\x00\x04\x00\x00\x00\x00",
    "a 4 GB request": b"\x01\x00\xff\xff\xff\xff" + b"x" * 1000,
    "a request of noise": b"\x01\x00\x00\x00\x10\x00" + random.Random(2).randbytes(4096),
    "an empty request": b"\x01\x00\x00\x00\x00\x00",
}


def data_pdu(context_id: int, control: int, data: bytes, length: int | None = None) -> bytes:
    """A P-DATA-TF of one fragment; `length` is what the fragment says it has."""
    item = struct.pack(">LBB", len(data) + 2 if length is None else length, context_id, control)
    return struct.pack(">BxL", 4, len(item) + len(data)) + item + data


AFTER_ASSOCIATION = {
    "a 4 GB data PDU": b"\x04\x00\xff\xff\xff\xf0" + b"x" * 1000,
    "lengths that do not add up": data_pdu(1, 3, b"xxxx", length=99),
    "a fragment of no length": data_pdu(1, 3, b"", length=1),
    "a data set without a command": data_pdu(1, 2, b"xx"),
    "a command of noise": data_pdu(1, 3, b"\xff" * 10),
    "a context that was not agreed": data_pdu(
        9, 3, struct.pack("<HHLHHHLH", 0, 0x100, 2, 0x30, 0, 0x110, 2, 1)
    ),
    "a second request": b"\x01\x00\x00\x00\x00\x04\x00\x01\x00\x00",
    "half a PDU": b"\x04\x00\x00\x00\x10\x00\x00\x00",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_p9_strange_peers_are_cut_and_nobody_else_notices(
    start: Callable[..., RunningListener], name: str
) -> None:
    listener = start(acse_timeout_s=0.5, dimse_timeout_s=0.5)
    threads = threading.active_count()
    with socket.create_connection(("127.0.0.1", listener.port), timeout=10) as peer:
        peer.sendall(HOSTILE[name])
        assert_closed(peer)
    assert eventually(lambda: threading.active_count() <= threads)
    with association(listener.port) as good:
        assert good.send_c_store(ct()).Status == 0x0000


@pytest.mark.parametrize("name", AFTER_ASSOCIATION)
def test_p9_a_peer_that_turns_strange_is_aborted(
    start: Callable[..., RunningListener], name: str
) -> None:
    listener = start(network_timeout_s=2.0, dimse_timeout_s=0.5)
    request = associate_pdu()
    threads = threading.active_count()
    with socket.create_connection(("127.0.0.1", listener.port), timeout=10) as peer:
        peer.sendall(request)
        assert peer.recv(1) == b"\x02"
        peer.sendall(AFTER_ASSOCIATION[name])
        assert_closed(peer)
    assert eventually(lambda: threading.active_count() <= threads)
    assert eventually(lambda: not open_associations(listener.inbox))
    assert list(listener.inbox.temporary.iterdir()) == []
    assert listener.received() == []


def assert_closed(peer: socket.socket) -> None:
    """The other side ends the connection by itself, within the socket's timeout."""
    try:
        while peer.recv(65536):
            pass
    except ConnectionResetError:
        return


def test_p9_damaged_requests_never_end_the_listener(
    start: Callable[..., RunningListener],
) -> None:
    listener = start(acse_timeout_s=0.3)
    request = associate_pdu()
    A_ASSOCIATE_RQ().decode(request)
    chance = random.Random(3)
    for _ in range(60):
        damaged = bytearray(request)
        for _ in range(chance.randint(1, 6)):
            damaged[chance.randrange(6, len(damaged))] = chance.randrange(256)
        with socket.create_connection(("127.0.0.1", listener.port), timeout=10) as peer:
            peer.sendall(damaged)
            peer.shutdown(socket.SHUT_WR)
            assert_closed(peer)
    with association(listener.port) as good:
        assert good.send_c_store(ct()).Status == 0x0000


def test_an_idle_peer_is_cut_after_the_network_timeout(
    start: Callable[..., RunningListener],
) -> None:
    listener = start(network_timeout_s=0.5)
    with association(listener.port) as peer:
        assert eventually(lambda: peer.is_aborted)


def test_a_connection_lost_in_mid_object_leaves_nothing_behind(
    start: Callable[..., RunningListener],
) -> None:
    listener = start()
    with association(listener.port) as peer:
        sending = threading.Thread(target=lambda: peer.send_c_store(ct(size=50_000_000)))
        sending.start()
        assert eventually(lambda: any(listener.inbox.temporary.iterdir()))
        peer.dul.socket.socket.shutdown(socket.SHUT_RDWR)
        sending.join(30)
    assert eventually(lambda: not any(listener.inbox.temporary.iterdir()))
    assert listener.received() == []


def test_stopping_finishes_the_association_in_hand_and_takes_no_new_one(
    start: Callable[..., RunningListener],
) -> None:
    listener = start()
    with association(listener.port) as peer:
        assert peer.send_c_store(ct("1.2.3.1")).Status == 0x0000
        stopping = threading.Timer(0.05, listener.ask_to_stop)
        stopping.start()
        statuses = [peer.send_c_store(ct(f"1.2.3.{n}", 300_000)).Status for n in range(2, 30)]
        assert set(statuses) == {0x0000}
    listener.thread.join(20)
    assert not listener.thread.is_alive()
    assert len(listener.received()) == 29
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", listener.port), timeout=5)


def test_stopping_does_not_wait_for_an_idle_association(
    start: Callable[..., RunningListener],
) -> None:
    listener = start(stop_limit_s=30.0)
    with association(listener.port) as peer:
        started = time.monotonic()
        listener.stop()
        assert time.monotonic() - started < 8
        assert eventually(lambda: peer.is_aborted)


def test_accepted_connections_send_small_answers_at_once(
    start: Callable[..., RunningListener], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = []
    set_option = socket.socket.setsockopt

    def note(self: socket.socket, level: int, option: int, value: int) -> None:
        options.append((level, option, value))
        set_option(self, level, option, value)

    listener = start()
    monkeypatch.setattr(socket.socket, "setsockopt", note)
    with association(listener.port):
        pass
    assert (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1) in options


def test_over_tls_objects_arrive_and_plain_peers_do_not(
    start: Callable[..., RunningListener], program: Callable[[str], str], tmp_path: Path
) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        [program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    listener = start(tls_certificate=certificate, tls_key=key, acse_timeout_s=2.0)
    context = ssl.create_default_context(cafile=str(certificate))
    context.check_hostname = False
    with association(listener.port, tls=context) as peer:
        assert peer.send_c_store(ct(size=1_000_000)).Status == 0x0000
        time.sleep(1.0)
        assert peer.send_c_store(ct("1.2.3.5")).Status == 0x0000
    assert len(listener.received()) == 2
    with association(listener.port, timeout_s=5.0) as plain:
        assert not plain.is_established


LISTENER = """
import sys, threading
from pathlib import Path
from dicom_listener.server import ListenerSettings, listen
settings = ListenerSettings(data=Path(sys.argv[1]), port=int(sys.argv[2]), disk_reserve_bytes=0)
listen(settings, threading.Event(), lambda port: print(port, flush=True))
"""


def listener_process(data: Path, port: int = 0) -> tuple["subprocess.Popen[str]", int]:
    process = subprocess.Popen(
        [sys.executable, "-c", LISTENER, str(data), str(port)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert process.stdout is not None
    for line in process.stdout:  # log lines come first
        if line.strip().isdigit():
            return process, int(line)
    raise AssertionError("the listener did not start")


def test_several_listener_processes_share_a_port(tmp_path: Path) -> None:
    first, port = listener_process(tmp_path)
    second, same_port = listener_process(tmp_path, port)
    try:
        assert same_port == port
        for number in range(12):
            with association(port) as peer:
                assert peer.send_c_store(ct(f"1.2.3.{number}")).Status == 0x0000
        assert len(list((tmp_path / "inbox").glob("*.dcm"))) == 12
    finally:
        for process in (first, second):
            process.kill()
            process.communicate()


@pytest.mark.parametrize("seed", [1, 2])
def test_p1_after_kill_9_every_acknowledged_object_is_there_bit_for_bit(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    process, port = listener_process(tmp_path)
    acknowledged: dict[str, str] = {}

    def send(number: int) -> None:
        with association(port, timeout_s=2.0) as peer:
            for n in range(10_000):
                if not peer.is_established:
                    return
                ds = ct(f"1.2.{number}.{n}", size=20_000 + n)
                try:
                    status = peer.send_c_store(ds)
                except RuntimeError:  # the association ended under our feet
                    return
                if "Status" in status and status.Status == 0x0000:
                    acknowledged[ds.SOPInstanceUID] = ds.TextValue

    senders = [threading.Thread(target=send, args=(number,)) for number in range(2)]
    for thread in senders:
        thread.start()
    time.sleep(1.0 + chance.random())
    process.send_signal(signal.SIGKILL)
    process.communicate()
    for thread in senders:
        thread.join(30)
    kept = {
        ds.SOPInstanceUID: ds.TextValue for ds in map(dcmread, (tmp_path / "inbox").glob("*.dcm"))
    }
    assert acknowledged
    assert {uid: kept.get(uid) for uid in acknowledged} == acknowledged
    again, _ = listener_process(tmp_path)  # clears what the dead one left
    inbox = Inbox(tmp_path / "inbox")
    try:
        assert list(inbox.temporary.iterdir()) == []
        assert open_associations(inbox) == []
    finally:
        inbox.close()
        again.kill()
        again.communicate()


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
    indexer.close()
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
