"""The keys of the study page in headless Chromium: each does its own, once."""

import pytest
from block_ct import SLICES, make_block_ct
from chromium import Pane
from playwright.sync_api import Page
from radiographs import MadeStudy
from viewer_parts import MARKED, give, mark_block, outlines
from vigie_node import Node, wait_until


@pytest.fixture(scope="module")
def block(tmp_path_factory: pytest.TempPathFactory) -> list[MadeStudy]:
    """The CT that is read."""
    return make_block_ct(tmp_path_factory.mktemp("block"), 82)


@pytest.fixture(scope="module")
def node(viewer_node: Node, block: list[MadeStudy]) -> Node:
    """A node with the study, the block's two middle slices marked."""
    give(viewer_node, block)
    mark_block(viewer_node, block)
    return viewer_node


def test_keys_and_the_wheel_lead_through_the_slices_and_the_marks(pane: Pane, page: Page) -> None:
    page.keyboard.press("ArrowDown")
    pane.wait_for_slice(MARKED[0] + 2)
    page.keyboard.press("End")
    pane.wait_for_slice(SLICES)
    page.keyboard.press("n")
    pane.wait_for_slice(MARKED[0] + 1)
    page.keyboard.press("Home")
    pane.wait_for_slice(1)
    page.mouse.move(*pane.point(200, 200))
    page.mouse.wheel(0, 80)
    pane.wait_for_slice(3)
    slider = page.get_by_role("slider", name="Slice")
    assert slider.get_attribute("aria-valuetext") == f"3 of {SLICES}"


def test_marks_go_and_come_back_with_one_key(pane: Pane, page: Page) -> None:
    outlines = pane.surface.get_by_test_id("marks").locator("polygon")
    assert outlines.count() > 0
    page.keyboard.press("m")
    wait_until(lambda: outlines.count() == 0, "they are gone")
    assert page.get_by_test_id("scores").count() == 0
    page.keyboard.press("m")
    wait_until(lambda: outlines.count() > 0, "they are back")
    assert page.get_by_test_id("scores").count() == 1


def test_every_key_is_in_the_help(pane: Pane, page: Page) -> None:
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    dialog.wait_for()
    for words in ("Next slice", "Brain", "Next mark", "Length", "Three planes", "Cannot say"):
        assert dialog.get_by_text(words, exact=True).is_visible()
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    assert pane.surface.is_visible()


def test_a_held_key_scrolls_on_and_does_nothing_else_twice(pane: Pane, page: Page) -> None:
    for _ in range(3):
        page.keyboard.down("ArrowDown")  # the second and third come as repeats
    page.keyboard.up("ArrowDown")
    pane.wait_for_slice(MARKED[0] + 4)
    page.keyboard.press("n")
    pane.wait_for_slice(MARKED[0] + 1)
    wait_until(lambda: outlines(pane.surface).count() > 0, "marks are shown")
    for _ in range(2):
        page.keyboard.down("m")
    page.keyboard.up("m")
    wait_until(lambda: outlines(pane.surface).count() == 0, "they are gone, and not back")
    assert page.get_by_test_id("scores").count() == 0


def test_arrow_keys_scroll_and_change_no_answer_that_was_clicked(pane: Pane, page: Page) -> None:
    form = page.get_by_test_id("conclude")
    answers = form.get_by_role("radio")
    form.locator("label[data-answer=absent]").first.click()
    wait_until(lambda: answers.nth(1).is_checked(), "it is answered")
    for key, shown in (("ArrowDown", 2), ("ArrowDown", 3), ("ArrowUp", 2)):
        page.keyboard.press(key)
        pane.wait_for_slice(MARKED[0] + shown)
    assert [answers.nth(at).is_checked() for at in range(3)] == [False, True, False]


def test_pictures_alone_keep_whose_they_are_and_end_with_the_browsers_full_screen(
    pane: Pane, page: Page
) -> None:
    is_full = "document.fullscreenElement !== null"
    side = page.locator("aside")
    before = pane.picture().shape[1]
    page.keyboard.press("f")
    wait_until(lambda: page.evaluate(is_full), "the browser shows nothing else")
    wait_until(lambda: not side.is_visible(), "the page around the pictures is put away")
    assert page.get_by_role("heading", name="Block").is_visible()
    wait_until(lambda: pane.picture().shape[1] > before, "the picture is larger")
    page.keyboard.press("f")
    wait_until(lambda: not page.evaluate(is_full) and side.is_visible(), "all is back")
    page.keyboard.press("f")
    wait_until(lambda: page.evaluate(is_full), "once more")
    page.evaluate("document.exitFullscreen()")  # as the browser's own Escape does
    wait_until(side.is_visible, "the page is back with it")


def test_c_claims_the_open_study_and_r_lets_it_go(pane: Pane, page: Page) -> None:
    bar = page.get_by_test_id("claim-bar")
    assert bar.get_attribute("data-whose") == "free"
    page.keyboard.press("r")  # nothing to let go
    page.keyboard.press("c")
    wait_until(lambda: bar.get_attribute("data-whose") == "mine", "it is claimed")
    page.keyboard.press("c")  # it is already
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    dialog.wait_for()
    for words in ("Read this study", "Release"):
        assert dialog.get_by_text(words, exact=True).is_visible()
    page.keyboard.press("r")  # the help has the keys
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    assert bar.get_attribute("data-whose") == "mine"
    page.keyboard.press("r")
    wait_until(lambda: bar.get_attribute("data-whose") == "free", "it is let go")
    assert pane.words("letters").split() == ["A", "L", "P", "R"]  # and nothing turned
