"""Made-up radiographs to send: a bright bone on a dark ground, nothing of a real patient."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
)
from vigie_node import Node

from vigie.sending import dicom_files, send

ROWS, COLUMNS = 512, 640


@dataclass(frozen=True, kw_only=True, slots=True)
class MadeStudy:
    """One study of one image."""

    path: Path
    study_instance_uid: str
    sop_instance_uid: str


def make_study(
    folder: Path,
    number: int,
    *,
    name: str = "Doe^Jane",
    modality: str = "DX",
    body_part: str = "",
    instance_number: int = 1,
) -> MadeStudy:
    """Write an image of a study; `number` makes its UIDs and the shape of what is on it."""
    dataset = Dataset()
    is_ct = modality == "CT"
    dataset.SOPClassUID = CTImageStorage if is_ct else DigitalXRayImageStorageForPresentation
    dataset.StudyInstanceUID = f"2.25.8151.{number}"
    dataset.SeriesInstanceUID = f"2.25.8151.{number}.1"
    dataset.SOPInstanceUID = f"2.25.8151.{number}.1.{instance_number}"
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.Modality = modality
    dataset.BodyPartExamined = body_part or ("HEAD" if is_ct else "HAND")
    dataset.PatientID = f"MADE-{number}"
    dataset.PatientName = name
    dataset.StudyDescription = f"made up, number {number}"
    dataset.InstanceNumber = instance_number
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = ROWS, COLUMNS
    dataset.BitsAllocated = 16
    dataset.BitsStored = 12
    dataset.HighBit = 11
    dataset.PixelRepresentation = 0
    dataset.PixelData = _bone(number).tobytes()
    dataset["PixelData"].VR = "OW"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    path = folder / f"made-{number}-{instance_number}.dcm"
    dcmwrite(path, dataset, enforce_file_format=True)
    return MadeStudy(
        path=path,
        study_instance_uid=dataset.StudyInstanceUID,
        sop_instance_uid=dataset.SOPInstanceUID,
    )


def _bone(number: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint16]]:
    """Rows x columns, 0 to 4095: a slanted bar with a bright rim."""
    row, column = np.mgrid[0:ROWS, 0:COLUMNS]
    across = np.abs(column - COLUMNS / 2 - (row - ROWS / 2) * 0.1 * (number % 5))
    pixels = np.where(across < 60, 2400 + across * 20, 500 + row / 2)
    return pixels.astype(np.uint16)


def send_to(node: Node, *studies: MadeStudy) -> None:
    """Send by C-STORE; all must be taken."""
    files, unreadable = dicom_files([one.path for one in studies])
    refused = send(
        files,
        host="127.0.0.1",
        port=node.dicom_port,
        called_ae_title="VIGIE",
        calling_ae_title="TEST",
        sent=lambda: None,
    )
    assert not refused + unreadable
