"""Everything that the OpenAPI description offers, asked in every way that it allows and does not.

schemathesis makes the requests from the description; here they are sent as each kind of caller.
"""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filewriter import dcmwrite
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.python.asgi import get_client
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.archived import image
from tests.browser import app_of
from tests.builders import FRACTURE, HAEMORRHAGE, NOON, arrival, provenance
from tests.dicomweb_parts import dicomweb_of
from tests.people import PASSWORD, House
from vigie.frames import decode_frame
from worklist.api_tokens import ApiTokens, Scope
from worklist.due_time import DueTargets
from worklist.finding import Failed, Flagged, NotFlagged, Region
from worklist.highlighting import Highlighting, Modes
from worklist.people import AccountName, Role
from worklist.service import Worklist
from worklist.store.archive import PostgresArchive
from worklist.store.postgres import PostgresStore
from worklist.store.reader import PostgresReader
from worklist.store.replay import PostgresRecord
from worklist.study import Completeness, InstanceArrival
from worklist.uid import SOPInstanceUID, StudyInstanceUID

_ADDRESS = "https://127.0.0.1"
_EXAMPLES = {"administrator": 8, "radiologist": 10, "nobody": 2, "machine": 6}  # an operation
# So many operations are done at least once: what is generated does reach behind the gate.
_DONE = {"administrator": 40, "radiologist": 40, "nobody": 3, "machine": 25}
_CHECKS: list[schemathesis.CheckFunction] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
_STUDIES = ("1.2.3", "1.2.4", "1.2.5")
_KNOWN: dict[str, list[Any]] = {  # what means something here
    "detector": ["fracture", "haemorrhage"],
    "detectors": [["fracture"], None],
    "name": ["fracture", "anna"],
    "password": [PASSWORD],
    "frames": ["1", "1,1", "2"],
    "frame_number": [1, 2],
    "address": ["7FE00010", "00100010"],
    "view_id": [1],
    "drawn_id": [1],
    "delivery_ids": [[1], None],
    "destination": ["PACS", None],
    "state": [["waiting"], ["sent", "parked"]],
    "before": [100],
    "at": ["2026-03-02T12:30:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59+14:00"],
    "take_over": [True],
    "target": ["fracture", "intracranial_haemorrhage"],
    "assessment_number": [1, None],
    "instance_count": [1, None],
    "lesion": [None],
    "region": [1, None],
    "accept": ["*/*", "image/png", 'multipart/related; type="application/octet-stream"'],
    "window": ["40,80"],
    "viewport": ["64,64"],
    "answers": [
        {"fracture": "present", "intracranial_haemorrhage": "absent"},
        {"intracranial_haemorrhage": "cannot_say"},
    ],
    "polygon": [[[0, 0], [2, 0], [2, 2]]],
    "query": ["modality=CT", "state=flagged&q=doe"],
}
_SEARCHED = ("PatientName", "PatientID", "StudyDate", "StudyTime", "SeriesNumber", "limit")
_MARK = b"--mark\r\nContent-Type: application/dicom\r\n\r\n%s\r\n--mark--\r\n"
_PARTS = 'multipart/related; type="application/dicom"; boundary=mark'


@schemathesis.serializer("multipart/related")
def as_it_is(context: Any, body: Any) -> dict[str, Any]:
    """The strategy below has framed what it wants framed."""
    return {"data": body if isinstance(body, bytes) else b""}


def site(engine: sa.Engine, folder: Path) -> tuple[House, schemathesis.BaseSchema]:
    """The app over a database and an archive of three studies, and its description."""
    store = PostgresStore(engine)
    store.register_detectors([FRACTURE, HAEMORRHAGE], {}, NOON)
    modes = Modes(chosen={"haemorrhage": Highlighting.AFTER_FIRST_LOOK})
    worklist = Worklist(store, DueTargets(), modes=modes)
    for uid in _STUDIES:
        worklist.record_arrivals([archived(folder, uid)], now=NOON)
        worklist.complete_study(StudyInstanceUID(uid), completeness=Completeness.COMPLETE, now=NOON)
        region = Region(
            sop_instance_uid=SOPInstanceUID(f"{uid}.1.1"),
            frame_number=1,
            polygon=((0.0, 0.0), (2.0, 0.0), (2.0, 2.0)),
            score=0.8,
        )
        for detector, outcome in (
            (FRACTURE, Flagged(probability=0.9, regions=(region,))),
            (HAEMORRHAGE, NotFlagged(probability=0.1) if uid == "1.2.3" else Failed(reason="x")),
        ):
            worklist.record_outcome(
                StudyInstanceUID(uid), 1, outcome, provenance(detector), now=NOON
            )
    house = House(engine)
    house.person("root", Role.ADMINISTRATOR)
    house.person("anna", Role.RADIOLOGIST)
    worklist.claim(StudyInstanceUID("1.2.3"), AccountName("anna"), take_over=False, now=NOON)
    app = app_of(
        house,
        folder,
        reader=PostgresReader(engine, archive=folder, inbox_objects=lambda: 0),
        record=PostgresRecord(engine),
        worklist=worklist,
        dicomweb=replace(dicomweb_of(folder, []), archive=PostgresArchive(engine, folder)),
        decode_frame=decode_frame,
    )
    schema = schemathesis.openapi.from_dict(json.loads(json.dumps(app.openapi())))
    schema.app = app
    return house, schema


def archived(folder: Path, uid: str) -> InstanceArrival:
    """A CT image of 3 x 4 pixels in the archive."""
    one = arrival(f"{uid}.1.1", study=uid)
    path = folder / one.archive_path
    path.parent.mkdir(parents=True)
    dcmwrite(path, made(uid, one.sop_instance_uid), enforce_file_format=True)
    return replace(one, rows=3, columns=4)


def made(study: str, instance: str) -> Dataset:
    """A CT image."""
    data_set = image(StudyInstanceUID=study, SeriesInstanceUID=f"{study}.1", PatientID="P1")
    data_set.SOPInstanceUID = data_set.file_meta.MediaStorageSOPInstanceUID = instance
    data_set.file_meta.MediaStorageSOPClassUID = data_set.SOPClassUID
    return data_set


Refusing = Callable[[str, str, str], Any]


@pytest.fixture
def refusing(emptied_engine: sa.Engine, tmp_path: Path) -> Iterator[Refusing]:
    """Ask as a radiologist."""
    house, schema = site(emptied_engine, tmp_path)
    proof = caller("radiologist", house)
    with get_client(schema.app) as client:

        def ask(method: str, path: str, body: str) -> Any:
            headers = proof() | {"content-type": "application/json"}
            return client.request(method, _ADDRESS + path, data=body, headers=headers)

        yield ask


Headers = Callable[[], dict[str, str]]


def caller(kind: str, house: House) -> Headers:
    """What proves who asks, anew for each request: one may end the session."""
    if kind == "nobody":
        return lambda: {"origin": _ADDRESS}
    if kind == "machine":
        tokens = ApiTokens(house.store, house.passwords)
        secret = tokens.add(
            AccountName("m"), list(Scope), lasts=timedelta(days=1), actor="person x", now=house.now
        )
        return lambda: {"authorization": f"Bearer {secret}"}
    name = {"administrator": "root", "radiologist": "anna"}[kind]
    held: list[Any] = []

    def headers() -> dict[str, str]:
        if not held or house.door.who(held[0].secret, house.now, attended=True) is None:
            held[:] = [house.sign_in(name)]
        return {
            "origin": _ADDRESS,
            "cookie": f"__Host-vigie_session={held[0].secret}",
            "x-csrf-token": held[0].signed_in.session.csrf_token,
        }

    return headers


@st.composite
def requests(draw: st.DrawFn, operation: Any) -> Case:
    """As described, or not; often about what is there."""
    kinds = [GenerationMode.POSITIVE, GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
    case: Case = draw(operation.as_strategy(generation_mode=draw(st.sampled_from(kinds))))
    study = draw(st.sampled_from(_STUDIES))
    known = _KNOWN | {
        "study_instance_uid": [study],
        "series_instance_uid": [f"{study}.1"],
        "sop_instance_uid": [f"{study}.1.1"],
    }
    for part in (case.path_parameters, case.query, case.headers, case.body):
        if isinstance(part, dict) and draw(st.integers(0, 3)):
            for name in sorted(known.keys() & part.keys()):
                part[name] = draw(st.sampled_from(known[name]))
    if operation.path.startswith("/dicomweb"):
        if operation.method == "post":
            case.body = draw(st.one_of(st.binary(max_size=64), st.sampled_from(sent(study))))
        elif draw(st.booleans()):
            name = draw(st.sampled_from(_SEARCHED))
            case.query = {**(case.query or {}), name: draw(st.text(max_size=8))}
    return case


def sent(study: str) -> list[bytes]:
    """Bodies in parts: an object, half of one, none."""
    buffer = io.BytesIO()
    dcmwrite(buffer, made(study, f"{study}.1.9"), enforce_file_format=True)
    whole = buffer.getvalue()
    return [_MARK % whole, _MARK % whole[: len(whole) // 2], b"--mark--\r\n"]


def problems(operation: Any, examples: int, send: Callable[[Case], Any]) -> str:
    """What is wrong with the answers to many requests of one operation; empty: nothing."""

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=requests(operation))
    def ask(case: Case) -> None:
        case.validate_response(send(case), checks=_CHECKS)

    try:
        ask()
    except FailureGroup as failures:
        return "\n".join([*map(str, failures.exceptions), *getattr(failures, "__notes__", ())])
    return ""


@pytest.mark.parametrize("kind", _EXAMPLES)
def test_whatever_is_asked_the_answer_is_one_that_the_description_has(
    kind: str, emptied_engine: sa.Engine, tmp_path: Path
) -> None:
    house, schema = site(emptied_engine, tmp_path)
    proof = caller(kind, house)
    found: dict[str, str] = {}
    statuses: dict[str, set[int]] = {}
    with get_client(schema.app) as client:

        def send(case: Case) -> Any:
            client.cookies.clear()
            headers = proof()
            if isinstance(case.body, bytes) and b"--mark" in case.body:
                headers["content-type"] = _PARTS
            answer = case.call(session=client, base_url=_ADDRESS, headers=headers)
            statuses.setdefault(case.operation.label, set()).add(answer.status_code)
            return answer

        for result in schema.get_all_operations():
            operation = result.ok()
            wrong = problems(operation, _EXAMPLES[kind], send)
            if wrong:
                found[operation.label] = wrong
    assert found == {}, "\n\n".join(f"{label}\n{wrong}" for label, wrong in found.items())
    assert all(status < 500 for answered in statuses.values() for status in answered)
    done = {label for label, answered in statuses.items() if min(answered) < 400}
    assert len(done) >= _DONE[kind], sorted(statuses.keys() - done)


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "\ud800"])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/studies/1.2.3/priority", {"priority": "stat", "reason": "%"}),
        ("/api/studies/1.2.3/agreements", {"detector": "%", "agrees": True}),
        ("/api/studies/1.2.3/first-look", {"answers": {"%": "present"}}),
        ("/api/me/views", {"name": "%", "query": ""}),
        ("/api/session", {"name": "%", "password": "%"}),
    ],
)
def test_p9_what_is_no_text_is_refused_in_bodies(
    path: str, body: dict[str, Any], text: str, refusing: Refusing
) -> None:
    answer = refusing("POST", path, json.dumps(body).replace("%", json.dumps(text)[1:-1]))
    assert answer.status_code == 422


@pytest.mark.parametrize(
    "address",
    [
        "/api/worklist?modality=%00",
        "/api/worklist?state=%00:flagged",
        "/dicomweb/studies?PatientName=%00",
        "/api/models/%00",
    ],
)
def test_p9_what_is_no_text_is_refused_in_addresses(address: str, refusing: Refusing) -> None:
    assert refusing("GET", address, "").status_code == 400


def test_a_view_of_what_is_no_text_is_not_kept(refusing: Refusing) -> None:
    body = json.dumps({"name": "mine", "query": "modality=%00"})
    assert refusing("POST", "/api/me/views", body).status_code == 422
