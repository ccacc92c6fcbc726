"""The list by HTTP over a real database: claims, overruling, stopping AI, one's own page."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from tests.browser import Browser, app_of
from tests.builders import FRACTURE, HAEMORRHAGE, NOON, STUDY, arrival, provenance
from tests.people import PASSWORD, House
from worklist.finding import Failed, Flagged, NotFlagged
from worklist.people import AccountName, Role
from worklist.service import Worklist
from worklist.store.reader import PostgresReader
from worklist.study import Completeness
from worklist.uid import StudyInstanceUID

OTHER = StudyInstanceUID("1.2.4")
CLAIM = f"/api/studies/{STUDY}/claim"
ACTS: list[tuple[str, dict[str, Any]]] = [
    (f"/api/studies/{STUDY}/priority", {"priority": "stat"}),
    (f"/api/studies/{STUDY}/pin", {"pinned": True}),
    ("/api/ai/stop", {}),
    ("/api/ai/start", {"detectors": ["fracture"]}),
]


@pytest.fixture
def house(emptied_engine: sa.Engine) -> House:
    house = House(emptied_engine)
    house.person("anna")
    house.person("bert")
    house.person("root", Role.ADMINISTRATOR)
    return house


@pytest.fixture
def app(house: House, tmp_path: Path, reader: PostgresReader, worklist: Worklist) -> FastAPI:
    """Over two unread studies: one flagged for a fracture, one with a detector that failed."""
    for uid in (STUDY, OTHER):
        worklist.record_arrivals([arrival(f"{uid}.1", study=uid)], now=NOON)
        worklist.complete_study(uid, completeness=Completeness.COMPLETE, now=NOON)
    worklist.record_outcome(STUDY, 1, Flagged(probability=0.9), provenance(FRACTURE), now=NOON)
    worklist.record_outcome(OTHER, 1, NotFlagged(probability=0.1), provenance(FRACTURE), now=NOON)
    failed = Failed(reason="out of memory")
    worklist.record_outcome(OTHER, 1, failed, provenance(HAEMORRHAGE), now=NOON)
    return app_of(house, tmp_path, reader=reader)


Enter = Callable[[str], Browser]


@pytest.fixture
def enter(app: FastAPI) -> Enter:
    def entered(name: str) -> Browser:
        browser = Browser(app)
        assert browser.sign_in(name, PASSWORD).status_code == 200
        return browser

    return entered


def rows(browser: Browser, query: str = "") -> list[str]:
    answer = browser.ask("GET", f"/api/worklist?{query}")
    assert answer.status_code == 200, answer.text
    return [row["study_instance_uid"] for row in answer.json()["rows"]]


def claim_of(browser: Browser) -> dict[str, Any] | None:
    by_uid = {
        row["study_instance_uid"]: row for row in browser.ask("GET", "/api/worklist").json()["rows"]
    }
    listed: dict[str, Any] | None = by_uid[STUDY]["claim"]
    opened = browser.ask("GET", f"/api/studies/{STUDY}").json()["row"]["claim"]
    assert listed == opened
    return listed


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


def test_a_claim_shows_in_every_browser_and_in_its_own_as_mine(enter: Enter) -> None:
    anna, bert = enter("anna"), enter("bert")
    assert claim_of(bert) is None
    answer = anna.ask("POST", CLAIM, {})
    assert answer.status_code == 200
    mine = {"name": "anna", "display_name": "anna", "since": "2026-03-02T12:00:00Z", "mine": True}
    assert answer.json()["claim"] == mine
    assert claim_of(anna) == mine
    assert claim_of(bert) == mine | {"mine": False}


def test_two_people_cannot_claim_one_study_unless_one_takes_over(
    enter: Enter, house: House
) -> None:
    anna, bert = enter("anna"), enter("bert")
    anna.ask("POST", CLAIM, {})
    refused = bert.ask("POST", CLAIM, {"take_over": False})
    assert problem(refused) == (409, "claimed_by_another")
    assert refused.json()["claim"] == claim_of(bert)
    assert bert.ask("POST", CLAIM, {"take_over": True}).json()["claim"]["mine"]
    seen = claim_of(anna)
    assert seen is not None
    assert (seen["name"], seen["mine"]) == ("bert", False)
    assert [one.kind for one in house.events("claimed", "claim_taken_over")] == [
        "claimed",
        "claim_taken_over",
    ]


def test_giving_back_is_for_who_has_it_and_for_administrators(enter: Enter) -> None:
    anna, bert, root = enter("anna"), enter("bert"), enter("root")
    assert problem(anna.ask("DELETE", CLAIM)) == (409, "not_claimed")
    anna.ask("POST", CLAIM, {})
    assert problem(bert.ask("DELETE", CLAIM)) == (409, "claimed_by_another")
    answer = anna.ask("DELETE", CLAIM)
    assert (answer.status_code, answer.json()["claim"]) == (200, None)
    anna.ask("POST", CLAIM, {})
    assert root.ask("DELETE", CLAIM).json()["claim"] is None


def test_a_page_gives_back_only_the_very_claim_that_it_made(enter: Enter, house: House) -> None:
    house.person("chief", Role.RADIOLOGIST, Role.ADMINISTRATOR)
    anna, chief = enter("anna"), enter("chief")
    made = anna.ask("POST", CLAIM, {}).json()["claim"]
    for browser, at in [(chief, made["since"]), (anna, "2026-03-02T11:59:59Z")]:
        answer = browser.ask("DELETE", f"{CLAIM}?claimed_at={at}")
        assert (answer.status_code, answer.json()["claim"]["name"]) == (200, "anna")
    assert house.events("claim_released") == []
    assert anna.ask("DELETE", f"{CLAIM}?claimed_at=yesterday").status_code == 422
    answer = anna.ask("DELETE", f"{CLAIM}?claimed_at={made['since']}")
    assert (answer.status_code, answer.json()["claim"]) == (200, None)


def test_a_study_that_was_read_is_not_claimed(enter: Enter, worklist: Worklist) -> None:
    worklist.mark_read(STUDY, actor="anna", reason="in the PACS", now=NOON)
    assert problem(enter("anna").ask("POST", CLAIM, {})) == (409, "already_read")


def test_a_study_never_filed_is_not_found(enter: Enter) -> None:
    anna = enter("anna")
    for path, body in [("claim", {}), ("pin", {"pinned": True, "reason": "x"})]:
        answer = anna.ask("POST", f"/api/studies/1.9/{path}", body)
        assert problem(answer) == (404, "unknown_study")
        answer = anna.ask("POST", f"/api/studies/..%2f1/{path}", body)
        assert answer.status_code in {404, 422}


@pytest.mark.parametrize(("path", "body"), ACTS)
def test_p7_no_act_without_a_reason(
    enter: Enter, house: House, path: str, body: dict[str, Any]
) -> None:
    house.accounts.set_roles(
        AccountName("root"),
        {Role.ADMINISTRATOR, Role.RADIOLOGIST},
        actor="person root",
        now=house.now,
    )
    root = enter("root")
    before = len(house.events())
    assert problem(root.ask("POST", path, {**body, "reason": " \n"})) == (422, "missing_reason")
    assert problem(root.ask("POST", path, body)) == (422, "invalid_request")
    assert len(house.events()) == before
    assert root.ask("POST", path, {**body, "reason": "because"}).status_code == 200


def test_p7_another_priority_moves_a_study_and_the_log_says_who_and_why(
    enter: Enter, house: House
) -> None:
    anna = enter("anna")
    assert rows(anna) == [STUDY, OTHER]
    path = f"/api/studies/{OTHER}/priority"
    answer = anna.ask("POST", path, {"priority": "stat", "reason": "worse"})
    row = answer.json()
    assert (row["place"], row["priority_in_force"], row["requested_priority"]) == (
        1,
        "stat",
        "routine",
    )
    assert rows(anna) == [OTHER, STUDY]
    [event] = house.events("priority_overridden")
    assert (event.actor, event.details["why"]) == ("person anna", "worse")
    assert problem(anna.ask("POST", path, {"priority": "now", "reason": "x"})) == (
        422,
        "invalid_request",
    )
    anna.ask("POST", path, {"priority": None, "reason": "a mistake"})
    assert rows(anna) == [STUDY, OTHER]


def test_p7_a_pinned_study_is_first_until_somebody_lets_go(enter: Enter) -> None:
    anna = enter("anna")
    path = f"/api/studies/{OTHER}/pin"
    assert anna.ask("POST", path, {"pinned": True, "reason": "x"}).json()["pinned"]
    assert rows(anna) == [OTHER, STUDY]
    anna.ask("POST", path, {"pinned": False, "reason": "x"})
    assert rows(anna) == [STUDY, OTHER]


def test_p7_who_acts_is_who_is_signed_in_whatever_the_body_says(enter: Enter) -> None:
    body = {"pinned": True, "reason": "x", "actor": "bert"}
    answer = enter("anna").ask("POST", f"/api/studies/{OTHER}/pin", body)
    assert problem(answer) == (422, "invalid_request")


def test_p7_stopping_ai_puts_the_list_in_the_order_without_it_at_once(
    enter: Enter, house: House
) -> None:
    root = enter("root")
    urgent = {"priority": "urgent", "reason": "x"}
    root.ask("POST", f"/api/studies/{OTHER}/priority", urgent)
    assert rows(root) == [STUDY, OTHER]
    answer = root.ask("POST", "/api/ai/stop", {"detectors": None, "reason": "odd results"})
    assert answer.json() == {"ai_stopped": True, "stopped_detectors": [], "moved": 2}
    assert rows(root) == [OTHER, STUDY]
    assert root.ask("GET", "/api/worklist").json()["ai_stopped"]
    assert house.events("ai_stopped")[0].actor == "person root"
    answer = root.ask("POST", "/api/ai/start", {"detectors": ["fracture"], "reason": "mended"})
    assert answer.json()["stopped_detectors"] == ["haemorrhage"]
    assert rows(root) == [STUDY, OTHER]
    unknown = {"detectors": ["x-ray vision"], "reason": "x"}
    assert problem(root.ask("POST", "/api/ai/stop", unknown)) == (404, "unknown_detector")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [STUDY, OTHER]),
        ("modality=CT", [STUDY, OTHER]),
        ("modality=ct&modality=MR", [STUDY, OTHER]),
        ("modality=MR", []),
        ("body_part=head", [STUDY, OTHER]),
        ("body_part=CHEST", []),
        ("priority=routine", [STUDY, OTHER]),
        ("priority=stat&priority=urgent", []),
        ("state=flagged", [STUDY]),
        ("state=fracture:flagged", [STUDY]),
        ("state=haemorrhage:flagged", []),
        ("state=fracture:not_flagged", [OTHER]),
        ("state=failed", [OTHER]),
        ("state=flagged&state=failed", [STUDY, OTHER]),
        ("state=haemorrhage:not_run_yet", [STUDY]),
        ("state=not_run_yet", [STUDY]),
        ("state=running", []),
        ("state=stopped", []),
        ("q=DÖE", [STUDY, OTHER]),
        ("q=jane+do", [STUDY, OTHER]),
        ("q=oe", []),
        ("q=p1+jane&state=failed", [OTHER]),
        ("mine=true", []),
        ("unclaimed=true", [STUDY, OTHER]),
        ("unread=false", []),
        ("offset=1", [OTHER]),
        ("offset=2", []),
        ("limit=1", [STUDY]),
    ],
)
def test_filters(enter: Enter, query: str, found: list[str]) -> None:
    assert rows(enter("anna"), query) == found


@pytest.mark.parametrize(
    "query",
    [
        "priority=now",
        "state=normal",
        "state=fracture:",
        "mine=perhaps",
        "offset=-1",
        "limit=0",
        "colour=red",
        "q=" + "x" * 257,
    ],
)
def test_a_filter_that_means_nothing_is_refused(enter: Enter, query: str) -> None:
    assert enter("anna").ask("GET", f"/api/worklist?{query}").status_code == 422


def test_a_filtered_page_says_how_many_match_and_keeps_places_of_the_whole_list(
    enter: Enter,
) -> None:
    answer = enter("anna").ask("GET", "/api/worklist?state=failed").json()
    assert (answer["total"], answer["matching"]) == (2, 1)
    assert [row["place"] for row in answer["rows"]] == [2]


def test_mine_and_unclaimed_follow_claims(enter: Enter) -> None:
    anna, bert = enter("anna"), enter("bert")
    anna.ask("POST", CLAIM, {})
    assert rows(anna, "mine=true") == [STUDY]
    assert rows(bert, "mine=true") == []
    assert rows(bert, "unclaimed=true") == [OTHER]
    assert rows(bert, "unclaimed=true&mine=true") == [OTHER]
    assert rows(anna, "unclaimed=true&mine=true") == [STUDY, OTHER]


def test_studies_that_were_read_are_a_list_of_their_own_last_received_first(
    enter: Enter, worklist: Worklist
) -> None:
    for uid in (STUDY, OTHER):
        worklist.mark_read(uid, actor="anna", reason="in the PACS", now=NOON)
    anna = enter("anna")
    assert rows(anna) == []
    assert rows(anna, "unread=false") == [OTHER, STUDY]
    answer = anna.ask("GET", "/api/worklist?unread=false&limit=1&q=doe").json()
    assert (answer["total"], answer["matching"], answer["matching_limited"]) == (0, 2, False)
    assert answer["rows"][0]["place"] is None
    assert rows(anna, f"unread=false&after={answer['next_cursor']}") == [STUDY]


def test_a_row_names_the_image_that_stands_for_the_study(enter: Enter) -> None:
    row = enter("anna").ask("GET", "/api/worklist").json()["rows"][0]
    assert row["preview"] == {
        "series_instance_uid": "1.2.3.1",
        "sop_instance_uid": "1.2.3.1",
        "frame_number": 1,
        "window": [40.0, 80.0],
    }


def test_a_detector_that_fails_on_most_studies_is_told_of(enter: Enter, worklist: Worklist) -> None:
    anna = enter("anna")
    assert anna.ask("GET", "/api/worklist").json()["trouble"] == []
    for _ in range(2):
        failed = Failed(reason="out of memory")
        worklist.record_outcome(STUDY, 1, failed, provenance(HAEMORRHAGE), now=NOON)
    assert anna.ask("GET", "/api/worklist").json()["trouble"] == [
        {
            "detector": "haemorrhage",
            "broken": False,
            "failed": 3,
            "of": 3,
            "since": "2026-03-02T12:00:00Z",
            "reason": "out of memory",
        }
    ]
    enter("root").ask("POST", "/api/ai/stop", {"detectors": ["haemorrhage"], "reason": "x"})
    assert anna.ask("GET", "/api/worklist").json()["trouble"] == []


def test_the_list_says_what_it_can_be_filtered_by(enter: Enter, worklist: Worklist) -> None:
    anna = enter("anna")
    choices = anna.ask("GET", "/api/worklist/choices").json()
    assert choices == {"modalities": ["CT"], "body_parts": ["HEAD"]}
    for name, values in (("modality", choices["modalities"]), ("body_part", choices["body_parts"])):
        assert set(rows(anna, f"{name}={values[0]}")) == {STUDY, OTHER}


def test_one_row_is_answered_as_the_list_shows_it(enter: Enter) -> None:
    anna = enter("anna")
    anna.ask("POST", CLAIM, {})
    shown = anna.ask("GET", "/api/worklist").json()["rows"][0]
    assert anna.ask("GET", f"/api/worklist/{STUDY}").json() == shown
    assert shown["claim"]["mine"]
    assert not enter("bert").ask("GET", f"/api/worklist/{STUDY}").json()["claim"]["mine"]
    assert anna.ask("GET", "/api/worklist/1.2.99").status_code == 404
    assert anna.ask("GET", "/api/worklist/none").status_code == 422


CHOSEN = {
    "language": "fr",
    "theme": "light",
    "density": "compact",
    "claim_on_open": False,
    "notifications": True,
    "sound": False,
    "quiet_from": "22:00",
    "quiet_to": "06:30",
}


def test_each_person_has_her_own_preferences(enter: Enter, house: House) -> None:
    anna, bert = enter("anna"), enter("bert")
    usual = anna.ask("GET", "/api/me/preferences").json()
    assert usual == dict.fromkeys(CHOSEN) | {
        "density": "comfortable",
        "claim_on_open": True,
        "notifications": False,
        "sound": False,
    }
    assert anna.ask("PUT", "/api/me/preferences", CHOSEN).json() == CHOSEN
    assert anna.ask("GET", "/api/me/preferences").json() == CHOSEN
    assert bert.ask("GET", "/api/me/preferences").json() == usual
    anna.ask("PUT", "/api/me/preferences", CHOSEN)
    [event] = house.events("preferences_changed")
    assert event.details == CHOSEN | {"account": "anna"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"language": "de"},
        {"theme": "pink"},
        {"density": "none"},
        {"quiet_from": "24:00", "quiet_to": "06:00"},
        {"quiet_from": "22:00"},
        {"sound": "loud"},
        {"colour": "red"},
    ],
)
def test_a_preference_that_cannot_be_is_refused(enter: Enter, wrong: dict[str, Any]) -> None:
    assert enter("anna").ask("PUT", "/api/me/preferences", wrong).status_code == 422


def test_views_are_kept_changed_and_forgotten(enter: Enter, house: House) -> None:
    anna, bert = enter("anna"), enter("bert")
    view = {"name": "Heads", "query": "modality=CT&body_part=HEAD&q=m%C3%BCller"}
    added = anna.ask("POST", "/api/me/views", view)
    assert added.status_code == 201
    kept = added.json()
    assert kept == {"id": kept["id"], **view}
    assert problem(anna.ask("POST", "/api/me/views", view)) == (409, "name_taken")
    path = f"/api/me/views/{kept['id']}"
    other = {"name": "Mine", "query": "mine=true&unclaimed=true"}
    assert problem(bert.ask("PUT", path, other)) == (404, "unknown_view")
    assert problem(bert.ask("DELETE", path)) == (404, "unknown_view")
    assert bert.ask("GET", "/api/me/views").json() == []
    assert anna.ask("PUT", path, other).json() == {"id": kept["id"], **other}
    assert anna.ask("GET", "/api/me/views").json() == [{"id": kept["id"], **other}]
    assert anna.ask("DELETE", path).status_code == 204
    assert anna.ask("GET", "/api/me/views").json() == []
    told = house.events("view_saved", "view_removed")
    assert [one.kind for one in told] == ["view_saved", "view_saved", "view_removed"]
    assert all("ller" not in str(one.details) for one in told)  # no patient's name in the log


@pytest.mark.parametrize(
    "query", ["state=normal", "colour=red", "limit=3", "after=x", "mine=x", "q=" + "x" * 300]
)
def test_a_view_that_the_list_would_not_answer_is_refused(enter: Enter, query: str) -> None:
    answer = enter("anna").ask("POST", "/api/me/views", {"name": "x", "query": query})
    assert problem(answer) == (422, "invalid_filter")
