"""What the tests of the viewer share: a node with a made-up CT, its page, and looking at grey."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
from block_ct import BLOCK_COLUMNS, BLOCK_ROWS, SLICES
from chromium import Heard, Pane
from playwright.sync_api import Browser, Locator, Page
from radiographs import MadeStudy, send_to
from recorded import record
from signed_in import person, sign_in
from vigie_node import Node, wait_until

from worklist.finding import Evidence, Flagged, ImageScore, Region
from worklist.uid import SOPInstanceUID

# The block's edges in the image's grid, corner to corner: the regions and the picture must agree.
LEFT, RIGHT = BLOCK_COLUMNS[0], BLOCK_COLUMNS[1] + 1
TOP, BOTTOM = BLOCK_ROWS[0], BLOCK_ROWS[1] + 1
_OUTLINE = (
    (float(LEFT), float(TOP)),
    (float(RIGHT), float(TOP)),
    (float(RIGHT), float(BOTTOM)),
    (float(LEFT), float(BOTTOM)),
)
MARKED = (6, 7)  # indices of slices


@contextmanager
def node_with(folder: Path, *studies: list[MadeStudy], **settings: object) -> Iterator[Node]:
    """A node that has assessed the studies, and knows Anna, a radiologist."""
    node = Node(folder / "node", **settings)
    try:
        node.start()
        person(node, "anna")
        give(node, *studies)
        yield node
    finally:
        node.stop()


def give(node: Node, *studies: list[MadeStudy]) -> None:
    """Send it further studies, and wait until they are assessed."""
    if not studies:
        return
    count = len(node.rows()) + len(studies)
    send_to(node, *(image for study in studies for image in study))
    node.all_assessed(count)


@contextmanager
def page_of(browser: Browser, node: Node, name: str = "anna") -> Iterator[Page]:
    """A page of a person who has signed in; nothing complains, nothing leaves the machine."""
    context = browser.new_context(locale="en-GB", viewport={"width": 1366, "height": 768})
    sign_in(context, node, name)
    page = context.new_page()
    heard = Heard()
    heard.listen(page)
    yield page
    context.close()
    assert heard.complaints == []
    hosts = {(urlsplit(url).scheme, urlsplit(url).hostname) for url in heard.requests}
    assert hosts <= {("http", "127.0.0.1"), ("data", None), ("blob", None)}


def open_study(page: Page, node: Node, study: list[MadeStudy]) -> Pane:
    """Open it; its pane, drawn."""
    page.goto(f"{node.url}/#/studies/{study[0].study_instance_uid}")
    pane = Pane(page)
    pane.wait()
    return pane


def mark_block(node: Node, block: list[MadeStudy], probability: float = 0.91) -> None:
    """Record the block's outline on two slices, and how suspect each slice is."""
    regions = tuple(
        Region(
            sop_instance_uid=SOPInstanceUID(block[at].sop_instance_uid),
            frame_number=1,
            polygon=_OUTLINE,
            score=0.9 - 0.1 * at,
        )
        for at in MARKED
    )
    scores = tuple(
        ImageScore(
            sop_instance_uid=SOPInstanceUID(one.sop_instance_uid), frame_number=1, score=at / SLICES
        )
        for at, one in enumerate(block)
    )
    outcome = Flagged(
        probability=probability, regions=regions, evidence=Evidence(image_scores=scores)
    )
    record(node, block[0], outcome)


def middle(picture: npt.NDArray[np.uint8]) -> int:
    """The grey in the middle."""
    return int(picture[picture.shape[0] // 2, picture.shape[1] // 2])


def grey(value: float, center: float, width: float) -> float:
    """PS3.3 C.11.2.1.2."""
    return float(np.clip(((value - (center - 0.5)) / (width - 1) + 0.5) * 255, 0, 255))


def wait_for_grey(pane: Pane, expected: float) -> None:
    """Until the block is as bright as this."""
    wait_until(
        lambda: abs(middle(pane.picture()) - expected) <= 2,
        f"the block is as bright as {expected:.0f}",
        more=lambda: f"{middle(pane.picture())} {pane.words('window')}",
    )


def whole_range(pane: Pane) -> None:
    """The window that air and block both lie in."""
    pane.page.keyboard.press("0")
    wait_until(lambda: "As sent" in pane.words("window"), "it is as sent")
    wait_for_grey(pane, grey(60, 0, 2048))


def edges(line: npt.NDArray[np.uint8]) -> tuple[float, float]:
    """Where a bright stretch begins and ends, px, halfway up its flanks.

    Only in a window that both sides of the edge lie in: there the flanks are straight.
    """
    bright = line.astype(float)
    half = (bright.max() + bright.min()) / 2
    inside = np.nonzero(bright >= half)[0]
    first, last = int(inside[0]), int(inside[-1])
    begin = first - (bright[first] - half) / max(1e-6, bright[first] - bright[first - 1])
    end = last + (bright[last] - half) / max(1e-6, bright[last] - bright[last + 1])
    return float(begin) + 0.5, float(end) + 0.5


def corners(surface: Locator) -> npt.NDArray[np.float64]:
    """Corners of the first outline on a surface, px (x, y) of it, corner by corner."""
    points = surface.get_by_test_id("marks").locator("polygon").first.get_attribute("points")
    assert points is not None
    return np.array([[float(part) for part in one.split(",")] for one in points.split()])


def outlines(surface: Locator) -> Locator:
    """All outlines on a surface."""
    return surface.get_by_test_id("marks").locator("polygon")


def figures(pane: Pane) -> list[str]:
    """What the measurements say."""
    return pane.surface.get_by_test_id("measurements").locator("text").all_text_contents()
