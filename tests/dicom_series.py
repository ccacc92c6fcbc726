"""A series of tiny images for detectors, each with one bright pixel."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import ExplicitVRLittleEndian

from worklist.study import ArchivedInstance
from worklist.uid import SeriesInstanceUID, SOPInstanceUID

_CLASSES = {"CT": "1.2.840.10008.5.1.4.1.1.2", "DX": "1.2.840.10008.5.1.4.1.1.1.1"}
_BRIGHT = (1, 2)  # row and column of the bright pixel


def write_series(
    folder: Path,
    values: Sequence[int],
    *,
    modality: str = "DX",
    body_part: str = "",
    gap_mm: float = 1.0,
    missing: int | None = None,
    bright: tuple[int, int] = _BRIGHT,
) -> list[Path]:
    """Images of 4 x 4 pixels of 1 mm: this value at row 1 and column 2, elsewhere 0.

    Parameters
    ----------
    missing
        The image (from 1) that is left out.
    bright
        Another row and column.
    """
    folder.mkdir(parents=True)
    paths = []
    for number, value in enumerate(values, start=1):
        if number == missing:
            continue
        path = folder / f"{number}.dcm"
        image = tiny_image(number, modality, body_part, gap_mm)
        pixels = np.zeros((4, 4), "<i2")
        pixels[bright] = value
        image.PixelData = pixels.tobytes()
        dcmwrite(path, image, enforce_file_format=True)
        paths.append(path)
    return paths


def tiny_image(number: int, modality: str, body_part: str, gap_mm: float) -> Dataset:
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID = _CLASSES[modality]
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID = f"1.2.3.{number}"
    image.StudyInstanceUID = "1.2.3"
    image.Modality = modality
    image.BodyPartExamined = body_part
    image.InstanceNumber = number
    image.PixelSpacing = [1.0, 1.0]
    image.ImagePositionPatient = [0.0, 0.0, gap_mm * number]
    image.ImageOrientationPatient = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    image.Rows = image.Columns = 4
    image.BitsAllocated = image.BitsStored = 16
    image.HighBit = 15
    image.PixelRepresentation = 1
    image.SamplesPerPixel = 1
    image.PhotometricInterpretation = "MONOCHROME2"
    return image


def archived(paths: Sequence[Path], archive: Path) -> list[ArchivedInstance]:
    """As the indexer files them; the digest is of the data set without its file meta header."""
    return [_archived(path, archive) for path in paths]


def _archived(path: Path, archive: Path) -> ArchivedInstance:
    content = path.read_bytes()
    (group_length,) = np.frombuffer(content, "<u4", 1, 140)
    return ArchivedInstance(
        sop_instance_uid=SOPInstanceUID(f"1.2.3.{path.stem}"),
        series_instance_uid=SeriesInstanceUID("1.2.3.100"),
        sha256=hashlib.sha256(content[144 + int(group_length) :]).hexdigest(),
        archive_path=str(path.relative_to(archive)),
    )
