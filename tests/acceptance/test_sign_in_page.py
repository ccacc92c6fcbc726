"""The door in headless Chromium: in, one's own password, out; by keyboard alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from signed_in import PASSWORD, invite, person
from vigie_node import Node

from vigie.wiring import make_accounts, utc_now
from worklist.people import AccountName


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    node = Node(tmp_path_factory.mktemp("door") / "node")
    try:
        node.start()
        yield node
    finally:
        node.stop()


@pytest.fixture
def page(browser: Browser, node: Node) -> Iterator[Page]:
    context = browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.goto(f"{node.url}/#/studies/1.2.3")
    page.get_by_role("heading", name="Sign in").wait_for()
    yield page
    context.close()


def type_in(page: Page, *texts: str) -> None:
    """Field after field, from the one that has the focus, then Enter."""
    for number, text in enumerate(texts):
        if number:
            page.keyboard.press("Tab")
        page.keyboard.type(text)
    page.keyboard.press("Enter")


def test_the_first_administrators_one_time_password_is_printed_once_and_opens(
    page: Page, node: Node, tmp_path: Path
) -> None:
    said = node.log.read_text()
    password = said.split("one-time password\n\n", 1)[1].split()[0]
    assert said.count(password) == 1
    page.screenshot(path=tmp_path / "sign-in.png")
    type_in(page, "admin", password)
    page.get_by_role("heading", name="Choose your password").wait_for()
    page.screenshot(path=tmp_path / "choose.png")
    type_in(page, password, "short", "short")
    page.get_by_role("alert").get_by_text("at least 12 characters").wait_for()
    page.screenshot(path=tmp_path / "too-short.png")
    for label in ("New password again", "New password"):
        page.get_by_label(label, exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Account of First administrator").wait_for()
    assert node.log.read_text().count(password) == 1


def test_by_keyboard_in_wrong_first_then_right_and_out(
    page: Page, node: Node, tmp_path: Path
) -> None:
    person(node, "anna")
    type_in(page, "anna", "wrong")
    page.get_by_role("alert").get_by_text("The name or the password is wrong.").wait_for()
    page.screenshot(path=tmp_path / "refused.png")
    assert page.evaluate("document.activeElement.name") == "password"
    type_in(page, PASSWORD)  # over the wrong one, which is selected
    account = page.get_by_role("button", name="Account of Dr Anna")
    account.wait_for()
    assert page.evaluate("window.location.hash") == "#/studies/1.2.3"  # where one wanted to go
    page.goto(f"{node.url}/#/")
    page.get_by_text("No studies are waiting").wait_for()
    account.focus()
    page.keyboard.press("Enter")
    page.get_by_text("anna · radiologist").wait_for()
    page.screenshot(path=tmp_path / "menu.png")
    page.get_by_role("menuitem", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for()
    assert page.get_by_text("Your session is over.").count() == 0
    assert page.request.get(f"{node.url}/api/worklist").status == 401


def test_a_password_is_changed_from_the_menu(page: Page, node: Node) -> None:
    person(node, "bert")
    type_in(page, "bert", PASSWORD)
    page.get_by_role("button", name="Account of Dr Bert").click()
    page.get_by_role("menuitem", name="Change password").click()
    page.get_by_role("heading", name="Change password").wait_for()
    type_in(page, PASSWORD, "ten green bottles", "ten blue bottles")
    page.get_by_text("This is not the same.").wait_for()
    page.get_by_label("New password again", exact=True).fill("ten green bottles")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Account of Dr Bert").wait_for()
    page.get_by_text("No studies are waiting").wait_for()


def test_a_disabled_persons_page_goes_blank_at_once(page: Page, node: Node) -> None:
    person(node, "carl")
    type_in(page, "carl", PASSWORD)
    page.get_by_role("button", name="Account of Dr Carl").wait_for()
    page.goto(f"{node.url}/#/")
    page.get_by_role("status").get_by_text("live", exact=True).wait_for()
    with node.engine() as engine:
        make_accounts(engine).disable(AccountName("carl"), actor="person x", now=utc_now())
    page.get_by_role("heading", name="Sign in").wait_for(timeout=10_000)
    page.get_by_text("Your session is over.").wait_for()


def test_waits_are_said_in_words(page: Page, node: Node) -> None:
    invite(node, "dora")
    for _ in range(5):
        page.get_by_label("Name").fill("dora")
        page.get_by_label("Password", exact=True).fill("wrong")
        with page.expect_response(f"{node.url}/api/session") as answer:
            page.keyboard.press("Enter")
        assert answer.value.status == 401
        page.get_by_role("alert").get_by_text("wrong").wait_for()
    page.keyboard.press("Enter")
    page.get_by_role("alert").get_by_text("Too many wrong tries").wait_for()
