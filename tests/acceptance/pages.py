"""Pages in a headless Chromium that complain of nothing and ask nobody but the node."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Dialog, Locator, Page
from signed_in import sign_in
from vigie_node import Node, wait_until

_STOPPED = "net::ERR_ABORTED"  # by the test itself

# In place of the browser's own: what a page would have popped up and rung.
KEEP_NOTIFICATIONS = """() => {
    window.told = [];
    window.tones = 0;
    window.Notification = class {
        static permission = "granted";
        static requestPermission = async () => "granted";
        constructor(title, options) { window.told.push({title, ...options}); }
        close() {}
    };
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (...given) {
        window.tones += 1;
        return start.apply(this, given);
    };
}"""


@dataclass(slots=True)
class Heard:
    """What a page said and did beside showing something."""

    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def listen_to(self, page: Page) -> None:
        """Note from now on what the page does."""

        def dismiss(dialog: Dialog) -> None:
            self.complaints.append(f"dialog {dialog.message}")
            dialog.dismiss()

        page.on("console", lambda said: self._complain(said.type, said.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", dismiss)
        page.on("request", lambda request: self.requests.append(request.url))

    def _complain(self, kind: str, text: str) -> None:
        if kind == "error":
            self.complaints.append(text)

    def left_the_machine(self) -> set[tuple[str, str | None]]:
        """Schemes and hosts that were asked beside the loopback and the page itself."""
        asked = {(urlsplit(url).scheme, urlsplit(url).hostname) for url in self.requests}
        return asked - {("http", "127.0.0.1"), ("data", None), ("blob", None)}


@contextmanager
def open_list(
    browser: Browser, node: Node, name: str, *, refusals: int = 0, **settings: Any
) -> Iterator[Page]:
    """The list, open for a person; afterwards nothing complained and nothing left the machine.

    Parameters
    ----------
    refusals
        Answers of 400 and more that the test means to get: the browser itself prints each.
    settings
        Of the browser's context, for example ``locale`` and ``permissions``.
    """
    context = browser.new_context(viewport={"width": 1440, "height": 900}, **settings)
    try:
        sign_in(context, node, name)
        page = context.new_page()
        heard = Heard()
        heard.listen_to(page)
        page.goto(node.url)
        page.get_by_role("grid").wait_for()
        page.get_by_text("live", exact=True).or_(page.get_by_text("en direct")).wait_for()
        page.evaluate("window.notReloaded = true")
        yield page
        assert page.evaluate("window.notReloaded"), "the page was loaded anew"
    finally:
        context.close()
    assert heard.left_the_machine() == set()
    refused = [one for one in heard.complaints if "responded with a status" in one]
    others = [one for one in heard.complaints if one not in refused and _STOPPED not in one]
    assert not others, others
    assert len(refused) == refusals, refused


def shown_order(page: Page) -> list[str]:
    """Study Instance UIDs from top to bottom, where the rows are really seen."""
    uids: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("[data-uid]")]
            .map((row) => [row.getBoundingClientRect().top, row.dataset.uid])
            .sort(([a], [b]) => a - b)
            .map(([, uid]) => uid)"""
    )
    return uids


def rows_rest(page: Page) -> bool:
    """Whether no row is on its way to another place."""
    rest: bool = page.evaluate(
        """() => [...document.querySelectorAll("[data-uid]")]
            .every((row) => row.getAnimations().length === 0)"""
    )
    return rest


def served_order(node: Node) -> list[str]:
    """Study Instance UIDs as the API has them."""
    return [row["study_instance_uid"] for row in node.rows()]


def served_row(node: Node, uid: str) -> dict[str, Any]:
    """A study's row as the API has it."""
    return next(row for row in node.rows() if row["study_instance_uid"] == uid)


def row_of(page: Page, uid: str) -> Locator:
    """One study's row."""
    return page.locator(f'[data-uid="{uid}"]')


def active(page: Page) -> str | None:
    """The study that the keys are at."""
    uid: str | None = page.evaluate(
        "() => document.querySelector('[aria-selected=true]')?.dataset.uid ?? null"
    )
    return uid


def go_to(page: Page, uid: str) -> None:
    """With the keys, from the top, once the list shows the study; also while the list moves."""
    wait_until(lambda: uid in shown_order(page), "the list shows the study")
    page.keyboard.press("g")
    wait_until(lambda: active(page) in shown_order(page)[:1], "the keys are at the top")

    def is_there() -> bool:
        order, at = shown_order(page), active(page)
        if at in order and uid in order and at != uid:
            page.keyboard.press("j" if order.index(str(at)) < order.index(uid) else "k")
        return active(page) == uid

    wait_until(is_there, "the keys are at the study")
