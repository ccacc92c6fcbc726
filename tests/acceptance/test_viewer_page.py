"""The viewer in headless Chromium: right values, lengths, places; planes, priors, keys."""

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import pytest
from block_ct import (
    AIR_HU,
    BLOCK_COLUMNS,
    BLOCK_HU,
    BLOCK_ROWS,
    COLUMN_MM,
    COLUMNS,
    ROW_MM,
    ROWS,
    SLICES,
    make_block_ct,
)
from chromium import Heard, Pane, chromium
from playwright.sync_api import Browser, Page
from radiographs import MadeStudy, make_study, send_to
from recorded import record
from signed_in import person, sign_in
from vigie_node import Node, wait_until

from worklist.finding import Evidence, Flagged, ImageScore, Region
from worklist.uid import SOPInstanceUID

# The block's edges in the image's grid, corner to corner: the regions and the picture must agree.
_LEFT, _RIGHT = BLOCK_COLUMNS[0], BLOCK_COLUMNS[1] + 1
_TOP, _BOTTOM = BLOCK_ROWS[0], BLOCK_ROWS[1] + 1
_OUTLINE = (
    (float(_LEFT), float(_TOP)),
    (float(_RIGHT), float(_TOP)),
    (float(_RIGHT), float(_BOTTOM)),
    (float(_LEFT), float(_BOTTOM)),
)
_MARKED = (6, 7)  # indices of slices


@pytest.fixture(scope="module")
def block(tmp_path_factory: pytest.TempPathFactory) -> list[MadeStudy]:
    """The CT that is read."""
    return make_block_ct(tmp_path_factory.mktemp("block"), 1)


@pytest.fixture(scope="module")
def radiograph(tmp_path_factory: pytest.TempPathFactory) -> MadeStudy:
    """A study that is no CT."""
    return make_study(tmp_path_factory.mktemp("radiograph"), 500)


@pytest.fixture(scope="module")
def node(
    tmp_path_factory: pytest.TempPathFactory, block: list[MadeStudy], radiograph: MadeStudy
) -> Iterator[Node]:
    """A node with the studies, the block's two middle slices marked."""
    node = Node(tmp_path_factory.mktemp("viewer") / "node")
    try:
        node.start()
        send_to(node, *block, radiograph)
        node.all_assessed(2)
        person(node, "anna")
        record(node, block[0], _flagged(block))
        yield node
    finally:
        node.stop()


def _flagged(block: list[MadeStudy]) -> Flagged:
    regions = tuple(
        Region(
            sop_instance_uid=SOPInstanceUID(block[at].sop_instance_uid),
            frame_number=1,
            polygon=_OUTLINE,
            score=0.9 - 0.1 * at,
        )
        for at in _MARKED
    )
    scores = tuple(
        ImageScore(
            sop_instance_uid=SOPInstanceUID(one.sop_instance_uid), frame_number=1, score=at / SLICES
        )
        for at, one in enumerate(block)
    )
    return Flagged(probability=0.91, regions=regions, evidence=Evidence(image_scores=scores))


@pytest.fixture(scope="module")
def browser(program: Callable[[str], str]) -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    with chromium(program("chromium")) as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, node: Node) -> Iterator[Page]:
    """A page of a person who has signed in; nothing complains, nothing leaves the machine."""
    context = browser.new_context(locale="en-GB", viewport={"width": 1366, "height": 768})
    sign_in(context, node, "anna")
    page = context.new_page()
    heard = Heard()
    heard.listen(page)
    yield page
    context.close()
    assert heard.complaints == []
    hosts = {(urlsplit(url).scheme, urlsplit(url).hostname) for url in heard.requests}
    assert hosts <= {("http", "127.0.0.1"), ("data", None), ("blob", None)}


@pytest.fixture
def pane(page: Page, node: Node, block: list[MadeStudy]) -> Pane:
    """The block's pane, with a picture in it."""
    page.goto(f"{node.url}/#/studies/{block[0].study_instance_uid}")
    pane = Pane(page)
    pane.wait()
    pane.wait_for_slice(_MARKED[0] + 1)
    return pane


def test_the_list_loads_nothing_of_the_viewer(page: Page, node: Node) -> None:
    scripts: list[str] = []
    page.on("request", lambda one: scripts.append(one.url) if one.url.endswith(".js") else None)
    page.goto(node.url)
    page.get_by_role("grid").wait_for()
    assert scripts
    assert not [url for url in scripts if "Viewer" in url]


def test_a_series_opens_at_the_surest_mark_in_the_window_of_its_part_of_the_body(
    pane: Pane,
) -> None:
    assert pane.words("window") == "C 40 W 80 Brain"
    assert pane.words("captions").startswith(f"Slice 7 of {SLICES}")
    picture = pane.picture()
    assert _middle(picture) == pytest.approx(_grey(BLOCK_HU, 40, 80), abs=2)
    assert picture[5, picture.shape[1] // 2] == 0


def test_number_keys_change_the_window_and_the_picture_by_it(pane: Pane) -> None:
    for key, center, width in (("4", 500, 2000), ("2", 75, 215), ("7", 50, 350), ("0", 0, 2048)):
        pane.page.keyboard.press(key)
        _wait_for_grey(pane, _grey(BLOCK_HU, center, width))
        assert pane.words("window").startswith(f"C {center} W {width}")


def _wait_for_grey(pane: Pane, expected: float) -> None:
    """Until the block is as bright as this."""
    wait_until(
        lambda: abs(_middle(pane.picture()) - expected) <= 2,
        f"the block is as bright as {expected:.0f}",
        more=lambda: f"{_middle(pane.picture())} {pane.words('window')}",
    )


def _middle(picture: npt.NDArray[np.uint8]) -> int:
    return int(picture[picture.shape[0] // 2, picture.shape[1] // 2])


def _grey(value: float, center: float, width: float) -> float:
    """PS3.3 C.11.2.1.2."""
    return float(np.clip(((value - (center - 0.5)) / (width - 1) + 0.5) * 255, 0, 255))


def _whole_range(pane: Pane) -> None:
    """The window that air and block both lie in."""
    pane.page.keyboard.press("0")
    wait_until(lambda: "As sent" in pane.words("window"), "it is as sent")
    _wait_for_grey(pane, _grey(BLOCK_HU, 0, 2048))


def _edges(line: npt.NDArray[np.uint8]) -> tuple[float, float]:
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


def test_marks_lie_where_the_pixels_are_whatever_the_zoom_turn_and_mirror(pane: Pane) -> None:
    def check() -> None:
        picture = pane.picture()
        left, right = _edges(picture[picture.shape[0] // 2])
        top, bottom = _edges(picture[:, picture.shape[1] // 2])
        per_pixel = (right - left) / (_RIGHT - _LEFT)
        corners = np.array(_corners(pane))
        assert corners.min(axis=0) == pytest.approx((left, top), abs=max(1, per_pixel / 4))
        assert corners.max(axis=0) == pytest.approx((right, bottom), abs=max(1, per_pixel / 4))

    _whole_range(pane)
    check()
    for key in ("r", "h", "+"):
        before = pane.drawn()
        pane.page.keyboard.press(key)
        pane.wait_for_more_than(before)
        check()


def _corners(pane: Pane) -> list[tuple[float, float]]:
    """Corners of the first outline, px of the pane."""
    points = pane.surface.get_by_test_id("marks").locator("polygon").first.get_attribute("points")
    assert points is not None
    return [tuple(map(float, one.split(","))) for one in points.split()]  # type: ignore[misc]


def test_a_known_distance_is_measured_right_within_a_pixel(pane: Pane) -> None:
    _whole_range(pane)
    picture = pane.picture()
    left, right = _edges(picture[picture.shape[0] // 2])
    top, bottom = _edges(picture[:, picture.shape[1] // 2])
    middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
    pane.page.keyboard.press("l")
    pane.drag((left, middle_y), (right, middle_y))
    pane.page.keyboard.press("l")
    pane.drag((middle_x, top), (middle_x, bottom))
    across, down = _figures(pane)
    assert _mm(across) == pytest.approx((_RIGHT - _LEFT) * COLUMN_MM, abs=COLUMN_MM)
    assert _mm(down) == pytest.approx((_BOTTOM - _TOP) * ROW_MM, abs=ROW_MM)
    pane.page.keyboard.press("Delete")
    pane.page.keyboard.press("Delete")
    assert _figures(pane) == []


def _figures(pane: Pane) -> list[str]:
    return pane.surface.get_by_test_id("measurements").locator("text").all_text_contents()


def _mm(words: str) -> float:
    assert words.endswith(" mm")
    return float(words.removesuffix(" mm"))


def test_the_probe_says_hounsfield_units(pane: Pane) -> None:
    picture = pane.picture()
    x, y = picture.shape[1] / 2, picture.shape[0] / 2
    left, _ = _edges(picture[picture.shape[0] // 2])
    pane.page.mouse.move(*pane.point(x, y))
    assert pane.words("hover").startswith(f"{BLOCK_HU} HU")
    pane.page.mouse.move(*pane.point(left - 20, y))
    assert pane.words("hover").replace("−", "-").startswith(f"{AIR_HU} HU")
    pane.page.keyboard.press("u")
    pane.page.mouse.click(*pane.point(x, y))
    assert _figures(pane) == [f"{BLOCK_HU} HU"]
    pane.page.keyboard.press("e")
    pane.drag((x - 40, y - 40), (x + 40, y + 40))
    assert _figures(pane)[1:3] == [f"{BLOCK_HU}.0 ± 0.0 HU", f"{BLOCK_HU} to {BLOCK_HU}"]


def test_an_angle_is_right_although_pixels_are_not_square(pane: Pane) -> None:
    corners = np.array(_corners(pane))
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    pane.page.keyboard.press("a")
    for place in ((right, bottom), (left, top), (right, top)):
        pane.page.mouse.click(*pane.point(*place))
    expected = np.degrees(np.arctan2((_BOTTOM - _TOP) * ROW_MM, (_RIGHT - _LEFT) * COLUMN_MM))
    assert float(_figures(pane)[0].removesuffix("°")) == pytest.approx(expected, abs=0.5)


def test_keys_and_the_wheel_lead_through_the_slices_and_the_marks(pane: Pane, page: Page) -> None:
    page.keyboard.press("ArrowDown")
    pane.wait_for_slice(_MARKED[0] + 2)
    page.keyboard.press("End")
    pane.wait_for_slice(SLICES)
    page.keyboard.press("n")
    pane.wait_for_slice(_MARKED[0] + 1)
    page.keyboard.press("Home")
    pane.wait_for_slice(1)
    page.mouse.move(*pane.point(200, 200))
    page.mouse.wheel(0, 80)
    pane.wait_for_slice(3)
    slider = page.get_by_role("slider", name="Slice")
    assert slider.get_attribute("aria-valuetext") == f"3 of {SLICES}"


def test_marks_go_and_come_back_with_one_key(pane: Pane, page: Page) -> None:
    outlines = pane.surface.get_by_test_id("marks").locator("polygon")
    assert outlines.count() > 0
    page.keyboard.press("m")
    wait_until(lambda: outlines.count() == 0, "they are gone")
    assert page.get_by_test_id("scores").count() == 0
    page.keyboard.press("m")
    wait_until(lambda: outlines.count() > 0, "they are back")
    assert page.get_by_test_id("scores").count() == 1


def test_edges_are_lettered_and_turn_with_the_picture(pane: Pane, page: Page) -> None:
    assert pane.words("letters").split() == ["A", "L", "P", "R"]  # top, right, bottom, left
    page.keyboard.press("r")
    wait_until(lambda: pane.words("letters").split() == ["R", "A", "L", "P"], "they turned")
    page.keyboard.press("h")
    wait_until(lambda: pane.words("letters").split() == ["R", "P", "L", "A"], "they mirrored")


def test_inverting_makes_the_dark_bright(pane: Pane, page: Page) -> None:
    before = _middle(pane.picture())
    page.keyboard.press("i")
    wait_until(lambda: abs(_middle(pane.picture()) - (255 - before)) <= 2, "it is inverted")
    page.keyboard.press("x")
    wait_until(lambda: abs(_middle(pane.picture()) - before) <= 2, "it is as it was opened")


def test_a_volume_is_cut_in_three_planes_that_meet_where_one_points(
    pane: Pane, page: Page, tmp_path: Path
) -> None:
    page.get_by_role("button", name="Three planes").click()
    planes = [page.locator(f"section[data-plane={name}]") for name in _PLANES]

    def bright(at: int) -> float:
        surface = planes[at].locator("[data-drawn]")
        return float((Pane.picture(_As(surface)) > 60).mean()) if surface.count() else 0.0

    wait_until(
        lambda: min(bright(at) for at in range(3)) > 0.02, "every plane shows the block", 120
    )
    page.screenshot(path=tmp_path / "planes.png")
    assert [bright(at) < 0.9 for at in range(3)] == [True] * 3
    axial = planes[0].locator("[data-drawn]").bounding_box()
    assert axial is not None
    # A line is taken hold of and moved beside the block: the sagittal plane is empty there.
    x, y = axial["x"] + axial["width"] / 2, axial["y"] + axial["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(axial["x"] + axial["width"] * 0.12, y, steps=3)
    page.mouse.up()
    wait_until(lambda: bright(2) < 0.005, "the sagittal plane has left the block", 60)
    assert bright(1) > 0.02
    page.mouse.click(x, y)
    wait_until(lambda: bright(2) > 0.02, "a click leads back", 60)


def _wait_until_whole(pane: Pane) -> None:
    """Until all columns of the image are in the pane."""

    def shown_width() -> float:
        return float(pane.words("zoom").strip(" ·%\u00a0\n")) / 100 * COLUMNS

    wait_until(
        lambda: shown_width() <= pane.picture().shape[1] + 2,
        "the image fits its pane",
        more=lambda: pane.words("zoom"),
    )


_PLANES = ("axial", "coronal", "sagittal")


class _As(Pane):
    """A pane's picture of another surface."""

    def __init__(self, surface: object) -> None:
        self.surface = surface  # type: ignore[assignment]


def test_a_radiograph_has_no_hounsfield_windows_and_says_that_its_scale_is_not_known(
    page: Page, node: Node, radiograph: MadeStudy
) -> None:
    page.goto(f"{node.url}/#/studies/{radiograph.study_instance_uid}")
    pane = Pane(page)
    pane.wait()
    assert page.get_by_role("group", name="Window").count() == 0
    assert "As sent" in pane.words("window")
    assert "scale not known" in pane.words("captions")
    assert len(np.unique(pane.picture())) > 20
    pane.page.keyboard.press("l")
    pane.drag((200, 200), (300, 200))
    assert _figures(pane)[0].endswith(" px")


def test_an_earlier_study_stands_beside_and_scrolls_along_from_where_it_stood(
    page: Page, node: Node, block: list[MadeStudy], tmp_path: Path
) -> None:
    before = len(node.rows())
    earlier = make_block_ct(tmp_path, 2, patient="BLOCK-1", date="20240312", offset_mm=500.0)
    send_to(node, *earlier)
    node.all_assessed(before + 1)
    page.goto(f"{node.url}/#/studies/{block[0].study_instance_uid}")
    first = Pane(page)
    first.wait()
    page.get_by_role("button", name="1 earlier study").click()
    page.get_by_role("menuitem").click()
    second = Pane(page, 1)
    second.wait()
    was = second.slice()
    _wait_until_whole(first)  # narrower than before
    _wait_until_whole(second)
    page.mouse.move(*first.point(100, 200))
    page.mouse.wheel(0, 120)
    first.wait_for_slice(_MARKED[0] + 1 + 3)
    second.wait_for_slice(was + 3)
    assert "12" in second.surface.inner_text()
    page.keyboard.press("k")
    page.mouse.wheel(0, 40)
    first.wait_for_slice(_MARKED[0] + 1 + 4)
    assert second.slice() == was + 3
    page.screenshot(path=tmp_path / "beside.png")


@pytest.mark.parametrize("size", [(1366, 768), (3840, 2160)])
def test_the_page_fits_its_window(pane: Pane, page: Page, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    wait_until(lambda: pane.picture().shape[1] > size[0] / 2, "the picture has the new size")
    width, height = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    )
    assert (width, height) <= size
    _whole_range(pane)
    toolbar = page.get_by_role("toolbar")
    assert toolbar.evaluate("(bar) => bar.scrollHeight <= bar.clientHeight")
    # The whole image fits, and fills one direction; a large picture takes its time.
    wait_until(lambda: 0.95 < _filled(pane.picture()) <= 1.01, "the whole image fits")


def _filled(picture: npt.NDArray[np.uint8]) -> float:
    """How much of the pane the whole image takes, in the direction where it takes more.

    0 where nothing is drawn yet, infinite where the block goes past the pane.
    """
    across, down = picture[picture.shape[0] // 2], picture[:, picture.shape[1] // 2]
    half = int(picture.max()) / 2
    if half == 0 or not ((across > half).any() and (down > half).any()):
        return 0.0
    if max(across[0], across[-1], down[0], down[-1]) > half:
        return float("inf")
    left, right = _edges(across)
    top, bottom = _edges(down)
    wide = (right - left) / (_RIGHT - _LEFT) * COLUMNS
    high = (bottom - top) / (_BOTTOM - _TOP) * ROWS
    return float(max(wide / picture.shape[1], high / picture.shape[0]))


def test_every_key_is_in_the_help(pane: Pane, page: Page) -> None:
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    dialog.wait_for()
    for words in ("Next slice", "Brain", "Next mark", "Length", "Three planes", "Cannot say"):
        assert dialog.get_by_text(words, exact=True).is_visible()
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    assert pane.surface.is_visible()
