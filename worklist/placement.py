"""Where the rules and the store meet: a study's due time, and the event that says it moved."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from worklist.due_time import DueTargets, DueTime, due_time
from worklist.errors import UnknownStudy
from worklist.oversight import strongest_probabilities
from worklist.ports import Event, StudyRecord, Transaction, WorklistStore
from worklist.reading import ReadingState
from worklist.uid import StudyInstanceUID

VIGIE = "vigie"  # the actor of what happens by itself


class Rules:
    """What every part of the service shares: the store and the site's targets."""

    def __init__(self, store: WorklistStore, targets: DueTargets) -> None:
        self._store = store
        self._targets = targets

    def _due(self, transaction: Transaction, record: StudyRecord) -> DueTime:
        counted = transaction.counted_probabilities([record.study_instance_uid])
        return due_time(
            record.received_at,
            record.priority_in_force,
            self._targets,
            strongest_probabilities(
                counted.get(record.study_instance_uid, ()), transaction.ai_switch()
            ),
        )

    def _replaced(
        self,
        transaction: Transaction,
        before: StudyRecord,
        changed: StudyRecord,
        *,
        kind: str,
        actor: str,
        details: Mapping[str, Any],
        now: datetime,
    ) -> tuple[StudyRecord, Event]:
        """The changed study with the due time its facts give it, and its event (P3)."""
        due = self._due(transaction, changed)
        without = due_time(changed.received_at, changed.priority_in_force, self._targets)
        record = replace(
            changed, due_at=due.due_at, due_without_ai_at=without.due_at, reason=due.reason
        )
        event = Event(
            kind=kind,
            at=now,
            actor=actor,
            study_instance_uid=record.study_instance_uid,
            details={
                **details,
                "due_before": before.due_at.isoformat(),
                "due_at": record.due_at.isoformat(),
                "place_before": place(transaction, before),
                "place": place(transaction, record),
                "reason": record.reason,
            },
        )
        return record, event


def place(transaction: Transaction, record: StudyRecord) -> int | None:
    """The place from 1 among the unread studies; None for a study that was read."""
    if record.reading_state is ReadingState.READ:
        return None
    return transaction.place_of(record.position)


def locked(transaction: Transaction, uid: StudyInstanceUID) -> StudyRecord:
    """The study as it stands, held against change.

    Raises
    ------
    UnknownStudy
        If it was never filed.
    """
    records = transaction.lock_studies([uid])
    if uid not in records:
        raise UnknownStudy(f"no study {uid} has been filed here")
    return records[uid]


def queued(transaction: Transaction, record: StudyRecord) -> StudyRecord:
    """Save the study and defer its next assessment in the same transaction."""
    record = replace(record, assessment_number=record.assessment_number + 1)
    transaction.save_study(record)
    transaction.queue_assessment(record)
    return record
