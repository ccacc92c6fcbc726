"""Studies come in: objects are entered, studies begin, reopen and become complete."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby

from worklist.due_time import due_time
from worklist.exchange import OrderRules
from worklist.orders import is_changed
from worklist.placement import (
    VIGIE,
    brought_forward,
    locked,
    moved_event,
    place,
    queued,
    requested_target_of,
)
from worklist.ports import Event, KnownInstance, StudyRecord, Transaction
from worklist.preview import choose_preview
from worklist.reading import ReadingAct, ReadingState, after
from worklist.reported import ids_in_use
from worklist.study import (
    ArrivalResult,
    Completeness,
    InstanceArrival,
    ObjectRole,
    QuarantinedObject,
    RequestedPriority,
    StudyArrival,
)
from worklist.uid import SOPInstanceUID, StudyInstanceUID


class Arrivals(OrderRules):
    """The part of the service that the DICOM listener calls."""

    def existing_digests(
        self, uids: Sequence[SOPInstanceUID]
    ) -> dict[SOPInstanceUID, tuple[str, str]]:
        """SHA-256 and transfer syntax of those of these instances that were filed before."""
        with self._store.transaction() as transaction:
            known = transaction.known_instances(uids)
        return {uid: (one.sha256, one.transfer_syntax_uid) for uid, one in known.items()}

    def record_arrivals(
        self, arrivals: Sequence[InstanceArrival], *, now: datetime
    ) -> list[ArrivalResult]:
        """Enter filed objects into the list; the same call again changes nothing.

        Returns
        -------
        list of ArrivalResult
            One for each arrival, in the same order.
        """
        results: list[ArrivalResult] = []
        new: list[InstanceArrival] = []
        conflicts: list[tuple[InstanceArrival, KnownInstance]] = []
        with self._store.transaction() as transaction:
            transaction.lock_filing()
            transaction.lock_ai_switch(exclusive=False)
            known = dict(
                transaction.known_instances(sorted({one.sop_instance_uid for one in arrivals}))
            )
            for one in arrivals:
                before = known.get(one.sop_instance_uid)
                if before is None:
                    known[one.sop_instance_uid] = _as_known(one)
                    new.append(one)
                    results.append(ArrivalResult.FILED)
                elif before == _as_known(one):
                    results.append(ArrivalResult.ALREADY_FILED)
                else:
                    results.append(ArrivalResult.CONFLICT)
                    conflicts.append((one, before))
            events = self._enter(transaction, new, [one for one, _ in conflicts], now)
            for one, before in conflicts:
                if transaction.add_conflict(one):
                    events += _conflict_events(one, before, now)
            transaction.append_events(events)
        return results

    def _enter(
        self,
        transaction: Transaction,
        new: Sequence[InstanceArrival],
        conflicting: Sequence[InstanceArrival],
        now: datetime,
    ) -> list[Event]:
        """A conflicting object is no image of the study it names, but the study is on the list.

        It was acknowledged (P1): also a study all of whose UIDs another one has must be seen.
        """
        filed = _by_study(new)
        of_others = [one for one in [*new, *conflicting] if one.role is not ObjectRole.RESULT]
        named = _by_study([*new, *conflicting])
        records = transaction.lock_studies(named)
        begun = named.keys() - records.keys()
        events: list[Event] = []
        for uid, group in named.items():
            if uid not in records:
                records[uid] = self._under_id_in_use(transaction, self._begun(group))
                transaction.add_study(records[uid], group[0].study)
                events.append(_arrived_event(transaction, records[uid], group[0], now))
        transaction.add_instances(new)
        transaction.add_associations(of_others)
        for uid, group in named.items():
            record = records[uid]
            if uid in filed:
                record, changes = self._with_objects(transaction, record, filed[uid], now)
                events += changes
            said = [one for one in group if one.role is not ObjectRole.RESULT]
            record, changes = self._asked_for(transaction, record, said, now)
            events += changes
            transaction.save_study(record)
            self._fill_attributes(transaction, record, said)
        events += self._ordered_before(transaction, list(named), begun, now)
        return events + self._reported_before(transaction, list(named), now)

    def _fill_attributes(
        self, transaction: Transaction, record: StudyRecord, said: Sequence[InstanceArrival]
    ) -> None:
        """What the first object left empty; a patient ID as the one that is in use."""
        for one in {each.study for each in said}:
            issuer = one.issuer_of_patient_id or record.issuer_of_patient_id
            who = replace(record, issuer_of_patient_id=issuer)
            in_use = ids_in_use(transaction, self._issuers_of(who))
            patient_id = one.patient_id and in_use(one.patient_id)
            transaction.fill_attributes(replace(one, patient_id=patient_id))

    def _under_id_in_use(self, transaction: Transaction, record: StudyRecord) -> StudyRecord:
        if not record.patient_id:
            return record
        in_use = ids_in_use(transaction, self._issuers_of(record))
        return replace(record, patient_id=in_use(record.patient_id))

    def _begun(self, group: Sequence[InstanceArrival]) -> StudyRecord:
        received_at = min(one.received_at for one in group)
        priority = _most_urgent(group) or RequestedPriority.ROUTINE
        due = due_time(received_at, priority, self._targets)
        return StudyRecord(
            study_instance_uid=_study_uid(group[0]),
            patient_id=group[0].study.patient_id,
            issuer_of_patient_id=group[0].study.issuer_of_patient_id,
            received_at=received_at,
            last_received_at=max(one.received_at for one in group),
            instance_count=0,
            expected_instance_count=None,
            arriving=True,
            reopened_at=None,
            completeness=None,
            assessment_number=0,
            requested_priority=priority,
            requested_by_order=False,
            priority_override=None,
            pinned=False,
            reading_state=ReadingState.UNREAD,
            due_at=due.due_at,
            due_without_ai_at=due.due_at,
            reason=due.reason,
        )

    def _with_objects(
        self,
        transaction: Transaction,
        record: StudyRecord,
        group: Sequence[InstanceArrival],
        now: datetime,
    ) -> tuple[StudyRecord, list[Event]]:
        """The study with these objects; only images reopen it once it was complete, or read."""
        images = [one for one in group if one.role is ObjectRole.IMAGE]
        documents = [one for one in group if one.role is ObjectRole.DOCUMENT]
        results = [one for one in group if one.role is ObjectRole.RESULT]
        events: list[Event] = []
        counted = [*images, *documents] if images or record.arriving else []
        if counted:
            record, events = self._with_counted(transaction, record, counted, bool(images), now)
            documents = []
        if documents or results:
            titles = sorted({one.calling_ae_title for one in [*documents, *results]})
            said = {"documents": len(documents), "results": len(results), "senders": titles}
            events.append(_event("objects_kept", record, now, **said))
        return record, events

    def _with_counted(
        self,
        transaction: Transaction,
        record: StudyRecord,
        group: Sequence[InstanceArrival],
        reopens: bool,
        now: datetime,
    ) -> tuple[StudyRecord, list[Event]]:
        events = []
        expected = [one.expected_instance_count for one in group if one.expected_instance_count]
        changed = replace(
            record,
            instance_count=record.instance_count + len(group),
            last_received_at=max(record.last_received_at, *(one.received_at for one in group)),
            expected_instance_count=max([record.expected_instance_count or 0, *expected]) or None,
        )
        was_read = record.reading_state is ReadingState.READ
        if reopens and (was_read or not record.arriving):
            changed = _reopened(changed, now)
            if was_read:  # AI may have been stopped or started meanwhile
                changed = self._placed(transaction, changed)
            events.append(
                moved_event(
                    transaction,
                    record,
                    changed,
                    kind="study_reopened",
                    actor=VIGIE,
                    details={"new_images": len(group), "was_read": was_read},
                    now=now,
                )
            )
        others = {one.study.patient_id for one in group} - {record.patient_id, ""}
        in_use = ids_in_use(transaction, self._issuers_of(record))
        others = set(map(in_use, others)) - {record.patient_id}
        if others and record.patient_id:
            events.append(_event("patient_id_differs", record, now, objects=len(group)))
        return changed, events

    def _asked_for(
        self,
        transaction: Transaction,
        record: StudyRecord,
        group: Sequence[InstanceArrival],
        now: datetime,
    ) -> tuple[StudyRecord, list[Event]]:
        """A later object may ask for the study more urgently, never less.

        Once the RIS has changed its order, what image headers repeat of it counts no more.
        """
        asked = _most_urgent(group)
        if asked is None or _URGENCY[asked] >= _URGENCY[record.requested_priority]:
            return record, []
        uid = record.study_instance_uid
        number = transaction.accession_numbers_of([uid]).get(uid)
        if number and is_changed(self._orders_for(transaction, record, number)):
            return record, []
        changed = replace(record, requested_priority=asked, requested_by_order=False)
        target = requested_target_of(record)
        if record.priority_override is None:
            target = min(target, self._targets.requested[asked])
        changed = brought_forward(record, self._placed(transaction, changed, target))
        event = moved_event(
            transaction,
            record,
            changed,
            kind="requested_priority_changed",
            actor=VIGIE,
            details={"requested_priority": asked},
            now=now,
        )
        return changed, [event]

    def record_quarantined(
        self, quarantined: Sequence[QuarantinedObject], *, now: datetime
    ) -> None:
        """Make objects that could not be filed visible to the administrator."""
        with self._store.transaction() as transaction:
            transaction.append_events(
                [
                    Event(
                        kind="object_quarantined",
                        at=now,
                        actor=VIGIE,
                        study_instance_uid=None,
                        details={
                            "quarantine_path": one.quarantine_path,
                            "reason": one.reason,
                            "sha256": one.sha256,
                            "calling_ae_title": one.calling_ae_title,
                        },
                    )
                    for one in quarantined
                    if transaction.add_quarantined(one)
                ]
            )

    def studies_arriving(self) -> list[StudyArrival]:
        """Studies whose images may still be coming."""
        return self._store.arriving_studies()

    def complete_study(
        self, uid: StudyInstanceUID, *, completeness: Completeness, now: datetime
    ) -> None:
        """Hand a study to the detectors: its state and its job commit together.

        Raises
        ------
        UnknownStudy
            If it was never filed.
        """
        with self._store.transaction() as transaction:
            record = locked(transaction, uid)
            if not record.arriving:
                return
            record = queued(transaction, replace(record, arriving=False, completeness=completeness))
            transaction.save_preview(uid, choose_preview(transaction.study_images(uid)))
            details = {
                "completeness": completeness,
                "instance_count": record.instance_count,
                "assessment_number": record.assessment_number,
            }
            events = [_event("study_complete", record, now, **details)]
            if completeness is Completeness.COMPLETE and record.assessment_number == 1:
                events += self._reported_already(transaction, record, now)
            transaction.append_events(events)


_URGENCY = {priority: rank for rank, priority in enumerate(RequestedPriority)}


def _most_urgent(group: Iterable[InstanceArrival]) -> RequestedPriority | None:
    said = [one.study.requested_priority for one in group if one.study.requested_priority]
    return min(said, key=_URGENCY.__getitem__, default=None)


def _study_uid(arrival: InstanceArrival) -> StudyInstanceUID:
    return arrival.study.study_instance_uid


def _by_study(
    arrivals: Iterable[InstanceArrival],
) -> dict[StudyInstanceUID, list[InstanceArrival]]:
    in_order = sorted(arrivals, key=_study_uid)
    return {uid: list(group) for uid, group in groupby(in_order, key=_study_uid)}


def _as_known(arrival: InstanceArrival) -> KnownInstance:
    return KnownInstance(
        study_instance_uid=_study_uid(arrival),
        sha256=arrival.sha256,
        transfer_syntax_uid=arrival.transfer_syntax_uid,
    )


def _reopened(record: StudyRecord, now: datetime) -> StudyRecord:
    if record.reading_state is ReadingState.READ:
        record = replace(record, reading_state=after(record.reading_state, ReadingAct.REOPEN))
    return record if record.arriving else replace(record, arriving=True, reopened_at=now)


def _event(kind: str, record: StudyRecord, now: datetime, **details: object) -> Event:
    return Event(
        kind=kind,
        at=now,
        actor=VIGIE,
        study_instance_uid=record.study_instance_uid,
        details=details,
    )


def _arrived_event(
    transaction: Transaction, record: StudyRecord, first: InstanceArrival, now: datetime
) -> Event:
    return _event(
        "study_arrived",
        record,
        now,
        received_at=record.received_at.isoformat(),
        calling_ae_title=first.calling_ae_title,
        requested_priority=record.requested_priority,
        due_at=record.due_at.isoformat(),
        place=place(transaction, record),
        reason=record.reason,
    )


def _conflict_events(arrival: InstanceArrival, before: KnownInstance, now: datetime) -> list[Event]:
    """One for the study that has the UID, and one for the other study the new object names."""
    filed_in, named = before.study_instance_uid, _study_uid(arrival)
    return [
        Event(
            kind="instance_conflict",
            at=now,
            actor=VIGIE,
            study_instance_uid=uid,
            details={
                "sop_instance_uid": arrival.sop_instance_uid,
                "sha256": arrival.sha256,
                "filed_sha256": before.sha256,
                "filed_in_study": filed_in,
                "names_study": named,
                "filed_here": uid == filed_in,
                "calling_ae_title": arrival.calling_ae_title,
            },
        )
        for uid in dict.fromkeys((filed_in, named))
    ]
