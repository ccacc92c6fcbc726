"""The RIS speaks: orders, patients and reports, each message as one transaction with its events.

A message is acknowledged after its transaction; the same message again changes nothing.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from worklist.exchange_ports import KeptAnswer, ReceivedMessage
from worklist.identity import AnotherPatient, is_another
from worklist.orders import (
    MessageHeader,
    MessageState,
    Order,
    OrderControl,
    OrderedPatient,
    PatientMerge,
    PatientUpdate,
    Report,
    Statement,
    given_by,
    is_more_urgent,
    requested_by,
    same_order,
    taken,
)
from worklist.placement import VIGIE, brought_forward, moved_event, requested_target_of
from worklist.ports import Event, StudyRecord, Transaction
from worklist.reported import ReportRules, ids_in_use, is_of
from worklist.uid import StudyInstanceUID

ACCEPTED = KeptAnswer(code="AA", error="")


class OrderRules(ReportRules):
    """What orders do to studies, for messages that come and for images that come."""

    def _as_ordered(
        self,
        transaction: Transaction,
        record: StudyRecord,
        orders: Sequence[Order],
        now: datetime,
    ) -> tuple[StudyRecord, list[Event]]:
        """The study, asked for as its orders say; a person's priority stays in force (P7)."""
        asked = requested_by(orders, record.requested_priority)
        if asked is record.requested_priority:
            return record, []
        changed = replace(record, requested_priority=asked, requested_by_order=True)
        if record.priority_override is None:
            changed = self._asked_anew(transaction, record, changed)
        event = moved_event(
            transaction,
            record,
            changed,
            kind="order_priority_changed",
            actor=VIGIE,
            details={
                "requested_priority": asked,
                "requested_before": record.requested_priority,
                "accession_number": orders[0].accession_number,
                "order_numbers": [one.order_number for one in orders],
            },
            now=now,
        )
        return changed, [event]

    def _asked_anew(
        self, transaction: Transaction, before: StudyRecord, changed: StudyRecord
    ) -> StudyRecord:
        """A more urgent order never makes a due time later, whatever the targets are now."""
        target: timedelta = self._targets.requested[changed.requested_priority]
        if not is_more_urgent(changed.requested_priority, before.requested_priority):
            return self._placed(transaction, changed, target)
        target = min(target, requested_target_of(before))
        return brought_forward(before, self._placed(transaction, changed, target))

    def _ordered_before(
        self,
        transaction: Transaction,
        uids: Sequence[StudyInstanceUID],
        begun: Collection[StudyInstanceUID],
        now: datetime,
    ) -> list[Event]:
        """What orders ask for that came before these studies' newest images.

        Parameters
        ----------
        begun
            Those whose first images these are.
        """
        numbers = transaction.accession_numbers_of(uids)
        events: list[Event] = []
        for uid, record in transaction.lock_studies(numbers).items():
            orders = self._orders_for(transaction, record, numbers[uid])
            if not orders and uid in begun:
                events.append(_other_patient(record, numbers[uid], now))
            changed, moved = self._as_ordered(transaction, record, orders, now)
            transaction.save_study(changed)
            events += moved
        return events

    def _orders_for(
        self, transaction: Transaction, record: StudyRecord, accession_number: str
    ) -> list[Order]:
        orders = transaction.orders_with(accession_number)
        who = record.patient_id, self._issuers_of(record)
        return [one for one in orders if is_of(transaction, *who, one)]


class Exchange(OrderRules):
    """The part of the service that the HL7 interface calls."""

    def receive(
        self,
        header: MessageHeader,
        said: Sequence[Statement],
        *,
        same_patient: bool = False,
        remark: str = "",
        now: datetime,
    ) -> KeptAnswer:
        """Do what a message says, all of it or nothing; the same message again does nothing.

        Parameters
        ----------
        said
            In the message's order; empty: nothing that matters here.
        same_patient
            A person says that it is the patient of the studies, although he is called otherwise.
        remark
            A sentence for the log of messages: it is taken, but something is odd.

        Returns
        -------
        KeptAnswer
            How to acknowledge it, now that it is durable.

        Raises
        ------
        StoreUnavailable
            If the database does not answer; nothing was changed, and nothing may be answered.
        RefusedByStore
            If the database does not take these very data; nothing was changed.
        AnotherPatient
            If name and birth date are others than those of the studies; nothing was changed.
        """
        with self._store.transaction() as transaction:
            # As filing does: an order and the images it is for never miss each other.
            transaction.lock_filing()
            transaction.lock_ai_switch(exclusive=False)
            kept = transaction.answer_to(header)
            if kept is not None:
                return kept
            for one in () if same_patient else said:
                self._check_patient(transaction, one, now)
            done = [self._told(transaction, one, now) for one in said]
            events = [event for one in done for event in one.events]
            transaction.add_received(
                ReceivedMessage(
                    header=header,
                    state=_state_after(done),
                    code=ACCEPTED.code,
                    error=remark,
                    received_at=now,
                )
            )
            transaction.append_events(events)
        return ACCEPTED

    def refuse(
        self,
        header: MessageHeader,
        *,
        code: str,
        error: str,
        raw: bytes,
        is_whole: bool = True,
        now: datetime,
    ) -> KeptAnswer:
        """Keep a message that cannot be taken as a dead letter, and say how to answer it.

        Parameters
        ----------
        is_whole
            Otherwise the bytes are only its beginning, and it can never be taken from them.
        """
        with self._store.transaction() as transaction:
            kept = transaction.answer_to(header)
            if kept is not None:
                return kept
            transaction.add_received(
                ReceivedMessage(
                    header=header,
                    state=MessageState.REFUSED,
                    code=code,
                    error=error,
                    received_at=now,
                    raw=raw,
                    is_whole=is_whole,
                )
            )
        return KeptAnswer(code=code, error=error)

    def _told(self, transaction: Transaction, one: Statement, now: datetime) -> "_Done":
        match one:
            case PatientUpdate():
                return _Done(self._patient_updated(transaction, one, now))
            case PatientMerge():
                return _Done(self._patients_merged(transaction, one, now))
            case Report():
                return _Done(self._reported(transaction, one, now))
        return self._ordered(transaction, one, now)

    def _ordered(self, transaction: Transaction, order: Order, now: datetime) -> "_Done":
        known = transaction.orders_with(order.accession_number)
        in_use = ids_in_use(transaction, order.issuers)
        before = next((one for one in known if same_order(one, order, in_use)), None)
        latest = taken(order, before)
        if latest is None:
            return _Done(self._outdated(transaction, order, now), is_outdated=True)
        if latest == before:
            return _Done([])
        transaction.save_order(latest, before)
        events: list[Event] = []
        studies, strangers = self._studies_of(transaction, latest)
        events += [_other_patient(one, order.accession_number, now) for one in strangers]
        for record in studies:
            kind = _turn_of(latest, before)
            if kind:
                details = {"accession_number": order.accession_number}
                events.append(_event(kind, record, now, **details))
            orders = self._orders_for(transaction, record, order.accession_number)
            changed, moved = self._as_ordered(transaction, record, orders, now)
            transaction.save_study(changed)
            events += moved
        return _Done(events)

    def _reported(self, transaction: Transaction, report: Report, now: datetime) -> list[Event]:
        number = report.accession_number
        studies, strangers = self._studies_of(transaction, report)
        if not studies:
            transaction.add_report(report, None, now)
        events = [_other_patient(one, number, now) for one in strangers]
        for record in studies:
            events += self._reported_on(transaction, report, record, now)
        return events

    def _patients_merged(
        self, transaction: Transaction, merge: PatientMerge, now: datetime
    ) -> list[Event]:
        in_use = merge.patient.patient_ids[0]
        former = [one for one in merge.former_ids if one != in_use]
        transaction.add_merges(former, in_use, merge.patient.issuers, now)
        records = self._records_of(transaction, replace(merge.patient, patient_ids=tuple(former)))
        transaction.update_patient(list(records), merge.patient, in_use)
        events: list[Event] = []
        for record in records.values():
            details = {"from_patient_id": record.patient_id, "patient_id": in_use}
            events.append(_event("patient_merged", record, now, **details))
        # Orders and reports of either identifier are for studies of both now.
        uids = transaction.studies_of_patients([in_use])
        events += self._ordered_before(transaction, uids, (), now)
        return events + self._reported_before(transaction, uids, now)

    def _studies_of(
        self, transaction: Transaction, told: Order | Report
    ) -> tuple[list[StudyRecord], list[StudyRecord]]:
        """The studies of its accession number, held against change: its patient's, and others'."""
        uids = [one.study_instance_uid for one in transaction.studies_with(told.accession_number)]
        mine: list[StudyRecord] = []
        strangers: list[StudyRecord] = []
        for record in transaction.lock_studies(uids).values():
            is_mine = is_of(transaction, record.patient_id, self._issuers_of(record), told)
            (mine if is_mine else strangers).append(record)
        return mine, strangers

    def _records_of(
        self, transaction: Transaction, who: OrderedPatient
    ) -> dict[StudyInstanceUID, StudyRecord]:
        """The studies with one of his IDs, held against change; none of another authority."""
        records = transaction.lock_studies(transaction.studies_of_patients(who.patient_ids))
        return {
            uid: one
            for uid, one in records.items()
            if one.patient_id in given_by(self._issuers_of(one), who.patient_ids, who.issuers)
        }

    def _check_patient(self, transaction: Transaction, said: Statement, now: datetime) -> None:
        """Raise AnotherPatient before a stranger's study leaves the list or gets another's name.

        An order can do neither: it needs the accession number and a patient ID, and no more.
        """
        match said:
            case Report(patient=OrderedPatient() as patient):
                studies, _ = self._studies_of(transaction, said)
                uids = [one.study_instance_uid for one in studies]
            case PatientUpdate(patient=patient):
                uids = list(self._records_of(transaction, patient))
            case PatientMerge(patient=patient):
                both = (*said.former_ids, *patient.patient_ids)
                uids = list(self._records_of(transaction, replace(patient, patient_ids=both)))
            case _:
                return
        if any(is_another(patient, known, now) for known in transaction.patients_of(uids)):
            raise AnotherPatient

    def _outdated(self, transaction: Transaction, order: Order, now: datetime) -> list[Event]:
        """An older message changed nothing: whoever wonders about its priority finds it."""
        studies, _ = self._studies_of(transaction, order)
        number = order.accession_number
        return [_event("older_order_ignored", one, now, accession_number=number) for one in studies]

    def _patient_updated(
        self, transaction: Transaction, update: PatientUpdate, now: datetime
    ) -> list[Event]:
        patient = update.patient
        records = self._records_of(transaction, patient)
        changed = transaction.update_patient(list(records), patient, None)
        return [_event("patient_updated", records[uid], now) for uid in changed]


@dataclass(frozen=True, slots=True)
class _Done:
    """What one thing that a message says has come to."""

    events: Sequence[Event]
    is_outdated: bool = False  # it is older than what is known, and changed nothing


def _state_after(done: Sequence[_Done]) -> MessageState:
    if not done:
        return MessageState.IGNORED
    outdated = all(one.is_outdated for one in done)
    return MessageState.OUTDATED if outdated else MessageState.ACCEPTED


def _turn_of(latest: Order, before: Order | None) -> str:
    """The kind of event that tells of an order's end, or of its coming back; empty: of neither."""
    was, is_now = (
        one is not None and one.control is OrderControl.CANCELLED for one in (before, latest)
    )
    if was == is_now:
        return ""
    return "order_cancelled" if is_now else "ordered_again"


def _other_patient(record: StudyRecord, accession_number: str, now: datetime) -> Event:
    """Nothing was done to it, and somebody should know why."""
    details = {"accession_number": accession_number}
    return _event("ris_names_another_patient", record, now, **details)


def _event(kind: str, record: StudyRecord, now: datetime, **details: object) -> Event:
    uid: StudyInstanceUID = record.study_instance_uid
    return Event(kind=kind, at=now, actor=VIGIE, study_instance_uid=uid, details=details)
