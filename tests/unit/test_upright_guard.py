"""The upright guard around a network that is made up, and what its training sets."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.card import CardError
from models.detector import Image
from models.haemorrhage_volume import find_skull, stack_of
from models.training.upright_guard import (
    STORED,
    Margins,
    counts,
    in_the_middle,
    learn,
    limit_of,
    margin,
    tilted,
)
from models.upright_guard import (
    ON_ITS_SIDE,
    PLANES,
    SIDE,
    UPSIDE_DOWN,
    WEIGHTS,
    UprightGuard,
    bone_of,
    load_upright_guard,
)
from tests.haemorrhage_heads import head, images_of, transposed, upside_down

Floats = np.ndarray


def _front_is_bony(batch: Floats) -> dict[str, Floats]:
    """Log odds: how much more bone the front half shows than the back."""
    halves = batch.sum(axis=(1, 3)).reshape(len(batch), 2, -1).sum(axis=2)
    return {"logit": (halves[:, 0] - halves[:, 1]) / 10}


def _face() -> Floats:
    """A head with a block of bone before the forehead."""
    volume = head()
    volume[:, 20:32, 80:112] = 900
    return volume


def _bone(images: tuple[Image, ...]) -> Floats:
    stack = stack_of(images)
    return bone_of(stack, find_skull(stack))


def _why(volume: Floats, *, least_margin: float = 0.0) -> str | None:
    stack = stack_of(images_of(volume))
    guard = UprightGuard(network=_front_is_bony, least_margin=least_margin)
    return guard(stack, find_skull(stack))


@pytest.mark.parametrize(
    ("turned", "why"),
    [
        (lambda volume: volume, None),
        (lambda volume: volume[:, :, ::-1], None),
        (lambda volume: volume[:, ::-1], UPSIDE_DOWN),
        (lambda volume: volume[:, ::-1, ::-1], UPSIDE_DOWN),
        (lambda volume: np.rot90(volume, 1, (1, 2)), ON_ITS_SIDE),
        (lambda volume: np.rot90(volume, 3, (1, 2)), ON_ITS_SIDE),
    ],
    ids=["upright", "left for right", "top for bottom", "180 degrees", "left", "right"],
)
def test_a_head_that_is_not_upright_is_refused_with_the_way_it_lies(turned, why) -> None:  # type: ignore[no-untyped-def]
    assert _why(np.ascontiguousarray(turned(_face()))) == why


def test_a_margin_of_just_the_limit_passes() -> None:
    def network(batch: Floats) -> dict[str, Floats]:
        way = np.repeat(np.array([-1.0, 1.0, -3.0, -3.0]), len(batch) // 4)
        return {"logit": way}

    stack = stack_of(images_of(head()))
    skull = find_skull(stack)
    assert UprightGuard(network=network, least_margin=-2.0)(stack, skull) is None
    assert UprightGuard(network=network, least_margin=-1.99)(stack, skull) == UPSIDE_DOWN


@pytest.mark.parametrize("stored", [upside_down, transposed])
def test_a_head_whose_header_says_how_it_lies_looks_the_same(stored) -> None:  # type: ignore[no-untyped-def]
    images = images_of(_face())
    np.testing.assert_allclose(_bone(stored(images)), _bone(images), atol=0.05)


def test_a_table_air_and_blood_do_not_count() -> None:
    volume = head()
    changed = volume.copy()
    changed[:, 184:188] = 90  # a table behind the head
    changed[:, :3] = -1000
    changed[8:12, 90:100, 100:110] = 75
    np.testing.assert_array_equal(_bone(images_of(changed)), _bone(images_of(volume)))


def test_planes_are_spread_over_the_brain_and_at_most_sixteen() -> None:
    many = _bone(images_of(head()))
    assert many.shape == (PLANES, SIDE, SIDE)
    assert many.min() == 0 and many.max() == 1
    assert many[0].sum() > 0 and many[-1].sum() > 0
    assert len(_bone(images_of(head(slices=10, gap_mm=14.0), gap_mm=14.0))) <= 10


def test_the_size_of_pixels_does_not_count() -> None:
    images = images_of(head())
    unknown = tuple(replace(image, pixel_spacing_mm=None) for image in images)
    np.testing.assert_array_equal(_bone(unknown), _bone(images))


def test_other_weights_than_the_toml_names_are_refused(tmp_path: Path) -> None:
    weights = tmp_path / WEIGHTS.name
    weights.write_bytes(WEIGHTS.read_bytes() + b"\0")
    shutil.copy(WEIGHTS.with_suffix(".toml"), tmp_path)
    with pytest.raises(CardError, match="SHA-256"):
        load_upright_guard(weights=weights)


def test_the_limit_lies_below_every_upright_head_and_below_doubt() -> None:
    def margins(*upright: float) -> Margins:
        turned = tuple(-one for one in upright)
        return Margins(
            patients=("a", "b"), of_way={"upright": upright, "turned by 180 degrees": turned}
        )

    assert limit_of(margins(9.0, 5.0)) == -1.0
    assert limit_of(margins(9.0, -2.0)) == pytest.approx(-2.3)
    assert counts(margins(9.0, -2.0), -2.3) == {"upright": 0, "turned by 180 degrees": 1}


def test_a_tilted_plane_is_cut_from_several_and_never_beyond_the_last() -> None:
    heights = np.broadcast_to(np.arange(20.0)[:, None, None], (20, STORED, STORED))
    random = np.random.default_rng(0)
    planes = [tilted(heights.astype(np.float32), random) for _ in range(50)]
    assert all(plane.shape == (STORED, STORED) for plane in planes)
    assert min(plane.min() for plane in planes) == 0 and max(plane.max() for plane in planes) == 19
    sloping = [np.ptp(plane[:, 0]) for plane in planes]
    assert max(sloping) > 10 and min(sloping) < 1
    assert all((plane == plane[:, :1]).all() for plane in planes)


def test_a_few_steps_learn_which_half_of_a_plane_is_bony() -> None:
    head = np.zeros((20, STORED, STORED), np.float32)
    head[:, 30:45, 40:56] = 0.8  # in front
    network = learn([head], steps=25, seed=1)
    assert margin(network, in_the_middle(head)) > 0.5
    assert margin(network, in_the_middle(head)[:, ::-1]) < -0.5
