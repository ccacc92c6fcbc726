"""From raw header values to what the worklist knows of an object.

Strict on identity: without valid UIDs an object is not filed. Tolerant of everything else: a
malformed date is no date, an unknown character set is read as well as possible.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from dicom_listener.errors import UnreadableObject
from dicom_listener.received_object import Digest, ReceivedObject
from dicom_listener.roles import role_of
from dicom_listener.text import clean_text, decode_text
from dicom_listener.uid import AnyUID, any_uid_from_bytes, uid_from_bytes
from worklist.errors import InvalidUID
from worklist.study import (
    InstanceArrival,
    ObjectRole,
    RequestedPriority,
    SeriesAttributes,
    StudyAttributes,
)
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID

_SPECIFIC_CHARACTER_SET = 0x00080005
_SOP_CLASS_UID = 0x00080016
_SOP_INSTANCE_UID = 0x00080018
_STUDY_DATE = 0x00080020
_STUDY_TIME = 0x00080030
_MADE = (  # dates and times of images, in whichever of them the latest is
    (0x00080021, 0x00080031),  # series
    (0x00080022, 0x00080032),  # acquisition
    (0x00080023, 0x00080033),  # content
    (0x00080012, 0x00080013),  # instance creation
)
_ACQUISITION_DATETIME = 0x0008002A
_TIMEZONE_OFFSET_FROM_UTC = 0x00080201
_ACCESSION_NUMBER = 0x00080050
_MODALITY = 0x00080060
_CONVERSION_TYPE = 0x00080064
_IMAGE_TYPE = 0x00080008
_MANUFACTURER = 0x00080070
_STUDY_DESCRIPTION = 0x00081030
_SERIES_DESCRIPTION = 0x0008103E
_MANUFACTURER_MODEL_NAME = 0x00081090
_PATIENT_NAME = 0x00100010
_PATIENT_ID = 0x00100020
_ISSUER_OF_PATIENT_ID = 0x00100021
_PATIENT_BIRTH_DATE = 0x00100030
_PATIENT_SEX = 0x00100040
_BODY_PART_EXAMINED = 0x00180015
_STUDY_INSTANCE_UID = 0x0020000D
_SERIES_INSTANCE_UID = 0x0020000E
_STUDY_ID = 0x00200010
_SERIES_NUMBER = 0x00200011
_INSTANCE_NUMBER = 0x00200013
_NUMBER_OF_STUDY_RELATED_INSTANCES = 0x00201208
_NUMBER_OF_FRAMES = 0x00280008
_ROWS = 0x00280010
_COLUMNS = 0x00280011
_STUDY_PRIORITY_ID = 0x0032000C  # retired, still sent
_REQUESTED_PROCEDURE_PRIORITY = 0x00401003

WANTED = frozenset(
    {
        _SPECIFIC_CHARACTER_SET, _SOP_CLASS_UID, _SOP_INSTANCE_UID, _STUDY_DATE, _STUDY_TIME,
        _ACCESSION_NUMBER, _MODALITY, _STUDY_DESCRIPTION, _SERIES_DESCRIPTION, _PATIENT_NAME,
        _PATIENT_ID, _PATIENT_BIRTH_DATE, _PATIENT_SEX, _BODY_PART_EXAMINED, _STUDY_INSTANCE_UID,
        _SERIES_INSTANCE_UID, _STUDY_ID, _SERIES_NUMBER, _INSTANCE_NUMBER,
        _NUMBER_OF_STUDY_RELATED_INSTANCES, _NUMBER_OF_FRAMES, _ROWS, _COLUMNS,
        _STUDY_PRIORITY_ID, _REQUESTED_PROCEDURE_PRIORITY, _CONVERSION_TYPE, _MANUFACTURER,
        _MANUFACTURER_MODEL_NAME, _IMAGE_TYPE, _ACQUISITION_DATETIME,
        _TIMEZONE_OFFSET_FROM_UTC,
        _ISSUER_OF_PATIENT_ID, *(tag for pair in _MADE for tag in pair),
    }
)  # fmt: skip

_MAX_INTEGER = 2**31 - 1  # IS allows no more, nor does the database
_DATE = re.compile(r"(\d{4})[.\-/]?(\d{2})[.\-/]?(\d{2})", re.ASCII)
_TIME = re.compile(r"(\d{2}):?(?:(\d{2}):?(?:(\d{2})(?:\.(\d{1,6}))?)?)?", re.ASCII)
_PRIORITIES = {
    "STAT": RequestedPriority.STAT,
    "HIGH": RequestedPriority.URGENT,
    "URGENT": RequestedPriority.URGENT,
    "ROUTINE": RequestedPriority.ROUTINE,
    "MEDIUM": RequestedPriority.ROUTINE,
    "MED": RequestedPriority.ROUTINE,
    "LOW": RequestedPriority.ROUTINE,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """The UIDs of an object, checked: they can name files."""

    study_instance_uid: StudyInstanceUID
    series_instance_uid: SeriesInstanceUID
    sop_instance_uid: SOPInstanceUID
    sop_class_uid: str


def identity(received: ReceivedObject) -> Identity:
    """Check an object's UIDs.

    Raises
    ------
    UnreadableObject
        If one is missing or invalid, or if the C-STORE command named another instance.
    """
    sop_instance_uid = _uid(SOPInstanceUID, received, _SOP_INSTANCE_UID, "SOP Instance UID")
    commanded = received.command_sop_instance_uid.strip(b"\0 ")
    if commanded != sop_instance_uid.encode():
        raise UnreadableObject(
            f"the C-STORE command said SOP Instance UID {_shown(commanded)}, "
            f"the data set says {sop_instance_uid}"
        )
    return Identity(
        study_instance_uid=_uid(
            StudyInstanceUID, received, _STUDY_INSTANCE_UID, "Study Instance UID"
        ),
        series_instance_uid=_uid(
            SeriesInstanceUID, received, _SERIES_INSTANCE_UID, "Series Instance UID"
        ),
        sop_instance_uid=sop_instance_uid,
        sop_class_uid=_sop_class_uid(received),
    )


def instance_arrival(
    received: ReceivedObject,
    who: Identity,
    digest: Digest,
    *,
    archive_path: str,
    received_at: datetime,
    association_id: str,
) -> InstanceArrival:
    """Put together what the worklist is told of one object."""
    values = _Values(received)
    return InstanceArrival(
        study=_study(values, who.study_instance_uid),
        series=SeriesAttributes(
            series_instance_uid=who.series_instance_uid,
            modality=values.text(_MODALITY),
            body_part_examined=values.text(_BODY_PART_EXAMINED),
            series_description=values.text(_SERIES_DESCRIPTION),
            series_number=values.integer(_SERIES_NUMBER),
        ),
        sop_instance_uid=who.sop_instance_uid,
        sop_class_uid=who.sop_class_uid,
        transfer_syntax_uid=received.transfer_syntax_uid,
        sha256=digest.sha256,
        size_bytes=digest.size_bytes,
        archive_path=archive_path,
        received_at=received_at,
        calling_ae_title=received.calling_ae_title,
        sender_address=received.sender_address,
        association_id=association_id,
        instance_number=values.integer(_INSTANCE_NUMBER),
        number_of_frames=values.positive(_NUMBER_OF_FRAMES) or 1,
        rows=values.unsigned_short(_ROWS),
        columns=values.unsigned_short(_COLUMNS),
        made_at=_made_at(values),
        expected_instance_count=values.positive(_NUMBER_OF_STUDY_RELATED_INSTANCES),
        role=_role(values, who.sop_class_uid),
    )


def _role(values: "_Values", sop_class_uid: str) -> ObjectRole:
    return role_of(
        sop_class_uid=sop_class_uid,
        has_pixels=bool(values.unsigned_short(_ROWS) and values.unsigned_short(_COLUMNS)),
        manufacturer=values.text(_MANUFACTURER),
        model_name=values.text(_MANUFACTURER_MODEL_NAME),
        conversion_type=values.text(_CONVERSION_TYPE),
        image_type=values.text(_IMAGE_TYPE),
    )


def _made_at(values: "_Values") -> datetime | None:
    """The latest time that its header tells to the second, as written, taken as UTC.

    A date without its time tells nothing: the image may have been made at any hour of that day.
    Nor does midnight itself, which is put where nothing is known, nor an image that states its
    zone, by (0008,0201) or in the time: the clock on its wall need not be the site's.
    """
    stamp = values.text(_ACQUISITION_DATETIME)
    if values.text(_TIMEZONE_OFFSET_FROM_UTC) or re.search(r"[-+]", stamp[8:]):
        return None
    said = [(stamp[:8], stamp[8:])]
    said += [(values.text(day), values.text(hour)) for day, hour in _MADE]
    told = (parse_datetime(day, hour) for day, hour in said if len(hour) >= 6)
    return max((at for at in told if at is not None and at.time() != time()), default=None)


def _study(values: "_Values", study_instance_uid: StudyInstanceUID) -> StudyAttributes:
    return StudyAttributes(
        study_instance_uid=study_instance_uid,
        patient_id=values.text(_PATIENT_ID),
        issuer_of_patient_id=values.text(_ISSUER_OF_PATIENT_ID),
        patient_name=values.text(_PATIENT_NAME),
        patient_birth_date=parse_date(values.text(_PATIENT_BIRTH_DATE)),
        patient_sex=values.sex(),
        accession_number=values.text(_ACCESSION_NUMBER),
        study_id=values.text(_STUDY_ID),
        study_description=values.text(_STUDY_DESCRIPTION),
        study_at=parse_datetime(values.text(_STUDY_DATE), values.text(_STUDY_TIME)),
        requested_priority=values.requested_priority(),
    )


class _Values:
    """Decoded values of one object; what cannot be understood is absent."""

    def __init__(self, received: ReceivedObject) -> None:
        self._elements = received.elements
        self._order = "little" if received.is_little_endian else "big"
        self._character_sets = [
            term.strip()
            for term in self._elements.get(_SPECIFIC_CHARACTER_SET, b"")
            .decode("ascii", "replace")
            .strip("\0 ")
            .split("\\")
        ]

    def text(self, tag: int) -> str:
        """Decoded text without padding and control characters, at most 1024 characters."""
        return clean_text(decode_text(self._elements.get(tag, b""), self._character_sets))

    def integer(self, tag: int) -> int | None:
        """An Integer String (IS)."""
        try:
            number = int(float(self.text(tag)))
        except (ValueError, OverflowError):
            return None
        return number if abs(number) <= _MAX_INTEGER else None

    def positive(self, tag: int) -> int | None:
        """An Integer String that counts something."""
        number = self.integer(tag)
        return number if number is not None and number > 0 else None

    def unsigned_short(self, tag: int) -> int | None:
        """An Unsigned Short (US)."""
        value = self._elements.get(tag, b"")
        if len(value) < 2:
            return None
        return int.from_bytes(value[:2], "little" if self._order == "little" else "big")

    def sex(self) -> str:
        """M, F, O or empty."""
        sex = self.text(_PATIENT_SEX).upper()
        return sex if sex in {"M", "F", "O"} else ""

    def requested_priority(self) -> RequestedPriority | None:
        """Requested Procedure Priority, or the retired Study Priority ID; None if neither."""
        for tag in (_REQUESTED_PROCEDURE_PRIORITY, _STUDY_PRIORITY_ID):
            priority = _PRIORITIES.get(self.text(tag).upper())
            if priority is not None:
                return priority
        return None


def parse_date(text: str) -> date | None:
    """Read a DA value, also in the forms of ACR-NEMA (2024.01.31) and ISO; None if it is none."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    try:
        return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None


def parse_datetime(date_text: str, time_text: str) -> datetime | None:
    """Read a DA and a TM value, taken as UTC; midnight if the time is none, None without date."""
    day = parse_date(date_text)
    if day is None:
        return None
    return datetime.combine(day, _parse_time(time_text), tzinfo=UTC)


def _parse_time(text: str) -> time:
    match = _TIME.fullmatch(text)
    if match is None:
        return time()
    hours, minutes, seconds = (int(match[i] or 0) for i in (1, 2, 3))
    try:
        return time(hours, minutes, min(seconds, 59), int((match[4] or "").ljust(6, "0")))
    except ValueError:
        return time()


def _uid(kind: type[AnyUID], received: ReceivedObject, tag: int, name: str) -> AnyUID:
    value = received.elements.get(tag)
    if value is None:
        raise UnreadableObject(f"the data set has no {name}")
    try:
        return uid_from_bytes(kind, value)
    except InvalidUID as error:
        raise UnreadableObject(f"{name}: {error}") from error


def _sop_class_uid(received: ReceivedObject) -> str:
    for value in (received.elements.get(_SOP_CLASS_UID, b""), received.command_sop_class_uid):
        try:
            return any_uid_from_bytes(value)
        except InvalidUID:
            continue
    raise UnreadableObject("neither the data set nor the C-STORE command has a valid SOP Class UID")


def _shown(value: bytes) -> str:
    return repr(value[:80].decode("ascii", "replace"))
