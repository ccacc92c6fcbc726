"""What the service of cases needs from a store, and what it shows."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from worklist.case_review import Case, CaseState, Involvement, Review
from worklist.finding import TargetFinding
from worklist.ports import Event
from worklist.quality import CaseKind, Evidence
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID
from worklist.verification import Verified


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedReport:
    """The newest signed report of a study, as it came."""

    report_id: int
    text: str
    said_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyEvidence:
    """What is known of a study whose cases may open."""

    findings: tuple[Evidence, ...]  # of each target finding, the report not yet read into them
    report: SignedReport | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Comment:
    """What somebody wrote on a case."""

    account: str
    text: str
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseRow:
    """A case with its study's names, for lists."""

    case: Case
    accession_number: str
    patient_id: str
    patient_name: str
    study_description: str
    modalities: tuple[str, ...]
    study_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseFilter:
    """Which cases; what is None or empty does not matter."""

    states: frozenset[CaseState] = frozenset()
    kind: CaseKind | None = None  # only of cases that are not blind to whoever asks
    target: TargetFinding | None = None
    assigned_to: str | None = None
    overdue_at: datetime | None = None
    teaches: bool = False
    text: str = ""  # in the accession number, patient ID, name or description
    after: int = 0  # case number to go on behind
    limit: int = 100


class QualityTransaction(Protocol):
    """Everything inside is committed together or not at all."""

    def lock_due(self, uid: StudyInstanceUID) -> bool:
        """Hold the study; False: somebody else has looked at it meanwhile."""
        ...

    def looked_at(self, uid: StudyInstanceUID) -> None:
        """Nothing new is said of the study."""
        ...

    def evidence_of(self, uid: StudyInstanceUID) -> StudyEvidence:
        """What AI and people said of it."""
        ...

    def lot_key(self) -> bytes:
        """By which lots fall; made when it is asked for first."""
        ...

    def case_of(self, uid: StudyInstanceUID, target: TargetFinding) -> Case | None:
        """The case of this finding."""
        ...

    def lock_case(self, case_id: int) -> Case | None:
        """A case, held against change."""
        ...

    def add_case(
        self, uid: StudyInstanceUID, target: TargetFinding, now: datetime, due_at: datetime
    ) -> int:
        """Insert one that waits for reviews; its number."""
        ...

    def add_reason(
        self,
        case_id: int,
        kind: CaseKind,
        evidence: Mapping[str, Any],
        now: datetime,
        *,
        inclusion_probability: float | None,
    ) -> None:
        """Insert why a case is looked at."""
        ...

    def add_review(self, case_id: int, number: int, review: Review) -> None:
        """Insert what a reviewer says."""
        ...

    def add_comment(self, case_id: int, comment: Comment) -> None:
        """Insert what somebody writes."""
        ...

    def save_case(self, case: Case) -> None:
        """Write what the rules changed."""
        ...

    def involved_in(self, uid: StudyInstanceUID) -> Involvement:
        """Who has read the study, and who was shown AI's answers."""
        ...

    def reviewer_exists(self, account: str) -> bool:
        """Whether this is an enabled account of a QA reviewer."""
        ...

    def append_events(self, events: Sequence[Event]) -> None:
        """Append to the log."""
        ...


class QualityStore(Protocol):
    """Cases, in a database."""

    def transaction(self) -> AbstractContextManager[QualityTransaction]:
        """One unit of work."""
        ...

    def due(self, limit: int) -> list[StudyInstanceUID]:
        """Studies of which something new was said, oldest first."""
        ...

    def cases(self, asked: CaseFilter, blind_to: str | None) -> list[CaseRow]:
        """Cases by their numbers; `blind_to`: who may have to review some of them."""
        ...

    def case(self, case_id: int) -> CaseRow | None:
        """One case."""
        ...

    def reasons(self, case_id: int) -> list[tuple[CaseKind, datetime, Mapping[str, Any]]]:
        """Why it is looked at, with what was known then."""
        ...

    def comments(self, case_id: int) -> list[Comment]:
        """Oldest first."""
        ...

    def involved_in(self, uid: StudyInstanceUID) -> Involvement:
        """Who has read the study, and who was shown AI's answers."""
        ...

    def signed_report(self, uid: StudyInstanceUID) -> SignedReport | None:
        """The newest of a study."""
        ...

    def blind_studies(self, account: str) -> frozenset[StudyInstanceUID]:
        """Studies that this person may yet have to review blind."""
        ...

    def holds_results(
        self,
        study: StudyInstanceUID,
        series: SeriesInstanceUID | None,
        instance: SOPInstanceUID | None,
    ) -> bool:
        """Whether there are objects that Vigie made in a study, a series, or under a UID."""
        ...

    def verified(self, target: TargetFinding) -> list[Verified]:
        """Studies of which it is known whether the finding is there."""
        ...

    def names(self, accounts: Collection[str]) -> Mapping[str, str]:
        """What people are called."""
        ...
