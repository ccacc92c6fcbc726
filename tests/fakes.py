"""A worklist store in memory; the contract tests hold it to what the one in PostgreSQL does."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

from tests.fake_orders import FakeOrders, OrderTables
from tests.fake_readings import FakeReadings
from worklist.claims import Claim, ClaimEnd
from worklist.finding import Flagged, NotFlagged, Outcome, Provenance
from worklist.order import Position
from worklist.oversight import AISwitch, CountedProbability
from worklist.ports import Event, KnownInstance, StudyRecord
from worklist.preview import Preview, StudyImage
from worklist.reading import ReadingState
from worklist.study import (
    ArchivedInstance,
    InstanceArrival,
    ObjectRole,
    QuarantinedObject,
    StudyArrival,
    StudyAttributes,
)
from worklist.uid import SOPInstanceUID, StudyInstanceUID


@dataclass(frozen=True, kw_only=True, slots=True)
class FakeAssessment:
    """One assessment that was queued."""

    started_at: datetime | None = None
    finished_at: datetime | None = None
    attempts: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class FakeOutcome:
    """One outcome that was recorded."""

    study_instance_uid: StudyInstanceUID
    number: int
    outcome: Outcome
    provenance: Provenance
    too_late: bool
    current: bool

    @property
    def probability(self) -> float | None:
        """The calibrated probability; None where there is no result."""
        match self.outcome:
            case Flagged(probability=probability) | NotFlagged(probability=probability):
                return probability
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class FakeJob:
    """One deferred assessment."""

    study_instance_uid: StudyInstanceUID
    number: int
    due_without_ai_at: datetime


@dataclass(kw_only=True, slots=True)
class Tables(OrderTables):
    """Everything the store keeps."""

    studies: dict[StudyInstanceUID, StudyRecord] = field(default_factory=dict)
    attributes: dict[StudyInstanceUID, StudyAttributes] = field(default_factory=dict)
    instances: dict[SOPInstanceUID, InstanceArrival] = field(default_factory=dict)
    conflicts: dict[tuple[str, str, str], InstanceArrival] = field(default_factory=dict)
    ways: set[tuple[StudyInstanceUID, str, str, str]] = field(default_factory=set)
    quarantined: dict[str, QuarantinedObject] = field(default_factory=dict)
    assessments: dict[tuple[StudyInstanceUID, int], FakeAssessment] = field(default_factory=dict)
    outcomes: list[FakeOutcome] = field(default_factory=list)
    jobs: list[FakeJob] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    switch: AISwitch = field(default_factory=AISwitch)
    claims: dict[StudyInstanceUID, Claim] = field(default_factory=dict)
    ended_claims: list[tuple[Claim, ClaimEnd, datetime]] = field(default_factory=list)
    previews: dict[StudyInstanceUID, Preview | None] = field(default_factory=dict)

    def copy(self) -> "Tables":
        """The same rows; what they hold cannot change."""
        held: dict[str, Any] = {one.name: copy(getattr(self, one.name)) for one in fields(self)}
        return Tables(**held)


class FakeTransaction(FakeReadings, FakeOrders):
    """One unit of work; see `worklist.ports.Transaction`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def lock_filing(self) -> None:
        """One thread: nobody to lock out."""

    def lock_ai_switch(self, *, exclusive: bool) -> None:
        """One thread: nobody to lock out."""

    def known_instances(
        self, uids: Sequence[SOPInstanceUID]
    ) -> dict[SOPInstanceUID, KnownInstance]:
        filed = self._tables.instances
        return {
            uid: KnownInstance(
                study_instance_uid=filed[uid].study.study_instance_uid,
                sha256=filed[uid].sha256,
                transfer_syntax_uid=filed[uid].transfer_syntax_uid,
            )
            for uid in uids
            if uid in filed
        }

    def lock_studies(self, uids: Iterable[StudyInstanceUID]) -> dict[StudyInstanceUID, StudyRecord]:
        studies = self._tables.studies
        return {uid: studies[uid] for uid in sorted(uids) if uid in studies}

    def add_study(self, record: StudyRecord, attributes: StudyAttributes) -> None:
        assert record.study_instance_uid not in self._tables.studies
        self._tables.studies[record.study_instance_uid] = record
        self._tables.attributes[record.study_instance_uid] = attributes

    def fill_attributes(self, attributes: StudyAttributes) -> None:
        known = self._tables.attributes[attributes.study_instance_uid]
        empty = {
            one.name: getattr(attributes, one.name)
            for one in fields(known)
            if getattr(known, one.name) in (None, "")
        }
        self._tables.attributes[attributes.study_instance_uid] = replace(known, **empty)
        if "patient_id" in empty:
            record = self._tables.studies[attributes.study_instance_uid]
            self.save_study(replace(record, patient_id=attributes.patient_id))
        if "issuer_of_patient_id" in empty:
            record = self._tables.studies[attributes.study_instance_uid]
            issuer = attributes.issuer_of_patient_id
            self.save_study(replace(record, issuer_of_patient_id=issuer))

    def save_study(self, record: StudyRecord) -> None:
        assert record.due_at <= record.due_without_ai_at
        self._tables.studies[record.study_instance_uid] = record

    def save_studies(self, records: Sequence[StudyRecord]) -> None:
        for one in records:
            self.save_study(one)

    def add_instances(self, arrivals: Sequence[InstanceArrival]) -> None:
        for one in arrivals:
            assert one.sop_instance_uid not in self._tables.instances
            assert one.study.study_instance_uid in self._tables.studies
            self._tables.instances[one.sop_instance_uid] = one

    def add_associations(self, arrivals: Sequence[InstanceArrival]) -> None:
        for one in arrivals:
            uid = one.study.study_instance_uid
            assert uid in self._tables.studies
            way = (uid, one.association_id, one.calling_ae_title, one.sender_address)
            self._tables.ways.add(way)

    def add_conflict(self, arrival: InstanceArrival) -> bool:
        assert arrival.sop_instance_uid in self._tables.instances
        key = (arrival.sop_instance_uid, arrival.sha256, arrival.transfer_syntax_uid)
        new = key not in self._tables.conflicts
        self._tables.conflicts.setdefault(key, arrival)
        return new

    def add_quarantined(self, quarantined: QuarantinedObject) -> bool:
        new = quarantined.quarantine_path not in self._tables.quarantined
        self._tables.quarantined.setdefault(quarantined.quarantine_path, quarantined)
        return new

    def place_of(self, position: Position) -> int:
        ahead = [
            one
            for one in self._unread()
            if one.position < position and one.study_instance_uid != position.study_instance_uid
        ]
        return len(ahead) + 1

    def queue_assessment(self, study: StudyRecord) -> None:
        key = study.study_instance_uid, study.assessment_number
        assert key not in self._tables.assessments
        self._tables.assessments[key] = FakeAssessment()
        self._tables.jobs.append(
            FakeJob(
                study_instance_uid=study.study_instance_uid,
                number=study.assessment_number,
                due_without_ai_at=study.due_without_ai_at,
            )
        )

    def assessment_instances(self, uid: StudyInstanceUID) -> tuple[ArchivedInstance, ...]:
        mine = [
            one
            for one in self._tables.instances.values()
            if one.study.study_instance_uid == uid and one.role is not ObjectRole.RESULT
        ]
        mine.sort(key=_within_study)
        return tuple(
            ArchivedInstance(
                sop_instance_uid=one.sop_instance_uid,
                series_instance_uid=one.series.series_instance_uid,
                sha256=one.sha256,
                archive_path=one.archive_path,
            )
            for one in mine
        )

    def start_assessment(self, uid: StudyInstanceUID, number: int, now: datetime) -> int:
        attempts = self._tables.assessments[uid, number].attempts + 1
        self._tables.assessments[uid, number] = FakeAssessment(started_at=now, attempts=attempts)
        return attempts

    def finish_assessment(self, uid: StudyInstanceUID, number: int, now: datetime) -> None:
        before = self._tables.assessments[uid, number]
        self._tables.assessments[uid, number] = replace(before, finished_at=now)

    def add_outcome(
        self,
        uid: StudyInstanceUID,
        number: int,
        outcome: Outcome,
        provenance: Provenance,
        *,
        too_late: bool,
    ) -> None:
        assert (uid, number) in self._tables.assessments
        name = provenance.detector.name
        mine = [
            one
            for one in self._tables.outcomes
            if one.study_instance_uid == uid and one.provenance.detector.name == name
        ]
        newer = any(one.current and one.number > number for one in mine)
        if not newer:
            self._tables.outcomes = [
                replace(one, current=False) if one in mine else one for one in self._tables.outcomes
            ]
        self._tables.outcomes.append(
            FakeOutcome(
                study_instance_uid=uid,
                number=number,
                outcome=outcome,
                provenance=provenance,
                too_late=too_late,
                current=not newer,
            )
        )

    def counted_probabilities(
        self, uids: Iterable[StudyInstanceUID]
    ) -> dict[StudyInstanceUID, list[CountedProbability]]:
        counted: dict[StudyInstanceUID, list[CountedProbability]] = {}
        wanted = set(uids)
        for one in self._tables.outcomes:
            if (
                one.study_instance_uid in wanted
                and one.probability is not None
                and not one.too_late
            ):
                counted.setdefault(one.study_instance_uid, []).append(
                    CountedProbability(
                        detector=one.provenance.detector.name,
                        finding=one.provenance.detector.target,
                        probability=one.probability,
                    )
                )
        return counted

    def ai_switch(self) -> AISwitch:
        return self._tables.switch

    def save_ai_switch(self, switch: AISwitch) -> None:
        self._tables.switch = switch

    def unread_with_outcomes(self) -> list[StudyInstanceUID]:
        judged = {
            one.study_instance_uid for one in self._tables.outcomes if one.probability is not None
        }
        return [
            one.study_instance_uid for one in self._unread() if one.study_instance_uid in judged
        ]

    def unread_without_outcome(self, detectors: Sequence[str]) -> list[StudyInstanceUID]:
        return [
            one.study_instance_uid
            for one in self._unread()
            if not one.arriving and self._begun(one) and set(detectors) - self._current(one)
        ]

    def claim_of(self, uid: StudyInstanceUID) -> Claim | None:
        return self._tables.claims.get(uid)

    def add_claim(self, claim: Claim) -> None:
        assert claim.study_instance_uid in self._tables.studies
        assert claim.study_instance_uid not in self._tables.claims
        self._tables.claims[claim.study_instance_uid] = claim

    def end_claim(self, uid: StudyInstanceUID, how: ClaimEnd, now: datetime) -> None:
        claim = self._tables.claims.pop(uid, None)
        if claim is not None:
            self._tables.ended_claims.append((claim, how, max(now, claim.claimed_at)))

    def open_claims(self) -> list[Claim]:
        return sorted(self._tables.claims.values(), key=lambda one: one.claimed_at)

    def study_images(self, uid: StudyInstanceUID) -> list[StudyImage]:
        return [
            StudyImage(
                sop_instance_uid=one.sop_instance_uid,
                instance_number=one.instance_number,
                number_of_frames=one.number_of_frames,
                series_instance_uid=one.series.series_instance_uid,
                series_number=one.series.series_number,
                modality=one.series.modality,
                body_part=one.series.body_part_examined,
                description=one.series.series_description,
            )
            for one in self._tables.instances.values()
            if one.study.study_instance_uid == uid
            and one.rows is not None
            and one.role is not ObjectRole.RESULT
        ]

    def save_preview(self, uid: StudyInstanceUID, preview: Preview | None) -> None:
        self._tables.previews[uid] = preview

    def append_events(self, events: Sequence[Event]) -> None:
        self._tables.events += events

    def _unread(self) -> list[StudyRecord]:
        return [
            one for one in self._tables.studies.values() if one.reading_state is ReadingState.UNREAD
        ]

    def _begun(self, record: StudyRecord) -> bool:
        key = record.study_instance_uid, record.assessment_number
        return key in self._tables.assessments and bool(self._tables.assessments[key].started_at)

    def _current(self, record: StudyRecord) -> set[str]:
        return {
            one.provenance.detector.name
            for one in self._tables.outcomes
            if one.study_instance_uid == record.study_instance_uid
            and one.number == record.assessment_number
            and one.current
        }


class FakeStore:
    """The worklist in memory."""

    def __init__(self) -> None:
        self.tables = Tables()

    @contextmanager
    def transaction(self) -> Iterator[FakeTransaction]:
        """Everything inside is kept, or nothing when it raises."""
        changed = self.tables.copy()
        yield FakeTransaction(changed)
        self.tables = changed

    def arriving_studies(self) -> list[StudyArrival]:
        """Studies whose images may still be coming."""
        arriving = [one for one in self.tables.studies.values() if one.arriving]
        arriving.sort(key=lambda one: (one.due_at, one.study_instance_uid))
        return [self._arrival(one) for one in arriving]

    def _arrival(self, record: StudyRecord) -> StudyArrival:
        mine = [way for uid, *way in self.tables.ways if uid == record.study_instance_uid]
        return StudyArrival(
            study_instance_uid=record.study_instance_uid,
            first_received_at=record.received_at,
            last_received_at=record.last_received_at,
            reopened_at=record.reopened_at,
            instance_count=record.instance_count,
            expected_instance_count=record.expected_instance_count,
            senders=frozenset((title, address) for _, title, address in mine),
            association_ids=frozenset(association for association, _, _ in mine if association),
        )


def _within_study(arrival: InstanceArrival) -> tuple[str, bool, int, str]:
    number = arrival.instance_number
    return (
        arrival.series.series_instance_uid,
        number is None,
        number or 0,
        arrival.sop_instance_uid,
    )
