"""A made-up CT in which every distance and value is known: a block in air."""

from pathlib import Path

import numpy as np
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from radiographs import MadeStudy

ROWS, COLUMNS, SLICES = 128, 160, 16
COLUMN_MM, ROW_MM, SLICE_MM = 0.5, 0.75, 3.0

# The block's first and last pixel are in it; its edges lie half a pixel beyond their centres.
BLOCK_COLUMNS = (40, 119)  # 80 columns: 40 mm
BLOCK_ROWS = (32, 95)  # 64 rows: 48 mm
BLOCK_SLICES = (4, 11)  # counted from 0
BLOCK_HU, AIR_HU = 60, -1000


def make_block_ct(
    folder: Path,
    number: int,
    *,
    patient: str = "",
    date: str = "20260102",
    offset_mm: float = 0.0,
    series: int = 1,
) -> list[MadeStudy]:
    """Write the slices, feet to head; `number` makes the UIDs, `offset_mm` moves the patient.

    The patient is `patient`, or one of this study's own. All series of a study are in one frame of
    reference.
    """
    slices = []
    for index in range(SLICES):
        dataset = _slice(number, index, offset_mm)
        dataset.SeriesInstanceUID = f"2.25.8152.{number}.{series}"
        dataset.SOPInstanceUID = f"2.25.8152.{number}.{series}.{index + 1}"
        dataset.PatientID = patient or f"BLOCK-{number}"
        dataset.StudyDate = date
        path = folder / f"block-{number}-{series}-{index}.dcm"
        dcmwrite(path, dataset, enforce_file_format=True)
        slices.append(
            MadeStudy(
                path=path,
                study_instance_uid=dataset.StudyInstanceUID,
                sop_instance_uid=dataset.SOPInstanceUID,
            )
        )
    return slices


def _slice(number: int, index: int, offset_mm: float) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID = CTImageStorage
    dataset.StudyInstanceUID = f"2.25.8152.{number}"
    dataset.FrameOfReferenceUID = f"2.25.8152.{number}.0"
    dataset.Modality = "CT"
    dataset.BodyPartExamined = "HEAD"
    dataset.PatientName = "Block^In^Air"
    dataset.PatientBirthDate = "19700101"
    dataset.PatientSex = "O"
    dataset.StudyTime = "120000"
    dataset.StudyDescription = f"block in air, number {number}"
    dataset.SeriesDescription = "BLOCK 3.0"
    dataset.InstanceNumber = index + 1
    dataset.ImagePositionPatient = [-40.0, -48.0, offset_mm + index * SLICE_MM]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing = [ROW_MM, COLUMN_MM]
    dataset.SliceThickness = SLICE_MM
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = ROWS, COLUMNS
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
    dataset.WindowCenter, dataset.WindowWidth = 0, 2048
    dataset.PixelData = _pixels(index).tobytes()
    dataset["PixelData"].VR = "OW"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def _pixels(index: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint16]]:
    """Rows x columns, stored values: Hounsfield units + 1024."""
    pixels = np.full((ROWS, COLUMNS), AIR_HU + 1024, dtype=np.uint16)
    if BLOCK_SLICES[0] <= index <= BLOCK_SLICES[1]:
        rows = slice(BLOCK_ROWS[0], BLOCK_ROWS[1] + 1)
        pixels[rows, BLOCK_COLUMNS[0] : BLOCK_COLUMNS[1] + 1] = BLOCK_HU + 1024
    return pixels
