"""Where the rules and the store meet: a study's due time, and the event that says it moved."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from worklist.due_time import DueTargets, due_time
from worklist.errors import UnknownStudy
from worklist.finding import TargetFinding
from worklist.highlighting import Modes
from worklist.oversight import strongest_probabilities
from worklist.ports import Event, StudyRecord, Transaction, WorklistStore
from worklist.reading import ReadingState
from worklist.uid import StudyInstanceUID

VIGIE = "vigie"  # the actor of what happens by itself
CLAIM_LIMIT = timedelta(hours=2)

ZoneAt = Callable[[datetime], tzinfo]
"""The site's clock at a time that somebody wrote without its zone."""


def _utc(_: datetime) -> tzinfo:
    return UTC


def as_meant(written: datetime, zone: ZoneAt) -> datetime:
    """The time that a clock on the wall showed, whatever zone it is given in.

    Of an hour that comes twice the second is meant: a thing is never taken for older than it is.
    """
    naive = [written.replace(tzinfo=None, fold=fold) for fold in (0, 1)]
    return max(one.replace(tzinfo=zone(one)).astimezone(UTC) for one in naive)


class Rules:
    """What every part of the service shares: the store, and what the site has set."""

    def __init__(
        self,
        store: WorklistStore,
        targets: DueTargets,
        *,
        claim_limit: timedelta = CLAIM_LIMIT,
        modes: Modes | None = None,
        zone: ZoneAt = _utc,
        issuers: Collection[str] = (),
    ) -> None:
        self._store = store
        self._targets = targets
        self._claim_limit = claim_limit
        self._modes = modes or Modes()  # when the marks of each detector are shown
        self._zone = zone
        self._issuers = frozenset(issuers)  # assigning authorities of patient IDs that the site has

    def _issuers_of(self, record: StudyRecord) -> tuple[str, ...]:
        """Who gave its patient ID; empty: images do not say, or name nobody whom the site has."""
        named = record.issuer_of_patient_id
        return (named,) if named in self._issuers else ()

    def _placed(
        self,
        transaction: Transaction,
        record: StudyRecord,
        requested_target: timedelta | None = None,
    ) -> StudyRecord:
        """The study with the due times its facts give it.

        Parameters
        ----------
        requested_target
            How soon it is asked for; None: as when it was placed. A target that the site has
            changed since is for studies that come from then on, and for those a person or a
            changed order places anew: else the first outcome would make a study wait for it.
        """
        uid = record.study_instance_uid
        counted = transaction.counted_probabilities([uid]).get(uid, ())
        return placed(
            record,
            self._targets,
            strongest_probabilities(counted, transaction.ai_switch()),
            requested_target,
        )


def placed(
    record: StudyRecord,
    targets: DueTargets,
    probabilities: Mapping[TargetFinding, float],
    requested_target: timedelta | None = None,
) -> StudyRecord:
    """The study with the due times that these probabilities give it (see `Rules._placed`)."""
    priority = record.priority_in_force
    target = requested_target or requested_target_of(record)
    in_force = replace(targets, requested={**targets.requested, priority: target})
    by_order = record.requested_by_order and record.priority_override is None
    due = due_time(record.received_at, priority, in_force, probabilities, by_order=by_order)
    without = due_time(record.received_at, priority, in_force)
    return replace(record, due_at=due.due_at, due_without_ai_at=without.due_at, reason=due.reason)


def requested_target_of(record: StudyRecord) -> timedelta:
    """The site's target for its priority when the study was placed."""
    return record.due_without_ai_at - record.received_at


def brought_forward(before: StudyRecord, after: StudyRecord) -> StudyRecord:
    """`after`, but never with a later due time than `before` (DESIGN.md section 5).

    Only the site's targets, changed meanwhile, could make it later.
    """
    if after.due_at <= before.due_at:
        return after
    return replace(after, due_at=before.due_at, reason=before.reason)


def moved_event(
    transaction: Transaction,
    before: StudyRecord,
    record: StudyRecord,
    *,
    kind: str,
    actor: str,
    details: Mapping[str, Any],
    now: datetime,
) -> Event:
    """What happened to a study, with its due time and place before and after (P3).

    It holds everything that the order needs: the list can be put together again from events.
    """
    return Event(
        kind=kind,
        at=now,
        actor=actor,
        study_instance_uid=record.study_instance_uid,
        details={
            **details,
            "received_at": record.received_at.isoformat(),
            "pinned": record.pinned,
            "due_before": before.due_at.isoformat(),
            "due_at": record.due_at.isoformat(),
            "place_before": place(transaction, before),
            "place": place(transaction, record),
            "reason": record.reason,
        },
    )


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
