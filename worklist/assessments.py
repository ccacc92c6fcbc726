"""Detectors have looked: outcomes are kept and the study moves, in one transaction."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from worklist.finding import (
    Failed,
    Flagged,
    NotApplicable,
    NotFlagged,
    Outcome,
    Provenance,
    Region,
)
from worklist.oversight import AISwitch
from worklist.placement import VIGIE, Rules, brought_forward, locked, moved_event
from worklist.ports import AssessmentTask, Event, StudyRecord, Transaction
from worklist.reading import ReadingState
from worklist.uid import StudyInstanceUID


class Assessments(Rules):
    """The part of the service that workers call."""

    def begin_assessment(
        self, uid: StudyInstanceUID, number: int, *, now: datetime
    ) -> AssessmentTask | None:
        """What to look at; None when a later assessment of the study is queued already.

        Raises
        ------
        UnknownStudy
            If the study was never filed.
        """
        with self._store.transaction() as transaction:
            record = locked(transaction, uid)
            if number < record.assessment_number:
                transaction.finish_assessment(uid, number, now)
                return None
            attempt = transaction.start_assessment(uid, number, now)
            transaction.append_events([_event("assessment_started", uid, number, now)])
            return AssessmentTask(
                study_instance_uid=uid,
                number=number,
                attempt=attempt,
                instances=transaction.assessment_instances(uid),
            )

    def ai_switch(self) -> AISwitch:
        """What a person has stopped."""
        with self._store.transaction() as transaction:
            return transaction.ai_switch()

    def record_outcome(
        self,
        uid: StudyInstanceUID,
        number: int,
        outcome: Outcome,
        provenance: Provenance,
        *,
        now: datetime,
    ) -> StudyRecord:
        """Keep one detector's outcome and give the study its place (DESIGN.md section 3.6).

        An outcome that comes after the study was read is kept as too late and moves nothing;
        so does one without a probability.

        Returns
        -------
        StudyRecord
            The study as it now stands; its due time is never later than before.
        """
        with self._store.transaction() as transaction:
            transaction.lock_ai_switch(exclusive=False)
            record = locked(transaction, uid)
            too_late = record.reading_state is ReadingState.READ
            transaction.add_outcome(uid, number, outcome, provenance, too_late=too_late)
            events = [_recorded_event(uid, number, outcome, provenance, now, too_late=too_late)]
            if not too_late and isinstance(outcome, Flagged | NotFlagged):
                before = record
                record = brought_forward(before, self._placed(transaction, before))
                if record != before:
                    transaction.save_study(record)
                    events.append(_moved(transaction, before, record, provenance, now))
            transaction.append_events(events)
        return record

    def finish_assessment(self, uid: StudyInstanceUID, number: int, *, now: datetime) -> None:
        """Note that every detector has had its turn."""
        with self._store.transaction() as transaction:
            transaction.finish_assessment(uid, number, now)
            transaction.append_events([_event("assessment_finished", uid, number, now)])


def _event(kind: str, uid: StudyInstanceUID, number: int, now: datetime) -> Event:
    return Event(
        kind=kind,
        at=now,
        actor=VIGIE,
        study_instance_uid=uid,
        details={"assessment_number": number},
    )


def _recorded_event(
    uid: StudyInstanceUID,
    number: int,
    outcome: Outcome,
    provenance: Provenance,
    now: datetime,
    *,
    too_late: bool,
) -> Event:
    return Event(
        kind="outcome_recorded",
        at=now,
        actor=_actor(provenance),
        study_instance_uid=uid,
        details=_outcome_details(number, outcome, provenance, too_late),
    )


def _moved(
    transaction: Transaction,
    before: StudyRecord,
    record: StudyRecord,
    provenance: Provenance,
    now: datetime,
) -> Event:
    return moved_event(
        transaction,
        before,
        record,
        kind="due_time_changed",
        actor=_actor(provenance),
        details={},
        now=now,
    )


def _actor(provenance: Provenance) -> str:
    return f"detector {provenance.detector.name} {provenance.detector.version}"


def _outcome_details(
    number: int, outcome: Outcome, provenance: Provenance, too_late: bool
) -> dict[str, Any]:
    details: dict[str, Any] = {
        "assessment_number": number,
        "detector": provenance.detector.name,
        "weights_sha256": provenance.detector.weights_sha256,
        "operating_point": provenance.detector.operating_point,
        "instances_seen": len(provenance.instances),
        "instances": {str(uid): sha256 for uid, sha256 in provenance.instances},
        "too_late": too_late,
    }
    match outcome:
        case Flagged(probability=probability, regions=regions):
            details |= {"outcome": "flagged", "probability": probability, **_counted(regions)}
        case NotFlagged(probability=probability, regions=regions):
            details |= {"outcome": "not_flagged", "probability": probability, **_counted(regions)}
        case NotApplicable(reason=reason):
            details |= {"outcome": "not_applicable", "why": reason}
        case Failed(reason=reason):
            details |= {"outcome": "failed", "why": reason}
    return details


def _counted(regions: Sequence[Region]) -> dict[str, Any]:
    """How many outlines there are on all images together, and how many of each kind.

    A kind may be no finding of the detector but what it tells besides, as a fracture of the
    skull is no blood.
    """
    kinds = Counter(region.kind or "kind not said" for region in regions)
    return {"regions": len(regions), "regions_of_kind": dict(sorted(kinds.items()))}
