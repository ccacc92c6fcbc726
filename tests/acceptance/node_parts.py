"""Single roles of a node, each in a process of its own, started and stopped by hand."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vigie_node import Node, wait_until


@contextmanager
def running_role(node: Node, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """``vigie listen``, ``file``, ``work`` or ``web`` with a node's settings; ends by SIGTERM."""
    node.data.mkdir(parents=True, exist_ok=True)
    with role_log(node, name).open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "vigie", name],
            env=node.environment,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=60)
        finally:
            process.kill()


def role_log(node: Node, name: str) -> Path:
    """Where a role that `running_role` started writes its lines."""
    return node.data.with_name(f"{node.data.name}.{name}.log")


@contextmanager
def listening(data: Path, **settings: object) -> Iterator[Node]:
    """A node of which only the listener runs: objects end in its inbox, no database is needed."""
    node = Node(data, **settings)
    with running_role(node, "listen") as process:

        def answers() -> bool:
            assert process.poll() is None, role_log(node, "listen").read_text()
            try:
                socket.create_connection(("127.0.0.1", node.dicom_port), timeout=1).close()
            except OSError:
                return False
            return True

        wait_until(answers, "the listener answers", 90)
        yield node
