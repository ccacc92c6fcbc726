"""DICOM TLS with DCMTK both ways: what is right is taken, what is wrong refused by each side."""

import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from vigie_node import free_port

from results.sending import transport
from results.sending.destination import Tls
from results.sending.errors import DestinationUnavailable
from tests.certificates import Authority, Signed
from tests.listening import RunningListener, ct
from tests.sending_peers import at, result_file, storage_peer, storescp


@dataclass(frozen=True)
class Trust:
    """The hospital's CA and what it signed, and those of strangers."""

    hospital: Authority
    ours: Signed
    theirs: Signed
    elsewhere: Signed  # of the same CA, made out to another host
    stranger: Authority
    strangers: Signed


@pytest.fixture(scope="module")
def trust(program: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Trust:
    folder = tmp_path_factory.mktemp("trust")
    hospital = Authority(program, folder, "hospital")
    stranger = Authority(program, folder, "stranger")
    ours = hospital.sign()
    return Trust(
        hospital=hospital,
        ours=ours,
        theirs=ours,
        elsewhere=hospital.sign("elsewhere.example"),
        stranger=stranger,
        strangers=stranger.sign(),
    )


@contextmanager
def tls_storescp(
    program: Callable[[str], str], folder: Path, mine: Signed, trusted: Path
) -> Iterator[int]:
    """DCMTK that shows a certificate and wants one of a CA."""
    port = free_port()

    def listens() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return False
        return True

    options = ["+tls", str(mine.key), str(mine.certificate), "--require-peer-cert"]
    options += ["--add-cert-file", str(trusted), "--bit-preserving"]
    with storescp(program, folder, port, *options, ready=listens):
        yield port


def test_both_sides_show_a_certificate_and_the_object_arrives(
    trust: Trust, program: Callable[[str], str], tmp_path: Path
) -> None:
    file = result_file(tmp_path, size=300_000)
    mine = Tls(ca=trust.hospital.ca, certificate=trust.ours.certificate, key=trust.ours.key)
    with tls_storescp(program, tmp_path / "in", trust.theirs, trust.hospital.ca) as port:
        for host in ("127.0.0.1", "localhost"):
            here = at(port, tls=mine, host=host)
            assert transport.send(here, [file])[0].state == "accepted"
            assert "takes reports" in transport.test(here)
    assert len(list((tmp_path / "in").iterdir())) == 1


def test_we_refuse_a_certificate_of_a_strange_ca(
    trust: Trust, program: Callable[[str], str], tmp_path: Path
) -> None:
    mine = Tls(ca=trust.hospital.ca, certificate=trust.ours.certificate, key=trust.ours.key)
    with (
        tls_storescp(program, tmp_path / "in", trust.strangers, trust.hospital.ca) as port,
        pytest.raises(DestinationUnavailable, match="We refuse the certificate") as told,
    ):
        transport.send(at(port, tls=mine), [result_file(tmp_path)])
    assert told.value.delivered == ()
    assert list((tmp_path / "in").iterdir()) == []


def test_we_refuse_a_certificate_made_out_to_another_host_unless_told_not_to_look(
    trust: Trust, program: Callable[[str], str], tmp_path: Path
) -> None:
    mine = {"ca": trust.hospital.ca, "certificate": trust.ours.certificate, "key": trust.ours.key}
    with tls_storescp(program, tmp_path / "in", trust.elsewhere, trust.hospital.ca) as port:
        with pytest.raises(DestinationUnavailable, match="We refuse the certificate"):
            transport.test(at(port, tls=Tls(**mine)))
        lenient = at(port, tls=Tls(**mine, check_host_name=False))
        assert "takes reports" in transport.test(lenient)


@pytest.mark.parametrize("shown", ["of a stranger", "none"])
def test_they_refuse_a_certificate_that_is_wrong_or_missing_and_we_say_so(
    trust: Trust, program: Callable[[str], str], tmp_path: Path, shown: str
) -> None:
    mine = Tls(ca=trust.hospital.ca)
    if shown != "none":
        strangers = trust.strangers
        mine = Tls(ca=mine.ca, certificate=strangers.certificate, key=strangers.key)
    with (
        tls_storescp(program, tmp_path / "in", trust.theirs, trust.hospital.ca) as port,
        pytest.raises(DestinationUnavailable, match="refused our TLS connection") as told,
    ):
        transport.send(at(port, tls=mine), [result_file(tmp_path)])
    assert "Check our certificate" in str(told.value)
    assert list((tmp_path / "in").iterdir()) == []


def test_a_node_without_tls_is_said_to_have_none(trust: Trust) -> None:
    with (
        storage_peer(lambda _: 0x0000) as port,
        pytest.raises(DestinationUnavailable, match="Check whether TLS is spoken there"),
    ):
        transport.test(at(port, tls=Tls(ca=trust.hospital.ca)))


@pytest.mark.parametrize("wrong", ["missing", "no certificate", "another key"])
def test_files_that_cannot_be_used_are_said(trust: Trust, tmp_path: Path, wrong: str) -> None:
    file = tmp_path / "file.pem"
    mine = Tls(ca=file)
    if wrong == "no certificate":
        file.write_text("nothing")
    elif wrong == "another key":
        mine = Tls(certificate=trust.ours.certificate, key=trust.strangers.key)
    with pytest.raises(DestinationUnavailable, match="CA, certificate or key for TLS"):
        transport.test(at(free_port(), tls=mine))


def storescu(
    program: Callable[[str], str], port: int, file: Path, trusted: Path, mine: Signed | None
) -> int:
    """DCMTK sends to our listener; its exit status."""
    options = ["--anonymous-tls"]
    if mine is not None:
        options = ["+tls", str(mine.key), str(mine.certificate)]
    options += ["--add-cert-file", str(trusted)]
    command = [program("storescu"), *options, "127.0.0.1", str(port), str(file)]
    return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode


def test_our_listener_takes_what_dcmtk_sends_with_a_certificate_of_the_ca(
    trust: Trust,
    program: Callable[[str], str],
    start: Callable[..., RunningListener],
    tmp_path: Path,
) -> None:
    listener = start(
        tls_certificate=trust.ours.certificate,
        tls_key=trust.ours.key,
        tls_client_ca=trust.hospital.ca,
    )
    file, port = tmp_path / "ct.dcm", listener.port
    ct().save_as(file, enforce_file_format=True)
    assert storescu(program, port, file, trust.hospital.ca, trust.theirs) == 0
    assert len(listener.received()) == 1
    assert storescu(program, port, file, trust.hospital.ca, trust.strangers) != 0
    assert storescu(program, port, file, trust.hospital.ca, None) != 0
    assert storescu(program, port, file, trust.stranger.ca, trust.theirs) != 0  # refuses us
    assert len(listener.received()) == 1
