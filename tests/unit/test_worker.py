"""The worker's one job: whatever happens ends in outcomes that people can see (P4)."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from models.registry import BrokenDetector
from models.runner import AssessmentRunner, ChildGone, Result
from tests.builders import FRACTURE, HAEMORRHAGE, NOON, STUDY, arrival, provenance
from tests.fakes import FakeStore
from vigie.settings import Settings
from vigie.worker import Assessor
from worklist.due_time import DueTargets
from worklist.errors import StoreUnavailable
from worklist.finding import DetectorIdentity, Failed, Flagged, NotApplicable
from worklist.service import Worklist
from worklist.store.postgres import PostgresStore
from worklist.study import ArchivedInstance, Completeness
from worklist.uid import StudyInstanceUID


class FakeRunner:
    """Answers for each detector what it was told to."""

    def __init__(
        self,
        *detectors: DetectorIdentity | BrokenDetector,
        raises: Exception | None = None,
        raises_after: int = 0,
    ) -> None:
        self._detectors = detectors
        self._raises = raises
        self._raises_after = raises_after  # results
        self.asked: list[list[str]] = []
        self.at_work = False

    def identities(self) -> list[DetectorIdentity | BrokenDetector]:
        return list(self._detectors)

    def now_has(self, *detectors: DetectorIdentity | BrokenDetector) -> None:
        """Somebody added or removed some."""
        self._detectors = detectors

    def notice_changes(self) -> bool:
        return not self.at_work

    def cards(self) -> dict[str, Mapping[str, Any]]:
        return {one.name: {"title": one.name.title()} for one in self._detectors}

    def assess(
        self,
        study_instance_uid: StudyInstanceUID,
        instances: Sequence[ArchivedInstance],
        *,
        detectors: Sequence[str],
        time_limit_s: float,
    ) -> Iterator[Result]:
        self.asked.append(list(detectors))
        known = {one.name: one for one in self._detectors}
        for number, name in enumerate(detectors):
            if self._raises is not None and number == self._raises_after:
                raise self._raises
            yield self._result(known[name])

    def _result(self, detector: DetectorIdentity | BrokenDetector) -> Result:
        if isinstance(detector, BrokenDetector):
            assert detector.identity is not None
            return Result(
                name=detector.name,
                outcome=Failed(reason=detector.reason),
                provenance=provenance(detector.identity),
            )
        return Result(
            name=detector.name, outcome=Flagged(probability=0.9), provenance=provenance(detector)
        )


class Site:
    """A worklist with one study that waits for its assessment."""

    def __init__(self, runner: FakeRunner) -> None:
        self.store = FakeStore()
        self.worklist = Worklist(self.store, DueTargets())
        self.worklist.record_arrivals([arrival()], now=NOON)
        self.worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON)
        self.assessor = Assessor(
            Settings(assessment_attempts=2), self.worklist, cast(AssessmentRunner, runner)
        )

    def outcomes(self) -> dict[str, object]:
        return {
            one.provenance.detector.name: one.outcome
            for one in self.store.tables.outcomes
            if one.current
        }


def test_every_detector_gets_its_turn_and_the_study_its_place() -> None:
    site = Site(FakeRunner(FRACTURE, HAEMORRHAGE))
    site.assessor.assess(STUDY, 1)
    assert set(site.outcomes()) == {"fracture", "haemorrhage"}
    record = site.store.tables.studies[STUDY]
    assert record.due_at - record.received_at < timedelta(minutes=12)
    assert site.store.tables.assessments[STUDY, 1].finished_at is not None


def test_a_runner_that_raises_leaves_failed_outcomes_with_the_reason() -> None:
    site = Site(FakeRunner(FRACTURE, HAEMORRHAGE, raises=RuntimeError("out of threads")))
    site.assessor.assess(STUDY, 1)
    for outcome in site.outcomes().values():
        assert outcome == Failed(reason="RuntimeError: out of threads")
    assert len(site.outcomes()) == 2


def test_a_runner_that_raises_midway_fails_only_the_detectors_that_wait() -> None:
    raises = RuntimeError("out of threads")
    site = Site(FakeRunner(FRACTURE, HAEMORRHAGE, raises=raises, raises_after=1))
    site.assessor.assess(STUDY, 1)
    assert site.outcomes() == {
        "fracture": Flagged(probability=0.9),
        "haemorrhage": Failed(reason="RuntimeError: out of threads"),
    }


def test_each_outcome_is_recorded_before_the_next_detector_is_done() -> None:
    class Watching(FakeRunner):
        def _result(self, detector: DetectorIdentity | BrokenDetector) -> Result:
            recorded.append(sorted(site.outcomes()))
            return super()._result(detector)

    recorded: list[list[str]] = []
    site = Site(Watching(FRACTURE, HAEMORRHAGE))
    site.assessor.assess(STUDY, 1)
    assert recorded == [[], ["fracture"]]


def test_a_broken_detector_is_seen_as_failed_on_every_study() -> None:
    site = Site(FakeRunner(BrokenDetector(name="fracture", reason="its weights are gone")))
    site.assessor.assess(STUDY, 1)
    assert site.outcomes() == {"fracture": Failed(reason="its weights are gone")}


@pytest.mark.parametrize(("begun", "given_up"), [(1, False), (2, True), (3, True)])
def test_a_study_that_kills_its_worker_is_given_up_after_the_limit(
    begun: int, given_up: bool
) -> None:
    runner = FakeRunner(FRACTURE)
    site = Site(runner)
    for _ in range(begun):  # each time the worker died before it recorded anything
        site.worklist.begin_assessment(STUDY, 1, now=NOON)
    site.assessor.assess(STUDY, 1)
    outcome = site.outcomes()["fracture"]
    if given_up:
        assert isinstance(outcome, Failed)
        assert "given up" in outcome.reason
        assert runner.asked == []
    else:
        assert outcome == Flagged(probability=0.9)


def test_a_stopped_detector_does_not_run() -> None:
    runner = FakeRunner(FRACTURE, HAEMORRHAGE)
    site = Site(runner)
    site.worklist.stop_ai(
        ["fracture"], installed=["fracture"], actor="x", reason="odd results", now=NOON
    )
    site.assessor.assess(STUDY, 1)
    assert runner.asked == [["haemorrhage"]]


def test_an_assessment_that_a_later_one_has_overtaken_does_not_run() -> None:
    runner = FakeRunner(FRACTURE)
    site = Site(runner)
    late = arrival("1.2.3.1.2", received_at=NOON + timedelta(minutes=1))
    site.worklist.record_arrivals([late], now=NOON)
    site.worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON)
    site.assessor.assess(STUDY, 1)
    assert runner.asked == []
    site.assessor.assess(STUDY, 2)
    assert runner.asked == [["fracture"]]


def test_a_database_that_goes_away_is_not_taken_for_a_failed_detector() -> None:
    class Gone(Worklist):
        def record_outcome(self, *arguments: object, **named: object) -> None:  # type: ignore[override]
            raise StoreUnavailable("gone")

    site = Site(FakeRunner(FRACTURE))
    assessor = Assessor(
        Settings(), Gone(site.store, DueTargets()), cast(AssessmentRunner, FakeRunner(FRACTURE))
    )
    with pytest.raises(StoreUnavailable):
        assessor.assess(STUDY, 1)
    assert site.outcomes() == {}


def test_a_process_for_detectors_that_cannot_be_started_leaves_the_study_as_not_begun() -> None:
    class NoProcess(FakeRunner):
        def identities(self) -> list[DetectorIdentity | BrokenDetector]:
            raise ChildGone("no process for detectors can be started")

    site = Site(NoProcess(FRACTURE))
    with pytest.raises(ChildGone):
        site.assessor.assess(STUDY, 1)
    assert site.store.tables.assessments[STUDY, 1].attempts == 0


def test_an_answer_that_cannot_be_kept_becomes_a_failure() -> None:
    class Picky(Worklist):
        def record_outcome(self, uid, number, outcome, provenance, *, now):  # type: ignore[no-untyped-def]
            if isinstance(outcome, Flagged):
                raise TypeError("not JSON")
            return super().record_outcome(uid, number, outcome, provenance, now=now)

    site = Site(FakeRunner(FRACTURE))
    assessor = Assessor(
        Settings(), Picky(site.store, DueTargets()), cast(AssessmentRunner, FakeRunner(FRACTURE))
    )
    assessor.assess(STUDY, 1)
    outcome = site.outcomes()["fracture"]
    assert isinstance(outcome, Failed)
    assert "TypeError" in outcome.reason


def test_not_applicable_moves_nothing() -> None:
    class NotForUs(FakeRunner):
        def _result(self, detector: DetectorIdentity | BrokenDetector) -> Result:
            assert isinstance(detector, DetectorIdentity)
            return Result(
                name=detector.name,
                outcome=NotApplicable(reason="the modality is CT"),
                provenance=provenance(detector),
            )

    site = Site(NotForUs(FRACTURE))
    before = site.store.tables.studies[STUDY]
    site.assessor.assess(STUDY, 1)
    assert site.store.tables.studies[STUDY].due_at == before.due_at


class FakeRegister:
    """Notes what is registered."""

    def __init__(self) -> None:
        self.registered: list[list[str]] = []
        self.cards: object = None

    def register_detectors(
        self,
        installed: Sequence[DetectorIdentity],
        broken: Mapping[str, str],
        now: datetime,
        *,
        cards: Mapping[str, Mapping[str, Any]],
    ) -> None:
        self.registered.append([one.name for one in installed])
        self.cards = cards


def test_models_that_come_and_go_are_registered_once_each_and_not_in_the_middle_of_a_study() -> (
    None
):
    runner = FakeRunner(FRACTURE)
    assessor = Site(runner).assessor
    register = FakeRegister()
    assessor.notice_changes()  # nothing registered yet: it has no database
    assessor.register(cast(PostgresStore, register))
    assessor.notice_changes()
    assert register.registered == [["fracture"]]
    runner.now_has(FRACTURE, HAEMORRHAGE)
    runner.at_work = True
    assessor.notice_changes()
    assert register.registered == [["fracture"]]
    runner.at_work = False
    assessor.notice_changes()
    assessor.notice_changes()
    assert register.registered == [["fracture"], ["fracture", "haemorrhage"]]
    assert register.cards == {
        "fracture": {"title": "Fracture"},
        "haemorrhage": {"title": "Haemorrhage"},
    }
