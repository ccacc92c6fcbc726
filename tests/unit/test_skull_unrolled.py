"""The wall of the skull as a strip: what lies where, and back to the canvas."""

from dataclasses import replace

import numpy as np
import pytest

from models.haemorrhage_volume import CANVAS, Skull, Stack, find_skull, stack_of
from models.skull_unrolled import COLUMNS, INSIDE, ROWS, WRAP, Strip, to_network, unroll
from tests.haemorrhage_heads import SIDE, head, images_of

MIDDLE = 13  # a slab in the middle of the head


def _unrolled(volume: np.ndarray) -> tuple[Stack, Skull, dict[int, Strip]]:
    stack = stack_of(images_of(volume))
    skull = find_skull(stack)
    return stack, skull, {strip.slab: strip for strip in unroll(stack, skull)}


@pytest.fixture(scope="module")
def plain() -> tuple[Stack, Skull, dict[int, Strip]]:
    return _unrolled(head())


def test_every_plane_with_brain_is_unrolled(plain: tuple[Stack, Skull, dict[int, Strip]]) -> None:
    _, skull, strips = plain
    assert set(strips) == set(range(skull.first, skull.last + 1))
    assert all(strip.hu.shape == (3, ROWS, COLUMNS) for strip in strips.values())


def test_brain_lies_above_the_inner_table_and_bone_below_it(
    plain: tuple[Stack, Skull, dict[int, Strip]],
) -> None:
    wall = plain[2][MIDDLE].hu[1]
    assert abs(np.median(wall[: INSIDE - 4]) - 34) < 3
    assert np.median(wall[INSIDE + 2 : INSIDE + 7]) > 900
    begins = (wall > 500).argmax(axis=0)
    assert np.abs(begins - INSIDE).max() <= 3


@pytest.mark.parametrize(
    ("x", "y", "column"),
    [(0, -1, COLUMNS / 2), (1, 0, 0.75), (-1, 0, 0.25)],
    ids=["front", "left", "right"],
)
def test_the_front_is_in_the_middle_and_the_patients_left_on_the_right(
    x: int, y: int, column: float
) -> None:
    volume = head()
    rows, columns = np.indices((SIDE, SIDE)) - (SIDE - 1) / 2
    along = x * columns + y * rows
    beside = np.abs(y * columns + x * rows)
    hole = (along > 30) & (beside < 2)
    volume[MIDDLE][hole & (volume[MIDDLE] > 500)] = 0  # a cleft in the bone
    wall = _unrolled(volume)[2][MIDDLE].hu[1]
    cleft = np.flatnonzero(wall[INSIDE + 4] < 500)
    wanted = column if column > 1 else WRAP + column * (COLUMNS - 2 * WRAP)
    assert len(cleft) and abs(cleft.mean() - wanted) < 20


def test_both_ends_show_the_back(plain: tuple[Stack, Skull, dict[int, Strip]]) -> None:
    hu = plain[2][MIDDLE].hu
    np.testing.assert_array_equal(hu[:, :, : 2 * WRAP], hu[:, :, -2 * WRAP :])


def test_a_strips_neighbours_follow_its_own_curve() -> None:
    volume = head()
    volume[MIDDLE + 1] = -500  # nothing of a skull to follow
    _, _, strips = _unrolled(volume)
    assert MIDDLE in strips
    assert (strips[MIDDLE].hu[2] == -500).mean() > 0.95


def test_rows_do_not_reach_through_the_middle_of_a_small_plane(
    plain: tuple[Stack, Skull, dict[int, Strip]],
) -> None:
    table = plain[2][MIDDLE].table
    small = replace(table, radius=np.full_like(table.radius, 5.0))
    points = small.on_canvas(np.zeros(3), np.array([100.5, 300.5, 500.5]))
    np.testing.assert_allclose(points, np.tile(table.middle, (3, 1)))


def test_strip_pixels_go_back_to_where_they_were_sampled(
    plain: tuple[Stack, Skull, dict[int, Strip]],
) -> None:
    stack, skull, strips = plain
    strip = strips[MIDDLE]
    rows, columns = np.array([5.5, 40.5, 60.5]), np.array([100.5, 384.5, 600.5])
    points = strip.table.on_canvas(rows, columns)
    assert points.min() > 0 and points.max() < CANVAS
    at = points @ skull.to_plane[:, :2].T + skull.to_plane[:, 2]
    near = stack.planes[MIDDLE][at[:, 1].astype(int), at[:, 0].astype(int)]
    said = strip.hu[1][rows.astype(int), columns.astype(int)]
    assert np.sign(near - 500).tolist() == np.sign(said - 500).tolist()


def test_a_plane_without_a_cavity_is_left_out(
    plain: tuple[Stack, Skull, dict[int, Strip]],
) -> None:
    stack, skull, _ = plain
    cavity = skull.cavity.copy()
    cavity[MIDDLE] = False
    closed = Skull(
        **{name: getattr(skull, name) for name in Skull.__slots__ if name != "cavity"},
        cavity=cavity,
    )
    assert MIDDLE not in {strip.slab for strip in unroll(stack, closed)}


def test_the_network_sees_bone_soft_tissue_and_the_neighbours_bone() -> None:
    hu = np.stack([np.full((2, 2), v, np.float32) for v in (1800, 40, 0)])
    bone, soft, beside = to_network(hu)
    assert bone[0, 0] == pytest.approx(2 * 40 / 1800 - 1)
    assert soft[0, 0] == pytest.approx(0.0)
    assert beside[0, 0] == pytest.approx(0.0)
    assert to_network(hu * 99).max() == 1 and to_network(hu - 9999).min() == -1
