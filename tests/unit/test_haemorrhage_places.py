"""From heat to outlines of blood: what is dense within the skull, never what is beyond it."""

import numpy as np
import pytest

from models.haemorrhage_answers import STRIDE
from models.haemorrhage_places import Place, find_places
from models.haemorrhage_volume import CANVAS
from models.skull_unrolled import COLUMNS, WRAP, InnerTable

RADIUS = 80  # canvas pixels, of the drawn skull's inner table
BONE = 10  # pixels thick
MIDDLE = CANVAS // 2
CELLS = CANVAS // STRIDE


def _table() -> InnerTable:
    return InnerTable(
        middle=np.full(2, float(MIDDLE)), radius=np.full(COLUMNS - 2 * WRAP, float(RADIUS))
    )


def _head(planes: int = 1) -> np.ndarray:
    """Round heads of brain, bone and scalp."""
    row, column = np.indices((CANVAS, CANVAS)) + 0.5 - MIDDLE
    reach = np.hypot(row, column)
    plane = np.select([reach < RADIUS, reach < RADIUS + BONE, reach < 100], [32, 900, 20], -1000)
    return np.repeat(plane[None].astype(np.float32), planes, axis=0)


def _hot(*blocks: tuple[int, int, int, int, int], planes: int = 1) -> np.ndarray:
    """Heat in canvas pixels: plane, first and last row, first and last column of each block."""
    heat = np.zeros((planes, CELLS, CELLS), np.float32)
    for plane, top, bottom, left, right in blocks:
        heat[plane, top // STRIDE : bottom // STRIDE, left // STRIDE : right // STRIDE] = 0.9
    return heat


def _reach(place: Place) -> float:
    return float(np.hypot(*(place.outline - MIDDLE).T).max())


@pytest.fixture
def swollen() -> np.ndarray:
    """Blood beneath the bone on the right of the picture, and as dense a haematoma over it."""
    plane = _head()
    plane[0, 104:120, 180:190] = 65
    plane[0, 104:120, 203:211] = 65
    return plane


def test_the_outline_stays_within_the_skull(swollen: np.ndarray) -> None:
    heat = _hot((0, 96, 128, 176, 216))
    (place,) = find_places(swollen, heat, [_table()], least=0.3)
    assert RADIUS - 5 < _reach(place) < RADIUS + BONE / 2
    # not knowing where the skull ends, both are outlined
    assert len(find_places(swollen, heat, [None], least=0.3)) == 2


def test_heat_in_the_scalp_alone_is_no_place(swollen: np.ndarray) -> None:
    heat = _hot((0, 96, 128, 200, 216)) + _hot((0, 48, 56, 96, 104)) / 9
    (place,) = find_places(swollen, heat, [_table()], least=0.3)
    assert place.score == pytest.approx(0.1)  # the hottest within, should the plane be suspect
    assert np.abs(place.outline - [100, 52]).max() <= 10


def test_a_plane_on_which_nothing_is_hot_has_its_hottest_place() -> None:
    planes = _head(2)
    planes[0, 60:76, 60:80] = 65
    heat = _hot((0, 56, 80, 56, 80), planes=2)
    heat[1, 8, 8] = 0.05
    sure, faint = find_places(planes, heat, [_table()] * 2, least=0.3)
    assert (sure.plane, faint.plane) == (0, 1)
    assert (sure.lesion, faint.lesion) == (1, 2)  # a doubtful one is no part of a sure one
    assert faint.score == pytest.approx(0.05)


def test_hot_cells_without_anything_dense_are_outlined_within_the_skull() -> None:
    (place,) = find_places(_head(), _hot((0, 96, 128, 176, 216)), [_table()], least=0.3)
    assert RADIUS - 5 < _reach(place) < RADIUS + BONE / 2


def _bits(gap: int) -> tuple[Place, ...]:
    """Two pieces of blood on one plane, so many pixels apart."""
    planes = _head()
    planes[0, 60:76, 60:80] = 65
    planes[0, 60:76, 80 + gap : 100 + gap] = 65
    heat = _hot((0, 56, 80, 56, 80), (0, 56, 80, 80 + gap, 104 + gap))
    return find_places(planes, heat, [_table()], least=0.3)


def test_bits_that_nearly_touch_are_one_lesion() -> None:
    near = _bits(8)
    assert len(near) == 2
    assert {place.lesion for place in near} == {1}
    assert {place.lesion for place in _bits(32)} == {1, 2}


def test_blood_that_moves_along_the_skull_is_one_lesion_from_plane_to_plane() -> None:
    planes = _head(3)
    blocks = []
    for plane, left in enumerate((60, 84, 140)):
        planes[plane, 60:76, left : left + 20] = 65
        blocks.append((plane, 56, 80, left - left % 8, left + 24))
    places = find_places(planes, _hot(*blocks, planes=3), [_table()] * 3, least=0.3)
    by_plane = {place.plane: place.lesion for place in places}
    assert by_plane[0] == by_plane[1] != by_plane[2]
