"""The archive: ``<study>/<series>/<instance>.dcm``, each file as it was received.

An object is filed in steps that a crash may cut anywhere: hard link into the archive, sync the
folders, record in the database, remove from the inbox. Until the last step the object has its
name in the inbox, so the next run repeats the steps, and each finds its work done.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from dicom_listener.attributes import Identity
from dicom_listener.durable import make_root, sync_folder
from dicom_listener.received_object import Digest, data_set_digest, transfer_syntax_of

_MOST_REMEMBERED = 10_000  # folders; forgetting costs two syncs


@dataclass(frozen=True, slots=True)
class Content:
    """What makes two objects of one SOP Instance UID the same: bytes and their encoding."""

    sha256: str
    transfer_syntax_uid: str


class Archive:
    """The archive folder, made if it is missing.

    Parameters
    ----------
    root : Path
        It must lie on the file system of the inbox, one with hard links.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        make_root(root)
        self._unsynced: set[Path] = set()
        self._made: set[Path] = set()  # used since the last sync
        self._durable: set[Path] = set()  # synced by this process, up to the root

    def place(self, source: Path, who: Identity, content: Content, first: Content | None) -> str:
        """Link an object into the archive, and return its path there.

        Parameters
        ----------
        first : Content, optional
            What was filed first under this SOP Instance UID, as far as the database knows.
            If it is other than this content, both are kept, this one under a name with a
            digest.

        Returns
        -------
        str
            Relative to the archive, with forward slashes. Call `sync` before relying on it.

        Raises
        ------
        OSError
            If the object cannot be placed.
        """
        folder = self.root / who.study_instance_uid / who.series_instance_uid
        self._make(folder)
        for name in self._names(who, content, is_first=first is None or first == content):
            target = folder / name
            if self._link(source, target, content):
                self._unsynced.add(folder)
                return target.relative_to(self.root).as_posix()
        raise OSError(f"no free name for {who.sop_instance_uid} in the archive")

    def sync(self) -> None:
        """Make everything placed since the last call durable."""
        for folder in self._unsynced:
            sync_folder(folder)
        self._unsynced.clear()
        if len(self._durable) > _MOST_REMEMBERED:
            self._durable.clear()
        self._durable |= self._made
        self._made.clear()

    def _names(self, who: Identity, content: Content, *, is_first: bool) -> list[str]:
        instance, sha = who.sop_instance_uid, content.sha256
        names = [f"{instance}.dcm"] if is_first else []
        encoding = hashlib.sha256(content.transfer_syntax_uid.encode()).hexdigest()
        return [*names, f"{instance}~{sha[:16]}.dcm", f"{instance}~{sha[:16]}~{encoding[:8]}.dcm"]

    def _link(self, source: Path, target: Path, content: Content) -> bool:
        """Link, or find the same content there; False if the name holds another."""
        try:
            os.link(source, target)
        except FileExistsError:
            return target.samefile(source) or content_of(target) == content
        return True

    def _make(self, folder: Path) -> None:
        """Make study and series folders, durable by the next `sync`.

        A folder that is there may be the work of a process that was killed before it synced:
        only what this process has synced itself counts as durable.
        """
        if folder in self._durable and folder.is_dir():
            return
        folder.mkdir(parents=True, exist_ok=True)
        self._unsynced |= {folder.parent, self.root}
        self._made.add(folder)


def content_of(path: Path) -> Content:
    """The content of a file that lies in the archive."""
    digest: Digest = data_set_digest(path)
    return Content(digest.sha256, transfer_syntax_of(path))
