"""Headers of every kind and of none: attributes, or a reason, never an accident (P9)."""

import struct
import time
import warnings
import zlib
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from dicom_listener.attributes import (
    WANTED,
    identity,
    instance_arrival,
    parse_date,
    parse_datetime,
)
from dicom_listener.errors import UnreadableObject
from dicom_listener.header import MAX_DEPTH, Encoding, scan
from dicom_listener.inbox import Origin, file_header
from dicom_listener.received_object import data_set_digest, open_received
from dicom_listener.text import clean_text, decode_text
from worklist.study import InstanceArrival, RequestedPriority

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
DEFLATED, BIG = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"
ORIGIN = Origin(
    association_id="a-000001", calling_ae_title="CT01", called_ae_title="VIGIE", address="::1"
)


def data_set(**attributes: object) -> Dataset:
    ds = Dataset()
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    ds.SOPInstanceUID = "1.2.3.3"
    ds.StudyInstanceUID = "1.2.3.1"
    ds.SeriesInstanceUID = "1.2.3.2"
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def encoded(ds: Dataset, transfer_syntax: str = EXPLICIT) -> bytes:
    out = DicomBytesIO()
    out.is_implicit_VR = transfer_syntax == IMPLICIT
    out.is_little_endian = transfer_syntax != BIG
    write_dataset(out, ds)
    content: bytes = out.getvalue()
    if transfer_syntax == DEFLATED:
        deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        content = deflater.compress(content) + deflater.flush()
    return content


def received_file(
    folder: Path, content: bytes, *, transfer_syntax: str = EXPLICIT, uid: bytes = b"1.2.3.3"
) -> Path:
    header = file_header(
        sop_class_uid=b"1.2.840.10008.5.1.4.1.1.2",
        sop_instance_uid=uid,
        transfer_syntax_uid=transfer_syntax,
        origin=ORIGIN,
        implementation_version_name="VIGIE",
    )
    path = folder / "one.dcm"
    path.write_bytes(header + content)
    return path


def arrival(path: Path) -> InstanceArrival:
    received = open_received(path, WANTED)
    return instance_arrival(
        received,
        identity(received),
        data_set_digest(path),
        archive_path="x",
        received_at=datetime(2026, 1, 1, tzinfo=UTC),
        association_id="a-000001",
    )


@pytest.mark.parametrize("transfer_syntax", [IMPLICIT, EXPLICIT, BIG, DEFLATED])
def test_attributes_are_read_in_every_encoding(tmp_path: Path, transfer_syntax: str) -> None:
    ds = data_set(
        PatientName="Doe^Jane",
        PatientID="4711",
        PatientBirthDate="19710203",
        PatientSex="F",
        AccessionNumber="A1",
        StudyDate="20260105",
        StudyTime="023100.5",
        Modality="CT",
        BodyPartExamined="HEAD",
        SeriesNumber=2,
        InstanceNumber=17,
        Rows=512,
        Columns=256,
        NumberOfStudyRelatedInstances=32,
    )
    ds.ReferencedStudySequence = [Dataset(), Dataset()]
    ds["ReferencedStudySequence"].is_undefined_length = True
    one = arrival(
        received_file(tmp_path, encoded(ds, transfer_syntax), transfer_syntax=transfer_syntax)
    )
    assert one.study.patient_name == "Doe^Jane"
    assert one.study.patient_id == "4711"
    assert one.study.patient_birth_date == date(1971, 2, 3)
    assert one.study.patient_sex == "F"
    assert one.study.accession_number == "A1"
    assert one.study.study_at == datetime(2026, 1, 5, 2, 31, 0, 500000, tzinfo=UTC)
    assert (one.series.modality, one.series.body_part_examined) == ("CT", "HEAD")
    assert (one.series.series_number, one.instance_number) == (2, 17)
    assert (one.rows, one.columns, one.number_of_frames) == (512, 256, 1)
    assert one.expected_instance_count == 32
    assert one.transfer_syntax_uid == transfer_syntax
    assert (one.calling_ae_title, one.sender_address) == ("CT01", "::1")


@pytest.mark.parametrize(
    ("said", "made_at"),
    [
        ({}, None),
        ({"ContentDate": "20260302"}, None),  # at any hour of that day
        ({"ContentDate": "20260302", "ContentTime": "000000"}, None),  # put where nothing is known
        ({"ContentDate": "20260302", "ContentTime": "256100"}, None),
        ({"ContentDate": "20260302", "ContentTime": "12"}, None),
        ({"SeriesDate": "20260302", "SeriesTime": "115900.5"}, (11, 59)),
        ({"AcquisitionDateTime": "20260302121500.25"}, (12, 15)),
        ({"AcquisitionDateTime": "20260302121500.25+0100"}, None),  # of another clock, perhaps
        ({"AcquisitionDateTime": "20260302121500-0500"}, None),
        (
            {
                "SeriesDate": "20260302", "SeriesTime": "115900",
                "TimezoneOffsetFromUTC": "-0500",
            },
            None,
        ),
        ({"AcquisitionDate": "20260302", "AcquisitionTime": "120100"}, (12, 1)),
        ({"InstanceCreationDate": "20260302", "InstanceCreationTime": "13:02:00"}, (13, 2)),
        (
            {
                "SeriesDate": "20260302", "SeriesTime": "110000",
                "ContentDate": "20260302", "ContentTime": "120200",
                "AcquisitionDate": "20260301", "AcquisitionTime": "230000",
            },
            (12, 2),
        ),
    ],
)  # fmt: skip
def test_an_image_was_made_at_the_latest_time_that_its_header_tells_to_the_second(
    tmp_path: Path, said: dict[str, str], made_at: tuple[int, int] | None
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = received_file(tmp_path, encoded(data_set(**said)))
    found = arrival(path).made_at
    assert (found and (found.hour, found.minute)) == made_at


def test_who_gave_the_patient_id_is_read_where_it_is_told(tmp_path: Path) -> None:
    for issuer in ("NORTH", ""):
        path = received_file(tmp_path, encoded(data_set(PatientID="1", IssuerOfPatientID=issuer)))
        assert arrival(path).study.issuer_of_patient_id == issuer


def test_an_object_that_contradicts_its_transfer_syntax_is_read_as_it_is(tmp_path: Path) -> None:
    path = received_file(tmp_path, encoded(data_set(), EXPLICIT), transfer_syntax=IMPLICIT)
    assert arrival(path).study.study_instance_uid == "1.2.3.1"


@pytest.mark.parametrize(
    ("keyword", "value", "expected"),
    [
        ("RequestedProcedurePriority", "STAT", RequestedPriority.STAT),
        ("RequestedProcedurePriority", "HIGH", RequestedPriority.URGENT),
        ("RequestedProcedurePriority", "ROUTINE ", RequestedPriority.ROUTINE),
        ("RequestedProcedurePriority", "MEDIUM", RequestedPriority.ROUTINE),
        ("RequestedProcedurePriority", "LOW", RequestedPriority.ROUTINE),
        ("RequestedProcedurePriority", "soon", None),
        ("StudyPriorityID", "HIGH", RequestedPriority.URGENT),
    ],
)
def test_the_requested_priority_is_read_and_never_guessed(
    tmp_path: Path, keyword: str, value: str, expected: RequestedPriority | None
) -> None:
    path = received_file(tmp_path, encoded(data_set(**{keyword: value})))
    assert arrival(path).study.requested_priority is expected


@pytest.mark.parametrize(
    ("content", "uid", "reason"),
    [
        (encoded(data_set(SOPInstanceUID="1.2.9")), b"1.2.3.3", "command said"),
        (encoded(data_set()), b"", "command said"),
        (encoded(Dataset()), b"1.2.3.3", "no SOP Instance UID"),
        (b"", b"1.2.3.3", "no SOP Instance UID"),
        (encoded(data_set()).replace(b"1.2.3.1", b"../../x"), b"1.2.3.3", "not a DICOM UID"),
    ],
)
def test_p9_an_object_without_a_sound_identity_has_a_reason(
    tmp_path: Path, content: bytes, uid: bytes, reason: str
) -> None:
    with pytest.raises(UnreadableObject, match=reason):
        arrival(received_file(tmp_path, content, uid=uid))


@pytest.mark.parametrize("content", [b"", b"GET / HTTP/1.1", bytes(128) + b"DICM", b"x" * 500])
def test_a_file_without_a_dicom_header_has_a_reason(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "one.dcm"
    path.write_bytes(content)
    with pytest.raises(UnreadableObject):
        open_received(path, WANTED)
    assert data_set_digest(path).size_bytes == len(content)


def test_an_invalid_transfer_syntax_has_a_reason(tmp_path: Path) -> None:
    with pytest.raises(UnreadableObject, match="transfer syntax"):
        arrival(received_file(tmp_path, encoded(data_set()), transfer_syntax="../x"))


def nested(levels: int) -> bytes:
    sequence = struct.pack("<HH2sHL", 0x0008, 0x1115, b"SQ", 0, 0xFFFFFFFF)
    item = struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
    item_end = struct.pack("<HHL", 0xFFFE, 0xE00D, 0)
    sequence_end = struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
    return (sequence + item) * levels + (item_end + sequence_end) * levels


@pytest.mark.parametrize(("levels", "is_filed"), [(1, True), (MAX_DEPTH, True), (100_000, False)])
def test_p9_a_sequence_100000_deep_is_a_reason_not_an_accident(
    tmp_path: Path, levels: int, is_filed: bool
) -> None:
    path = received_file(tmp_path, nested(levels) + encoded(data_set(PatientID="x")))
    if is_filed:
        assert arrival(path).study.patient_id == "x"
    else:
        with pytest.raises(UnreadableObject, match="nested deeper"):
            arrival(path)


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_p9_a_uid_cut_off_by_the_end_is_not_taken_for_a_shorter_one(
    tmp_path: Path, missing: int
) -> None:
    whole = encoded(data_set(SeriesInstanceUID="1.2.840.99.654321"))
    path = received_file(tmp_path, whole[:-missing])
    with pytest.raises(UnreadableObject, match=r"ends inside the element \(0020,000E\)"):
        arrival(path)


def test_a_data_set_cut_off_in_what_nobody_asked_for_is_still_an_object(tmp_path: Path) -> None:
    content = encoded(data_set()) + struct.pack("<HH2sH", 0x0041, 1, b"LO", 100) + b"short"
    assert arrival(received_file(tmp_path, content)).sop_instance_uid == "1.2.3.3"


def test_p9_a_deflated_bomb_costs_no_memory(tmp_path: Path) -> None:
    deflater = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    content = deflater.compress(encoded(data_set()) + b"\xe0\x7f\x10\0OW\0\0\0\0\0\x7f")
    for _ in range(200):
        content += deflater.compress(bytes(1024 * 1024))
    path = received_file(tmp_path, content, transfer_syntax=DEFLATED)
    assert len(content) < 300_000
    assert arrival(path).sop_instance_uid == "1.2.3.3"


def test_p9_endless_tiny_elements_end(tmp_path: Path) -> None:
    content = encoded(data_set()) + struct.pack("<HH2sH", 0x0041, 1, b"LO", 0) * 3_000_000
    path = received_file(tmp_path, content)
    started = time.monotonic()
    assert arrival(path).sop_instance_uid == "1.2.3.3"
    assert time.monotonic() - started < 10


@given(st.binary(max_size=400), st.booleans(), st.booleans())
def test_p9_no_bytes_break_the_scanner(content: bytes, explicit: bool, little: bool) -> None:
    def read(position: int, length: int) -> bytes:
        return content[position : position + length]

    try:
        scan(read, start=0, size=len(content), encoding=Encoding(explicit, little), wanted=WANTED)
    except UnreadableObject:
        return


@given(st.data())
def test_p9_no_damage_to_a_real_header_breaks_the_reader(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    ds = data_set(PatientName="Doe", StudyDate="20260105", InstanceNumber=3, Rows=2)
    ds.ReferencedStudySequence = [data_set()]
    content = bytearray(encoded(ds))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = received_file(tmp_path_factory.mktemp("damaged"), bytes(content))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            arrival(path)
        except UnreadableObject:
            return


@pytest.mark.parametrize(
    ("value", "character_sets", "expected"),
    [
        (b"Buc^J\xe9r\xf4me", ["ISO_IR 100"], "Buc^Jérôme"),
        ("Łukasz^中".encode(), ["ISO_IR 192"], "Łukasz^中"),
        (
            b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B",
            ["", "ISO 2022 IR 87"],
            "Yamada^Tarou=山田^太郎",
        ),
        (b"J\xe9r", ["NO SUCH SET"], "Jér"),
        (b"<script>alert(1)</script>", [""], "<script>alert(1)</script>"),
    ],
)
def test_names_are_decoded_by_their_character_set(
    value: bytes, character_sets: list[str], expected: str
) -> None:
    assert decode_text(value, character_sets) == expected


def test_control_characters_and_endless_texts_are_cut() -> None:
    assert clean_text(" A\x00B\x1b\n ") == "AB"
    assert len(clean_text("x" * 100_000)) == 1024


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20260105", date(2026, 1, 5)),
        ("2026.01.05", date(2026, 1, 5)),
        ("2026-01-05", date(2026, 1, 5)),
        ("20260231", None),
        ("260105", None),
        ("", None),
        ("yesterday", None),
    ],
)
def test_a_malformed_date_is_no_date(text: str, expected: date | None) -> None:
    assert parse_date(text) == expected


@pytest.mark.parametrize(
    ("time_text", "expected"),
    [
        ("", (0, 0, 0)),
        ("02", (2, 0, 0)),
        ("0231", (2, 31, 0)),
        ("02:31:05", (2, 31, 5)),
        ("023160", (2, 31, 59)),
        ("996060", (0, 0, 0)),
        ("noon", (0, 0, 0)),
    ],
)
def test_a_malformed_time_leaves_the_date(time_text: str, expected: tuple[int, ...]) -> None:
    read = parse_datetime("20260105", time_text)
    assert read is not None
    assert (read.hour, read.minute, read.second) == expected
    assert read.tzinfo is UTC
    assert parse_datetime("", time_text) is None


@pytest.mark.parametrize("text", ["1e400", "nan", "99999999999", "three", ""])
def test_a_number_that_no_database_could_hold_is_none(tmp_path: Path, text: str) -> None:
    element = struct.pack("<HH2sH", 0x0020, 0x0013, b"IS", len(text)) + text.encode()
    path = received_file(tmp_path, encoded(data_set()) + element)
    assert arrival(path).instance_number is None
