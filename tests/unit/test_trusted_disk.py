"""Which file systems are trusted to make a name durable with the file (P1)."""

import errno
import os
from pathlib import Path

import pytest

from dicom_listener.trusted_disk import syncs_names


def marked(path: Path) -> None:
    """Make a file that is marked as unsynced."""
    path.touch()
    path.chmod(0o1640)


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A made up /proc and /sys that tell of an ext4 on the device ``dm-7``."""
    monkeypatch.setattr("dicom_listener.trusted_disk._MOUNTS", tmp_path / "mountinfo")
    monkeypatch.setattr("dicom_listener.trusted_disk._EXT4", tmp_path / "ext4")
    monkeypatch.setattr("dicom_listener.trusted_disk._DEVICES", tmp_path / "block")
    monkeypatch.setattr(
        "dicom_listener.trusted_disk.link_unnamed", lambda _, path: marked(Path(path))
    )
    number = tmp_path.stat().st_dev
    device = f"{os.major(number)}:{os.minor(number)}"
    (tmp_path / "block").mkdir()
    (tmp_path / "dm-7").mkdir()
    (tmp_path / "block" / device).symlink_to("../dm-7")
    (tmp_path / "ext4" / "dm-7").mkdir(parents=True)
    (tmp_path / "ext4" / "dm-7" / "options").touch()
    tell_statistics(tmp_path, commits=0, ineligible=0)
    tell_type(tmp_path, "ext4")
    (tmp_path / "inbox").mkdir()
    return tmp_path


def tell_type(system: Path, file_system: str) -> None:
    number = system.stat().st_dev
    device = f"{os.major(number)}:{os.minor(number)}"
    (system / "mountinfo").write_text(
        "22 1 0:21 / /proc rw shared:12 - proc proc rw\n"
        f"29 1 {device} / / rw shared:1 - {file_system} /dev/x rw\n",
        encoding="utf-8",
    )


def tell_statistics(system: Path, *, commits: int, ineligible: int) -> None:
    (system / "ext4" / "dm-7" / "fc_info").write_text(
        f"fc stats:\n{commits} commits\n{ineligible} ineligible\n0 numblks\n0us avg_commit_time\n"
        "Ineligible reasons:\n",
        encoding="utf-8",
    )


@pytest.mark.parametrize(
    ("file_system", "trusted"), [("ext4", True), ("xfs", True), ("btrfs", False), ("nfs4", False)]
)
def test_p1_only_file_systems_known_to_sync_names_are_trusted(
    system: Path, file_system: str, trusted: bool
) -> None:
    tell_type(system, file_system)
    assert syncs_names(system / "inbox") is trusted
    (system / "mountinfo").unlink()
    assert not syncs_names(system / "inbox"), "where nothing tells the type"


@pytest.mark.parametrize(("commits", "ineligible"), [(1, 0), (0, 1), (12, 3)])
def test_p1_ext4_with_fast_commits_is_not_trusted(
    system: Path, commits: int, ineligible: int
) -> None:
    assert syncs_names(system / "inbox")
    tell_statistics(system, commits=commits, ineligible=ineligible)
    assert not syncs_names(system / "inbox")


def test_p1_ext4_of_which_nothing_is_told_is_not_trusted(system: Path) -> None:
    (system / "ext4" / "dm-7" / "fc_info").unlink()
    assert syncs_names(system / "inbox"), "Linux before 5.10 had no fast commits"
    (system / "ext4" / "dm-7" / "options").unlink()
    assert not syncs_names(system / "inbox")


def test_p1_ext4_with_statistics_of_another_form_is_not_trusted(system: Path) -> None:
    (system / "ext4" / "dm-7" / "fc_info").write_text("0 fast\n", encoding="utf-8")
    assert not syncs_names(system / "inbox")


def test_a_file_without_a_name_is_tried_and_nothing_stays(
    system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "not supported")

    folder = system / "inbox"
    with monkeypatch.context() as no_unnamed_files:
        no_unnamed_files.setattr(os, "open", refuse)
        assert not syncs_names(folder)
    with monkeypatch.context() as no_proc:
        no_proc.setattr("dicom_listener.trusted_disk.link_unnamed", refuse)
        assert not syncs_names(folder)
    with monkeypatch.context() as no_sync:
        no_sync.setattr(os, "fsync", refuse)
        assert not syncs_names(folder)
    assert syncs_names(folder)
    assert list(folder.iterdir()) == []


def test_p1_a_file_system_that_drops_the_mark_of_unsynced_files_is_not_trusted(
    system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "dicom_listener.trusted_disk.link_unnamed", lambda _, path: Path(path).touch()
    )
    assert not syncs_names(system / "inbox")
