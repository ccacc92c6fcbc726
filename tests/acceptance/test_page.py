"""The page in headless Chromium: in the server's order, moving by itself, marks in their place."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from axe_core import serious
from chromium import Heard, Pane, chromium
from playwright.sync_api import Browser, Locator, Page, expect
from radiographs import COLUMNS, ROWS, MadeStudy, make_study, send_to
from recorded import REGION, flag, record
from signed_in import person, sign_in
from vigie_node import Node, wait_until

from worklist.finding import (
    Evidence,
    Flagged,
    ImageScore,
    Lesion,
    Region,
    SuspectedKind,
)
from worklist.people import Role
from worklist.uid import SOPInstanceUID

_HOSTILE_NAME = "<script>alert(1)</script>^<b>"
_STATE_WORDS = {
    "flagged": "flagged",
    "not_flagged": "not flagged",
    "not_applicable": "not applicable",
    "failed": "failed",
    "stopped": "stopped",
}


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> list[MadeStudy]:
    """Three radiographs, one of a patient with a hostile name, and a head CT."""
    folder = tmp_path_factory.mktemp("made")
    return [
        make_study(folder, 1),
        make_study(folder, 2, name=_HOSTILE_NAME),
        make_study(folder, 3, name="Yamada^Tarou=山田^太郎"),
        make_study(folder, 4, modality="CT"),
    ]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, studies: list[MadeStudy]) -> Iterator[Node]:
    """A node that has assessed the studies."""
    node = Node(tmp_path_factory.mktemp("page") / "node")
    try:
        node.start()
        send_to(node, *studies)
        node.all_assessed(len(studies))
        person(node, "anna")
        yield node
    finally:
        node.stop()


@pytest.fixture(scope="module")
def browser(program: Callable[[str], str]) -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    with chromium(program("chromium")) as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, node: Node) -> Iterator[Page]:
    """The open list; afterwards: nothing complained, and nothing left the machine."""
    context = browser.new_context(locale="en-GB", viewport={"width": 1440, "height": 900})
    sign_in(context, node, "anna")
    page = context.new_page()
    heard = Heard()
    heard.listen(page)
    page.goto(node.url)
    page.get_by_role("grid").wait_for()
    page.evaluate("window.notReloaded = true")
    yield page
    assert page.evaluate("window.notReloaded"), "the page was loaded anew"
    context.close()
    assert heard.complaints == []
    schemes = {(urlsplit(url).scheme, urlsplit(url).hostname) for url in heard.requests}
    assert schemes <= {("http", "127.0.0.1"), ("data", None), ("blob", None)}


def shown_order(page: Page) -> list[str]:
    """Study Instance UIDs from top to bottom, where the rows are really seen."""
    uids: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("[data-uid]")]
            .map((row) => [row.getBoundingClientRect().top, row.dataset.uid])
            .sort(([a], [b]) => a - b)
            .map(([, uid]) => uid)"""
    )
    return uids


def served_order(node: Node) -> list[str]:
    """Study Instance UIDs as the API has them."""
    return [row["study_instance_uid"] for row in node.rows()]


def row_of(page: Page, uid: str) -> Locator:
    """One study's row."""
    return page.locator(f'[data-uid="{uid}"]')


def test_p3_the_page_shows_every_study_in_the_order_of_the_server(page: Page, node: Node) -> None:
    assert len(served_order(node)) >= 4
    wait_until(lambda: shown_order(page) == served_order(node), "the order is the server's")
    places = [row_of(page, uid).locator("[role=gridcell]").first for uid in served_order(node)]
    assert [place.inner_text().strip() for place in places] == [
        str(row["place"]) for row in node.rows()
    ]


def test_p4_every_state_is_said_in_words_and_none_is_normal(page: Page, node: Node) -> None:
    rows = node.rows()
    states = {one["state"] for row in rows for one in row["detectors"]}
    assert "not_applicable" in states  # the head CT, for fracture
    for row in rows:
        shown = row_of(page, row["study_instance_uid"])
        for detector in row["detectors"]:
            chip = shown.get_by_test_id(f"chip-{detector['name']}")
            assert chip.is_visible()
            assert chip.get_attribute("data-state") == detector["state"]
            assert _STATE_WORDS[detector["state"]] in shown.inner_text()
            assert detector["finding"] in chip.inner_text()
    assert "AI results are not reviewed" in page.inner_text("body")
    assert "normal" not in everything_said(page)


def everything_said(page: Page) -> str:
    """All text of a page, the hidden kinds included, in lower case."""
    said: str = page.evaluate(
        """() => [document.body.innerText, ...[...document.querySelectorAll("*")].flatMap(
            (e) => ["title", "aria-label", "alt", "placeholder"].map((a) => e.getAttribute(a)))]
            .filter((text) => text !== null).join(" ")"""
    )
    return said.lower()


def test_the_list_moves_by_itself_when_an_outcome_comes(
    page: Page, node: Node, studies: list[MadeStudy]
) -> None:
    by_uid = {study.study_instance_uid: study for study in studies}
    last_radiograph = next(
        by_uid[row["study_instance_uid"]]
        for row in reversed(node.rows())
        if "DX" in row["modalities"]
    )
    wait_until(lambda: shown_order(page) == served_order(node), "the list is shown")
    flag(node, last_radiograph, 0.999)
    assert served_order(node)[0] == last_radiograph.study_instance_uid
    wait_until(
        lambda: shown_order(page)[0] == last_radiograph.study_instance_uid,
        "the study has moved to the top",
        10,
    )
    assert shown_order(page) == served_order(node)
    chip = row_of(page, last_radiograph.study_instance_uid).get_by_test_id("chip-fracture")
    assert chip.get_attribute("data-state") == "flagged"


def test_a_study_that_arrives_appears_in_its_place(page: Page, node: Node, tmp_path: Path) -> None:
    new = make_study(tmp_path, 100 + len(node.rows()))
    assert row_of(page, new.study_instance_uid).count() == 0
    send_to(node, new)
    row_of(page, new.study_instance_uid).wait_for()
    node.all_assessed(len(node.rows()))
    wait_until(lambda: shown_order(page) == served_order(node), "the order is the server's", 10)
    assert new.study_instance_uid in shown_order(page)


def test_a_click_shows_the_image_with_the_region_where_the_detector_saw_it(
    page: Page, node: Node, studies: list[MadeStudy], tmp_path: Path
) -> None:
    study = studies[0]
    flag(node, study, 0.9)
    chip = row_of(page, study.study_instance_uid).get_by_test_id("chip-fracture")
    wait_until(lambda: chip.get_attribute("data-state") == "flagged", "it is shown as flagged")
    page.screenshot(path=tmp_path / "list.png")
    row_of(page, study.study_instance_uid).click()
    pane = Pane(page)
    pane.wait()
    assert len(np.unique(pane.picture())) > 20  # grey levels: not blank

    wait_until(lambda: page.locator("[data-testid=marks] polygon").count() > 0, "it is marked")
    page.screenshot(path=tmp_path / "study.png")
    regions = node.api(f"/api/studies/{study.study_instance_uid}")["regions"]
    assert [tuple(map(tuple, one["polygon"])) for one in regions] == [REGION]
    box = pane.surface.bounding_box()
    assert box is not None
    # The whole radiograph, in the middle of the pane; its pixels are square.
    scale = min(box["width"] / COLUMNS, box["height"] / ROWS)
    left = box["x"] + (box["width"] - COLUMNS * scale) / 2
    top = box["y"] + (box["height"] - ROWS * scale) / 2
    expected = [(left + column * scale, top + row * scale) for column, row in REGION]
    for corners in page.evaluate(_DRAWN_CORNERS):
        for (x, y), (expected_x, expected_y) in zip(corners, expected, strict=True):
            assert abs(x - expected_x) < 2
            assert abs(y - expected_y) < 2
    assert "normal" not in everything_said(page)


_DRAWN_CORNERS = """() => [...document.querySelectorAll("[data-testid=marks] polygon")].map(
    (polygon) => [...polygon.points].map((point) => {
        const onScreen = point.matrixTransform(polygon.getScreenCTM());
        return [onScreen.x, onScreen.y];
    })
)"""


def test_p6_the_page_shows_what_a_probability_rests_on_slice_by_slice(
    page: Page, node: Node, tmp_path: Path
) -> None:
    slices = [make_study(tmp_path, 77, modality="CT", instance_number=n) for n in (1, 2, 3, 4, 5)]
    before = len(node.rows())
    send_to(node, *slices)
    node.all_assessed(before + 1)
    uids = [SOPInstanceUID(one.sop_instance_uid) for one in slices]
    regions = [
        Region(
            sop_instance_uid=uid,
            frame_number=1,
            polygon=REGION,
            score=score,
            kind="subdural",
            lesion=1,
        )
        for uid, score in ((uids[1], 0.6), (uids[2], 0.9))
    ]
    lesion = Lesion(
        number=1,
        score=0.9,
        centre_mm=(1.0, 2.0, 3.0),
        diameter_mm=12.34,
        first_image=uids[1],
        last_image=uids[2],
    )
    evidence = Evidence(
        image_scores=tuple(
            ImageScore(sop_instance_uid=uid, frame_number=1, score=score)
            for uid, score in zip(uids, (0.0, 0.6, 0.9, 0.1, 0.0), strict=True)
        ),
        kinds=(SuspectedKind(name="subdural", score=0.85),),
        lesions=(lesion,),
    )
    outcome = Flagged(probability=0.95, regions=tuple(regions), evidence=evidence)
    record(node, slices[0], outcome)
    row_of(page, slices[0].study_instance_uid).click()
    slider = page.get_by_role("slider", name="Slice")
    wait_until(lambda: "3 of 5" in (slider.get_attribute("aria-valuetext") or ""), "it opens there")
    assert slider.get_attribute("aria-valuetext") == "3 of 5, marked, strongly suspect"
    strip = page.get_by_test_id("scores").locator("rect")
    shades = strip.evaluate_all("(all) => all.map((e) => Number(e.getAttribute('fill-opacity')))")
    assert shades == [0, 0.6, 0.9, 0.1, 0]
    assert page.get_by_test_id("kinds").inner_text() == (
        "Kind suspected: subdural (strongly suspect)."
    )
    marks = page.get_by_test_id("marks").locator("text")
    wait_until(lambda: marks.count() > 0, "the image is drawn, and its marks")
    assert marks.all_text_contents() == ["subdural 1", "fracture · strongly suspect, 0.90"]
    slider.press("Home")
    wait_until(lambda: slider.get_attribute("aria-valuetext") == "1 of 5", "another slice")
    listed = page.get_by_role("list", name="Lesions suspected by fracture")
    listed = listed.get_by_role("button").first  # beside it: agree, disagree
    assert listed.inner_text().split("\n") == ["1", "12.3 mm", "slices 2 to 3", "strongly suspect"]
    listed.click()
    wait_until(lambda: "3 of 5" in (slider.get_attribute("aria-valuetext") or ""), "it goes there")
    page.screenshot(path=tmp_path / "evidence.png")
    assert "normal" not in everything_said(page)


def test_a_models_card_is_one_click_from_its_chip(
    page: Page, node: Node, studies: list[MadeStudy], tmp_path: Path
) -> None:
    row_of(page, studies[0].study_instance_uid).click()
    page.get_by_role("button", name="Model card of fracture").click()
    card = node.api("/api/models/fracture")
    drawer = page.get_by_role("dialog", name=card["title"])
    drawer.wait_for()
    drawer.get_by_text(card["card"]["intended_use"]).wait_for()
    for line in (*card["card"]["limits"], *card["card"]["training_data"], card["weights_sha256"]):
        assert line in drawer.inner_text()
    page.screenshot(path=tmp_path / "card.png")
    assert "normal" not in everything_said(page)
    drawer.get_by_role("button", name="Close the model card").click()
    drawer.wait_for(state="detached")


def test_p9_a_hostile_patient_name_is_text(
    page: Page, node: Node, studies: list[MadeStudy]
) -> None:
    uid = studies[1].study_instance_uid
    row = row_of(page, uid)
    row.wait_for()
    assert "<script>alert(1)</script>" in row.inner_text()
    assert row.locator("script, b").count() == 0
    row.click()
    heading = page.get_by_role("heading", level=1)
    wait_until(lambda: "<script>alert(1)</script>" in heading.inner_text(), "the name is shown")
    assert heading.locator("script, b").count() == 0
    served = node.api(f"/api/studies/{uid}")["row"]["patient_name"]
    assert served == _HOSTILE_NAME


def test_p7_a_banner_says_that_ai_is_stopped_and_the_order_falls_back(
    page: Page, node: Node, studies: list[MadeStudy]
) -> None:
    flag(node, studies[2], 0.99)
    stopped = node.run("ai", "stop", "--reason", "a test")
    assert stopped.returncode == 0, stopped.stderr
    try:
        page.get_by_text("AI is stopped").wait_for()
        rows = node.rows()
        assert all(row["due_at"] == row["due_without_ai_at"] for row in rows)
        assert [row["received_at"] for row in rows] == sorted(row["received_at"] for row in rows)
        wait_until(lambda: shown_order(page) == served_order(node), "the order is without AI")
        states: set[Any] = {one["state"] for row in rows for one in row["detectors"]}
        assert states == {"stopped"}, json.dumps(rows, indent=1)
    finally:
        started = node.run("ai", "start", "--reason", "the test is over")
    assert started.returncode == 0, started.stderr
    page.get_by_text("AI is stopped").wait_for(state="detached")
    wait_until(lambda: shown_order(page) == served_order(node), "the order is with AI again")
    assert served_order(node)[0] in {one.study_instance_uid for one in studies}


def test_p3_an_administrator_sees_the_list_as_it_was(browser: Browser, node: Node) -> None:
    person(node, "boss", Role.ADMINISTRATOR)
    rows = node.rows()
    first = rows[0]["study_instance_uid"]
    moment = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
    wait_until(lambda: datetime.now(UTC) > moment, "the moment has passed", 10, node.tail)
    context = browser.new_context(locale="en-GB", viewport={"width": 1366, "height": 900})
    sign_in(context, node, "boss")
    page = context.new_page()
    page.goto(f"{node.url}/#/record/{first}/{moment:%Y-%m-%dT%H:%M:%SZ}")
    expect(page.get_by_role("heading", name="The list as it was")).to_be_visible(timeout=60_000)
    shown = page.locator("tr[data-study]")
    expect(shown).to_have_count(len(rows))
    uids = [one.get_attribute("data-study") for one in shown.all()]
    assert uids == [one["study_instance_uid"] for one in rows]
    expect(page.locator('tr[data-mine="true"]')).to_have_count(1)
    assert serious(page) == []
    context.close()
