"""PDUs are read whole, bounded and in time, however the network cuts them (P9)."""

import random
import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_listener.errors import PeerGone, ProtocolError
from dicom_listener.pdu import (
    A_ABORT,
    A_RELEASE_RP,
    P_DATA_TF,
    PDUReader,
    abort_pdu,
    command_pdu,
    fragments,
    release_response_pdu,
)

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


def data_pdu(data: bytes, control: int = 2) -> bytes:
    return struct.pack(">BxLLBB", P_DATA_TF, len(data) + 6, len(data) + 2, 1, control) + data


def test_pdus_come_out_as_they_went_in_however_they_are_cut(pair: Pair) -> None:
    peer, ours = pair
    chance = random.Random(1)
    sent = [chance.randbytes(chance.choice((0, 1, 100, 4096, 60_000))) for _ in range(60)]
    stream = b"".join(map(data_pdu, sent))

    def send() -> None:
        position = 0
        while position < len(stream):
            size = chance.choice((1, 5, 6, 7, 4096, 70_000))
            peer.sendall(stream[position : position + size])
            position += size

    thread = threading.Thread(target=send)
    thread.start()
    reader = PDUReader(ours, max_pdu_bytes=65536)
    received = []
    for _ in sent:
        (fragment,) = fragments(reader.read(idle_s=10, whole_s=10).body)
        received.append(bytes(fragment.data))
    thread.join(10)
    assert received == sent


@pytest.mark.parametrize(("excess", "is_refused"), [(0, False), (1024, False), (1025, True)])
def test_a_data_pdu_beyond_the_agreed_length_is_refused_unread(
    pair: Pair, excess: int, is_refused: bool
) -> None:
    peer, ours = pair
    pdu = data_pdu(bytes(4096 - 6 + excess))
    peer.sendall(pdu[:6] if is_refused else pdu)
    reader = PDUReader(ours, max_pdu_bytes=4096)
    if is_refused:
        with pytest.raises(ProtocolError):
            reader.read(idle_s=5, whole_s=5)
    else:
        assert len(reader.read(idle_s=5, whole_s=5).body) == 4096 + excess


def test_a_trickle_of_bytes_does_not_extend_the_deadline_of_a_pdu(pair: Pair) -> None:
    peer, ours = pair
    stop = threading.Event()

    def trickle() -> None:
        for byte in data_pdu(bytes(50_000)):
            if stop.wait(0.05):
                return
            peer.sendall(bytes([byte]))

    thread = threading.Thread(target=trickle)
    thread.start()
    started = time.monotonic()
    with pytest.raises(PeerGone, match="inside a PDU"):
        PDUReader(ours, max_pdu_bytes=65536).read(idle_s=5, whole_s=0.5)
    assert time.monotonic() - started < 3
    stop.set()
    thread.join(10)


def test_silence_and_a_stop_end_the_wait(pair: Pair) -> None:
    reader = PDUReader(pair[1], max_pdu_bytes=4096)
    with pytest.raises(PeerGone, match="said nothing"):
        reader.read(idle_s=0.3, whole_s=5)
    with pytest.raises(PeerGone, match="stopping"):
        reader.read(idle_s=30, whole_s=5, give_up=lambda: True)


def test_a_closed_connection_ends_the_wait(pair: Pair) -> None:
    pair[0].close()
    with pytest.raises(PeerGone, match="closed"):
        PDUReader(pair[1], max_pdu_bytes=4096).read(idle_s=5, whole_s=5)


def test_the_pdus_we_write_are_the_standards() -> None:
    assert release_response_pdu() == bytes([A_RELEASE_RP, 0, 0, 0, 0, 4, 0, 0, 0, 0])
    assert abort_pdu(6) == bytes([A_ABORT, 0, 0, 0, 0, 4, 0, 0, 2, 6])
    (fragment,) = fragments(memoryview(command_pdu(5, b"abc")[6:]))
    assert (fragment.context_id, fragment.is_command, fragment.is_last) == (5, True, True)
    assert bytes(fragment.data) == b"abc"


@given(st.binary(max_size=200))
def test_p9_hostile_bodies_are_fragments_or_protocol_errors(body: bytes) -> None:
    try:
        found = list(fragments(memoryview(body)))
    except ProtocolError:
        return
    assert sum(len(one.data) + 6 for one in found) == len(body)
