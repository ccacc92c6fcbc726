"""CT images as data sets, and an archive to put them into."""

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import (
    ExplicitVRLittleEndian,
)

from worklist.study import ArchivedInstance
from worklist.uid import SeriesInstanceUID, SOPInstanceUID

Write = Callable[..., ArchivedInstance]
CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
RAMP = np.arange(12, dtype=np.int16).reshape(3, 4)


def image(pixels: Any = RAMP, **attributes: Any) -> Dataset:
    """A CT image of 16 bits with the attributes changed; None removes one."""
    data_set = Dataset()
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    values: dict[str, Any] = {
        "SOPClassUID": CT_IMAGE_STORAGE,
        "StudyInstanceUID": "1.2.3",
        "Modality": "CT",
        "Rows": np.shape(pixels)[-2],
        "Columns": np.shape(pixels)[-1],
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 1,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "PixelData": np.asarray(pixels, np.int16).tobytes(),
        **attributes,
    }
    for keyword, value in values.items():
        if value is not None:
            setattr(data_set, keyword, value)
    return data_set


def axial(z_mm: float, number: int) -> Dataset:
    return image(
        InstanceNumber=number,
        ImagePositionPatient=[0, 0, z_mm],
        ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
    )


def writer(archive: Path) -> Write:
    """A function that puts a data set into the archive."""
    numbers = count(1)

    def put(data_set: Dataset, series: str = "1.2.3.1") -> ArchivedInstance:
        uid = f"1.2.3.1.{next(numbers)}"
        data_set.SOPInstanceUID = uid
        data_set.file_meta.MediaStorageSOPInstanceUID = uid
        data_set.file_meta.MediaStorageSOPClassUID = data_set.SOPClassUID
        dcmwrite(archive / f"{uid}.dcm", data_set, enforce_file_format=True)
        return ArchivedInstance(
            sop_instance_uid=SOPInstanceUID(uid),
            series_instance_uid=SeriesInstanceUID(series),
            sha256="",
            archive_path=f"{uid}.dcm",
        )

    return put
