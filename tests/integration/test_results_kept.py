"""Files of results: they go when nobody needs them, and are made again byte for byte."""

import errno
import io
import os
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydicom import dcmread

from results.document import ResultObject
from results.errors import UnusableFacts
from results.facts import AssessmentFacts, ObjectReference
from tests.assessed_site import AssessedSite
from viewer.ports import CannotDecode, DecoderDied
from vigie import making
from vigie.result_facts import Site
from vigie.result_files import NoRoomForResults, ResultFolder
from worklist.commitment import CommitmentAnswer, FailureReason, NotCommitted
from worklist.deliveries import Asked
from worklist.highlighting import Highlighting, Modes
from worklist.outbound import MAKING, DeliveryState, ObjectKind
from worklist.store.assessed import AssessedStudy

ARM = "forearm_fracture"
CENTURY = 36500  # days; assessments end by the clock of the database, which no test turns


@pytest.fixture
def site(emptied_engine: sa.Engine, tmp_path: Path) -> AssessedSite:
    return made(AssessedSite(emptied_engine, tmp_path, commitment=True))


def made(site: AssessedSite) -> AssessedSite:
    site.assess(ARM, site.file(ARM))
    site.make()
    return site


def files(site: AssessedSite) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in site.results.rglob("*.dcm")}


def commit(site: AssessedSite) -> None:
    """The destination answers for all that it was asked for."""
    site.peer.answers_commitment = lambda _, uid, references: CommitmentAnswer(
        transaction_uid=uid, committed=tuple(references), ae_title="PEER", heard_at=site.now
    )
    site.senders["PACS"].ask_commitment()


def test_what_a_destination_answers_for_is_deleted_and_made_again_byte_for_byte(
    site: AssessedSite,
) -> None:
    site.send()
    before = files(site)
    site.maker.tidy()
    assert files(site) == before, "taken, and not answered for"
    commit(site)
    site.maker.tidy()
    assert files(site) == {}
    assert not [*site.results.iterdir()], "nor is a folder left"
    [uid] = {one.study_instance_uid for one in site.views()}
    site.later(days=30)
    site.deliveries.resend(Asked(study=uid), actor="anna", now=site.now)
    site.peer.taken.clear()
    site.send()
    assert site.peer.taken == [], "nothing leaves before it is made"
    site.make()
    site.send()
    assert {one for _, one in site.peer.taken} == set(before.values())
    assert {state for _, state in site.states()} == {"sent"}


def test_what_was_only_taken_is_kept_for_the_days_that_are_set(site: AssessedSite) -> None:
    site.send()
    site.later(days=7)
    site.maker.tidy()
    assert files(site)
    site.later(seconds=1)
    site.maker.tidy()
    assert not files(site)


def test_what_waits_is_kept_however_long(site: AssessedSite) -> None:
    before = files(site)
    site.later(days=365)
    site.maker.tidy()
    assert files(site) == before


def test_a_report_that_names_the_one_before_it_and_a_rejection_are_made_again_as_they_were(
    site: AssessedSite,
) -> None:
    [uid] = {one.study_instance_uid for one in site.views()}
    site.send()
    site.later(minutes=1)
    site.reassess(ARM, uid, finding=False)
    site.make()
    site.send()
    before = files(site)
    commit(site)
    site.later(days=8)
    site.maker.tidy()
    assert files(site) == {}
    site.deliveries.resend(Asked(study=uid), actor="anna", now=site.now)
    site.make()
    again = files(site)
    assert {dcmread(io.BytesIO(one)).Modality for one in again.values()} == {"SR", "KO"}
    assert again == {name: before[name] for name in again}


def test_the_file_of_a_rejection_is_kept_until_it_is_taken(
    site: AssessedSite, tmp_path: Path
) -> None:
    [uid] = {one.study_instance_uid for one in site.views()}
    site.send()
    site.deliveries.retract(uid, reason="wrong patient", actor="anna", now=site.later(minutes=1))
    site.make()
    site.peer.refuses = {"1.2.840.10008.5.1.4.1.1.88.59"}  # Key Object Selection
    site.send()
    assert site.states()[-1] == ("rejection", "refused")
    site.later(days=8)
    site.maker.tidy()
    assert len(files(site)) == 1
    new = AssessedSite(site.engine, tmp_path, software="next", now=site.later(hours=1))
    number = new.views()[-1].delivery.delivery_id
    new.deliveries.resend(Asked(delivery_ids=[number]), actor="anna", now=new.now)
    new.make()
    new.send()
    assert new.states()[-1] == ("rejection", "sent")
    new.later(days=8)
    new.maker.tidy()
    assert files(new) == {}


@pytest.mark.parametrize("how", ["changed", "missing"])
def test_p6_only_the_bytes_that_were_made_leave(site: AssessedSite, how: str) -> None:
    before = files(site)
    victim = min(site.results.rglob("*.dcm"))
    if how == "changed":
        victim.write_bytes(victim.read_bytes().replace(b"Vigie", b"Vigil"))
        assert victim.read_bytes() != before[victim.name]
    else:
        victim.unlink()
    site.send()
    assert {one for _, one in site.peer.taken} == set(before.values()) - {before[victim.name]}
    site.make()
    assert files(site) == before
    site.send()
    assert {one for _, one in site.peer.taken} == set(before.values())
    assert {state for _, state in site.states()} == {"sent"}


def test_other_bytes_never_go_out_under_a_uid_that_is_known(
    site: AssessedSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = making.build_report

    def otherwise(facts: AssessmentFacts, *, supersedes: list[ObjectReference]) -> ResultObject:
        built = build(facts, supersedes=supersedes)
        return ResultObject(reference=built.reference, file=built.file.replace(b"Vigie", b"Other"))

    monkeypatch.setattr(making, "build_report", otherwise)
    [report] = [one.delivery for one in site.views() if one.kind is ObjectKind.REPORT]
    [path] = site.results.rglob(f"{report.sop_instance_uid}.dcm")
    path.unlink()
    site.send()
    site.make()
    [refused] = site.views(states=[DeliveryState.REFUSED])
    assert refused.delivery.delivery_id == report.delivery_id
    assert "other bytes" in refused.delivery.words
    assert not path.exists()
    assert site.events("results_refused")[0].details["objects"] == 1


def test_what_is_sent_again_by_hand_is_made_anew_where_the_software_changed(
    site: AssessedSite, tmp_path: Path
) -> None:
    site.send()
    old = {one.delivery.sop_instance_uid for one in site.views()}
    [uid] = {one.study_instance_uid for one in site.views()}
    new = AssessedSite(
        site.engine,
        tmp_path,
        names=("PACS", "Later"),
        now=site.later(days=CENTURY),
        software="0.2.0",
    )
    new.deliveries.resend(Asked(study=uid), actor="anna", now=new.now)
    new.send()
    assert new.peer.taken == [], "it is made anew first"
    new.make()
    new.send()
    kinds = [one.kind for one in new.views(destination="PACS") if one.counts]
    assert ObjectKind.REJECTION in kinds
    assert len([one for one in kinds if one is not ObjectKind.REJECTION]) == len(old)
    sent = {str(dcmread(io.BytesIO(one)).SOPInstanceUID) for _, one in new.peer.taken}
    assert not sent & old
    assert not new.views(destination="Later"), "it is set since, and nobody asked for it"


def test_what_is_sent_again_by_hand_of_the_same_rules_is_not_made_anew(
    site: AssessedSite,
) -> None:
    site.send()
    [uid] = {one.study_instance_uid for one in site.views()}
    site.deliveries.resend(Asked(study=uid), actor="anna", now=site.later(hours=1))
    made_before = len(site.events("results_made"))
    site.make()
    site.send()
    assert len(site.events("results_made")) == made_before
    assert {state for _, state in site.states()} == {"sent"}
    [told] = site.events("results_resent")
    assert told.study_instance_uid == uid
    assert told.details["deliveries"] == [one.delivery.delivery_id for one in site.views()]


def test_p8_what_is_sent_again_by_hand_shows_no_marks_that_are_not_shown_any_more(
    site: AssessedSite, tmp_path: Path
) -> None:
    site.send()
    [uid] = {one.study_instance_uid for one in site.views()}
    modes = Modes(chosen={"*": Highlighting.TRIAGE_ONLY})
    new = AssessedSite(site.engine, tmp_path, modes=modes, now=site.later(hours=1))
    new.deliveries.resend(Asked(study=uid), actor="anna", now=new.now)
    new.make()
    new.send()
    classes = {str(dcmread(io.BytesIO(one)).Modality) for _, one in new.peer.taken}
    assert classes == {"SR", "KO"}, "a report without marks, and a rejection"


def test_p8_what_is_sent_again_by_hand_shows_no_such_marks_while_a_later_assessment_runs(
    site: AssessedSite, tmp_path: Path
) -> None:
    site.send()
    [uid] = {one.study_instance_uid for one in site.views()}
    modes = Modes(chosen={"*": Highlighting.TRIAGE_ONLY})
    new = AssessedSite(site.engine, tmp_path, modes=modes, now=site.later(hours=1))
    new.queue_again(ARM, uid)
    new.deliveries.resend(Asked(study=uid), actor="anna", now=new.now)
    new.make()
    new.send()
    assert new.peer.taken == []


def test_p8_what_an_archive_did_not_keep_goes_again_without_marks_that_are_not_shown_any_more(
    site: AssessedSite, tmp_path: Path
) -> None:
    site.send()
    modes = Modes(chosen={"*": Highlighting.TRIAGE_ONLY})
    now = site.later(minutes=10)
    new = AssessedSite(site.engine, tmp_path, modes=modes, now=now, commitment=True)
    new.peer.answers_commitment = lambda _, uid, references: CommitmentAnswer(
        transaction_uid=uid,
        committed=(),
        failed=tuple(
            NotCommitted(object=one, failure_reason=FailureReason.NO_SUCH_OBJECT)
            for one in references
        ),
        ae_title="PEER",
        heard_at=new.now,
    )
    new.senders["PACS"].ask_commitment()
    new.later(minutes=10)
    new.send()
    assert new.peer.taken == [], "first it is made again"
    new.make()
    new.send()
    assert {str(dcmread(io.BytesIO(one)).Modality) for _, one in new.peer.taken} == {"SR", "KO"}


def test_what_killed_processes_left_goes(site: AssessedSite) -> None:
    before = files(site)
    [folder] = site.results.iterdir()
    part, orphan, fresh = folder / "1.part", folder / "2.25.9.dcm", folder / "2.25.8.dcm"
    for one in (part, orphan, fresh):
        one.write_bytes(b"left")
    old = (site.now - timedelta(days=2)).timestamp()
    for one in (part, orphan, *site.results.rglob("2.25.*.dcm")):
        os.utime(one, (old, old))
    os.utime(fresh, (site.now.timestamp(), site.now.timestamp()))
    site.maker.sweep()
    assert files(site) == {**before, fresh.name: b"left"}
    assert not part.exists()


def test_nothing_is_made_below_the_reserve_of_the_disk(
    emptied_engine: sa.Engine, tmp_path: Path
) -> None:
    site = AssessedSite(emptied_engine, tmp_path)
    site.assess(ARM, site.file(ARM))
    site.maker._folder = ResultFolder(site.results, disk_reserve_bytes=2**62)
    with pytest.raises(NoRoomForResults, match="kept in reserve"):
        site.make()
    assert files(site) == {}
    site.maker._folder = ResultFolder(site.results)
    site.make()
    assert files(site)


def test_what_fails_for_the_moment_is_tried_again_and_made(
    emptied_engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = AssessedSite(emptied_engine, tmp_path)
    uid = site.file(ARM)
    site.assess(ARM, uid)
    facts_of, broken = making.facts_of, True

    def fails(study: AssessedStudy, at: Site) -> AssessmentFacts:
        if broken:
            raise UnusableFacts("a source cannot be read") from OSError(errno.EIO, "I/O error")
        return facts_of(study, at)

    monkeypatch.setattr(making, "facts_of", fails)
    site.make()
    assert site.views() == ()
    [problem] = site.deliveries.problems()
    assert (problem.study_instance_uid, problem.problem) == (uid, "a source cannot be read")
    assert problem.next_try_at == site.now + MAKING.first_pause
    broken = False
    site.make()
    assert site.views() == (), "its time has not come"
    site.later(seconds=30)
    site.make()
    assert site.views()
    assert site.deliveries.problems() == []
    assert [one.details.get("problem") for one in site.events("results_made")] == [None]


@pytest.mark.parametrize("error", [OSError(errno.EIO, "I/O error"), MemoryError()])
def test_what_fails_for_a_day_is_a_problem_and_an_earlier_flag_does_not_leave_meanwhile(
    site: AssessedSite, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    [uid] = {one.study_instance_uid for one in site.views()}
    site.reassess(ARM, uid, finding=False)

    def fails(study: AssessedStudy, at: Site) -> AssessmentFacts:
        raise UnusableFacts("a source cannot be read") from error

    monkeypatch.setattr(making, "facts_of", fails)
    tries = 0
    for _ in range(100):
        site.make()
        site.send()
        [problem] = site.deliveries.problems()
        if problem.next_try_at is None:
            break
        tries += 1
        site.now = problem.next_try_at
    assert 20 < tries < 60
    assert site.peer.taken == []
    assert {state for _, state in site.states()} == {"withdrawn"}
    [told] = site.events("results_withdrawn")
    assert told.study_instance_uid == uid
    last = site.events("results_made")[-1].details
    assert last["problem"] == "a source cannot be read"


def test_what_cannot_ever_be_made_is_a_problem_at_once(
    emptied_engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = AssessedSite(emptied_engine, tmp_path)
    site.assess(ARM, site.file(ARM))

    def fails(study: AssessedStudy, at: Site) -> AssessmentFacts:
        raise UnusableFacts("nobody's study")

    monkeypatch.setattr(making, "facts_of", fails)
    site.make()
    [problem] = site.deliveries.problems()
    assert (problem.problem, problem.next_try_at) == ("nobody's study", None)


def test_a_picture_whose_decoder_died_joins_the_others_later(
    emptied_engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = AssessedSite(emptied_engine, tmp_path)
    site.assess(ARM, site.file(ARM))
    pictures_of, faults = making.pictures_of, [DecoderDied("killed"), None]

    def dies(facts: AssessmentFacts, study: AssessedStudy, at: Site) -> object:
        fault = faults.pop(0)
        if fault is not None:
            raise fault
        return pictures_of(facts, study, at)

    monkeypatch.setattr(making, "pictures_of", dies)
    site.make()
    assert "key_image" not in dict(site.states())
    assert "report" in dict(site.states())
    [problem] = site.deliveries.problems()
    assert "killed" in problem.problem
    site.later(seconds=30)
    site.make()
    assert dict(site.states())["key_image"] == "waiting"
    assert site.deliveries.problems() == []


def test_a_retraction_does_not_wait_for_a_picture(
    emptied_engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = AssessedSite(emptied_engine, tmp_path)
    uid = site.file(ARM)
    site.assess(ARM, uid)

    def dies(*_: object) -> object:
        raise DecoderDied("killed")

    monkeypatch.setattr(making, "pictures_of", dies)
    site.make()
    site.send()
    site.deliveries.retract(uid, reason="wrong patient", actor="anna", now=site.now)
    site.make()
    assert site.states()[-1] == ("rejection", "waiting")
    assert not site.making.due(site.now, site.later(days=1), 1), "nor is the picture tried again"


def test_a_picture_that_nobody_can_decode_is_not_tried_again(
    emptied_engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = AssessedSite(emptied_engine, tmp_path)
    site.assess(ARM, site.file(ARM))

    def fails(*_: object) -> object:
        raise CannotDecode("no such codec")

    monkeypatch.setattr(making, "pictures_of", fails)
    site.make()
    [problem] = site.deliveries.problems()
    assert problem.next_try_at is None


def test_a_rejection_that_fails_for_the_moment_is_made_later(
    site: AssessedSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    [uid] = {one.study_instance_uid for one in site.views()}
    site.send()
    site.deliveries.retract(uid, reason="wrong patient", actor="anna", now=site.later(minutes=1))
    build, faults = making.build_rejection, [MemoryError(), None]

    def fails(*given: object, **named: object) -> ResultObject:
        fault = faults.pop(0)
        if fault is not None:
            raise fault
        return build(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(making, "build_rejection", fails)
    site.make()
    assert "rejection" not in dict(site.states())
    assert not site.events("results_not_rejected")
    site.later(seconds=30)
    site.make()
    assert dict(site.states())["rejection"] == "waiting"
