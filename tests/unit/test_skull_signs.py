"""What the network of the walls says, brought back to planes and canvases."""

import numpy as np
import pytest

from models.haemorrhage_answers import STRIDE
from models.haemorrhage_volume import CANVAS, Skull, Stack, find_skull, stack_of
from models.skull_signs import find_signs
from models.skull_unrolled import COLUMNS, ROWS, WRAP
from tests.haemorrhage_heads import head, images_of, sound_walls

FRONT = COLUMNS // 2 // STRIDE  # the cell in the middle
CELL_ROW = 4  # of the bone


@pytest.fixture(scope="module")
def scene() -> tuple[Stack, Skull]:
    stack = stack_of(images_of(head(slices=12, gap_mm=10)))
    return stack, find_skull(stack)


def _saying(sign: int, cells: list[tuple[int, int]], planes: tuple[int, ...] = (3,)):
    """A network that marks cells on some of the strips it is given, counting over its calls."""
    seen = 0

    def network(batch: np.ndarray) -> dict[str, np.ndarray]:
        nonlocal seen
        said = sound_walls(batch)
        for place in range(len(batch)):
            if seen in planes:
                said["sign_logits"][place, sign] = 4
                for row, column in cells:
                    said["heat_logits"][place, sign, row, column] = 3
            seen += 1
        return said

    return network


def test_log_odds_stand_at_their_planes(scene: tuple[Stack, Skull]) -> None:
    stack, skull = scene
    signs = find_signs(stack, skull, _saying(1, []), least_heat=0.3)
    assert signs.logits.shape == (len(stack.planes), 2)
    assert signs.logits[skull.first + 3].tolist() == [-6, 4]
    assert signs.logits[skull.first].tolist() == [-6, -6]
    assert np.isnan(signs.logits[: skull.first]).all()


def test_the_heat_of_blood_lies_on_the_canvas_where_the_strip_was(
    scene: tuple[Stack, Skull],
) -> None:
    stack, skull = scene
    heat = find_signs(stack, skull, _saying(0, [(CELL_ROW, FRONT)]), least_heat=0.3).blood_heat
    assert heat.shape == (len(stack.planes), CANVAS // STRIDE, CANVAS // STRIDE)
    ((plane, row, column),) = np.argwhere(heat > 0.5)
    assert plane == skull.first + 3
    assert row < CANVAS // STRIDE / 4  # in front is up
    assert abs(column - CANVAS // STRIDE / 2) <= 1


def test_cells_that_hang_together_are_one_fracture(scene: tuple[Stack, Skull]) -> None:
    cells = [(CELL_ROW, FRONT), (CELL_ROW, FRONT + 1), (CELL_ROW, FRONT + 20)]
    near, far = sorted(
        find_signs(*scene, _saying(1, cells), least_heat=0.3).fractures, key=lambda one: -one.area
    )
    assert near.plane == far.plane == 3
    assert 1.2 * far.area < near.area < 3 * far.area
    assert near.score == pytest.approx(1 / (1 + np.exp(-3)), abs=1e-4)
    x, y = near.outline.mean(axis=0)
    assert abs(x - CANVAS / 2) < 12 and y < CANVAS / 4
    assert far.outline[:, 0].mean() > x  # further along is to the patient's left


def test_what_is_hot_in_the_scalp_is_no_blood(scene: tuple[Stack, Skull]) -> None:
    stack, skull = scene
    scalp = ROWS // STRIDE - 1
    heat = find_signs(stack, skull, _saying(0, [(scalp, FRONT)]), least_heat=0.3).blood_heat
    assert heat.max() < 0.01


def test_an_oblique_fracture_is_one(scene: tuple[Stack, Skull]) -> None:
    cells = [(CELL_ROW - 1, FRONT), (CELL_ROW, FRONT + 1), (CELL_ROW + 1, FRONT + 2)]
    (one,) = find_signs(*scene, _saying(1, cells), least_heat=0.3).fractures
    assert np.ptp(one.outline[:, 0]) > 2 * STRIDE / 2


def test_cells_below_the_least_heat_are_none(scene: tuple[Stack, Skull]) -> None:
    assert find_signs(*scene, _saying(1, [(CELL_ROW, 30)]), least_heat=0.99).fractures == ()


def test_a_fracture_that_both_ends_of_a_strip_show_counts_once(scene: tuple[Stack, Skull]) -> None:
    last = COLUMNS // STRIDE - 1
    back = WRAP // STRIDE
    cells = [(CELL_ROW, 1), (CELL_ROW, last - 2 * back + 2)]
    long = [(CELL_ROW - 1, n) for n in range(back + 3)]
    long += [(CELL_ROW - 1, n) for n in range(last - 2 * back + 1, last + 1)]
    assert len(find_signs(*scene, _saying(1, long), least_heat=0.3).fractures) == 1
    assert len(find_signs(*scene, _saying(1, cells), least_heat=0.3).fractures) == 1


def test_the_strips_come_a_few_at_a_time(scene: tuple[Stack, Skull]) -> None:
    shapes = []

    def network(batch: np.ndarray) -> dict[str, np.ndarray]:
        shapes.append(batch.shape)
        return sound_walls(batch)

    find_signs(*scene, network, least_heat=0.3)
    assert all(shape[1:] == (3, ROWS, COLUMNS) and shape[0] <= 8 for shape in shapes)
    assert sum(shape[0] for shape in shapes) == scene[1].last - scene[1].first + 1


def test_a_head_whose_walls_cannot_be_followed_has_no_signs(scene: tuple[Stack, Skull]) -> None:
    stack, skull = scene
    nothing = Skull(
        **{name: getattr(skull, name) for name in Skull.__slots__ if name != "cavity"},
        cavity=np.zeros_like(skull.cavity),
    )
    signs = find_signs(stack, nothing, sound_walls, least_heat=0.3)
    assert np.isnan(signs.logits).all() and not signs.fractures and signs.blood_heat.max() == 0
