"""Objects that were made, on disk: durable before anything says that they are there."""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from dicom_listener.durable import make_root, sync_folder
from results.document import ResultObject
from worklist.outbound import MadeObject, ObjectKind
from worklist.uid import StudyInstanceUID

_PART = ".part"


class NoRoomForResults(OSError):
    """The disk has come to its reserve: nothing is made until there is room."""


class ResultFolder:
    """Files of objects, ``<folder>/<study>/<object>.dcm``.

    Parameters
    ----------
    disk_reserve_bytes
        Of the disk, left free for what comes in.
    """

    def __init__(self, folder: Path, *, disk_reserve_bytes: int = 0) -> None:
        self._folder = folder
        self._disk_reserve_bytes = disk_reserve_bytes

    def write(self, study: StudyInstanceUID, kind: ObjectKind, made: ResultObject) -> MadeObject:
        """Write an object, unless it lies there.

        The bytes are synced before the file gets its name, then the folder is: whoever finds the
        name finds all of them, also after a power failure.

        Raises
        ------
        NoRoomForResults
            If the disk has come to its reserve.
        """
        name = f"{study}/{made.reference.sop_instance_uid}.dcm"
        sha256 = hashlib.sha256(made.file).hexdigest()
        if not holds(self._folder / name, sha256):
            self._write(self._folder / name, made.file)
        return MadeObject(
            kind=kind,
            sop_class_uid=made.reference.sop_class_uid,
            sop_instance_uid=made.reference.sop_instance_uid,
            series_instance_uid=made.reference.series_instance_uid,
            path=name,
            sha256=sha256,
            size_bytes=len(made.file),
        )

    def _write(self, path: Path, content: bytes) -> None:
        if not self._folder.is_dir():
            make_root(self._folder)
        free = shutil.disk_usage(self._folder).free
        if free - len(content) < self._disk_reserve_bytes:
            raise NoRoomForResults(
                f"no results are made: {free / 1e9:.1f} GB of disk are free, "
                f"{self._disk_reserve_bytes / 1e9:.1f} GB are kept in reserve"
            )
        if not path.parent.is_dir():
            path.parent.mkdir(exist_ok=True)
            sync_folder(self._folder)
        part = path.with_suffix(_PART)
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.parent)

    def delete(self, names: Sequence[str]) -> None:
        """Delete files, and the folders of studies of which nothing is left."""
        for name in names:
            (self._folder / name).unlink(missing_ok=True)
        for folder in {(self._folder / name).parent for name in names}:
            _delete_if_empty(folder)

    def abandoned(self, before: datetime) -> Iterator[list[str]]:
        """Names of files that were written before, study by study; parts of files are deleted.

        A part is of a process that was killed while it wrote.
        """
        if not self._folder.is_dir():
            return
        for folder in sorted(one for one in self._folder.iterdir() if one.is_dir()):
            old = [one for one in folder.iterdir() if _written_at(one) < before]
            for one in old:
                if one.suffix == _PART:
                    one.unlink(missing_ok=True)
            yield [f"{folder.name}/{one.name}" for one in old if one.suffix == ".dcm"]
            _delete_if_empty(folder)


def holds(path: Path, sha256: str) -> bool:
    """Whether a file is there and can be read, with these bytes."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError:
        return False


def _written_at(path: Path) -> datetime:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return datetime.max.replace(tzinfo=UTC)


def _delete_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):  # something is left in it, or somebody else was first
        folder.rmdir()
