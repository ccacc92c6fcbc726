"""Head CT brought into the frame of the network, and points of it brought back."""

from dataclasses import replace

import numpy as np
import pytest

from models.haemorrhage_passes import passes_of
from models.haemorrhage_volume import (
    CANVAS,
    NoSkull,
    NotAxial,
    find_skull,
    stack_of,
    to_canvas,
    to_network,
    with_neighbours,
)
from tests.haemorrhage_heads import (
    GAP_MM,
    PIXEL_MM,
    SIDE,
    head,
    images_of,
    mirrored_left_right,
    transposed,
    upside_down,
)

BLEED = (30.0, 20.0, 10.0)  # to the left, the back, the top


@pytest.fixture(scope="module")
def volume() -> np.ndarray:
    return head(bleed=BLEED)


@pytest.mark.parametrize("other_way", [mirrored_left_right, upside_down, transposed])
def test_a_head_stored_in_another_way_is_the_same_stack(volume: np.ndarray, other_way) -> None:
    plain = stack_of(images_of(volume))
    turned = stack_of(other_way(images_of(volume)))
    assert turned.turn != plain.turn
    np.testing.assert_array_equal(turned.planes, plain.planes)


def test_the_order_of_the_images_does_not_matter(volume: np.ndarray) -> None:
    images = images_of(volume)
    plain, reversed_ = stack_of(images), stack_of(images[::-1])
    np.testing.assert_array_equal(plain.planes, reversed_.planes)
    last = len(images) - 1
    assert reversed_.members == tuple(tuple(last - n for n in group) for group in plain.members)


def test_images_counted_from_the_top_are_put_from_the_neck_up(volume: np.ndarray) -> None:
    down = [
        replace(i, image_position_mm=(0.0, 0.0, -n * 5.0)) for n, i in enumerate(images_of(volume))
    ]
    stack = stack_of(down)
    np.testing.assert_array_equal(stack.planes, volume[::-1])


@pytest.mark.parametrize(
    ("gap_mm", "images"), [(0.625, 8), (1.25, 4), (2.5, 2), (5.0, 1), (8.0, 1)]
)
def test_thin_planes_are_averaged_to_about_five_mm(gap_mm: float, images: int) -> None:
    volume = head(slices=16, gap_mm=gap_mm)
    stack = stack_of(images_of(volume, gap_mm=gap_mm))
    assert {len(group) for group in stack.members} == {images}
    assert [n for group in stack.members for n in group] == list(range(16))
    np.testing.assert_allclose(stack.planes[0], volume[:images].mean(axis=0), atol=1e-2)


def test_uneven_gaps_make_slabs_of_unlike_numbers() -> None:
    heights = [0, 2.5, 5, 7.5, 10, 15, 20, 27, 34]  # fine below, coarse above
    images = images_of(head(slices=9))
    placed = [
        replace(image, image_position_mm=(0.0, 0.0, float(z)))
        for image, z in zip(images, heights, strict=True)
    ]
    assert [len(group) for group in stack_of(placed).members] == [2, 2, 1, 1, 1, 1, 1]


def test_without_positions_the_thickness_or_the_number_says_what_to_average() -> None:
    images = images_of(head(slices=24), gap_mm=None)
    assert len(stack_of(images).members) == 24
    assert len(stack_of(images, thickness_mm=1.25).members) == 6
    many = images_of(np.zeros((160, 32, 32), np.float32), gap_mm=None)
    assert len(stack_of(many).members) == 32


def test_a_plane_that_is_there_twice_shares_a_slab_with_itself() -> None:
    images = images_of(head(slices=8))
    doubled = [one for image in images for one in (image, replace(image, frame_number=2))]
    assert passes_of(doubled) == (tuple(range(16)),)
    stack = stack_of(doubled)
    assert [len(group) for group in stack.members] == [2] * 8
    assert stack.slab_mm == stack_of(images).slab_mm == GAP_MM


def test_planes_at_one_place_that_differ_belong_to_two_passes() -> None:
    first, second = images_of(head(slices=8)), images_of(head(slices=8, brain_hu=30.0))
    mixed = [one for pair in zip(first, second, strict=True) for one in pair]
    assert passes_of(mixed) == (tuple(range(0, 16, 2)), tuple(range(1, 16, 2)))
    stack = stack_of(mixed, places=passes_of(mixed)[1])
    np.testing.assert_array_equal(stack.planes, stack_of(second).planes)
    assert [n for group in stack.members for n in group] == list(range(1, 16, 2))


def test_every_pass_is_whole_though_only_some_places_were_scanned_again() -> None:
    images = images_of(head(slices=8))
    again = tuple(replace(i, pixels=i.pixels + 1) for i in images[2:4])
    assert passes_of(images + again) == (tuple(range(8)), (0, 1, 4, 5, 6, 7, 8, 9))


def test_images_without_a_position_are_one_pass() -> None:
    images = images_of(head(slices=8), gap_mm=None)
    assert passes_of(images + images) == (tuple(range(16)),)


def test_an_image_of_another_size_is_in_no_slab_and_no_pass() -> None:
    images = list(images_of(head(slices=8)))
    images[3] = replace(images[3], pixels=np.zeros((64, 64), np.float32))
    assert 3 not in [n for group in stack_of(images).members for n in group]
    assert passes_of(images) == ((0, 1, 2, 4, 5, 6, 7),)


def test_values_that_are_no_number_become_air() -> None:
    volume = head(slices=8)
    volume[2, :4] = np.nan
    assert np.isfinite(stack_of(images_of(volume)).planes).all()


def test_planes_along_the_axis_are_refused() -> None:
    coronal = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
    with pytest.raises(NotAxial):
        stack_of(images_of(head(slices=8), orientation=coronal))


def test_no_bone_is_no_skull() -> None:
    with pytest.raises(NoSkull):
        find_skull(stack_of(images_of(np.full((8, 96, 96), 35.0, np.float32))))


@pytest.mark.parametrize("turn_degrees", [-20.0, 0.0, 15.0])
def test_the_head_is_upright_in_the_middle_of_the_canvas(turn_degrees: float) -> None:
    stack = stack_of(images_of(head(turn_degrees=turn_degrees)))
    skull = find_skull(stack)
    canvas = to_canvas(stack.planes[13], skull.to_plane)
    rows, columns = np.nonzero(canvas > 600)  # the skull
    for places in (rows, columns):
        assert (places.min() + places.max()) / 2 == pytest.approx(CANVAS / 2, abs=6)
    assert 0.75 * CANVAS < np.ptp(rows) < CANVAS
    assert np.ptp(columns) < 0.9 * np.ptp(rows)


def test_a_point_of_the_canvas_comes_back_to_its_source_pixel(volume: np.ndarray) -> None:
    images = transposed(images_of(volume))
    stack = stack_of(images)
    skull = find_skull(stack)
    slab = round(BLEED[2] / GAP_MM + (len(volume) - 1) / 2)
    canvas = to_canvas(stack.planes[slab], skull.to_plane)
    inner = np.argwhere((canvas > 58) & (canvas < 85))
    row, column = np.median(inner, axis=0) + 0.5
    on_plane = np.array([[column, row]]) @ skull.to_plane[:, :2].T + skull.to_plane[:, 2]
    x, y = stack.turn.undo(on_plane, stack.planes.shape[1:])[0]
    # the source is transposed: its columns run to the back, its rows to the left
    assert x == pytest.approx(SIDE / 2 + BLEED[1] / PIXEL_MM, abs=2.5)
    assert y == pytest.approx(SIDE / 2 + BLEED[0] / PIXEL_MM, abs=2.5)


def test_pixels_that_are_not_square_are_made_so() -> None:
    flat = head()[:, ::2]  # rows twice as far apart
    images = [replace(i, pixel_spacing_mm=(2 * PIXEL_MM, PIXEL_MM)) for i in images_of(flat)]
    stack = stack_of(images)
    skull = find_skull(stack)
    canvas = to_canvas(stack.planes[13], skull.to_plane)
    plain = stack_of(images_of(head()))
    whole = to_canvas(plain.planes[13], find_skull(plain).to_plane)
    assert np.median(np.abs(canvas - whole)) < 12


def test_the_network_sees_blood_between_brain_and_bone() -> None:
    hu = np.array([-1000.0, 0.0, 35.0, 65.0, 80.0, 150.0, 1000.0, 3000.0], np.float32)
    seen = to_network(hu)
    assert seen.min() == -1 and seen.max() == pytest.approx(1.0)
    assert (np.diff(seen[1:7]) > 0).all()
    assert seen[3] - seen[2] > 0.5


def test_each_plane_lies_between_its_neighbours() -> None:
    planes = np.arange(3, dtype=np.float32)[:, None, None] * np.ones((1, 2, 2), np.float32)
    stacked = with_neighbours(planes)
    assert stacked.shape == (3, 3, 2, 2)
    assert stacked[:, :, 0, 0].tolist() == [[0, 0, 1], [0, 1, 2], [1, 2, 2]]
