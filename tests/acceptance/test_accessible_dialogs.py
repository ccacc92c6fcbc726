"""axe-core looks at every dialog and menu of the list, and at the accounts: dark and light."""

import json
from collections.abc import Iterator

import pytest
from axe_core import serious
from pages import go_to, row_of
from playwright.sync_api import Browser, Page, expect
from radiographs import MadeStudy, make_study, send_to
from recorded import flag
from signed_in import person, sign_in
from vigie_node import Node, wait_until

from worklist.people import Role

_THEMES = ("dark", "light")


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> list[MadeStudy]:
    """Two radiographs."""
    folder = tmp_path_factory.mktemp("made")
    return [make_study(folder, number) for number in (1, 2)]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, studies: list[MadeStudy]) -> Iterator[Node]:
    """A node with a radiologist who administers it, and another one who reads a study."""
    node = Node(tmp_path_factory.mktemp("dialogs") / "node")
    try:
        node.start()
        send_to(node, *studies)
        node.all_assessed(len(studies))
        flag(node, studies[0], 0.9)
        person(node, "carla", Role.RADIOLOGIST, Role.ADMINISTRATOR)
        person(node, "ben")
        yield node
    finally:
        node.stop()


@pytest.fixture(params=_THEMES)
def page(browser: Browser, node: Node, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The list in one of the themes; nothing glides in it."""
    context = browser.new_context(
        locale="en-GB",
        color_scheme=request.param,
        reduced_motion="reduce",
        viewport={"width": 1440, "height": 900},
    )
    scheme = json.dumps(request.param)
    context.add_init_script(f"localStorage.setItem('mantine-color-scheme-value', {scheme});")
    sign_in(context, node, "carla")
    page = context.new_page()
    page.goto(node.url)
    page.get_by_role("grid").wait_for()
    yield page
    assert page.locator("html").get_attribute("data-mantine-color-scheme") == request.param
    context.close()


def closed(page: Page) -> None:
    """By its key; nothing lies over the page any more."""
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("menu")).to_have_count(0)


_DIALOGS = {"p": "priority", "t": "first place", "a": "AI", ",": "preferences", "?": "keys"}


def test_the_dialogs_have_no_serious_finding(page: Page, studies: list[MadeStudy]) -> None:
    for key, what in _DIALOGS.items():
        go_to(page, studies[0].study_instance_uid)
        page.keyboard.press(key)
        page.get_by_role("dialog").wait_for()
        assert (what, serious(page)) == (what, [])
        closed(page)


def test_the_dialog_of_two_readers_has_no_serious_finding(
    page: Page, browser: Browser, node: Node, studies: list[MadeStudy]
) -> None:
    uid = studies[1].study_instance_uid
    context = browser.new_context(locale="en-GB", viewport={"width": 1440, "height": 900})
    sign_in(context, node, "ben")
    bens = context.new_page()
    bens.goto(node.url)
    go_to(bens, uid)
    bens.keyboard.press("c")
    expect(row_of(page, uid)).to_contain_text("Dr Ben")
    go_to(page, uid)
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()
    assert serious(page) == []
    closed(page)
    go_to(bens, uid)
    bens.keyboard.press("r")
    expect(row_of(page, uid)).not_to_contain_text("Dr Ben")
    context.close()


def test_menus_have_no_serious_finding(page: Page, studies: list[MadeStudy]) -> None:
    go_to(page, studies[0].study_instance_uid)
    row_of(page, studies[0].study_instance_uid).get_by_role("button").last.click()
    page.get_by_role("menu").wait_for()
    assert serious(page) == []
    closed(page)
    for name in ("Modality", "AI state", "Views", "Account of Dr Carla"):
        page.get_by_role("button", name=name).first.click()
        page.get_by_role("menu").wait_for()
        assert serious(page) == []
        closed(page)


def test_the_accounts_and_their_dialogs_have_no_serious_finding(page: Page, node: Node) -> None:
    page.goto(f"{node.url}/#/accounts")
    page.locator("[data-account=ben]").wait_for()
    assert serious(page) == []
    page.get_by_role("button", name="New account").click()
    page.get_by_role("dialog").wait_for()
    assert serious(page) == []
    closed(page)
    page.get_by_role("button", name="Change ben", exact=True).click()
    page.get_by_role("menu").wait_for()
    assert serious(page) == []
    page.get_by_role("menuitem", name="Disable…").click()
    page.get_by_role("dialog").wait_for()
    assert serious(page) == []
    closed(page)


def test_what_waits_under_the_pointer_has_no_serious_finding(
    page: Page, node: Node, studies: list[MadeStudy]
) -> None:
    row = row_of(page, studies[0].study_instance_uid).bounding_box()
    assert row is not None
    page.mouse.move(row["x"] + 330, row["y"] + row["height"] / 2)
    rows = node.rows()
    last = next(one for one in studies if one.study_instance_uid == rows[-1]["study_instance_uid"])
    flag(node, last, 0.95 + next(_thousandths) / 1000)
    wait_until(lambda: page.get_by_text("change waits").count() == 1, "what waits is counted")
    assert serious(page) == []


_thousandths = iter(range(1, 40))
