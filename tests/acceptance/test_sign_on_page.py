"""Single sign-on in headless Chromium: to a real provider and back, and out at both."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, sync_playwright
from vigie_node import Node, free_port, wait_until

_PROVIDER = Path(__file__).parents[1] / "sign_on_provider.py"


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """The address of a provider that knows one person."""
    address = f"http://localhost:{free_port()}"
    port = address.rpartition(":")[2]
    process = subprocess.Popen([sys.executable, str(_PROVIDER), port], stderr=subprocess.DEVNULL)
    person = {"preferred_username": "anna", "name": "Dr Anna Weber", "groups": ["readers"]}

    def tell() -> bool:
        try:
            return httpx.put(f"{address}/users/4711", json=person, trust_env=False).is_success
        except httpx.TransportError:
            return False

    try:
        wait_until(tell, "the provider is up")
        yield address
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def node(make_node: Callable[..., Node], issuer: str) -> Node:
    return make_node(
        sso_issuer=issuer,
        sso_client_id="vigie",
        sso_client_secret="kept",
        sso_label="Hospital sign-in",
        sso_role_claim="groups",
        sso_roles="readers=radiologist",
    )


@pytest.fixture
def browser(program: Callable[[str], str]) -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


def test_in_by_the_provider_and_out_at_both(
    browser: Browser, node: Node, issuer: str, tmp_path: Path
) -> None:
    page = browser.new_page()
    page.goto(node.url)
    way = page.get_by_role("link", name="Hospital sign-in")
    way.wait_for()
    page.screenshot(path=tmp_path / "sign-on.png")
    way.click()
    page.locator("input[name=sub]").fill("4711")
    page.locator("button[type=submit]").first.click()
    account = page.get_by_role("button", name="Account of Dr Anna Weber")
    account.wait_for()
    assert page.url.startswith(node.url)
    account.click()
    page.get_by_text("anna · radiologist").wait_for()
    assert page.get_by_role("menuitem", name="Change password").count() == 0
    page.get_by_role("menuitem", name="Sign out").click()
    page.wait_for_url(f"{issuer}/**")
    page.goto(node.url)
    way.wait_for()


def test_who_is_refused_is_told_why(browser: Browser, node: Node, tmp_path: Path) -> None:
    page = browser.new_page()
    page.goto(node.url)
    page.get_by_role("link", name="Hospital sign-in").click()
    page.locator("input[name=sub]").fill("a stranger")
    page.locator("button[type=submit]").first.click()
    page.get_by_role("alert").get_by_text("has no role here").wait_for()
    page.screenshot(path=tmp_path / "no-role.png")
