"""`make screenshots`: list and viewer, dark and light, of the phantom studies; into docs/images."""

import shutil
import sys
import tempfile
from pathlib import Path

from chromium import chromium
from pages import go_to, open_list, shown_order
from playwright.sync_api import Browser, Page
from signed_in import person
from vigie_node import Node, wait_until

HERE = Path(__file__).resolve().parents[2]
SIZE = {"width": 1440, "height": 810}


def main(images: Path) -> None:
    """Start a node with the phantom studies, and picture what two radiologists see of it."""
    program = shutil.which("chromium")
    if program is None:
        raise SystemExit("chromium is not installed")
    cases = sorted((HERE / "test_images").glob("*/case.toml"))
    with tempfile.TemporaryDirectory(prefix="vigie-screenshots-") as folder:
        node = Node(Path(folder) / "node")
        try:
            node.start()
            sent = node.run(
                "send", "127.0.0.1", str(node.dicom_port), *(str(one.parent) for one in cases)
            )
            if sent.returncode != 0:
                raise SystemExit(sent.stderr)
            node.all_assessed(len(cases))
            for name in ("anna", "ben"):
                person(node, name)
            with chromium(program) as browser:
                _claim(browser, node, "ben", 2)
                _claim(browser, node, "anna", 0)
                for theme, name in (("dark", ""), ("light", "_light")):
                    _picture(browser, node, theme, images, name)
        finally:
            node.stop()


def _claim(browser: Browser, node: Node, name: str, at: int) -> None:
    with open_list(browser, node, name) as page:
        go_to(page, shown_order(page)[at])
        page.keyboard.press("c")
        page.locator("[aria-selected=true]").get_by_text("You").wait_for()


def _picture(browser: Browser, node: Node, theme: str, images: Path, name: str) -> None:
    with open_list(browser, node, "anna", locale="en-GB") as page:
        page.set_viewport_size(SIZE)  # type: ignore[arg-type]
        _choose(page, theme)
        page.screenshot(path=images / f"worklist{name}.png")
        page.locator("[data-uid]").first.click()
        page.get_by_role("heading", level=1).wait_for()
        wait_until(lambda: page.locator("canvas, img").count() > 0, "an image is shown")
        page.screenshot(path=images / f"study{name}.png")


def _choose(page: Page, theme: str) -> None:
    """The theme, by the reader's own preferences."""
    button = page.get_by_role("button", name={"dark": "Dark page", "light": "Light page"}[theme])
    if button.count() > 0:
        button.click()
    wait_until(
        lambda: page.evaluate("document.documentElement.dataset.mantineColorScheme") == theme,
        f"the page is {theme}",
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
