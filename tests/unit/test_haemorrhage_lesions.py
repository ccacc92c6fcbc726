"""Blood and calcium drawn into heads without any."""

import numpy as np
import pytest
from scipy import ndimage

from models.haemorrhage_answers import KINDS
from models.training.haemorrhage_lesions import Lesion, Scene, draw_blood, draw_calcium

SIDE = 256


@pytest.fixture(scope="module")
def scene() -> Scene:
    """A brain with ventricles and a few sulci, alike in three planes."""
    row, column = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    rho = np.hypot((column - 128) / 84, (row - 128) / 105)
    hu = np.where(rho < 1, 34, np.where(rho < 1.1, 1100, -1000)).astype(np.float32)
    hu[(np.abs(np.abs(column - 128) - 14) < 6) & (np.abs(row - 128) < 40)] = 6
    hu[(rho < 1) & (rho > 0.88) & (column % 17 < 4)] = 8
    depth = ndimage.distance_transform_edt(rho < 1).astype(np.float32)
    noise = np.random.default_rng(0).normal(0, 4, (3, SIDE, SIDE)).astype(np.float32)
    return Scene(planes=hu + noise, depths=np.repeat(depth[None], 3, axis=0))


@pytest.fixture(scope="module")
def lesions(scene: Scene) -> list[Lesion]:
    random = np.random.default_rng(1)
    drawn = [draw_blood(scene, random) for _ in range(150)]
    return [one for one in drawn if one is not None]


def test_every_kind_is_drawn(lesions: list[Lesion]) -> None:
    assert len(lesions) > 75
    assert {one.kind for one in lesions} == set(range(len(KINDS)))


def test_blood_is_dense_and_lies_in_the_skull(scene: Scene, lesions: list[Lesion]) -> None:
    for one in lesions:
        sure = one.mask >= 0.9 * one.mask.max()  # thin layers fill no pixel whole
        assert not one.mask[scene.depths[1] == 0].any()
        assert 40 < np.median(one.planes[1][sure]) < 95
        assert (one.mask > 0.5).sum() >= 14


def test_what_lies_far_from_the_blood_is_left_as_it_was(
    scene: Scene, lesions: list[Lesion]
) -> None:
    for one in lesions:
        away = ndimage.distance_transform_edt(one.mask < 0.01) > 60
        changed = np.abs(one.planes[1] - scene.planes[1])[away]
        assert not (changed > 15).any()


def test_layers_follow_the_inner_table(scene: Scene, lesions: list[Lesion]) -> None:
    epidural = [one for one in lesions if KINDS[one.kind] == "epidural"]
    for one in epidural:
        assert scene.depths[1][one.mask > 0.5].min() <= 2


def test_blood_in_the_ventricles_lies_deep(scene: Scene, lesions: list[Lesion]) -> None:
    inside = [one for one in lesions if KINDS[one.kind] == "intraventricular"]
    for one in inside:
        assert scene.depths[1][one.mask > 0.5].min() > 25


def test_calcium_is_denser_than_blood(scene: Scene) -> None:
    planes = draw_calcium(scene, np.random.default_rng(2))
    added = (planes - scene.planes)[1]
    assert planes[1][added > 60].max() > 100
    assert not added[scene.depths[1] == 0].any()


def test_no_room_is_no_blood(scene: Scene) -> None:
    empty = Scene(planes=scene.planes, depths=np.zeros_like(scene.depths))
    random = np.random.default_rng(3)
    assert all(draw_blood(empty, random) is None for _ in range(20))


def test_a_seed_draws_the_same(scene: Scene) -> None:
    first, second = (draw_blood(scene, np.random.default_rng(4)) for _ in range(2))
    assert first is not None and second is not None
    np.testing.assert_array_equal(first.planes, second.planes)
