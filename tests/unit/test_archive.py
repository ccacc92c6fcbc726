"""The archive keeps every object as it came, and both of two that share a UID (P1)."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dicom_listener.archive import Archive, Content, content_of
from dicom_listener.attributes import Identity
from dicom_listener.inbox import Inbox, Origin, file_header
from dicom_listener.quarantine import Quarantine
from dicom_listener.received_object import data_set_digest
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID

WHO = Identity(
    study_instance_uid=StudyInstanceUID("1.2.1"),
    series_instance_uid=SeriesInstanceUID("1.2.2"),
    sop_instance_uid=SOPInstanceUID("1.2.3"),
    sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
)
EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"


def received(folder: Path, name: str, data: bytes, transfer_syntax: str = EXPLICIT) -> Path:
    header = file_header(
        sop_class_uid=b"1.2",
        sop_instance_uid=b"1.2.3",
        transfer_syntax_uid=transfer_syntax,
        origin=Origin(
            association_id=name, calling_ae_title=name, called_ae_title="V", address="::1"
        ),
        implementation_version_name="VIGIE",
    )
    path = folder / name
    path.write_bytes(header + data)
    return path


def place(archive: Archive, path: Path, first: Content | None = None) -> str:
    placed = archive.place(path, WHO, content_of(path), first)
    archive.sync()
    return placed


def test_an_object_is_filed_by_its_uids_and_keeps_its_bytes(tmp_path: Path) -> None:
    path = received(tmp_path, "one", b"data")
    placed = place(Archive(tmp_path / "archive"), path)
    assert placed == "1.2.1/1.2.2/1.2.3.dcm"
    assert (tmp_path / "archive" / placed).read_bytes() == path.read_bytes()


def test_filing_again_after_a_crash_finds_the_work_done(tmp_path: Path) -> None:
    path = received(tmp_path, "one", b"data")
    archive = Archive(tmp_path / "archive")
    assert place(archive, path) == place(Archive(tmp_path / "archive"), path)


def test_the_same_data_sent_again_is_the_same_object(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    one, two = received(tmp_path, "one", b"data"), received(tmp_path, "another", b"data")
    assert one.read_bytes() != two.read_bytes()
    assert place(archive, one) == place(archive, two, content_of(one))


def test_other_data_under_the_same_uid_is_kept_beside_the_first(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    one, two = received(tmp_path, "one", b"data"), received(tmp_path, "two", b"DATA")
    first = place(archive, one)
    second = place(archive, two, content_of(one))
    assert second == f"1.2.1/1.2.2/1.2.3~{data_set_digest(two).sha256[:16]}.dcm"
    assert (archive.root / first).read_bytes() == one.read_bytes()
    assert (archive.root / second).read_bytes() == two.read_bytes()
    assert place(archive, two, content_of(one)) == second


def test_an_archive_that_knows_more_than_the_database_loses_nothing(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    one, two = received(tmp_path, "one", b"data"), received(tmp_path, "two", b"DATA")
    first, second = place(archive, one), place(archive, two)
    assert first != second
    assert (archive.root / first).read_bytes() == one.read_bytes()


def test_the_same_bytes_in_another_transfer_syntax_are_another_object(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    paths = [
        received(tmp_path, "one", b"data"),
        received(tmp_path, "two", b"data", IMPLICIT),
        received(tmp_path, "three", b"data", "1.2.840.10008.1.2.2"),
    ]
    assert len({place(archive, path) for path in paths}) == 3


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The inodes of the folders synced so far, in order."""
    folders: list[int] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        folders.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    return folders


def inodes(*paths: Path) -> set[int]:
    return {path.stat().st_ino for path in paths}


def test_p1_folders_of_a_run_that_was_killed_before_its_sync_are_synced_by_the_next(
    tmp_path: Path, synced: list[int]
) -> None:
    root = tmp_path / "data" / "archive"
    path = received(tmp_path, "one", b"data")
    Archive(root).place(path, WHO, content_of(path), None)  # and killed here
    synced.clear()
    archive = Archive(root)
    place(archive, path)
    study = root / "1.2.1"
    assert inodes(root.parent, root, study, study / "1.2.2") <= set(synced)
    synced.clear()
    place(archive, path)
    assert set(synced) == inodes(study / "1.2.2")


def test_p1_a_folder_whose_sync_failed_is_synced_again(
    tmp_path: Path, synced: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive(tmp_path / "archive")
    path = received(tmp_path, "one", b"data")
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(5, "broken disk")))
        with pytest.raises(OSError, match="broken disk"):
            place(archive, path)
    synced.clear()
    place(archive, path)
    assert inodes(archive.root, archive.root / "1.2.1") <= set(synced)


@pytest.mark.parametrize("kind", [Archive, Inbox, Quarantine])
def test_p1_the_names_of_the_nodes_own_folders_are_durable(
    tmp_path: Path, synced: list[int], kind: Callable[[Path], object]
) -> None:
    kind(tmp_path / "data" / "folder")
    assert inodes(tmp_path, tmp_path / "data") <= set(synced)


def test_a_disk_error_is_not_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    archive = Archive(tmp_path / "archive")
    path = received(tmp_path, "one", b"data")
    monkeypatch.setattr(os, "link", fail)
    with pytest.raises(OSError, match="Input/output"):
        place(archive, path)
