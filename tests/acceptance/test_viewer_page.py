"""The viewer in headless Chromium: pictures in the right window, marks in their place."""

import numpy as np
import numpy.typing as npt
import pytest
from block_ct import BLOCK_HU, COLUMNS, ROWS, SLICES, make_block_ct
from chromium import Pane
from playwright.sync_api import Page
from radiographs import MadeStudy, make_study
from viewer_parts import (
    BOTTOM,
    LEFT,
    RIGHT,
    TOP,
    corners,
    edges,
    figures,
    give,
    grey,
    mark_block,
    middle,
    wait_for_grey,
    whole_range,
)
from vigie_node import Node, wait_until


@pytest.fixture(scope="module")
def block(tmp_path_factory: pytest.TempPathFactory) -> list[MadeStudy]:
    """The CT that is read."""
    return make_block_ct(tmp_path_factory.mktemp("block"), 1)


@pytest.fixture(scope="module")
def radiograph(tmp_path_factory: pytest.TempPathFactory) -> MadeStudy:
    """A study that is no CT."""
    return make_study(tmp_path_factory.mktemp("radiograph"), 500)


@pytest.fixture(scope="module")
def node(viewer_node: Node, block: list[MadeStudy], radiograph: MadeStudy) -> Node:
    """A node with the studies, the block's two middle slices marked."""
    give(viewer_node, block, [radiograph])
    mark_block(viewer_node, block)
    return viewer_node


def test_the_list_loads_nothing_of_the_viewer(page: Page, node: Node) -> None:
    scripts: list[str] = []
    page.on("request", lambda one: scripts.append(one.url) if one.url.endswith(".js") else None)
    page.goto(node.url)
    page.get_by_role("grid").wait_for()
    assert scripts
    assert not [url for url in scripts if "Viewer" in url]


def test_a_series_opens_at_the_surest_mark_in_the_window_of_its_part_of_the_body(
    pane: Pane,
) -> None:
    assert pane.words("window") == "C 40 W 80 Brain"
    assert pane.words("captions").startswith(f"Slice 7 of {SLICES}")
    picture = pane.picture()
    assert middle(picture) == pytest.approx(grey(BLOCK_HU, 40, 80), abs=2)
    assert picture[5, picture.shape[1] // 2] == 0


def test_number_keys_change_the_window_and_the_picture_by_it(pane: Pane) -> None:
    for key, center, width in (("4", 500, 2000), ("2", 75, 215), ("7", 50, 350), ("0", 0, 2048)):
        pane.page.keyboard.press(key)
        wait_for_grey(pane, grey(BLOCK_HU, center, width))
        assert pane.words("window").startswith(f"C {center} W {width}")


def test_marks_lie_where_the_pixels_are_whatever_the_zoom_turn_and_mirror(pane: Pane) -> None:
    def check() -> None:
        picture = pane.picture()
        left, right = edges(picture[picture.shape[0] // 2])
        top, bottom = edges(picture[:, picture.shape[1] // 2])
        per_pixel = (right - left) / (RIGHT - LEFT)
        found = corners(pane.surface)
        assert found.min(axis=0) == pytest.approx((left, top), abs=max(1, per_pixel / 4))
        assert found.max(axis=0) == pytest.approx((right, bottom), abs=max(1, per_pixel / 4))

    whole_range(pane)
    check()
    for key in ("q", "h", "+"):
        before = pane.drawn()
        pane.page.keyboard.press(key)
        pane.wait_for_more_than(before)
        check()


def test_edges_are_lettered_and_turn_with_the_picture(pane: Pane, page: Page) -> None:
    assert pane.words("letters").split() == ["A", "L", "P", "R"]  # top, right, bottom, left
    page.keyboard.press("q")
    wait_until(lambda: pane.words("letters").split() == ["R", "A", "L", "P"], "they turned")
    page.keyboard.press("h")
    wait_until(lambda: pane.words("letters").split() == ["R", "P", "L", "A"], "they mirrored")


def test_inverting_makes_the_dark_bright(pane: Pane, page: Page) -> None:
    before = middle(pane.picture())
    page.keyboard.press("i")
    wait_until(lambda: abs(middle(pane.picture()) - (255 - before)) <= 2, "it is inverted")
    page.keyboard.press("x")
    wait_until(lambda: abs(middle(pane.picture()) - before) <= 2, "it is as it was opened")


def test_a_radiograph_has_no_hounsfield_windows_and_says_that_its_scale_is_not_known(
    page: Page, node: Node, radiograph: MadeStudy
) -> None:
    page.goto(f"{node.url}/#/studies/{radiograph.study_instance_uid}")
    pane = Pane(page)
    pane.wait()
    assert page.get_by_role("group", name="Window").count() == 0
    assert "As sent" in pane.words("window")
    assert "scale not known" in pane.words("captions")
    assert len(np.unique(pane.picture())) > 20
    pane.page.keyboard.press("l")
    pane.drag((200, 200), (300, 200))
    assert figures(pane)[0].endswith(" px")


@pytest.mark.parametrize("size", [(1366, 768), (3840, 2160)])
def test_the_page_fits_its_window(pane: Pane, page: Page, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    wait_until(lambda: pane.picture().shape[1] > size[0] / 2, "the picture has the new size")
    width, height = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    )
    assert (width, height) <= size
    whole_range(pane)
    toolbar = page.get_by_role("toolbar")
    assert toolbar.evaluate("(bar) => bar.scrollHeight <= bar.clientHeight")
    # The whole image fits, and fills one direction; a large picture takes its time.
    wait_until(lambda: 0.95 < _filled(pane.picture()) <= 1.01, "the whole image fits")


def _filled(picture: npt.NDArray[np.uint8]) -> float:
    """How much of the pane the whole image takes, in the direction where it takes more.

    0 where nothing is drawn yet, infinite where the block goes past the pane.
    """
    across, down = picture[picture.shape[0] // 2], picture[:, picture.shape[1] // 2]
    half = int(picture.max()) / 2
    if half == 0 or not ((across > half).any() and (down > half).any()):
        return 0.0
    if max(across[0], across[-1], down[0], down[-1]) > half:
        return float("inf")
    left, right = edges(across)
    top, bottom = edges(down)
    wide = (right - left) / (RIGHT - LEFT) * COLUMNS
    high = (bottom - top) / (BOTTOM - TOP) * ROWS
    return float(max(wide / picture.shape[1], high / picture.shape[0]))
