"""What a site chose shows on the page: triage only, the way to its RIS, a detector that fails."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from block_ct import make_block_ct
from chromium import Pane
from pages import open_list, row_of
from playwright.sync_api import Browser, Page, expect
from pydicom import dcmread
from radiographs import MadeStudy, make_study, send_to
from recorded import REGION, record
from signed_in import person
from vigie_node import Node, wait_until

from worklist.finding import Evidence, Failed, Flagged, Lesion, Region, TargetFinding
from worklist.uid import SOPInstanceUID

_ACCESSION = "RIS 7/é"


def _made(folder: Path) -> list[MadeStudy]:
    """Radiographs, the first with an accession number that an address must escape."""
    studies = [make_study(folder, number) for number in (1, 2, 3)]
    dataset = dcmread(studies[0].path)
    dataset.AccessionNumber = _ACCESSION
    dataset.save_as(studies[0].path, enforce_file_format=True)
    return studies


def _suspect(slices: list[MadeStudy]) -> Flagged:
    """One lesion on two slices."""
    uids = [SOPInstanceUID(one.sop_instance_uid) for one in slices[7:9]]
    lesion = Lesion(
        number=1,
        score=0.9,
        centre_mm=(1.0, 2.0, 3.0),
        diameter_mm=12.0,
        first_image=uids[0],
        last_image=uids[1],
    )
    polygon = tuple((column / 8, row / 8) for column, row in REGION)
    regions = tuple(
        Region(sop_instance_uid=uid, frame_number=1, polygon=polygon, score=0.9, lesion=1)
        for uid in uids
    )
    return Flagged(probability=0.93, regions=regions, evidence=Evidence(lesions=(lesion,)))


@pytest.fixture(scope="module")
def block(tmp_path_factory: pytest.TempPathFactory) -> list[MadeStudy]:
    """A CT."""
    return make_block_ct(tmp_path_factory.mktemp("block"), 41)


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> list[MadeStudy]:
    """Radiographs."""
    return _made(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="module")
def node(
    tmp_path_factory: pytest.TempPathFactory, block: list[MadeStudy], studies: list[MadeStudy]
) -> Iterator[Node]:
    """A node that shows no marks of haemorrhages, those of others at once."""
    node = Node(
        tmp_path_factory.mktemp("site") / "node",
        highlighting="haemorrhage=triage_only",
        report_address="https://ris.example/report?a={accession_number}",
    )
    try:
        node.start()
        send_to(node, *block, *studies)
        node.all_assessed(1 + len(studies))
        record(node, block[0], _suspect(block))
        haemorrhage = TargetFinding.INTRACRANIAL_HAEMORRHAGE
        record(node, block[0], _suspect(block), detector="haemorrhage", target=haemorrhage)
        person(node, "anna")
        yield node
    finally:
        node.stop()


@pytest.fixture
def page(browser: Browser, node: Node) -> Iterator[Page]:
    """The list, open for a radiologist."""
    with open_list(browser, node, "anna") as page:
        yield page


def test_a_pointer_that_rests_on_a_study_shows_its_picture_without_marks(
    page: Page, block: list[MadeStudy]
) -> None:
    row = row_of(page, block[0].study_instance_uid)
    row.get_by_text("CT", exact=True).hover()
    preview = page.get_by_test_id("preview")
    picture = preview.locator("img")
    wait_until(
        lambda: (
            picture.count() == 1 and picture.evaluate("(e) => e.complete && e.naturalWidth > 0")
        ),
        "an image is shown",
    )
    assert preview.locator("svg, polygon").count() == 0
    page.mouse.move(300, 12)
    expect(preview).to_have_count(0)


def test_p8_of_a_model_for_triage_only_nothing_is_shown_or_sent(
    page: Page, node: Node, block: list[MadeStudy]
) -> None:
    uid = block[0].study_instance_uid
    chip = row_of(page, uid).get_by_test_id("chip-haemorrhage")
    expect(chip).to_have_attribute("data-state", "flagged")  # triage is the list
    row_of(page, uid).click()
    pane = Pane(page)
    pane.wait()
    expect(page.get_by_text("Triage only: this site shows no marks of it.")).to_be_visible()
    study = page.evaluate("(p) => fetch(p).then((r) => r.json())", f"/api/studies/{uid}")
    assert "haemorrhage" in study["withheld"]
    assert {one["detector"] for one in study["regions"]} == {"fracture"}
    assert {one["detector"] for one in study["evidence"]} == {"fracture"}
    [said] = [one for one in study["row"]["detectors"] if one["name"] == "haemorrhage"]
    assert (said["state"], said["probability"]) == ("flagged", None)
    marks = pane.surface.get_by_test_id("marks")
    wait_until(lambda: marks.locator("polygon").count() > 0, "the other model's marks are shown")
    assert "haemorrhage" not in (marks.text_content() or "")


def test_one_disagrees_with_a_lesion_and_may_change_ones_mind(
    page: Page, node: Node, block: list[MadeStudy]
) -> None:
    uid = block[0].study_instance_uid
    row_of(page, uid).click()
    lesion = page.get_by_role("list", name="Lesions suspected by fracture").get_by_role("listitem")
    disagree = lesion.get_by_role("button", name="Disagree", exact=True)
    disagree.click()
    expect(disagree).to_have_attribute("aria-pressed", "true")

    def said() -> list[tuple[int | None, bool]]:
        study = page.evaluate("(p) => fetch(p).then((r) => r.json())", f"/api/studies/{uid}")
        return [(one["lesion"], one["agrees"]) for one in study["reading"]["agreements"]]

    wait_until(lambda: said() == [(1, False)], "it is kept")
    agree = lesion.get_by_role("button", name="Agree", exact=True)
    agree.click()
    expect(agree).to_have_attribute("aria-pressed", "true")
    expect(disagree).to_have_attribute("aria-pressed", "false")
    wait_until(lambda: said() == [(1, True)], "the last one counts")
    kinds = [one["kind"] for one in node.api(f"/api/studies/{uid}")["events"]]
    assert kinds.count("finding_judged") == 2  # both are kept


def test_p5_the_report_is_dictated_in_the_ris_at_its_own_address(
    page: Page, studies: list[MadeStudy]
) -> None:
    row_of(page, studies[0].study_instance_uid).click()
    link = page.get_by_role("link", name="Dictate in RIS")
    link.wait_for()
    assert link.get_attribute("href") == "https://ris.example/report?a=RIS%207%2F%C3%A9"
    assert link.get_attribute("target") == "_blank"
    assert "noreferrer" in (link.get_attribute("rel") or "")
    page.go_back()
    page.get_by_role("grid").wait_for()
    row_of(page, studies[1].study_instance_uid).click()
    page.get_by_role("heading", level=1).get_by_text("Doe").wait_for()
    expect(page.get_by_test_id("conclude").or_(page.get_by_label("Reading")).first).to_be_visible()
    expect(link).to_have_count(0)  # without an accession number there is nothing to open


def test_p4_a_bar_names_a_detector_that_fails_and_rows_say_so(
    page: Page, node: Node, studies: list[MadeStudy]
) -> None:
    bar = page.get_by_test_id("trouble")
    expect(bar).to_have_count(0)
    failed = Failed(reason="the series <b> could not be decoded")
    for study in studies:
        record(node, study, failed, detector="nodule", target=TargetFinding.PULMONARY_NODULE)
    expect(bar).to_contain_text("nodule failed on 3 of the latest 3 studies.")
    expect(bar).to_contain_text("The series <b> could not be decoded")
    expect(bar).to_contain_text("Such studies are placed as if without it.")
    for study in studies:
        chip = row_of(page, study.study_instance_uid).get_by_test_id("chip-nodule")
        expect(chip).to_have_attribute("data-state", "failed")
