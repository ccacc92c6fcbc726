"""An archive of tiny images for the runner's tests."""

import hashlib
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from worklist.study import ArchivedInstance
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID

STUDY = StudyInstanceUID("1.2.3")


def file_image(
    archive: Path, number: int, *, modality: str = "CT", value: int = 0, inflated_bytes: int = 0
) -> Path:
    """Write one 4 x 4 image of a series per modality; deflated if it is to be large."""
    data_set = Dataset()
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data_set.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    data_set.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{number}"
    data_set.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    data_set.SOPInstanceUID = f"1.2.3.{number}"
    data_set.StudyInstanceUID = STUDY
    data_set.Modality = modality
    data_set.InstanceNumber = number
    data_set.Rows = data_set.Columns = 4
    data_set.BitsAllocated = data_set.BitsStored = 16
    data_set.HighBit = 15
    data_set.PixelRepresentation = 1
    data_set.SamplesPerPixel = 1
    data_set.PhotometricInterpretation = "MONOCHROME2"
    data_set.PixelData = np.full((4, 4), value, "<i2").tobytes()
    if inflated_bytes:
        data_set.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        data_set.add_new(0x00090010, "LO", "somebody")
        data_set.add_new(0x00091001, "OB", bytes(inflated_bytes))
    path = archive / f"{number}.dcm"
    dcmwrite(path, data_set, enforce_file_format=True)
    return path


def archived(path: Path, *, series: str = "1.2.3.100") -> ArchivedInstance:
    content = path.read_bytes()
    (group_length,) = np.frombuffer(content, "<u4", 1, 140)
    return ArchivedInstance(
        sop_instance_uid=SOPInstanceUID(f"1.2.3.{path.stem}"),
        series_instance_uid=SeriesInstanceUID(series),
        sha256=hashlib.sha256(content[144 + int(group_length) :]).hexdigest(),
        archive_path=path.name,
    )
