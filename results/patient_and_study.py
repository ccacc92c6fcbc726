"""The attributes of patient and study, copied byte for byte whatever their character set.

Text is never decoded: its bytes and Specific Character Set (0008,0005) go over together, and what
Vigie itself says is ASCII, which every character set of PS3.3 C.12.1.1.2 contains. So a name in
three scripts, or one that breaks its own character set, is in the result what it is in the source.
"""

from collections.abc import Iterator
from struct import pack

from pydicom.charset import convert_encodings
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag

from results.errors import UnusableSource
from results.facts import PatientAndStudy
from results.header_values import MALFORMED, quiet, text
from worklist.errors import InvalidUID
from worklist.uid import StudyInstanceUID

# SOP Common (what text means), Patient, Clinical Trial Subject, General Study, Patient Study and
# Clinical Trial Study, without references to retired management objects, which are often half
# empty: PS3.3 C.12.1, C.7.1.1, C.7.1.3, C.7.2.1, C.7.2.2, C.7.2.3.
_KEYWORDS = (
    "SpecificCharacterSet", "TimezoneOffsetFromUTC",
    "PatientName", "PatientID", "IssuerOfPatientID", "TypeOfPatientID",
    "IssuerOfPatientIDQualifiersSequence", "SourcePatientGroupIdentificationSequence",
    "GroupOfPatientsIdentificationSequence", "PatientBirthDate",
    "PatientBirthDateInAlternativeCalendar", "PatientDeathDateInAlternativeCalendar",
    "PatientAlternativeCalendar", "PatientSex", "QualityControlSubject", "PatientBirthTime",
    "OtherPatientIDsSequence", "OtherPatientNames", "EthnicGroup",
    "PatientComments", "PatientSpeciesDescription", "PatientSpeciesCodeSequence",
    "PatientBreedDescription", "PatientBreedCodeSequence", "BreedRegistrationSequence",
    "StrainDescription", "StrainNomenclature", "StrainCodeSequence", "StrainStockSequence",
    "StrainAdditionalInformation", "GeneticModificationsSequence", "EthnicGroupCodeSequence",
    "ResponsiblePerson", "ResponsiblePersonRole", "ResponsibleOrganization",
    "PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence",
    "ClinicalTrialSponsorName", "ClinicalTrialProtocolID", "ClinicalTrialProtocolName",
    "ClinicalTrialSiteID", "ClinicalTrialSiteName", "ClinicalTrialSubjectID",
    "ClinicalTrialSubjectReadingID", "ClinicalTrialTimePointID",
    "ClinicalTrialTimePointDescription", "IssuerOfClinicalTrialProtocolID",
    "OtherClinicalTrialProtocolIDsSequence", "IssuerOfClinicalTrialSiteID",
    "IssuerOfClinicalTrialSubjectID", "IssuerOfClinicalTrialSubjectReadingID",
    "ClinicalTrialProtocolEthicsCommitteeName",
    "ClinicalTrialProtocolEthicsCommitteeApprovalNumber", "IssuerOfClinicalTrialTimePointID",
    "LongitudinalTemporalOffsetFromEvent", "LongitudinalTemporalEventType",
    "ClinicalTrialTimePointTypeCodeSequence", "ConsentForClinicalTrialUseSequence",
    "StudyInstanceUID", "StudyDate", "StudyTime", "AccessionNumber",
    "IssuerOfAccessionNumberSequence", "ReferringPhysicianName",
    "ReferringPhysicianIdentificationSequence", "ConsultingPhysicianName",
    "ConsultingPhysicianIdentificationSequence", "StudyID",
    "StudyDescription", "PhysiciansOfRecord", "PhysiciansOfRecordIdentificationSequence",
    "NameOfPhysiciansReadingStudy", "PhysiciansReadingStudyIdentificationSequence",
    "RequestingService", "RequestingServiceCodeSequence", "ProcedureCodeSequence",
    "ReasonForPerformedProcedureCodeSequence",
    "AdmittingDiagnosesDescription", "AdmittingDiagnosesCodeSequence", "PatientAge",
    "PatientSize", "PatientSizeCodeSequence", "MeasuredAPDimension",
    "MeasuredLateralDimension", "PatientWeight", "PatientBodyMassIndex", "MedicalAlerts",
    "Allergies",
    "SmokingStatus", "PregnancyStatus", "LastMenstrualDate", "PatientSexNeutered",
    "ReasonForVisit", "ReasonForVisitCodeSequence", "ServiceEpisodeID",
    "IssuerOfServiceEpisodeIDSequence", "ServiceEpisodeDescription", "PatientState",
    "Occupation", "AdditionalPatientHistory", "AdmissionID",
    "IssuerOfAdmissionIDSequence",
)  # fmt: skip
TAGS = tuple(sorted(tag for tag in map(tag_for_keyword, _KEYWORDS) if tag is not None))
# Attributes that every composite object has, empty where nothing is known (type 2).
_ALWAYS = (
    "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "PatientName",
    "PatientID", "PatientBirthDate", "PatientSex", "StudyID",
)  # fmt: skip
# Whose the study is: present and unreadable is not absent, and nothing is said of nobody.
_IDENTITY = ("SpecificCharacterSet", "IssuerOfPatientID", *_ALWAYS)
# Values of these are bytes of text, or nothing that an endianness changes.
_PLAIN = frozenset(
    ("AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI")
) | {"UN", "UR", "UT", "OB"}
# Value representations with a length of 32 bits (PS3.5 table 7.1-1).
_LONG = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"))
_CHARACTER_SET = "SpecificCharacterSet"
_DEEPEST = 8  # sequences in sequences that are copied; what lies deeper is left out


def patient_and_study_of(header: Dataset) -> PatientAndStudy:
    """Of one object of the study, as it was read and not yet looked into.

    Raises
    ------
    UnusableSource
        If it names no study, or says whose it is in a way that cannot be copied.
    """
    try:
        uid = StudyInstanceUID(text(header, "StudyInstanceUID"))
    except InvalidUID as error:
        raise UnusableSource(f"the source names no study: {error}") from error
    elements = {one.tag: one for one in _copied(header, TAGS, _DEEPEST)}
    for keyword in _IDENTITY:
        if keyword in header and Tag(keyword) not in elements:
            raise UnusableSource(f"the source's {keyword} cannot be copied")
    for tag in map(Tag, _ALWAYS):
        elements.setdefault(tag, _raw(tag, dictionary_VR(tag), b""))
    return PatientAndStudy(
        study_instance_uid=uid, elements=tuple(elements[tag] for tag in sorted(elements))
    )


def first_value(study: PatientAndStudy, keyword: str) -> str:
    """The first value of an attribute that holds ASCII alone; empty: it has none."""
    for one in study.elements:
        if one.tag == Tag(keyword) and one.value is not None:
            return one.value.decode("ascii", "replace").split("\\")[0].strip(" \0")
    return ""


def _copied(source: Dataset, tags: tuple[int, ...], depth: int) -> Iterator[RawDataElement]:
    """Those of these elements that can be copied without being understood."""
    for number in tags:
        tag = Tag(number)
        if tag not in source:
            continue
        copied = _copy(source, source.get_item(tag), depth)
        if copied is not None and (copied.VR in _LONG or copied.length < 1 << 16):
            yield copied


def _copy(
    source: Dataset, element: DataElement | RawDataElement, depth: int
) -> RawDataElement | None:
    tag = BaseTag(element.tag)
    vr = element.VR
    if vr in (None, "UN"):
        vr = _known_vr(tag)
    if vr is None:
        vr = "UN"
    if vr == "SQ":
        return _sequence(source, tag, depth)
    if isinstance(element, RawDataElement) and vr in _PLAIN and isinstance(element.value, bytes):
        return _raw(tag, vr, element.value)
    return _encoded(source, tag)


def _known_vr(tag: BaseTag) -> str | None:
    try:
        return dictionary_VR(tag)
    except KeyError:
        return None


def _sequence(source: Dataset, tag: BaseTag, depth: int) -> RawDataElement | None:
    """Each item by itself, its text as it is."""
    try:
        with quiet():
            items = source[tag].value
    except MALFORMED:
        return None
    if depth == 0 or not isinstance(items, Sequence):
        return None
    value = b""
    for item in items:
        within = tuple(int(one) for one in sorted(item.keys()) if not one.is_private)
        elements = b"".join(map(encoded_element, _copied(item, within, depth - 1)))
        value += pack("<HHL", 0xFFFE, 0xE000, len(elements)) + elements
    return _raw(tag, "SQ", value)


def _encoded(source: Dataset, tag: BaseTag) -> RawDataElement | None:
    """Numbers, and values that were decoded before."""
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = True, True
    try:
        with quiet():
            element = source[tag]
            write_data_element(buffer, element, convert_encodings(source.get(_CHARACTER_SET, "")))
    except MALFORMED:
        return None
    return _raw(tag, element.VR, buffer.getvalue()[8:])


def _raw(tag: BaseTag, vr: str, value: bytes) -> RawDataElement:
    padding = b"\0" if vr in ("UI", "OB", "UN") else b" "
    even = value + padding * (len(value) % 2)
    return RawDataElement(tag, vr, len(even), even, 0, False, True)


def encoded_element(element: RawDataElement) -> bytes:
    """In explicit VR little endian (PS3.5 7.1.2)."""
    value = element.value or b""
    vr = (element.VR or "UN").encode()
    start = pack("<HH", element.tag.group, element.tag.element) + vr
    if element.VR in _LONG:
        return start + pack("<HL", 0, len(value)) + value
    return start + pack("<H", len(value)) + value
