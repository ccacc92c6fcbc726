"""Segments are the pixels of the lesions that were flagged, each on its own image."""

from dataclasses import replace

import highdicom
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from results.mask import mask_of
from results.report import build_report
from results.segmentation import build_segmentations
from results.source import source_image_of
from tests.made_up_headers import enhanced_ct, plain_header, read_back, tilted_ct
from tests.result_facts import (
    FRACTURE,
    HAEMORRHAGE,
    NODULE,
    PHANTOMS,
    facts_of,
    flagged,
    headers,
    region_on,
    result,
    usual_facts,
)
from worklist.finding import NotFlagged, Region

_HEAD = PHANTOMS / "head_ct_bleed"


def _inside(polygon: tuple[tuple[float, float], ...], column: float, row: float) -> bool:
    """Another way to the same: turns of the polygon around a point."""
    points = [complex(x - column, y - row) for x, y in polygon]
    turns = sum(np.angle(b / a) for a, b in zip(points, (*points[1:], points[0]), strict=True))
    return bool(abs(turns) > np.pi)


@given(st.floats(0.05, 0.95), st.floats(0.05, 0.95), st.floats(0.5, 4.0), st.integers(3, 9))
def test_a_mask_holds_the_pixels_whose_middle_lies_inside(
    column: float, row: float, radius: float, corners: int
) -> None:
    angles = 2 * np.pi * (np.arange(corners) + 0.123) / corners
    polygon = tuple(
        (10 * column + radius * float(np.cos(one)), 8 * row + radius * float(np.sin(one)))
        for one in angles
    )
    mask = mask_of(polygon, 8, 10)
    expected = np.array([[_inside(polygon, x + 0.5, y + 0.5) for x in range(10)] for y in range(8)])
    if expected.any():
        assert np.array_equal(mask, expected)
    else:
        assert mask.sum() == 1


def test_a_box_covers_its_pixels_and_no_other() -> None:
    mask = mask_of(((2, 1), (5, 1), (5, 3), (2, 3)), 6, 8)
    assert list(zip(*np.nonzero(mask), strict=True)) == [
        (1, 2), (1, 3), (1, 4), (2, 2), (2, 3), (2, 4),
    ]  # fmt: skip


def test_an_outline_between_the_middles_of_pixels_is_still_one_pixel() -> None:
    mask = mask_of(((3.6, 2.6), (3.8, 2.6), (3.7, 2.8)), 6, 8)
    assert list(zip(*np.nonzero(mask), strict=True)) == [(2, 3)]


def _pixels_of(segmentation: Dataset, image: Dataset, number: int) -> npt.NDArray[np.uint8]:
    """Of one segment on one image, as highdicom reads them back."""
    read = highdicom.seg.Segmentation.from_dataset(segmentation)
    (pixels,) = read.get_pixels_by_source_instance(
        [image.SOPInstanceUID], segment_numbers=[number], assert_missing_frames_are_empty=True
    )
    return np.asarray(pixels[..., 0])


@pytest.mark.parametrize("case", ["phantom", "tilted"])
def test_segments_match_their_outlines_to_the_pixel(case: str) -> None:
    source = headers(_HEAD) if case == "phantom" else tilted_ct()
    images = [source_image_of(one) for one in source]
    first = [region_on(one, lesion=1) for one in images[1:4]]
    second = [region_on(one, lesion=2, shift=0.2) for one in images[2:4]]
    facts = facts_of(source, [result(HAEMORRHAGE, flagged([*first, *second]), images)])
    (built,) = build_segmentations(facts)
    for number, regions in ((1, first), (2, second)):
        cuts = {one.sop_instance_uid: one for one in regions}
        for header, image in zip(source, images, strict=True):
            cut = cuts.get(image.reference.sop_instance_uid)
            expected = (
                mask_of(cut.polygon, image.rows, image.columns)
                if cut
                else np.zeros((image.rows, image.columns), bool)
            )
            assert np.array_equal(_pixels_of(built.dataset(), header, number), expected)


def test_a_frame_of_a_multi_frame_object_lies_where_that_frame_lies() -> None:
    source = enhanced_ct()
    image = source_image_of(source)
    regions = [region_on(image, frame_number=number, lesion=1) for number in (4, 2)]
    facts = facts_of([source], [result(NODULE, flagged(regions), [image])])
    (built,) = build_segmentations(facts)
    groups = built.dataset().PerFrameFunctionalGroupsSequence
    named = [one.DerivationImageSequence[0].SourceImageSequence[0] for one in groups]
    assert {one.ReferencedSOPInstanceUID for one in named} == {source.SOPInstanceUID}
    heights = [float(one.PlanePositionSequence[0].ImagePositionPatient[2]) for one in groups]
    frames = [int(one.ReferencedFrameNumber) for one in named]
    assert sorted(zip(frames, heights, strict=True)) == [(2, 2.0), (4, 6.0)]


def test_nothing_is_referred_to_but_the_images_with_a_cut() -> None:
    facts = usual_facts(_HEAD)
    (built,) = build_segmentations(facts)
    dataset = built.dataset()
    cuts = {one.sop_instance_uid for one in facts.results[0].regions if one.lesion}
    named = {
        str(element.value)
        for element in dataset.iterall()
        if element.keyword == "ReferencedSOPInstanceUID"
    }
    assert named == cuts


def test_segments_and_groups_of_the_report_track_the_same_lesion() -> None:
    facts = usual_facts(_HEAD)
    (built,) = build_segmentations(facts)
    (segment,) = built.dataset().SegmentSequence
    told = build_report(facts).file
    assert str(segment.TrackingUID).encode() in told
    assert segment.SegmentAlgorithmType == "AUTOMATIC"
    (algorithm,) = segment.SegmentationAlgorithmIdentificationSequence
    assert algorithm.AlgorithmParameters == f"weights_sha256={'a' * 64}"
    assert built.dataset().ContentDescription == "AI result, not reviewed, not for diagnostic use."


@pytest.mark.parametrize("why", ["radiograph", "not flagged", "no marks", "no place", "no lesion"])
def test_what_has_no_lesion_in_space_has_no_segmentation(why: str) -> None:
    source = headers(_HEAD)
    if why in ("radiograph", "no place"):
        source = [read_back(plain_header())]
    images = [source_image_of(one) for one in source]
    region = region_on(images[0], lesion=None if why in ("radiograph", "no lesion") else 1)
    told = result(FRACTURE, flagged([region]), images, marks=why != "no marks")
    if why == "not flagged":
        told = replace(told, outcome=NotFlagged(probability=0.1, regions=(region,)))
    assert build_segmentations(facts_of(source, [told])) == []


def test_lesions_in_two_series_are_in_two_segmentations() -> None:
    one, other = tilted_ct(), tilted_ct(degrees=0)
    for number, header in enumerate(other):
        header.SeriesInstanceUID, header.SOPInstanceUID = "1.2.3.2", f"1.2.3.2.{number}"
    source = [*one, *map(read_back, other)]
    images = [source_image_of(each) for each in source]
    regions: list[Region] = [
        region_on(images[1], lesion=1),
        region_on(images[7], lesion=2),
        region_on(images[8], lesion=2),
    ]
    built = build_segmentations(facts_of(source, [result(HAEMORRHAGE, flagged(regions), images)]))
    assert len({each.reference.sop_instance_uid for each in built}) == 2
    assert [int(each.dataset().NumberOfFrames) for each in built] == [1, 2]
    assert {each.dataset().ReferencedSeriesSequence[0].SeriesInstanceUID for each in built} == {
        "1.2.3.1", "1.2.3.2",
    }  # fmt: skip


def test_the_same_facts_make_the_same_segmentation() -> None:
    made = [[one.file for one in build_segmentations(usual_facts(_HEAD))] for _ in range(2)]
    assert made[0] == made[1] != []


def test_p9_two_images_at_one_place_are_in_two_segmentations() -> None:
    """As in a series of several phases."""
    one, other = tilted_ct(), tilted_ct()
    for number, header in enumerate(other):
        header.SOPInstanceUID = f"1.2.3.2.{number}"
    source = [*one, *map(read_back, other)]
    images = [source_image_of(each) for each in source]
    regions = [region_on(images[place], lesion=1) for place in (1, 2, 7, 8, 3)]
    built = build_segmentations(facts_of(source, [result(HAEMORRHAGE, flagged(regions), images)]))
    assert [int(each.dataset().NumberOfFrames) for each in built] == [3, 2]
    assert len({each.reference.sop_instance_uid for each in built}) == 2
    assert len({each.reference.series_instance_uid for each in built}) == 1
    named = [
        {item.ReferencedSOPInstanceUID for item in each.dataset().SourceImageSequence}
        for each in built
    ]
    assert named == [
        {source[place].SOPInstanceUID for place in places} for places in ((1, 2, 3), (7, 8))
    ]


def test_each_frame_of_reference_has_a_series_of_segmentations_of_its_own() -> None:
    one, other = tilted_ct(), tilted_ct()
    for number, header in enumerate(other):
        header.SOPInstanceUID, header.FrameOfReferenceUID = f"1.2.3.2.{number}", "1.2.3.8"
    source = [*one, *map(read_back, other)]
    images = [source_image_of(each) for each in source]
    regions = [region_on(images[1], lesion=1), region_on(images[7], lesion=2)]
    built = build_segmentations(facts_of(source, [result(HAEMORRHAGE, flagged(regions), images)]))
    assert [each.dataset().FrameOfReferenceUID for each in built] == ["1.2.3.9", "1.2.3.8"]
    assert len({each.reference.series_instance_uid for each in built}) == 2
