"""A listener on a real socket: what it serves, to whom, and how much at once."""

import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom.uid import JPEG2000, CTImageStorage, ExplicitVRLittleEndian
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    PatientRootQueryRetrieveInformationModelFind,
    Verification,
)

from dicom_listener.association_evidence import open_associations
from dicom_listener.inbox import Inbox
from dicom_listener.received_object import data_set_digest
from dicom_listener.server import ListenerSettings
from tests.listening import RunningListener, association, ct, eventually, listener_process
from tests.raw_peer import associate_pdu

PRIVATE_STORAGE = "1.2.826.0.1.3680043.9.9999.1"


PRIVATE_TRANSFER_SYNTAX = "1.2.826.0.1.3680043.9.9999.2"


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
    with association(listener.port) as first:
        assert first.is_established
        # read from the socket: pynetdicom forgets an answer if the connection closes just after it
        with socket.create_connection(("127.0.0.1", listener.port), timeout=20) as second:
            second.sendall(associate_pdu())
            answer = second.recv(10, socket.MSG_WAITALL)
        # A-ASSOCIATE-RJ, transient, by the presentation layer, local limit exceeded (PS3.8 9.3.4)
        assert answer == bytes.fromhex("03 00 00000004 00 02 03 02")
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
