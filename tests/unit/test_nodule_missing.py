"""Slices of a chest that were lost on the way leave no trace but their place, and are said (P4)."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from models.detector import NotShown, SeriesImages
from models.nodule import ACTIONABLE_MM
from models.nodule_lungs import Lungs, find_lungs
from models.nodule_missing import MAY_HIDE_FROM_MM, lungs_not_shown
from models.nodule_volume import Stack, stack_of
from tests.nodule_scans import series, slice_hu
from worklist.uid import SeriesInstanceUID

Judged = tuple[SeriesImages, Stack, Lungs]
Heights = Sequence[float]


def evenly(gap_mm: float, count: int, without: Sequence[int] = ()) -> list[float]:
    return [n * gap_mm for n in range(count) if n not in without]


def judged(
    heights: Heights, thickness_mm: float | None = None, *, number: int = 1, lungs_from: float = 0.0
) -> Judged:
    """A chest at these heights, lungs from one of them upwards, solid below."""
    planes = [slice_hu(z) for z in heights]
    for z, plane in zip(heights, planes, strict=True):
        plane[(plane < -600) & (plane > -900)] += 890 * (z < lungs_from)
    made = series(heights, slices=planes)
    headers = tuple(
        replace(
            header,
            sop_instance_uid=image.sop_instance_uid,
            slice_thickness_mm=thickness_mm,
            frame_of_reference_uid="1.2.9",
            rows=image.pixels.shape[0],
            columns=image.pixels.shape[1],
            pixel_spacing_mm=image.pixel_spacing_mm,
        )
        for header, image in zip(made.header.instances, made.images, strict=True)
    )
    uid = SeriesInstanceUID(f"1.2.3.{number}")
    header = replace(made.header, series_instance_uid=uid, instances=headers)
    whole = SeriesImages(header=header, images=made.images)
    stack = stack_of(whole)
    assert isinstance(stack, Stack), stack
    lungs = find_lungs(stack)
    assert isinstance(lungs, Lungs), lungs
    return whole, stack, lungs


def told(*scans: Judged) -> list[tuple[str, bool]]:
    return [(one.reason.partition(",")[0], one.may_hide) for one in lungs_not_shown(scans)]


def test_what_may_hide_is_the_smallest_nodule_that_decides() -> None:
    assert MAY_HIDE_FROM_MM == ACTIONABLE_MM


@pytest.mark.parametrize(
    ("hole_mm", "may_hide"), [(5.8, False), (6.0, True), (6.2, True)], ids=["below", "at", "above"]
)
def test_p4_a_hole_as_wide_as_a_nodule_that_decides_may_hide_one(
    hole_mm: float, may_hide: bool
) -> None:
    below = evenly(2.5, 20)
    heights = [*below, *(below[-1] + 2.5 + hole_mm + z for z in below)]
    scan = judged(heights, 2.5)
    assert lungs_not_shown([scan]) == (
        NotShown(
            series_instance_uid=SeriesInstanceUID("1.2.3.1"),
            reason=f"{hole_mm:.1f} mm of the lungs, between two planes, are on no image: images"
            " seem to be missing.",
            may_hide=may_hide,
        ),
    )


@pytest.mark.parametrize("thickness_mm", [5.0, None])
def test_one_slice_of_5_mm_is_told_and_two_side_by_side_may_hide_a_nodule(
    thickness_mm: float | None,
) -> None:
    assert told(judged(evenly(5.0, 24), thickness_mm)) == []
    assert told(judged(evenly(5.0, 24, [11]), thickness_mm)) == [("5.0 mm of the lungs", False)]
    apart = judged(evenly(5.0, 24, [8, 14]), thickness_mm)
    assert told(apart) == [("10.0 mm of the lungs", False)]
    side_by_side = judged(evenly(5.0, 24, [11, 12]), thickness_mm)
    assert told(side_by_side) == [("10.0 mm of the lungs", True)]


def test_the_order_of_slices_does_not_matter() -> None:
    made, _, _ = judged(evenly(2.5, 48, range(20, 30)), 2.5)
    turned = replace(made, images=tuple(reversed(made.images)))
    stack = stack_of(turned)
    assert isinstance(stack, Stack)
    lungs = find_lungs(stack)
    assert isinstance(lungs, Lungs)
    assert told((turned, stack, lungs)) == [("25.0 mm of the lungs", True)]


@pytest.mark.parametrize(
    ("lost", "said"),
    [(range(2, 6), []), (range(8, 12), [("20.0 mm of the lungs", True)])],
    ids=["between planes without lung", "right below the lungs"],
)
def test_lungs_may_reach_into_what_is_missing_beside_them(
    lost: Sequence[int], said: list[tuple[str, bool]]
) -> None:
    assert told(judged(evenly(5.0, 36, lost), 5.0, lungs_from=60.0)) == said


def test_what_another_judged_series_shows_is_not_missing() -> None:
    holed = judged(evenly(2.5, 48, range(20, 30)), 2.5)
    whole = judged(evenly(5.0, 24), 5.0, number=2)
    assert told(holed, whole) == []
    holed_too = judged(evenly(5.0, 24, [10, 11]), 5.0, number=2)
    assert told(holed, holed_too) == [
        ("25.0 mm of the lungs", True),
        ("10.0 mm of the lungs", True),
    ]


def test_slices_further_apart_elsewhere_that_are_as_thick_are_not_missing() -> None:
    heights = [*evenly(2.5, 20), *(53.75 + z for z in evenly(5.0, 14))]
    assert told(judged(heights, None)) == []
    assert np.diff(heights).max() == 6.25
