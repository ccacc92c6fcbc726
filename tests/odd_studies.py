"""Studies unlike what a detector learnt from: others' files under a header that it looks at, and
real studies spoilt in one way, as DICOM files.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import ExplicitVRLittleEndian

from models.assessment import look, select
from models.data_set import UnreadableDataSet, data_set_sha256
from models.detector import Detector
from models.headers import DEFAULT_LIMIT_BYTES, read_series_headers
from models.images import UndecodableImage, decode_frame
from tests.haemorrhage_heads import read_series
from worklist.finding import Outcome
from worklist.study import ArchivedInstance
from worklist.uid import SeriesInstanceUID, SOPInstanceUID

Floats = npt.NDArray[np.float32]
Change = Callable[[Floats], Floats]
Build = Callable[[Path, Path], Path]  # shared/dicom and an empty folder to the study's folder

FRACTURE, HAEMORRHAGE, NODULE = "fracture", "haemorrhage", "nodule"
_CT, _DX = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.1.1"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
HEADERS: dict[str, dict[str, Any]] = {
    FRACTURE: {"SOPClassUID": _DX, "Modality": "DX", "BodyPartExamined": "HAND"},
    HAEMORRHAGE: {"SOPClassUID": _CT, "Modality": "CT", "BodyPartExamined": "HEAD"},
    NODULE: {"SOPClassUID": _CT, "Modality": "CT", "BodyPartExamined": "CHEST"},
}
SOUND = {
    FRACTURE: "studies/img0004071",  # a broken hand
    HAEMORRHAGE: "studies/headct104",
    NODULE: "studies/chestct_a0001",
}
DRAWN = Path(__file__).parents[1] / "test_images"
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True, kw_only=True)
class Study:
    """Planes with what their headers say of where they lie."""

    pixels: Floats  # (plane, row, column); HU, or greys of a radiograph
    spacing_mm: tuple[float, float] | None = None
    gap_mm: float = 5.0


def sound(shared_dicom: Path, detector: str) -> Study:
    """A real study that the detector was made for."""
    folder = shared_dicom / SOUND[detector]
    if detector == FRACTURE:
        return Study(pixels=decode_frame(folder / "001.dcm", 1).pixels[None])
    return ct_of(folder)


def ct_of(folder: Path) -> Study:
    """A folder's one CT series, its planes taken to lie across the body, evenly."""
    images = read_series(folder).images
    heights = sorted(image.image_position_mm[2] for image in images if image.image_position_mm)
    return Study(
        pixels=np.stack([image.pixels for image in images]),
        spacing_mm=images[0].pixel_spacing_mm,
        gap_mm=float(np.median(np.diff(heights))),
    )


def images_of(folder: Path, pattern: str) -> list[Floats]:
    """The first frame of each image of a folder that can be decoded, in grey."""
    found = []
    for path in sorted(path for path in folder.rglob(pattern) if path.is_file()):
        try:
            pixels = decode_frame(path, 1).pixels
        except (UnreadableDataSet, UndecodableImage):
            continue
        found.append(pixels @ _LUMINANCE if pixels.ndim == 3 else pixels)
    return found


def write(folder: Path, detector: str, study: Study, **attributes: Any) -> Path:
    """A study as files of a kind that the detector looks at, but for these attributes."""
    for number, plane in enumerate(study.pixels, start=1):
        data_set = _data_set(detector, plane, number)
        if study.spacing_mm is not None:
            data_set.PixelSpacing = [round(side, 6) for side in study.spacing_mm]
        if detector != FRACTURE:
            data_set.ImagePositionPatient = [0, 0, round((number - 1) * study.gap_mm, 4)]
            data_set.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
            data_set.SliceThickness = study.gap_mm
            data_set.FrameOfReferenceUID = "1.2.3.9"
        for keyword, value in attributes.items():
            setattr(data_set, keyword, value)
        data_set.file_meta.MediaStorageSOPClassUID = data_set.SOPClassUID
        dcmwrite(folder / f"{number:03d}.dcm", data_set, enforce_file_format=True)
    return folder


def _data_set(detector: str, plane: Floats, number: int) -> Dataset:
    data_set = Dataset()
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data_set.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.1.{number}"
    for keyword, value in HEADERS[detector].items():
        setattr(data_set, keyword, value)
    data_set.SOPInstanceUID, data_set.InstanceNumber = f"1.2.3.1.{number}", number
    data_set.StudyInstanceUID, data_set.SeriesInstanceUID = "1.2.3", "1.2.3.1"
    data_set.ImageType = ["ORIGINAL", "PRIMARY"]
    data_set.Rows, data_set.Columns = plane.shape
    data_set.SamplesPerPixel, data_set.PhotometricInterpretation = 1, "MONOCHROME2"
    data_set.BitsAllocated = data_set.BitsStored = 16
    data_set.HighBit, data_set.PixelRepresentation = 15, 1
    data_set.RescaleSlope, data_set.RescaleIntercept = 1, 0
    data_set.PixelData = np.clip(np.round(plane), -32768, 32767).astype("<i2").tobytes()
    return data_set


def spoilt(detector: str, change: Change | None = None, **attributes: Any) -> Build:
    """A real study of what the detector was made for, changed."""

    def build(shared_dicom: Path, folder: Path) -> Path:
        study = sound(shared_dicom, detector)
        if change is not None:
            study = replace(study, pixels=np.ascontiguousarray(change(study.pixels), np.float32))
        return write(folder, detector, study, **attributes)

    return build


def lost(detector: str, drawn: str, count: int) -> Build:
    """A drawn study of what the detector was made for, planes of its middle lost on the way."""

    def build(_: Path, folder: Path) -> Path:
        study = ct_of(DRAWN / drawn)
        write(folder, detector, study)
        first = len(study.pixels) // 2
        for number in range(first, first + count):
            (folder / f"{number:03d}.dcm").unlink()
        return folder

    return build


def one_larger(detector: str, drawn: str) -> Build:
    """A drawn study of what the detector was made for, one plane of its middle of other rows."""

    def build(_: Path, folder: Path) -> Path:
        study = ct_of(DRAWN / drawn)
        write(folder, detector, study)
        path = folder / f"{len(study.pixels) // 2:03d}.dcm"
        data_set = dcmread(path)
        data_set.PixelData += data_set.PixelData[-8 * data_set.Columns :]
        data_set.Rows += 4
        dcmwrite(path, data_set, enforce_file_format=True)
        return folder

    return build


def one_cut_off(detector: str, drawn: str) -> Build:
    """A drawn study, the lower two fifths of its middle plane one row again and again."""

    def build(_: Path, folder: Path) -> Path:
        study = ct_of(DRAWN / drawn)
        plane = study.pixels[len(study.pixels) // 2]
        kept = len(plane) * 3 // 5
        plane[kept:] = plane[kept - 1]
        return write(folder, detector, study)

    return build


def others(detector: str, place: str, pattern: str, count: int | None = None) -> Build:
    """Files of others under a header of what the detector was made for."""

    def build(shared_dicom: Path, folder: Path) -> Path:
        pixels = np.stack(images_of(shared_dicom / place, pattern)[:count])
        return write(folder, detector, Study(pixels=pixels, spacing_mm=(0.9, 0.9)))

    return build


def swapped(detector: str, place: str) -> Build:
    """A head as a chest, or a chest as a head."""

    def build(shared_dicom: Path, folder: Path) -> Path:
        return write(folder, detector, ct_of(shared_dicom / place))

    return build


def smaller(detector: str) -> Build:
    """As small as an animal's, by its pixel spacing."""

    def build(shared_dicom: Path, folder: Path) -> Path:
        study = sound(shared_dicom, detector)
        assert study.spacing_mm is not None
        rows, columns = study.spacing_mm
        return write(folder, detector, replace(study, spacing_mm=(0.45 * rows, 0.45 * columns)))

    return build


def truncated(detector: str) -> Build:
    """One file ends in the middle of its pixels."""

    def build(shared_dicom: Path, folder: Path) -> Path:
        spoilt(detector)(shared_dicom, folder)
        path = folder / "001.dcm"
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        return folder

    return build


def outcome_of(detector: Detector, folder: Path) -> Outcome:
    """What a worker would get for the study in a folder."""
    instances = [
        ArchivedInstance(
            sop_instance_uid=SOPInstanceUID(f"1.2.3.1.{number}"),
            series_instance_uid=SeriesInstanceUID("1.2.3.1"),
            sha256=data_set_sha256(path),
            archive_path=path.name,
        )
        for number, path in enumerate(sorted(folder.glob("*.dcm")), start=1)
    ]
    headers = read_series_headers(instances, folder)
    return look(detector, select(detector, headers), limit_bytes=DEFAULT_LIMIT_BYTES).outcome
