"""Whether a chest lies in its planes as its header says."""

from collections.abc import Callable

import numpy as np
import pytest

from models.chest_guard import ON_ITS_SIDE, UPSIDE_DOWN, why_not_upright
from models.nodule_lungs import Lungs, find_lungs
from models.nodule_volume import Stack, stack_of
from tests.nodule_scans import AXIAL, PIXEL_MM, SIDE, series, slice_hu

HEIGHTS = tuple(np.arange(0.0, 100.0, 5.0))
Turn = Callable[[np.ndarray], np.ndarray]
# each way to store a plane, and the header that tells the truth of it
WAYS: dict[str, tuple[Turn, tuple[float, ...], str | None]] = {
    "upright": (lambda plane: plane, AXIAL, None),
    "mirrored left to right": (lambda plane: plane[:, ::-1], (-1, 0, 0, 0, 1, 0), None),
    "mirrored top to bottom": (lambda plane: plane[::-1], (1, 0, 0, 0, -1, 0), UPSIDE_DOWN),
    "turned by 180 degrees": (lambda plane: plane[::-1, ::-1], (-1, 0, 0, 0, -1, 0), UPSIDE_DOWN),
    "turned to one side": (np.rot90, (0, 1, 0, -1, 0, 0), ON_ITS_SIDE),
    "turned to the other": (lambda plane: np.rot90(plane, 3), (0, -1, 0, 1, 0, 0), ON_ITS_SIDE),
}


def chest(z: float) -> np.ndarray:
    """A slice of the made-up chest, its spine with marrow."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] * PIXEL_MM - (SIDE - 1) * PIXEL_MM / 2
    return np.where(np.hypot(x, y - 70) < 12, 180.0, slice_hu(z)).astype(np.float32)


def _why(planes: list[np.ndarray], orientation: tuple[float, ...] = AXIAL) -> str | None:
    stored = [np.ascontiguousarray(plane) for plane in planes]
    stack = stack_of(series(HEIGHTS, slices=stored, orientation=orientation))
    assert isinstance(stack, Stack)
    lungs = find_lungs(stack)
    assert isinstance(lungs, Lungs), lungs
    return why_not_upright(stack, lungs)


@pytest.mark.parametrize("way", WAYS)
def test_a_chest_that_lies_as_no_header_says_is_refused_and_mirrored_ones_pass(way: str) -> None:
    turn, _, reason = WAYS[way]
    assert _why([turn(chest(z)) for z in HEIGHTS]) == reason


@pytest.mark.parametrize("way", WAYS)
def test_a_chest_that_lies_any_way_passes_if_the_header_says_so(way: str) -> None:
    turn, told, _ = WAYS[way]
    assert _why([turn(chest(z)) for z in HEIGHTS], told) is None


@pytest.mark.parametrize("agent_hu", [350.0, 460.0, 600.0, 900.0])
def test_contrast_agent_in_the_heart_is_no_spine(agent_hu: float) -> None:
    y, x = np.mgrid[0:SIDE, 0:SIDE] * PIXEL_MM - (SIDE - 1) * PIXEL_MM / 2
    heart = np.hypot(x / 40, (y + 35) / 36) < 1
    noise = np.random.default_rng(1).normal(0, 20, heart.shape)
    planes = [np.where(heart, agent_hu + noise, chest(z)).astype(np.float32) for z in HEIGHTS]
    assert _why(planes) is None


def _drawn(back: int, front: int, *, soft_at_the_back: int = 0) -> str | None:
    """A body of 80 mm with so many mm2 of compact and of softer bone on each plane."""
    coarse = np.full((12, 100, 100), 40.0, np.float32)
    coarse[:, 80, 43 : 43 + soft_at_the_back] = 250.0
    for row, area in ((78, back), (20, front)):
        full, rest = divmod(area, 10)
        coarse[:, row - full : row, 45:55] = 500.0
        coarse[:, row, 45 : 45 + rest] = 500.0
    body = np.zeros((12, 50, 50), bool)
    body[:, 5:45, 5:45] = True
    stack = Stack(
        images=(),
        positions_mm=np.zeros((12, 3)),
        orientation=np.array(AXIAL),
        z_mm=np.arange(12.0),
        spacing_mm=(1.0, 1.0),
        coarse=coarse,
        coarse_z_mm=np.arange(12.0),
        factor=1,
    )
    mask = np.ones(coarse.shape, bool)
    lungs = Lungs(mask=mask, body=body, finer=2, median_hu=-850.0, litres=4.0)
    return why_not_upright(stack, lungs)


@pytest.mark.parametrize(
    ("back", "front", "refused"),
    [(20, 59, False), (20, 60, True), (20, 61, True), (0, 24, False), (0, 25, True), (0, 26, True)],
)
def test_three_times_as_much_compact_bone_in_front_and_not_just_a_little_is_a_spine(
    back: int, front: int, refused: bool
) -> None:
    assert _drawn(back, front) == (UPSIDE_DOWN if refused else None)


@pytest.mark.parametrize(("soft", "refused"), [(13, True), (14, True), (15, False)])
def test_metal_in_front_of_a_spine_that_is_less_dense_is_no_spine(soft: int, refused: bool) -> None:
    # 30 mm2 in front, three times the 10 of compact bone behind, 1.25 times all bone if that is 24
    assert _drawn(10, 30, soft_at_the_back=soft) == (UPSIDE_DOWN if refused else None)
