"""STOW-RS to servers that take, refuse, confuse and die, to one under TLS, and to Vigie's own."""

import contextlib
import io
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian
from vigie_node import free_port

from dicom_listener.inbox import Inbox
from dicom_listener.settings import ListenerSettings
from dicom_listener.stow import StowDoor
from results.sending import transport
from results.sending.destination import StowDestination, Tls
from results.sending.errors import CommitmentNotOffered, DestinationUnavailable
from tests.certificates import Authority
from tests.dicomweb_parts import dicomweb_app, dicomweb_of
from tests.listening import eventually
from tests.sending_peers import result_file, uid_of
from tests.viewer_parts import NOW, FakePeople
from viewer.serving import Transport, make_server
from worklist.accounts import AccountName
from worklist.api_tokens import ApiToken, Scope
from worklist.uid import TransactionUID

Answer = tuple[int, bytes]


@dataclass
class Server:
    """What a server received, and what it answers."""

    answer: Callable[[list[bytes]], Answer]
    requests: list[tuple[dict[str, str], list[bytes]]] = field(default_factory=list)
    port: int = 0

    def at(self, scheme: str = "http", host: str = "127.0.0.1", **others: Any) -> StowDestination:
        url = f"{scheme}://{host}:{self.port}/dicomweb/"
        limits = {"connect_timeout_s": 5.0, "answer_timeout_s": 5.0}
        return StowDestination(**{"name": "Archive", "url": url, **limits, **others})


@contextlib.contextmanager
def serving(
    answer: Callable[[list[bytes]], Answer], tls: ssl.SSLContext | None = None
) -> Iterator[Server]:
    server = Server(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/dicomweb/studies"
            body = self.rfile.read(int(self.headers["Content-Length"]))
            head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
            message = BytesParser().parsebytes(head + body)
            payload = message.get_payload()
            parts = [one.get_payload(decode=True) for one in payload if one is not message]
            server.requests.append((dict(self.headers), parts))
            status, content = server.answer(parts)
            if not status:
                self.connection.close()
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.handle_error = lambda *_: None  # type: ignore[method-assign]
        if tls is not None:
            running.socket = tls.wrap_socket(running.socket, server_side=True)
        server.port = running.server_address[1]
        thread = threading.Thread(target=running.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            running.shutdown()
            thread.join(10)


def item(uid: str, tag: str = "", number: int = 0) -> dict[str, Any]:
    said: dict[str, Any] = {"00081155": {"vr": "UI", "Value": [uid]}}
    return said | ({tag: {"vr": "US", "Value": [number]}} if tag else {})


def body(referenced: list[Any], failed: list[Any]) -> bytes:
    said = {}
    if referenced:
        said["00081199"] = {"vr": "SQ", "Value": referenced}
    if failed:
        said["00081198"] = {"vr": "SQ", "Value": failed}
    return json.dumps(said).encode()


def uids_in(parts: list[bytes], files: list[Path]) -> list[str]:
    return [next(uid_of(one) for one in files if uid_of(one).encode() in part) for part in parts]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "made"
    folder.mkdir()
    return [result_file(folder, size=50_000) for _ in range(3)]


def test_files_go_in_the_parts_of_one_request_as_they_lie_on_disk(files: list[Path]) -> None:
    def takes(parts: list[bytes]) -> Answer:
        return 200, body([item(uid_of(one)) for one in files], [])

    with serving(takes) as server:
        delivered = transport.send(server.at(bearer_token="secret"), files)
    assert [(one.sop_instance_uid, one.state, one.status, one.words) for one in delivered] == [
        (uid_of(one), "accepted", 0, "") for one in files
    ]
    ((headers, parts),) = server.requests
    assert headers["Authorization"] == "Bearer secret"
    assert headers["Accept"] == "application/dicom+json"
    assert headers["Content-Type"].startswith('multipart/related; type="application/dicom";')
    assert parts == [one.read_bytes() for one in files]


def test_a_token_that_was_renewed_is_sent_and_one_that_is_gone_is_said(
    files: list[Path], tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("first\n")
    with serving(lambda _: (200, b"")) as server:
        there = server.at(bearer_token_file=token)
        transport.send(there, files)
        token.write_text("second\n")
        transport.send(there, files)
        token.unlink()
        with pytest.raises(DestinationUnavailable, match="bearer_token_file") as told:
            transport.send(there, files)
    assert told.value.begun == set()
    sent = [headers["Authorization"] for headers, _ in server.requests]
    assert sent == ["Bearer first", "Bearer second"]


def test_each_object_has_its_own_answer(files: list[Path]) -> None:
    one, two, three = (uid_of(file) for file in files)
    failed = [item(two, "00081197", 0x0111), item(three, "00081197", 0x0122)]
    said = body([item(one, "00081196", 0xB000)], failed)
    with serving(lambda _: (202, said)) as server:
        delivered = transport.send(server.at(), files)
    assert [(answer.state, answer.status) for answer in delivered] == [
        ("accepted", 0xB000),
        ("accepted", 0x0111),
        ("refused", 0x0122),
    ]
    assert delivered[2].words == "status 0x0122 (Refused: SOP Class Not Supported)"


@pytest.mark.parametrize(
    "content", [b"", b"<xml/>", b"[]", b"3", b'{"00081199": 3}', b'{"00081199": {"Value": [7]}}']
)
def test_p9_an_answer_that_says_nothing_counts_by_its_status(
    files: list[Path], content: bytes
) -> None:
    with serving(lambda _: (200, content)) as server:
        assert {one.state for one in transport.send(server.at(), files)} == {"accepted"}
    with serving(lambda _: (202, content)) as server:
        delivered = transport.send(server.at(), files)
    assert {(one.state, one.words, one.may_be_there) for one in delivered} == {
        ("refused", "The answer does not say what became of it.", True)
    }


def test_an_object_that_makes_a_request_fail_as_a_whole_is_found(files: list[Path]) -> None:
    def chokes(parts: list[bytes]) -> Answer:
        if any(uid_of(files[1]).encode() in part for part in parts):
            return 400, b"cannot parse\x00 it"
        return 200, b""

    with serving(chokes) as server:
        delivered = transport.send(server.at(), files)
    assert [one.state for one in delivered] == ["accepted", "refused", "accepted"]
    assert delivered[1].words == "HTTP 400: cannot parse it"
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((503, b"later"), r"cannot store now \(HTTP 503\): later"),
        ((507, b""), "cannot store now"),
        ((401, b""), "check the token"),
        ((403, b""), "check the token"),
        ((404, b""), "has no STOW-RS"),
        ((302, b""), "points elsewhere"),
        ((0, b""), "closed the connection"),
    ],
)
def test_what_was_answered_to_earlier_requests_is_known_when_a_later_one_fails(
    tmp_path: Path, answer: Answer, words: str
) -> None:
    many = [result_file(tmp_path) for _ in range(23)]  # 20 to a request
    answers = iter([(200, b""), answer])
    with (
        serving(lambda _: next(answers)) as server,
        pytest.raises(DestinationUnavailable, match=words) as told,
    ):
        transport.send(server.at(), many)
    assert [one.sop_instance_uid for one in told.value.delivered] == [
        uid_of(one) for one in many[:20]
    ]


def test_no_room_is_unavailable_and_what_was_answered_is_known(files: list[Path]) -> None:
    one, two, three = (uid_of(file) for file in files)
    failed = [item(two, "00081197", 0xA700), item(three, "00081197", 0xC000)]
    with (
        serving(lambda _: (202, body([item(one)], failed))) as server,
        pytest.raises(DestinationUnavailable, match="has no room: status 0xA700") as told,
    ):
        transport.send(server.at(), files)
    assert [(known.sop_instance_uid, known.state) for known in told.value.delivered] == [
        (one, "accepted"),
        (three, "refused"),
    ]


def test_a_server_that_hangs_is_left(files: list[Path]) -> None:
    hold = threading.Event()

    def hangs(parts: list[bytes]) -> Answer:
        hold.wait(30)
        return 200, b""

    with serving(hangs) as server:
        with pytest.raises(DestinationUnavailable, match="stopped to answer"):
            transport.send(server.at(answer_timeout_s=0.5), files)
        hold.set()


def test_a_connection_test_stores_nothing_and_says_what_answers() -> None:
    with serving(lambda _: (400, b"no parts")) as server:
        assert "answers STOW-RS" in transport.test(server.at())
        assert server.requests[0][1] == []
    with (
        serving(lambda _: (401, b"")) as server,
        pytest.raises(DestinationUnavailable, match="check the token"),
    ):
        transport.test(server.at())
    nobody = StowDestination(name="Archive", url=f"http://127.0.0.1:{free_port()}/dicomweb")
    with pytest.raises(DestinationUnavailable, match="Nothing listens"):
        transport.test(nobody)


@pytest.mark.parametrize("status", [500, 406, 411])
def test_a_server_that_chokes_on_a_request_without_objects_lives(status: int) -> None:
    with (
        serving(lambda _: (status, b"no parts")) as server,
        pytest.raises(DestinationUnavailable, match="only an object will tell") as told,
    ):
        transport.test(server.at())
    assert told.value.is_alive
    with (
        serving(lambda _: (503, b"")) as server,
        pytest.raises(DestinationUnavailable, match="cannot store now") as told,
    ):
        transport.test(server.at())
    assert not told.value.is_alive


def test_only_what_was_offered_may_be_there(tmp_path: Path) -> None:
    many = [result_file(tmp_path) for _ in range(43)]  # 20 to a request
    offered = {uid_of(one) for one in many[20:40]}
    for status, begun in ((500, offered), (401, set()), (404, set()), (0, offered)):
        answers = iter([(200, b""), (status, b"")])
        with (
            serving(lambda _, told=answers: next(told)) as server,
            pytest.raises(DestinationUnavailable) as told,
        ):
            transport.send(server.at(), many)
        assert told.value.begun == begun
    nobody = StowDestination(name="Archive", url=f"http://127.0.0.1:{free_port()}/dicomweb")
    with pytest.raises(DestinationUnavailable) as told:
        transport.send(nobody, many)
    assert told.value.begun == set()


def test_what_is_not_taken_compressed_is_sent_explicit(files: list[Path]) -> None:
    packed = result_file(files[0].parent, syntax=DeflatedExplicitVRLittleEndian)
    plain = files[1]

    def takes(parts: list[bytes]) -> Answer:
        found = [dcmread(io.BytesIO(one)) for one in parts]
        odd = [one for one in found if one.file_meta.TransferSyntaxUID.is_deflated]
        good = [one for one in found if one not in odd]
        return 202, body(
            [item(str(one.SOPInstanceUID)) for one in good],
            [item(str(one.SOPInstanceUID), "00081197", 0xC122) for one in odd],
        )

    with serving(takes) as server:
        delivered = transport.send(server.at(), [packed, plain])
    assert {(one.sop_instance_uid, one.state) for one in delivered} == {
        (uid_of(packed), "accepted"),
        (uid_of(plain), "accepted"),
    }
    _, (again,) = server.requests[1]
    sent = dcmread(io.BytesIO(again))
    assert (sent.file_meta.TransferSyntaxUID, sent.TextValue) == (
        ExplicitVRLittleEndian,
        dcmread(packed).TextValue,
    )
    assert b"\xff1" in again, "bytes that break their character set are as they were"


def test_an_answer_in_xml_is_read(files: list[Path]) -> None:
    one, two, three = (uid_of(file) for file in files)
    failed = [native(two, "00081197", 0x0111), native(three, "00081197", 0x0122)]
    told = native_model([native(one)], failed)
    parts = b"--b\r\nContent-Type: application/dicom+xml\r\n\r\n" + told + b"\r\n--b--\r\n"
    for content in (told, parts):
        with serving(lambda _, said=content: (202, said)) as server:
            delivered = transport.send(server.at(), files)
        assert [(answer.state, answer.status) for answer in delivered] == [
            ("accepted", 0x0000),
            ("accepted", 0x0111),
            ("refused", 0x0122),
        ]


def native(uid: str, tag: str = "", number: int = 0) -> str:
    """An item in the Native DICOM Model (PS3.19 A.1)."""
    more = (
        f'<DicomAttribute tag="{tag}" vr="US"><Value number="1">{number}</Value></DicomAttribute>'
    )
    return (
        '<Item number="1"><DicomAttribute tag="00081155" vr="UI" '
        f'keyword="ReferencedSOPInstanceUID"><Value number="1">{uid}</Value></DicomAttribute>'
        f"{more if tag else ''}</Item>"
    )


def native_model(referenced: list[str], failed: list[str], before: str = "") -> bytes:
    said = "".join(
        f'<DicomAttribute tag="{tag}" vr="SQ">{"".join(items)}</DicomAttribute>'
        for tag, items in (("00081199", referenced), ("00081198", failed))
    )
    name = 'NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM"'
    return f'<?xml version="1.0"?>{before}<{name}>{said}</NativeDicomModel>'.encode()


def test_p9_xml_with_entities_or_too_deep_says_nothing(files: list[Path]) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    deep = b"<NativeDicomModel>" + b"<a>" * 100_000
    for content in (native_model([native("1.2")], [], bomb), deep):
        with serving(lambda _, said=content: (202, said)) as server:
            delivered = transport.send(server.at(), files)
        assert {(one.state, one.words) for one in delivered} == {
            ("refused", "The answer does not say what became of it.")
        }


def test_over_tls_the_ca_decides_and_our_certificate_is_shown(
    files: list[Path], program: Callable[[str], str], tmp_path: Path
) -> None:
    hospital = Authority(program, tmp_path, "hospital")
    stranger = Authority(program, tmp_path, "stranger")
    theirs, ours = hospital.sign(), hospital.sign("vigie.example")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(hospital.ca))
    tls.load_cert_chain(theirs.certificate, theirs.key)
    tls.verify_mode = ssl.CERT_REQUIRED
    mine = Tls(ca=hospital.ca, certificate=ours.certificate, key=ours.key)
    with serving(lambda _: (200, b""), tls) as server:
        assert transport.send(server.at("https", tls=mine), files)[0].state == "accepted"
        with pytest.raises(DestinationUnavailable, match="We refuse the certificate"):
            transport.send(server.at("https", tls=replace(mine, ca=stranger.ca)), files)
        with pytest.raises(DestinationUnavailable, match="We refuse the certificate"):
            transport.send(server.at("https"), files)  # the system's CAs do not know it
        with pytest.raises(DestinationUnavailable, match=r"TLS connection|closed the connection"):
            transport.send(server.at("https", tls=Tls(ca=hospital.ca)), files)
    assert len(server.requests) == 1


def test_storage_commitment_is_not_asked_over_the_web() -> None:
    with pytest.raises(CommitmentNotOffered):
        transport.ask_commitment(
            Server(lambda _: (200, b""), port=1).at(), TransactionUID("1"), [], print
        )


class Machine(FakePeople):
    """Whoever has the token may store."""

    def token(self, secret: str, now: datetime) -> ApiToken | None:
        if secret != "good":
            return None
        return ApiToken(
            name=AccountName("other-node"),
            digest=b"",
            scopes=frozenset({Scope.STORE}),
            created_at=NOW,
            ends_at=None,
            last_used_at=None,
            revoked_at=None,
        )

    def token_holds(self, token: ApiToken, now: datetime) -> bool:
        return True


def test_vigies_own_stow_keeps_what_we_send_and_refuses_a_wrong_token(
    files: list[Path], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    door = StowDoor(ListenerSettings(data=data, disk_reserve_bytes=0))
    dicomweb = replace(dicomweb_of(tmp_path, []), store=door)
    app = dicomweb_app(tmp_path, [], dicomweb, people=Machine())
    web = make_server(app, Transport(host="127.0.0.1", port=0))
    thread = threading.Thread(target=web.run)
    thread.start()
    try:
        assert eventually(lambda: web.started, 20)
        port = web.servers[0].sockets[0].getsockname()[1]
        vigie = Server(lambda _: (0, b""), port=port).at(bearer_token="good")
        assert "HTTP 409" in transport.test(vigie)
        delivered = transport.send(vigie, files)
        assert [(one.state, one.status) for one in delivered] == [("accepted", 0)] * 3
        with pytest.raises(DestinationUnavailable, match="check the token"):
            transport.test(replace(vigie, bearer_token="wrong"))
    finally:
        web.should_exit = True
        thread.join(10)
    kept = [dcmread(path) for path in sorted(Inbox(data / "inbox").root.glob("*.dcm"))]
    assert {str(one.SOPInstanceUID) for one in kept} == {uid_of(one) for one in files}
