"""What all objects have in common: whose they are, when they were made, and their final bytes."""

import io
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from pydicom import dcmread
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import correct_ambiguous_vr, write_data_element, write_file_meta_info
from pydicom.uid import UID

from results.facts import AssessmentFacts, ObjectReference, PatientAndStudy, SourceImage
from results.patient_and_study import TAGS, encoded_element, first_value
from results.uids import series_uid
from results.words import long_string
from worklist.uid import IMPLEMENTATION_CLASS_UID, SeriesInstanceUID, SOPInstanceUID

MANUFACTURER = "Vigie"
MODEL_NAME = "Vigie triage"
SERIES_NUMBERS = {"SR": 9901, "SEG": 9902, "PR": 9903, "OT": 9904, "KO": 9905}
_SERIES_DESCRIPTION = "Vigie AI result, not reviewed"
_OFFSET = re.compile(r"([+-])(\d\d)(\d\d)", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class ResultObject:
    """An object as it is stored and sent."""

    reference: ObjectReference
    file: bytes  # of PS3.10, explicit VR little endian unless its pixels are compressed

    def dataset(self) -> Dataset:
        """The object as anybody reads it."""
        return dcmread(io.BytesIO(self.file))


def equipment(facts: AssessmentFacts) -> dict[str, Any]:
    """Who made an object, as highdicom's constructors take it."""
    return {
        "manufacturer": MANUFACTURER,
        "manufacturer_model_name": MODEL_NAME,
        "device_serial_number": facts.device.uid,
        "software_versions": long_string(facts.device.software_version),
    }


def placement(facts: AssessmentFacts, modality: str, *more: str) -> dict[str, Any]:
    """In which series an object lies: one of each modality, and of what more tells them apart.

    A series has one frame of reference at most (PS3.3 A.1.2.3), hence segmentations name theirs.
    """
    return {
        "series_instance_uid": series_uid(facts, modality, *more),
        "series_number": SERIES_NUMBERS[modality],
        "series_description": _SERIES_DESCRIPTION,
    }


def local_time(facts: AssessmentFacts, at: datetime) -> datetime:
    """On the clock that the dates and times of the study are read by (PS3.3 C.12.1.1.8)."""
    said = _OFFSET.fullmatch(first_value(facts.study, "TimezoneOffsetFromUTC"))
    if said is None:
        return at.astimezone(facts.timezone)
    sign, hours, minutes = said.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    if offset >= timedelta(hours=24):
        return at.astimezone(facts.timezone)
    return at.astimezone(timezone(offset if sign == "+" else -offset))


def stand_in(study: PatientAndStudy, reference: ObjectReference) -> Dataset:
    """An object of the study as highdicom asks for it, with nothing of what the patient is called.

    What its header really says of patient and study is put in by `finished`.
    """
    dataset = Dataset()
    dataset.SOPClassUID = reference.sop_class_uid
    dataset.SOPInstanceUID = reference.sop_instance_uid
    dataset.StudyInstanceUID = study.study_instance_uid
    dataset.SeriesInstanceUID = reference.series_instance_uid
    for keyword in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex"):
        setattr(dataset, keyword, "")
    for keyword in ("AccessionNumber", "StudyID", "StudyDate", "StudyTime"):
        setattr(dataset, keyword, "")
    return dataset


def image_stand_in(study: PatientAndStudy, image: SourceImage) -> Dataset:
    """An image as highdicom asks for it: `stand_in` with its size."""
    dataset = stand_in(study, image.reference)
    dataset.Modality = image.modality
    dataset.Rows, dataset.Columns = image.rows, image.columns
    if image.number_of_frames > 1:
        dataset.NumberOfFrames = image.number_of_frames
    if image.frame_of_reference_uid:
        dataset.FrameOfReferenceUID = image.frame_of_reference_uid
    return dataset


def referenced_series(
    references: Iterable[ObjectReference], within: str = "ReferencedSOPSequence"
) -> list[Dataset]:
    """Items of a Referenced Series Sequence.

    Parameters
    ----------
    within
        Keyword of the sequence of objects: Referenced SOP Sequence in documents (PS3.3 table
        C.17-3), Referenced Instance Sequence in images (table C.12-8).
    """
    by_series = defaultdict(list)
    for one in references:
        by_series[one.series_instance_uid].append(referenced_object(one))
    series = []
    for uid, items in by_series.items():
        item = Dataset()
        item.SeriesInstanceUID = uid
        setattr(item, within, items)
        series.append(item)
    return series


def referenced_object(reference: ObjectReference) -> Dataset:
    """The class and instance of an object (PS3.3 table 10-11)."""
    item = Dataset()
    item.ReferencedSOPClassUID = reference.sop_class_uid
    item.ReferencedSOPInstanceUID = reference.sop_instance_uid
    return item


def referenced_study(study: PatientAndStudy, references: Iterable[ObjectReference]) -> Dataset:
    """An item that names objects of this study (PS3.3 table C.17-3)."""
    item = Dataset()
    item.StudyInstanceUID = study.study_instance_uid
    item.ReferencedSeriesSequence = referenced_series(references)
    return item


def name_sources(built: Dataset, facts: AssessmentFacts) -> None:
    """Give every reference to an object of the study the class that it really has."""
    for element in built.iterall():
        if element.VR != "SQ":
            continue
        for item in element.value:
            uid = item.get("ReferencedSOPInstanceUID")
            if uid is not None and uid in facts.references:
                item.ReferencedSOPClassUID = facts.references[uid].sop_class_uid


def finished(built: Dataset, facts: AssessmentFacts, at: datetime) -> ResultObject:
    """The object with patient and study of its source.

    Parameters
    ----------
    built
        By highdicom; all its text is ASCII.
    at
        When its content was made.
    """
    when = local_time(facts, at)
    date, time = when.strftime("%Y%m%d"), when.strftime("%H%M%S")
    built.InstanceCreationDate = built.SeriesDate = date
    built.InstanceCreationTime = built.SeriesTime = time
    for kind in ("Content", "PresentationCreation"):  # those that this kind of object has
        if f"{kind}Date" in built:
            setattr(built, f"{kind}Date", date)
            setattr(built, f"{kind}Time", time)
    if "ContributingEquipmentSequence" in built:
        del built.ContributingEquipmentSequence  # highdicom names itself, and the wrong time
    built.StationName = long_string(facts.device.station_name, 16)
    return ResultObject(
        reference=ObjectReference(
            sop_class_uid=str(built.SOPClassUID),
            sop_instance_uid=SOPInstanceUID(built.SOPInstanceUID),
            series_instance_uid=SeriesInstanceUID(built.SeriesInstanceUID),
        ),
        file=_file(built, facts.study),
    )


def _file(built: Dataset, study: PatientAndStudy) -> bytes:
    """Preamble, file meta information and data set (PS3.10 section 7)."""
    meta = built.file_meta
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = "VIGIE"
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = False, True
    buffer.write(b"\0" * 128 + b"DICM")
    write_file_meta_info(buffer, meta, enforce_standard=True)
    correct_ambiguous_vr(built, is_little_endian=True)
    elements = {tag: _encoded(built[tag]) for tag in sorted(built.keys()) if tag not in TAGS}
    elements |= {one.tag: encoded_element(one) for one in study.elements}
    buffer.write(b"".join(elements[tag] for tag in sorted(elements)))
    return buffer.getvalue()


def _encoded(element: DataElement) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = False, True
    write_data_element(buffer, element)
    return buffer.getvalue()
