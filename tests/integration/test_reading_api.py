"""Reading over HTTP: two radiologists, a QA reviewer, an administrator and a machine."""

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from tests.browser import Browser, app_of
from tests.builders import FRACTURE, HAEMORRHAGE, NOON, STUDY, arrival, provenance
from tests.people import NOW, PASSWORD, House
from viewer.ports import SiteLinks
from worklist.api_tokens import ApiTokens, Scope
from worklist.due_time import DueTargets
from worklist.errors import StoreUnavailable
from worklist.finding import Flagged, Outcome, Region
from worklist.highlighting import Highlighting, Modes
from worklist.people import AccountName, Role
from worklist.service import Worklist
from worklist.store.audit import verify_event_log
from worklist.store.postgres import PostgresStore
from worklist.store.reader import PostgresReader
from worklist.study import Completeness
from worklist.uid import SOPInstanceUID

IMAGE = SOPInstanceUID("1.2.3.1.1")
URL = f"/api/studies/{STUDY}"
BLOOD = "intracranial_haemorrhage"
SQUARE = [[101.5, 1.0], [109.5, 1.0], [109.5, 9.0]]
PEOPLE = {
    "anna": Role.RADIOLOGIST,
    "ben": Role.RADIOLOGIST,
    "quinn": Role.QA_REVIEWER,
    "ada": Role.ADMINISTRATOR,
}


def flagged(kind: str, probability: float = 0.9137, column: float = 201.5) -> Flagged:
    region = Region(
        sop_instance_uid=IMAGE,
        frame_number=1,
        polygon=((column, 1.0), (250.0, 1.0), (250.0, 9.0)),
        score=0.8,
        kind=kind,
    )
    return Flagged(probability=probability, regions=(region,))


class Room:
    """A site with haemorrhage after first look, fractures at once, nodules for triage only."""

    def __init__(self, engine: sa.Engine, folder: Path) -> None:
        self.house = House(engine)
        self.store = PostgresStore(engine)
        self.store.register_detectors([FRACTURE, HAEMORRHAGE], {}, NOON)
        modes = Modes(chosen={"haemorrhage": Highlighting.AFTER_FIRST_LOOK})
        self.worklist = Worklist(self.store, DueTargets(), modes=modes)
        self.reader = PostgresReader(engine, archive=folder, inbox_objects=lambda: 0)
        self.app: FastAPI = app_of(
            self.house,
            folder,
            reader=self.reader,
            worklist=self.worklist,
            links=SiteLinks(
                report_address="https://ris.hospital/report?a={accession_number}&v=1",
                viewers={
                    "OHIF": "https://o.hospital/viewer?StudyInstanceUIDs={study_instance_uid}"
                },
            ),
        )
        self.browsers: dict[str, Browser] = {}

    def as_(self, name: str) -> Browser:
        """This person's browser, signed in."""
        if name not in self.browsers:
            self.house.person(name, PEOPLE[name])
            self.browsers[name] = Browser(self.app)
            assert self.browsers[name].sign_in(name, PASSWORD).status_code == 200
        return self.browsers[name]

    def token(self) -> dict[str, str]:
        """The header of a machine that may read."""
        tokens = ApiTokens(self.house.store, self.house.passwords)
        secret = tokens.add(
            AccountName("pacs"), [Scope.READ], lasts=None, actor="person x", now=NOW
        )
        return {"authorization": f"Bearer {secret}"}

    def study(self, name: str) -> dict[str, Any]:
        """As this person opens it."""
        answer = self.as_(name).ask("GET", URL)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def act(self, name: str, path: str, body: Any, status: int = 200) -> dict[str, Any]:
        """An act of this person on the study."""
        answer = self.as_(name).ask("POST", f"{URL}/{path}", body)
        assert answer.status_code == status, answer.text
        return dict(answer.json())

    def claim(self, name: str) -> None:
        """This person holds the study."""
        self.act(name, "claim", {"take_over": False})

    def complete(self) -> int:
        """Hand the study to the detectors; the number of the assessment."""
        self.worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON)
        with self.store.transaction() as transaction:
            number = transaction.readings_of(STUDY).assessment_number
        self.worklist.begin_assessment(STUDY, number, now=NOON)
        return number

    def outcome(self, detector: Any, outcome: Outcome, number: int = 1) -> None:
        """One detector says this."""
        self.worklist.record_outcome(STUDY, number, outcome, provenance(detector), now=NOON)


@pytest.fixture
def room(emptied_engine: sa.Engine, tmp_path: Path) -> Room:
    made = Room(emptied_engine, tmp_path)
    one = arrival()
    one = replace(one, study=replace(one.study, accession_number="A 1&x=2"))
    made.worklist.record_arrivals([one], now=NOON)
    made.complete()
    made.outcome(HAEMORRHAGE, flagged("subdural"))
    made.outcome(FRACTURE, flagged("displaced", 0.63, 33.5))
    return made


def detectors_of(study: dict[str, Any]) -> dict[str, Any]:
    return {one["name"]: one for one in study["row"]["detectors"]}


def revealed_to(room: Room) -> list[tuple[str, list[str]]]:
    return [
        (one.actor, sorted(one.details["results"])) for one in room.house.events("marks_revealed")
    ]


def test_a_radiologist_sees_the_marks_after_she_has_said_what_she_sees(room: Room) -> None:
    before = room.study("anna")
    assert before["withheld"] == ["haemorrhage"]
    assert {one["detector"] for one in before["regions"]} == {"fracture"}
    blood = detectors_of(before)["haemorrhage"]
    assert (blood["state"], blood["probability"]) == ("flagged", None)
    assert before["row"]["reason"] == (
        "routine 24 h; haemorrhage not shown; fracture 0.63 → 3 h 10 min"
    )
    assert before["reading"]["modes"] == {
        "fracture": "at_once",
        "haemorrhage": "after_first_look",
    }
    assert before["reading"]["revealed"] == {"fracture": True, "haemorrhage": False}
    assert before["reading"]["targets"] == [BLOOD, "fracture"]
    after = room.act("anna", "first-look", {"answers": {BLOOD: "absent"}, "assessment_number": 1})
    assert after["withheld"] == []
    [mark] = [one for one in after["regions"] if one["detector"] == "haemorrhage"]
    assert (mark["number"], mark["kind"]) == (1, "subdural")
    assert detectors_of(after)["haemorrhage"]["probability"] == 0.9137
    [look] = after["reading"]["first_look"]
    assert (look["answers"], look["by"], look["mine"]) == ({BLOOD: "absent"}, "anna", True)
    assert room.study("anna") == after
    assert revealed_to(room) == [("person anna", ["fracture"]), ("person anna", ["haemorrhage"])]


def test_no_text_of_any_answer_gives_withheld_marks_away(room: Room) -> None:
    for _ in range(2):
        room.act("anna", "first-look", {"answers": {BLOOD: "present"}})
        room.act(
            "anna",
            "agreements",
            {"detector": "haemorrhage", "region": 1, "agrees": False, "comment": "a vein"},
        )
    room.act(
        "anna",
        "drawn",
        {"target": BLOOD, "sop_instance_uid": IMAGE, "frame_number": 1, "polygon": SQUARE},
    )
    for address in (URL, f"{URL}?marks=true", f"{URL}/priors"):
        text = room.as_("ben").ask("GET", address).text
        for mark in ("0.9137", "0.91", "subdural", "201.5", "101.5", "a vein", "present"):
            assert mark not in text, (address, mark)
    assert "subdural" in room.as_("anna").ask("GET", URL).text


def test_qa_reviewers_and_administrators_see_them_and_that_is_logged_once(room: Room) -> None:
    for name in ("quinn", "ada", "quinn"):
        assert room.study(name)["withheld"] == []
    both = ["fracture", "haemorrhage"]
    assert revealed_to(room) == [("person quinn", both), ("person ada", both)]


def test_a_radiologist_who_is_also_an_administrator_looks_first(room: Room) -> None:
    room.house.person("dora", Role.ADMINISTRATOR, Role.RADIOLOGIST, Role.QA_REVIEWER)
    browser = Browser(room.app)
    browser.sign_in("dora", PASSWORD)
    assert browser.ask("GET", URL).json()["withheld"] == ["haemorrhage"]


def test_a_machine_answers_nothing_and_gets_what_is_shown_at_once(room: Room) -> None:
    header = room.token()
    answer = Browser(room.app).ask("GET", URL, **header).json()
    assert answer["withheld"] == ["haemorrhage"]
    assert "subdural" not in json.dumps(answer)
    assert revealed_to(room) == [("token pacs", ["fracture"])]
    body = {"answers": {BLOOD: "absent"}}
    refused = Browser(room.app).ask("POST", f"{URL}/first-look", body, **header)
    assert refused.status_code == 403


def test_without_marks_nothing_is_shown_and_nothing_logged(room: Room) -> None:
    answer = room.as_("anna").ask("GET", f"{URL}?marks=false").json()
    assert (answer["regions"], answer["evidence"]) == ([], [])
    assert answer["withheld"] == ["fracture", "haemorrhage"]
    assert revealed_to(room) == []


def test_what_cannot_be_logged_is_not_shown(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    anna = room.as_("anna")

    def away(*_: object) -> None:
        raise StoreUnavailable("the database can only be read")

    monkeypatch.setattr(room.worklist, "_reveal", away)
    answer = anna.ask("GET", URL).json()
    assert (answer["regions"], answer["withheld"]) == ([], ["fracture", "haemorrhage"])
    monkeypatch.undo()
    assert {one["detector"] for one in room.study("anna")["regions"]} == {"fracture"}


def test_in_triage_only_nobody_gets_a_mark(emptied_engine: sa.Engine, tmp_path: Path) -> None:
    room = Room(emptied_engine, tmp_path)
    room.worklist._modes = Modes(chosen={"*": Highlighting.TRIAGE_ONLY})
    room.worklist.record_arrivals([arrival()], now=NOON)
    room.complete()
    room.outcome(HAEMORRHAGE, flagged("subdural"))
    room.act("anna", "first-look", {"answers": {BLOOD: "present"}})
    for name in PEOPLE:
        assert room.study(name)["withheld"] == ["fracture", "haemorrhage"]
        assert "subdural" not in json.dumps(room.study(name))
    refused = room.act("anna", "reveal", {"detector": "haemorrhage"}, 409)
    assert refused["code"] == "triage_only"
    assert revealed_to(room) == []


REFUSED: dict[str, tuple[str, dict[str, Any], int, str]] = {
    "reveal": ("reveal", {"detector": "haemorrhage"}, 409, "first_look_first"),
    "agree": ("agreements", {"detector": "haemorrhage", "agrees": True}, 409, "first_look_first"),
    "other assessment": (
        "first-look",
        {"answers": {BLOOD: "absent"}, "assessment_number": 7},
        409,
        "superseded",
    ),
    "no answer": ("first-look", {"answers": {}}, 422, "answers_missing"),
    "no claim": (
        "conclusion",
        {"answers": {BLOOD: "absent", "fracture": "absent"}, "reading_s": 1},
        409,
        "not_claimed",
    ),
    "nothing to reopen": ("reopen", {"reason": "a second look"}, 409, "wrong_reading_state"),
    "outside": (
        "drawn",
        {"target": BLOOD, "sop_instance_uid": IMAGE, "polygon": [[0, 0], [513, 0], [0, 9]]},
        422,
        "invalid_outline",
    ),
    "unknown mark": (
        "agreements",
        {"detector": "fracture", "agrees": True, "region": 9},
        422,
        "unknown_mark",
    ),
}


@pytest.mark.parametrize("why", REFUSED)
def test_a_refusal_has_a_code_and_keeps_nothing(room: Room, why: str) -> None:
    path, body, status, code = REFUSED[why]
    answer = room.act("anna", path, body, status)
    assert (answer["code"], answer["status"]) == (code, status)
    kinds = {one.kind for one in room.house.events()}
    assert not kinds & {"first_look", "finding_judged", "finding_drawn", "concluded", "reopened"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("first-look", {"answers": {"cancer": "present"}}),
        ("first-look", {"answers": {BLOOD: "maybe"}}),
        ("first-look", {"answers": {BLOOD: "absent"}, "by": "ben"}),
        ("conclusion", {"answers": {}, "reading_s": -1}),
        ("conclusion", {"answers": {}, "reading_s": "NaN"}),
        ("drawn", {"target": BLOOD, "sop_instance_uid": "../x", "polygon": SQUARE}),
        ("drawn", {"target": BLOOD, "sop_instance_uid": IMAGE, "polygon": [[1, 1], [2, 2]]}),
        ("drawn", {"target": BLOOD, "sop_instance_uid": IMAGE, "polygon": [["NaN", 1]] * 3}),
        ("agreements", {"detector": "fracture", "agrees": True, "comment": "x" * 2001}),
        ("reopen", {"reason": "x" * 2001}),
    ],
)
def test_what_cannot_be_meant_is_refused(room: Room, path: str, body: dict[str, Any]) -> None:
    room.act("anna", path, body, 422)


@pytest.mark.parametrize("name", ["quinn", "ada"])
def test_only_radiologists_say_what_they_see(room: Room, name: str) -> None:
    for path in ("first-look", "agreements", "drawn", "conclusion"):
        room.act(name, path, {}, 403)
    assert room.act(name, "reveal", {"detector": "haemorrhage"})["withheld"] == []
    if name == "quinn":
        room.act(name, "reopen", {"reason": "missed"}, 403)


def test_a_conclusion_over_http_from_claim_to_amendment(room: Room) -> None:
    room.claim("anna")
    said = {BLOOD: "present", "fracture": "cannot_say"}
    body = {"answers": said, "reading_s": 1e5, "instance_count": 1}
    assert room.act("ben", "conclusion", body, 409)["code"] == "claimed_by_another"
    missing = room.act("anna", "conclusion", {"answers": {}, "reading_s": 1}, 422)
    assert missing["code"] == "answers_missing"
    assert "haemorrhage; fracture" in missing["detail"]
    old = {**body, "instance_count": 0}
    assert room.act("anna", "conclusion", old, 409)["code"] == "images_came"
    room.house.later(seconds=90)
    study = room.act("anna", "conclusion", body)
    assert (study["row"]["reading_state"], study["row"]["place"]) == ("read", None)
    [conclusion] = study["reading"]["conclusions"]
    assert conclusion["answers"] == said
    assert conclusion["reading_s"] == study["reading"]["reading_s"] == 90
    assert room.as_("ben").ask("GET", "/api/worklist").json()["rows"] == []
    room.house.later(seconds=5)
    study = room.act("anna", "conclusion", {**body, "answers": {**said, BLOOD: "absent"}})
    assert [one["amends"] for one in study["reading"]["conclusions"]] == [False, True]
    assert room.act("ben", "conclusion", body, 409)["code"] == "already_read"
    study = room.act("ben", "reopen", {"reason": "the ward asks"})
    assert study["row"]["place"] == 1
    assert len(study["reading"]["conclusions"]) == 2


def test_a_late_outcome_stays_too_late_and_is_withheld_until_it_is_answered(
    emptied_engine: sa.Engine, tmp_path: Path
) -> None:
    room = Room(emptied_engine, tmp_path)
    room.worklist.record_arrivals([arrival()], now=NOON)
    room.complete()
    before = room.study("anna")["reading"]
    assert (before["targets"], before["open_targets"]) == ([], [BLOOD, "fracture"])
    room.claim("anna")
    room.act("anna", "conclusion", {"answers": {"fracture": "absent"}, "reading_s": 0})
    room.outcome(HAEMORRHAGE, flagged("subdural"))
    room.outcome(FRACTURE, flagged("displaced", 0.63, 33.5))
    study = room.study("anna")
    assert study["withheld"] == ["haemorrhage"]
    assert detectors_of(study)["haemorrhage"]["state"] == "too_late"
    assert detectors_of(study)["haemorrhage"]["probability"] is None
    assert room.act("anna", "first-look", {"answers": {BLOOD: "absent"}})["withheld"] == []


def test_drawing_agreeing_and_taking_back(room: Room) -> None:
    body = {"target": "fracture", "sop_instance_uid": IMAGE, "frame_number": 1, "polygon": SQUARE}
    [drawn] = room.act("anna", "drawn", body)["reading"]["drawn"]
    assert (drawn["polygon"], drawn["mine"], drawn["withdrawn_at"]) == (SQUARE, True, None)
    address = f"{URL}/drawn/{drawn['id']}"
    assert room.as_("ben").ask("DELETE", address).status_code == 404
    [gone] = room.as_("anna").ask("DELETE", address).json()["reading"]["drawn"]
    assert gone["withdrawn_at"] is not None
    agreed = {"detector": "fracture", "region": 1, "agrees": True}
    room.act("anna", "agreements", agreed)
    said = room.act("ben", "agreements", {**agreed, "agrees": False, "comment": "<b>no</b>"})
    assert [(one["by"], one["agrees"], one["mine"]) for one in said["reading"]["agreements"]] == [
        ("anna", True, False),
        ("ben", False, True),
    ]
    assert said["reading"]["agreements"][1]["comment"] == "<b>no</b>"


def test_every_act_is_in_the_chained_log_with_who_acted(
    room: Room, emptied_engine: sa.Engine
) -> None:
    room.claim("anna")
    room.act("anna", "first-look", {"answers": {BLOOD: "absent"}})
    said = {BLOOD: "absent", "fracture": "absent"}
    room.act("anna", "conclusion", {"answers": said, "reading_s": 0})
    room.act("ada", "reopen", {"reason": "wrong patient"})
    told = room.study("anna")["events"]
    acts = [(one["kind"], one["actor"]) for one in told if one["actor"].startswith("person ")]
    assert acts[:4] == [
        ("claimed", "person anna"),
        ("first_look", "person anna"),
        ("marks_revealed", "person anna"),
        ("marks_revealed", "person anna"),
    ]
    assert ("concluded", "person anna") in acts
    assert ("reopened", "person ada") in acts
    words = {one["kind"]: one["words"] for one in told}
    assert words["first_look"] == "first look, before any mark: haemorrhage absent"
    assert words["concluded"] == "concluded after 0 s: haemorrhage absent; fracture absent"
    assert words["reopened"] == "back on the list at place 1, because wrong patient"
    assert verify_event_log(emptied_engine) is None


def test_what_people_said_cannot_be_changed_in_the_database(
    room: Room, emptied_engine: sa.Engine
) -> None:
    room.act("anna", "first-look", {"answers": {BLOOD: "absent"}})
    for statement in (
        "UPDATE first_look_answer SET answer = 'present'",
        "DELETE FROM reveal",
        "TRUNCATE conclusion CASCADE",
    ):
        with pytest.raises(sa.exc.DBAPIError, match="kept as they said it"):  # noqa: SIM117
            with emptied_engine.begin() as connection:
                connection.execute(sa.text(statement))


def test_the_report_is_dictated_elsewhere_and_its_link_is_quoted(room: Room) -> None:
    link = room.study("anna")["reading"]["report_address"]
    assert link == "https://ris.hospital/report?a=A%201%26x%3D2&v=1"


def test_other_viewers_open_the_study(room: Room) -> None:
    (link,) = room.study("anna")["reading"]["viewer_links"]
    uid = room.study("anna")["row"]["study_instance_uid"]
    assert link == {
        "name": "OHIF",
        "address": f"https://o.hospital/viewer?StudyInstanceUIDs={uid}",
    }


def test_priors_are_of_the_same_patient_newest_first(room: Room) -> None:
    born = date(1970, 1, 2)

    def filed(uid: str, days_ago: int | None, **patient: Any) -> None:
        one = arrival(f"{uid}.1", study=uid)
        at = None if days_ago is None else NOON - timedelta(days=days_ago)
        changed = replace(one.study, study_at=at, **{"patient_birth_date": born, **patient})
        room.worklist.record_arrivals([replace(one, study=changed)], now=NOON)

    filed("1.3.1", 400)
    filed("1.3.2", 10)
    filed("1.3.3", 20, patient_birth_date=date(1980, 1, 1))
    filed("1.3.4", 30, patient_id="P9")
    filed("1.3.5", None, patient_birth_date=None)
    filed("1.3.6", 5, patient_name="Roe^Richard", patient_birth_date=None)
    asked = "/api/studies/1.3.1/priors"
    studies = room.as_("anna").ask("GET", asked).json()["studies"]
    assert [one["study_instance_uid"] for one in studies] == ["1.2.3", "1.3.5", "1.3.2"]
    assert studies[2]["study_date"] == (NOON - timedelta(days=10)).date().isoformat()
    assert (studies[0]["modalities"], studies[0]["instance_count"]) == (["CT"], 1)
    unknown = room.as_("anna").ask("GET", "/api/studies/1.9.9/priors")
    assert unknown.status_code == 404


def test_priors_are_found_beside_thousands_of_people_of_one_patient_id(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a scanner was given "0" or "UNKNOWN"; what is left out is said."""
    monkeypatch.setattr("worklist.store.priors.MOST", 2)
    born = date(1970, 1, 2)

    def filed(uid: str, days_ago: int, **patient: Any) -> None:
        one = arrival(f"{uid}.1", study=uid)
        at = NOON - timedelta(days=days_ago)
        given: dict[str, Any] = {"patient_id": "0", "patient_birth_date": born, "patient_sex": "F"}
        given |= {"patient_name": "Ünal^Åse", **patient}
        changed = replace(one.study, study_at=at, **given)
        room.worklist.record_arrivals([replace(one, study=changed)], now=NOON)

    def asked(uid: str) -> tuple[list[str], bool]:
        answer = room.as_("anna").ask("GET", f"/api/studies/{uid}/priors").json()
        return [one["study_instance_uid"] for one in answer["studies"]], answer["limited"]

    filed("1.3.1", 0)
    filed("1.3.2", 900)
    filed("1.3.3", 800, patient_birth_date=None, patient_name="ÜNAL ÅSE=Ünal^Å")
    for number in range(5):
        filed(f"1.4.{number}", 1, patient_birth_date=date(1980, 1, 1))
        filed(f"1.5.{number}", 1, patient_birth_date=None, patient_name="Ünal^Ole")
        filed(f"1.6.{number}", 1, patient_sex="M")
        filed(f"1.7.{number}", 1, patient_birth_date=None, patient_name="Ünal^Åse^Ole")
    assert asked("1.3.1") == (["1.3.3", "1.3.2"], False)
    filed("1.3.4", 700)
    assert asked("1.3.1") == (["1.3.4", "1.3.3"], True)
    assert asked("1.5.0") == (["1.5.1", "1.5.2"], True)


def test_p9_a_patient_id_longer_than_any_index_takes_is_filed_and_has_priors(room: Room) -> None:
    # Characters that do not compress below what a key of PostgreSQL's index may be.
    long = "".join(chr(0x4E00 + number * 7 % 20_000) for number in range(1024))
    for uid, patient_id in (("1.3.1", long), ("1.3.2", long), ("1.3.3", long[:-1])):
        one = arrival(f"{uid}.1", study=uid)
        changed = replace(one.study, study_at=NOON, patient_id=patient_id)
        room.worklist.record_arrivals([replace(one, study=changed)], now=NOON)
    studies = room.as_("anna").ask("GET", "/api/studies/1.3.1/priors").json()["studies"]
    assert [one["study_instance_uid"] for one in studies] == ["1.3.2"]
