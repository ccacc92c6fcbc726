"""Searches of the archive by DICOMweb, over a real database."""

import functools
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.archived import image
from tests.builders import NOON, arrival
from tests.dicomweb_parts import dicomweb_app, dicomweb_of, written
from tests.viewer_parts import Get, getter
from worklist.archive_search import ArchiveQuery, Level
from worklist.service import Worklist
from worklist.store import archive_search
from worklist.store.archive import PostgresArchive
from worklist.store.archive_search import _statement
from worklist.study import InstanceArrival
from worklist.uid import StudyInstanceUID

Search = Callable[[str], list[dict[str, Any]]]
NAMES = {
    "1.1": "Doe^Jane",
    "1.2": "DOE^JOHN^^^",
    "1.3": "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "1.4": "<script>alert(1)</script>^O'Hara %_",
    "1.5": "",
}


def study(uid: str, number: int) -> list[InstanceArrival]:
    """A study of a CT series of two objects, and an SR with one."""
    found = []
    for series, modality, count in ((f"{uid}.1", "CT", 2), (f"{uid}.2", "SR", 1)):
        for n in range(1, count + 1):
            one = arrival(
                f"{series}.{n}",
                study=uid,
                series=series,
                patient_id=f"P{number}",
                instance_number=n,
            )
            attributes = replace(
                one.study,
                patient_name=NAMES[uid],
                patient_birth_date=date(1950 + number, 1, number),
                patient_sex="F" if number % 2 else "M",
                accession_number=f"A{number}*" if number == 4 else f"A{number}",
                study_id=f"S{number}",
                study_description=f"made up {number}",
                study_at=datetime(2026, 1, number, 8 + number, 30, tzinfo=UTC)
                if number < 5
                else None,
            )
            kind = replace(one.series, modality=modality, series_number=3 - len(found))
            found.append(replace(one, study=attributes, series=kind))
    return found


@pytest.fixture
def get(worklist: Worklist, emptied_engine: sa.Engine, tmp_path: Path) -> Get:
    for number, uid in enumerate(NAMES, start=1):
        worklist.record_arrivals(study(uid, number), now=NOON)
    dicomweb = dicomweb_of(tmp_path, [])
    archive = PostgresArchive(emptied_engine, tmp_path)
    return getter(dicomweb_app(tmp_path, [], replace(dicomweb, archive=archive)))


@pytest.fixture
def search(get: Get) -> Search:
    def ask(url: str) -> list[dict[str, Any]]:
        answer = get(f"/dicomweb{url}")
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/dicom+json"
        rows: list[dict[str, Any]] = answer.json()
        return rows

    return ask


def uids(rows: list[dict[str, Any]], tag: str = "0020000D") -> list[str]:
    return [row[tag]["Value"][0] for row in rows]


def test_a_study_is_told_with_what_the_standard_wants_of_it(search: Search) -> None:
    (row,) = search("/studies?StudyInstanceUID=1.3")
    assert row["00100010"]["Value"] == [
        {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"}
    ]
    told = {tag: attribute.get("Value", [None])[0] for tag, attribute in row.items()}
    assert told | {"00100010": None} == {
        "00080020": "20260103",
        "00080030": "113000",
        "00080050": "A3",
        "00080056": "ONLINE",
        "00080061": "CT",
        "00081030": "made up 3",
        "00081190": "http://localhost/dicomweb/studies/1.3",
        "00100010": None,
        "00100020": "P3",
        "00100030": "19530103",
        "00100040": "F",
        "0020000D": "1.3",
        "00200010": "S3",
        "00201206": 2,
        "00201208": 3,
    }
    assert row["00080061"]["Value"] == ["CT", "SR"]
    assert list(row) == sorted(row)


def test_the_newest_studies_come_first_and_those_without_a_date_last(search: Search) -> None:
    assert uids(search("/studies")) == ["1.4", "1.3", "1.2", "1.1", "1.5"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("PatientID=P2", ["1.2"]),
        ("00100020=P2", ["1.2"]),
        ("PatientID=p2", []),
        ("PatientID=P*", ["1.4", "1.3", "1.2", "1.1", "1.5"]),
        ("PatientID=P?&StudyDate=20260102-", ["1.4", "1.3", "1.2"]),
        ("PatientID=", ["1.4", "1.3", "1.2", "1.1", "1.5"]),
        ("PatientID=P_", []),
        ("PatientID=P%25", []),
        ("PatientName=doe*", ["1.2", "1.1"]),
        ("PatientName=Doe%5EJohn", ["1.2"]),
        ("PatientName=DOE%5EJANE%5E%5E", ["1.1"]),
        ("PatientName=Doe", []),
        ("PatientName=yamada%5Etarou", ["1.3"]),
        ("PatientName=山田*", ["1.3"]),
        ("PatientName=やまだ%5Eたろう", ["1.3"]),
        ("PatientName=*tarou", ["1.3"]),
        ("PatientName=%3Cscript*", ["1.4"]),
        ("PatientName=*O'Hara %25_", ["1.4"]),
        ("PatientName=*%25_*", ["1.4"]),
        ("PatientName=\\", []),
        ("AccessionNumber=A4*", ["1.4"]),
        ("StudyInstanceUID=1.2,1.1", ["1.2", "1.1"]),
        ("StudyInstanceUID=1.2%5C1.9", ["1.2"]),
        ("StudyDate=20260102", ["1.2"]),
        ("StudyDate=20260102-20260103", ["1.3", "1.2"]),
        ("StudyDate=-20260102", ["1.2", "1.1"]),
        ("StudyDate=-99991231", ["1.4", "1.3", "1.2", "1.1"]),
        ("StudyDate=20260104-99991231", ["1.4"]),
        ("StudyDate=99991231", []),
        ("offset=100000", []),
        ("StudyTime=10", ["1.2"]),
        ("StudyTime=1030", ["1.2"]),
        ("StudyTime=1031", []),
        ("StudyTime=1000-113000", ["1.3", "1.2"]),
        ("PatientBirthDate=19530103", ["1.3"]),
        ("PatientSex=M", ["1.4", "1.2"]),
        ("StudyID=S5", ["1.5"]),
        ("StudyDescription=*up 1", ["1.1"]),
        ("ModalitiesInStudy=SR&PatientID=P1", ["1.1"]),
        ("ModalitiesInStudy=MR", []),
        ("ModalitiesInStudy=MR%5CCT&PatientID=P1", ["1.1"]),
        ("SeriesInstanceUID=1.2.1", ["1.2"]),
        ("SOPInstanceUID=1.2.1.2", ["1.2"]),
        ("limit=2", ["1.4", "1.3"]),
        ("limit=2&offset=3", ["1.1", "1.5"]),
        ("limit=0", []),
        ("offset=9", []),
    ],
)
def test_studies_are_found_by_their_attributes(
    search: Search, query: str, found: list[str]
) -> None:
    assert uids(search(f"/studies?{query}")) == found


@pytest.mark.parametrize(
    ("url", "tag", "found"),
    [
        ("/studies/1.1/series", "0020000E", ["1.1.2", "1.1.1"]),
        ("/studies/1.1/series?Modality=CT", "0020000E", ["1.1.1"]),
        ("/studies/1.1/series?SeriesNumber=1", "0020000E", ["1.1.2"]),
        ("/studies/1.1/series?SOPInstanceUID=1.1.2.1", "0020000E", ["1.1.2"]),
        ("/series?Modality=SR&PatientID=P1", "0020000E", ["1.1.2"]),
        ("/studies/1.1/instances", "00080018", ["1.1.2.1", "1.1.1.1", "1.1.1.2"]),
        ("/studies/1.1/series/1.1.1/instances", "00080018", ["1.1.1.1", "1.1.1.2"]),
        ("/studies/1.1/series/1.1.1/instances?InstanceNumber=2", "00080018", ["1.1.1.2"]),
        ("/studies/1.1/series/1.1.1/instances?InstanceNumber=9", "00080018", []),
        ("/instances?SOPInstanceUID=1.1.1.2,1.2.1.1", "00080018", ["1.2.1.1", "1.1.1.2"]),
        ("/instances?PatientID=P1&Modality=SR", "00080018", ["1.1.2.1"]),
    ],
)
def test_series_and_objects_are_found_in_a_study_and_in_all(
    search: Search, url: str, tag: str, found: list[str]
) -> None:
    assert uids(search(url), tag) == found


def test_series_and_objects_are_told_with_what_the_standard_wants_of_them(search: Search) -> None:
    (row,) = search("/studies/1.1/series/1.1.1/instances?InstanceNumber=2")
    assert row["00081190"]["Value"] == [
        "http://localhost/dicomweb/studies/1.1/series/1.1.1/instances/1.1.1.2"
    ]
    assert row["00280008"] == {"vr": "IS", "Value": [1]}
    assert row["00280010"] == {"vr": "US", "Value": [512]}
    assert row["00080016"]["Value"] == ["1.2.840.10008.5.1.4.1.1.2"]
    assert row["00201209"] == {"vr": "IS", "Value": [2]}
    assert row["0020000D"]["Value"] == ["1.1"]


@pytest.mark.parametrize(
    "query",
    [
        "Nonsense=1",
        "00104000=x",
        "PatientComments=x",
        "StudyDate=yesterday",
        "StudyDate=20261301",
        "StudyDate=-",
        "StudyTime=25",
        "StudyInstanceUID=passwd",
        "StudyInstanceUID=1.2,",
        "SeriesNumber=x",
        "limit=-1",
        "limit=x",
        "offset=1e3",
        "offset=100001",
        "includefield=Nonsense",
        "PatientID=1&PatientID=2",
        f"PatientID={'x' * 16385}",
    ],
)
def test_a_search_that_cannot_be_meant_is_refused_and_never_widened(get: Get, query: str) -> None:
    answer = get(f"/dicomweb/studies?{query}")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("/studies/1.9/series", 404),
        ("/studies/1.1/series/1.9/instances", 404),
        ("/studies/x/series", 422),
        ("/studies?accept=text/html", 406),
    ],
)
def test_a_search_in_what_is_not_there_is_a_problem(get: Get, url: str, status: int) -> None:
    assert get(f"/dicomweb{url}").status_code == status


def test_what_is_not_supported_and_what_is_left_out_is_said(get: Get) -> None:
    fuzzy = get("/dicomweb/studies?fuzzymatching=true&PatientName=doe")
    assert "fuzzymatching" in fuzzy.headers["warning"]
    assert "additional results" in get("/dicomweb/studies?limit=2").headers["warning"]
    assert "warning" not in get("/dicomweb/studies?limit=5&fuzzymatching=false").headers


def test_more_is_read_from_an_object_where_it_is_asked_for(
    worklist: Worklist, emptied_engine: sa.Engine, tmp_path: Path
) -> None:
    data_set = image(
        ReferringPhysicianName="Ärztin^Eva",
        SpecificCharacterSet="ISO_IR 100",
        StationName="CT1",
        KVP=120,
    )
    one = written(tmp_path, data_set)
    filed = replace(arrival("1.7.1.1", study="1.7"), archive_path=one.path.name)
    worklist.record_arrivals([filed], now=NOON)
    dicomweb = replace(dicomweb_of(tmp_path, []), archive=PostgresArchive(emptied_engine, tmp_path))
    get = getter(dicomweb_app(tmp_path, [], dicomweb))
    asked = "/dicomweb/studies?includefield=ReferringPhysicianName,00080060&includefield=00081010"
    (row,) = get(asked).json()
    assert row["00080090"]["Value"] == [{"Alphabetic": "Ärztin^Eva"}]
    assert "00081010" not in row  # of a series
    (series,) = get("/dicomweb/series?includefield=all").json()
    assert series["00081010"]["Value"] == ["CT1"]
    assert series["00080090"]["Value"] == [{"Alphabetic": "Ärztin^Eva"}]
    assert "00180060" not in series
    (instance,) = get("/dicomweb/instances?includefield=all").json()
    assert instance["00180060"]["Value"] == [120]
    assert "7FE00010" not in instance
    one.path.unlink()
    assert len(get("/dicomweb/instances?includefield=all").json()) == 1


def test_the_middle_image_of_the_largest_series_stands_for_a_study(
    worklist: Worklist, emptied_engine: sa.Engine, tmp_path: Path
) -> None:
    worklist.record_arrivals(study("1.1", 1), now=NOON)
    more = [
        replace(arrival(f"1.1.3.{n}", study="1.1", series="1.1.3", instance_number=n), rows=rows)
        for n, rows in ((1, 512), (2, 512), (3, 512), (4, None))
    ]
    worklist.record_arrivals(more, now=NOON)
    archive = PostgresArchive(emptied_engine, tmp_path)
    assert archive.shown_for(StudyInstanceUID("1.1")).sop_instance_uid == "1.1.3.2"


@pytest.mark.parametrize("level", Level)
def test_what_is_counted_for_each_row_is_counted_for_those_of_the_page_alone(level: Level) -> None:
    query = ArchiveQuery(level=level, matches={}, study=None, series=None, limit=3, offset=2)
    said = str(_statement(query))
    counted, _, page = said.partition("LIMIT")[0].rpartition("(SELECT")
    assert "count(" in counted
    assert "count(" not in page
    assert said.count("OFFSET") == 1


def test_a_search_that_takes_too_long_is_ended_and_a_problem_says_so(
    get: Get, emptied_engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = functools.partial(archive_search.search, limit_s=0.2)
    monkeypatch.setattr("worklist.store.archive.search", short)
    with emptied_engine.begin() as connection:
        connection.execute(sa.text("LOCK TABLE study IN ACCESS EXCLUSIVE MODE"))
        answer = get("/dicomweb/studies")
    assert (answer.status_code, answer.json()["code"]) == (503, "search_too_long")
    assert get("/dicomweb/studies").status_code == 200
    with emptied_engine.connect() as connection:
        (limit,) = connection.execute(sa.text("SHOW statement_timeout")).one()
    assert limit == "0"
