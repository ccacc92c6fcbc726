"""What runs through a place is a vessel; what ends there, or is wider than its vessel, is none."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from models.nodule_lungs import Lungs, find_lungs
from models.nodule_vessels import runs_through
from models.nodule_volume import Stack, stack_of
from tests.nodule_scans import PIXEL_MM, SIDE, Ball, series, slice_hu

MIDDLE = (SIDE - 1) * PIXEL_MM / 2
X, Y, Z = MIDDLE + 66, MIDDLE, 60.0
ROWS, COLUMNS = np.mgrid[0:SIDE, 0:SIDE] * PIXEL_MM
Floats = npt.NDArray[np.float32]
Axis = Callable[[float], tuple[float, float] | None]  # the middle (x, y) of a vessel at a height


def through(
    axis: Axis, radius_mm: float, *, ball_mm: float = 0.0, gap_mm: float = 2.5, place_mm: float = 0
) -> float:
    """What is said of the place in the middle of the left lung."""
    heights = tuple(np.arange(0.0, 120.1, gap_mm))
    balls = [Ball(x=X, y=Y, z=Z, diameter_mm=ball_mm)] if ball_mm else []
    slices = [_with_vessel(slice_hu(z, balls), axis(z), radius_mm) for z in heights]
    stack = stack_of(series(heights, slices=slices))
    assert isinstance(stack, Stack)
    lungs = find_lungs(stack)
    assert isinstance(lungs, Lungs)
    plane = (Z - stack.coarse_z_mm[0]) / stack.coarse_spacing_mm[0]
    at = np.array([plane, Y / PIXEL_MM, X / PIXEL_MM])
    return runs_through(stack, lungs, at, (place_mm or ball_mm or 2 * radius_mm) / 2)


def _with_vessel(hu: Floats, middle: tuple[float, float] | None, radius_mm: float) -> Floats:
    if middle is None:
        return hu
    distance = np.hypot(COLUMNS - middle[0], ROWS - middle[1])
    share = np.clip(0.5 + (radius_mm - distance) / PIXEL_MM, 0, 1)
    return np.asarray(np.maximum(hu, -850 + share * 890), np.float32)


def straight(_: float) -> tuple[float, float]:
    return X, Y


@pytest.mark.parametrize("gap_mm", [1.25, 2.5, 5.0])
@pytest.mark.parametrize("radius_mm", [2.5, 4.0])
def test_a_vessel_across_the_slices_runs_through(gap_mm: float, radius_mm: float) -> None:
    assert through(straight, radius_mm, gap_mm=gap_mm) > 0.4


@pytest.mark.parametrize("gap_mm", [1.25, 5.0])
def test_a_slanting_vessel_runs_through(gap_mm: float) -> None:
    assert through(lambda z: (X + 0.7 * (z - Z), Y), 3.5, gap_mm=gap_mm) > 0.2


@pytest.mark.parametrize("gap_mm", [1.25, 5.0])
def test_nothing_runs_through_a_ball_in_the_open_lung(gap_mm: float) -> None:
    assert through(lambda _: None, 1.0, ball_mm=10.0, gap_mm=gap_mm) == 0


def test_nothing_runs_through_the_end_of_a_vessel() -> None:
    assert through(lambda z: (X, Y) if z >= Z else None, 4.0) == 0


def test_a_nodule_wider_than_its_vessel_is_no_vessel() -> None:
    assert 0 < through(straight, 2.0, ball_mm=14.0) < 0.2


def test_two_vessels_on_one_side_do_not_run_through() -> None:
    def fork(z: float) -> tuple[float, float] | None:
        return (X + (9 if int(z / 2.5) % 2 else -9), Y) if z > Z + 2 else None

    assert through(fork, 3.0, ball_mm=10.0) < 0.2
