"""A listener for tests: in a thread or a process of its own, and peers that speak to it."""

import os
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from pynetdicom import AE, build_context

from dicom_listener.inbox import Inbox
from dicom_listener.server import ListenerSettings, listen


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


def half_received(inbox: Inbox) -> bool:
    """Whether this process has a file open, with or without a name, in the inbox's tmp."""
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the listing's own, or closed meanwhile
            if str(descriptor.readlink()).startswith(f"{inbox.temporary}/"):
                return True
    return False


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
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert process.stdout is not None
    for line in process.stdout:  # log lines come first
        if line.strip().isdigit():
            return process, int(line)
    raise AssertionError("the listener did not start")
