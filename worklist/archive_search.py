"""What is searched for in the archive, read or unread, and what is found (PS3.18 section 10.6)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum

from worklist.errors import VigieError
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID


class SearchTooLong(VigieError):
    """A search was ended because it took too long; a narrower one may not."""


class Level(StrEnum):
    """What one row of an answer is about."""

    STUDY = "study"
    SERIES = "series"
    INSTANCE = "instance"


class Key(StrEnum):
    """What can be searched by; the value is the attribute's keyword in the standard."""

    STUDY_INSTANCE_UID = "StudyInstanceUID"
    PATIENT_NAME = "PatientName"
    PATIENT_ID = "PatientID"
    PATIENT_BIRTH_DATE = "PatientBirthDate"
    PATIENT_SEX = "PatientSex"
    ACCESSION_NUMBER = "AccessionNumber"
    STUDY_ID = "StudyID"
    STUDY_DESCRIPTION = "StudyDescription"
    STUDY_DATE = "StudyDate"
    STUDY_TIME = "StudyTime"
    MODALITIES_IN_STUDY = "ModalitiesInStudy"
    SERIES_INSTANCE_UID = "SeriesInstanceUID"
    MODALITY = "Modality"
    BODY_PART_EXAMINED = "BodyPartExamined"
    SERIES_DESCRIPTION = "SeriesDescription"
    SERIES_NUMBER = "SeriesNumber"
    SOP_INSTANCE_UID = "SOPInstanceUID"
    SOP_CLASS_UID = "SOPClassUID"
    INSTANCE_NUMBER = "InstanceNumber"


@dataclass(frozen=True, slots=True)
class Text:
    """One of these texts, in which * stands for any signs and ? for one."""

    patterns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Uids:
    """One of these."""

    uids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dates:
    """From and to, both included; None: open."""

    first: date | None
    last: date | None


@dataclass(frozen=True, slots=True)
class Times:
    """Of the day, from and to, both included; None: open."""

    first: time | None
    last: time | None


@dataclass(frozen=True, slots=True)
class Number:
    """This number."""

    value: int


Match = Text | Uids | Dates | Times | Number


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchiveQuery:
    """A search; all matches must hold."""

    level: Level
    matches: Mapping[Key, Match] = field(default_factory=dict)
    study: StudyInstanceUID | None = None  # only in this study
    series: SeriesInstanceUID | None = None  # only in this series
    limit: int
    offset: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundStudy:
    """A study of the archive."""

    study_instance_uid: StudyInstanceUID
    patient_id: str
    patient_name: str
    patient_birth_date: date | None
    patient_sex: str
    accession_number: str
    study_id: str
    study_description: str
    study_at: datetime | None
    modalities: tuple[str, ...]
    series_count: int
    instance_count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundSeries:
    """A series of the archive."""

    series_instance_uid: SeriesInstanceUID
    modality: str
    body_part_examined: str
    series_description: str
    series_number: int | None
    instance_count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundInstance:
    """An object of the archive."""

    sop_instance_uid: SOPInstanceUID
    sop_class_uid: str
    transfer_syntax_uid: str
    instance_number: int | None
    number_of_frames: int
    rows: int | None  # None: it has no pixels
    columns: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """One row: what it is about, and what that lies in."""

    study: FoundStudy
    series: FoundSeries | None = None
    instance: FoundInstance | None = None
