"""Which series show the same scan again, and which another or another part."""

from dataclasses import replace

import numpy as np
import pytest

from models.detector import SeriesImages
from models.reconstructions import shows_again
from tests.haemorrhage_heads import header_of, images_of, instance

EMPTY = np.zeros((32, 32), np.float32)


def _series(
    low_mm: float = 0.0,
    high_mm: float = 100.0,
    *,
    gap_mm: float = 5.0,
    frame: str = "1.2.9",
    acquired_s: float | None = None,
    orientation: tuple[float, ...] | None = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
    left_mm: float = 0.0,
    pixel_mm: float | None = 1.2,
    thickness_mm: float | None = 5.0,
    without: range = range(0),
) -> SeriesImages:
    """Planes of 32 x 32 pixels, some of which may be missing."""
    count = round((high_mm - low_mm) / gap_mm) + 1
    planes = np.stack([EMPTY] * count)
    images = images_of(planes, gap_mm=gap_mm, pixel_mm=pixel_mm, orientation=orientation)
    moved = tuple(
        replace(image, image_position_mm=(left_mm, 0.0, low_mm + gap_mm * number))
        for number, image in enumerate(images)
        if number not in without
    )
    headers = tuple(
        instance(
            n + 1,
            frame_of_reference_uid=frame,
            acquired_s=acquired_s,
            slice_thickness_mm=thickness_mm,
        )
        for n in range(count)
        if n not in without
    )
    return SeriesImages(header=header_of(instances=headers), images=moved)


def test_thin_slices_of_the_same_place_show_it_again() -> None:
    assert shows_again(_series(gap_mm=0.5), _series())
    assert shows_again(_series(), _series(gap_mm=0.5))


def test_nothing_is_shown_again_in_another_frame_of_reference_or_one_that_is_not_stated() -> None:
    assert not shows_again(_series(frame="1.2.8"), _series())
    assert not shows_again(_series(frame=""), _series(frame=""))


def test_the_base_of_a_head_is_not_its_vertex() -> None:
    assert not shows_again(_series(0, 55), _series(60, 160))


@pytest.mark.parametrize(("high_mm", "again"), [(85.0, False), (90.0, True), (100.0, True)])
def test_most_of_a_series_must_be_covered_by_the_other(high_mm: float, again: bool) -> None:
    assert shows_again(_series(0, 100), _series(0, high_mm)) is again


def test_a_part_of_a_head_is_shown_again_by_the_whole_and_not_the_other_way_round() -> None:
    part, whole = _series(0, 50), _series(0, 150)
    assert shows_again(part, whole)
    assert not shows_again(whole, part)


@pytest.mark.parametrize(
    ("seconds", "again"), [(0.0, True), (10.0, True), (10.5, False), (300.0, False), (None, True)]
)
def test_a_scan_some_time_later_is_another(seconds: float | None, again: bool) -> None:
    assert shows_again(_series(acquired_s=seconds), _series(acquired_s=0.0)) is again


def test_a_stack_across_or_without_a_place_is_another() -> None:
    coronal = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
    assert not shows_again(_series(), _series(orientation=coronal))
    assert not shows_again(_series(orientation=None), _series())
    nowhere = _series()
    nowhere = replace(
        nowhere, images=tuple(replace(i, image_position_mm=None) for i in nowhere.images)
    )
    assert not shows_again(nowhere, nowhere)


def test_a_tilted_reformat_of_the_same_place_shows_it_again() -> None:
    tilted = (1.0, 0.0, 0.0, 0.0, 0.98, -0.2)
    assert shows_again(_series(), _series(orientation=tilted))


@pytest.mark.parametrize("thickness_mm", [5.0, None])
@pytest.mark.parametrize(("missing", "again"), [(0, True), (1, False), (10, False)])
def test_p4_what_lies_in_a_hole_of_another_series_is_not_shown_by_it(
    missing: int, again: bool, thickness_mm: float | None
) -> None:
    holed = _series(thickness_mm=thickness_mm, without=range(6, 6 + missing))
    assert shows_again(_series(), holed) is again
    assert shows_again(_series(gap_mm=0.5), holed) is again
    assert shows_again(holed, _series())


@pytest.mark.parametrize(("missing", "again"), [(1, True), (2, True), (3, False)])
def test_of_thin_planes_two_may_be_missing(missing: int, again: bool) -> None:
    holed = _series(gap_mm=1.0, thickness_mm=1.0, without=range(52, 52 + missing))
    assert shows_again(_series(gap_mm=0.5), holed) is again


@pytest.mark.parametrize("thickness_mm", [5.0, None])
def test_p4_two_planes_far_apart_show_nothing_of_what_lies_between(
    thickness_mm: float | None,
) -> None:
    ends = _series(0, 150, gap_mm=150, thickness_mm=thickness_mm)
    assert not shows_again(_series(0, 150), ends)


def test_thin_planes_far_apart_do_not_show_thick_ones_that_lie_close() -> None:
    apart = _series(gap_mm=10, thickness_mm=1.0)
    assert not shows_again(_series(), apart)
    assert shows_again(apart, _series())


@pytest.mark.parametrize(
    ("left_mm", "again"), [(0.0, True), (13.0, True), (14.0, False), (500.0, False)]
)
def test_p4_what_lies_aside_is_not_shown_again(left_mm: float, again: bool) -> None:
    assert shows_again(_series(left_mm=left_mm), _series()) is again


def test_a_larger_field_of_view_is_mostly_air_and_a_far_larger_one_more_of_the_body() -> None:
    """500 mm of which 350 are shown, and of which 250 are."""
    whole = _series(pixel_mm=500 / 31)
    assert shows_again(whole, _series(pixel_mm=350 / 31, left_mm=75))
    assert not shows_again(whole, _series(pixel_mm=250 / 31, left_mm=125))
    assert shows_again(_series(pixel_mm=250 / 31, left_mm=125), whole)


def test_nothing_is_shown_again_where_the_spacing_of_pixels_is_not_known() -> None:
    assert not shows_again(_series(), _series(pixel_mm=None))
    assert not shows_again(_series(pixel_mm=None), _series())


def test_one_plane_is_shown_again_by_those_around_it() -> None:
    alone = _series(50, 50)
    assert shows_again(alone, _series())
    assert not shows_again(_series(), alone)
    assert not shows_again(_series(120, 120), _series())
