"""What the service needs from a store; the PostgreSQL one and the tests' fake both satisfy it."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from worklist.claims import Claim, ClaimEnd
from worklist.exchange_ports import OrderTransaction
from worklist.finding import Outcome, Provenance
from worklist.order import Position
from worklist.oversight import AISwitch, CountedProbability
from worklist.preview import Preview, StudyImage
from worklist.reading import ReadingState
from worklist.readings import (
    Conclusion,
    FirstLook,
    ImageSize,
    Judgement,
    Outline,
    Readings,
    Reveal,
)
from worklist.study import (
    ArchivedInstance,
    Completeness,
    InstanceArrival,
    QuarantinedObject,
    RequestedPriority,
    StudyArrival,
    StudyAttributes,
)
from worklist.uid import SOPInstanceUID, StudyInstanceUID


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyRecord:
    """The part of a study that the rules decide on and change."""

    study_instance_uid: StudyInstanceUID
    patient_id: str
    issuer_of_patient_id: str  # as its images name it; empty: they do not
    received_at: datetime  # when its first image was acknowledged
    last_received_at: datetime
    instance_count: int
    expected_instance_count: int | None
    arriving: bool  # images may still come; not yet handed to the detectors
    reopened_at: datetime | None  # None: never reopened
    completeness: Completeness | None  # None: not handed to the detectors yet
    assessment_number: int  # counts from 1; 0: none queued yet
    requested_priority: RequestedPriority
    requested_by_order: bool  # the RIS's priority; else that of image headers
    priority_override: RequestedPriority | None  # a person's; None: as requested
    pinned: bool
    reading_state: ReadingState
    due_at: datetime
    due_without_ai_at: datetime
    reason: str

    @property
    def priority_in_force(self) -> RequestedPriority:
        """The requested priority, or a person's instead of it."""
        return self.priority_override or self.requested_priority

    @property
    def position(self) -> Position:
        """Where it stands in the order."""
        return Position(
            unpinned=not self.pinned,
            due_at=self.due_at,
            received_at=self.received_at,
            study_instance_uid=self.study_instance_uid,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownInstance:
    """An instance that was filed before."""

    study_instance_uid: StudyInstanceUID
    sha256: str
    transfer_syntax_uid: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AssessmentTask:
    """What a worker is to look at."""

    study_instance_uid: StudyInstanceUID
    number: int
    attempt: int  # how many times it has been begun, this time included
    instances: tuple[ArchivedInstance, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One line of the append-only log (P10)."""

    kind: str
    at: datetime
    actor: str  # "vigie", "detector NAME VERSION" or "person NAME"
    study_instance_uid: StudyInstanceUID | None
    details: Mapping[str, Any]  # JSON values only


class Transaction(OrderTransaction, Protocol):
    """Everything inside is committed together or not at all."""

    def lock_filing(self) -> None:
        """Let no other indexer file at the same time, until the transaction ends."""
        ...

    def lock_ai_switch(self, *, exclusive: bool) -> None:
        """Hold the AI switch against change, or (exclusive) everybody who computes due times.

        Until the transaction ends, and before it locks any study, so that none deadlocks and
        no outcome slips past a person who stops AI.
        """
        ...

    def known_instances(
        self, uids: Sequence[SOPInstanceUID]
    ) -> Mapping[SOPInstanceUID, KnownInstance]:
        """Those of these instances that were filed before."""
        ...

    def lock_studies(self, uids: Iterable[StudyInstanceUID]) -> dict[StudyInstanceUID, StudyRecord]:
        """These studies as they stand, held against change; unknown ones are left out."""
        ...

    def add_study(self, record: StudyRecord, attributes: StudyAttributes) -> None:
        """Insert a study."""
        ...

    def fill_attributes(self, attributes: StudyAttributes) -> None:
        """Fill what the study's header left empty so far."""
        ...

    def save_study(self, record: StudyRecord) -> None:
        """Write what the rules changed."""
        ...

    def save_studies(self, records: Sequence[StudyRecord]) -> None:
        """Write what the rules changed in many studies, in few round trips."""
        ...

    def add_instances(self, arrivals: Sequence[InstanceArrival]) -> None:
        """Insert instances and their series."""
        ...

    def add_associations(self, arrivals: Sequence[InstanceArrival]) -> None:
        """Note the associations that objects of these studies came by."""
        ...

    def add_conflict(self, arrival: InstanceArrival) -> bool:
        """Keep an object whose UID was filed with other bytes; False when kept before."""
        ...

    def add_quarantined(self, quarantined: QuarantinedObject) -> bool:
        """Keep a line on an object that could not be filed; False when kept before."""
        ...

    def place_of(self, position: Position) -> int:
        """The place, from 1, that this position has among the other unread studies."""
        ...

    def queue_assessment(self, study: StudyRecord) -> None:
        """Record the assessment of this number and defer its job, first due first."""
        ...

    def assessment_instances(self, uid: StudyInstanceUID) -> tuple[ArchivedInstance, ...]:
        """The objects filed for a study, in a stable order."""
        ...

    def start_assessment(self, uid: StudyInstanceUID, number: int, now: datetime) -> int:
        """Mark it as running; how many times it has been started, from 1."""
        ...

    def finish_assessment(self, uid: StudyInstanceUID, number: int, now: datetime) -> None:
        """Mark it as ended."""
        ...

    def add_outcome(
        self,
        uid: StudyInstanceUID,
        number: int,
        outcome: Outcome,
        provenance: Provenance,
        *,
        too_late: bool,
    ) -> None:
        """Insert an outcome; it supersedes the same detector's earlier ones unless older."""
        ...

    def counted_probabilities(
        self, uids: Iterable[StudyInstanceUID]
    ) -> Mapping[StudyInstanceUID, Sequence[CountedProbability]]:
        """Every probability ever recorded in time for these studies."""
        ...

    def ai_switch(self) -> AISwitch:
        """What a person has stopped."""
        ...

    def save_ai_switch(self, switch: AISwitch) -> None:
        """Write what a person has stopped."""
        ...

    def unread_with_outcomes(self) -> list[StudyInstanceUID]:
        """Unread studies that have an outcome with a probability."""
        ...

    def unread_without_outcome(self, detectors: Sequence[str]) -> list[StudyInstanceUID]:
        """Unread studies whose assessment was begun and lacks one of these detectors."""
        ...

    def claim_of(self, uid: StudyInstanceUID) -> Claim | None:
        """Who holds a study; None: nobody."""
        ...

    def add_claim(self, claim: Claim) -> None:
        """Let a person hold a study; the store refuses a second holder."""
        ...

    def end_claim(self, uid: StudyInstanceUID, how: ClaimEnd, now: datetime) -> None:
        """Let nobody hold a study."""
        ...

    def open_claims(self) -> list[Claim]:
        """What people hold, longest held first."""
        ...

    def study_images(self, uid: StudyInstanceUID) -> list[StudyImage]:
        """The objects of a study that have pixels."""
        ...

    def save_preview(self, uid: StudyInstanceUID, preview: Preview | None) -> None:
        """Write which image stands for a study."""
        ...

    def append_events(self, events: Sequence[Event]) -> None:
        """Append to the log; what listens is told when the transaction commits."""
        ...

    def readings_of(self, uid: StudyInstanceUID) -> Readings:
        """Everything that is kept of the reading of a study."""
        ...

    def add_first_look(self, uid: StudyInstanceUID, look: FirstLook) -> None:
        """Insert what a person saw without marks."""
        ...

    def add_reveals(
        self, uid: StudyInstanceUID, reveals: Sequence[Reveal], now: datetime
    ) -> list[Reveal]:
        """Insert those of these that were not kept before, and return them."""
        ...

    def add_judgement(self, uid: StudyInstanceUID, judgement: Judgement) -> None:
        """Insert whether a person agrees with a result."""
        ...

    def add_drawn(
        self, uid: StudyInstanceUID, account: str, outline: Outline, now: datetime
    ) -> int:
        """Insert what a person drew; its number."""
        ...

    def withdraw_drawn(self, drawn_id: int, now: datetime) -> None:
        """Note that it was taken back."""
        ...

    def add_conclusion(self, uid: StudyInstanceUID, conclusion: Conclusion) -> None:
        """Insert what a person concluded."""
        ...

    def image_size(self, uid: StudyInstanceUID, image: SOPInstanceUID) -> ImageSize | None:
        """Of an image of this study; None: it has no such image."""
        ...


class WorklistStore(Protocol):
    """Where the worklist is kept."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """One unit of work.

        Raises
        ------
        StoreUnavailable
            If the database does not answer; nothing was changed.
        """
        ...

    def arriving_studies(self) -> list[StudyArrival]:
        """Studies whose images may still be coming."""
        ...
