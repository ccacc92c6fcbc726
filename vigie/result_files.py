"""Objects that were made, on disk: durable before anything says that they are there."""

import hashlib
import os
from pathlib import Path

from dicom_listener.durable import make_root, sync_folder
from results.document import ResultObject
from worklist.outbound import MadeObject, ObjectKind
from worklist.uid import StudyInstanceUID


def write_object(
    folder: Path, study: StudyInstanceUID, kind: ObjectKind, made: ResultObject
) -> MadeObject:
    """Write an object to ``<folder>/<study>/<object>.dcm``, unless it lies there.

    The bytes are synced before the file gets its name, then the folder is: whoever finds the name
    finds all of them, also after a power failure.
    """
    name = f"{study}/{made.reference.sop_instance_uid}.dcm"
    path = folder / name
    if not _holds(path, made.file):
        if not path.parent.is_dir():
            make_root(folder)
            path.parent.mkdir(exist_ok=True)
            sync_folder(folder)
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            file.write(made.file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.parent)
    return MadeObject(
        kind=kind,
        sop_class_uid=made.reference.sop_class_uid,
        sop_instance_uid=made.reference.sop_instance_uid,
        series_instance_uid=made.reference.series_instance_uid,
        path=name,
        sha256=hashlib.sha256(made.file).hexdigest(),
        size_bytes=len(made.file),
    )


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except FileNotFoundError:
        return False
