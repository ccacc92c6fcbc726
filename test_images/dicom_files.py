"""Writing a simulated study as DICOM files: CT Image and Digital X-Ray (For Presentation)."""

import uuid
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fields import Array
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
DX_FOR_PRESENTATION = "1.2.840.10008.5.1.4.1.1.1.1"
_AIR_HU = -1024


@dataclass(frozen=True, kw_only=True)
class Order:
    """The study-level attributes of one case."""

    case: str
    patient_name: str
    patient_sex: str
    patient_age: str  # VR AS
    priority: str  # Requested Procedure Priority (0040,1003)
    study_description: str
    series_description: str
    study_time: str


def uid(case: str, *parts: object) -> str:
    """A UID that depends on names alone (PS3.5 B.2)."""
    name = "/".join(["vigie phantom", case, *map(str, parts)])
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, name).int}"


def _common(order: Order, sop_class_uid: str, modality: str, number: int) -> Dataset:
    instance = uid(order.case, "instance", number)
    data_set = Dataset()
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.MediaStorageSOPClassUID = sop_class_uid
    data_set.file_meta.MediaStorageSOPInstanceUID = instance
    data_set.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data_set.file_meta.ImplementationClassUID = uid("generator")
    data_set.file_meta.ImplementationVersionName = "VIGIE_PHANTOM"
    data_set.SpecificCharacterSet = "ISO_IR 100"
    data_set.SOPClassUID = sop_class_uid
    data_set.SOPInstanceUID = instance
    data_set.StudyDate = data_set.SeriesDate = data_set.ContentDate = "20260105"
    data_set.AcquisitionDate = "20260105"
    data_set.StudyTime = data_set.SeriesTime = data_set.ContentTime = order.study_time
    data_set.AcquisitionTime = order.study_time
    data_set.AccessionNumber = f"PH{uuid.UUID(int=int(uid(order.case)[5:])).hex[:8].upper()}"
    data_set.Modality = modality
    data_set.Manufacturer = "Vigie"
    data_set.ManufacturerModelName = "Simulated phantom"
    data_set.SoftwareVersions = "1"
    data_set.ReferringPhysicianName = ""
    data_set.StudyDescription = order.study_description
    data_set.SeriesDescription = order.series_description
    data_set.PatientName = order.patient_name
    data_set.PatientID = f"PHANTOM-{order.case}"[:64]
    data_set.PatientBirthDate = ""
    data_set.PatientSex = order.patient_sex
    data_set.PatientAge = order.patient_age
    data_set.PatientIdentityRemoved = "YES"
    data_set.DeidentificationMethod = "SIMULATED, NO PATIENT"
    data_set.StudyInstanceUID = uid(order.case, "study")
    data_set.SeriesInstanceUID = uid(order.case, "series")
    data_set.StudyID = "1"
    data_set.SeriesNumber = 1
    data_set.InstanceNumber = number
    data_set.RequestedProcedurePriority = order.priority
    return data_set


def _pixels(data_set: Dataset, pixels: Array) -> None:
    """12 bits in 16, JPEG-LS lossless."""
    stored = np.clip(np.round(pixels), 0, 4095).astype("<u2")
    data_set.SamplesPerPixel = 1
    data_set.Rows, data_set.Columns = stored.shape
    data_set.BitsAllocated, data_set.BitsStored, data_set.HighBit = 16, 12, 11
    data_set.PixelRepresentation = 0
    data_set.PixelData = stored.tobytes()
    data_set.compress(JPEGLSLossless, encoding_plugin="pyjpegls", generate_instance_uid=False)


def write_ct(
    folder: Path,
    order: Order,
    volume: Array,
    *,
    body_part: str,
    pixel_mm: float,
    slice_mm: float,
    first_z_mm: float,
    window: tuple[int, int],
    kernel: str,
) -> None:
    """Write axial slices, lowest first in ``volume`` (slice, row, column) of Hounsfield units."""
    rows, columns = volume.shape[1:]
    for number, pixels in enumerate(volume, start=1):
        data_set = _common(order, CT_IMAGE, "CT", number)
        z_mm = first_z_mm + slice_mm * (number - 1)
        data_set.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        data_set.BodyPartExamined = body_part
        data_set.PatientPosition = "HFS"
        data_set.PositionReferenceIndicator = ""
        data_set.FrameOfReferenceUID = uid(order.case, "frame of reference")
        data_set.PixelSpacing = [f"{pixel_mm:g}"] * 2
        data_set.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
        corner = [-(columns - 1) / 2 * pixel_mm, -(rows - 1) / 2 * pixel_mm, z_mm]
        data_set.ImagePositionPatient = [f"{part:g}" for part in corner]
        data_set.SliceLocation = f"{z_mm:g}"
        data_set.SliceThickness = f"{slice_mm:g}"
        data_set.KVP = "120"
        data_set.AcquisitionNumber = 1
        data_set.ConvolutionKernel = kernel
        data_set.GantryDetectorTilt = "0"
        data_set.PhotometricInterpretation = "MONOCHROME2"
        data_set.RescaleIntercept = str(_AIR_HU)
        data_set.RescaleSlope = "1"
        data_set.RescaleType = "HU"
        data_set.WindowCenter, data_set.WindowWidth = map(str, window)
        _pixels(data_set, pixels - _AIR_HU)
        _write(folder, data_set, number)


def write_radiograph(
    folder: Path,
    order: Order,
    pixels: Array,
    *,
    region: tuple[str, str, str],
    laterality: str,
    pixel_mm: float,
    inverted: bool,
) -> None:
    """Write one projection of 0 to 4095, bone bright.

    Parameters
    ----------
    region
        Body Part Examined, and the anatomic region's SNOMED CT code and meaning (CID 4031).
    inverted
        Store it as MONOCHROME1, as some systems do.
    """
    data_set = _common(order, DX_FOR_PRESENTATION, "DX", 1)
    body_part, code, meaning = region
    data_set.ImageType = ["DERIVED", "PRIMARY", ""]
    data_set.PresentationIntentType = "FOR PRESENTATION"
    data_set.BodyPartExamined = body_part
    data_set.ImageLaterality = laterality
    data_set.AnatomicRegionSequence = Sequence([_code(code, "SCT", meaning)])
    data_set.PatientOrientation = ["L", "F"]
    data_set.ViewPosition = "AP"
    data_set.ViewCodeSequence = Sequence([_code("399348003", "SCT", "antero-posterior")])
    data_set.ViewCodeSequence[0].ViewModifierCodeSequence = Sequence([])
    data_set.PositionerType = "NONE"
    data_set.DetectorType = "SCINTILLATOR"
    data_set.ImagerPixelSpacing = [f"{pixel_mm:g}"] * 2
    data_set.KVP = "55"
    data_set.AcquisitionContextSequence = Sequence([])
    data_set.BurnedInAnnotation = "NO"
    data_set.LossyImageCompression = "00"
    data_set.PhotometricInterpretation = "MONOCHROME1" if inverted else "MONOCHROME2"
    data_set.PresentationLUTShape = "INVERSE" if inverted else "IDENTITY"
    data_set.PixelIntensityRelationship = "LOG"
    data_set.PixelIntensityRelationshipSign = 1 if inverted else -1
    data_set.RescaleIntercept, data_set.RescaleSlope, data_set.RescaleType = "0", "1", "US"
    data_set.WindowCenter, data_set.WindowWidth = "2048", "4096"
    _pixels(data_set, 4095 - np.round(pixels) if inverted else pixels)
    _write(folder, data_set, 1)


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _write(folder: Path, data_set: Dataset, number: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    dcmwrite(folder / f"{number:03}.dcm", data_set, enforce_file_format=True)
