"""From a recorded assessment to objects on disk and deliveries in the database."""

import io
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydicom import dcmread

from results.facts import AssessmentFacts
from tests.assessed_site import EVERYTHING, AssessedSite
from tests.people import House
from vigie import result_facts
from vigie.result_facts import Site
from worklist.conclusion import Answer
from worklist.deliveries import Asked
from worklist.errors import MissingReason, UnknownStudy
from worklist.finding import TargetFinding
from worklist.highlighting import Highlighting, Looker, Modes
from worklist.outbound import CannotResend, NothingToRetract, ObjectKind, Worth
from worklist.people import AccountName, Role
from worklist.store.assessed import AssessedStudy
from worklist.store.reader import PostgresReader
from worklist.uid import StudyInstanceUID

HEAD, ARM = "head_ct_bleed", "forearm_fracture"


@pytest.fixture
def site(emptied_engine: sa.Engine, tmp_path: Path) -> AssessedSite:
    return AssessedSite(emptied_engine, tmp_path)


def files(site: AssessedSite) -> dict[str, bytes]:
    found = site.results.rglob("*") if site.results.exists() else []
    return {
        one.relative_to(site.results).as_posix(): one.read_bytes() for one in found if one.is_file()
    }


@pytest.mark.parametrize("phantom", [HEAD, ARM])
def test_an_assessment_becomes_objects_of_its_study_that_wait(
    site: AssessedSite, phantom: str
) -> None:
    uid = site.file(phantom)
    site.assess(phantom, uid)
    site.make()
    kinds = Counter(one.kind for one in site.views())
    expected = dict.fromkeys(EVERYTHING, 1)
    if phantom == ARM:
        del expected[ObjectKind.SEGMENTATION]  # a radiograph says not where it lies
    assert kinds == expected
    for name, content in files(site).items():
        data_set = dcmread(io.BytesIO(content))
        assert data_set.StudyInstanceUID == uid
        assert name == f"{uid}/{data_set.SOPInstanceUID}.dcm"
    [told] = site.events("results_made")
    assert told.study_instance_uid == uid
    assert sum(told.details["objects"].values()) == len(files(site))


def test_made_again_after_a_kill_nothing_is_doubled_and_no_byte_differs(
    site: AssessedSite, tmp_path: Path
) -> None:
    uid = site.file(HEAD)
    site.assess(HEAD, uid)
    study = site.making.assessed(uid, 1)
    assert study is not None
    site.maker._objects(study, set(EVERYTHING))  # killed before anything was kept
    before = files(site)
    assert before
    assert site.views() == ()
    site.later(minutes=1)
    site.make()
    assert files(site) == before
    assert len(site.views()) == len(before)
    site.make()
    assert len(site.views()) == len(before)


def test_only_what_a_destination_wants_is_made(emptied_engine: sa.Engine, tmp_path: Path) -> None:
    site = AssessedSite(emptied_engine, tmp_path, kinds=frozenset({ObjectKind.REPORT}))
    site.assess(ARM, site.file(ARM))
    site.make()
    assert [one.kind for one in site.views()] == [ObjectKind.REPORT]
    assert len(files(site)) == 1


def test_a_kind_that_is_wanted_later_joins_what_was_made(
    emptied_engine: sa.Engine, tmp_path: Path
) -> None:
    first = AssessedSite(emptied_engine, tmp_path, kinds=frozenset({ObjectKind.REPORT}))
    uid = first.file(ARM)
    first.assess(ARM, uid)
    first.make()
    first.send()
    site = AssessedSite(emptied_engine, tmp_path, now=first.later(minutes=1))
    site.deliveries.make_anew(uid, actor="anna", now=site.now)
    site.make()
    assert dict(site.states()) == {
        "report": "sent",
        "presentation": "waiting",
        "key_image": "waiting",
        "selection": "waiting",
    }


@pytest.mark.parametrize(
    ("worth", "said", "sent"),
    [
        (Worth.FLAGGED, {"finding": True}, True),
        (Worth.FLAGGED, {"finding": False}, False),
        (Worth.EVALUATED, {"finding": False}, True),
        (Worth.EVALUATED, {"applies": False}, False),
        (Worth.ALL, {"applies": False}, True),
    ],
)
def test_a_destination_gets_the_studies_it_is_set_to(
    emptied_engine: sa.Engine, tmp_path: Path, worth: Worth, said: dict[str, bool], sent: bool
) -> None:
    site = AssessedSite(emptied_engine, tmp_path, worth=worth)
    site.assess(ARM, site.file(ARM), **said)  # type: ignore[arg-type]
    site.make()
    assert bool(site.views()) == sent
    assert [*site.making.due(site.now, site.now, 10)] == []


def test_what_was_assessed_before_a_destination_was_set_is_sent_when_asked_for(
    emptied_engine: sa.Engine, tmp_path: Path
) -> None:
    first = AssessedSite(emptied_engine, tmp_path)
    uid = first.file(ARM)
    first.assess(ARM, uid)
    first.make()
    first.send()
    later = first.later(hours=1)
    site = AssessedSite(emptied_engine, tmp_path, names=("PACS", "Second"), now=later)
    site.make()
    assert site.views(destination="Second") == ()
    site.deliveries.make_anew(uid, actor="anna", now=later)
    site.make()
    assert len(site.views(destination="Second")) == len(site.views(destination="PACS")) > 0
    assert len(files(site)) == len(site.views(destination="PACS"))
    assert {state for _, state in site.states("PACS")} == {"sent"}
    assert [one.actor for one in site.events("results_asked_again")] == ["person anna"]


def test_a_later_assessment_supersedes_and_what_was_sent_is_rejected(site: AssessedSite) -> None:
    uid = site.file(ARM)
    site.assess(ARM, uid)
    site.make()
    site.send()
    old = {one.delivery.sop_instance_uid: one.kind for one in site.views()}
    site.later(minutes=5)
    site.reassess(ARM, uid, probability=0.97)
    site.make()
    site.send()
    taken = [dcmread(io.BytesIO(content)) for _, content in site.peer.taken]
    new = [one for one in taken if one.SOPInstanceUID not in old]
    [report] = [one for one in new if one.Modality == "SR"]
    [earlier] = report.PredecessorDocumentsSequence
    [series] = earlier.ReferencedSeriesSequence
    [named] = series.ReferencedSOPSequence
    assert old[named.ReferencedSOPInstanceUID] is ObjectKind.REPORT
    [rejection] = [one for one in new if one.SeriesNumber == 9905 and _title(one) == "113001"]
    assert _references(rejection) == set(old)
    assert {state for _, state in site.states()} == {"sent"}
    site.later(minutes=5)
    site.make()
    site.send()
    assert len(site.peer.taken) == len(taken)


def test_what_was_not_sent_yet_is_withdrawn_and_needs_no_rejection(site: AssessedSite) -> None:
    uid = site.file(ARM)
    site.assess(ARM, uid)
    site.make()
    count = len(site.views())
    site.reassess(ARM, uid)
    site.make()
    states = [state for _, state in site.states()]
    assert states == ["withdrawn"] * count + ["waiting"] * count
    assert "rejection" not in dict(site.states())


def test_what_lands_while_it_is_superseded_is_rejected_too(site: AssessedSite) -> None:
    uid = site.file(ARM)
    site.assess(ARM, uid)
    site.make()

    def meanwhile() -> None:
        site.peer.during = lambda: None
        site.reassess(ARM, uid)
        site.make()

    site.peer.during = meanwhile
    site.send()
    site.make()
    site.send()
    taken = [dcmread(io.BytesIO(content)) for _, content in site.peer.taken]
    assert len({one.SOPInstanceUID for one in taken}) == len(taken)
    rejected = set().union(*(_references(one) for one in taken if _title(one) == "113001"))
    old = {str(one.SOPInstanceUID) for one in taken[: len(rejected)]}
    assert rejected == old


def test_retracted_results_are_rejected_for_safety_with_who_and_why(site: AssessedSite) -> None:
    uid = site.file(ARM)
    site.assess(ARM, uid)
    site.make()
    site.send()
    sent = {one.delivery.sop_instance_uid for one in site.views()}
    with pytest.raises(MissingReason):
        site.deliveries.retract(uid, reason=" ", actor="anna", now=site.now)
    count = site.deliveries.retract(uid, reason="wrong patient", actor="anna", now=site.now)
    assert count == len(sent)
    site.make()
    site.send()
    rejection = dcmread(io.BytesIO(site.peer.taken[-1][1]))
    assert _title(rejection) == "113037"
    assert _references(rejection) == sent
    [told] = site.events("results_retracted")
    assert (told.actor, told.details["why"]) == ("person anna", "wrong patient")
    with pytest.raises(NothingToRetract):
        site.deliveries.retract(uid, reason="again", actor="anna", now=site.now)
    with pytest.raises(CannotResend):
        site.deliveries.make_anew(uid, actor="anna", now=site.now)
    numbers = [one.delivery.delivery_id for one in site.views() if one.kind == "report"]
    with pytest.raises(CannotResend):
        site.deliveries.resend(Asked(delivery_ids=numbers), actor="anna", now=site.now)
    with pytest.raises(UnknownStudy):
        site.deliveries.retract(StudyInstanceUID("1.9"), reason="x", actor="anna", now=site.now)


def test_marks_for_after_the_first_look_are_told_once_a_reader_saw_them(
    emptied_engine: sa.Engine, tmp_path: Path
) -> None:
    modes = Modes(chosen={"*": Highlighting.AFTER_FIRST_LOOK})
    site = AssessedSite(emptied_engine, tmp_path, modes=modes)
    uid = site.file(ARM)
    site.assess(ARM, uid)
    site.make()
    site.send()
    assert [one.kind for one in site.views()] == [ObjectKind.REPORT]
    assert b"91" not in _measured(site.peer.taken[0][1])
    _look_first(site, uid)
    site.later(minutes=1)
    site.make()
    site.send()
    kinds = Counter(one.kind for one in site.views())
    assert kinds[ObjectKind.REPORT] == 2
    assert kinds[ObjectKind.PRESENTATION] == kinds[ObjectKind.REJECTION] == 1
    reports = [one for _, one in site.peer.taken if dcmread(io.BytesIO(one)).Modality == "SR"]
    assert b"91" in _measured(reports[1])
    before = len(site.views())
    site.make()
    assert len(site.views()) == before


def _look_first(site: AssessedSite, uid: StudyInstanceUID) -> None:
    """A radiologist answers before any mark, and then sees them."""
    with site.engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO account (name, display_name, roles, password_hash,"
                " must_change_password, created_at)"
                " VALUES ('anna', 'Anna', '{radiologist}', 'x', false, now())"
            )
        )
    looker = Looker(
        actor="person anna",
        account=AccountName("anna"),
        roles=frozenset({Role.RADIOLOGIST}),
    )
    reader = PostgresReader(site.engine, archive=site.folder, inbox_objects=lambda: 0)
    site.worklist.show(reader.study(uid, site.now), looker, now=site.now)
    site.make()
    assert len(site.views()) == 1, "opened, but nothing is revealed yet"
    answers = {TargetFinding.FRACTURE: Answer.PRESENT}
    site.worklist.first_look(uid, answers, looker, assessment_number=1, now=site.now)
    site.worklist.show(reader.study(uid, site.now), looker, now=site.now)


@pytest.mark.parametrize(
    ("said", "target", "number", "told"),
    [
        ("first_look_answer", "fracture", 1, True),
        ("first_look_answer", "fracture", 2, True),
        ("first_look_answer", "intracranial_haemorrhage", 1, False),
        ("conclusion", "fracture", 1, True),
        ("conclusion", "intracranial_haemorrhage", 1, False),
    ],
)
def test_p8_marks_are_told_to_an_archive_by_the_rule_of_the_page(
    emptied_engine: sa.Engine, tmp_path: Path, said: str, target: str, number: int, told: bool
) -> None:
    modes = Modes(chosen={"*": Highlighting.AFTER_FIRST_LOOK})
    site = AssessedSite(emptied_engine, tmp_path, modes=modes)
    uid = site.file(ARM)
    site.assess(ARM, uid)
    House(site.engine).person("anna", Role.RADIOLOGIST)
    rows = {
        "first_look_answer": (
            "INSERT INTO first_look_answer VALUES (:uid, 'anna', :number, :target, 'present', :at)"
        ),
        "conclusion": (
            "WITH one AS (INSERT INTO conclusion"
            " VALUES (:uid, 1, 'anna', :number, 1, :at, CAST(:at AS timestamptz) + '1 h', false))"
            " INSERT INTO conclusion_answer VALUES (:uid, 1, :target, 'present')"
        ),
    }
    with site.engine.begin() as connection:
        connection.execute(
            sa.text("INSERT INTO reveal VALUES (:uid, 'person anna', 'fracture', 1, :at)"),
            {"uid": uid, "at": site.now},
        )
        given = {"uid": uid, "number": number, "target": target, "at": site.now}
        connection.execute(sa.text(rows[said]), given)
    site.make()
    assert ("presentation" in dict(site.states())) is told


def test_what_was_superseded_is_not_made_again_under_its_old_uids(
    emptied_engine: sa.Engine, tmp_path: Path
) -> None:
    first = AssessedSite(emptied_engine, tmp_path)
    uid = first.file(ARM)
    first.assess(ARM, uid)
    first.make()
    first.send()
    other = Modes(chosen={"*": Highlighting.TRIAGE_ONLY})
    second = AssessedSite(emptied_engine, tmp_path, modes=other, now=first.later(minutes=1))
    second.deliveries.make_anew(uid, actor="anna", now=second.now)
    second.make()
    second.send()
    count = len(second.views())
    third = AssessedSite(emptied_engine, tmp_path, now=second.later(minutes=1))
    third.deliveries.make_anew(uid, actor="anna", now=third.now)
    third.make()
    third.send()
    assert len(third.views()) == count
    assert third.peer.taken == []
    [*_, told] = third.events("results_made")
    assert told.details["problem"] == "these very objects were superseded before"


def test_marks_do_not_leave_where_their_place_was_taken_and_given_back(
    site: AssessedSite,
) -> None:
    triage = Modes(chosen={"*": Highlighting.TRIAGE_ONLY})
    uid = site.file(ARM)
    first = AssessedSite(site.engine, site.folder, modes=triage)
    first.assess(ARM, uid)
    first.make()
    second = AssessedSite(site.engine, site.folder, now=first.later(minutes=1))
    second.deliveries.make_anew(uid, actor="anna", now=second.now)
    second.make()
    third = AssessedSite(site.engine, site.folder, modes=triage, now=second.later(minutes=1))
    third.make()
    third.send()
    assert third.peer.taken == []
    assert {state for _, state in third.states()} == {"withdrawn"}


def test_what_cannot_be_made_is_said_and_holds_up_nothing(site: AssessedSite) -> None:
    broken, good = site.file(ARM), site.file(HEAD)
    site.assess(ARM, broken)
    site.assess(HEAD, good)
    for one in (site.folder / "archive" / broken).glob("*.dcm"):
        one.write_bytes(b"no DICOM")
    site.make()
    assert {one.study_instance_uid for one in site.views()} == {good}
    [told] = [one for one in site.events("results_made") if one.study_instance_uid == broken]
    assert "cannot be read" in told.details["problem"]


def test_p8_marks_do_not_leave_where_what_takes_their_place_cannot_be_made(
    site: AssessedSite,
) -> None:
    uid = site.file(ARM)
    site.assess(ARM, uid)
    site.make()
    for one in (site.folder / "archive" / uid).glob("*.dcm"):
        one.write_bytes(b"no DICOM")
    triage = Modes(chosen={"*": Highlighting.TRIAGE_ONLY})
    later = AssessedSite(site.engine, site.folder, modes=triage, now=site.later(minutes=1))
    later.make()
    later.send()
    assert later.peer.taken == []
    assert {state for _, state in later.states()} == {"withdrawn"}
    assert "cannot be read" in later.events("results_made")[-1].details["problem"]


def test_what_could_not_be_told_for_a_while_is_sent_once_it_can(site: AssessedSite) -> None:
    uid = site.file(ARM)
    site.assess(ARM, uid)
    site.make()
    count = len(site.views())
    sources = {one: one.read_bytes() for one in (site.folder / "archive" / uid).glob("*.dcm")}
    for _ in range(2):
        for one in sources:
            one.write_bytes(b"no DICOM")
        site.deliveries.make_anew(uid, actor="anna", now=site.later(minutes=1))
        site.make()
        assert {state for _, state in site.states()} == {"withdrawn"}
        [problem] = site.deliveries.problems()
        assert "cannot be read" in problem.problem
        for one, content in sources.items():
            one.write_bytes(content)
        site.deliveries.make_anew(uid, actor="anna", now=site.later(minutes=1))
        site.make()
        assert {state for _, state in site.states()} == {"waiting"}
        assert site.deliveries.problems() == []
    site.send()
    assert len(site.peer.taken) == len(site.views()) == count


def test_a_later_assessment_that_nobody_wants_supersedes_all_the_same(
    emptied_engine: sa.Engine, tmp_path: Path
) -> None:
    site = AssessedSite(emptied_engine, tmp_path, worth=Worth.FLAGGED)
    sent, waits = site.file(ARM), site.file(HEAD)
    site.assess(ARM, sent)
    site.make()
    site.send()
    old = {one.delivery.sop_instance_uid for one in site.views(study=sent)}
    site.assess(HEAD, waits)
    site.make()
    for phantom, uid in ((ARM, sent), (HEAD, waits)):
        site.reassess(phantom, uid, finding=False)
    site.make()
    assert {str(one.delivery.state) for one in site.views(study=waits)} == {"withdrawn"}
    site.send()
    rejection = dcmread(io.BytesIO(site.peer.taken[-1][1]))
    assert _references(rejection) == old
    assert len(site.peer.taken) == len(old) + 1


def test_what_an_earlier_assessment_said_counts_no_more_where_the_later_cannot_be_told(
    site: AssessedSite,
) -> None:
    uid = site.file(ARM)
    site.assess(ARM, uid)
    site.make()
    site.reassess(ARM, uid)
    for one in (site.folder / "archive" / uid).glob("*.dcm"):
        one.write_bytes(b"no DICOM")
    site.make()
    assert {state for _, state in site.states()} == {"withdrawn"}


def test_marks_that_the_site_shows_no_more_do_not_leave(site: AssessedSite) -> None:
    """What waits when the mode is changed is held, made again, and sent without marks (P8)."""
    site.assess(ARM, site.file(ARM))
    site.make()
    old = {one.delivery.sop_instance_uid for one in site.views()}
    modes = Modes(chosen={"*": Highlighting.TRIAGE_ONLY})
    now = AssessedSite(site.engine, site.folder, modes=modes, now=site.later(minutes=1))
    now.send()
    assert now.peer.taken == []
    now.make()
    now.send()
    [report] = [dcmread(io.BytesIO(content)) for _, content in now.peer.taken]
    assert report.Modality == "SR"
    assert report.SOPInstanceUID not in old
    again = AssessedSite(site.engine, site.folder, modes=modes, now=now.later(minutes=1))
    again.make()
    assert again.views() == now.views()


def test_a_header_that_nobody_foresaw_holds_up_no_other_study(
    site: AssessedSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd, good = site.file(ARM), site.file(HEAD)
    site.assess(ARM, odd)
    site.assess(HEAD, good)

    def facts_of(study: AssessedStudy, at: Site) -> AssessmentFacts:
        if study.study_instance_uid == odd:
            raise TypeError("nobody foresaw it")
        return result_facts.facts_of(study, at)

    monkeypatch.setattr("vigie.making.facts_of", facts_of)
    site.make()
    assert {one.study_instance_uid for one in site.views()} == {good}
    [told] = [one for one in site.events("results_made") if one.study_instance_uid == odd]
    assert told.details["problem"] == "TypeError: nobody foresaw it"


def _title(data_set: object) -> str:
    sequence = getattr(data_set, "ConceptNameCodeSequence", None)
    return str(sequence[0].CodeValue) if sequence else ""


def _references(data_set: object) -> set[str]:
    [study] = data_set.CurrentRequestedProcedureEvidenceSequence  # type: ignore[attr-defined]
    return {
        str(one.ReferencedSOPInstanceUID)
        for series in study.ReferencedSeriesSequence
        for one in series.ReferencedSOPSequence
    }


def _measured(content: bytes) -> bytes:
    """Every number of a report."""
    numbers = []

    def walk(item: object) -> None:
        numbers.extend(str(one.NumericValue) for one in getattr(item, "MeasuredValueSequence", []))
        for one in getattr(item, "ContentSequence", []):
            walk(one)

    walk(dcmread(io.BytesIO(content)))
    return " ".join(numbers).encode()
