"""Answers are in the language asked for: our own sentences, and nothing else."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.dicomweb_parts import dicomweb_of
from tests.fake_personal import FakePersonal
from tests.fakes import FakeStore
from tests.people import unasked_accounts
from tests.undelivered import nothing_is_set, unasked_deliveries
from tests.viewer_parts import NOW, ROW, STUDY, FakePeople, FakeReader, Get, decode, getter, silence
from viewer.app import create_app
from viewer.ports import Check, NodeInfo
from worklist.due_time import DueTargets
from worklist.finding import OutcomeState, SuspectedKind, TargetFinding
from worklist.personal import Personal
from worklist.service import Worklist
from worklist.views import DetectorView, EventView, StudyView, WorklistPage

FRENCH = {"accept_language": "fr-CH, fr;q=0.9"}


class Reader(FakeReader):
    """A study of which everything that we say is said, and everything is also a patient's name."""

    def worklist_page(self, after: str | None, limit: int, now: Any, **asked: Any) -> WorklistPage:
        return replace(super().worklist_page(after, limit, now, **asked), rows=(self.row_,))

    @property
    def row_(self) -> Any:
        detector = DetectorView(
            name="haemorrhage",
            target=TargetFinding.INTRACRANIAL_HAEMORRHAGE,
            state=OutcomeState.NOT_APPLICABLE,
            reason="The modality is DX, not CT.",
        )
        without = replace(detector, state=OutcomeState.NOT_RUN_YET, reason=None)
        return replace(
            ROW,
            reason="routine 24 h; haemorrhage 0.91 → 11 min",
            patient_name="chest",
            study_description="The series has no images.",
            detectors=(detector, without),
        )

    def study(self, study_instance_uid: Any, now: Any) -> StudyView:
        made = super().study(study_instance_uid, now)
        said = (("1.9", "The image is a localizer."), ("1.8", "a model's own words"))
        event = EventView(
            event_id=1,
            at=NOW,
            kind="pinned",
            actor="person anna",
            words="pinned to the top, because chest",
            details={"why": "chest"},
        )
        return replace(
            made,
            row=self.row_,
            regions=(replace(made.regions[0], kind="subdural haemorrhage"),),
            evidence=(replace(made.evidence[0], kinds=(SuspectedKind(name="subdural", score=1),)),),
            provenance=(replace(made.provenance[0], not_eligible=said),),
            events=(event,),
        )


@pytest.fixture
def get(tmp_path: Path) -> Get:
    archive = tmp_path / "1.dcm"
    archive.write_bytes(b"pixels")
    app = create_app(
        people=FakePeople(),
        accounts=unasked_accounts(),
        reader=Reader(archive),
        worklist=Worklist(FakeStore(), DueTargets()),
        personal=Personal(FakePersonal()),
        deliveries=unasked_deliveries(),
        test_destination=nothing_is_set,
        listen=silence,
        decode_frame=decode,
        dicomweb=dicomweb_of(tmp_path, []),
        readiness=lambda: [Check(name="database", ok=True, detail="answers")],
        node=NodeInfo(ae_title="VIGIE", dicom_port=11112, version="1.0"),
        now=lambda: NOW,
        static_folder=tmp_path,
    )
    return getter(app)


def test_the_list_is_said_in_french_and_what_came_from_outside_is_not(get: Get) -> None:
    (row,) = get("/api/worklist", **FRENCH).json()["rows"]
    assert row["reason"] == "routine 24\u00a0h\u202f; hémorragie 0,91 → 11\u00a0min"
    seen, waiting = row["detectors"]
    assert seen["finding"] == "hémorragie"
    assert seen["reason"] == "La modalité est DX, et non CT (scanner)."
    assert waiting["reason"] is None
    assert (row["patient_name"], row["study_description"]) == ("chest", "The series has no images.")
    assert (row["requested_priority"], seen["state"]) == ("routine", "not_applicable")


def test_a_study_is_said_in_french_with_its_history_as_it_was_kept(get: Get) -> None:
    study = get(f"/api/studies/{STUDY}", **FRENCH).json()
    assert study["regions"][0]["kind"] == "hémorragie sous-durale"
    assert study["evidence"][0]["kinds"][0]["name"] == "sous-durale"
    assert study["provenance"][0]["not_eligible"] == [
        ["1.9", "L’image est un topogramme."],
        ["1.8", "a model's own words"],
    ]
    (event,) = study["events"]
    assert event["words"] == "mis en tête, motif\u00a0: chest"
    assert event["details"] == {"why": "chest"}
    assert event["actor"] == "personne anna"


def test_without_french_asked_for_the_answer_is_english(get: Get) -> None:
    for asked in ({}, {"accept_language": "de, en;q=0.5"}):
        answer = get("/api/worklist", **asked)
        assert answer.json()["rows"][0]["detectors"][0]["finding"] == "haemorrhage"
        assert answer.headers["content-language"] == "en"


def test_answers_say_their_language_and_that_it_was_asked_for(get: Get) -> None:
    for path in ("/api/worklist", "/api/nothing", "/health/ready"):
        answer = get(path, **FRENCH)
        assert answer.headers["content-language"] == "fr"
        assert answer.headers["vary"] == "Accept-Language"


def test_what_is_no_json_has_no_language(get: Get) -> None:
    assert "content-language" not in get("/", **FRENCH).headers


@pytest.mark.parametrize(
    ("path", "status", "title", "detail"),
    [
        ("/api/studies/a.b", 422, "Demande non valable", "pas un UID DICOM\u00a0: 'a.b'"),
        ("/api/studies", 404, "Introuvable", None),
        (
            "/api/models/lung",
            404,
            "Introuvable",
            "aucun détecteur nommé lung n’est installé",
        ),
        (
            "/api/worklist?limit=many",
            422,
            "Demande non valable",
            "limit\u00a0: un nombre entier est attendu",
        ),
        ("/api/worklist?limit=501", 422, "Demande non valable", "limit\u00a0: 500 au plus"),
    ],
)
def test_problems_are_said_in_french(
    get: Get, path: str, status: int, title: str, detail: str | None
) -> None:
    answer = get(path, **FRENCH)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["title"], body.get("detail")) == (title, detail)


def test_the_gate_speaks_french_too(get: Get) -> None:
    answer = get("/api/worklist", cookie="", **FRENCH)
    assert (answer.status_code, answer.json()["detail"]) == (401, "Connectez-vous d’abord.")
    elsewhere = get("/api/worklist", host="elsewhere.org", **FRENCH)
    assert elsewhere.status_code == 421
    assert elsewhere.json()["detail"].startswith("Ce nœud ne répond pas à ce nom d’hôte\u202f;")


def test_people_at_once_each_hear_their_own_language(get: Get) -> None:
    def said(number: int) -> str:
        asked = FRENCH if number % 2 else {}
        row = get("/api/worklist", **asked).json()["rows"][0]
        return str(row["detectors"][0]["reason"]).split()[0]

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(said, range(12))) == ["The", "La"] * 6
