"""People overrule (P7): another priority, a pin, a study read elsewhere, AI stopped and started."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from worklist.claiming import claim_ended
from worklist.claims import ClaimEnd
from worklist.errors import MissingReason, UnknownDetector
from worklist.finding import DetectorIdentity
from worklist.oversight import AISwitch, strongest_probabilities
from worklist.placement import Rules, locked, moved_event, placed, queued
from worklist.ports import Event, StudyRecord, Transaction
from worklist.reading import ReadingAct, ReadingState, after
from worklist.study import RequestedPriority
from worklist.uid import StudyInstanceUID


class Overruling(Rules):
    """The part of the service that people act through; every act needs a reason."""

    def override_priority(
        self,
        uid: StudyInstanceUID,
        priority: RequestedPriority | None,
        *,
        actor: str,
        reason: str,
        now: datetime,
    ) -> StudyRecord:
        """Put a person's priority in place of the requested one; None takes it back."""
        return self._by_person(
            uid,
            lambda transaction, record: self._prioritised(transaction, record, priority),
            kind="priority_overridden",
            details={"priority": priority},
            actor=actor,
            reason=reason,
            now=now,
        )

    def pin(
        self, uid: StudyInstanceUID, pinned: bool, *, actor: str, reason: str, now: datetime
    ) -> StudyRecord:
        """Pin a study to the top of the list, or let go of it."""
        return self._by_person(
            uid,
            lambda _, record: replace(record, pinned=pinned),
            kind="pinned" if pinned else "unpinned",
            details={},
            actor=actor,
            reason=reason,
            now=now,
        )

    def mark_read(
        self, uid: StudyInstanceUID, *, actor: str, reason: str, now: datetime
    ) -> StudyRecord:
        """Note that a person has read the study elsewhere; it leaves the list.

        Raises
        ------
        WrongReadingState
            If it is marked so already.
        """
        return self._by_person(
            uid,
            lambda _, record: replace(
                record, reading_state=after(record.reading_state, ReadingAct.MARK_READ)
            ),
            kind="marked_read",
            details={},
            actor=actor,
            reason=reason,
            now=now,
            claim_end=ClaimEnd.READ_ELSEWHERE,
        )

    def reopen(
        self, uid: StudyInstanceUID, *, actor: str, reason: str, now: datetime
    ) -> StudyRecord:
        """Put a study that was read back on the list; what was concluded is kept.

        Raises
        ------
        WrongReadingState
            If it is on the list.
        """
        return self._by_person(
            uid,
            lambda transaction, record: self._placed(
                transaction,
                replace(record, reading_state=after(record.reading_state, ReadingAct.REOPEN)),
            ),
            kind="reopened",
            details={},
            actor=actor,
            reason=reason,
            now=now,
        )

    def _prioritised(
        self, transaction: Transaction, record: StudyRecord, priority: RequestedPriority | None
    ) -> StudyRecord:
        changed = replace(record, priority_override=priority)
        target = self._targets.requested[changed.priority_in_force]
        return self._placed(transaction, changed, target)

    def _by_person(
        self,
        uid: StudyInstanceUID,
        change: Callable[[Transaction, StudyRecord], StudyRecord],
        *,
        kind: str,
        details: Mapping[str, Any],
        actor: str,
        reason: str,
        now: datetime,
        claim_end: ClaimEnd | None = None,  # how the act ends a claim, if it does
    ) -> StudyRecord:
        _require(reason)
        with self._store.transaction() as transaction:
            transaction.lock_ai_switch(exclusive=False)
            before = locked(transaction, uid)
            record = change(transaction, before)
            event = moved_event(
                transaction,
                before,
                record,
                kind=kind,
                actor=f"person {actor}",
                details={**details, "why": reason},
                now=now,
            )
            transaction.save_study(record)
            events = [event]
            if claim_end is not None:
                who = f"person {actor}"
                events += claim_ended(transaction, uid, claim_end, actor=who, now=now)
            transaction.append_events(events)
        return record

    def note_model(
        self,
        kind: Literal["model_added", "model_removed"],
        detector: DetectorIdentity,
        *,
        actor: str,
        now: datetime,
    ) -> None:
        """Note that a person added a model to the installation, or took one away (P10)."""
        details = {
            "detector": detector.name,
            "version": detector.version,
            "weights_sha256": detector.weights_sha256,
            "operating_point": detector.operating_point,
        }
        event = Event(
            kind=kind, at=now, actor=f"person {actor}", study_instance_uid=None, details=details
        )
        with self._store.transaction() as transaction:
            transaction.append_events([event])

    def stop_ai(
        self,
        detectors: Sequence[str] | None,
        *,
        installed: Sequence[str],
        actor: str,
        reason: str,
        now: datetime,
    ) -> int:
        """Stop detectors (None: all of them); the list falls back at once.

        Returns
        -------
        int
            How many unread studies have another due time now.

        Raises
        ------
        UnknownDetector
            If one of them is not installed.
        """
        act = _SwitchAct(
            kind="ai_stopped", detectors=detectors, actor=actor, reason=reason, now=now
        )
        return self._switch(act, installed)

    def start_ai(
        self,
        detectors: Sequence[str] | None,
        *,
        installed: Sequence[str],
        actor: str,
        reason: str,
        now: datetime,
    ) -> int:
        """Start detectors again (None: all); studies they missed meanwhile are queued.

        Raises
        ------
        UnknownDetector
            If one of them is not installed.
        """
        act = _SwitchAct(
            kind="ai_started", detectors=detectors, actor=actor, reason=reason, now=now
        )
        return self._switch(act, installed)

    def _switch(self, act: "_SwitchAct", installed: Sequence[str]) -> int:
        _require_installed(act.detectors, installed)
        _require(act.reason)
        with self._store.transaction() as transaction:
            transaction.lock_ai_switch(exclusive=True)
            before = transaction.ai_switch()
            if act.kind == "ai_stopped":
                return self._moved_by(transaction, before.stopped(act.detectors), act)
            switch = before.started(act.detectors, installed=installed)
            running = [name for name in installed if not switch.is_stopped(name)]
            missed = set(transaction.unread_without_outcome(running))
            return self._moved_by(transaction, switch, act, missed)

    def _moved_by(
        self,
        transaction: Transaction,
        switch: AISwitch,
        act: "_SwitchAct",
        missed: Collection[StudyInstanceUID] = (),
    ) -> int:
        transaction.save_ai_switch(switch)
        affected = transaction.unread_with_outcomes()
        counted = transaction.counted_probabilities(affected)
        moved: list[tuple[StudyRecord, StudyRecord]] = []
        again: list[StudyRecord] = []
        # All at once, so that they are locked in the one order that everybody keeps to.
        for uid, record in transaction.lock_studies({*affected, *missed}).items():
            if record.reading_state is ReadingState.READ:
                continue  # since they were listed
            probabilities = strongest_probabilities(counted.get(uid, ()), switch)
            changed = placed(record, self._targets, probabilities)
            if changed != record:
                moved.append((record, changed))
            if uid in missed and not changed.arriving:
                again.append(changed)
        transaction.save_studies([changed for _, changed in moved])
        for record in again:
            queued(transaction, record)
        transaction.append_events(
            [
                *(act.moved_event(before, changed) for before, changed in moved),
                act.event(moved=len(moved), again=again),
            ]
        )
        return len(moved)


@dataclass(frozen=True, kw_only=True, slots=True)
class _SwitchAct:
    """A person stops or starts detectors."""

    kind: Literal["ai_stopped", "ai_started"]
    detectors: Sequence[str] | None  # None: all of them
    actor: str
    reason: str
    now: datetime

    def event(self, *, moved: int, again: Sequence[StudyRecord]) -> Event:
        """What was done, for the list as a whole."""
        return self._event(
            self.kind,
            None,
            moved=moved,
            queued_again=[one.study_instance_uid for one in again],
        )

    def moved_event(self, before: StudyRecord, after: StudyRecord) -> Event:
        """What it did to one study.

        Without places: to count them for each of thousands would hold up the whole list.
        """
        return self._event(
            "due_time_changed",
            after.study_instance_uid,
            part_of=self.kind,
            due_before=before.due_at.isoformat(),
            due_at=after.due_at.isoformat(),
            reason=after.reason,
        )

    def _event(self, kind: str, uid: StudyInstanceUID | None, **details: object) -> Event:
        named = "all" if self.detectors is None else sorted(self.detectors)
        return Event(
            kind=kind,
            at=self.now,
            actor=f"person {self.actor}",
            study_instance_uid=uid,
            details={"detectors": named, "why": self.reason, **details},
        )


def _require(reason: str) -> None:
    if not reason.strip():
        raise MissingReason("say why: the reason stands in the event log")


def _require_installed(detectors: Sequence[str] | None, installed: Sequence[str]) -> None:
    unknown = sorted(set(detectors or ()) - set(installed))
    if unknown:
        have = ", ".join(sorted(installed)) or "none"
        raise UnknownDetector(f"no detector named {', '.join(unknown)}; installed: {have}")
