"""Cases open by themselves, are reviewed blind by several people, and are closed."""

import csv
import io
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.builders import NOON, STUDY, arrival
from tests.people import NOW
from tests.quality_site import Site
from viewer.access import RULES
from worklist.cases import QualityRules
from worklist.conclusion import Answer
from worklist.finding import Failed, Flagged, NotFlagged
from worklist.orders import ReportStatus
from worklist.store.audit import verify_event_log
from worklist.store.quality import PostgresQuality
from worklist.study import ObjectRole
from worklist.uid import StudyInstanceUID

PRESENT, ABSENT = Answer.PRESENT, Answer.ABSENT
NO = NotFlagged(probability=0.0137)
YES = Flagged(probability=0.9137)


@pytest.fixture
def site(emptied_engine: sa.Engine, tmp_path: Path) -> Site:
    return Site(emptied_engine, tmp_path)


def kinds(site: Site) -> dict[str, list[str]]:
    return {one["target"]: one["kinds"] for one in site.listed("ada")}


def test_a_conclusion_against_ai_opens_a_case_once(site: Site) -> None:
    site.file(fracture=NO, haemorrhage=YES)
    assert site.open() == 0
    site.conclude("anna", fracture=PRESENT, intracranial_haemorrhage=ABSENT)
    assert site.open() == 2
    assert site.open() == 0
    assert kinds(site) == {
        "fracture": ["missed_flag"],
        "intracranial_haemorrhage": ["false_flag"],
    }
    [event, _] = site.house.events("case_opened")
    assert (event.actor, event.study_instance_uid) == ("vigie", STUDY)
    assert verify_event_log(site.engine) is None


def test_agreement_opens_none(site: Site) -> None:
    site.file(fracture=NO, haemorrhage=YES)
    site.conclude("anna", fracture=ABSENT, intracranial_haemorrhage=PRESENT)
    assert site.open() == 0
    assert site.listed("ada") == []


def test_a_signed_report_opens_a_case_and_its_words_are_shown(site: Site) -> None:
    site.file(fracture=NO, haemorrhage=NO)
    text = "Indication: fall, SDH?\n\nNo intracranial haemorrhage. Fracture of the left orbit."
    site.report(text)
    assert site.open() == 1
    case = site.case("ada")
    assert (case["target"], case["kinds"]) == ("fracture", ["missed_flag"])
    assert case["report"]["answers"]["fracture"] == "present"
    counted = [one for one in case["report"]["spans"] if one["counts"]]
    assert [text[one["start"] : one["end"]] for one in counted] == [
        "intracranial haemorrhage",
        "Fracture",
    ]
    assert case["reasons"][0]["report"] == "present"


def test_a_preliminary_report_opens_none_and_a_cancelled_one_counts_no_more(site: Site) -> None:
    site.file(fracture=NO, haemorrhage=NO)
    site.report("Fracture of the radius.", status=ReportStatus.PRELIMINARY)
    assert site.open() == 0
    site.report("Fracture of the radius.", minutes=2)
    site.report("", status=ReportStatus.CANCELLED, minutes=3)
    assert site.open() == 0


def test_where_ai_failed_a_finding_opens_a_case(site: Site) -> None:
    site.file(fracture=Failed(reason="no pixels"), haemorrhage=NO)
    site.conclude("anna", fracture=PRESENT)
    site.open()
    assert kinds(site) == {"fracture": ["not_looked"]}


def test_a_flag_that_comes_after_the_reading_opens_a_case(site: Site) -> None:
    uid = site.file(haemorrhage=NO)
    site.conclude("anna", fracture=ABSENT)
    site.open()
    site.outcomes(uid, fracture=YES)
    site.open()
    assert kinds(site) == {"fracture": ["late_flag"]}


def test_a_second_reader_who_confirms_adds_a_reason_to_the_case_of_the_first(site: Site) -> None:
    uid = site.file(fracture=YES, haemorrhage=NO)
    site.conclude("anna", fracture=ABSENT)
    site.open()
    site.worklist.reopen(uid, actor="ben", reason="look again", now=NOON)
    site.conclude("ben", fracture=PRESENT)
    site.open()
    assert kinds(site) == {"fracture": ["missed_by_reader", "false_flag"]}
    assert len(site.listed("ada")) == 1
    assert len(site.house.events("case_reason_added")) == 1


def test_two_who_look_at_once_open_one_case(site: Site) -> None:
    for number in range(12):
        site.report("Fracture.", site.file(f"1.2.3.{number}", fracture=NO, haemorrhage=NO))
    with ThreadPoolExecutor(3) as pool:
        counts = list(pool.map(lambda _: site.open(), range(3)))
    assert sum(counts) == 12
    assert len(site.listed("ada")) == 12
    assert verify_event_log(site.engine) is None


def test_a_study_drawn_by_lot_keeps_its_probability(
    emptied_engine: sa.Engine, tmp_path: Path
) -> None:
    site = Site(emptied_engine, tmp_path, QualityRules(sampled_share=1.0))
    site.file(fracture=NO, haemorrhage=YES)
    site.conclude("anna", fracture=ABSENT, intracranial_haemorrhage=PRESENT)
    site.open()
    [case] = site.listed("ada")
    assert (case["kinds"], case["inclusion_probability"]) == (["sample"], 1.0)


def test_the_lots_key_stays(site: Site) -> None:
    store = PostgresQuality(site.engine)
    with store.transaction() as one, store.transaction() as other:
        first = one.lot_key()
        del other
    with store.transaction() as again:
        assert again.lot_key() == first
    assert len(first) == 32


def missed(site: Site) -> int:
    """A missed fracture; the case's number."""
    site.file(fracture=NO, haemorrhage=NO)
    site.conclude("anna", fracture=PRESENT)
    site.open()
    return int(site.listed("ada")[0]["case_id"])


def test_two_reviewers_who_agree_give_the_verdict(site: Site) -> None:
    missed(site)
    first = site.review("quinn", "present")
    assert first.status_code == 200
    assert (first.json()["state"], first.json()["verdict"]) == ("waiting", None)
    second = site.review("quirin", "present").json()
    assert (second["state"], second["verdict"]) == ("reviewed", "present")
    assert len(site.house.events("case_reviewed")) == 2


def test_a_reviewer_learns_what_others_said_after_her_own_review_alone(site: Site) -> None:
    missed(site)
    before = site.case("quirin")
    assert before["is_blind"]
    assert before["may_review"]
    site.review("quinn", "present")
    blind = site.case("quirin")
    assert {**before, "reviewed": 1} == blind
    for name in ("kinds", "reviews", "reasons", "comments"):
        assert blind[name] == [], name
    assert (blind["report"], blind["inclusion_probability"]) == (None, None)
    after = site.review("quirin", "absent").json()
    assert not after["is_blind"]
    assert after["kinds"] == ["missed_flag"]
    assert [one["answer"] for one in after["reviews"]] == ["present", "absent"]
    assert after["reasons"][0]["conclusions"][0]["by"]["name"] == "anna"


def test_a_third_decides_where_two_disagree(site: Site) -> None:
    missed(site)
    site.review("quinn", "present")
    assert site.review("quirin", "absent").json()["state"] == "adjudication"
    known = site.case("quenya")
    assert [one["answer"] for one in known["reviews"]] == ["present", "absent"]
    assert known["kinds"] == []
    decided = site.review("quenya", "absent").json()
    assert (decided["state"], decided["verdict"]) == ("reviewed", "absent")


def test_nobody_reviews_twice_and_a_reader_never_her_own(site: Site) -> None:
    site.file(fracture=NO, haemorrhage=NO)
    site.conclude("both", fracture=PRESENT)
    site.open()
    refused = site.review("both", "present")
    assert (refused.status_code, refused.json()["code"]) == (409, "may_not_review")
    site.review("quinn", "present")
    again = site.review("quinn", "absent")
    assert (again.status_code, again.json()["code"]) == (409, "already_reviewed")


def test_who_was_shown_the_results_before_may_not_review(site: Site) -> None:
    site.file(fracture=NO, haemorrhage=NO)
    assert site.as_("quinn").ask("GET", f"/api/studies/{STUDY}").status_code == 200
    site.conclude("anna", fracture=PRESENT)
    site.open()
    assert site.review("quinn", "present").json()["code"] == "may_not_review"
    assert site.listed("quinn")[0]["kinds"] == ["missed_flag"]


def test_by_no_route_does_a_reviewer_learn_what_was_said(site: Site) -> None:
    uid = site.file(fracture=NO, haemorrhage=YES)
    site.conclude("anna", fracture=PRESENT, intracranial_haemorrhage=ABSENT)
    site.open()
    number = site.listed("ada")[0]["case_id"]
    site.act("ada", "comments", {"text": "look at the orbit"}, number)
    asked = 0
    for name in ("quinn", "both", "chief"):
        for rule in RULES:
            if rule.method != "GET" or rule.path in ("/api/events", "/metrics"):
                continue
            path = rule.path.replace("{study_instance_uid}", uid).replace("{case_id}", str(number))
            path = path.replace("{series_instance_uid}", f"{uid}.1")
            for address in (path, f"{path}?unread=false", f"{path}?kind=missed_flag"):
                text = site.as_(name).ask("GET", address).text
                told = [
                    word
                    for word in ("0137", "9137", '"flagged"', "missed_flag", "orbit", "anna")
                    if word in text
                ]
                asked += 1
                if rule.path not in ("/api/openapi.json", "/api/accounts"):
                    assert told == [], (name, address, text[:400])
    assert asked > 100


def test_the_study_is_shown_to_a_reviewer_with_its_images_alone(site: Site) -> None:
    missed(site)
    study = site.as_("quinn").ask("GET", f"/api/studies/{STUDY}").json()
    assert len(study["series"]) == 1
    for name in ("regions", "evidence", "provenance", "events", "withheld"):
        assert study[name] in ([], {}), name
    assert study["row"]["detectors"] == []
    assert study["row"]["due_at"] == study["row"]["due_without_ai_at"]
    assert study["reading"]["conclusions"] == []
    assert site.house.events("marks_revealed") == []
    assert site.as_("ada").ask("GET", f"/api/studies/{STUDY}").json()["row"]["detectors"]


def test_after_her_review_the_study_is_shown_whole(site: Site) -> None:
    missed(site)
    site.review("quinn", "present")
    study = site.as_("quinn").ask("GET", f"/api/studies/{STUDY}").json()
    assert {one["state"] for one in study["row"]["detectors"]} == {"not_flagged"}


@pytest.mark.parametrize("act", ["reveal", "claim", "first-look", "priority"])
def test_a_reviewer_does_nothing_else_to_the_study_first(site: Site, act: str) -> None:
    missed(site)
    answer = site.as_("both").ask("POST", f"/api/studies/{STUDY}/{act}", {})
    assert (answer.status_code, answer.json()["code"]) == (409, "review_first")


def test_the_list_of_studies_that_were_read_leaves_hers_out(site: Site) -> None:
    missed(site)
    site.file("1.2.4", fracture=NO, haemorrhage=NO)
    site.conclude("anna", StudyInstanceUID("1.2.4"), fracture=ABSENT)
    site.open()

    def read(name: str) -> list[str]:
        rows = site.as_(name).ask("GET", "/api/worklist?unread=false").json()["rows"]
        return sorted(one["study_instance_uid"] for one in rows)

    assert read("anna") == [STUDY, "1.2.4"]
    assert read("quinn") == ["1.2.4"]
    site.review("quinn", "present")
    assert read("quinn") == [STUDY, "1.2.4"]


def test_results_that_vigie_made_are_kept_from_her_over_dicomweb(site: Site) -> None:
    missed(site)
    path = f"/dicomweb/studies/{STUDY}"
    assert site.as_("quinn").ask("GET", f"{path}/series").status_code != 409
    made = arrival("1.2.3.9.1", series="1.2.3.9", role=ObjectRole.RESULT)
    site.worklist.record_arrivals([made], now=NOON)
    quinn = site.as_("quinn")
    for refused in (f"{path}/series", path, f"{path}/series/1.2.3.9/metadata"):
        assert quinn.ask("GET", refused).json()["code"] == "review_first", refused
    own = f"{path}/series/1.2.3.9/instances/1.2.3.9.1"
    assert quinn.ask("GET", own).status_code == 409
    assert quinn.ask("GET", f"{path}/series/1.2.3.1/metadata").status_code != 409


def test_a_study_that_is_on_the_list_again_is_blind_to_nobody(site: Site) -> None:
    missed(site)
    site.worklist.reopen(STUDY, actor="ben", reason="new images", now=NOON)
    row = site.as_("both").ask("GET", f"/api/worklist/{STUDY}")
    assert row.status_code == 200
    assert site.as_("both").ask("POST", f"/api/studies/{STUDY}/claim", {}).status_code == 200


def test_a_filter_by_reason_tells_a_blind_reviewer_nothing(site: Site) -> None:
    missed(site)
    assert site.listed("quinn", "?kind=missed_flag") == site.listed("quinn", "?kind=sample") == []
    assert len(site.listed("ada", "?kind=missed_flag")) == 1
    assert site.listed("ada", "?kind=sample") == []


def test_cases_are_assigned_to_who_can_review_them(site: Site) -> None:
    number = missed(site)
    site.as_("quinn")
    given = site.act("ada", "assign", {"account": "quinn"}, number)
    assert given.json()["assigned_to"]["name"] == "quinn"
    assert len(site.listed("quinn", "?assigned_to=quinn")) == 1
    assert site.act("ada", "assign", {"account": "anna"}, number).status_code == 409
    assert site.act("ada", "assign", {"account": "nobody"}, number).status_code == 409
    assert site.act("ada", "assign", {"account": None}, number).json()["assigned_to"] is None
    assert [one.details["account"] for one in site.house.events("case_assigned")] == [
        "quinn",
        None,
    ]


def test_comments_are_for_who_knows(site: Site) -> None:
    number = missed(site)
    assert site.act("ada", "comments", {"text": "small"}, number).status_code == 200
    refused = site.act("quinn", "comments", {"text": "I think"}, number)
    assert refused.json()["code"] == "review_first"
    site.review("quinn", "present", number)
    said = site.act("quinn", "comments", {"text": "I saw it"}, number).json()["comments"]
    assert [(one["by"]["name"], one["text"]) for one in said] == [
        ("ada", "small"),
        ("quinn", "I saw it"),
    ]
    assert site.act("quinn", "comments", {"text": " "}, number).status_code == 422


CLOSING = {"root_cause": "too_small", "action": "shown at the meeting", "teaches": True}


def test_a_case_closes_with_its_root_cause_and_may_teach(site: Site) -> None:
    number = missed(site)
    early = site.act("ada", "close", CLOSING, number)
    assert (early.status_code, early.json()["code"]) == (409, "wrong_case_state")
    site.review("quinn", "present", number)
    site.review("quirin", "present", number)
    assert site.act("ada", "close", {**CLOSING, "action": " "}, number).status_code == 422
    closed = site.act("quinn", "close", CLOSING, number).json()
    assert (closed["state"], closed["root_cause"]) == ("closed", "too_small")
    assert closed["closed_by"]["name"] == "quinn"
    assert [one["case_id"] for one in site.listed("quinn", "?teaches=true")] == [number]
    assert site.act("ada", "close", CLOSING, number).status_code == 409
    [event] = site.house.events("case_closed")
    assert event.details["root_cause"] == "too_small"


def test_a_new_reason_opens_a_closed_case_again(site: Site) -> None:
    uid = site.file(fracture=YES, haemorrhage=NO)
    site.conclude("anna", fracture=ABSENT)
    site.open()
    site.review("quinn", "present")
    site.review("quirin", "present")
    site.act("quinn", "close", CLOSING)
    site.worklist.reopen(uid, actor="ben", reason="look again", now=NOON)
    site.conclude("ben", fracture=PRESENT)
    site.open()
    case = site.case("quinn")
    assert (case["state"], case["verdict"], case["root_cause"]) == ("reviewed", "present", None)


def test_cases_are_searched_and_late_ones_found(site: Site) -> None:
    missed(site)
    assert len(site.listed("ada", "?q=a-1.2.3 doe")) == 1
    assert site.listed("ada", "?q=smith") == []
    assert site.listed("ada", "?q=%25") == []
    assert site.listed("ada", "?overdue=true") == []
    site.house.now += timedelta(days=15)
    site.browsers.clear()
    with site.engine.connect() as connection:
        due = connection.scalar(sa.text("SELECT due_at FROM quality_case"))
    assert due == NOW + timedelta(days=14)


def test_the_table_of_cases_holds_no_formula(site: Site) -> None:
    number = missed(site)
    site.review("quinn", "present", number)
    site.review("quirin", "present", number)
    site.act("ada", "close", {**CLOSING, "action": "=cmd()"}, number)
    answer = site.as_("ada").ask("GET", "/api/cases/export.csv")
    [row] = csv.DictReader(io.StringIO(answer.text))
    assert row["action"] == "'=cmd()"
    assert row["reviews"] == "quinn:present quirin:present"
    assert row["kinds"] == "missed_flag"


def test_the_table_of_a_blind_reviewer_keeps_what_she_may_not_know(site: Site) -> None:
    missed(site)
    [row] = csv.DictReader(io.StringIO(site.as_("quinn").ask("GET", "/api/cases/export.csv").text))
    assert (row["kinds"], row["verdict"], row["state"]) == ("", "", "waiting")


def test_measures_rest_on_verdicts_and_on_lots(emptied_engine: sa.Engine, tmp_path: Path) -> None:
    site = Site(emptied_engine, tmp_path, QualityRules(sampled_share=1.0, reviews=1))
    for number, (outcome, said) in enumerate(
        [(YES, PRESENT), (YES, ABSENT), (NO, PRESENT), (NO, ABSENT)], start=1
    ):
        site.conclude("anna", site.file(f"1.2.{number}", fracture=outcome), fracture=said)
    site.open()
    for case in site.listed("quinn"):
        site.review("quinn", "present" if case["study_instance_uid"] != "1.2.4" else "absent",
                    case["case_id"])  # fmt: skip
    measured = site.as_("quinn").ask("GET", "/api/cases/measures").json()
    [fracture] = [one for one in measured if one["target"] == "fracture"]
    assert fracture["sensitivity"]["counted"] == 3
    assert fracture["sensitivity"]["value"] == pytest.approx(2 / 3)
    assert fracture["specificity"]["value"] == 1.0


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE quality_case SET state = 'reviewed'",
        "UPDATE quality_case SET verdict = 'present'",
        "UPDATE quality_case SET teaches = true",
        "UPDATE case_reason SET inclusion_probability = 0.5",
        "DELETE FROM case_reason",
        "INSERT INTO quality_case (study_instance_uid, target, opened_at, due_at, state)"
        " SELECT study_instance_uid, target, opened_at, due_at, state FROM quality_case",
    ],
)
def test_the_database_refuses_impossible_cases(site: Site, change: str) -> None:
    missed(site)
    with site.engine.connect() as connection, pytest.raises(sa.exc.DBAPIError):
        connection.execute(sa.text(change))


def test_a_hostile_report_keeps_no_other_study_waiting(site: Site) -> None:
    site.report("<script>" * 20_000, site.file("1.2.3.1", fracture=NO, haemorrhage=NO))
    site.report("Fracture.", site.file("1.2.3.2", fracture=NO, haemorrhage=NO))
    assert site.open() == 1
