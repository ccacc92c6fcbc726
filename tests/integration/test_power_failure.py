"""What a power failure leaves of a real file system, and what the node makes of it (P1).

The inbox lies on a file system in a file, which is copied at the moment of the failure: the copy
has what reached the disk, and not what was only in memory. Needs root on Linux with loop devices
and e2fsprogs (xfsprogs for XFS); skipped elsewhere.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dicom_listener.unsettled import NOT_WHOLE
from tests.filing import Node

UIDS = [f"1.2.3.{number}" for number in range(1, 5)]
FILED = [f"1.2.1/1.2.1.1/{uid}.dcm" for uid in UIDS]
PIXELS = 525_000

MAKE = {
    "ext4": ["mkfs.ext4", "-q", "-F"],
    "ext4 with fast commits": ["mkfs.ext4", "-q", "-F", "-O", "fast_commit"],
    "ext4 without a journal": ["mkfs.ext4", "-q", "-F", "-O", "^has_journal"],
    "xfs": ["mkfs.xfs", "-q", "-f"],
}


def do(*command: str | Path, allowed: tuple[int, ...] = (0,)) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode not in allowed:
        raise OSError(f"{command}: {done.stderr}")


class Disk:
    """A file system in a file, mounted."""

    def __init__(self, folder: Path, kind: str) -> None:
        self._folder = folder
        self.kind = kind
        self._image = folder / "disk.img"
        self.place = folder / "mounted"
        self._mounted: list[Path] = []
        with self._image.open("wb") as file:
            file.truncate(320 * 1024**2)  # the least that XFS takes is 300 MiB
        do(*MAKE[kind], self._image)
        self._mount(self._image, self.place)

    def fail(self) -> Path:
        """The power fails now: mount what the disk has, as after a start, and return where."""
        image, place = self._folder / "failed.img", self._folder / "restarted"
        do("cp", "--sparse=always", self._image, image)
        if self.kind == "ext4 without a journal":  # useless before it is checked
            do("e2fsck", "-fy", image, allowed=(0, 1))
        self._mount(image, place)
        return place

    def _mount(self, image: Path, place: Path) -> None:
        place.mkdir()
        options = "loop,nouuid" if self.kind == "xfs" else "loop"  # one is a copy of the other
        do("mount", "-o", options, image, place)
        self._mounted.append(place)

    def close(self) -> None:
        """Unmount everything."""
        for place in reversed(self._mounted):
            do("umount", "--lazy", place)  # what was being received may still be open


@pytest.fixture(params=MAKE)
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    """A disk whose power can fail."""
    if os.geteuid() != 0 or shutil.which(MAKE[request.param][0]) is None:
        pytest.skip("needs root and the file system's tools")
    try:
        disk = Disk(tmp_path, request.param)
    except OSError as error:
        pytest.skip(f"no such file system can be mounted here: {error}")
    yield disk
    disk.close()


@pytest.fixture
def node(disk: Disk) -> Node:
    """A node on that disk."""
    node = Node(disk.place / "node")
    assert node.inbox.one_sync is (disk.kind != "ext4 with fast commits")
    os.sync()
    return node


def receive(node: Node, uids: list[str]) -> None:
    for uid in uids:
        node.receive(uid, more=os.urandom(PIXELS))


def test_p1_what_was_acknowledged_is_there_after_a_power_failure(disk: Disk, node: Node) -> None:
    receive(node, UIDS)
    content = sorted(path.read_bytes() for path in node.indexer.inbox.root.glob("*.dcm"))
    restarted = Node(disk.fail() / "node")
    restarted.indexer.run_once()
    assert restarted.archived() == FILED
    assert restarted.store.quarantined == []
    archive = restarted.data / "archive"
    assert sorted((archive / name).read_bytes() for name in FILED) == content


def test_without_the_sync_it_would_not_be_there(
    disk: Disk, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)
    receive(node, UIDS)
    restarted = Node(disk.fail() / "node")
    restarted.indexer.run_once()
    assert restarted.archived() == []


@pytest.mark.parametrize("written", ["the name", "the name and half of the bytes", "everything"])
def test_p1_what_was_not_acknowledged_is_filed_whole_or_kept_apart(
    disk: Disk, node: Node, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    receive(node, UIDS[:2])
    monkeypatch.setattr(os, "fsync", failing_in_mid_sync(disk, node, written))
    with pytest.raises(PowerFailure) as failure:
        receive(node, UIDS[2:])
    monkeypatch.undo()
    restarted = Node(failure.value.place / "node")
    restarted.indexer.run_once()
    is_whole = written == "everything" and node.inbox.one_sync  # else it has no name yet
    assert restarted.archived() == FILED[: 3 if is_whole else 2]
    reasons = [one.reason for one in restarted.store.quarantined]
    assert reasons in ([], [NOT_WHOLE]), "the name may be lost too"
    assert not (is_whole and reasons)
    assert list(restarted.indexer.inbox.root.glob("*.dcm")) == []


class PowerFailure(Exception):
    """Ends the process, as it were."""

    def __init__(self, place: Path) -> None:
        super().__init__(place)
        self.place = place


def failing_in_mid_sync(disk: Disk, node: Node, written: str) -> Callable[[int], None]:
    """A sync during which the power fails, when this much of the object is on the disk."""
    fsync = os.fsync

    def fail(descriptor: int) -> None:
        if written == "everything":
            fsync(descriptor)
        else:
            if written != "the name":
                with Path(f"/proc/self/fd/{descriptor}").open("r+b") as file:
                    file.truncate(PIXELS // 2)
                fsync(descriptor)
            folder = os.open(node.indexer.inbox.root, os.O_RDONLY)
            fsync(folder)
            os.close(folder)
        raise PowerFailure(disk.fail())

    return fail
