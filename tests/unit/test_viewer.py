"""The HTTP edge over a fake store: answers, problems, headers, pictures."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.dicomweb_parts import dicomweb_of
from tests.fake_personal import FakePersonal
from tests.fakes import FakeStore
from tests.people import unasked_accounts
from tests.undelivered import nothing_is_set, unasked_deliveries
from tests.viewer_parts import (
    FRAME_URL,
    INSTANCE,
    MODEL,
    NOW,
    STUDY,
    FakePeople,
    FakeReader,
    Get,
    decode,
    getter,
    silence,
)
from viewer.app import create_app
from viewer.ports import Check, NodeInfo
from worklist.due_time import DueTargets
from worklist.finding import OutcomeState
from worklist.personal import Personal
from worklist.service import Worklist


@pytest.fixture
def reader(tmp_path: Path) -> FakeReader:
    archive = tmp_path / "1.dcm"
    archive.write_bytes(b"pixels")
    return FakeReader(archive)


@pytest.fixture
def checks() -> list[Check]:
    return [Check(name="database", ok=True), Check(name="disk", ok=True)]


@pytest.fixture
def get(reader: FakeReader, checks: list[Check], tmp_path: Path) -> Get:
    static = tmp_path / "static"
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_text("<style nonce='__CSP_NONCE__'></style>")
    (static / "assets" / "a-123.js").write_text("1")
    app = create_app(
        people=FakePeople(),
        accounts=unasked_accounts(),
        reader=reader,
        worklist=Worklist(FakeStore(), DueTargets()),
        personal=Personal(FakePersonal()),
        deliveries=unasked_deliveries(),
        test_destination=nothing_is_set,
        listen=silence,
        decode_frame=decode,
        dicomweb=dicomweb_of(tmp_path, []),
        readiness=lambda: checks,
        node=NodeInfo(ae_title="VIGIE", dicom_port=11112, version="1.0"),
        allowed_hosts=["reading.hospital"],
        now=lambda: NOW,
        static_folder=static,
    )
    return getter(app)


def test_the_worklist_says_place_due_time_reason_and_each_detectors_state(get: Get) -> None:
    answer = get("/api/worklist").json()
    (row,) = answer["rows"]
    assert row["place"] == 1
    assert row["due_at"] == "2026-03-01T14:00:00Z"
    assert row["reason"] == "routine 24 h; fracture 0.91 → 2 h 12 min"
    assert [d["state"] for d in row["detectors"]] == [state.value for state in OutcomeState]
    assert row["detectors"][0]["finding"] == "fracture"
    assert answer["total"] == 1


def test_no_answer_of_the_api_says_normal_p4(get: Get) -> None:
    api = ("/api/worklist", f"/api/studies/{STUDY}", "/api/node", "/api/models")
    for url in (*api, "/api/models/fracture", "/metrics"):
        assert "normal" not in get(url).text.lower()


def test_a_patient_name_with_a_script_is_json_and_never_html_p9(get: Get) -> None:
    answer = get("/api/worklist")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.json()["rows"][0]["patient_name"] == "<script>alert(1)</script>^Ann"


def test_a_page_of_the_list_is_asked_by_cursor_and_limit(get: Get, reader: FakeReader) -> None:
    get("/api/worklist?after=c1&limit=500")
    get("/api/worklist")
    assert reader.asked == [("c1", 500), (None, 100)]


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "after=forged"])
def test_a_query_that_makes_no_sense_is_a_problem_in_words(get: Get, query: str) -> None:
    answer = get(f"/api/worklist?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


def test_a_study_comes_with_images_regions_provenance_and_history(get: Get) -> None:
    study = get(f"/api/studies/{STUDY}").json()
    assert study["series"][0]["instances"][0]["columns"] == 6
    assert study["regions"][0]["polygon"] == [[0.0, 0.0], [2.5, 0.0], [2.5, 3.0]]
    assert (study["regions"][0]["kind"], study["regions"][0]["lesion"]) == ("displaced", 1)
    assert study["provenance"][0]["instances"] == [[INSTANCE, "cd" * 32]]
    assert study["events"][0]["words"] == "Filed."


def test_p7_every_model_says_whether_it_runs_and_who_stopped_it(get: Get) -> None:
    stopped, broken = get("/api/models").json()
    assert stopped == {
        "name": "fracture",
        "target": "fracture",
        "finding": "fracture",
        "title": "Fractures on radiographs",
        "version": "1",
        "weights_sha256": "ab" * 32,
        "operating_point": 0.4,
        "state": "stopped",
        "broken": None,
        "stopped_by": "anna",
        "stopped_at": "2026-03-01T12:00:00Z",
        "stopped_because": "odd results",
        "registered_at": "2026-03-01T12:00:00Z",
    }
    assert broken["state"] == "broken"


def test_a_model_is_served_with_its_whole_card_as_data(get: Get) -> None:
    card = get("/api/models/fracture").json()["card"]
    assert MODEL.card is not None
    assert card == dict(MODEL.card)
    assert get("/api/models/fracture.old").json()["card"] is None


def test_p6_a_study_says_what_each_probability_rests_on(get: Get) -> None:
    assert get(f"/api/studies/{STUDY}").json()["evidence"] == [
        {
            "detector": "fracture",
            "image_scores": [{"sop_instance_uid": INSTANCE, "frame_number": 1, "score": 0.75}],
            "kinds": [{"name": "displaced", "score": 0.5}],
            "lesions": [
                {
                    "number": 1,
                    "score": 0.9,
                    "centre_mm": None,
                    "diameter_mm": 6.5,
                    "first_image": INSTANCE,
                    "last_image": INSTANCE,
                }
            ],
            "turned": [{"sop_instance_uid": INSTANCE, "frame_number": 1, "quarters": 3}],
        }
    ]


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("/api/studies/1.2.4", 404),
        ("/api/models/none", 404),
        ("/api/studies/..%2f..%2fetc", 404),  # the slash makes it another path
        ("/api/studies/..", 404),
        ("/api/studies/1.2.3'", 422),
        (f"/api/studies/{'1' * 65}", 422),
        ("/api/nothing", 404),
        (FRAME_URL.replace(INSTANCE, "1.9"), 404),
        (FRAME_URL.replace(INSTANCE, "passwd"), 422),
        (FRAME_URL.replace("frames/1", "frames/0"), 422),
        (FRAME_URL.replace("frames/1", "frames/2"), 422),
        (FRAME_URL + "?window=1", 422),
        (FRAME_URL + "?viewport=99999,1", 422),
    ],
)
def test_what_is_not_there_or_no_uid_is_a_problem(get: Get, url: str, status: int) -> None:
    answer = get(url)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status


def test_a_store_that_is_away_is_said_and_worth_another_try(get: Get, reader: FakeReader) -> None:
    reader.away = True
    answer = get("/api/worklist")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "2"
    assert answer.json()["detail"] == "the database does not answer"


def test_a_frame_is_a_picture_of_the_kind_asked_for(get: Get) -> None:
    png = get(FRAME_URL + "?window=12,24&viewport=3,3")
    assert (png.status_code, png.headers["content-type"]) == (200, "image/png")
    assert png.content.startswith(b"\x89PNG")
    jpeg = get(FRAME_URL, accept="image/jpeg")
    assert jpeg.content.startswith(b"\xff\xd8")
    assert jpeg.headers["vary"] == "Accept"
    assert get(FRAME_URL, accept="text/html").status_code == 406


def test_a_frame_that_was_seen_is_not_drawn_again(get: Get, reader: FakeReader) -> None:
    first = get(FRAME_URL + "?window=12,24")
    etag = first.headers["etag"]
    assert first.headers["cache-control"] == "private, no-cache"
    again = get(FRAME_URL + "?window=12,24", if_none_match=etag)
    assert (again.status_code, again.content) == (304, b"")
    assert get(FRAME_URL + "?window=13,24", if_none_match=etag).status_code == 200
    reader.archive.write_bytes(b"other bytes")
    assert get(FRAME_URL + "?window=12,24", if_none_match=etag).status_code == 200


def test_what_nobody_expected_is_a_problem_logged_without_its_words(
    get: Get, reader: FakeReader, capsys: pytest.CaptureFixture[str]
) -> None:
    reader.archive.write_bytes(b"bomb")
    answer = get(FRAME_URL)
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    logged = capsys.readouterr()
    assert "ZeroDivisionError" in logged.out + logged.err
    assert "Doe" not in logged.out + logged.err + answer.text


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("127.0.0.1:8008", 200),
        ("[::1]:8008", 200),
        ("[::1]", 200),
        ("READING.hospital:8008", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("", 421),
    ],
)
def test_only_hosts_of_this_node_are_served(get: Get, host: str, status: int) -> None:
    assert get("/api/node", host=host).status_code == status


def test_every_answer_forbids_foreign_scripts_frames_and_caches(get: Get) -> None:
    for url in ("/", "/api/worklist", "/nothing", "/health/live"):
        headers = get(url).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


def test_the_page_carries_the_nonce_of_its_own_policy(get: Get) -> None:
    answer = get("/")
    nonce = re.findall(r"nonce='([^']+)'", answer.text)[0]
    assert f"'nonce-{nonce}'" in answer.headers["content-security-policy"]
    assert nonce not in get("/").text


def test_assets_are_kept_by_browsers_and_nothing_outside_them_is_served(get: Get) -> None:
    assert "immutable" in get("/assets/a-123.js").headers["cache-control"]
    assert get("/assets/missing.js").status_code == 404
    assert get("/assets/..%2findex.html").status_code == 404


def test_without_a_build_the_page_says_how_to_build_it(reader: FakeReader, tmp_path: Path) -> None:
    app = create_app(
        people=FakePeople(),
        accounts=unasked_accounts(),
        reader=reader,
        worklist=Worklist(FakeStore(), DueTargets()),
        personal=Personal(FakePersonal()),
        deliveries=unasked_deliveries(),
        test_destination=nothing_is_set,
        listen=silence,
        decode_frame=decode,
        dicomweb=dicomweb_of(tmp_path, []),
        readiness=list,
        node=NodeInfo(ae_title="VIGIE", dicom_port=11112, version="1.0"),
        static_folder=tmp_path / "missing",
    )
    answer = getter(app)("/")
    assert answer.status_code == 404
    assert "pip install" in answer.text
    assert getter(app)("/assets/a.js").status_code == 404
    assert getter(app)("/api/worklist").status_code == 200


def test_readiness_names_what_fails(get: Get, checks: list[Check]) -> None:
    assert get("/health/ready").status_code == 200
    checks[1] = replace(checks[1], ok=False, detail="4 GB left, 10 GB wanted")
    answer = get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["ready"] is False
    assert {"name": "disk", "ok": False, "detail": "4 GB left, 10 GB wanted"} in answer.json()[
        "checks"
    ]
    assert get("/health/live").json() == {"alive": True}


def test_metrics_count_studies_outcomes_and_queues_and_time_requests_by_route(get: Get) -> None:
    get(f"/api/studies/{STUDY}")
    text = get("/metrics").text
    assert 'vigie_studies{state="waiting"} 3.0' in text
    assert 'vigie_outcomes{detector="fracture",state="flagged"} 2.0' in text
    assert "vigie_inbox_objects 5.0" in text
    assert "vigie_quarantined_objects 1.0" in text
    assert "vigie_conflicts 2.0" in text
    assert "vigie_jobs_waiting 4.0" in text
    assert 'route="/api/studies/{study_instance_uid}"' in text
    assert STUDY + '"' not in text


def test_metrics_answer_while_the_store_is_away(get: Get, reader: FakeReader) -> None:
    reader.away = True
    text = get("/metrics").text
    assert "vigie_store_up 0.0" in text
    assert "vigie_studies{" not in text
