"""The listener under TLS: what it serves, how long it waits, and how it ends."""

import contextlib
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.listening import RunningListener, association, ct, eventually, half_received
from tests.raw_peer import assert_closed, associate_pdu, data_pdu, store_command

DATA_SET = b"\x10\x00\x20\x00LO\x0a\x00" + b"0123456789" * 200  # the listener does not read it


@pytest.fixture(scope="module")
def certificate(
    program: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A certificate for localhost, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    return certificate, key


@pytest.fixture
def start_tls(
    start: Callable[..., RunningListener], certificate: tuple[Path, Path]
) -> Callable[..., RunningListener]:
    """Starts listeners that speak TLS only."""

    def starter(**settings: Any) -> RunningListener:
        return start(tls_certificate=certificate[0], tls_key=certificate[1], **settings)

    return starter


@pytest.fixture
def trust(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    """The senders' side, which trusts the listener's certificate."""
    context = ssl.create_default_context(cafile=str(certificate[0]))
    context.check_hostname = False
    return context


@contextlib.contextmanager
def half_sent(port: int, tls: ssl.SSLContext | None) -> Iterator[tuple[socket.socket, bytes]]:
    """A peer in the midst of a C-STORE, and the rest of its data set's PDU."""
    with contextlib.ExitStack() as stack:
        peer = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
        if tls is not None:
            peer = stack.enter_context(tls.wrap_socket(peer))
        peer.sendall(associate_pdu())
        assert peer.recv(65536)[:1] == b"\x02"
        pdu = data_pdu(1, 2, DATA_SET)
        peer.sendall(data_pdu(1, 3, store_command()) + pdu[:1000])
        yield peer, pdu[1000:]


def association_threads() -> list[threading.Thread]:
    """The listener's threads that serve a connection."""
    return [one for one in threading.enumerate() if one.name.startswith("association-")]


def test_over_tls_objects_arrive_and_plain_peers_do_not(
    start_tls: Callable[..., RunningListener], trust: ssl.SSLContext
) -> None:
    listener = start_tls(acse_timeout_s=2.0)
    with association(listener.port, tls=trust) as peer:
        assert peer.send_c_store(ct(size=1_000_000)).Status == 0x0000
        time.sleep(1.0)
        assert peer.send_c_store(ct("1.2.3.5")).Status == 0x0000
    assert len(listener.received()) == 2
    with association(listener.port, timeout_s=5.0) as plain:
        assert not plain.is_established


@pytest.mark.parametrize("over_tls", [False, True])
def test_stopping_cuts_what_is_not_over_in_time(
    start: Callable[..., RunningListener],
    start_tls: Callable[..., RunningListener],
    trust: ssl.SSLContext,
    over_tls: bool,
) -> None:
    listener = (start_tls if over_tls else start)(stop_limit_s=0.1, dimse_timeout_s=60.0)
    with half_sent(listener.port, trust if over_tls else None) as (peer, _):
        assert eventually(lambda: half_received(listener.inbox))
        listener.stop()
        assert association_threads() == []
        assert_closed(peer)
    assert not half_received(listener.inbox)
    assert listener.received() == []


def test_p1_what_a_cut_leaves_unread_is_still_decrypted(
    start_tls: Callable[..., RunningListener],
    trust: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader_waits, is_cut = threading.Event(), threading.Event()
    receive, shut = ssl.SSLSocket.recv_into, socket.socket.shutdown

    def receive_the_rest_after_the_cut(self: ssl.SSLSocket, buffer: memoryview) -> int:
        if half_received(listener.inbox):
            reader_waits.set()
            is_cut.wait(20)
        return receive(self, buffer)

    def note_the_cut(self: socket.socket, how: int) -> None:
        shut(self, how)
        is_cut.set()

    listener = start_tls(stop_limit_s=0.1, dimse_timeout_s=60.0)
    monkeypatch.setattr(ssl.SSLSocket, "recv_into", receive_the_rest_after_the_cut)
    with half_sent(listener.port, trust) as (peer, rest):
        assert reader_waits.wait(10)
        peer.sendall(rest)
        monkeypatch.setattr(socket.socket, "shutdown", note_the_cut)
        listener.stop()
    (path,) = listener.received()
    assert path.read_bytes().endswith(DATA_SET)
    assert association_threads() == []


def test_a_handshake_that_hangs_does_not_hold_the_stop_back(
    start_tls: Callable[..., RunningListener],
) -> None:
    listener = start_tls(acse_timeout_s=300.0, stop_limit_s=300.0)
    with socket.create_connection(("127.0.0.1", listener.port), timeout=10) as silent:
        assert eventually(lambda: len(association_threads()) == 1)
        listener.stop()
        assert association_threads() == []
        assert_closed(silent)


def test_p9_a_handshake_that_hangs_is_cut_after_the_acse_timeout(
    start_tls: Callable[..., RunningListener],
) -> None:
    listener = start_tls(acse_timeout_s=0.5)
    with socket.create_connection(("127.0.0.1", listener.port), timeout=10) as silent:
        assert_closed(silent)
    assert eventually(lambda: association_threads() == [])


def test_a_connection_that_gets_no_tls_is_closed_and_the_next_one_served(
    start_tls: Callable[..., RunningListener],
    trust: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ConnectionResetError("the peer is gone")

    listener = start_tls()
    with monkeypatch.context() as gone:
        gone.setattr(ssl.SSLContext, "wrap_socket", refuse)
        with socket.create_connection(("127.0.0.1", listener.port), timeout=10) as peer:
            assert_closed(peer)
    with association(listener.port, tls=trust) as next_one:
        assert next_one.is_established


def test_a_handshake_may_come_in_pieces(
    start_tls: Callable[..., RunningListener],
    trust: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listener = start_tls()
    waits = threading.Semaphore(0)
    shake_hands = ssl.SSLSocket.do_handshake

    def note(self: ssl.SSLSocket) -> None:
        waits.release()
        shake_hands(self)

    monkeypatch.setattr(ssl.SSLSocket, "do_handshake", note)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    peer = trust.wrap_bio(incoming, outgoing)
    with socket.create_connection(("127.0.0.1", listener.port), timeout=10) as connection:

        def through(act: Callable[[], Any]) -> Any:
            while True:
                try:
                    return act()
                except ssl.SSLWantReadError:
                    connection.sendall(outgoing.read())
                    incoming.write(connection.recv(65536))

        with pytest.raises(ssl.SSLWantReadError):
            peer.do_handshake()
        for piece in (outgoing.read(100), outgoing.read()):
            assert waits.acquire(timeout=10)
            connection.sendall(piece)
        through(peer.do_handshake)
        peer.write(associate_pdu())
        assert through(lambda: peer.read(1)) == b"\x02"
