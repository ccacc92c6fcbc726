"""Destinations and deliveries as people are shown them, and what administrators do."""

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from typer.testing import CliRunner
from vigie_node import free_port

from tests.assessed_site import AssessedSite
from tests.browser import Browser, app_of
from tests.people import PASSWORD, House
from tests.sending_peers import storage_peer
from vigie.__main__ import make_app
from vigie.doctor import check_destinations
from vigie.settings import load_settings
from worklist.outbound import UnknownDestination
from worklist.people import Role
from worklist.store.destinations import PostgresDestinations
from worklist.store.reader import PostgresReader
from worklist.uid import StudyInstanceUID

ARM = "forearm_fracture"


@pytest.fixture
def site(emptied_engine: sa.Engine, tmp_path: Path) -> AssessedSite:
    site = AssessedSite(emptied_engine, tmp_path)
    site.assess(ARM, site.file(ARM))
    site.make()
    return site


@pytest.fixture
def uid(site: AssessedSite) -> StudyInstanceUID:
    return site.views()[0].study_instance_uid


def asked(name: str) -> tuple[bool, str]:
    if name != "PACS":
        raise UnknownDestination(f"no destination {name} is set")
    return False, "Nobody answers."


@pytest.fixture
def app(site: AssessedSite, tmp_path: Path) -> FastAPI:
    house = House(site.engine)
    house.person("root", Role.ADMINISTRATOR)
    house.person("anna", Role.RADIOLOGIST)
    folder = tmp_path / "app"
    folder.mkdir()
    return app_of(
        house,
        folder,
        deliveries=site.deliveries,
        test_destination=asked,
        reader=PostgresReader(site.engine, archive=tmp_path, inbox_objects=lambda: 0),
    )


def signed_in(app: FastAPI, name: str) -> Browser:
    browser = Browser(app)
    assert browser.sign_in(name, PASSWORD).status_code == 200
    return browser


def test_an_administrator_sees_what_is_where_and_page_by_page(
    app: FastAPI, site: AssessedSite, uid: StudyInstanceUID
) -> None:
    root = signed_in(app, "root")
    [destination] = root.ask("GET", "/api/destinations").json()
    assert destination["name"] == "PACS"
    assert destination["counts"]["waiting"] == 4
    first = root.ask("GET", "/api/deliveries?limit=3").json()
    rest = root.ask("GET", f"/api/deliveries?limit=3&before={first['next_before']}").json()
    numbers = [one["delivery_id"] for one in first["deliveries"] + rest["deliveries"]]
    assert numbers == [one.delivery.delivery_id for one in site.views()][::-1]
    assert rest["next_before"] is None
    none = root.ask("GET", "/api/deliveries?state=sent&state=parked&destination=PACS").json()
    assert none["deliveries"] == []
    mine = root.ask("GET", f"/api/deliveries?study_instance_uid={uid}").json()
    assert len(mine["deliveries"]) == 4


def test_a_radiologist_sees_what_was_sent_of_a_study_and_changes_nothing(
    app: FastAPI, uid: StudyInstanceUID
) -> None:
    anna = signed_in(app, "anna")
    told = anna.ask("GET", f"/api/studies/{uid}/deliveries").json()
    assert {(one["destination"], one["state"]) for one in told} == {("PACS", "waiting")}
    assert anna.ask("GET", "/api/studies/1.9/deliveries").status_code == 404
    assert anna.ask("GET", "/api/deliveries").status_code == 403
    body = {"reason": "x"}
    assert anna.ask("POST", f"/api/studies/{uid}/retract-results", body).status_code == 403


def test_sending_again_and_retracting_are_recorded_with_who(
    app: FastAPI, site: AssessedSite, uid: StudyInstanceUID
) -> None:
    root = signed_in(app, "root")
    site.send()
    number = site.views()[0].delivery.delivery_id
    again = root.ask("POST", "/api/deliveries/resend", {"delivery_ids": [number]})
    assert again.json() == {"resent": 1}
    assert site.views()[0].delivery.state == "waiting"
    none = root.ask("POST", "/api/deliveries/resend", {"delivery_ids": [10**6]})
    assert (none.status_code, none.json()["code"]) == (404, "unknown_delivery")
    nothing = root.ask("POST", "/api/deliveries/resend", {})
    assert nothing.status_code == 422
    path = f"/api/studies/{uid}/retract-results"
    assert root.ask("POST", path, {"reason": " "}).status_code == 422
    assert root.ask("POST", path, {"reason": "wrong patient"}).json() == {"retracted": 4}
    assert root.ask("POST", path, {"reason": "again"}).status_code == 409
    kept = root.ask("POST", "/api/deliveries/resend", {"delivery_ids": [number]})
    assert (kept.status_code, kept.json()["code"]) == (409, "cannot_resend")
    actors = {one.actor for one in site.events("results_resent", "results_retracted")}
    assert actors == {"person root"}


def test_making_anew_is_recorded_with_who_and_why(
    app: FastAPI, site: AssessedSite, uid: StudyInstanceUID
) -> None:
    path = f"/api/studies/{uid}/make-results-anew"
    assert signed_in(app, "anna").ask("POST", path, {"reason": "x"}).status_code == 403
    root = signed_in(app, "root")
    assert root.ask("POST", path, {"reason": " "}).status_code == 422
    assert root.ask("POST", path, {"reason": "new modes"}).status_code == 204
    [told] = site.events("results_asked_again")
    assert (told.actor, told.details) == ("person root", {"why": "new modes"})
    words = [one["words"] for one in root.ask("GET", f"/api/studies/{uid}").json()["events"]]
    assert "asked for the results again, because new modes" in words
    assert (
        root.ask("POST", "/api/studies/1.9/make-results-anew", {"reason": "x"}).status_code == 404
    )


def test_what_is_held_for_a_new_address_is_shown_and_let_go(
    app: FastAPI, site: AssessedSite
) -> None:
    PostgresDestinations(site.engine).note({"PACS": "elsewhere"}, site.later(minutes=1))
    root = signed_in(app, "root")
    assert [one["held"] for one in root.ask("GET", "/api/destinations").json()] == [4]
    anna = signed_in(app, "anna")
    assert anna.ask("POST", "/api/destinations/PACS/release").status_code == 403
    assert root.ask("POST", "/api/destinations/PACS/release").json() == {"released": 4}
    assert root.ask("POST", "/api/destinations/Other/release").status_code == 404
    assert [one["held"] for one in root.ask("GET", "/api/destinations").json()] == [0]


def test_what_could_not_be_made_is_listed(
    app: FastAPI, site: AssessedSite, uid: StudyInstanceUID
) -> None:
    root = signed_in(app, "root")
    assert root.ask("GET", "/api/deliveries/problems").json() == []
    site.making.put_off(uid, 1, "the archive does not answer", site.now)
    [told] = root.ask("GET", "/api/deliveries/problems").json()
    assert (told["study_instance_uid"], told["problem"]) == (uid, "the archive does not answer")
    assert told["next_try_at"] is not None


def test_a_destination_is_tested_by_its_name(app: FastAPI) -> None:
    root = signed_in(app, "root")
    told = root.ask("POST", "/api/destinations/PACS/test").json()
    assert told == {"reachable": False, "words": "Nobody answers."}
    assert root.ask("POST", "/api/destinations/Other/test").status_code == 404


def test_what_happened_stands_in_the_history_of_the_study(
    app: FastAPI, site: AssessedSite, uid: StudyInstanceUID
) -> None:
    site.send()
    events = signed_in(app, "root").ask("GET", f"/api/studies/{uid}").json()["events"]
    words = [one["words"] for one in events]
    assert "results of assessment 1 made: 4 objects" in words
    assert "4 objects sent to PACS" in words


class TestCommands:
    """The same from the command line."""

    @pytest.fixture
    def run(self, database_url: str, tmp_path: Path, engine: sa.Engine) -> Any:
        site = AssessedSite(engine, tmp_path)
        site.assess(ARM, site.file(ARM))
        site.make()
        pacs = {"name": "PACS", "host": "127.0.0.1", "port": 1, "called_ae_title": "PEER"}
        environment = {
            "VIGIE_DATA": str(tmp_path),
            "VIGIE_DATABASE_URL": database_url,
            "VIGIE_DESTINATIONS": json.dumps([pacs]),
            "COLUMNS": "300",
        }

        def run(*words: str) -> tuple[int, str]:
            told = CliRunner().invoke(make_app(), list(words), env=environment)
            return told.exit_code, told.output

        return run

    def test_results_and_destinations_are_listed_sent_again_and_retracted(self, run: Any) -> None:
        code, told = run("results", "--json")
        rows = json.loads(told)
        assert code == 0
        assert {row["state"] for row in rows} == {"waiting"}
        uid = rows[0]["study_instance_uid"]
        code, told = run("results", "--state", "waiting", "--study", uid)
        assert code == 0
        assert told.count("waiting") == len(rows)
        [destination] = json.loads(run("destinations", "--json")[1])
        assert destination["counts"]["waiting"] == len(rows)
        assert "dimse PEER at 127.0.0.1:1" in run("destinations")[1]
        assert run("results", "resend") == (2, run("results", "resend")[1])
        code, told = run("results", "resend", "--destination", "PACS")
        assert (code, told.strip()) == (0, f"{len(rows)} objects are sent again")
        assert run("results", "resend", "--study", uid, "--anew")[0] == 0
        assert run("results", "resend", str(10**6))[0] == 1
        code, told = run("results", "retract", uid, "--reason", "wrong patient")
        assert (code, told.strip()) == (0, f"{len(rows)} objects count no more")
        assert run("results", "retract", uid, "--reason", "again")[0] == 1

    def test_problems_are_listed_and_what_is_held_is_let_go(self, run: Any) -> None:
        assert json.loads(run("results", "problems", "--json")[1]) == []
        assert run("results", "problems")[0] == 0
        code, told = run("destinations", "release", "PACS")
        assert (code, told.strip()) == (0, "0 objects may go to PACS")
        assert run("destinations", "release", "Other")[0] == 1

    def test_the_doctor_has_a_line_for_each_destination(
        self, database_url: str, tmp_path: Path, engine: sa.Engine
    ) -> None:
        site = AssessedSite(engine, tmp_path, names=("PACS", "Other"))
        site.assess(ARM, site.file(ARM))
        site.make()
        site.peer.refuses = {"1.2.840.10008.5.1.4.1.1.88.34"}
        site.send()
        with storage_peer(lambda _: 0x0000) as port:
            there = {"name": "PACS", "host": "127.0.0.1", "port": port, "called_ae_title": "PEER"}
            away = {**there, "name": "Other", "port": free_port()}
            settings = load_settings(data=tmp_path, destinations=json.dumps([there, away]))
            first, second = check_destinations(settings, engine)
        assert (first.name, first.ok, first.warns) == ("destination PACS", True, True)
        assert first.detail.endswith("; 1 refused")
        assert (second.name, second.ok) == ("destination Other", False)
        assert "Nothing listens" in second.detail

    def test_a_destination_that_nobody_answers_at_fails_its_test(self, run: Any) -> None:
        assert run("destinations", "test", "PACS")[0] == 1
        assert run("destinations", "test", "Other")[0] == 1
