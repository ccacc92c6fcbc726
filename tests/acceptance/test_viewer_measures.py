"""Measuring in headless Chromium: lengths, angles and values are those of the pixels."""

import numpy as np
import pytest
from block_ct import AIR_HU, BLOCK_HU, COLUMN_MM, ROW_MM, make_block_ct
from chromium import Pane
from odd_pictures import (
    COLUMNS,
    HIGH,
    HIGH_TO_WIDE,
    LOW,
    ROWS,
    STORED,
    floating_point,
    oblong_pixels,
    with_table,
)
from playwright.sync_api import Page
from radiographs import MadeStudy
from viewer_parts import (
    BOTTOM,
    LEFT,
    RIGHT,
    TOP,
    corners,
    edges,
    figures,
    give,
    mark_block,
    middle,
    whole_range,
)
from vigie_node import Node, wait_until

_SINGLE, _DOUBLE, _TABLE, _OBLONG = range(1, 5)


@pytest.fixture(scope="module")
def block(tmp_path_factory: pytest.TempPathFactory) -> list[MadeStudy]:
    """The CT that is read."""
    return make_block_ct(tmp_path_factory.mktemp("block"), 81)


@pytest.fixture(scope="module")
def node(
    viewer_node: Node, tmp_path_factory: pytest.TempPathFactory, block: list[MadeStudy]
) -> Node:
    """A node with the CT, and with images whose values are no plain numbers."""
    folder = tmp_path_factory.mktemp("measures")
    odd = [
        floating_point(folder, _SINGLE, double=False),
        floating_point(folder, _DOUBLE, double=True),
        with_table(folder, _TABLE),
        oblong_pixels(folder, _OBLONG),
    ]
    give(viewer_node, block, *odd)
    mark_block(viewer_node, block)
    return viewer_node


def test_a_known_distance_is_measured_right_within_a_pixel(pane: Pane) -> None:
    whole_range(pane)
    picture = pane.picture()
    left, right = edges(picture[picture.shape[0] // 2])
    top, bottom = edges(picture[:, picture.shape[1] // 2])
    middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
    pane.page.keyboard.press("l")
    pane.drag((left, middle_y), (right, middle_y))
    pane.page.keyboard.press("l")
    pane.drag((middle_x, top), (middle_x, bottom))
    across, down = figures(pane)
    assert _mm(across) == pytest.approx((RIGHT - LEFT) * COLUMN_MM, abs=COLUMN_MM)
    assert _mm(down) == pytest.approx((BOTTOM - TOP) * ROW_MM, abs=ROW_MM)
    pane.page.keyboard.press("Delete")
    pane.page.keyboard.press("Delete")
    assert figures(pane) == []


def _mm(words: str) -> float:
    assert words.endswith(" mm")
    return float(words.removesuffix(" mm"))


def test_the_probe_says_hounsfield_units(pane: Pane) -> None:
    picture = pane.picture()
    x, y = picture.shape[1] / 2, picture.shape[0] / 2
    left, _ = edges(picture[picture.shape[0] // 2])
    pane.page.mouse.move(*pane.point(x, y))
    assert pane.words("hover").startswith(f"{BLOCK_HU} HU")
    pane.page.mouse.move(*pane.point(left - 20, y))
    assert pane.words("hover").replace("−", "-").startswith(f"{AIR_HU} HU")
    pane.page.keyboard.press("u")
    pane.page.mouse.click(*pane.point(x, y))
    assert figures(pane) == [f"{BLOCK_HU} HU"]
    pane.page.keyboard.press("e")
    pane.drag((x - 40, y - 40), (x + 40, y + 40))
    assert figures(pane)[1:3] == [f"{BLOCK_HU}.0 ± 0.0 HU", f"{BLOCK_HU} to {BLOCK_HU}"]


def test_an_angle_is_right_although_pixels_are_not_square(pane: Pane) -> None:
    found = corners(pane.surface)
    (left, top), (right, bottom) = found.min(axis=0), found.max(axis=0)
    pane.page.keyboard.press("a")
    for place in ((right, bottom), (left, top), (right, top)):
        pane.page.mouse.click(*pane.point(*place))
    expected = np.degrees(np.arctan2((BOTTOM - TOP) * ROW_MM, (RIGHT - LEFT) * COLUMN_MM))
    assert float(figures(pane)[0].removesuffix("°")) == pytest.approx(expected, abs=0.5)


def _open_odd(page: Page, node: Node, number: int) -> Pane:
    page.goto(f"{node.url}/#/studies/2.25.8153.{number}")
    pane = Pane(page)
    pane.wait()
    return pane


def _box_of_image(pane: Pane, columns: float, rows: float) -> tuple[float, float, float, float]:
    """Left, top, width and height of the whole image in its pane, px."""
    height, width = pane.picture().shape
    scale = min(width / columns, height / rows)
    return (width - columns * scale) / 2, (height - rows * scale) / 2, columns * scale, rows * scale


@pytest.mark.parametrize("number", [_SINGLE, _DOUBLE])
def test_floating_point_is_drawn_in_all_of_its_range_and_probed_as_it_is(
    page: Page, node: Node, number: int
) -> None:
    pane = _open_odd(page, node, number)
    left, top, wide, high = _box_of_image(pane, COLUMNS, ROWS)
    picture = pane.picture()
    assert picture[int(top + high / 2), int(left + wide / 4)] == 0
    assert picture[int(top + high / 2), int(left + wide * 3 / 4)] == 255
    assert pane.words("window") == "C 1.00 W 1.50 As sent"
    for part, value in ((0.25, LOW), (0.75, HIGH)):
        page.mouse.move(*pane.point(left + wide * part, top + high / 2))
        wait_until(lambda: pane.surface.get_by_test_id("hover").count() > 0, "a value is said")
        assert pane.words("hover").split()[0] == f"{value:.3f}"[: 5 if value < 1 else 4]
    page.mouse.move(*pane.point(left + wide * 0.04, top + high * 0.04))
    wait_until(lambda: pane.surface.get_by_test_id("hover").count() == 0, "no number, no value")


def test_a_value_is_the_image_s_and_not_what_its_table_makes_of_it(page: Page, node: Node) -> None:
    pane = _open_odd(page, node, _TABLE)
    picture = pane.picture()
    assert middle(picture) == pytest.approx((4095 - STORED) / 4095 * 255, abs=1)
    page.mouse.move(*pane.point(picture.shape[1] / 2, picture.shape[0] / 2))
    wait_until(lambda: pane.words("hover").split()[0] == str(STORED), "the stored value is said")


def test_oblong_pixels_are_drawn_and_measured_as_high_as_they_are(page: Page, node: Node) -> None:
    pane = _open_odd(page, node, _OBLONG)
    picture = pane.picture()
    left, right = edges(picture[picture.shape[0] // 2])
    top, bottom = edges(picture[:, picture.shape[1] // 2])
    ratio = HIGH_TO_WIDE[0] / HIGH_TO_WIDE[1]
    assert (bottom - top) / (right - left) == pytest.approx(ratio, rel=0.02)
    page.keyboard.press("a")
    for place in ((right, bottom), (left, top), (right, top)):
        page.mouse.click(*pane.point(*place))
    page.keyboard.press("l")
    pane.drag((left, (top + bottom) / 2), (right, (top + bottom) / 2))
    page.keyboard.press("l")
    pane.drag(((left + right) / 2, top), ((left + right) / 2, bottom))
    angle, across, down = figures(pane)
    assert float(angle.removesuffix("°")) == pytest.approx(np.degrees(np.arctan(ratio)), abs=0.5)
    assert float(across.removesuffix(" px")) == pytest.approx(40, abs=1)
    assert float(down.removesuffix(" px")) == pytest.approx(40 * ratio, abs=1)
