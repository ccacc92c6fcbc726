"""Headers of images that no phantom is like: of several frames, tilted, or without a size."""

import io
import math
import warnings

from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import ExplicitVRLittleEndian

CT = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
DX = "1.2.840.10008.5.1.4.1.1.1.1"


CHARACTER_SETS = {
    "ISO_IR 100": "M\u00fcller^J\u00fcrgen".encode("latin-1"),
    "ISO_IR 192": "山田^太郎".encode(),
    "\\ISO 2022 IR 87": b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B",
    "GB18030": "王^小东".encode("gb18030"),
    "ISO_IR 13": b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3",
}
"""Specific Character Sets and a name in each."""


def file_with_name(character_set: str, name: bytes, header: Dataset) -> bytes:
    """A file whose bytes are these, written by nobody who would mend them."""
    header.ReferringPhysicianName = ""
    name_there, set_there = b"N" * (len(name) + len(name) % 2), b"S" * (len(character_set) | 1)
    header.SpecificCharacterSet = set_there.decode()
    header.PatientName = name_there.decode()
    if not character_set:
        del header.SpecificCharacterSet
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Unknown encoding", UserWarning)  # none is called SSS
        file = as_file(header)
    file = file.replace(name_there, name.ljust(len(name_there)))
    if character_set:
        file = file.replace(set_there, character_set.encode().ljust(len(set_there)))
    return file


def as_file(header: Dataset) -> bytes:
    """In explicit VR little endian."""
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID
    header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
    buffer = io.BytesIO()
    dcmwrite(buffer, header, enforce_file_format=True)
    return buffer.getvalue()


def read_back(header: Dataset) -> Dataset:
    """As pydicom reads it from a file: nothing decoded yet."""
    return dcmread(io.BytesIO(as_file(header)))


def plain_header(sop_class_uid: str = DX, modality: str = "DX", number: int = 1) -> Dataset:
    """The least that an image may say: no spacing, no place, no window."""
    header = Dataset()
    header.SpecificCharacterSet = "ISO_IR 100"
    header.SOPClassUID, header.SOPInstanceUID = sop_class_uid, f"1.2.3.1.{number}"
    header.StudyInstanceUID, header.SeriesInstanceUID = "1.2.3", "1.2.3.1"
    header.StudyDate, header.StudyTime = "20260302", "101500"
    header.AccessionNumber, header.StudyID = "A1", "S1"
    header.ReferringPhysicianName = "Müller^Jürgen"
    header.PatientName, header.PatientID = "Doe^Jane", "P1"
    header.PatientBirthDate, header.PatientSex = "19700101", "F"
    header.Modality, header.InstanceNumber = modality, number
    header.Rows, header.Columns = 200, 160
    header.PhotometricInterpretation = "MONOCHROME2"
    return header


def tilted_ct(count: int = 6, degrees: float = 18.0) -> list[Dataset]:
    """A gantry tilted about the x axis: planes whose normal is not the table's direction."""
    angle = math.radians(degrees)
    headers = []
    for number in range(1, count + 1):
        header = plain_header(CT, "CT", number)
        header.FrameOfReferenceUID, header.PositionReferenceIndicator = "1.2.3.9", ""
        header.ImageOrientationPatient = [
            1, 0, 0, 0, round(math.cos(angle), 8), round(-math.sin(angle), 8),
        ]  # fmt: skip
        header.ImagePositionPatient = [-80, -100, 5.0 * number]
        header.PixelSpacing, header.SliceThickness = [0.5, 0.6], "5"
        header.RescaleSlope, header.RescaleIntercept, header.RescaleType = "1", "-1024", "HU"
        header.WindowCenter, header.WindowWidth = "40", "80"
        headers.append(read_back(header))
    return headers


def enhanced_ct(frames: int = 5) -> Dataset:
    """One object of several frames, each in its own plane (PS3.3 A.38)."""
    header = plain_header(ENHANCED_CT, "CT")
    header.FrameOfReferenceUID, header.NumberOfFrames = "1.2.3.9", frames
    shared = Dataset()
    orientation, measures, values, window = Dataset(), Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    measures.PixelSpacing, measures.SliceThickness = [0.7, 0.7], "2"
    values.RescaleSlope, values.RescaleIntercept, values.RescaleType = "1", "-1024", "HU"
    window.WindowCenter, window.WindowWidth = "40", "80"
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [orientation], [measures]
    shared.PixelValueTransformationSequence, shared.FrameVOILUTSequence = [values], [window]
    header.SharedFunctionalGroupsSequence = [shared]
    each = []
    for number in range(frames):
        position, frame = Dataset(), Dataset()
        position.ImagePositionPatient = [-50, -60, 2.0 * number]
        frame.PlanePositionSequence = [position]
        each.append(frame)
    header.PerFrameFunctionalGroupsSequence = each
    return read_back(header)
