"""Headers from anywhere: what cannot be read counts as absent, and an object can still be made."""

import io
import math
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.tag import Tag

from results.errors import UnusableSource
from results.header_values import MALFORMED, quiet
from results.key_image import build_key_image
from results.presentation import build_presentations
from results.report import build_report
from results.segmentation import build_segmentations
from results.selection import build_selections
from results.source import source_image_of
from tests.made_up_headers import CT, as_file, enhanced_ct, plain_header, read_back, tilted_ct
from tests.result_facts import HAEMORRHAGE, facts_of, flagged, grey_pictures, region_on, result


def _of_bytes(header: Dataset, old: bytes, new: bytes) -> Dataset:
    """Read from a file in which these bytes are others, of the same length."""
    file = as_file(header)
    assert len(old) == len(new)
    assert file.count(old) == 1
    return dcmread(_file(file.replace(old, new)))


def _file(content: bytes) -> io.BytesIO:
    return io.BytesIO(content)


def test_a_plane_of_a_ct_is_read_with_its_place_and_spacing() -> None:
    plane = source_image_of(tilted_ct()[1]).plane(1)
    assert plane is not None
    assert plane.position_mm == (-80, -100, 10)
    assert plane.spacing_mm == (0.5, 0.6)
    assert plane.thickness_mm == 5
    assert plane.orientation[4:] == pytest.approx((math.cos(math.pi / 10), -math.sin(math.pi / 10)))


def test_frames_of_a_multi_frame_object_have_planes_of_their_own() -> None:
    image = source_image_of(enhanced_ct())
    assert [plane.position_mm[2] for plane in image.planes] == [0, 2, 4, 6, 8]
    assert image.grey is not None
    assert image.grey.rescale == (1, -1024)
    assert image.grey.window is not None


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("ImagePositionPatient", [0, 0]),
        ("PixelSpacing", [0.0, 0.6]),
        ("PixelSpacing", [-1, 0.6]),
        ("ImageOrientationPatient", [1, 0, 0, 1, 0, 0]),
        ("ImageOrientationPatient", [2, 0, 0, 0, 1, 0]),
        ("ImageOrientationPatient", None),
    ],
)
def test_a_place_that_cannot_be_is_no_place(keyword: str, value: object) -> None:
    header = tilted_ct()[0]
    setattr(header, keyword, value)
    assert source_image_of(read_back(header)).planes == ()


@pytest.mark.parametrize(
    ("old", "new"), [(b"0.5\\0.6 ", b"nan\\0.6 "), (b"0.5\\0.6 ", b"a\\b\\cccc")]
)
def test_numbers_that_are_none_are_no_spacing(old: bytes, new: bytes) -> None:
    assert source_image_of(_of_bytes(tilted_ct()[0], old, new)).planes == ()


def test_a_frame_without_a_place_leaves_all_without() -> None:
    header = enhanced_ct()
    del header.PerFrameFunctionalGroupsSequence[2].PlanePositionSequence
    assert source_image_of(read_back(header)).planes == ()
    header.PerFrameFunctionalGroupsSequence = header.PerFrameFunctionalGroupsSequence[:2]
    assert source_image_of(read_back(header)).planes == ()


@pytest.mark.parametrize(
    ("width", "function", "is_window"),
    [("0.5", "", False), ("1", "", True), ("0.5", "LINEAR_EXACT", True), ("0", "SIGMOID", False),
     ("80", "WAVY", False)],
)  # fmt: skip
def test_a_window_that_shows_nothing_is_none(width: str, function: str, is_window: bool) -> None:
    header = plain_header()
    header.WindowCenter, header.WindowWidth = "40", width
    if function:
        header.VOILUTFunction = function
    grey = source_image_of(read_back(header)).grey
    assert grey is not None
    assert (grey.window is not None) == is_window


@pytest.mark.parametrize("keyword", ["SOPInstanceUID", "SeriesInstanceUID", "Rows", "Columns"])
def test_a_header_that_is_no_image_is_refused(keyword: str) -> None:
    header = read_back(plain_header(CT, "CT"))
    delattr(header, keyword)
    with pytest.raises(UnusableSource):
        source_image_of(header)


@pytest.mark.parametrize(("rows", "is_size"), [(0, False), (1, True), (65535, True), (65536, False),
                                               (2147483647, False), (-5, False)])  # fmt: skip
def test_a_size_that_no_image_has_is_refused(rows: int, is_size: bool) -> None:
    header = plain_header()
    said = str(rows).encode()
    header[0x00280010] = RawDataElement(Tag("Rows"), "IS", len(said), said, 0, False, True)
    if is_size:
        assert source_image_of(header).rows == rows
    else:
        with pytest.raises(UnusableSource, match="has no Rows"):
            source_image_of(header)


def test_rows_of_the_wrong_length_are_refused() -> None:
    header = plain_header()
    header[0x00280010] = RawDataElement(Tag("Rows"), "US", 3, b"\x01\x02\x03", 0, False, True)
    with pytest.raises(UnusableSource, match="has no Rows"):
        source_image_of(header)


@pytest.mark.parametrize("uid", [b"1.2.x", b"1..2", b"1." + b"2" * 63, b"1.02"])
def test_a_frame_of_reference_that_is_no_uid_is_none(uid: bytes) -> None:
    header = tilted_ct()[0]
    header[0x00200052] = RawDataElement(
        Tag("FrameOfReferenceUID"), "UI", len(uid), uid, 0, False, True
    )
    image = source_image_of(header)
    assert image.frame_of_reference_uid is None
    told = result(HAEMORRHAGE, flagged([region_on(image, lesion=1)]), [image])
    facts = facts_of([header], [told])
    assert build_segmentations(facts) == []
    assert b"SCOORD3D" not in build_report(facts).file


def test_p9_of_every_object_of_the_corpus_objects_can_be_made_or_it_is_refused(
    shared_dicom: Path,
) -> None:
    made, refused = 0, 0
    for path in sorted(one for one in (shared_dicom / "corpus").rglob("*") if one.is_file()):
        try:
            with quiet():
                header = dcmread(path, stop_before_pixels=True)
        except (InvalidDicomError, *MALFORMED):
            refused += 1
            continue
        try:
            image = source_image_of(header)
        except UnusableSource:
            refused += 1
            continue
        regions = [region_on(image, lesion=1)]
        facts = facts_of([header], [result(HAEMORRHAGE, flagged(regions), [image])])
        built = [
            build_key_image(facts, grey_pictures(facts)),
            build_report(facts),
            *build_segmentations(facts),
            *build_presentations(facts),
            *build_selections(facts),
        ]
        for one in built:
            assert facts.study.study_instance_uid.encode() in one.file
        made += 1
    assert made > 20
    assert refused > 0
