"""The log of HL7 messages and its dead letters over HTTP, for administrators."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from results.hl7.inbound import Site
from tests.browser import Browser, app_of
from tests.builders import NOON, arrival
from tests.hl7_messages import order
from tests.people import PASSWORD, House
from vigie.hl7 import Inbound, MessageDesk
from vigie.settings import load_settings
from worklist.due_time import DueTargets
from worklist.people import Role
from worklist.service import Worklist
from worklist.store.postgres import PostgresStore


@pytest.fixture
def browser(emptied_engine: sa.Engine, tmp_path: Path) -> Browser:
    """An administrator, at a node that took one order and refused another."""
    with emptied_engine.begin() as connection:
        connection.execute(sa.text("ALTER SEQUENCE hl7_received_message_id_seq RESTART"))
    worklist = Worklist(PostgresStore(emptied_engine), DueTargets())
    worklist.record_arrivals([arrival(accession_number="A1")], now=NOON)
    inbound = Inbound(worklist, Site(), lambda: NOON)
    inbound.handle(order("R", control_id="good"))
    inbound.handle(order("ER", control_id="bad"))
    house = House(emptied_engine)
    house.person("root", Role.ADMINISTRATOR)
    settings = load_settings(data=tmp_path / "data", hl7_priorities=("ER=stat",))
    desk = MessageDesk(emptied_engine, worklist, settings, lambda: NOON)
    made = Browser(app_of(house, tmp_path, messages=desk))
    assert made.sign_in("root", PASSWORD).status_code == 200
    return made


def test_the_log_shows_what_became_of_each_message_without_names(browser: Browser) -> None:
    answer = browser.ask("GET", "/api/hl7/messages")
    found = [(one["control_id"], one["state"], one["code"]) for one in answer.json()]
    assert sorted(found) == [("bad", "refused", "AE"), ("good", "accepted", "AA")]
    assert "Doe" not in answer.text
    [dead] = browser.ask("GET", "/api/hl7/messages?dead=true").json()
    assert "hl7_priorities" in dead["error"]


def test_a_dead_letter_is_shown_whole_and_read_again(browser: Browser) -> None:
    whole = browser.ask("GET", "/api/hl7/dead-letters/in-2").json()
    assert "Doe^Jane" in whole["content"]
    again = browser.ask("POST", "/api/hl7/messages/in-2/resend")
    assert (again.status_code, again.json()["state"]) == (200, "accepted")
    assert browser.ask("GET", "/api/hl7/messages?dead=true").json() == []
    assert browser.ask("GET", "/api/hl7/dead-letters/in-2").status_code == 409
    assert browser.ask("POST", "/api/hl7/messages/in-2/resend").status_code == 409


@pytest.mark.parametrize("number", ["in-9", "out-1", "x", "in-", "in-" + "9" * 40])
def test_what_is_not_kept_is_not_found(browser: Browser, number: str) -> None:
    assert browser.ask("GET", f"/api/hl7/dead-letters/{number}").status_code == 404
    assert browser.ask("POST", f"/api/hl7/messages/{number}/resend").status_code == 404
