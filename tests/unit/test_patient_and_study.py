"""Patient and study in an object are what they are in its source, byte for byte."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pydicom import dcmread
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from results.errors import UnusableSource
from results.facts import PatientAndStudy
from results.patient_and_study import _KEYWORDS, TAGS, patient_and_study_of
from results.report import build_report
from tests.made_up_headers import CHARACTER_SETS, file_with_name, plain_header, read_back
from tests.result_facts import FRACTURE, facts_of, result
from worklist.finding import NotFlagged

_NAMES = {
    **CHARACTER_SETS,
    "ISO_IR 999": b"no \xff set \x81 has this",  # neither the set nor the bytes are any good
    "": b"Doe^J\xe9r\xf4me",  # no set declared, and not ASCII
}


@contextmanager
def _no_such_set() -> Iterator[None]:
    """What pydicom grumbles at, here in the test."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Unknown encoding", UserWarning)
        yield


def _with_name(character_set: str, name: bytes) -> Dataset:
    file = file_with_name(character_set, name, plain_header())
    with _no_such_set():
        return dcmread(io.BytesIO(file))


def _raw_bytes(dataset: Dataset, tag: int) -> bytes | None:
    element = dataset.get_item(tag)
    return None if element is None else element.value


@pytest.mark.parametrize("character_set", _NAMES)
def test_a_name_is_copied_byte_for_byte_in_any_character_set(character_set: str) -> None:
    source = _with_name(character_set, _NAMES[character_set])
    facts = facts_of([source], [result(FRACTURE, NotFlagged(probability=0.1))])
    built = build_report(facts)
    with _no_such_set():
        report = built.dataset()
    for tag in (0x00080005, 0x00100010):
        assert _raw_bytes(report, tag) == _raw_bytes(source, tag)
    assert _NAMES[character_set] in (_raw_bytes(report, 0x00100010) or b"")


def test_what_vigie_says_is_ascii_whatever_the_source_is() -> None:
    source = _with_name("\\ISO 2022 IR 87", _NAMES["\\ISO 2022 IR 87"])
    outcome = result(
        FRACTURE, NotFlagged(probability=0.1), not_used=[("1.2.3", "Röntgen “頭部” – ≥ 3 \\ ~")]
    )
    assert b'Rontgen "??" - >= 3 / -' in build_report(facts_of([source], [outcome])).file


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian]
)
def test_attributes_are_the_same_from_every_encoding(syntax: str) -> None:
    header = plain_header()
    issuer = Dataset()
    issuer.UniversalEntityID, issuer.UniversalEntityIDType = "1.2.3", "ISO"
    issuer.add_new(0x00091010, "LO", "private in an item")
    header.IssuerOfAccessionNumberSequence = Sequence([issuer])
    header.PatientComments, header.PregnancyStatus = "as spoken", 4
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = syntax
    header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID
    header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
    buffer = io.BytesIO()
    dcmwrite(buffer, header, enforce_file_format=True)
    study = patient_and_study_of(dcmread(io.BytesIO(buffer.getvalue())))
    copied = _read(study)
    assert copied.PatientName == "Doe^Jane"
    assert copied.PregnancyStatus == 4
    (item,) = copied.IssuerOfAccessionNumberSequence
    assert item.UniversalEntityID == "1.2.3"
    assert 0x00091010 not in item
    assert copied.PatientComments == "as spoken"


def _read(study: PatientAndStudy) -> Dataset:
    dataset = Dataset()
    for element in study.elements:
        dataset[element.tag] = element
    return read_back_with(dataset)


def read_back_with(dataset: Dataset) -> Dataset:
    """As an object of its own."""
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "1.2"
    return read_back(dataset)


def test_attributes_of_other_modules_and_private_ones_stay_behind() -> None:
    header = plain_header()
    header.InstitutionName = "Elsewhere"
    header.add_new(0x00090010, "LO", "SOMEBODY")
    header.add_new(0x00091001, "UN", b"\x00\x01")
    copied = _read(patient_and_study_of(read_back(header)))
    assert "InstitutionName" not in copied
    assert 0x00091001 not in copied


def test_what_the_source_lacks_is_there_and_empty() -> None:
    header = plain_header()
    for keyword in ("PatientName", "AccessionNumber", "StudyTime"):
        delattr(header, keyword)
    copied = _read(patient_and_study_of(read_back(header)))
    assert all(not copied[one].value for one in ("AccessionNumber", "StudyTime", "PatientName"))


def test_values_that_break_the_standard_are_copied_as_they_are() -> None:
    header = plain_header()
    for tag, vr, value in (
        (0x00100030, "DA", b"yesterday "),
        (0x00101010, "AS", b"old "),
        (0x00101030, "DS", b"heavy "),
    ):
        header[tag] = RawDataElement(Tag(tag), vr, len(value), value, 0, False, True)
    study = patient_and_study_of(read_back(header))
    assert {one.tag: one.value for one in study.elements}[Tag(0x00100030)] == b"yesterday "


def test_a_sequence_deeper_than_anybody_needs_is_left_out() -> None:
    item = Dataset()
    item.PatientID = "innermost"
    for _ in range(30):
        outer = Dataset()
        outer.OtherPatientIDsSequence = [item]
        item = outer
    header = plain_header()
    header.OtherPatientIDsSequence = [item]
    study = patient_and_study_of(read_back(header))
    assert b"innermost" not in b"".join(one.value or b"" for one in study.elements)


def test_a_source_without_a_study_is_refused() -> None:
    header = plain_header()
    del header.StudyInstanceUID
    with pytest.raises(UnusableSource, match="names no study"):
        patient_and_study_of(read_back(header))


def _with_element(tag: int, vr: str, value: bytes) -> Dataset:
    """Read from somewhere where this element is what nobody can read."""
    header = plain_header()
    header[tag] = RawDataElement(Tag(tag), vr, len(value), value, 0, False, True)
    return header


def test_a_number_of_the_wrong_length_is_left_out_and_the_rest_copied() -> None:
    study = patient_and_study_of(_with_element(0x001021C0, "US", b"\x01\x02\x03"))
    copied = {one.tag: one.value for one in study.elements}
    assert Tag("PregnancyStatus") not in copied
    assert copied[Tag("PatientID")] == b"P1"


def test_a_study_uid_of_no_known_representation_is_refused() -> None:
    with pytest.raises(UnusableSource, match="names no study"):
        patient_and_study_of(_with_element(0x0020000D, "ZZ", b"1.2.3\0"))


@pytest.mark.parametrize(
    "keyword", ["PatientName", "PatientID", "IssuerOfPatientID", "SpecificCharacterSet"]
)
def test_an_identity_that_cannot_be_copied_is_refused_and_never_empty(keyword: str) -> None:
    header = _with_element(Tag(keyword), "US", b"\x01\x02\x03")
    with pytest.raises(UnusableSource, match=f"{keyword} cannot be copied"):
        patient_and_study_of(header)


@pytest.mark.parametrize(
    ("keyword", "within"),
    [
        ("ReasonForVisitCodeSequence", "CodeValue"),
        ("RequestingServiceCodeSequence", "CodeValue"),
        ("IssuerOfAdmissionIDSequence", "UniversalEntityID"),
        ("OtherClinicalTrialProtocolIDsSequence", "ClinicalTrialProtocolID"),
        ("ConsultingPhysicianIdentificationSequence", "InstitutionName"),
    ],
)
def test_sequences_of_patient_study_and_trial_are_copied(keyword: str, within: str) -> None:
    item, header = Dataset(), plain_header()
    setattr(item, within, "1.2")
    setattr(header, keyword, [item])
    copied = _read(patient_and_study_of(read_back(header)))
    assert [str(one[within].value) for one in copied[keyword].value] == ["1.2"]


def test_every_attribute_that_is_copied_is_one_of_the_standard_each_once() -> None:
    assert len(TAGS) == len(set(TAGS)) == len(_KEYWORDS)
