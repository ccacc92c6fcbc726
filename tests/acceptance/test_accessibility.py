"""axe-core looks at every page in headless Chromium: light and dark, in English and in French."""

import json
from collections.abc import Callable, Iterator

import pytest
from axe_core import serious
from block_ct import make_block_ct
from chromium import Pane, chromium
from playwright.sync_api import Browser, Page
from radiographs import MadeStudy, make_study, send_to
from recorded import flag
from signed_in import person, sign_in
from viewer_parts import mark_block
from vigie_node import Node, wait_until

from worklist.finding import TargetFinding

_THEMES = ("dark", "light")
_LANGUAGES = ("en", "fr")


@pytest.fixture(scope="module")
def block(tmp_path_factory: pytest.TempPathFactory) -> list[MadeStudy]:
    """A head CT."""
    return make_block_ct(tmp_path_factory.mktemp("block"), 71)


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> list[MadeStudy]:
    """An earlier one of the same patient, whose marks wait for a first look."""
    folder = tmp_path_factory.mktemp("earlier")
    return make_block_ct(folder, 73, patient="BLOCK-71", date="20240312")


@pytest.fixture(scope="module")
def node(
    tmp_path_factory: pytest.TempPathFactory, block: list[MadeStudy], earlier: list[MadeStudy]
) -> Iterator[Node]:
    """A node with two CT that were flagged, and a radiograph."""
    folder = tmp_path_factory.mktemp("accessible")
    node = Node(folder / "node", highlighting="haemorrhage=after_first_look")
    try:
        node.start()
        send_to(node, *block, *earlier, make_study(folder, 72, name="Dupont^Zoé"))
        node.all_assessed(3)
        mark_block(node, block)
        blood = TargetFinding.INTRACRANIAL_HAEMORRHAGE
        flag(node, earlier[8], 0.91, detector="haemorrhage", target=blood)
        person(node, "anna")
        yield node
    finally:
        node.stop()


@pytest.fixture(scope="module")
def browser(program: Callable[[str], str]) -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    with chromium(program("chromium")) as browser:
        yield browser


@pytest.fixture(params=[(theme, language) for theme in _THEMES for language in _LANGUAGES])
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A browser that has chosen a theme and a language, and in which nothing glides."""
    theme, language = request.param
    context = browser.new_context(
        locale="en-GB",
        color_scheme=theme,
        reduced_motion="reduce",
        viewport={"width": 1366, "height": 768},
    )
    chosen = {"mantine-color-scheme-value": theme, "vigie-language": language}
    context.add_init_script(
        f"for (const [key, value] of Object.entries({json.dumps(chosen)}))"
        " localStorage.setItem(key, value);"
    )
    page = context.new_page()
    yield page
    assert page.locator("html").get_attribute("data-mantine-color-scheme") == theme
    assert page.locator("html").get_attribute("lang") == language
    context.close()


def test_what_is_serious_is_found(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content(
        "<html lang=en><title>x</title><main><h1>x</h1><button></button>"
        "<p style='color: #888; background: #999'>hard to read</p></main></html>"
    )
    found = serious(page)
    page.close()
    assert [one.split(": ")[0] for one in found] == [
        "critical button-name",
        "serious color-contrast",
    ]


def test_the_door_has_no_serious_finding(page: Page, node: Node) -> None:
    page.goto(node.url)
    page.locator("input[type=password]").wait_for()
    assert serious(page) == []
    page.locator("input").first.fill("anna")
    page.locator("input[type=password]").fill("wrong")
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    assert serious(page) == []


def test_the_list_has_no_serious_finding(page: Page, node: Node, block: list[MadeStudy]) -> None:
    sign_in(page.context, node, "anna")
    page.goto(node.url)
    page.locator(f'[data-uid="{block[0].study_instance_uid}"]').wait_for()
    assert serious(page) == []


def test_a_study_has_no_serious_finding(page: Page, node: Node, block: list[MadeStudy]) -> None:
    sign_in(page.context, node, "anna")
    page.goto(f"{node.url}/#/studies/{block[0].study_instance_uid}")
    Pane(page).wait()
    assert serious(page) == []


def _each_menu(page: Page) -> list[str]:
    """What is found in each menu of a page, opened one after the other."""
    found = []
    for button in page.locator("[aria-haspopup=menu]").all():
        button.click()
        page.get_by_role("menu").first.wait_for()
        found += serious(page)
        page.keyboard.press("Escape")
        page.get_by_role("menu").first.wait_for(state="detached")
    return found


def _dialog(page: Page, key: str) -> list[str]:
    """What is found in the dialog that a key opens."""
    page.keyboard.press(key)
    page.get_by_role("dialog").wait_for()
    found = serious(page)
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    return found


def test_the_planes_and_two_panes_have_no_serious_finding(
    page: Page, node: Node, block: list[MadeStudy]
) -> None:
    sign_in(page.context, node, "anna")
    page.goto(f"{node.url}/#/studies/{block[0].study_instance_uid}")
    Pane(page).wait()
    page.keyboard.press("b")
    page.get_by_test_id("link").wait_for()
    Pane(page, 1).wait()
    assert serious(page) == []
    page.keyboard.press("b")
    volume = page.locator("button:has(svg.tabler-icon-cube)")
    volume.click()
    page.locator("section[data-plane=coronal] polygon").first.wait_for(timeout=120_000)
    assert serious(page) == []


def test_the_first_look_has_no_serious_finding(
    page: Page, node: Node, earlier: list[MadeStudy]
) -> None:
    sign_in(page.context, node, "anna")
    page.goto(f"{node.url}/#/studies/{earlier[0].study_instance_uid}")
    Pane(page).wait()
    page.get_by_test_id("first-look").wait_for()
    page.keyboard.press("Shift+P")
    assert serious(page) == []


def test_the_menus_and_drawers_of_a_study_have_no_serious_finding(
    page: Page, node: Node, block: list[MadeStudy]
) -> None:
    sign_in(page.context, node, "anna")
    page.goto(f"{node.url}/#/studies/{block[0].study_instance_uid}")
    Pane(page).wait()
    side = page.locator("aside")
    region = side.locator("ol li").filter(has_text="7").first
    region.locator("button[aria-pressed]").last.click()
    comment = region.locator("button[aria-expanded]")
    wait_until(comment.is_enabled, "one can say why")
    comment.click()
    region.get_by_role("textbox").wait_for()
    assert serious(page) == []
    comment.click()
    wait_until(
        lambda: page.locator("[aria-haspopup=menu]").count() > 1, "there is an earlier study"
    )
    assert _each_menu(page) == []
    assert _dialog(page, "?") == []
    side.locator("button[aria-label]").filter(has_text="0.0.0-test").click()
    page.get_by_role("dialog").wait_for()
    assert serious(page) == []
