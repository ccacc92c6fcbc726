"""Reports of the RIS beside the images: for who reads and reviews, plain text whatever it is."""

from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.browser import Browser, app_of
from tests.builders import MINUTE, NOON, STUDY, arrival
from tests.contract.ris import LATER, REPORT, header
from tests.people import PASSWORD, House
from worklist.due_time import DueTargets
from worklist.orders import ReportStatus
from worklist.people import Role
from worklist.service import Worklist
from worklist.store.postgres import PostgresStore
from worklist.store.reader import PostgresReader

PATH = f"/api/studies/{STUDY}/reports"
HOSTILE = "<script>alert(1)</script>\nNo \u202e fracture & so on.\ud800\0"


@pytest.fixture
def house(emptied_engine: sa.Engine) -> House:
    """A node that has one study, of which the RIS told two reports."""
    worklist = Worklist(PostgresStore(emptied_engine), DueTargets())
    worklist.record_arrivals([arrival(accession_number="A1")], now=NOON)
    first = replace(REPORT, status=ReportStatus.PRELIMINARY, text="In the dark.")
    for number, report in enumerate((first, replace(REPORT, text=HOSTILE, said_at=LATER))):
        at = LATER + number * MINUTE
        worklist.receive(header(str(number), control_id=str(number)), (report,), now=at)
    return House(emptied_engine)


def browser_of(house: House, folder: Path, role: Role) -> Browser:
    house.person("anna", role)
    reader = PostgresReader(house.engine, archive=folder, inbox_objects=lambda: 0)
    made = Browser(app_of(house, folder, reader=reader))
    assert made.sign_in("anna", PASSWORD).status_code == 200
    return made


@pytest.mark.parametrize("role", [Role.RADIOLOGIST, Role.QA_REVIEWER])
def test_who_reads_or_reviews_sees_what_the_ris_said_p5(
    house: House, tmp_path: Path, role: Role
) -> None:
    found = browser_of(house, tmp_path, role).ask("GET", PATH).json()
    assert [(one["status"], one["said_at"], one["received_at"]) for one in found] == [
        ("preliminary", "2026-03-02T12:00:00Z", "2026-03-02T12:05:00Z"),
        ("final", "2026-03-02T12:05:00Z", "2026-03-02T12:06:00Z"),
    ]


def test_a_report_that_was_withdrawn_says_so_whatever_came_first(
    house: House, tmp_path: Path
) -> None:
    """A correction follows; what was said first of all comes last of all."""
    worklist = Worklist(PostgresStore(house.engine), DueTargets())
    withdrawn_at = LATER + MINUTE
    for control_id, status, at in (
        ("x", ReportStatus.CANCELLED, withdrawn_at),
        ("c", ReportStatus.CORRECTED, LATER + 2 * MINUTE),
        ("p", ReportStatus.PRELIMINARY, NOON - MINUTE),
    ):
        report = replace(REPORT, status=status, text="", said_at=at)
        told_at = LATER + 5 * MINUTE
        worklist.receive(header(control_id, control_id=control_id), (report,), now=told_at)
    found = browser_of(house, tmp_path, Role.RADIOLOGIST).ask("GET", PATH).json()
    assert [(one["status"], one["withdrawn_at"]) for one in found] == [
        ("preliminary", "2026-03-02T12:06:00Z"),
        ("preliminary", "2026-03-02T12:06:00Z"),
        ("final", "2026-03-02T12:06:00Z"),
        ("cancelled", None),
        ("corrected", None),
    ]


def test_p9_the_words_of_a_report_are_data(house: House, tmp_path: Path) -> None:
    answer = browser_of(house, tmp_path, Role.RADIOLOGIST).ask("GET", PATH)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()[1]["text"] == HOSTILE.replace("\ud800", "\ufffd").replace("\0", "\ufffd")


def test_who_only_administers_sees_no_report(house: House, tmp_path: Path) -> None:
    browser = browser_of(house, tmp_path, Role.ADMINISTRATOR)
    assert browser.ask("GET", PATH).status_code == 403


def test_of_a_study_that_is_not_here_there_is_none(house: House, tmp_path: Path) -> None:
    browser = browser_of(house, tmp_path, Role.RADIOLOGIST)
    assert browser.ask("GET", PATH.replace("1.2.3", "1.2.9")).status_code == 404
    assert browser.ask("GET", PATH.replace("1.2.3", "x")).status_code in (404, 422)
