"""What a third-party network gets to see, and where on the image its places lie."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.detector import Image
from models.third_party_axes import DoesNotFit, turn_of
from models.third_party_card import InputRules
from models.third_party_images import Axis, prepare_image, prepare_volume
from worklist.uid import SOPInstanceUID

RULES = InputRules(
    modalities=("DX",),
    body_parts=(),
    contrast=True,
    channels=1,
    size=(4, 4),
    axes=("rows", "columns"),
    orientation=None,
    spacing_mm=None,
    window=(50.0, 100.0),
    range=(0.0, 1.0),
)
VOLUME = replace(
    RULES, size=(3, 2, 2), axes=("slices", "rows", "columns"), spacing_mm=(2.0, 1.0, 1.0)
)


def image(
    pixels: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    *,
    spacing: tuple[float, float] | None = (1.0, 1.0),
    z: float | None = 0.0,
) -> Image:
    return Image(
        sop_instance_uid=SOPInstanceUID("1.2.3"),
        frame_number=1,
        pixels=np.asarray(pixels, np.float32),
        pixel_spacing_mm=spacing,
        image_position_mm=None if z is None else (0.0, 0.0, z),
        image_orientation=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
    )


def test_the_window_becomes_the_networks_range_and_what_is_outside_its_ends() -> None:
    pixels = np.array([[-50, 0, 25, 50], [75, 100, 101, 900], [0] * 4, [0] * 4], np.float32)
    rules = replace(RULES, range=(-1.0, 1.0), channels=3)
    batch = prepare_image(image(pixels), rules).batch
    assert batch.shape == (1, 3, 4, 4)
    assert batch.dtype == np.float32
    np.testing.assert_allclose(batch[0, 0, :2], [[-1, -1, -0.5, 0], [0.5, 1, 1, 1]])
    np.testing.assert_array_equal(batch[0, 0], batch[0, 2])


def test_an_image_of_its_own_window_fills_the_range_whatever_its_values() -> None:
    pixels = np.linspace(3000, 4000, 16, dtype=np.float32).reshape(4, 4)
    batch = prepare_image(image(pixels), replace(RULES, window=None)).batch
    assert (batch.min(), batch.max()) == (0.0, 1.0)
    flat = prepare_image(image(np.full((4, 4), 7.0)), replace(RULES, window=None)).batch
    assert np.isfinite(flat).all()


def test_an_image_of_another_shape_is_not_distorted_and_stands_in_the_middle() -> None:
    batch = prepare_image(image(np.full((2, 4), 100.0)), RULES).batch
    np.testing.assert_array_equal(batch[0, 0], [[0] * 4, [1] * 4, [1] * 4, [0] * 4])


def test_with_a_spacing_the_middle_is_kept_and_the_rest_cut_off() -> None:
    pixels = np.zeros((8, 8), np.float32)
    pixels[3:5, 3:5] = 100.0
    prepared = prepare_image(image(pixels), replace(RULES, spacing_mm=(1.0, 1.0)))
    assert prepared.batch[0, 0, 1:3, 1:3].min() == 1.0
    assert prepared.batch[0, 0].sum() == 4.0
    assert [prepared.axes[0].back(one) for one in (0, 1, 3, 4)] == [2, 3, 5, 6]
    coarse = prepare_image(image(pixels, spacing=(0.5, 0.5)), replace(RULES, spacing_mm=(1.0, 1.0)))
    assert coarse.batch[0, 0, 1:3, 1:3].mean() > coarse.batch[0, 0].mean()


def test_a_model_that_needs_a_spacing_gets_no_image_without() -> None:
    with pytest.raises(DoesNotFit, match="how large a pixel"):
        prepare_image(image(np.zeros((4, 4)), spacing=None), replace(RULES, spacing_mm=(1.0, 1.0)))
    with pytest.raises(DoesNotFit, match="where they lie"):
        prepare_volume([image(np.zeros((2, 2)), z=None)] * 3, VOLUME)
    with pytest.raises(DoesNotFit, match="where they lie"):
        prepare_volume([image(np.zeros((2, 2)))], VOLUME)


@pytest.mark.parametrize(
    ("positions", "fits"),
    [
        ((0, 2, 4), True),
        ((4, 2, 0), True),
        ((0, 2, 4.9), True),
        ((0, 2, 4, 7.1), False),
        ((0, 2, 2, 4), False),
        ((0, 0, 0), False),
    ],
)
def test_a_volume_with_missing_or_doubled_slices_is_none(
    positions: tuple[float, ...], fits: bool
) -> None:
    images = [image(np.zeros((2, 2)), z=z) for z in positions]
    if fits:
        assert prepare_volume(images, VOLUME).batch.shape == (1, 1, 3, 2, 2)
        return
    with pytest.raises(DoesNotFit, match="uneven"):
        prepare_volume(images, VOLUME)


def test_a_volume_that_must_lie_in_a_certain_way_needs_images_that_say_how_they_lie() -> None:
    rules = replace(VOLUME, spacing_mm=None, orientation="RAS", size=(2, 2, 2))
    first, last = image(np.zeros((2, 2))), image(np.zeros((2, 2)), z=2.0)
    assert prepare_volume([first, last], rules).turn.order == (2, 1, 0)
    for unknown in (
        replace(last, image_orientation=None),
        replace(last, image_position_mm=None),
        replace(last, image_position_mm=first.image_position_mm),
    ):
        with pytest.raises(DoesNotFit, match="how they lie"):
            prepare_volume([first, unknown], rules)
    askew = replace(last, image_orientation=(0.0, 1.0, 0.0, 1.0, 0.0, 0.0))
    with pytest.raises(DoesNotFit, match="in parallel"):
        prepare_volume([first, askew], rules)


@given(st.permutations(["LR", "PA", "IS"]), st.tuples(*[st.integers(0, 1)] * 3))
def test_what_was_turned_for_a_network_is_turned_back(
    pairs: list[str], ends: tuple[int, int, int]
) -> None:
    orientation = "".join(pair[end] for pair, end in zip(pairs, ends, strict=True))
    tilted = (1.0, 0.0, 0.0, 0.0, 0.9, -0.4358898943540674)
    images = [
        replace(image(np.zeros((2, 2)), z=float(z)), image_orientation=tilted) for z in range(3)
    ]
    turn = turn_of(images, replace(VOLUME, orientation=orientation))
    stored = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    np.testing.assert_array_equal(turn.to_stored(turn.to_network(stored)), stored)
    toward_letters = turn.to_network(stored)[-1, -1, -1]
    assert toward_letters == stored[
        -1 if "S" in orientation else 0,
        -1 if "P" in orientation else 0,
        -1 if "L" in orientation else 0,
    ]  # fmt: skip


def test_images_of_different_size_make_no_volume() -> None:
    images = [image(np.zeros((2, 2))), image(np.zeros((2, 3)), z=2.0)]
    with pytest.raises(DoesNotFit, match="differ in size"):
        prepare_volume(images, VOLUME)


def test_a_thick_series_is_resampled_along_its_own_axis() -> None:
    images = [image(np.full((2, 2), value), z=z) for z, value in ((0, 0), (4, 100))]
    batch = prepare_volume(images, replace(VOLUME, size=(4, 2, 2))).batch
    along = batch[0, 0, :, 0, 0]
    assert along[0] < along[1] < along[2] < along[3]


@given(st.integers(1, 600), st.integers(1, 600), st.integers(1, 600))
def test_a_place_in_the_input_is_within_the_images(count: int, resampled: int, size: int) -> None:
    axis = Axis(count=count, resampled=resampled, size=size)
    edges = [axis.back(at) for at in range(size + 1)]
    assert edges == sorted(edges)
    assert edges[0] >= 0
    assert edges[-1] <= count
    for index in (0, count // 2, count - 1):
        place = axis.place(index)
        if place is not None:
            middle = index + 0.5
            assert axis.back(place) - 1e-6 <= middle <= axis.back(place + 1) + 1e-6
