"""Blobs in lungs, their cuts, and the outlines of nodules."""

import numpy as np
import pytest

from models.nodule_candidates import find_candidates
from models.nodule_cuts import SIDE as CUT
from models.nodule_cuts import cuts_of, to_grey
from models.nodule_lungs import Lungs, find_lungs
from models.nodule_outline import Outline, outline
from models.nodule_volume import Stack, stack_of
from tests.nodule_scans import PIXEL_MM, SIDE, Ball, series, slice_hu

MIDDLE = (SIDE - 1) * PIXEL_MM / 2
LEFT = MIDDLE + 66


def scan(*balls: Ball, gap: float = 2.5) -> tuple[Stack, Lungs]:
    stack = stack_of(series(tuple(np.arange(0.0, 100.0, gap)), balls))
    assert isinstance(stack, Stack)
    lungs = find_lungs(stack)
    assert isinstance(lungs, Lungs)
    return stack, lungs


def distances(stack: Stack, lungs: Lungs, ball: Ball) -> np.ndarray:
    blobs = find_candidates(stack, lungs)
    places = blobs.at * stack.coarse_spacing_mm  # one coarse voxel is one pixel here
    places[:, 0] += stack.coarse_z_mm[0]
    return np.asarray(np.linalg.norm(places - [ball.z, ball.y, ball.x], axis=1))


@pytest.mark.parametrize("gap", [1.25, 2.5, 5.0])
@pytest.mark.parametrize("diameter", [6.0, 12.0, 24.0])
def test_the_best_blob_is_the_nodule(diameter: float, gap: float) -> None:
    ball = Ball(x=LEFT, y=MIDDLE + 10, z=50.0, diameter_mm=diameter)
    stack, lungs = scan(ball, gap=gap)
    assert distances(stack, lungs, ball)[0] < max(3.0, 1.1 * gap)


def test_a_faint_nodule_is_a_blob_too() -> None:
    ball = Ball(x=LEFT, y=MIDDLE, z=50.0, diameter_mm=12.0, hu=-600.0)
    stack, lungs = scan(ball)
    assert distances(stack, lungs, ball)[:5].min() < 4


def test_a_nodule_on_the_pleura_is_a_blob() -> None:
    ball = Ball(x=LEFT + 40, y=MIDDLE, z=50.0, diameter_mm=12.0)
    stack, lungs = scan(ball)
    assert distances(stack, lungs, ball)[:10].min() < 6


def test_a_straight_vessel_is_no_blob() -> None:
    heights = tuple(np.arange(0.0, 100.0, 2.5))
    planes = [slice_hu(z) for z in heights]
    y, x = np.mgrid[0:SIDE, 0:SIDE] * PIXEL_MM
    for plane in planes:
        plane[np.hypot(x - LEFT, y - MIDDLE) < 3] = 30.0
    stack = stack_of(series(heights, slices=planes))
    assert isinstance(stack, Stack)
    lungs = find_lungs(stack)
    assert isinstance(lungs, Lungs)
    blobs = find_candidates(stack, lungs)
    column = (blobs.at[:, 2] + 0.5) * PIXEL_MM * stack.factor - PIXEL_MM / 2
    row = (blobs.at[:, 1] + 0.5) * PIXEL_MM * stack.factor - PIXEL_MM / 2
    on_vessel = np.hypot(column - LEFT, row - MIDDLE) < 5
    inner = (blobs.at[:, 0] > 2) & (blobs.at[:, 0] < len(stack.coarse) - 3)
    ball = Ball(x=LEFT, y=MIDDLE, z=50.0, diameter_mm=6.0)
    with_ball = find_candidates(*scan(ball))
    strongest = blobs.strength_hu[on_vessel & inner].max(initial=0.0)
    assert strongest < 0.5 * with_ball.strength_hu[0]


def test_a_cut_shows_the_place_in_its_middle_at_its_scale() -> None:
    ball = Ball(x=LEFT, y=MIDDLE, z=50.0, diameter_mm=14.0)
    stack, _ = scan(ball)
    at = np.array([[20.0, ball.y / PIXEL_MM, ball.x / PIXEL_MM]])
    (cut,) = cuts_of(stack, at)
    assert cut.shape == (CUT, CUT) and cut.min() >= 0 and cut.max() <= 1
    bright = np.argwhere(cut > 0.4)
    np.testing.assert_allclose(bright.mean(axis=0), (CUT - 1) / 2, atol=0.7)
    assert np.sqrt(4 * len(bright) / np.pi) * 0.7 == pytest.approx(14.0, abs=1.5)


def test_greys_are_those_of_the_lung_window() -> None:
    np.testing.assert_allclose(
        to_grey(np.array([-2000.0, -1000.0, -300.0, 400.0, 3000.0], np.float32)),
        [0, 0, 0.5, 1, 1],
        atol=1e-6,
    )


def outlined(ball: Ball, gap: float = 2.5) -> tuple[Stack, Outline]:
    stack, lungs = scan(ball, gap=gap)
    found = outline(
        stack,
        z_mm=ball.z,
        column=ball.x / PIXEL_MM + 0.5,
        row=ball.y / PIXEL_MM + 0.5,
        radius_mm=ball.diameter_mm / 2,
        lung_hu=lungs.median_hu,
    )
    return stack, found


@pytest.mark.parametrize("gap", [1.25, 2.5, 5.0])
@pytest.mark.parametrize("diameter", [8.0, 14.0, 24.0])
def test_the_diameter_is_the_nodule_s(diameter: float, gap: float) -> None:
    ball = Ball(x=LEFT, y=MIDDLE, z=50.0, diameter_mm=diameter)
    _, found = outlined(ball, gap)
    assert found.diameter_mm == pytest.approx(diameter, abs=max(1.5, 0.35 * gap))


def test_outlines_lie_on_the_slices_that_the_nodule_shows_on() -> None:
    ball = Ball(x=LEFT, y=MIDDLE, z=50.0, diameter_mm=16.0)
    stack, found = outlined(ball)
    heights = [stack.z_mm[number] for number, _ in found.cuts]
    assert heights == sorted(heights)
    assert min(heights) == pytest.approx(42.5, abs=2.6)
    assert max(heights) == pytest.approx(57.5, abs=2.6)
    for _, polygon in found.cuts:
        middle = np.mean(polygon, axis=0) * PIXEL_MM - PIXEL_MM / 2
        assert np.linalg.norm(middle - [ball.x, ball.y]) < 3
    assert found.centre_mm == pytest.approx((ball.x, ball.y, ball.z), abs=2.0)


def test_an_outline_on_the_wall_does_not_run_into_it() -> None:
    ball = Ball(x=LEFT + 42, y=MIDDLE, z=50.0, diameter_mm=12.0)
    _, found = outlined(ball)
    assert found.diameter_mm < 24


def test_an_outline_stays_within_the_image() -> None:
    ball = Ball(x=LEFT, y=MIDDLE, z=50.0, diameter_mm=16.0)
    _, found = outlined(ball)
    for _, polygon in found.cuts:
        assert np.min(polygon) >= 0 and np.max(polygon) <= SIDE
