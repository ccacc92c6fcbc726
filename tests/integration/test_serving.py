"""The web server itself: TLS of its own, TLS of a proxy, and whom it believes."""

import contextlib
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from tests.browser import HOST, app_of
from tests.people import PASSWORD, House
from viewer.serving import Transport, make_server

PROXY = {"Host": HOST, "X-Forwarded-Proto": "https", "X-Forwarded-For": "10.7.7.7"}


@pytest.fixture
def house(emptied_engine: sa.Engine) -> House:
    house = House(emptied_engine)
    house.person("anna")
    return house


@pytest.fixture
def certificate(program: Callable[[str], str], tmp_path: Path) -> Path:
    """A certificate for the loopback, and its key, in one file."""
    file = tmp_path / "certificate.pem"
    subprocess.run(
        [program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(tmp_path / "key.pem"), "-out", str(file)],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    file.write_text(file.read_text() + (tmp_path / "key.pem").read_text())
    return file


@contextlib.contextmanager
def serving(house: House, folder: Path, **transport: object) -> Iterator[int]:
    """The port of a running server."""
    folder.mkdir(exist_ok=True)
    app = app_of(house, folder)
    server = make_server(app, Transport(host="127.0.0.1", port=0, **transport))  # type: ignore[arg-type]
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        deadline = time.monotonic() + 20
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(10)


def sign_in(client: httpx.Client, origin: str, **headers: str) -> httpx.Response:
    body = {"name": "anna", "password": PASSWORD}
    return client.post("/api/session", json=body, headers={"Origin": origin, **headers})


def test_with_a_certificate_the_page_speaks_tls_and_cookies_stay_within_it(
    house: House, tmp_path: Path, certificate: Path
) -> None:
    trust = ssl.create_default_context(cafile=str(certificate))
    with serving(house, tmp_path / "app", certificate=certificate) as port:
        origin = f"https://127.0.0.1:{port}"
        with httpx.Client(base_url=origin, verify=trust, trust_env=False) as client:
            answer = sign_in(client, origin)
            assert answer.status_code == 200
            cookies = answer.headers.get_list("set-cookie")
            assert len(cookies) == 2
            assert all(one.startswith("__Host-") and "Secure" in one for one in cookies)
            assert answer.headers["strict-transport-security"]
            assert client.get("/api/worklist").status_code == 200
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{port}/", trust_env=False)


def test_a_trusted_proxy_is_believed_about_tls_and_the_senders_address(
    house: House, tmp_path: Path
) -> None:
    with (
        serving(house, tmp_path / "app", trusted_proxies=["127.0.0.1"]) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as proxy,
    ):
        answer = sign_in(proxy, f"https://{HOST}", **PROXY)
        assert answer.status_code == 200
        assert all("Secure" in one for one in answer.headers.get_list("set-cookie"))
        assert house.events("signed_in")[-1].details["address"] == "10.7.7.7"
        in_the_clear = sign_in(proxy, f"http://{HOST}", **{**PROXY, "X-Forwarded-Proto": "http"})
        assert in_the_clear.status_code == 403
        assert proxy.get("/metrics", headers=PROXY).status_code == 401


def test_nobody_else_is_believed(house: House, tmp_path: Path) -> None:
    with (
        serving(house, tmp_path / "app", trusted_proxies=["10.0.0.9"]) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as liar,
    ):
        answer = sign_in(liar, f"https://{HOST}", **PROXY)
        assert answer.status_code == 403
        assert "trusted_proxies" in answer.json()["detail"]
        origin = f"http://{HOST}"
        answer = sign_in(liar, origin, **{**PROXY, "X-Forwarded-For": "10.7.7.7"})
        assert answer.status_code == 200
        assert house.events("signed_in")[-1].details["address"] == "127.0.0.1"


PIECE = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"  # as long as a whole body may be


def answer_to(port: int, headers: str, body: bytes) -> tuple[int, bytes]:
    """Status and headers of the answer to a sign-in, as it stands on the wire."""
    origin = f"http://127.0.0.1:{port}"
    head = f"POST /api/session HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: {origin}\r\n"
    kind = "Content-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=60) as peer:
        peer.sendall(f"{head}{kind}{headers}\r\n".encode())
        with contextlib.suppress(ConnectionError):  # it was answered, and closed, before the end
            peer.sendall(body)
        answer = peer.recv(65_536).partition(b"\r\n\r\n")[0]
    return int(answer.split(maxsplit=2)[1]), answer.lower()


def test_p9_a_body_without_an_honest_length_is_not_read(house: House, tmp_path: Path) -> None:
    """Before anybody has signed in: h11 lets both headers through, and reads by the second."""
    with serving(house, tmp_path / "app") as port:
        chunked = "Transfer-Encoding: chunked\r\n"
        status, said = answer_to(port, f"Content-Length: 10\r\n{chunked}", PIECE * 8)
        assert (status, b"connection: close" in said) == (400, True)
        assert answer_to(port, chunked, PIECE * 8)[0] == 411
        short = b'{"name": "anna", "password": "wrong"}'
        piece = f"{len(short):x}\r\n".encode() + short + b"\r\n0\r\n\r\n"
        assert answer_to(port, chunked, piece)[0] == 411
        assert answer_to(port, f"Content-Length: {len(short)}\r\n", short)[0] == 401
