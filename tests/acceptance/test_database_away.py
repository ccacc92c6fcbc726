"""A node whose database is away receives all the same, and catches up."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from vigie_node import Node, wait_until

from vigie.database import EmbeddedPostgres

_PHANTOM = Path(__file__).parent.parent.parent / "test_images" / "leg_fracture"


@pytest.mark.timeout(240)
def test_p1_a_node_started_without_its_database_receives_and_catches_up(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "elsewhere" / "postgres")
    node = Node(tmp_path / "node", database_url=server.url)
    with node.log.open("ab") as log:
        node.process = subprocess.Popen(
            [sys.executable, "-m", "vigie", "serve"],
            env=node.environment,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
        )
    try:

        def sent() -> bool:
            command = ["send", "127.0.0.1", str(node.dicom_port), str(_PHANTOM)]
            return node.run(*command).returncode == 0

        wait_until(sent, f"an object is taken\n{node.tail()}", 90)
        assert node.process.poll() is None
        assert list((node.data / "inbox").glob("*.dcm"))
        server.start()
        [row] = node.all_assessed(1)
        assert row["instance_count"] == 1
        assert node.stop() == 0
    finally:
        node.stop()
        server.stop()


def test_a_command_says_in_one_line_that_the_database_does_not_answer(tmp_path: Path) -> None:
    node = Node(tmp_path / "node", database_url="postgresql://x@127.0.0.1:1/x?connect_timeout=2")
    answer = node.run("worklist")
    assert answer.returncode == 1
    assert "Traceback" not in answer.stderr
    assert len(answer.stderr.strip().splitlines()) <= 3


def test_what_a_node_keeps_is_for_its_account_alone(make_node: Callable[..., Node]) -> None:
    node = make_node()
    node.run("send", "127.0.0.1", str(node.dicom_port), str(_PHANTOM))
    node.all_assessed(1)
    others = {"postgres", "cache"}  # PostgreSQL's own, and a folder that Node makes
    kept = [path for path in node.data.rglob("*") if others.isdisjoint(path.parts)]
    readable = [path for path in kept if not path.is_symlink() and path.stat().st_mode & 0o044]
    assert readable == []
    assert (node.data / "postgres").stat().st_mode & 0o077 == 0
    assert (node.data / "postgres.log").stat().st_mode & 0o077 == 0
    assert b"PHANTOM" not in (node.data / "postgres.log").read_bytes()
