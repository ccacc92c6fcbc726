"""Receivers of syslog over TLS: a small one of our own, and rsyslog."""

import os
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.certificates import Signed


class TinyReceiver:
    """Takes one connection after the other; `breaks_after` bytes it cuts the first one off."""

    def __init__(self, signed: Signed, ca: Path | None = None) -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=ca)
        context.load_cert_chain(signed.certificate, signed.key)
        if ca is not None:
            context.verify_mode = ssl.CERT_REQUIRED
        self._context = context
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self.received: list[bytes] = []  # of each connection
        self.breaks_after: int | None = None
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listening.accept()
            except OSError:
                return
            plain.settimeout(30)
            try:
                with self._context.wrap_socket(plain, server_side=True) as secured:
                    self._take(secured)
            except OSError:
                plain.close()

    def _take(self, secured: ssl.SSLSocket) -> None:
        self.received.append(b"")
        while data := secured.recv(65536):
            self.received[-1] += data
            if self.breaks_after is not None and len(self.received[-1]) >= self.breaks_after:
                self.breaks_after = None
                # a linger of 0 s: the connection is reset, not closed
                secured.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                os.close(secured.detach())
                return
        secured.unwrap()

    def messages(self, connection: int) -> list[bytes]:
        """What one connection brought, without its framing (RFC 5425 section 4.3)."""
        data, found = self.received[connection], []
        while data:
            length, _, data = data.partition(b" ")
            found.append(data[: int(length)])
            data = data[int(length) :]
        return found

    def close(self) -> None:
        """End; what is being taken is taken."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(timeout=60)


_RSYSLOG = """
global(
  workDirectory="{folder}"
  maxMessageSize="64k"
  defaultNetstreamDriver="gtls"
  defaultNetstreamDriverCAFile="{ca}"
  defaultNetstreamDriverCertFile="{certificate}"
  defaultNetstreamDriverKeyFile="{key}"
)
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="{auth}")
template(name="all" type="string" string="%pri% %timestamp:::date-rfc3339% %app-name% %msgid% \\
%structured-data% %msg%\\n")
input(type="imtcp" port="0" address="127.0.0.1" listenPortFileName="{folder}/port" ruleset="keep")
ruleset(name="keep") {{ action(type="omfile" file="{folder}/received" template="all") }}
"""


@contextmanager
def rsyslog(
    program: Callable[[str], str], folder: Path, signed: Signed, ca: Path, *, auth: str = "anon"
) -> Iterator[tuple[int, Path]]:
    """A running rsyslog; its port, and the file that holds what it received."""
    folder.mkdir()
    configuration = folder / "rsyslog.conf"
    configuration.write_text(
        _RSYSLOG.format(
            folder=folder, ca=ca, certificate=signed.certificate, key=signed.key, auth=auth
        )
    )
    command = [program("rsyslogd"), "-n", "-f", str(configuration), "-i", str(folder / "pid")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        port = folder / "port"
        deadline = time.monotonic() + 60
        while not (port.exists() and port.read_text().strip()):
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, "rsyslog did not start"
            time.sleep(0.05)
        yield int(port.read_text()), folder / "received"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
