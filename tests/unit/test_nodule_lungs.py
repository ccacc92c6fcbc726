"""Where the lungs are, and images that show none."""

import numpy as np
import pytest

from models.detector import SeriesImages, Unsuitable
from models.nodule_lungs import Lungs, find_lungs
from models.nodule_volume import Stack, stack_of
from tests.nodule_scans import PIXEL_MM, SIDE, Ball, series, slice_hu

HEIGHTS = tuple(np.arange(0.0, 100.0, 5.0))
MIDDLE = (SIDE - 1) * PIXEL_MM / 2


def look(made: SeriesImages) -> tuple[Stack, Lungs]:
    stack = stack_of(made)
    assert isinstance(stack, Stack)
    lungs = find_lungs(stack)
    assert isinstance(lungs, Lungs), lungs
    return stack, lungs


def why_not(planes: list[np.ndarray]) -> str:
    stack = stack_of(series(HEIGHTS, slices=planes))
    assert isinstance(stack, Stack)
    said = find_lungs(stack)
    assert isinstance(said, Unsuitable), said
    return said.reason


def test_two_lungs_are_found_and_nothing_else() -> None:
    stack, lungs = look(series(HEIGHTS))
    expected = 2 * np.pi * 46 * 72 * 100 / 1e6
    assert lungs.litres == pytest.approx(expected, rel=0.08)
    assert lungs.median_hu == pytest.approx(-850, abs=10)
    airy = stack.coarse < -500
    y, x = np.mgrid[0:SIDE, 0:SIDE] * PIXEL_MM
    inside = np.hypot((x - MIDDLE) / 150, (y - MIDDLE) / 105) < 0.97
    covered = lungs.mask & airy
    assert covered[:, ~inside].sum() == 0
    assert covered[:, inside].sum() > 0.93 * airy[:, inside].sum()


def test_a_nodule_on_the_pleura_lies_within_the_lungs() -> None:
    ball = Ball(x=MIDDLE + 66 + 40, y=MIDDLE, z=50.0, diameter_mm=14)
    _, lungs = look(series(HEIGHTS, [ball]))
    at = 10, round(ball.y / PIXEL_MM), round(ball.x / PIXEL_MM)
    assert lungs.mask[at]


def test_gas_in_the_belly_is_no_lung() -> None:
    planes = [slice_hu(z) for z in HEIGHTS]
    y, x = np.mgrid[0:SIDE, 0:SIDE] * PIXEL_MM
    gas = np.hypot(x - MIDDLE, (y - MIDDLE + 85) / 0.9) < 14
    for plane in planes:
        plane[gas] = -1000
    _, lungs = look(series(HEIGHTS, slices=planes))
    assert lungs.mask[:, gas].mean() < 0.1


def without_lungs(z: float) -> np.ndarray:
    plane = slice_hu(z)
    y, x = np.mgrid[0:SIDE, 0:SIDE] * PIXEL_MM
    plane[np.hypot((x - MIDDLE) / 140, (y - MIDDLE) / 95) < 1] = 45.0
    return plane


def test_a_body_without_lungs_says_so() -> None:
    assert "No lungs were found" in why_not([without_lungs(z) for z in HEIGHTS])


def test_a_belly_full_of_gas_says_so() -> None:
    planes = [slice_hu(z) for z in HEIGHTS]
    for plane in planes:
        plane[(plane < -700) & (plane > -930)] = -1000.0
    assert "No lungs were found" in why_not(planes)


def test_an_animal_s_lungs_are_too_small() -> None:
    y, x = np.mgrid[0:SIDE, 0:SIDE] * PIXEL_MM
    planes = []
    for _ in HEIGHTS:
        plane = np.full((SIDE, SIDE), -1000.0, np.float32)
        plane[np.hypot(x - MIDDLE, y - MIDDLE) < 45] = 40.0
        for side in (-1, 1):
            plane[np.hypot(x - MIDDLE - 18 * side, y - MIDDLE) < 14] = -850.0
        planes.append(plane)
    assert "No lungs were found" in why_not(planes)


def test_empty_images_say_so() -> None:
    assert "empty" in why_not([np.zeros((SIDE, SIDE), np.float32) for _ in HEIGHTS])


def test_inverted_images_say_so() -> None:
    assert "inverted" in why_not([-slice_hu(z) - 900 for z in HEIGHTS])


def test_values_that_were_never_rescaled_say_so() -> None:
    assert "no Hounsfield units" in why_not([slice_hu(z) + 1024 for z in HEIGHTS])


def test_air_alone_says_so() -> None:
    random = np.random.default_rng(0)
    air = [random.normal(-1000, 30, (SIDE, SIDE)).astype(np.float32) for _ in HEIGHTS]
    assert "no Hounsfield units" in why_not(air)


def test_noise_says_so() -> None:
    random = np.random.default_rng(0)
    noise = [random.uniform(-1000, 1000, (SIDE, SIDE)).astype(np.float32) for _ in HEIGHTS]
    assert "noise" in why_not(noise)
