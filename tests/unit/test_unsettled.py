"""What a dying listener leaves marked as unsynced is filed if whole, else kept apart (P1)."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dicom_listener.association_evidence import ListenerLock
from dicom_listener.inbox import Inbox, ReceivedName
from dicom_listener.incoming_file import is_unsynced
from dicom_listener.unsettled import NOT_WHOLE, settle, unsettled
from tests.disk_trace import DiskTrace
from tests.filing import Node, raising

UID = "1.2.3"
MARKED = 0o1640

# Receives one object, and is killed just before or after one step of making it durable.
VICTIM = """
import os, signal, sys
from pathlib import Path
from dicom_listener import trusted_disk
from tests.filing import Node
data, step, when = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
trusted_disk._file_system = lambda _: "xfs"
node = Node(data)
assert node.inbox.one_sync

def die(*arguments, **how):
    if when == "after":
        call(*arguments, **how)
    os.kill(os.getpid(), signal.SIGKILL)

if step != "nothing":
    call = getattr(os, step)
    setattr(os, step, die)
node.receive("1.2.3", more=bytes(100_000))
print("Success", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    """A node whose listener names files before their sync, whatever the tests' file system."""
    monkeypatch.setattr("dicom_listener.trusted_disk._file_system", lambda _: "xfs")
    node = Node(tmp_path)
    if not node.inbox.one_sync:
        pytest.skip("there are no files without a name here")
    return node


def left_unsynced(node: Node) -> Path:
    """Receive an object, and leave it as a power failure does: the mark was not taken away."""
    node.receive(UID, more=bytes(100_000))
    [name] = node.indexer.inbox.pending()
    path = node.indexer.inbox.root / name
    path.chmod(MARKED)
    return path


@pytest.mark.parametrize(
    ("step", "when", "named"),
    [
        ("writev", "before", False),
        ("writev", "after", False),
        ("link", "before", False),
        ("link", "after", True),
        ("fsync", "before", True),
        ("fsync", "after", True),
        ("fchmod", "before", True),
        ("fchmod", "after", True),
        ("nothing", "", True),
    ],
)
def test_p1_killed_at_any_step_an_object_is_filed_whole_or_not_there(
    tmp_path: Path, step: str, when: str, named: bool
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", VICTIM, str(tmp_path), step, when],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == -9
    acknowledged = "Success" in ended.stdout
    assert acknowledged is (step == "nothing")
    node = Node(tmp_path)
    node.indexer.run_once()
    assert node.archived() == (["1.2.1/1.2.1.1/1.2.3.dcm"] if named else [])
    assert node.store.quarantined == []
    assert list(node.indexer.inbox.root.glob("*.dcm")) == []
    node.receive(UID, more=bytes(100_000))  # the sender that heard nothing sends again
    node.indexer.run_once()
    assert node.archived() == ["1.2.1/1.2.1.1/1.2.3.dcm"]
    assert node.store.conflicts == []


def test_p1_a_whole_object_is_synced_before_it_is_pending(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = left_unsynced(node)
    inbox = node.indexer.inbox
    assert unsettled(inbox) == [path.name]
    trace = DiskTrace(monkeypatch)
    assert settle(inbox, path.name)
    assert trace.calls == ["sync file", "sync folder", "note as synced"]
    assert inbox.pending() == [path.name]
    assert unsettled(inbox) == []
    assert path.stat().st_mode & 0o777 == 0o640


def torn(name: str, tear: Callable[[bytes], bytes]) -> object:
    return pytest.param(tear, id=name)


@pytest.mark.parametrize(
    "tear",
    [
        torn("empty", lambda _: b""),
        torn("cut", lambda content: content[: len(content) // 2]),
        torn("last byte missing", lambda content: content[:-1]),
        torn("a hole", lambda content: content[:144] + bytes(512) + content[144 + 512 :]),
        torn("all zeros", lambda content: bytes(len(content))),
        torn("one bit", lambda content: content[:-1] + bytes((content[-1] ^ 1,))),
        torn("another's blocks", lambda content: content[:4096] + b"x" * (len(content) - 4096)),
    ],
)
def test_p1_a_torn_object_is_quarantined_and_never_filed(
    node: Node, tear: Callable[[bytes], bytes]
) -> None:
    path = left_unsynced(node)
    content = tear(path.read_bytes())
    path.write_bytes(content)
    node.indexer.run_once()
    assert node.archived() == []
    [kept] = node.store.quarantined
    assert kept.reason == NOT_WHOLE
    assert (node.data / "quarantine" / kept.quarantine_path).read_bytes() == content
    assert list(node.indexer.inbox.root.glob("*.dcm")) == []
    node.receive(UID, more=bytes(100_000))
    node.indexer.run_once()
    assert node.archived() == ["1.2.1/1.2.1.1/1.2.3.dcm"]


def test_what_a_living_listener_is_making_durable_is_left_alone(node: Node) -> None:
    path = left_unsynced(node)
    inbox = node.indexer.inbox
    lock = ListenerLock(inbox)
    received = ReceivedName.parse(path.name)
    assert received is not None
    name = path.name.replace(received.listener_id, lock.listener_id)
    path.rename(inbox.root / name)
    node.indexer.run_once()
    assert node.archived() == []
    assert inbox.unsynced() == [name]
    lock.release()
    node.indexer.run_once()
    assert node.archived() == ["1.2.1/1.2.1.1/1.2.3.dcm"]


def test_an_object_that_cannot_be_read_stays_and_is_tried_again_later(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = left_unsynced(node)
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", raising(OSError(5, "Input/output error")))
        node.indexer.run_once()
        assert node.indexer.inbox.unsynced() == [path.name]
    node.indexer.run_once()
    assert node.archived() == [], "not at once: a broken disk would fill the log"
    node.wait(10.1)
    assert node.archived() == ["1.2.1/1.2.1.1/1.2.3.dcm"]


def test_a_marked_file_that_no_listener_named_is_filed_or_quarantined_by_what_it_holds(
    node: Node,
) -> None:
    stray = node.indexer.inbox.root / "IM00001.dcm"
    stray.write_bytes(b"anything")
    stray.chmod(MARKED)
    node.indexer.run_once()
    [kept] = node.store.quarantined
    reason = json.loads((node.data / "quarantine" / "IM00001.dcm.reason.json").read_text())
    assert reason["reason"] == kept.reason != NOT_WHOLE
    assert datetime.fromisoformat(reason["received_at"]).tzinfo == UTC


def test_p1_an_archived_object_is_no_longer_marked(node: Node) -> None:
    left_unsynced(node)
    node.indexer.run_once()
    [name] = node.archived()
    assert not is_unsynced((node.data / "archive" / name).stat())


def test_the_listing_survives_an_object_that_goes_meanwhile(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path / "inbox")
    (inbox.root / "a.dcm").symlink_to("gone")  # its stat fails as a vanished file's does
    assert inbox.pending() == inbox.unsynced() == []
