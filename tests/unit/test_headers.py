"""Headers of archived files: series in order, and what cannot be read named."""

import struct
from pathlib import Path

import pytest

from models.headers import SeriesHeaders
from models.images import UndecodableImage, decode_frame, read_series_headers
from tests.archived import Write, axial, image, writer


@pytest.fixture
def write(tmp_path: Path) -> Write:
    return writer(tmp_path)


def numbers(headers: SeriesHeaders) -> list[int | None]:
    return [each.instance_number for each in headers.series[0].instances]


def test_a_ct_series_is_in_the_order_of_its_positions_not_of_its_numbers(
    write: Write, tmp_path: Path
) -> None:
    written = [write(axial(z, n)) for n, z in ((1, 10.0), (2, -10.0), (3, 0.0))]
    assert numbers(read_series_headers(written, tmp_path)) == [2, 3, 1]


def test_a_ct_series_with_a_plane_across_falls_back_to_instance_numbers(
    write: Write, tmp_path: Path
) -> None:
    scout = image(
        InstanceNumber=2,
        ImagePositionPatient=[0, 0, 5],
        ImageOrientationPatient=[1, 0, 0, 0, 0, -1],
    )
    written = [write(axial(0, 3)), write(scout), write(axial(10, 1))]
    assert numbers(read_series_headers(written, tmp_path)) == [1, 2, 3]


def test_a_series_of_reports_or_segmentations_holds_no_images(write: Write, tmp_path: Path) -> None:
    report = image(SOPClassUID="1.2.840.10008.5.1.4.1.1.88.34", Rows=None, Columns=None)
    segmentation = image(SOPClassUID="1.2.840.10008.5.1.4.1.1.66.4")
    headers = read_series_headers([write(report), write(segmentation)], tmp_path)
    assert headers.series[0].instances == ()
    assert headers.unreadable == ()


def test_what_cannot_be_read_is_named_with_the_reason_and_the_rest_is_read(
    write: Write, tmp_path: Path
) -> None:
    good, garbage, missing = write(image()), write(image()), write(image())
    (tmp_path / garbage.archive_path).write_bytes(b"<script>" * 100)
    (tmp_path / missing.archive_path).unlink()
    headers = read_series_headers([good, garbage, missing], tmp_path)
    assert [i.sop_instance_uid for i in headers.series[0].instances] == [good.sop_instance_uid]
    reasons = {u.instance: u.reason for u in headers.unreadable}
    assert reasons[garbage] == "the file has no DICOM preamble"
    assert reasons[missing] == "the file is not in the archive"


def test_values_that_break_the_standard_are_absent_not_fatal(write: Write, tmp_path: Path) -> None:
    instance = write(axial(0, 1))
    path = tmp_path / instance.archive_path
    content = path.read_bytes()
    start = content.index(bytes.fromhex("20003700") + b"DS")  # Image Orientation (Patient)
    (length,) = struct.unpack_from("<H", content, start + 6)
    nonsense = b"1\\x\\nan".ljust(length)
    path.write_bytes(content[: start + 8] + nonsense + content[start + 8 + length :])
    (header,) = read_series_headers([instance], tmp_path).series[0].instances
    assert header.image_orientation is None
    assert header.image_position_mm == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("attributes", "years"),
    [
        ({"PatientAge": "058Y"}, 58.0),
        ({"PatientAge": "006M"}, 0.5),
        ({"PatientBirthDate": "20000101", "StudyDate": "20100101"}, 10.0),
        ({"PatientBirthDate": "20200101", "StudyDate": "20100101"}, None),
        ({}, None),
    ],
)
def test_the_age_comes_from_the_age_or_the_dates(
    write: Write, tmp_path: Path, attributes: dict[str, str], years: float | None
) -> None:
    (series,) = read_series_headers([write(image(**attributes))], tmp_path).series
    assert series.patient_age_years == pytest.approx(years, abs=0.01)


@pytest.mark.parametrize(
    ("stated", "seconds"),
    [
        ({"AcquisitionDate": "20260102", "AcquisitionTime": "081500"}, 0),
        ({"AcquisitionDate": "20260102", "AcquisitionTime": "081510.500000"}, 10.5),
        ({"AcquisitionDate": "20260103", "AcquisitionTime": "0815"}, 86400),
        ({"StudyDate": "20260102", "AcquisitionTime": "081501"}, 1),
        ({"AcquisitionDateTime": "20260102081502.25+0100", "AcquisitionTime": "01"}, 2.25),
        ({"AcquisitionTime": "081500"}, None),
        ({"AcquisitionDate": "20260231", "AcquisitionTime": "081500"}, None),
        ({"AcquisitionDate": "20260102"}, None),
    ],
)
def test_when_an_image_was_acquired_comes_from_its_date_and_time(
    write: Write, tmp_path: Path, stated: dict[str, str], seconds: float | None
) -> None:
    quarter_past = image(AcquisitionDate="20260102", AcquisitionTime="081500", InstanceNumber=1)
    other = image(InstanceNumber=2, **stated)
    headers = read_series_headers([write(quarter_past), write(other)], tmp_path)
    first, second = headers.series[0].instances
    assert first.acquired_s is not None
    if seconds is None:
        assert second.acquired_s is None
    else:
        assert second.acquired_s == pytest.approx(first.acquired_s + seconds)


def test_the_frame_of_reference_is_read(write: Write, tmp_path: Path) -> None:
    written = [write(image(FrameOfReferenceUID="1.2.3.4"))]
    (header,) = read_series_headers(written, tmp_path).series[0].instances
    assert header.frame_of_reference_uid == "1.2.3.4"


def test_a_sequence_a_hundred_thousand_deep_is_unreadable_not_an_accident(
    write: Write, tmp_path: Path
) -> None:
    instance = write(image())
    path = tmp_path / instance.archive_path
    tag_and_item = struct.pack("<HH2sHL", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF) + struct.pack(
        "<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF
    )
    content = path.read_bytes()
    offset = 144 + struct.unpack("<L", content[140:144])[0]
    path.write_bytes(content[:offset] + tag_and_item * 100_000)
    (unreadable,) = read_series_headers([instance], tmp_path).unreadable
    assert "cannot be read" in unreadable.reason
    with pytest.raises(UndecodableImage):
        decode_frame(path, 1)
