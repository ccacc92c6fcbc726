"""What administrators see of notifications and do to them."""

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.browser import Browser, app_of
from tests.builders import FRACTURE, arrival, provenance
from tests.people import NOW, PASSWORD, House
from tests.receivers import Reply, receiving
from vigie.notifying import NotificationDesk, make_notifications
from vigie.settings import load_settings
from worklist.due_time import DueTargets
from worklist.finding import Flagged
from worklist.notifications import Notifications
from worklist.notifying import Unanswered
from worklist.people import Role
from worklist.service import Worklist
from worklist.store.postgres import PostgresStore
from worklist.study import Completeness
from worklist.uid import StudyInstanceUID

SECRET = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


class Site:
    """Flags of three studies for one channel, and an administrator's browser."""

    def __init__(self, engine: sa.Engine, folder: Path, url: str) -> None:
        channel = {"kind": "webhook", "name": "pager", "url": url, "secret": SECRET}
        settings = load_settings(data=folder, notifications=[channel])
        self.house = House(engine)
        self.house.person("root", Role.ADMINISTRATOR)
        app = app_of(self.house, folder, notifying=NotificationDesk(settings, engine))
        self.browser = Browser(app)
        assert self.browser.sign_in("root", PASSWORD).status_code == 200
        self.notifications: Notifications = make_notifications(settings, engine)
        worklist = Worklist(PostgresStore(engine), DueTargets())
        for number in (1, 2, 3):
            uid = StudyInstanceUID(f"1.2.{number}")
            worklist.record_arrivals([arrival(f"{uid}.1", study=uid)], now=NOW)
            worklist.complete_study(uid, completeness=Completeness.COMPLETE, now=NOW)
            outcome = Flagged(probability=0.9)
            worklist.record_outcome(uid, 1, outcome, provenance(FRACTURE, at=NOW), now=NOW)
        self.notifications.find("pager", NOW)


@pytest.fixture
def site(emptied_engine: sa.Engine, tmp_path: Path) -> Site:
    return Site(emptied_engine, tmp_path, "https://pager.hospital/")


def test_notifications_come_page_by_page_with_the_channels(site: Site) -> None:
    first = site.browser.ask("GET", "/api/notifications?limit=2").json()
    assert first["channels"] == [
        {
            "name": "pager",
            "findings": ["fracture", "intracranial_haemorrhage", "pulmonary_nodule"],
            "looked_at": "2026-03-02T12:00:00Z",
        }
    ]
    assert [one["study_instance_uid"] for one in first["notifications"]] == ["1.2.3", "1.2.2"]
    assert first["notifications"][0]["state"] == "waiting"
    assert first["notifications"][0]["finding"] == "fracture"
    assert "probability" not in str(first)
    rest = site.browser.ask("GET", f"/api/notifications?limit=2&before={first['next_before']}")
    assert [one["study_instance_uid"] for one in rest.json()["notifications"]] == ["1.2.1"]
    assert rest.json()["next_before"] is None
    none = site.browser.ask("GET", "/api/notifications?state=parked").json()
    assert none["notifications"] == []


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "before=0", "state=lost", "x=1"])
def test_a_page_that_cannot_be_meant_is_refused(site: Site, query: str) -> None:
    assert site.browser.ask("GET", f"/api/notifications?{query}").status_code == 422


def test_one_is_sent_again_under_the_administrators_name(site: Site) -> None:
    told = site.notifications.next("pager", NOW)
    assert told is not None
    late = Unanswered("answered 404 Not Found", pause=timedelta(days=1))
    site.notifications.record(told, late, NOW)
    shown = site.browser.ask("GET", "/api/notifications?state=parked", accept_language="fr").json()[
        "notifications"
    ]
    assert [one["words"] for one in shown] == ["a répondu 404 Not Found"]
    number = shown[0]["notification_id"]
    answer = site.browser.ask("POST", f"/api/notifications/{number}/send-again")
    assert answer.json() == {"notification_id": number, "state": "waiting"}
    [event] = site.house.events("notification_sent_again")
    assert event.actor == "person root"
    unknown = number.replace(number[0], "f" if number[0] != "f" else "e", 1)
    gone = site.browser.ask("POST", f"/api/notifications/{unknown}/send-again")
    assert (gone.status_code, gone.json()["code"]) == (404, "unknown_notification")
    assert site.browser.ask("POST", "/api/notifications/x/send-again").status_code == 422


def test_a_channel_is_tried_and_its_answer_is_shown(
    emptied_engine: sa.Engine, tmp_path: Path
) -> None:
    with receiving() as receiver:
        site = Site(emptied_engine, tmp_path, receiver.url)
        answer = site.browser.ask("POST", "/api/notifications/channels/pager/test")
        assert answer.json() == {"confirmed": True, "words": "answered 204 No Content"}
        receiver.reply = Reply(500)
        answer = site.browser.ask("POST", "/api/notifications/channels/pager/test")
        assert answer.json() == {
            "confirmed": False,
            "words": "answered 500 Internal Server Error",
        }
        assert len(receiver.received) == 2
    assert [one.actor for one in site.house.events("notification_tested")] == ["person root"] * 2
    unknown = site.browser.ask("POST", "/api/notifications/channels/fax/test")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_channel")


def test_without_channels_there_is_nothing(emptied_engine: sa.Engine, tmp_path: Path) -> None:
    house = House(emptied_engine)
    house.person("root", Role.ADMINISTRATOR)
    browser = Browser(app_of(house, tmp_path))
    browser.sign_in("root", PASSWORD)
    nothing = {"channels": [], "notifications": [], "next_before": None}
    assert browser.ask("GET", "/api/notifications").json() == nothing
    assert browser.ask("POST", "/api/notifications/channels/pager/test").status_code == 404
