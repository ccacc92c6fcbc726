"""What comes while somebody reads, in headless Chromium: nothing is lost, nothing goes unseen."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from block_ct import SLICES, make_block_ct
from chromium import Pane
from playwright.sync_api import Browser, Page
from radiographs import MadeStudy, send_to
from viewer_parts import (
    MARKED,
    figures,
    mark_block,
    node_with,
    open_study,
    outlines,
    page_of,
)
from vigie_node import Node, wait_until

_LATE = 2  # images that come while the first study is read
_STUDIES = 5


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> list[list[MadeStudy]]:
    """One CT for each test, and one that is read already."""
    folder = tmp_path_factory.mktemp("blocks")
    return [make_block_ct(folder, 20 + number) for number in range(_STUDIES)]


@pytest.fixture(scope="module")
def node(
    tmp_path_factory: pytest.TempPathFactory, studies: list[list[MadeStudy]]
) -> Iterator[Node]:
    """A node where marks wait for a first look; the last images of one study are not there yet."""
    folder = tmp_path_factory.mktemp("news")
    sent = [studies[0][:-_LATE], *studies[1:]]
    with node_with(folder, *sent, highlighting="*=after_first_look") as node:
        yield node


@pytest.fixture
def page(browser: Browser, node: Node) -> Iterator[Page]:
    """Anna's page."""
    try:
        with page_of(browser, node) as page:
            yield page
    finally:
        for row in node.rows():  # whatever became of the test, the next one finds free studies
            if row["claim"] is not None:
                node.run("release", row["study_instance_uid"])


def _measure(pane: Pane) -> list[str]:
    """Go elsewhere, change the window, measure; what is measured."""
    pane.page.keyboard.press("Home")
    pane.page.keyboard.press("ArrowDown")
    pane.wait_for_slice(2)
    pane.page.keyboard.press("4")
    pane.page.keyboard.press("l")
    pane.drag((200, 200), (300, 240))
    wait_until(lambda: len(figures(pane)) == 1, "it is measured")
    return figures(pane)


def test_images_that_come_while_one_reads_are_said_and_must_be_looked_at(
    page: Page, node: Node, studies: list[list[MadeStudy]], tmp_path: Path
) -> None:
    pane = open_study(page, node, studies[0])
    form = page.get_by_test_id("conclude")
    form.wait_for()
    before = _measure(pane)
    page.keyboard.press("c")
    bar = page.get_by_test_id("claim-bar")
    wait_until(lambda: bar.get_attribute("data-whose") == "mine", "it is claimed")
    send_to(node, *studies[0][-_LATE:])
    news = form.get_by_test_id("news")
    news.wait_for(timeout=120_000)
    assert f"{_LATE} images have come since you opened the study." in news.inner_text()
    page.screenshot(path=tmp_path / "news.png")
    wait_until(lambda: f"of {SLICES}" in pane.words("captions"), "they are in the stack")
    assert pane.slice() == 2  # the reader stays where she was, with what she measured
    assert figures(pane) == before
    conclude = form.get_by_role("button", name="Conclude")
    assert conclude.is_disabled()
    page.keyboard.press("Shift+Enter")  # nor by the key
    news.get_by_role("button", name="I have looked at it").click()
    node.all_assessed(_STUDIES)
    for absent in form.get_by_role("radio", name="Absent").all():
        absent.check(force=True)
    wait_until(conclude.is_enabled, "it can be concluded")
    conclude.click()
    page.get_by_test_id("conclusions").wait_for()


def test_the_next_study_is_claimed_as_it_opens(
    page: Page, node: Node, studies: list[list[MadeStudy]]
) -> None:
    uid = studies[4][0].study_instance_uid
    open_study(page, node, studies[4])
    page.get_by_test_id("claim-bar").wait_for()
    read = node.run("mark-read", uid, "--reason", "a test")
    assert read.returncode == 0, read.stderr
    first = next(row for row in node.rows() if row["claim"] is None)
    page.get_by_role("button", name="Next study").wait_for()
    page.keyboard.press("Enter")
    wait_until(lambda: page.url.endswith(first["study_instance_uid"]), "the next is open")
    bar = page.get_by_test_id("claim-bar")
    wait_until(lambda: bar.get_attribute("data-whose") == "mine", "and it is claimed")
    Pane(page).wait()
    page.keyboard.press("r")
    wait_until(lambda: bar.get_attribute("data-whose") == "free", "it is let go")


def test_an_outcome_that_arrives_takes_nothing_from_the_reader(
    page: Page, node: Node, studies: list[list[MadeStudy]], tmp_path: Path
) -> None:
    pane = open_study(page, node, studies[1])
    before = _measure(pane)
    window = pane.words("window")
    element = pane.surface.element_handle()
    mark_block(node, studies[1])
    page.get_by_test_id("first-look").wait_for()  # a result, withheld
    assert (pane.slice(), figures(pane), pane.words("window")) == (2, before, window)
    assert outlines(pane.surface).count() == 0
    page.keyboard.press("Shift+A")
    page.keyboard.press("Shift+Enter")
    page.get_by_test_id("comparison").wait_for()
    pane.wait_for_slice(MARKED[0] + 1)  # one asked for the marks: there they are
    wait_until(lambda: outlines(pane.surface).count() > 0, "the mark is shown")
    assert pane.words("window") == window
    page.screenshot(path=tmp_path / "revealed.png")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    pane.wait_for_slice(2)
    assert figures(pane) == before
    assert element.evaluate("(surface) => surface.isConnected")  # the viewer was never rebuilt


def test_a_held_key_answers_and_concludes_once(
    page: Page, node: Node, studies: list[list[MadeStudy]]
) -> None:
    mark_block(node, studies[2])
    open_study(page, node, studies[2])
    page.get_by_test_id("first-look").wait_for()
    page.keyboard.press("c")
    page.keyboard.press("Shift+P")
    page.keyboard.down("Shift")
    for _ in range(20):
        page.keyboard.down("Enter")
        if page.get_by_test_id("comparison").count() > 0:
            break
        page.wait_for_timeout(100)
    page.get_by_test_id("conclude").wait_for()
    for _ in range(5):
        page.keyboard.down("Enter")  # still held, where concluding is the same key
    page.keyboard.up("Enter")
    page.keyboard.up("Shift")
    path = f"/api/studies/{studies[2][0].study_instance_uid}"
    study = page.evaluate("(p) => fetch(p).then((r) => r.json())", path)
    assert study["reading"]["conclusions"] == []
    assert len(study["reading"]["first_look"]) == 1
    assert study["row"]["reading_state"] == "unread"


def test_one_disagrees_with_one_region_and_says_why(
    page: Page, node: Node, studies: list[list[MadeStudy]], tmp_path: Path
) -> None:
    mark_block(node, studies[3])
    open_study(page, node, studies[3])
    page.get_by_test_id("first-look").wait_for()
    page.keyboard.press("Shift+P")
    page.keyboard.press("Shift+Enter")
    page.get_by_test_id("comparison").wait_for()
    region = page.locator("aside").get_by_role("listitem").filter(has_text="slice 8").first
    comment = region.get_by_role("button", name="Comment")
    assert comment.is_disabled()  # of what, before one has said anything?
    disagree = region.get_by_role("button", name="Disagree")
    disagree.click()
    wait_until(lambda: disagree.get_attribute("aria-pressed") == "true", "it is kept")
    comment.click()
    page.keyboard.type("a <b>vessel</b>, no more")  # its letters are no keys of the page
    page.screenshot(path=tmp_path / "comment.png")
    region.get_by_role("button", name="Keep").click()
    opinion = region.get_by_test_id("opinion")
    opinion.wait_for()
    assert "a <b>vessel</b>, no more" in opinion.inner_text()
    path = f"/api/studies/{studies[3][0].study_instance_uid}"
    study = page.evaluate("(p) => fetch(p).then((r) => r.json())", path)
    said = study["reading"]["agreements"][-1]
    marked = next(one for one in study["regions"] if one["number"] == said["region"])
    assert marked["sop_instance_uid"] == studies[3][7].sop_instance_uid
    assert (said["lesion"], said["agrees"]) == (None, False)
    assert said["comment"] == "a <b>vessel</b>, no more"


def test_what_ai_missed_is_drawn_as_an_ellipse(
    page: Page, node: Node, studies: list[list[MadeStudy]], tmp_path: Path
) -> None:
    pane = open_study(page, node, studies[0])
    page.keyboard.press("Shift+D")
    pane.drag((250, 150), (330, 270))
    page.get_by_role("button", name="Keep").click()
    drawn = page.get_by_test_id("drawn").get_by_role("listitem")
    drawn.wait_for()
    page.screenshot(path=tmp_path / "ellipse.png")
    path = f"/api/studies/{studies[0][0].study_instance_uid}"
    study = page.evaluate("(p) => fetch(p).then((r) => r.json())", path)
    [kept] = study["reading"]["drawn"]
    corners = kept["polygon"]
    across = [column for column, _ in corners]
    down = [row for _, row in corners]
    assert len(corners) >= 24
    # Its ends lie in the middle of its sides: it is round, and no box.
    widest = corners[across.index(max(across))]
    assert widest[1] == pytest.approx((min(down) + max(down)) / 2, abs=0.5)
