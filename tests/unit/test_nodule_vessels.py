"""What runs through a place makes it less suspect, unless it ends there or is much narrower."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from models.nodule_lungs import Lungs, find_lungs
from models.nodule_vessels import lost_to_vessels, runs_through
from models.nodule_volume import Stack, stack_of
from tests.nodule_scans import PIXEL_MM, SIDE, Ball, series, slice_hu, with_vessel

MIDDLE = (SIDE - 1) * PIXEL_MM / 2
X, Y, Z = MIDDLE + 66, MIDDLE, 60.0
Floats = npt.NDArray[np.float32]
Axis = Callable[[float], tuple[float, float] | None]  # the middle (x, y) of a vessel at a height


def through(*axes: Axis, radius_mm: float, ball_mm: float = 0.0, gap_mm: float = 2.5) -> float:
    """What is said of the place in the middle of the left lung, with vessels along axes."""
    heights = tuple(np.arange(0.0, 120.1, gap_mm))
    balls = [Ball(x=X, y=Y, z=Z, diameter_mm=ball_mm)] if ball_mm else []
    slices = [slice_hu(z, balls) for z in heights]
    for axis in axes:
        slices = [
            with_vessel(hu, axis(z), radius_mm) for z, hu in zip(heights, slices, strict=True)
        ]
    stack = stack_of(series(heights, slices=slices))
    assert isinstance(stack, Stack)
    lungs = find_lungs(stack)
    assert isinstance(lungs, Lungs)
    plane = (Z - stack.coarse_z_mm[0]) / stack.coarse_spacing_mm[0]
    at = np.array([plane, Y / PIXEL_MM, X / PIXEL_MM])
    return runs_through(stack, lungs, at, ball_mm / 2 or radius_mm)


def lost(through: float) -> float:
    """The log odds that a place loses."""
    return float(lost_to_vessels(np.array([through]))[0])


def straight(_: float) -> tuple[float, float]:
    return X, Y


def leaning(degrees: float) -> Axis:
    """A vessel that leaves the place upwards, so far from the vertical."""
    return lambda z: (X + np.tan(np.radians(degrees)) * (z - Z), Y) if z >= Z else None


@pytest.mark.parametrize("gap_mm", [1.25, 2.5, 5.0])
@pytest.mark.parametrize("radius_mm", [2.5, 4.0])
def test_a_vessel_across_the_slices_runs_through(gap_mm: float, radius_mm: float) -> None:
    assert through(straight, radius_mm=radius_mm, gap_mm=gap_mm) > 0.4


@pytest.mark.parametrize("gap_mm", [1.25, 5.0])
def test_a_slanting_vessel_runs_through(gap_mm: float) -> None:
    assert through(lambda z: (X + 0.7 * (z - Z), Y), radius_mm=3.5, gap_mm=gap_mm) > 0.2


@pytest.mark.parametrize("gap_mm", [1.25, 5.0])
def test_nothing_runs_through_a_ball_in_the_open_lung(gap_mm: float) -> None:
    assert through(lambda _: None, radius_mm=1.0, ball_mm=10.0, gap_mm=gap_mm) == 0


def test_nothing_runs_through_the_end_of_a_vessel() -> None:
    assert through(lambda z: (X, Y) if z >= Z else None, radius_mm=4.0) == 0


def test_what_runs_through_lowers_a_suspicion_step_by_step() -> None:
    shares = (0.0, 0.19, 0.2, 0.21, 0.3, 0.49, 0.5, 0.51, 1.5)
    losses = [lost(share) for share in shares]
    assert losses == pytest.approx([0.0, 0.0, 0.0, 0.2, 2.0, 5.8, 6.0, 6.0, 6.0])


@pytest.mark.parametrize(
    ("ball_mm", "least", "most"),
    [(4.0, 5.99, 6.0), (6.0, 3.0, 5.5), (8.0, 0.2, 2.0), (9.0, 0.0, 0.0), (14.0, 0.0, 0.0)],
)
def test_a_ball_on_a_vessel_loses_less_the_wider_it_is(
    ball_mm: float, least: float, most: float
) -> None:
    share = through(straight, radius_mm=2.0, ball_mm=ball_mm, gap_mm=1.25)
    assert share > 0 and least <= lost(share) <= most


def test_two_vessels_on_one_side_do_not_run_through(monkeypatch: pytest.MonkeyPatch) -> None:
    fork = leaning(-40), leaning(40)
    assert through(*fork, radius_mm=3.0, ball_mm=10.0, gap_mm=1.25) == 0
    monkeypatch.setattr("models.nodule_vessels._OPPOSITE", 2.0)  # both do cross the shell
    assert through(*fork, radius_mm=3.0, ball_mm=10.0, gap_mm=1.25) > 0.2


def test_two_vessels_that_leave_nearly_opposite_run_through() -> None:
    wide = leaning(-65), leaning(65)
    assert through(*wide, radius_mm=3.0, ball_mm=10.0, gap_mm=1.25) > 0.1
