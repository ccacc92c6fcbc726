"""DCMTK's storescp as a receiver that keeps every bit: what a sender really sends."""

import socket
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


@contextmanager
def rough_storescp(
    program: Callable[[str], str], folder: Path, port: int, *options: str
) -> Iterator[subprocess.Popen[bytes]]:
    """As above, with options by which it refuses, breaks off or hangs; ends as if it had crashed.

    What it is sent twice it keeps twice.
    """
    folder.mkdir()
    receiver = subprocess.Popen(
        [
            program("storescp"),
            *("--bit-preserving", "--accept-all", "--unique-filenames"),
            *("--filename-extension", ".dcm"),
            *("--output-directory", str(folder)),
            *options,
            str(port),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def listens() -> bool:
        assert receiver.poll() is None
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return False
        return True

    try:
        wait_until(listens, "storescp listens")
        yield receiver
    finally:
        receiver.kill()
        receiver.wait(timeout=30)
