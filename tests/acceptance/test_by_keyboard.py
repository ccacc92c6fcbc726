"""A radiologist's whole way by keys: in, first look, marks, conclusion, next study, back, out."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from block_ct import make_block_ct
from chromium import Pane
from pages import active, served_row
from playwright.sync_api import Browser, expect
from radiographs import MadeStudy, send_to
from recorded import flag
from signed_in import PASSWORD, person
from vigie_node import Node, wait_until


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> list[list[MadeStudy]]:
    """Two CT."""
    folder = tmp_path_factory.mktemp("blocks")
    return [make_block_ct(folder, number) for number in (31, 32)]


@pytest.fixture(scope="module")
def node(
    tmp_path_factory: pytest.TempPathFactory, studies: list[list[MadeStudy]]
) -> Iterator[Node]:
    """A node where marks wait for a first look; the first study is the likelier one."""
    node = Node(tmp_path_factory.mktemp("keys") / "node", highlighting="*=after_first_look")
    try:
        node.start()
        send_to(node, *(one for study in studies for one in study))
        node.all_assessed(len(studies))
        flag(node, studies[0][8], 0.97)
        flag(node, studies[1][8], 0.6)
        person(node, "anna")
        yield node
    finally:
        node.stop()


def test_from_sign_in_to_sign_out_without_a_pointer(
    browser: Browser, node: Node, studies: list[list[MadeStudy]], tmp_path: Path
) -> None:
    first, second = (study[0].study_instance_uid for study in studies)
    context = browser.new_context(locale="en-GB", viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.add_init_script(
        "window.pressed = 0;"
        " addEventListener('pointerdown', () => { window.pressed += 1; }, { capture: true });"
    )
    key = page.keyboard

    page.goto(node.url)
    page.get_by_role("heading", name="Sign in").wait_for()
    key.type("anna")
    key.press("Tab")
    key.type(PASSWORD)
    key.press("Enter")

    page.get_by_role("grid").wait_for()
    page.locator(f'[data-uid="{first}"]').wait_for()
    key.press("j")
    wait_until(lambda: active(page) == first, "the first study is marked")
    key.press("Enter")

    page.get_by_test_id("first-look").wait_for()
    Pane(page).wait()  # a picture, on which marks would be
    marks = page.get_by_test_id("marks").locator("polygon")
    assert marks.count() == 0
    key.press("Shift+A")
    key.press("Shift+Enter")
    page.get_by_test_id("comparison").wait_for()
    wait_until(lambda: marks.count() > 0, "the marks are shown")
    page.screenshot(path=tmp_path / "revealed.png")

    page.get_by_test_id("conclude").wait_for()
    key.press("Shift+P")
    wait_until(
        lambda: page.get_by_test_id("conclude").get_by_role("radio", checked=True).count() > 0,
        "it is answered",
    )
    for _ in range(3):  # the other findings, if they ask for an answer
        if page.get_by_test_id("conclusions").count() == 0:
            key.press("Shift+A")
    key.press("Shift+Enter")
    page.get_by_test_id("conclusions").wait_for()
    assert first not in [row["study_instance_uid"] for row in node.rows()]

    next_study = page.get_by_role("button", name="Next study")
    next_study.wait_for()
    for _ in range(80):
        if next_study.evaluate("(button) => button === document.activeElement"):
            break
        key.press("Tab")
    key.press("Enter")
    wait_until(lambda: second in page.url, "the next one is open")
    wait_until(lambda: served_row(node, second)["claim"] is not None, "it is claimed")
    page.get_by_test_id("first-look").wait_for()

    key.press("Escape")
    page.get_by_role("grid").wait_for()
    expect(page.locator(f'[data-uid="{first}"]')).to_have_count(0)
    wait_until(lambda: served_row(node, second)["claim"] is None, "it is given back")

    account = page.get_by_role("button", name="Account of Dr Anna")
    for _ in range(80):
        if account.evaluate("(button) => button === document.activeElement"):
            break
        key.press("Shift+Tab")
    key.press("Enter")
    page.get_by_role("menu").wait_for()
    sign_out = page.get_by_role("menuitem", name="Sign out")
    for _ in range(20):
        if sign_out.evaluate("(item) => item === document.activeElement"):
            break
        key.press("ArrowDown")
    key.press("Enter")
    page.get_by_role("heading", name="Sign in").wait_for()
    assert page.evaluate("window.pressed") == 0
    context.close()
