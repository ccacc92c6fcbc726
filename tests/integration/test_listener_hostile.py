"""Peers that are none, or turn strange: they are cut, and nobody else notices (P9)."""

import random
import socket
import struct
import threading
from collections.abc import Callable

import pytest
from pydicom import dcmread
from pynetdicom.pdu import A_ASSOCIATE_RQ

from dicom_listener.association_evidence import open_associations
from tests.listening import RunningListener, association, ct, eventually
from tests.raw_peer import assert_closed, associate_pdu, data_pdu


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
