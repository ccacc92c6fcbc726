"""Reading in headless Chromium: first look, marks, agreement, what AI missed, conclusion."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from block_ct import make_block_ct
from chromium import Heard, Pane, chromium
from playwright.sync_api import Browser, Page
from radiographs import MadeStudy, send_to
from recorded import flag
from signed_in import person, sign_in
from vigie_node import Node, wait_until

_STUDIES = 3


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> list[list[MadeStudy]]:
    """One CT for each test."""
    folder = tmp_path_factory.mktemp("blocks")
    return [make_block_ct(folder, 10 + number) for number in range(_STUDIES)]


@pytest.fixture(scope="module")
def node(
    tmp_path_factory: pytest.TempPathFactory, studies: list[list[MadeStudy]]
) -> Iterator[Node]:
    """A node where marks of fractures wait for a first look."""
    node = Node(tmp_path_factory.mktemp("reading") / "node", highlighting="*=after_first_look")
    try:
        node.start()
        send_to(node, *(one for study in studies for one in study))
        node.all_assessed(_STUDIES)
        person(node, "anna")
        for study in studies:
            flag(node, study[8], 0.91)
        yield node
    finally:
        node.stop()


@pytest.fixture(scope="module")
def browser(program: Callable[[str], str]) -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    with chromium(program("chromium")) as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, node: Node) -> Iterator[Page]:
    """A page of a radiologist who has signed in; nothing complains."""
    context = browser.new_context(locale="en-GB", viewport={"width": 1366, "height": 768})
    sign_in(context, node, "anna")
    page = context.new_page()
    heard = Heard()
    heard.listen(page)
    yield page
    context.close()
    assert heard.complaints == []


def open_study(page: Page, node: Node, study: list[MadeStudy]) -> Pane:
    """Open it; its pane, drawn."""
    page.goto(f"{node.url}/#/studies/{study[0].study_instance_uid}")
    pane = Pane(page)
    pane.wait()
    return pane


def answer(page: Page, key: str) -> None:
    """Give every answer that is still missing with one key, then submit."""
    for _ in range(page.locator("fieldset[data-next]").count()):
        page.keyboard.press(key)
    page.keyboard.press("Shift+Enter")


def test_p8_the_first_look_comes_before_the_marks_and_both_answers_are_shown(
    page: Page, node: Node, studies: list[list[MadeStudy]], tmp_path: Path
) -> None:
    pane = open_study(page, node, studies[0])
    form = page.get_by_test_id("first-look")
    form.wait_for()
    marks = pane.surface.get_by_test_id("marks").locator("polygon")
    assert marks.count() == 0
    assert page.get_by_test_id("withheld").first.inner_text() == (
        "Its marks are shown after your first look."
    )
    assert page.get_by_test_id("conclude").count() == 0
    assert page.get_by_test_id("scores").count() == 0
    page.screenshot(path=tmp_path / "first_look.png")
    answer(page, "Shift+A")
    page.get_by_test_id("comparison").wait_for()
    comparison = page.get_by_test_id("comparison").inner_text()
    assert "Absent" in comparison
    assert "flagged 0.91" in comparison
    again = Pane(page)
    wait_until(
        lambda: again.surface.get_by_test_id("marks").locator("polygon").count() > 0, "marks"
    )
    assert again.slice() == 9  # it opens at what was marked
    assert form.count() == 0
    page.screenshot(path=tmp_path / "revealed.png")


def test_what_ai_missed_is_drawn_kept_and_taken_back(
    page: Page, node: Node, studies: list[list[MadeStudy]], tmp_path: Path
) -> None:
    open_study(page, node, studies[1])
    page.get_by_test_id("first-look").wait_for()
    answer(page, "Shift+P")
    page.get_by_test_id("comparison").wait_for()
    pane = Pane(page)
    pane.wait()
    page.keyboard.press("d")
    pane.drag((300, 200), (360, 190), (380, 240), (330, 280), (300, 210))
    page.get_by_role("button", name="Keep").click()
    drawn = page.get_by_test_id("drawn").get_by_role("listitem")
    drawn.wait_for()
    page.screenshot(path=tmp_path / "drawn.png")
    assert pane.surface.locator("g[data-by=person] polygon").count() > 0
    path = f"/api/studies/{studies[1][0].study_instance_uid}"
    [kept] = page.evaluate("(p) => fetch(p).then((r) => r.json())", path)["reading"]["drawn"]
    shown = pane.slice()
    assert kept["sop_instance_uid"] == studies[1][shown - 1].sop_instance_uid
    assert len(kept["polygon"]) >= 3
    drawn.get_by_role("button", name="Withdraw").click()
    wait_until(lambda: drawn.count() == 0, "it is taken back")
    assert pane.surface.locator("g[data-by=person] polygon").count() == 0


def test_one_agrees_concludes_and_the_study_leaves_the_list(
    page: Page, node: Node, studies: list[list[MadeStudy]], tmp_path: Path
) -> None:
    uid = studies[2][0].study_instance_uid
    open_study(page, node, studies[2])
    page.get_by_test_id("first-look").wait_for()
    answer(page, "Shift+C")
    page.get_by_test_id("comparison").wait_for()
    agree = page.get_by_role("button", name="Agree", exact=True).first
    agree.click()
    wait_until(lambda: agree.get_attribute("aria-pressed") == "true", "it is kept")
    page.get_by_test_id("conclude").wait_for()
    for absent in page.get_by_test_id("conclude").get_by_role("radio", name="Absent").all():
        absent.check(force=True)
    page.keyboard.press("Shift+Enter")
    said = page.get_by_test_id("conclusions")
    said.wait_for()
    assert "Concluded" in said.inner_text()
    assert "Absent" in said.inner_text()
    page.screenshot(path=tmp_path / "concluded.png")
    assert uid not in [row["study_instance_uid"] for row in node.rows()]
    page.get_by_role("button", name="Next study").click()
    wait_until(lambda: uid not in page.url and "/studies/" in page.url, "the next one is open")
    Pane(page).wait()


def test_p5_nothing_on_the_page_signs_or_writes_a_report(
    page: Page, node: Node, studies: list[list[MadeStudy]]
) -> None:
    open_study(page, node, studies[0])
    names = page.get_by_role("button").all_inner_texts()
    labels = [one.get_attribute("aria-label") or "" for one in page.get_by_role("button").all()]
    said = " ".join([*names, *labels]).lower()
    assert "conclude" in said
    assert not [word for word in ("sign ", "report", "dictate") if word in said]
