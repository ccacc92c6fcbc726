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
from vigie_node import Node

_THEMES = ("dark", "light")
_LANGUAGES = ("en", "fr")


@pytest.fixture(scope="module")
def block(tmp_path_factory: pytest.TempPathFactory) -> list[MadeStudy]:
    """A head CT."""
    return make_block_ct(tmp_path_factory.mktemp("block"), 71)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, block: list[MadeStudy]) -> Iterator[Node]:
    """A node with a CT that was flagged, and a radiograph."""
    folder = tmp_path_factory.mktemp("accessible")
    node = Node(folder / "node")
    try:
        node.start()
        send_to(node, *block, make_study(folder, 72, name="Dupont^Zoé"))
        node.all_assessed(2)
        flag(node, block[8], 0.91)
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
