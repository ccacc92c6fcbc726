"""C-STORE to nodes that take, refuse, hang and die: nothing lost, nothing doubled."""

import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import evt
from vigie_node import free_port

from results.sending import transport
from results.sending.errors import DestinationUnavailable, UnsendableFile
from tests.listening import RunningListener
from tests.sending_peers import CAPTURE, SR, at, result_file, storage_peer, storescp, uid_of


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "made"
    folder.mkdir()
    return [result_file(folder, size=200_000) for _ in range(4)]


class Receiver:
    """What a node received, and what it answers to the n-th object."""

    def __init__(self, *statuses: int | Dataset | Callable[[evt.Event], int]) -> None:
        self.statuses = list(statuses)
        self.received: list[str] = []

    def __call__(self, event: evt.Event) -> int | Dataset:
        self.received.append(str(event.request.AffectedSOPInstanceUID))
        status = self.statuses.pop(0) if self.statuses else 0x0000
        return status(event) if callable(status) else status


def answers(delivered: Any) -> list[tuple[str, str, int | None]]:
    return [(one.sop_instance_uid, one.state, one.status) for one in delivered]


def test_dcmtk_receives_every_object_bit_for_bit(
    files: list[Path], program: Callable[[str], str], tmp_path: Path
) -> None:
    port = free_port()
    here = at(port)
    with storescp(program, tmp_path / "in", port, "--bit-preserving", ready=lambda: reaches(port)):
        delivered = transport.send(here, files)
    assert answers(delivered) == [(uid_of(one), "accepted", 0) for one in files]
    got = {str(dcmread(one).SOPInstanceUID): one for one in (tmp_path / "in").iterdir()}
    assert set(got) == {uid_of(one) for one in files}
    for one in files:
        whole = one.read_bytes()
        assert got[uid_of(one)].read_bytes().endswith(whole[whole.index(b"\x08\0\x05\0CS") :])


def reaches(port: int) -> bool:
    try:
        transport.test(at(port))
    except DestinationUnavailable:
        return False
    return True


def test_a_node_that_takes_implicit_alone_gets_our_objects_so(
    program: Callable[[str], str], tmp_path: Path
) -> None:
    port = free_port()
    sent = [result_file(tmp_path), result_file(tmp_path, syntax=DeflatedExplicitVRLittleEndian)]
    with storescp(program, tmp_path / "in", port, "--implicit", ready=lambda: reaches(port)):
        delivered = transport.send(at(port), sent)
    assert [one.state for one in delivered] == ["accepted"] * 2
    for path in (tmp_path / "in").iterdir():
        read = dcmread(path)
        assert read.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
        assert read.get_item("PatientID").value == b"\xff1"  # type: ignore[union-attr]
        assert read.TextValue == "x" * 2000


def test_refusals_are_told_object_by_object_in_words(files: list[Path]) -> None:
    refusal = Dataset()
    refusal.Status = 0xC123
    refusal.ErrorComment = "no such patient"
    receiver = Receiver(0x0000, refusal, 0xB000, 0x0111)
    with storage_peer(receiver) as port:
        delivered = transport.send(at(port), files)
    assert answers(delivered) == [
        (uid_of(files[0]), "accepted", 0x0000),
        (uid_of(files[1]), "refused", 0xC123),
        (uid_of(files[2]), "accepted", 0xB000),
        (uid_of(files[3]), "accepted", 0x0111),  # it has it: sent again after a lost answer
    ]
    assert delivered[0].words == ""
    assert delivered[1].words == "status 0xC123 (Cannot Understand): no such patient"
    assert delivered[2].words == "status 0xB000 (Coercion of Data Elements)"


def test_a_kind_of_object_that_is_not_taken_is_refused_and_the_others_arrive(
    tmp_path: Path,
) -> None:
    report, image = result_file(tmp_path), result_file(tmp_path, sop_class_uid=CAPTURE)
    with storage_peer(Receiver(), classes=(CAPTURE,)) as port:
        delivered = transport.send(at(port), [report, image])
    assert answers(delivered) == [
        (uid_of(report), "refused", None),
        (uid_of(image), "accepted", 0x0000),
    ]
    assert delivered[0].words == "It takes no Comprehensive 3D SR Storage that we could send."


@pytest.mark.parametrize("ending", ["no room", "aborts", "hangs", "dies"])
def test_what_was_answered_before_a_node_failed_is_known_and_the_rest_is_sent_once_more(
    files: list[Path], ending: str
) -> None:
    hold = threading.Event()

    def fails(event: evt.Event) -> int:
        if ending == "aborts":
            event.assoc.abort(block=False)
        elif ending == "hangs":
            hold.wait(60)
        elif ending == "dies":
            event.assoc.dul.socket.socket.shutdown(socket.SHUT_RDWR)
        return 0xA700

    receiver = Receiver(0x0000, 0xC000, fails)
    with storage_peer(receiver) as port:
        here = at(port, answer_timeout_s=2.0)
        with pytest.raises(DestinationUnavailable) as told:
            transport.send(here, files)
        answered = told.value.delivered
        assert answers(answered) == [
            (uid_of(files[0]), "accepted", 0x0000),
            (uid_of(files[1]), "refused", 0xC000),
        ]
        hold.set()
        known = {one.sop_instance_uid for one in answered}
        rest = [one for one in files if uid_of(one) not in known]
        assert [one.state for one in transport.send(at(port), rest)] == ["accepted"] * 2
    assert Counter(receiver.received) == {
        uid_of(files[0]): 1,
        uid_of(files[1]): 1,
        uid_of(files[2]): 2,  # its answer was lost: the same object under the same UID
        uid_of(files[3]): 1,
    }


@pytest.mark.parametrize(
    ("options", "words", "answered"),
    [
        (["--refuse"], "refused the association", 0),
        (["--abort-after"], "aborted the association", 0),
        (["--abort-during"], "aborted the association|closed the connection", 0),
        (["--sleep-during", "30"], "stopped to answer|no answer for 2 s", 0),
        (["--sleep-after", "30"], "no answer for 2 s", 1),
    ],
)
def test_dcmtk_that_refuses_aborts_or_hangs_is_unavailable_and_what_it_answered_is_known(
    files: list[Path],
    program: Callable[[str], str],
    tmp_path: Path,
    options: list[str],
    words: str,
    answered: int,
) -> None:
    port = free_port()
    here = at(port, answer_timeout_s=2.0, connect_timeout_s=2.0)
    with (
        storescp(program, tmp_path / "in", port, *options, ready=lambda: listens(port)),
        pytest.raises(DestinationUnavailable, match=words) as told,
    ):
        transport.send(here, files)
    assert [one.sop_instance_uid for one in told.value.delivered] == [
        uid_of(one) for one in files[:answered]
    ]


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def silent_server(answer: bytes) -> Iterator[int]:
    """Accepts one connection, says something, and nothing more until the other side leaves."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection, suppress(ConnectionError):
                connection.recv(65536)
                connection.sendall(answer)
                while connection.recv(65536):
                    pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(20)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "no answer for 1 s"),
        (b"\x02\0\0\0\xff\xff", "stopped to answer"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "too long"),
        (b"\x02\0\0\0\0\x04abcd", "its answer is unreadable"),
        (b"\x05\0\0\0\0\x04\0\0\0\0", "something else than an association"),
        (b"\x07\0\0\0\0\x04\0\0\0\0", "aborted"),
    ],
)
def test_p9_whatever_answers_there_is_said_in_a_sentence(
    files: list[Path], answer: bytes, words: str
) -> None:
    with (
        silent_server(answer) as port,
        pytest.raises(DestinationUnavailable, match=words) as told,
    ):
        transport.send(at(port, connect_timeout_s=1.0, answer_timeout_s=1.0), files)
    assert told.value.delivered == ()


def test_nobody_there_is_said_with_what_to_look_at(files: list[Path]) -> None:
    with pytest.raises(DestinationUnavailable, match=r"Nothing listens at 127\.0\.0\.1"):
        transport.send(at(free_port()), files)
    with pytest.raises(DestinationUnavailable, match=r"No address is known for nowhere\.invalid"):
        transport.test(at(104, host="nowhere.invalid"))


def test_a_file_that_cannot_be_read_stops_the_call_before_anything_is_sent(
    files: list[Path],
) -> None:
    receiver = Receiver()
    files[2].write_bytes(b"no DICOM")
    with storage_peer(receiver) as port, pytest.raises(UnsendableFile) as told:
        transport.send(at(port), files)
    assert told.value.path == files[2]
    assert receiver.received == []


def test_nothing_to_send_asks_nobody() -> None:
    assert transport.send(at(free_port()), []) == ()


def test_a_connection_test_says_what_answers_and_what_it_takes() -> None:
    with storage_peer(Receiver(), classes=(SR, "1.2.840.10008.1.1")) as port:
        said = transport.test(at(port))
    assert said.startswith("PACS (PYNETDICOM")
    assert said.endswith("takes reports; no storage commitment")


def test_another_ae_title_is_said_with_what_to_look_at() -> None:
    with (
        storage_peer(Receiver(), require_called_aet=True, ae_title="OTHER") as port,
        pytest.raises(DestinationUnavailable, match="Check the called AE title"),
    ):
        transport.test(at(port))


def test_our_own_listener_takes_what_we_send(
    files: list[Path], start: Callable[..., RunningListener]
) -> None:
    listener = start()
    delivered = transport.send(at(listener.port, called_ae_title="VIGIE"), files)
    assert [one.state for one in delivered] == ["accepted"] * 4
    for received, sent in zip(listener.received(), files, strict=True):
        whole = sent.read_bytes()
        assert received.read_bytes().endswith(whole[whole.index(b"\x08\0\x05\0CS") :])
