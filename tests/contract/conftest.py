"""Either store, with what tests may look at in it."""

import json
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import pytest
import sqlalchemy as sa

from tests.builders import account
from tests.fakes import FakeStore
from worklist.due_time import DueTargets
from worklist.finding import (
    NO_EVIDENCE,
    Evidence,
    Failed,
    Flagged,
    NotApplicable,
    NotFlagged,
    Outcome,
    Region,
)
from worklist.orders import MessageState
from worklist.ports import Event, StudyRecord, WorklistStore
from worklist.readings import Readings
from worklist.service import Worklist
from worklist.store.people import PostgresPeople
from worklist.store.postgres import PostgresStore
from worklist.store.rows import evidence_from_json, region_from_json
from worklist.uid import StudyInstanceUID


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptOutcome:
    """An outcome as the store keeps it."""

    detector: str
    number: int
    kind: str
    too_late: bool
    current: bool
    regions: tuple[Region, ...]
    evidence: Evidence


class Kept(Protocol):
    """A store and what it keeps."""

    store: WorklistStore

    def record(self, uid: str) -> StudyRecord:
        """The study as it stands."""
        ...

    def events(self, kind: str | None = None) -> list[Event]:
        """The log, or the events of one kind, oldest first; details as plain JSON values."""
        ...

    def jobs(self) -> list[tuple[str, int]]:
        """Study and assessment number of the jobs that wait, first to be taken first."""
        ...

    def outcomes(self, uid: str) -> list[KeptOutcome]:
        """In the order in which they were recorded."""
        ...

    def conflicts(self) -> list[tuple[str, str]]:
        """SOP Instance UID and SHA-256 of the second objects."""
        ...

    def employ(self, *names: str) -> None:
        """Let these people have accounts."""
        ...

    def readings(self, uid: str) -> Readings:
        """What was said of the study."""
        ...

    def ended_claims(self) -> list[tuple[str, str, str]]:
        """Study, person and how it ended, in that order in time."""
        ...

    def patient(self, uid: str) -> tuple[str, str]:
        """Patient ID and name, as the list shows them."""
        ...

    def reports(self) -> list[tuple[str | None, str, str]]:
        """Study, status and text of the reports that the RIS told of, oldest first."""
        ...

    def message_states(self) -> list[MessageState]:
        """What became of the messages that came in, in the order of their first coming."""
        ...

    def preview(self, uid: str) -> dict[str, Any] | None:
        """Which image stands for a study, as plain JSON values."""
        ...


class FakeKept:
    """The fake, looked into."""

    def __init__(self) -> None:
        self._fake = FakeStore()
        self.store: WorklistStore = self._fake

    def record(self, uid: str) -> StudyRecord:
        return self._fake.tables.studies[StudyInstanceUID(uid)]

    def events(self, kind: str | None = None) -> list[Event]:
        return [
            Event(
                kind=one.kind,
                at=one.at,
                actor=one.actor,
                study_instance_uid=one.study_instance_uid,
                details=json.loads(json.dumps(one.details)),
            )
            for one in self._fake.tables.events
            if kind in (None, one.kind)
        ]

    def jobs(self) -> list[tuple[str, int]]:
        jobs = sorted(self._fake.tables.jobs, key=lambda one: one.due_without_ai_at)
        return [(one.study_instance_uid, one.number) for one in jobs]

    def outcomes(self, uid: str) -> list[KeptOutcome]:
        return [
            KeptOutcome(
                detector=one.provenance.detector.name,
                number=one.number,
                kind=_kind(one.outcome),
                too_late=one.too_late,
                current=one.current,
                regions=getattr(one.outcome, "regions", ()),
                evidence=getattr(one.outcome, "evidence", NO_EVIDENCE),
            )
            for one in self._fake.tables.outcomes
            if one.study_instance_uid == uid
        ]

    def conflicts(self) -> list[tuple[str, str]]:
        return [(uid, sha256) for uid, sha256, _ in self._fake.tables.conflicts]

    def employ(self, *names: str) -> None:
        """The fake knows no accounts."""

    def readings(self, uid: str) -> Readings:
        with self.store.transaction() as transaction:
            return transaction.readings_of(StudyInstanceUID(uid))

    def ended_claims(self) -> list[tuple[str, str, str]]:
        return [
            (claim.study_instance_uid, claim.account, how)
            for claim, how, _ in self._fake.tables.ended_claims
        ]

    def patient(self, uid: str) -> tuple[str, str]:
        study = StudyInstanceUID(uid)
        name = self._fake.tables.attributes[study].patient_name
        return self._fake.tables.studies[study].patient_id, name

    def reports(self) -> list[tuple[str | None, str, str]]:
        kept = self._fake.tables.reports
        return [(uid, one.report.status, one.report.text) for uid, one in kept]

    def message_states(self) -> list[MessageState]:
        return [one.state for one in self._fake.tables.received.values()]

    def preview(self, uid: str) -> dict[str, Any] | None:
        chosen = self._fake.tables.previews.get(StudyInstanceUID(uid))
        kept: dict[str, Any] | None = json.loads(json.dumps(chosen and asdict(chosen)))
        return kept


class PostgresKept:
    """The store in PostgreSQL, looked into by SQL of the tests' own."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self.store: WorklistStore = PostgresStore(engine)

    def record(self, uid: str) -> StudyRecord:
        with self.store.transaction() as transaction:
            return transaction.lock_studies([StudyInstanceUID(uid)])[StudyInstanceUID(uid)]

    def events(self, kind: str | None = None) -> list[Event]:
        return [
            Event(
                kind=row.kind,
                at=row.at,
                actor=row.actor,
                study_instance_uid=row.study_instance_uid,
                details=row.details,
            )
            for row in self._rows("SELECT * FROM event ORDER BY event_id")
            if kind in (None, row.kind)
        ]

    def jobs(self) -> list[tuple[str, int]]:
        rows = self._rows(
            "SELECT args FROM procrastinate_jobs WHERE status = 'todo' ORDER BY priority DESC, id"
        )
        return [(row.args["study_instance_uid"], row.args["number"]) for row in rows]

    def outcomes(self, uid: str) -> list[KeptOutcome]:
        rows = self._rows(
            "SELECT * FROM outcome WHERE study_instance_uid = :uid ORDER BY outcome_id", uid=uid
        )
        return [
            KeptOutcome(
                detector=row.detector,
                number=row.assessment_number,
                kind=row.kind,
                too_late=row.too_late,
                current=row.current,
                regions=tuple(map(region_from_json, row.regions)),
                evidence=evidence_from_json(row.evidence),
            )
            for row in rows
        ]

    def conflicts(self) -> list[tuple[str, str]]:
        rows = self._rows("SELECT * FROM instance_conflict ORDER BY received_at, sha256")
        return [(row.sop_instance_uid, row.sha256) for row in rows]

    def readings(self, uid: str) -> Readings:
        with self.store.transaction() as transaction:
            return transaction.readings_of(StudyInstanceUID(uid))

    def employ(self, *names: str) -> None:
        people = PostgresPeople(self._engine)
        with people.transaction() as transaction:
            for name in names:
                transaction.save_account(account(name))

    def ended_claims(self) -> list[tuple[str, str, str]]:
        rows = self._rows("SELECT * FROM claim WHERE ended_at IS NOT NULL ORDER BY claim_id")
        return [(row.study_instance_uid, row.account, row.ended_how) for row in rows]

    def patient(self, uid: str) -> tuple[str, str]:
        [row] = self._rows("SELECT * FROM study WHERE study_instance_uid = :uid", uid=uid)
        return row.patient_id, row.patient_name

    def reports(self) -> list[tuple[str | None, str, str]]:
        rows = self._rows("SELECT * FROM report ORDER BY report_id")
        return [(row.study_instance_uid, row.status, row.text) for row in rows]

    def message_states(self) -> list[MessageState]:
        rows = self._rows("SELECT state FROM hl7_received ORDER BY message_id")
        return [MessageState(row.state) for row in rows]

    def preview(self, uid: str) -> dict[str, Any] | None:
        [row] = self._rows("SELECT preview FROM study WHERE study_instance_uid = :uid", uid=uid)
        kept: dict[str, Any] | None = row.preview
        return kept

    def _rows(self, statement: str, **values: str) -> list[Any]:
        with self._engine.connect() as connection:
            return list(connection.execute(sa.text(statement), values))


def _kind(outcome: Outcome) -> str:
    match outcome:
        case Flagged():
            return "flagged"
        case NotFlagged():
            return "not_flagged"
        case NotApplicable():
            return "not_applicable"
        case Failed():
            return "failed"


@pytest.fixture(params=["fake", "postgres"])
def kept(request: pytest.FixtureRequest) -> Kept:
    """The fake and the real one: whatever a test says holds for both."""
    if request.param == "fake":
        return FakeKept()
    return PostgresKept(request.getfixturevalue("emptied_engine"))


@pytest.fixture
def worklist(kept: Kept) -> Worklist:
    """The service on that store, with the default targets."""
    return Worklist(kept.store, DueTargets())
