"""Files as a sender has them and as a node keeps them, compared by the bytes of their data sets."""

import hashlib
from collections import Counter
from pathlib import Path

from pydicom import dcmread
from pydicom.uid import generate_uid
from pynetdicom.dsutils import split_dataset
from vigie_node import Node, wait_until


def data_set(path: Path) -> bytes:
    """What follows preamble and file meta information (PS3.10 section 7.1)."""
    _, offset = split_dataset(path)
    return path.read_bytes()[offset:]


def digest(path: Path) -> str:
    """SHA-256 of the data set, hex."""
    return hashlib.sha256(data_set(path)).hexdigest()


def digests(folder: Path) -> Counter[str]:
    """Of every DICOM file below a folder, however often each occurs."""
    return Counter(digest(path) for path in sorted(folder.rglob("*.dcm")))


def another_slice(last: Path, folder: Path) -> Path:
    """An image that comes late: one slice beyond the last of a series."""
    image = dcmread(last)
    uid = generate_uid()
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = uid
    image.InstanceNumber = int(image.InstanceNumber) + 1
    x, y, z = image.ImagePositionPatient
    image.ImagePositionPatient = [x, y, float(z) + float(image.SliceThickness)]
    path = folder / f"{uid}.dcm"
    image.save_as(path, enforce_file_format=True)
    return path


def wait_until_filed(node: Node, limit_s: float = 60) -> None:
    """Wait until nothing that was received waits in the inbox."""
    inbox = node.data / "inbox"
    wait_until(lambda: not any(inbox.glob("*.dcm")), "the inbox is filed", limit_s)
