"""A node between a PACS and a RIS: orders, reports and results, seen as users see them."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import hl7
import pytest
from axe_core import serious
from hl7.client import MLLPClient
from pages import open_list
from playwright.sync_api import Browser, expect
from pydicom.dataset import Dataset
from signed_in import person
from vigie_node import Node, free_port, wait_until

from tests.dicom_series import tiny_image
from tests.hl7_messages import order, report
from tests.listening import association
from tests.mllp_peers import FakeRis, accepts
from worklist.people import Role


@pytest.fixture(scope="module")
def ris() -> Iterator[FakeRis]:
    made = FakeRis()
    yield made
    made.close()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, ris: FakeRis) -> Iterator[Node]:
    made = Node(
        tmp_path_factory.mktemp("ris") / "node",
        hl7_port=free_port(),
        hl7_peer=f"127.0.0.1:{ris.port}",
        worker_processes=1,
        listener_processes=1,
    )
    made.start()
    yield made
    made.stop()


def image(study: str, accession_number: str) -> Dataset:
    one = tiny_image(1, "CT", "HEAD", 1.0)
    one.StudyInstanceUID, one.SeriesInstanceUID = study, f"{study}.1"
    one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = f"{study}.1.1"
    one.PatientID, one.PatientName, one.AccessionNumber = "P1", "Doe^Jane", accession_number
    one.PixelData = bytes(32)
    return one


def sent(node: Node, study: str, accession_number: str) -> None:
    with association(node.dicom_port) as peer:
        assert peer.send_c_store(image(study, accession_number)).Status == 0x0000
    wait_until(lambda: study in rows(node), "the study is on the list", 60, node.tail)


def rows(node: Node) -> dict[str, Any]:
    return {one["study_instance_uid"]: one for one in node.rows()}


def told(node: Node, raw: bytes) -> str:
    with MLLPClient("127.0.0.1", int(node.environment["VIGIE_HL7_PORT"])) as client:
        answer = client.send_message(raw).strip(b"\x0b\x1c\r").decode()
    return str(hl7.parse(answer)["MSA.F1"])


def test_orders_before_and_after_the_images_and_a_report_are_seen_on_the_list(
    node: Node, ris: FakeRis
) -> None:
    assert told(node, order("S", accession="A1", control_id="1")) == "AA"
    sent(node, "1.2.3", "A1")
    wait_until(
        lambda: rows(node)["1.2.3"]["requested_priority"] == "stat",
        "the order that came first counts", 60, node.tail,
    )  # fmt: skip
    sent(node, "1.2.4", "A2")
    assert rows(node)["1.2.4"]["requested_priority"] == "routine"
    assert told(node, order("A", accession="A2", number="O2", control_id="2")) == "AA"
    listed = json.loads(node.run("worklist", "--json").stdout)["rows"]
    asked = {one["study_instance_uid"]: one["requested_priority"] for one in listed}
    assert asked == {"1.2.3": "stat", "1.2.4": "urgent"}
    assert [one["study_instance_uid"] for one in listed] == ["1.2.3", "1.2.4"]
    wait_until(lambda: len(ris.received) == 2, "both results are with the RIS", 120, node.tail)
    signed_at = datetime.now(UTC).strftime("%Y%m%d%H%M%S+0000")
    assert told(node, report("F", accession="A1", control_id="3", at=signed_at)) == "AA"
    assert list(rows(node)) == ["1.2.4"]
    [event] = [
        one for one in node.api("/api/studies/1.2.3")["events"]
        if one["kind"] == "reported_elsewhere"
    ]  # fmt: skip
    assert event["words"] == "reported elsewhere: the report is final"


def test_the_ris_has_one_preliminary_result_a_study(node: Node, ris: FakeRis) -> None:
    found = [hl7.parse(one.decode()) for one in ris.received]
    assert sorted(str(one.segment("OBR")(18)) for one in found) == ["A1", "A2"]
    for one in found:
        assert str(one.segment("OBR")(25)) == "P"
        assert "not reviewed" in str(one.segment("NTE")(3))


def test_the_log_shows_messages_both_ways_and_no_name(node: Node) -> None:
    assert told(node, order("ODD", accession="A2", control_id="odd")) == "AE"
    log = node.run("hl7", "log", "--json")
    assert log.returncode == 0, log.stderr
    found = json.loads(log.stdout)
    assert sorted(one["message_id"] for one in found) == [
        "in-1", "in-2", "in-3", "in-4", "out-1", "out-2",
    ]  # fmt: skip
    assert "Doe" not in log.stdout and "Jane" not in log.stdout
    dead = node.run("hl7", "dead-letters")
    assert "odd" in dead.stdout and "Doe" not in dead.stdout
    assert "Doe^Jane" in node.run("hl7", "show", "in-4").stdout
    again = node.run("hl7", "resend", "in-4")
    assert again.returncode == 1 and "refused again" in again.stderr
    assert node.run("hl7", "resend", "out-1").returncode == 1
    assert "answers" in node.run("hl7", "test").stdout
    assert "Doe" not in node.log.read_text()


def test_an_administrator_sees_a_dead_letter_at_the_page_and_sends_it_again(
    node: Node, browser: Browser, ris: FakeRis
) -> None:
    ris.behave = lambda raw, times: accepts(raw, times, "AE")
    sent(node, "1.2.5", "A5")
    person(node, "boss", Role.ADMINISTRATOR)
    with open_list(browser, node, "boss", locale="en-GB") as page:
        page.get_by_role("button", name="Account of Dr Boss").click()
        page.get_by_role("menuitem", name="Messages of the RIS").click()
        page.get_by_label("only what needs looking after").check()
        parked = page.locator('tr[data-state="parked"]')
        expect(parked).to_have_count(1, timeout=120_000)
        expect(parked).to_contain_text("The receiver answered AE.")
        assert serious(page) == []
        assert "Doe" not in page.content()
        number = parked.get_attribute("data-message")
        page.get_by_role("button", name=f"Show {number} whole").click()
        expect(page.get_by_test_id("whole-message")).to_contain_text("Doe^Jane")
        assert serious(page) == []
        page.get_by_role("button", name="Close").click()
        ris.behave = accepts
        page.get_by_role("button", name=f"Send {number} again").click()
        expect(parked).to_have_count(0, timeout=60_000)
        page.get_by_label("only what needs looking after").uncheck()
        row = page.locator(f'tr[data-message="{number}"]')
        expect(row).to_have_attribute("data-state", "accepted", timeout=60_000)


def test_an_administrator_dismisses_one_and_says_why(
    node: Node, browser: Browser, ris: FakeRis
) -> None:
    person(node, "chief", Role.ADMINISTRATOR)
    with open_list(browser, node, "chief", locale="en-GB") as page:
        page.get_by_role("button", name="Account of Dr Chief").click()
        page.get_by_role("menuitem", name="Messages of the RIS").click()
        page.get_by_role("button", name="Dismiss in-4").click()
        expect(page.get_by_role("dialog")).to_be_visible()
        assert serious(page) == []
        page.get_by_label("Reason").fill("a test of the RIS")
        page.get_by_role("dialog").get_by_role("button", name="Dismiss").click()
        row = page.locator('tr[data-message="in-4"]')
        expect(row).to_have_attribute("data-state", "dismissed", timeout=60_000)
    again = node.run("hl7", "dismiss", "in-4", "--reason", "twice")
    assert again.returncode == 1 and "can be" in again.stderr


def test_who_reads_sees_the_report_of_the_ris_beside_the_images(
    node: Node, browser: Browser
) -> None:
    """Plain text, whatever it holds (P9), and said not to be Vigie's (P5)."""
    words = "No fracture. <img src=x onerror=alert(1)>"
    corrected_at = (datetime.now(UTC) + timedelta(seconds=1)).strftime("%Y%m%d%H%M%S+0000")
    late = report("C", accession="A1", text=words, control_id="late", at=corrected_at)
    assert told(node, late) == "AA"
    person(node, "anna", Role.RADIOLOGIST)
    with open_list(browser, node, "anna", locale="en-GB") as page:
        page.goto(f"{node.url}/#/studies/1.2.3")
        shown = page.get_by_test_id("reports")
        expect(shown).to_contain_text("Report from the RIS, not written by Vigie", timeout=60_000)
        expect(shown.get_by_role("listitem")).to_have_count(2)
        expect(shown.get_by_role("listitem").first).to_contain_text(words)
        expect(shown.get_by_role("listitem").first).to_contain_text("Status: corrected")
        expect(shown.get_by_role("listitem").last).to_contain_text("Status: final")
        assert shown.locator("img").count() == 0
        assert serious(page) == []
