"""The headers of a study, series by series, without a pixel decoded."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Protocol, TypeVar

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset

from models import species
from models.data_set import (
    UnreadableDataSet,
    functional_group,
    integer_of,
    items_of,
    number_of,
    numbers_of,
    quiet,
    read_data_set,
    text_of,
    value_of,
)
from models.detector import InstanceHeader, SeriesHeader
from worklist.errors import InvalidUID
from worklist.study import ArchivedInstance
from worklist.uid import StudyInstanceUID

DEFAULT_LIMIT_BYTES = 4 * 2**30  # of what one series may take in memory once decoded

_KEYWORDS = (
    "SpecificCharacterSet", "ImageType", "SOPClassUID", "StudyDate", "Modality",
    "Manufacturer", "StudyDescription", "SeriesDescription", "PatientBirthDate",
    "PatientSex", "PatientAge", "ContrastBolusAgent", "ContrastBolusAgentSequence",
    "BodyPartExamined", "SliceThickness", "ProtocolName", "GantryDetectorTilt",
    "ImagerPixelSpacing", "ConvolutionKernel", "ViewPosition", "StudyInstanceUID",
    "InstanceNumber", "ImagePositionPatient", "ImageOrientationPatient", "NumberOfFrames",
    "Rows", "Columns", "PhotometricInterpretation", "PixelSpacing",
    "SharedFunctionalGroupsSequence", "FrameOfReferenceUID", "AcquisitionDate",
    "AcquisitionTime", "AcquisitionDateTime",
)  # fmt: skip
_TAGS = [tag for tag in map(tag_for_keyword, {*_KEYWORDS, *species.KEYWORDS}) if tag is not None]
# Storage classes with rows and columns whose pixels are not an image of the patient.
_NOT_IMAGES = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.66.4",  # Segmentation
        "1.2.840.10008.5.1.4.1.1.66.7",  # Label Map Segmentation
        "1.2.840.10008.5.1.4.1.1.30",  # Parametric Map
        "1.2.840.10008.5.1.4.1.1.481.2",  # RT Dose
    }
)
_TOMOGRAPHIC = frozenset({"CT", "MR", "PT"})
_DAYS_PER_UNIT = {"D": 1.0, "W": 7.0, "M": 30.4375, "Y": 365.25}


@dataclass(frozen=True, kw_only=True, slots=True)
class UnreadableInstance:
    """An archived object whose header could not be read."""

    instance: ArchivedInstance
    reason: str  # a sentence for people


@dataclass(frozen=True, kw_only=True, slots=True)
class SeriesHeaders:
    """What the headers of one study say."""

    series: tuple[SeriesHeader, ...]  # by Series Instance UID; those without images included
    unreadable: tuple[UnreadableInstance, ...]


def read_series_headers(instances: Sequence[ArchivedInstance], archive: Path) -> SeriesHeaders:
    """Read the headers of a study's objects.

    A series of objects that are no images (reports, segmentations, presentation states) has
    no instances in its header. The images of a CT, MR or PET series with one orientation are
    in the order of their positions along the normal, others by Instance Number.
    """
    series: list[SeriesHeader] = []
    unreadable: list[UnreadableInstance] = []
    by_series = sorted(instances, key=lambda i: (i.series_instance_uid, i.sop_instance_uid))
    with quiet():
        for _, group in groupby(by_series, key=lambda i: i.series_instance_uid):
            read: list[tuple[ArchivedInstance, Dataset]] = []
            for instance in group:
                path = archive / instance.archive_path
                try:
                    data_set = read_data_set(path, specific_tags=_TAGS, pixels=False)
                    StudyInstanceUID(text_of(data_set, "StudyInstanceUID"))
                except (UnreadableDataSet, InvalidUID) as error:
                    unreadable.append(UnreadableInstance(instance=instance, reason=str(error)))
                else:
                    read.append((instance, data_set))
            if read:
                series.append(_series_header(read, archive))
    return SeriesHeaders(series=tuple(series), unreadable=tuple(unreadable))


def _series_header(read: Sequence[tuple[ArchivedInstance, Dataset]], archive: Path) -> SeriesHeader:
    instance, first = read[0]
    headers = [_instance_header(i, d, archive) for i, d in read if _is_image(d)]
    modality = text_of(first, "Modality").upper()
    kernel = functional_group(first, 0, "CTReconstructionSequence")
    return SeriesHeader(
        study_instance_uid=StudyInstanceUID(text_of(first, "StudyInstanceUID")),
        series_instance_uid=instance.series_instance_uid,
        modality=modality,
        body_part_examined=text_of(first, "BodyPartExamined").upper(),
        study_description=text_of(first, "StudyDescription"),
        series_description=text_of(first, "SeriesDescription"),
        protocol_name=text_of(first, "ProtocolName"),
        convolution_kernel=text_of(kernel, "ConvolutionKernel"),
        contrast_bolus_agent=_contrast_bolus_agent(first),
        manufacturer=text_of(first, "Manufacturer"),
        patient_sex=text_of(first, "PatientSex").upper(),
        patient_age_years=_age_years(first),
        instances=by_position(_by_number(headers), modality),
        animal=species.animal_of(first),
    )


def _is_image(data_set: Dataset) -> bool:
    rows, columns = integer_of(data_set, "Rows") or 0, integer_of(data_set, "Columns") or 0
    return rows > 0 and columns > 0 and text_of(data_set, "SOPClassUID") not in _NOT_IMAGES


def _instance_header(
    instance: ArchivedInstance, data_set: Dataset, archive: Path
) -> InstanceHeader:
    measures = functional_group(data_set, 0, "PixelMeasuresSequence")
    orientation = functional_group(data_set, 0, "PlaneOrientationSequence")
    return InstanceHeader(
        sop_instance_uid=instance.sop_instance_uid,
        sop_class_uid=text_of(data_set, "SOPClassUID"),
        transfer_syntax_uid=text_of(data_set.file_meta, "TransferSyntaxUID"),
        path=archive / instance.archive_path,
        sha256=instance.sha256,
        image_type=tuple(
            part.strip().upper() for part in text_of(data_set, "ImageType").split("\\") if part
        ),
        instance_number=integer_of(data_set, "InstanceNumber"),
        number_of_frames=max(1, integer_of(data_set, "NumberOfFrames") or 1),
        rows=integer_of(data_set, "Rows") or 0,
        columns=integer_of(data_set, "Columns") or 0,
        photometric_interpretation=text_of(data_set, "PhotometricInterpretation").upper(),
        view_position=text_of(data_set, "ViewPosition").upper(),
        pixel_spacing_mm=pixel_spacing_mm(measures),
        image_position_mm=position_mm(data_set),
        image_orientation=numbers_of(orientation, "ImageOrientationPatient", 6),
        slice_thickness_mm=number_of(measures, "SliceThickness"),
        gantry_tilt_degrees=number_of(data_set, "GantryDetectorTilt"),
        frame_of_reference_uid=text_of(data_set, "FrameOfReferenceUID"),
        acquired_s=_acquired_s(data_set),
    )


def pixel_spacing_mm(data_set: Dataset) -> tuple[float, float] | None:
    """Millimetres between rows and between columns; None where absent or not positive.

    Pixel Spacing (0028,0030) or, on projections without it, Imager Pixel Spacing
    (0018,1164), which is at the detector: larger than in the patient.
    """
    for keyword in ("PixelSpacing", "ImagerPixelSpacing"):
        numbers = numbers_of(data_set, keyword, 2)
        if numbers and min(numbers) > 0:
            return (numbers[0], numbers[1])
    return None


_MOST_ASPECT = 20  # beyond it an attribute is taken for a mistake


def pixel_aspect(data_set: Dataset, measures: Dataset) -> float:
    """How many times as high as wide a pixel is; 1 where nothing says it.

    By `pixel_spacing_mm` of the frame's own measures, else of the object, else by Pixel Aspect
    Ratio (0028,0034), vertical to horizontal (PS3.3 section C.7.6.3.1.7).
    """
    pair = pixel_spacing_mm(measures) or pixel_spacing_mm(data_set)
    if pair is None:
        said = numbers_of(data_set, "PixelAspectRatio", 2)
        pair = (said[0], said[1]) if said and min(said) > 0 else (1.0, 1.0)
    aspect = pair[0] / pair[1]
    return aspect if 1 / _MOST_ASPECT <= aspect <= _MOST_ASPECT else 1.0


def position_mm(data_set: Dataset) -> tuple[float, float, float] | None:
    """Image Position (Patient) (0020,0032): centre of the first pixel, LPS."""
    numbers = numbers_of(data_set, "ImagePositionPatient", 3)
    return (numbers[0], numbers[1], numbers[2]) if numbers else None


def position_along_normal_mm(
    position: tuple[float, float, float], orientation: Sequence[float]
) -> float:
    """How far a plane lies along the normal of its rows and columns (PS3.3 C.7.6.2.1.1)."""
    rx, ry, rz, cx, cy, cz = orientation
    normal = (ry * cz - rz * cy, rz * cx - rx * cz, rx * cy - ry * cx)
    return sum(p * n for p, n in zip(position, normal, strict=True))


def _by_number(headers: Sequence[InstanceHeader]) -> list[InstanceHeader]:
    return sorted(
        headers,
        key=lambda h: (
            math.inf if h.instance_number is None else h.instance_number,
            h.sop_instance_uid,
        ),
    )


class Placed(Protocol):
    """Anything with the Image Plane module's position and orientation."""

    @property
    def image_position_mm(self) -> tuple[float, float, float] | None:
        """LPS, PS3.3 C.7.6.2."""

    @property
    def image_orientation(self) -> tuple[float, ...] | None:
        """Six direction cosines."""


_P = TypeVar("_P", bound=Placed)


def by_position(planes: Sequence[_P], modality: str) -> tuple[_P, ...]:
    """The planes of a CT, MR or PET series along their normal; as given if not a stack."""
    if modality not in _TOMOGRAPHIC or not planes:
        return tuple(planes)
    reference = planes[0].image_orientation
    positions: dict[int, float] = {}
    for index, plane in enumerate(planes):
        position, orientation = plane.image_position_mm, plane.image_orientation
        if position is None or orientation is None or not _parallel(orientation, reference):
            return tuple(planes)
        positions[index] = position_along_normal_mm(position, orientation)
    return tuple(planes[index] for index in sorted(positions, key=lambda i: positions[i]))


def _parallel(one: Sequence[float], other: Sequence[float] | None) -> bool:
    """Whether two image orientations agree within about a degree."""
    return other is not None and all(abs(a - b) < 0.02 for a, b in zip(one, other, strict=True))


def _contrast_bolus_agent(data_set: Dataset) -> str:
    """The agent in words; enhanced objects code it (PS3.3 C.7.6.4b)."""
    coded = [text_of(i, "CodeMeaning") for i in items_of(data_set, "ContrastBolusAgentSequence")]
    return text_of(data_set, "ContrastBolusAgent") or ", ".join(filter(None, coded))


def _age_years(data_set: Dataset) -> float | None:
    """Patient's Age (PS3.5 VR AS), else from birth date and study date."""
    age = text_of(data_set, "PatientAge").upper()
    if len(age) == 4 and age[:3].isascii() and age[:3].isdigit() and age[3] in _DAYS_PER_UNIT:
        return int(age[:3]) * _DAYS_PER_UNIT[age[3]] / _DAYS_PER_UNIT["Y"]
    born, seen = _date_ordinal(data_set, "PatientBirthDate"), _date_ordinal(data_set, "StudyDate")
    if born is None or seen is None or seen < born:
        return None
    return (seen - born) / _DAYS_PER_UNIT["Y"]


def _acquired_s(data_set: Dataset) -> float | None:
    """When the image was acquired (PS3.5 VR DT, TM), on the scanner's own clock and calendar."""
    time = text_of(data_set, "AcquisitionTime").replace(":", "")
    day = text_of(data_set, "AcquisitionDate") or text_of(data_set, "StudyDate")
    stated = text_of(data_set, "AcquisitionDateTime") or (time and day + time)
    read = re.match(r"(\d{8})(\d\d)(\d\d)?(\d\d(?:\.\d+)?)?", stated, re.ASCII)
    ordinal = _ordinal(read[1]) if read else None
    if read is None or ordinal is None:
        return None
    hours, minutes, seconds = (float(part or 0) for part in read.group(2, 3, 4))
    return ordinal * 86400 + hours * 3600 + minutes * 60 + seconds


def _date_ordinal(data_set: Dataset, keyword: str) -> int | None:
    return _ordinal(str(value_of(data_set, keyword) or ""))


def _ordinal(text: str) -> int | None:
    """Days since a fixed one of a date (PS3.5 VR DA); None if it is none."""
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8])).toordinal()
    except ValueError:
        return None
