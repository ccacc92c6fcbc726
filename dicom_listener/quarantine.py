"""Quarantine: what was received and cannot be filed, byte for byte, with the reason.

Each object lies beside ``<name>.reason.json``, so that the reason survives without a database.
"""

import json
import os
from datetime import datetime
from pathlib import Path

from dicom_listener.durable import make_root, sync_folder
from dicom_listener.received_object import data_set_digest, sender_of
from worklist.study import QuarantinedObject


class Quarantine:
    """The quarantine folder, made if it is missing.

    Parameters
    ----------
    root : Path
        It must lie on the file system of the inbox.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        make_root(root)

    def place(self, source: Path, *, reason: str, received_at: datetime) -> QuarantinedObject:
        """Link an object into quarantine, and write the reason beside it; both durable.

        Raises
        ------
        OSError
            If that fails; the object then still lies where it was.
        """
        digest = data_set_digest(source)
        calling_ae_title, sender_address = sender_of(source)
        quarantined = QuarantinedObject(
            quarantine_path=source.name,
            reason=reason,
            received_at=received_at,
            size_bytes=digest.size_bytes,
            sha256=digest.sha256,
            calling_ae_title=calling_ae_title,
            sender_address=sender_address,
        )
        self._write_reason(quarantined)
        target = self.root / source.name
        if not target.exists():
            os.link(source, target)
        sync_folder(self.root)
        return quarantined

    def _write_reason(self, quarantined: QuarantinedObject) -> None:
        path = self.root / f"{quarantined.quarantine_path}.reason.json"
        content = {
            "reason": quarantined.reason,
            "received_at": quarantined.received_at.isoformat(),
            "sha256": quarantined.sha256,
            "size_bytes": quarantined.size_bytes,
            "calling_ae_title": quarantined.calling_ae_title,
            "sender_address": quarantined.sender_address,
        }
        temporary = path.with_suffix(".new")
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(content, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
