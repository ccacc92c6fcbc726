"""A CT series as a stack in space, and what is refused."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.detector import Image, SeriesImages, Unjudgeable, Unsuitable
from models.guard import CUT_OFF
from models.missing_planes import Missing, missing_between
from models.nodule_volume import DOUBLE, Stack, block_mean, stack_of
from tests.nodule_scans import AXIAL, header, instance, series
from worklist.uid import SOPInstanceUID


def flat(heights: np.ndarray, value: float = 0.0):  # type: ignore[no-untyped-def]
    """A series whose slices hold their own height, so that means show what went where."""
    return series(heights, slices=[np.full((192, 192), z + value, np.float32) for z in heights])


def stacked(made) -> Stack:  # type: ignore[no-untyped-def]
    stack = stack_of(made)
    assert isinstance(stack, Stack), stack
    return stack


def refused(made) -> str:  # type: ignore[no-untyped-def]
    said = stack_of(made)
    assert isinstance(said, Unsuitable), said
    return said.reason


def test_slices_are_put_in_order_whatever_order_they_come_in() -> None:
    made = flat(np.arange(0.0, 100.0, 2.5))
    turned = replace(made, images=tuple(reversed(made.images)))
    one, other = stacked(made), stacked(turned)
    np.testing.assert_array_equal(one.z_mm, other.z_mm)
    np.testing.assert_array_equal(one.coarse, other.coarse)


@pytest.mark.parametrize("gap", [0.5, 1.0, 1.25, 2.0, 3.0, 5.0])
def test_a_coarse_plane_lies_where_its_slices_do(gap: float) -> None:
    stack = stacked(flat(np.arange(0.0, 100.0, gap)))
    inner = slice(1, -1)
    np.testing.assert_allclose(
        stack.coarse[inner, 5, 5], stack.coarse_z_mm[inner], atol=gap / 2 + 0.01
    )
    assert max(1.2, gap) - 0.01 <= stack.coarse_spacing_mm[0] <= max(2.0, gap) + 0.01


def test_uneven_gaps_are_filled_between_their_neighbours() -> None:
    """Thin slices below thick ones: their places are known, and between them is what they show."""
    heights = np.concatenate([np.arange(0.0, 60.0, 2.5), np.arange(60.0, 130.0, 5.0)])
    stack = stacked(flat(heights))
    np.testing.assert_allclose(stack.coarse[:, 0, 0], stack.coarse_z_mm, atol=1.3)


def test_a_hole_is_filled_for_the_search_and_is_missing_all_the_same() -> None:
    heights = np.concatenate([np.arange(0.0, 60.0, 5.0), np.arange(75.0, 130.0, 5.0)])
    made = flat(heights)
    stack = stacked(made)
    np.testing.assert_allclose(stack.coarse[:, 0, 0], stack.coarse_z_mm, atol=0.01)
    assert missing_between(stack.images, made.header.instances) == Missing(
        widest_mm=15.0, total_mm=15.0, places=1
    )


def test_of_two_slices_at_one_place_the_first_counts() -> None:
    made = flat(np.arange(0.0, 100.0, 2.5))
    double = replace(made.images[3], pixels=made.images[3].pixels + 500)
    stack = stacked(replace(made, images=(*made.images, double)))
    assert len(stack.images) == len(made.images)
    assert stack.coarse.max() < 400
    (said,) = stack.doubles
    assert (said.sop_instance_uid, said.reason) == (double.sop_instance_uid, DOUBLE)
    assert said.place_judged and not stack.odd
    same = stacked(replace(made, images=(*made.images, made.images[3])))
    assert same.doubles == ()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"pixel_spacing_mm": None}, "pixel spacing"),
        ({"pixel_spacing_mm": (3.0, 3.0)}, "larger than"),
        ({"orientation": None}, "position and orientation"),
        ({"orientation": (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)}, "not axial"),
    ],
)
def test_slices_without_usable_geometry_are_refused(changed: dict, words: str) -> None:  # type: ignore[type-arg]
    heights = np.arange(0.0, 100.0, 2.5)
    made = series(heights, slices=[np.zeros((192, 192), np.float32)] * len(heights), **changed)
    assert words in refused(made)


ODD = (
    ({"pixels": np.zeros((100, 100), np.float32)}, "differ in rows and columns"),
    ({"pixel_spacing_mm": (0.5, 0.5)}, "differ in pixel spacing"),
    ({"pixel_spacing_mm": None}, "do not state their pixel spacing"),
    ({"image_orientation": (0.0, 1.0, 0.0, -1.0, 0.0, 0.0)}, "differ in orientation"),
    ({"image_orientation": (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)}, "differ in orientation"),
    ({"image_orientation": None}, "position and orientation"),
    ({"image_position_mm": None}, "position and orientation"),
)


def with_odd(made: SeriesImages, places: Collection[int], changed: dict[str, Any]) -> SeriesImages:
    images = [
        replace(image, **changed) if place in places else image
        for place, image in enumerate(made.images)
    ]
    return replace(made, images=tuple(images))


@pytest.mark.parametrize("first", [0, 4])
@pytest.mark.parametrize(("changed", "words"), ODD)
def test_of_slices_that_differ_the_grid_of_most_makes_the_stack(
    first: int, changed: dict[str, Any], words: str
) -> None:
    made = flat(np.arange(0.0, 100.0, 2.5))
    places = range(first, first + 3)
    stack = stacked(with_odd(made, places, changed))
    uids = [made.images[place].sop_instance_uid for place in places]
    assert [one.sop_instance_uid for one in stack.odd] == uids
    assert all(words in one.reason for one in stack.odd)
    assert len(stack.images) == 37
    assert not {image.sop_instance_uid for image in stack.images} & set(uids)
    assert not stacked(made).odd


def two_fields(
    *, near_mm: float = 1.8, shift_mm: float = 0.0, frame: str = "1.2.9", late_s: float = 0.0
) -> SeriesImages:
    """One series: 40 slices of a wide field of view, and 40 of a nearer one around its middle."""
    heights = np.arange(0.0, 100.0, 2.5)
    images, instances = [], []
    for field, (pixel_mm, low_mm, at_s) in enumerate(
        ((2.0, 0.0, 100.0), (near_mm, shift_mm, 100.0 + late_s))
    ):
        corner = (2.0 - pixel_mm) * 96
        for number, z in enumerate(heights):
            uid = SOPInstanceUID(f"1.2.3.{field + 1}.{number}")
            place = (corner, corner, float(z + low_mm))
            made = {"pixel_spacing_mm": (pixel_mm, pixel_mm), "image_position_mm": place}
            images.append(
                Image(
                    sop_instance_uid=uid,
                    frame_number=1,
                    pixels=np.full((192, 192), z, np.float32),
                    image_orientation=AXIAL,
                    **made,
                )
            )
            extent = {"rows": 192, "columns": 192, "frame_of_reference_uid": frame}
            instances.append(instance(sop_instance_uid=uid, acquired_s=at_s, **extent, **made))
    return SeriesImages(header=header(instances), images=tuple(images))


def test_of_two_fields_of_view_of_one_scan_the_wider_is_judged_and_the_other_not_missed() -> None:
    for made in (two_fields(), replace(two_fields(), images=two_fields().images[::-1])):
        stack = stacked(made)
        assert stack.spacing_mm == (2.0, 2.0) and not stack.odd
        again = {one.sop_instance_uid for one in stack.doubles}
        assert again == {i.sop_instance_uid for i in made.images} - {
            i.sop_instance_uid for i in stack.images
        }
        assert len(again) == 40
        assert all(one.place_judged and one.reason == DOUBLE for one in stack.doubles)


@pytest.mark.parametrize(
    ("otherwise", "missed"),
    [
        ({"shift_mm": 9.0}, 0),
        ({"shift_mm": 12.0}, 40),
        ({"late_s": 10.0}, 0),
        ({"late_s": 11.0}, 40),
        ({"frame": ""}, 40),
    ],
)
def test_p4_a_field_of_view_that_shows_something_else_is_missed(
    otherwise: dict[str, Any], missed: int
) -> None:
    stack = stacked(two_fields(**otherwise))
    assert len(stack.odd) == missed and len(stack.doubles) == 40 - missed


def test_p4_more_images_aimed_at_one_lung_do_not_stand_for_the_wide_ones() -> None:
    made = two_fields(near_mm=1.2)
    stack = stacked(replace(made, images=made.images[1:]))  # the near ones are more by one
    assert stack.spacing_mm == (1.2, 1.2)
    assert len(stack.odd) == 39 and not stack.doubles


@pytest.mark.parametrize(("cut", "refused"), [(1, 1), (24, 24), (25, 0)])
def test_p4_slices_cut_off_are_odd_unless_they_are_most(cut: int, refused: int) -> None:
    made = series(np.arange(0.0, 120.0, 2.5))
    held = made.images[0].pixels.copy()
    held[90:] = held[89]
    stack = stacked(with_odd(made, range(cut), {"pixels": held}))
    assert [one.reason for one in stack.odd] == [CUT_OFF] * refused
    assert len(stack.images) == 48 - refused


@pytest.mark.parametrize(
    ("changed", "odd"),
    [
        ({"pixel_spacing_mm": (1.783, 1.8)}, False),
        ({"pixel_spacing_mm": (1.781, 1.8)}, True),
        ({"image_orientation": (1.0, 0.0, 0.0199, 0.0, 1.0, 0.0)}, False),
        ({"image_orientation": (1.0, 0.0, 0.0201, 0.0, 1.0, 0.0)}, True),
    ],
)
def test_what_headers_round_is_one_grid(changed: dict[str, Any], odd: bool) -> None:
    stack = stacked(with_odd(flat(np.arange(0.0, 100.0, 2.5)), [4], changed))
    assert bool(stack.odd) is odd


def test_an_axial_grid_is_rather_judged_than_a_larger_one_that_is_not() -> None:
    upright = {"image_orientation": (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)}
    stack = stacked(with_odd(flat(np.arange(0.0, 120.0, 2.5)), range(26), upright))
    assert (len(stack.images), len(stack.odd)) == (22, 26)


def test_of_two_grids_as_large_the_same_is_judged_in_any_order() -> None:
    made = with_odd(flat(np.arange(0.0, 120.0, 2.5)), range(24), {"pixel_spacing_mm": (1.5, 1.5)})
    turned = replace(made, images=tuple(reversed(made.images)))
    one, other = stacked(made), stacked(turned)
    assert one.spacing_mm == other.spacing_mm and len(one.odd) == len(other.odd) == 24


@pytest.mark.parametrize(("sound", "judged"), [(9, False), (10, False), (11, True)])
def test_p4_if_too_few_are_of_one_grid_a_chest_may_be_shown_that_cannot_be_judged(
    sound: int, judged: bool
) -> None:
    made = flat(5.0 * np.arange(13))
    odd = with_odd(made, range(sound, 13), {"pixel_spacing_mm": (1.5, 1.5)})
    said = stack_of(odd)
    assert isinstance(said, Stack if judged else Unjudgeable)
    if isinstance(said, Unjudgeable):
        assert "differ in pixel spacing" in said.reason


@pytest.mark.parametrize(
    ("changed", "in_doubt"),
    [
        ({"pixel_spacing_mm": None}, True),
        ({"image_position_mm": None}, True),
        ({"pixel_spacing_mm": (3.0, 3.0)}, False),
        ({"image_orientation": (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)}, False),
    ],
)
def test_p4_slices_that_lie_nowhere_may_show_a_chest_and_others_are_none_for_the_detector(
    changed: dict[str, Any], in_doubt: bool
) -> None:
    made = flat(np.arange(0.0, 100.0, 2.5))
    said = stack_of(with_odd(made, range(40), changed))
    assert isinstance(said, Unsuitable) and isinstance(said, Unjudgeable) is in_doubt


@pytest.mark.parametrize(("gap", "fine"), [(5.0, True), (5.5, True), (5.6, False), (10.0, False)])
def test_slices_further_apart_than_the_limit_are_refused(gap: float, fine: bool) -> None:
    said = stack_of(flat(gap * np.arange(30)))
    assert isinstance(said, Stack) == fine


@pytest.mark.parametrize(
    ("count", "gap", "fine"), [(9, 5.5, False), (11, 5.0, True), (11, 4.9, False)]
)
def test_too_few_slices_are_refused(count: int, gap: float, fine: bool) -> None:
    assert isinstance(stack_of(flat(gap * np.arange(count))), Stack) == fine


def test_places_in_the_patient_follow_the_image_plane() -> None:
    stack = stacked(flat(np.arange(0.0, 100.0, 2.5)))
    assert stack.to_patient(4, 0.5, 0.5) == pytest.approx((0.0, 0.0, 10.0))
    assert stack.to_patient(0, 10.5, 20.5) == pytest.approx((18.0, 36.0, 0.0))


def test_a_patient_lying_on_the_belly_keeps_sides_and_height() -> None:
    made = flat(np.arange(0.0, 100.0, 2.5))
    prone = (-1.0, 0.0, 0.0, 0.0, -1.0, 0.0)
    turned = tuple(replace(image, image_orientation=prone) for image in made.images)
    stack = stacked(replace(made, images=turned))
    assert stack.to_patient(2, 10.5, 0.5) == pytest.approx((-18.0, 0.0, 5.0))
    assert prone != AXIAL


def test_block_means_leave_out_what_is_over() -> None:
    plane = np.arange(35, dtype=np.float32).reshape(5, 7)
    np.testing.assert_allclose(block_mean(plane, 2), [[4, 6, 8], [18, 20, 22]])
