"""How a node lives: it starts once, stops without losing anything, and roles also run apart."""

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
from dicom_files import digest, digests
from node_parts import running_role
from radiographs import make_study, send_to
from vigie_node import ENDED, Node, free_port, wait_until

from vigie.sending import dicom_files, send

_IMAGES = Path(__file__).parents[2] / "test_images"


def test_a_second_node_on_the_same_folder_or_ports_ends_with_one_clear_line(
    node: Node, tmp_path: Path
) -> None:
    same_folder = Node(node.data).run("serve")
    assert same_folder.returncode == 1
    assert "another Vigie runs on" in same_folder.stderr
    assert str(node.data) in same_folder.stderr.replace("\n", "")

    for setting in ("dicom_port", "http_port"):
        other = Node(tmp_path / "other")
        setattr(other, setting, getattr(node, setting))
        same_port = other.run("serve")
        assert same_port.returncode == 1
        assert f"VIGIE_{setting.upper()}" in same_port.stderr.replace("\n", " ")
        assert "Traceback" not in same_port.stderr
    assert node.rows() == []  # and the first one goes on


def test_p1_a_node_told_to_stop_finishes_the_association_in_hand_and_loses_nothing(
    node: Node, tmp_path: Path
) -> None:
    outbox = tmp_path / "outbox"
    outbox.mkdir()
    for number in range(1, 61):
        make_study(outbox, number, modality="CT")
    files, _ = dicom_files([outbox])
    sent = 0

    def count() -> None:
        nonlocal sent
        sent += 1
        if sent == 20:
            assert node.process is not None
            node.process.send_signal(signal.SIGTERM)

    refused = send(
        files,
        host="127.0.0.1",
        port=node.dicom_port,
        called_ae_title="VIGIE",
        calling_ae_title="TEST",
        sent=count,
    )
    assert refused == []
    assert sent == len(files)
    assert node.process is not None
    assert node.process.wait(timeout=60) == 0, node.tail()
    assert kept(node) == digests(outbox)

    node.start()
    node.all_assessed(len(files))
    assert digests(node.data / "archive") == digests(outbox)
    assert node.run("audit", "verify").returncode == 0
    assert node.stop() == 0


def kept(node: Node) -> Counter[str]:
    """Digests of what was filed and what waits to be filed; each object is in one of the two."""
    found = digests(node.data / "archive")
    for path in (node.data / "inbox").glob("*.dcm"):
        if digest(path) not in found:  # else cut between filing and leaving the inbox
            found[digest(path)] += 1
    return found


def test_nothing_of_a_node_is_left_when_it_has_stopped(node: Node) -> None:
    assert node.process is not None
    family = psutil.Process(node.process.pid).children(recursive=True)
    assert node.stop() == 0, node.tail()
    _, alive = psutil.wait_procs(family, timeout=15)
    assert alive == []
    for trouble in ("Traceback", "role_killed", "[error"):
        assert trouble not in node.log.read_text(errors="replace"), node.tail()


def test_the_four_roles_started_by_hand_do_the_journey_together(
    database_url: str, tmp_path: Path
) -> None:
    node = Node(tmp_path / "node", database_url=database_url)
    node.take_networks()
    study = make_study(tmp_path, 1)
    with ExitStack() as stack:
        roles = [
            stack.enter_context(running_role(node, name))
            for name in ("listen", "file", "work", "web")
        ]

        def is_up() -> bool:
            for role in roles:
                assert role.poll() is None, role.args
            try:
                return bool(node.api("/health/ready")["ready"] and node.rows() == [])
            except OSError:
                return False

        wait_until(is_up, "the web role answers", 120)
        send_to(node, study)
        [row] = node.all_assessed(1)
    assert row["study_instance_uid"] == study.study_instance_uid
    assert {one["state"] for one in row["detectors"]} <= ENDED
    assert [role.returncode for role in roles] == [0, 0, 0, 0]


@pytest.mark.timeout(400)
def test_the_demonstration_ends_by_itself_when_all_is_assessed_and_in_order(
    tmp_path: Path,
) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("VIGIE_")}
    told = subprocess.run(
        [sys.executable, "-m", "vigie", "demo", "--exit-when-done", "--images", str(_IMAGES)],
        cwd=tmp_path,
        env={
            **environment,
            "VIGIE_DICOM_PORT": str(free_port()),
            "VIGIE_HTTP_PORT": str(free_port()),
            "VIGIE_QUIET_PERIOD_S": "1",
        },
        capture_output=True,
        text=True,
        timeout=350,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert "the order is the expected one" in told.stdout
    assert "http://127.0.0.1:" in told.stdout
    assert re.search(r"Sign in: +demo, password [a-z0-9]{5}(-[a-z0-9]{5}){3}", told.stdout)
    assert "normal" not in told.stdout.lower()
    assert list(tmp_path.iterdir()) == []  # it kept nothing
