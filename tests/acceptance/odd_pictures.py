"""Made-up images whose values are no plain numbers: floating point, a table, oblong pixels."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    ParametricMapStorage,
)
from radiographs import MadeStudy

ROWS, COLUMNS = 100, 120
LOW, HIGH = 0.25, 1.75  # left and right half of the floating point image
STORED = 1000  # everywhere in the image with a table
HIGH_TO_WIDE = (2, 1)  # of the oblong pixels


def _image(number: int, description: str, sop_class_uid: str) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID = sop_class_uid
    dataset.StudyInstanceUID = f"2.25.8153.{number}"
    dataset.SeriesInstanceUID = f"2.25.8153.{number}.1"
    dataset.SOPInstanceUID = f"2.25.8153.{number}.1.1"
    dataset.Modality = "OT"
    dataset.PatientID = f"ODD-{number}"
    dataset.PatientName = "Odd^Picture"
    dataset.StudyDescription = description
    dataset.SeriesDescription = description
    dataset.InstanceNumber = 1
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = ROWS, COLUMNS
    return dataset


def _written(folder: Path, dataset: Dataset) -> list[MadeStudy]:
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    path = folder / f"{dataset.SOPInstanceUID}.dcm"
    dcmwrite(path, dataset, enforce_file_format=True)
    return [
        MadeStudy(
            path=path,
            study_instance_uid=dataset.StudyInstanceUID,
            sop_instance_uid=dataset.SOPInstanceUID,
        )
    ]


def _whole_numbers(dataset: Dataset, pixels: npt.NDArray[np.uint16]) -> None:
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.PixelData = pixels.tobytes()
    dataset["PixelData"].VR = "OW"


def floating_point(folder: Path, number: int, *, double: bool) -> list[MadeStudy]:
    """Float or Double Float Pixel Data (PS3.3 C.7.6.24, C.7.6.25): two halves, and a hole."""
    dataset = _image(number, "floating point", ParametricMapStorage)
    dataset.NumberOfFrames = 1
    values = np.full((ROWS, COLUMNS), LOW, dtype=np.float64 if double else np.float32)
    values[:, COLUMNS // 2 :] = HIGH
    values[:10, :10] = np.nan
    if double:
        dataset.BitsAllocated = 64
        dataset.DoubleFloatPixelData = values.tobytes()
    else:
        dataset.BitsAllocated = 32
        dataset.FloatPixelData = values.tobytes()
    return _written(folder, dataset)


def with_table(folder: Path, number: int) -> list[MadeStudy]:
    """One value everywhere, and a VOI LUT of 4096 entries that turns the grey scale round."""
    dataset = _image(number, "table", DigitalXRayImageStorageForPresentation)
    dataset.Modality = "DX"
    _whole_numbers(dataset, np.full((ROWS, COLUMNS), STORED, dtype=np.uint16))
    table = Dataset()
    table.LUTDescriptor = [4096, 0, 12]
    table.add_new(0x00283006, "OW", np.arange(4095, -1, -1, dtype=np.uint16).tobytes())
    dataset.VOILUTSequence = [table]
    return _written(folder, dataset)


def oblong_pixels(folder: Path, number: int) -> list[MadeStudy]:
    """A bright square of 40 x 40 pixels, each twice as high as wide; no spacing is sent."""
    dataset = _image(number, "oblong", DigitalXRayImageStorageForPresentation)
    dataset.Modality = "DX"
    dataset.PixelAspectRatio = list(HIGH_TO_WIDE)
    pixels = np.zeros((ROWS, COLUMNS), dtype=np.uint16)
    pixels[30:70, 40:80] = 4000
    _whole_numbers(dataset, pixels)
    return _written(folder, dataset)
