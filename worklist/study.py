"""What a study is to the reading worklist: who, what, asked for how urgently, arrived when."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID


class RequestedPriority(StrEnum):
    """How urgently the study was asked for; the order without AI rests on it alone."""

    STAT = "stat"
    URGENT = "urgent"
    ROUTINE = "routine"


class Completeness(StrEnum):
    """Whether a study was whole when it was handed to the detectors."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"  # the time limit came first: assessed with what was there


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyAttributes:
    """The study-level header of one object, as received; empty where absent."""

    study_instance_uid: StudyInstanceUID
    patient_id: str = ""
    issuer_of_patient_id: str = ""
    patient_name: str = ""  # family^given^..., decoded by the object's character set
    patient_birth_date: date | None = None
    patient_sex: str = ""  # M, F, O or empty
    accession_number: str = ""
    study_id: str = ""
    study_description: str = ""
    study_at: datetime | None = None  # Study Date and Time as written, taken as UTC
    requested_priority: RequestedPriority | None = None  # None: the object does not say


@dataclass(frozen=True, kw_only=True, slots=True)
class SeriesAttributes:
    """The series-level header of one object, as received; empty where absent."""

    series_instance_uid: SeriesInstanceUID
    modality: str = ""
    body_part_examined: str = ""
    series_description: str = ""
    series_number: int | None = None


class ObjectRole(StrEnum):
    """What an object is to its study."""

    IMAGE = "image"  # somebody may have to look at it
    DOCUMENT = "document"  # says something of images: a report, a segmentation, a presentation
    RESULT = "result"  # what this node, or another Vigie, made of the study


@dataclass(frozen=True, kw_only=True, slots=True)
class InstanceArrival:
    """One object that now lies in the archive, with what its header says."""

    study: StudyAttributes
    series: SeriesAttributes
    sop_instance_uid: SOPInstanceUID
    sop_class_uid: str
    transfer_syntax_uid: str
    sha256: str  # hex, over the data set as received, without preamble and file meta
    size_bytes: int  # of the data set as received
    archive_path: str  # relative to the archive folder, with forward slashes
    received_at: datetime  # when Success was answered
    calling_ae_title: str = ""
    sender_address: str = ""
    association_id: str = ""  # of the listener; empty when it came another way
    instance_number: int | None = None
    number_of_frames: int = 1
    rows: int | None = None  # None: the object has no pixels
    columns: int | None = None
    made_at: datetime | None = None  # the latest time in its header, as written, taken as UTC
    expected_instance_count: int | None = None  # Number of Study Related Instances, if said
    role: ObjectRole = ObjectRole.IMAGE


class ArrivalResult(StrEnum):
    """What filing one object came to."""

    FILED = "filed"
    ALREADY_FILED = "already_filed"  # same UID, same bytes: nothing to do
    CONFLICT = "conflict"  # same UID, other bytes: both kept, the second visible as a conflict


@dataclass(frozen=True, kw_only=True, slots=True)
class QuarantinedObject:
    """Received bytes that could not be filed; kept as they came."""

    quarantine_path: str  # relative to the quarantine folder
    reason: str  # a sentence for the administrator
    received_at: datetime
    size_bytes: int
    sha256: str
    calling_ae_title: str = ""
    sender_address: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyArrival:
    """What is known of a study that is still arriving."""

    study_instance_uid: StudyInstanceUID
    first_received_at: datetime
    last_received_at: datetime
    reopened_at: datetime | None  # when images came after it had been complete; None: never
    instance_count: int
    expected_instance_count: int | None
    senders: frozenset[tuple[str, str]]  # (calling AE title, address) of its objects
    association_ids: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchivedInstance:
    """An object a detector may look at."""

    sop_instance_uid: SOPInstanceUID
    series_instance_uid: SeriesInstanceUID
    sha256: str
    archive_path: str
