"""DCMTK's storescp as a receiver that keeps every bit: what a sender really sends."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vigie_node import wait_until


@contextmanager
def running_storescp(program: Callable[[str], str], folder: Path, port: int) -> Iterator[None]:
    """Runs on a port of the loopback and writes what it receives into a new folder."""
    folder.mkdir()
    receiver = subprocess.Popen(
        [
            program("storescp"),
            "--bit-preserving",
            "--accept-all",
            *("--filename-extension", ".dcm"),
            *("--output-directory", str(folder)),
            str(port),
        ]
    )
    echo = [program("echoscu"), "127.0.0.1", str(port)]
    try:
        wait_until(
            lambda: subprocess.run(echo, capture_output=True, check=False).returncode == 0,
            "storescp answers",
        )
        yield
    finally:
        receiver.terminate()
        receiver.wait(timeout=30)
