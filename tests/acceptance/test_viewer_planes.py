"""Three planes and two panes in headless Chromium: what belongs together is shown together."""

from pathlib import Path

import pytest
from block_ct import BLOCK_SLICES, COLUMN_MM, COLUMNS, ROW_MM, SLICE_MM, SLICES, make_block_ct
from chromium import Pane, picture_of
from pages import served_row
from playwright.sync_api import Locator, Page
from radiographs import MadeStudy, send_to
from viewer_parts import (
    BOTTOM,
    LEFT,
    MARKED,
    RIGHT,
    TOP,
    corners,
    edges,
    give,
    mark_block,
    open_study,
    outlines,
)
from vigie_node import Node, wait_until

_NUMBER = 83


@pytest.fixture(scope="module")
def block(tmp_path_factory: pytest.TempPathFactory) -> list[MadeStudy]:
    """The CT that is read."""
    return make_block_ct(tmp_path_factory.mktemp("block"), _NUMBER)


@pytest.fixture(scope="module")
def node(viewer_node: Node, block: list[MadeStudy]) -> Node:
    """A node with the study, the block's two middle slices marked."""
    give(viewer_node, block)
    mark_block(viewer_node, block)
    return viewer_node


_PLANES = ("axial", "coronal", "sagittal")


def open_planes(page: Page) -> list[Locator]:
    """The surfaces of the three planes, once each shows the block."""
    page.get_by_role("button", name="Three planes").click()
    planes = [page.locator(f"section[data-plane={name}] [data-drawn]") for name in _PLANES]
    wait_until(
        lambda: min(bright(one) for one in planes) > 0.02, "every plane shows the block", 120
    )
    return planes


def bright(surface: Locator) -> float:
    """How much of it the block covers."""
    return float((picture_of(surface) > 60).mean()) if surface.count() else 0.0


def test_a_volume_is_cut_in_three_planes_that_meet_where_one_points(
    pane: Pane, page: Page, tmp_path: Path
) -> None:
    planes = open_planes(page)
    page.screenshot(path=tmp_path / "planes.png")
    assert [bright(one) < 0.9 for one in planes] == [True] * 3
    axial = planes[0].bounding_box()
    assert axial is not None
    # A line is taken hold of and moved beside the block: the sagittal plane is empty there.
    x, y = axial["x"] + axial["width"] / 2, axial["y"] + axial["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(axial["x"] + axial["width"] * 0.12, y, steps=3)
    page.mouse.up()
    wait_until(lambda: bright(planes[2]) < 0.005, "the sagittal plane has left the block", 60)
    assert bright(planes[1]) > 0.02
    page.mouse.click(x, y)
    wait_until(lambda: bright(planes[2]) > 0.02, "a click leads back", 60)


def size_of(surface: Locator) -> tuple[float, float]:
    """Width and height of the first outline, px."""
    points = corners(surface)
    width, height = points.max(axis=0) - points.min(axis=0)
    return float(width), float(height)


def test_marks_lie_in_all_planes_and_go_with_the_same_key(
    pane: Pane, page: Page, tmp_path: Path
) -> None:
    axial, coronal, sagittal = planes = open_planes(page)
    for one in planes:
        wait_until(lambda one=one: outlines(one).count() > 0, "each plane shows what is marked")
    page.screenshot(path=tmp_path / "marked_planes.png")
    # On the plane of the slices: the outline itself, which is the block's.
    picture = picture_of(axial)
    left, right = edges(picture[picture.shape[0] // 2])
    points = corners(axial)
    assert points[:, 0].min() == pytest.approx(left, abs=3)
    assert points[:, 0].max() == pytest.approx(right, abs=3)
    # Across them: as wide as the block, and as high as the slices that are marked.
    marked_mm = len(MARKED) * SLICE_MM
    for plane, wide_mm in (
        (coronal, (RIGHT - LEFT) * COLUMN_MM),
        (sagittal, (BOTTOM - TOP) * ROW_MM),
    ):
        width, height = size_of(plane)
        assert width / height == pytest.approx(wide_mm / marked_mm, rel=0.02)
    page.keyboard.press("m")
    for one in planes:
        wait_until(lambda one=one: outlines(one).count() == 0, "they are gone")
    page.keyboard.press("m")
    wait_until(lambda: outlines(coronal).count() > 0, "they are back")


def test_a_plane_beside_what_is_marked_shows_no_mark_and_the_next_mark_leads_back(
    pane: Pane, page: Page
) -> None:
    axial, coronal, _ = open_planes(page)
    wait_until(lambda: outlines(axial).count() > 0, "the marked slice is shown")
    for _ in range(4):
        page.keyboard.press("ArrowDown")
    wait_until(lambda: outlines(axial).count() == 0, "this slice is not marked")
    assert outlines(coronal).count() > 0  # it still runs through what is
    page.keyboard.press("n")
    wait_until(lambda: outlines(axial).count() > 0, "the next mark is shown in the planes")
    assert page.get_by_test_id("planes").count() == 1


def test_a_thick_plane_shows_the_brightest_of_as_many_millimetres_as_it_says(
    pane: Pane, page: Page
) -> None:
    axial, *_ = open_planes(page)
    first_of_block, beside = BLOCK_SLICES[0], BLOCK_SLICES[0] - 3
    for _ in range(MARKED[0] - beside):
        page.keyboard.press("ArrowUp")
    wait_until(lambda: bright(axial) == 0, "the plane lies beside the block")
    assert (first_of_block - beside) * SLICE_MM == 9.0  # mm: within 20 / 2, not within 10 / 2
    page.get_by_role("button", name="MIP 20 mm").click()
    wait_until(lambda: bright(axial) > 0.02, "20 mm reach the block")
    page.get_by_role("button", name="MIP 10 mm").click()
    wait_until(lambda: bright(axial) == 0, "10 mm do not")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    wait_until(lambda: bright(axial) > 0.02, "3 mm away they do")


def test_one_leaves_the_three_planes_to_the_stack_and_to_the_list(
    pane: Pane, page: Page, node: Node, block: list[MadeStudy]
) -> None:
    open_planes(page)
    page.keyboard.press("t")
    pane.wait()
    assert page.get_by_test_id("planes").count() == 0
    open_planes(page)
    page.keyboard.press("Escape")
    row = page.locator(f'[data-uid="{block[0].study_instance_uid}"]')
    row.wait_for()
    assert page.get_by_role("alert").count() == 0  # nothing broke
    row.click()
    Pane(page).wait()  # and the study opens again


def test_an_earlier_study_stands_beside_and_is_linked_by_hand_alone(
    page: Page, node: Node, block: list[MadeStudy], tmp_path: Path
) -> None:
    before = len(node.rows())
    earlier = make_block_ct(
        tmp_path, 84, patient=f"BLOCK-{_NUMBER}", date="20240312", offset_mm=500.0
    )
    send_to(node, *earlier)
    node.all_assessed(before + 1)
    first = open_study(page, node, block)
    page.get_by_role("button", name="1 earlier study").click()
    page.get_by_role("menuitem").click()
    second = Pane(page, 1)
    second.wait()
    was = second.slice()
    wait_until_whole(first)  # narrower than before
    wait_until_whole(second)
    link = page.get_by_test_id("link")
    wait_until(lambda: link.get_attribute("data-state") == "two_spaces", "it says why not")
    assert "two frames of reference" in link.inner_text()
    page.mouse.move(*first.point(100, 200))
    page.mouse.wheel(0, 40)
    first.wait_for_slice(MARKED[0] + 1 + 1)
    assert second.slice() == was
    page.keyboard.press("k")
    wait_until(lambda: link.get_attribute("data-state") == "by_hand", "it says how it is linked")
    page.screenshot(path=tmp_path / "beside.png")
    page.mouse.wheel(0, 80)
    first.wait_for_slice(MARKED[0] + 1 + 3)
    second.wait_for_slice(was + 2)
    assert "12" in second.surface.inner_text()
    page.keyboard.press("k")
    wait_until(lambda: link.get_attribute("data-state") == "two_spaces", "they are let go")
    page.mouse.wheel(0, 40)
    first.wait_for_slice(MARKED[0] + 1 + 4)
    assert second.slice() == was + 2


def test_series_of_one_frame_of_reference_scroll_along_by_position(
    page: Page, node: Node, block: list[MadeStudy], tmp_path: Path
) -> None:
    send_to(node, *make_block_ct(tmp_path, _NUMBER, series=2, offset_mm=SLICE_MM))
    uid = block[0].study_instance_uid
    wait_until(
        lambda: served_row(node, uid)["instance_count"] == 2 * SLICES, "the series came", 120
    )
    first = open_study(page, node, block)
    was = first.slice()
    page.keyboard.press("b")
    second = Pane(page, 1)
    second.wait()
    link = page.get_by_test_id("link")
    wait_until(lambda: link.get_attribute("data-state") == "one_space", "they are linked")
    page.mouse.move(*first.point(100, 200))
    page.mouse.wheel(0, 40)
    first.wait_for_slice(was + 1)
    second.wait_for_slice(was)  # it begins one slice higher
    page.keyboard.press("k")
    wait_until(lambda: link.get_attribute("data-state") == "off", "they are let go")
    page.mouse.wheel(0, 40)
    first.wait_for_slice(was + 2)
    assert second.slice() == was


def wait_until_whole(pane: Pane) -> None:
    """Until all columns of the image are in the pane."""

    def shown_width() -> float:
        return float(pane.words("zoom").strip(" ·%\u00a0\n")) / 100 * COLUMNS

    wait_until(
        lambda: shown_width() <= pane.picture().shape[1] + 2,
        "the image fits its pane",
        more=lambda: pane.words("zoom"),
    )
