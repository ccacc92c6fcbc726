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
) -> SeriesImages:
    count = round((high_mm - low_mm) / gap_mm) + 1
    images = images_of(np.stack([EMPTY] * count), gap_mm=gap_mm, orientation=orientation)
    moved = tuple(
        replace(image, image_position_mm=(0.0, 0.0, low_mm + gap_mm * number))
        for number, image in enumerate(images)
    )
    headers = tuple(
        instance(n, frame_of_reference_uid=frame, acquired_s=acquired_s) for n in range(count)
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
