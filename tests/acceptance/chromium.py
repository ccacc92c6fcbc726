"""The system's Chromium, and what a pane of the viewer shows in it."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from playwright.sync_api import Browser, Dialog, Locator, Page, expect, sync_playwright
from vigie_node import wait_until

# WebGL without a graphics card: the viewer draws with it.
_ARGUMENTS = (
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    # The viewer alone draws by WebGL; to lay whole pages together by it takes a whole processor.
    "--disable-gpu-compositing",
)

_PICTURE = """(surface) => {
    const canvas = surface.querySelector("canvas");
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const grey = new Uint8Array(canvas.width * canvas.height);
    for (let i = 0; i < grey.length; i++) grey[i] = data[i * 4];
    const pieces = [];  // each of a multiple of three bytes: together they are one base64
    for (let at = 0; at < grey.length; at += 24576) {
        pieces.push(btoa(String.fromCharCode(...grey.subarray(at, at + 24576))));
    }
    return [canvas.height, canvas.width, pieces.join("")];
}"""


@contextmanager
def chromium(executable: str) -> Iterator[Browser]:
    """A browser without a window."""
    expect.set_options(timeout=30_000)  # ms: machines that test are busy
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(_ARGUMENTS))
        yield browser
        browser.close()


@dataclass(slots=True)
class Heard:
    """What a page said and did beside showing something."""

    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def listen(self, page: Page) -> None:
        """Note errors, dialogs and requests of a page from now on."""

        def dismiss(dialog: Dialog) -> None:
            self.complaints.append(f"dialog {dialog.message}")
            dialog.dismiss()

        page.on(
            "console",
            lambda said: self.complaints.append(said.text) if said.type == "error" else None,
        )
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", dismiss)
        page.on("request", lambda request: self.requests.append(request.url))


def picture_of(surface: Locator) -> npt.NDArray[np.uint8]:
    """What is drawn on a surface, rows x columns, 0 to 255."""
    rows, columns, grey = surface.evaluate(_PICTURE)
    return np.frombuffer(base64.b64decode(grey), np.uint8).reshape(rows, columns)


class Pane:
    """One pane of the viewer."""

    def __init__(self, page: Page, at: int = 0) -> None:
        self.page = page
        self.surface: Locator = page.get_by_test_id("surface").nth(at)
        self._slider = page.get_by_test_id("pane").nth(at).get_by_role("slider", name="Slice")

    def drawn(self) -> int:
        """How often a picture was drawn."""
        return int(self.surface.get_attribute("data-drawn") or 0)

    def wait(self) -> None:
        """Until the first picture is drawn."""
        wait_until(lambda: self.surface.count() > 0 and self.drawn() > 0, "a picture is drawn")

    def wait_for_more_than(self, drawn: int) -> None:
        """Until more pictures than this were drawn."""
        wait_until(lambda: self.drawn() > drawn, f"more than {drawn} pictures are drawn")

    def slice(self) -> int:
        """The number of the slice that is drawn, from 1."""
        return int(self.surface.get_attribute("data-shown") or -1) + 1

    def wait_for_slice(self, number: int) -> None:
        """Until this one is drawn."""
        wait_until(lambda: self.slice() == number, f"slice {number} is drawn")

    def picture(self) -> npt.NDArray[np.uint8]:
        """What is drawn, rows x columns, 0 to 255."""
        return picture_of(self.surface)

    def words(self, test_id: str) -> str:
        """A caption."""
        return self.surface.get_by_test_id(test_id).inner_text()

    def point(self, x: float, y: float) -> tuple[float, float]:
        """A place of the pane (px) on the page."""
        box = self.surface.bounding_box()
        assert box is not None
        return box["x"] + x, box["y"] + y

    def drag(self, *places: tuple[float, float]) -> None:
        """The left button down, over all places (px of the pane), and up."""
        mouse = self.page.mouse
        mouse.move(*self.point(*places[0]))
        mouse.down()
        for place in places[1:]:
            mouse.move(*self.point(*place), steps=3)
        mouse.up()
