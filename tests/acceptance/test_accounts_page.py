"""Accounts at the page: an administrator makes, changes, disables and renews them.

At the same node: what a QA reviewer may try, and a radiologist is not shown.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_core import serious
from pages import Heard
from playwright.sync_api import Browser, Locator, Page, Route, expect
from signed_in import PASSWORD, person, sign_in
from vigie_node import Node, wait_until

from worklist.people import Role


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node with the administrator of the first start, another, and a radiologist."""
    node = Node(tmp_path_factory.mktemp("accounts") / "node")
    try:
        node.start()
        person(node, "boss", Role.ADMINISTRATOR)
        person(node, "anna")
        assert node.run("users", "disable", "admin").returncode == 0  # boss is the last one
        yield node
    finally:
        node.stop()


@pytest.fixture
def page(browser: Browser, node: Node) -> Iterator[Page]:
    """The accounts, open for the last administrator by the account menu."""
    context = browser.new_context(locale="en-GB", viewport={"width": 1366, "height": 768})
    sign_in(context, node, "boss")
    page = context.new_page()
    heard = Heard()
    heard.listen_to(page)
    page.goto(node.url)
    page.get_by_role("button", name="Account of Dr Boss").click()
    page.get_by_role("menuitem", name="Accounts").click()
    page.get_by_role("heading", name="Accounts").wait_for()
    row(page, "boss").wait_for()
    yield page
    context.close()
    assert heard.left_the_machine() == set()


def row(page: Page, name: str) -> Locator:
    """An account's line."""
    return page.locator(f'[data-account="{name}"]')


def choose(page: Page, name: str, act: str) -> Locator:
    """An act on an account; its dialog."""
    page.get_by_role("button", name=f"Change {name}", exact=True).click()
    page.get_by_role("menuitem", name=act).click()
    dialog = page.get_by_role("dialog")
    dialog.wait_for()
    return dialog


def state(page: Page, name: str) -> str | None:
    return row(page, name).get_attribute("data-state")


def test_a_new_account_comes_in_by_the_password_that_is_shown_once(
    page: Page, node: Node, browser: Browser, tmp_path: Path
) -> None:
    page.get_by_role("button", name="New account").click()
    page.get_by_label("Name to sign in with").fill("Greta")
    page.get_by_label("Name for colleagues").fill("Dr Greta <b>")
    page.get_by_role("checkbox", name="QA reviewer").check()
    page.screenshot(path=tmp_path / "add.png")
    page.keyboard.press("Enter")
    shown = page.get_by_test_id("one-time-password")
    shown.wait_for()
    password = shown.inner_text()
    page.screenshot(path=tmp_path / "password.png")
    page.keyboard.press("Escape")  # it goes only when the administrator says so
    expect(shown).to_be_visible()
    page.get_by_role("button", name="I have noted it").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(row(page, "greta")).to_contain_text("Dr Greta <b>")
    expect(row(page, "greta")).to_contain_text("QA reviewer, radiologist")
    expect(row(page, "greta")).to_contain_text("has a one-time password")
    assert password not in page.content()
    page.screenshot(path=tmp_path / "accounts.png")

    context = browser.new_context(locale="en-GB")
    greta = context.new_page()
    greta.goto(node.url)
    greta.get_by_label("Name").fill("greta")
    greta.get_by_label("Password", exact=True).fill(password)
    greta.keyboard.press("Enter")
    greta.get_by_role("heading", name="Choose your password").wait_for()
    context.close()

    page.get_by_role("button", name="New account").click()
    page.get_by_label("Name to sign in with").fill("greta")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("There is an account greta already")
    page.keyboard.press("Escape")


def test_a_dialog_that_may_bring_a_password_stays_until_the_node_has_answered(
    page: Page, node: Node
) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        if route.request.method == "POST":
            held.append(route)
        else:
            route.continue_()

    page.route("**/api/accounts", hold)
    page.get_by_role("button", name="New account").click()
    dialog = page.get_by_role("dialog")
    page.get_by_label("Name to sign in with").fill("hilde")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_disabled()
    expect(dialog.get_by_role("button", name="Close")).to_be_disabled()
    page.keyboard.press("Escape")
    page.mouse.click(5, 300)  # beside the dialog
    expect(dialog).to_have_count(1)
    wait_until(lambda: len(held) == 1, "the node is asked")
    held[0].continue_()
    page.get_by_test_id("one-time-password").wait_for()
    page.get_by_role("button", name="I have noted it").click()
    expect(row(page, "hilde")).to_contain_text("has a one-time password")


def test_who_comes_by_single_sign_on_loses_a_password_from_before(page: Page, node: Node) -> None:
    shown: list[dict[str, object]] = page.request.get(f"{node.url}/api/accounts").json()
    carla = {"name": "carla", "display_name": "Dr Carla", "issuer": "https://login"}
    shown.append({**shown[0], **carla, "has_password": True})
    page.route("**/api/accounts", lambda route: route.fulfill(json=shown))
    page.reload()
    dialog = choose(page, "carla", "New one-time password…")
    expect(dialog.get_by_role("heading")).to_have_text("Take the password of carla away?")
    expect(dialog.get_by_role("button", name="Take it away")).to_be_visible()
    dialog.get_by_role("checkbox").check()
    expect(dialog.get_by_role("heading")).to_have_text("New one-time password for carla?")
    expect(dialog.get_by_role("button", name="Give a new password")).to_be_visible()
    dialog.get_by_role("button", name="Cancel").click()


def test_roles_change_and_the_last_administrator_keeps_that_one(page: Page, node: Node) -> None:
    dialog = choose(page, "anna", "Roles…")
    dialog.get_by_role("checkbox", name="QA reviewer").check()
    dialog.get_by_role("checkbox", name="radiologist").uncheck()
    dialog.get_by_role("button", name="Change").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(row(page, "anna")).to_contain_text("QA reviewer")
    expect(row(page, "anna")).not_to_contain_text("radiologist")

    dialog = choose(page, "boss", "Roles…")
    dialog.get_by_role("checkbox", name="radiologist").check()
    dialog.get_by_role("checkbox", name="administrator").uncheck()
    dialog.get_by_role("button", name="Change").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Boss is the last administrator")
    dialog.get_by_role("button", name="Cancel").click()
    dialog = choose(page, "boss", "Disable…")
    dialog.get_by_role("button", name="Disable").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Boss is the last administrator")
    dialog.get_by_role("button", name="Cancel").click()
    expect(row(page, "boss")).to_contain_text("administrator")
    page.get_by_role("button", name="Change boss", exact=True).click()
    expect(page.get_by_role("menuitem", name="New one-time password…")).to_have_count(0)
    page.keyboard.press("Escape")


def test_a_person_is_put_out_kept_out_and_let_in_again(
    page: Page, node: Node, browser: Browser
) -> None:
    person(node, "bert")
    context = browser.new_context(locale="en-GB")
    sign_in(context, node, "bert")
    berts = context.new_page()
    berts.goto(node.url)
    berts.get_by_role("button", name="Account of Dr Bert").wait_for()
    berts.get_by_text("live", exact=True).wait_for()
    page.reload()
    expect(row(page, "bert")).to_contain_text("signed in")
    choose(page, "bert", "End sessions…").get_by_role("button", name="End sessions").click()
    berts.get_by_role("heading", name="Sign in").wait_for()
    expect(row(page, "bert")).not_to_contain_text("signed in")

    choose(page, "bert", "Disable…").get_by_role("button", name="Disable").click()
    wait_until(lambda: state(page, "bert") == "disabled", "he is disabled")
    berts.get_by_label("Name").fill("bert")
    berts.get_by_label("Password", exact=True).fill(PASSWORD)
    berts.keyboard.press("Enter")
    berts.get_by_role("alert").get_by_text("This account is disabled").wait_for()
    choose(page, "bert", "Enable…").get_by_role("button", name="Enable").click()
    wait_until(lambda: state(page, "bert") == "enabled", "he is enabled")

    dialog = choose(page, "bert", "New one-time password…")
    dialog.get_by_role("button", name="Give a new password").click()
    page.get_by_test_id("one-time-password").wait_for()
    page.get_by_role("button", name="I have noted it").click()
    wait_until(lambda: state(page, "bert") == "one_time_password", "he has a new password")
    context.close()


def test_it_is_for_administrators_only_and_speaks_french(browser: Browser, node: Node) -> None:
    context = browser.new_context(locale="en-GB")
    sign_in(context, node, "anna")
    page = context.new_page()
    page.goto(f"{node.url}/#/accounts")
    page.get_by_role("heading", name="Reading worklist").wait_for()
    page.get_by_role("button", name="Account of Dr Anna").click()
    expect(page.get_by_role("menuitem", name="Accounts")).to_have_count(0)
    assert page.request.get(f"{node.url}/api/accounts").status == 403
    context.close()

    context = browser.new_context(locale="fr-FR")
    sign_in(context, node, "boss")
    page = context.new_page()
    page.goto(f"{node.url}/#/accounts")
    page.get_by_role("heading", name="Comptes").wait_for()
    expect(row(page, "boss")).to_contain_text("administrateur")
    expect(row(page, "boss")).to_contain_text("vous")
    page.get_by_role("button", name="Modifier boss").click()
    page.get_by_role("menuitem", name="Désactiver…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Désactiver").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Boss est le dernier administrateur")
    context.close()


def test_a_qa_reviewer_tries_what_an_order_would_do(
    browser: Browser, node: Node, tmp_path: Path
) -> None:
    person(node, "quinn", Role.QA_REVIEWER)
    context = browser.new_context(locale="en-GB", viewport={"width": 1366, "height": 900})
    sign_in(context, node, "quinn")
    page = context.new_page()
    heard = Heard()
    heard.listen_to(page)
    page.goto(node.url)
    page.get_by_role("button", name="Account of Dr Quinn").click()
    page.get_by_role("menuitem", name="What would an order do?").click()
    simulate = page.get_by_role("button", name="Simulate")
    busy = page.get_by_label("Readers busy, %")
    busy.fill("96")
    expect(simulate).to_be_disabled()
    expect(page.get_by_text("5 to 95")).to_be_visible()
    busy.fill("50")
    page.get_by_label("Routine target, min").fill("480")
    page.get_by_label("AI fails on, %").fill("10")
    simulate.click()
    page.get_by_text("Targets: routine 480 min, the finding 10 min").wait_for(timeout=120_000)
    for one in ("diseased", "missed", "flagged", "unflagged", "non_diseased", "not_assessed"):
        expect(page.locator(f'[data-class="{one}"] [data-policy]')).to_have_count(5)
    without = page.locator('[data-class="diseased"] [data-policy="without_ai"] td')
    expect(without.nth(3)).to_have_text("10.0")  # by theory, readers busy half the time
    assert serious(page) == []
    page.screenshot(path=tmp_path / "simulated.png", full_page=True)
    assert heard.left_the_machine() == set()
    context.close()


def test_what_an_order_would_do_is_said_in_french_and_not_shown_to_radiologists(
    browser: Browser, node: Node
) -> None:
    person(node, "rosa")
    context = browser.new_context(locale="en-GB")
    sign_in(context, node, "rosa")
    page = context.new_page()
    page.goto(f"{node.url}/#/simulations")
    page.get_by_role("heading", name="Reading worklist").wait_for()
    context.close()

    context = browser.new_context(locale="fr-FR")
    sign_in(context, node, "boss")
    page = context.new_page()
    page.goto(f"{node.url}/#/simulations")
    page.get_by_role("heading", name="Que ferait un ordre").wait_for()
    refused = {"detail": "d’autres simulations sont en cours : réessayez bientôt"}
    page.route("**/api/simulations", lambda route: route.fulfill(status=503, json=refused))
    page.get_by_role("button", name="Simuler").click()
    expect(page.get_by_role("alert")).to_contain_text("D’autres simulations sont en cours")
    context.close()
