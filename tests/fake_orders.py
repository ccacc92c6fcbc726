"""The part of the store in memory that orders, patients and reports need."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from tests.fake_readings import ReadingTables
from worklist.exchange_ports import KeptAnswer, KeptReport, ReadingTurn, ReceivedMessage
from worklist.identity import KnownPatient
from worklist.orders import (
    MessageHeader,
    MessageState,
    Order,
    OrderedPatient,
    OrderedStudy,
    Report,
)
from worklist.reported import READING_ACTS
from worklist.study import ObjectRole
from worklist.uid import StudyInstanceUID

if TYPE_CHECKING:
    from tests.fakes import Tables


@dataclass(kw_only=True, slots=True)
class OrderTables(ReadingTables):
    """What is kept of the RIS."""

    orders: list[Order] = field(default_factory=list)
    merges: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)
    reports: list[tuple[StudyInstanceUID | None, KeptReport]] = field(default_factory=list)
    received: dict[tuple[str, str, str], ReceivedMessage] = field(default_factory=dict)


class FakeOrders:
    """The methods of `worklist.exchange_ports.OrderTransaction`."""

    _tables: "Tables"

    def orders_with(self, accession_number: str) -> list[Order]:
        return [one for one in self._tables.orders if one.accession_number == accession_number]

    def save_order(self, order: Order, before: Order | None) -> None:
        if before is None:
            self._tables.orders.append(order)
        else:
            self._tables.orders[self._tables.orders.index(before)] = order

    def accession_numbers_of(self, uids: Sequence[StudyInstanceUID]) -> dict[StudyInstanceUID, str]:
        borne = {one.accession_number for one in self._tables.orders}
        numbers = {uid: self._tables.attributes[uid].accession_number for uid in uids}
        return {uid: number for uid, number in numbers.items() if number in borne}

    def studies_with(self, accession_number: str) -> list[OrderedStudy]:
        return [
            OrderedStudy(study_instance_uid=uid, patient_id=self._tables.studies[uid].patient_id)
            for uid, one in sorted(self._tables.attributes.items())
            if one.accession_number == accession_number
        ]

    def studies_of_patients(self, patient_ids: Sequence[str]) -> list[StudyInstanceUID]:
        return [
            uid
            for patient_id in dict.fromkeys(patient_ids)
            for uid, one in sorted(self._tables.studies.items())
            if patient_id and one.patient_id == patient_id
        ]

    def update_patient(
        self, uids: Sequence[StudyInstanceUID], patient: OrderedPatient, patient_id: str | None
    ) -> list[StudyInstanceUID]:
        said = {
            "patient_name": patient.name,
            "patient_birth_date": patient.birth_date,
            "patient_sex": patient.sex,
            "patient_id": patient_id,
        }
        values = {name: value for name, value in said.items() if value is not None}
        changed = []
        for uid in uids:
            before = self._tables.attributes[uid]
            before = replace(before, patient_id=self._tables.studies[uid].patient_id)
            after = replace(before, **values)  # type: ignore[arg-type]
            if after != before:
                changed.append(uid)
                self._tables.attributes[uid] = after
                record = self._tables.studies[uid]
                self._tables.studies[uid] = replace(record, patient_id=after.patient_id)
        return changed

    def patients_of(self, uids: Collection[StudyInstanceUID]) -> list[KnownPatient]:
        known = [self._tables.attributes[uid] for uid in uids]
        return [
            KnownPatient(name=one.patient_name, birth_date=one.patient_birth_date) for one in known
        ]

    def add_merges(
        self, former_ids: Sequence[str], patient_id: str, issuers: Collection[str], now: datetime
    ) -> None:
        kept = [
            one
            for one in self._tables.merges
            if one[0] != patient_id or _are_foreign(one[2], issuers)
        ]
        told = [(one, patient_id, tuple(issuers)) for one in former_ids if one != patient_id]
        self._tables.merges = kept + told

    def merges_of(self, patient_id: str, issuers: Collection[str]) -> list[tuple[str, str]]:
        return [
            (former, into)
            for former, into, gave in self._tables.merges
            if not _are_foreign(gave, issuers)
        ]

    def add_report(
        self, report: Report, uid: StudyInstanceUID | None, received_at: datetime
    ) -> None:
        self._tables.reports.append((uid, KeptReport(report=report, received_at=received_at)))

    def reports_of(self, uid: StudyInstanceUID) -> list[KeptReport]:
        return [one for study, one in self._tables.reports if study == uid]

    def missed_reports(
        self, uids: Collection[StudyInstanceUID]
    ) -> dict[StudyInstanceUID, Sequence[KeptReport]]:
        found: dict[StudyInstanceUID, Sequence[KeptReport]] = {}
        for uid in uids:
            number = self._tables.attributes[uid].accession_number
            mine = self.reports_of(uid)
            missed = [
                one
                for _, one in self._tables.reports
                if number and one.report.accession_number == number and one not in mine
            ]
            if missed:
                found[uid] = list(dict.fromkeys(missed))
        return found

    def newest_image_at(self, uid: StudyInstanceUID) -> datetime | None:
        images = [
            one
            for one in self._tables.instances.values()
            if one.study.study_instance_uid == uid
            and one.rows is not None
            and one.role is not ObjectRole.RESULT
        ]
        made_at = [one.made_at for one in images if one.made_at is not None]
        return max(made_at) if images and len(made_at) == len(images) else None

    def last_reading_act(self, uid: StudyInstanceUID) -> ReadingTurn | None:
        turns = [
            ReadingTurn(kind=one.kind, at=one.at)
            for one in self._tables.events
            if one.study_instance_uid == uid and one.kind in READING_ACTS
        ]
        return turns[-1] if turns else None

    def answer_to(self, header: MessageHeader) -> KeptAnswer | None:
        kept = self._tables.received.get(_key(header))
        if kept is None or kept.state in (MessageState.REFUSED, MessageState.DISMISSED):
            return None
        return KeptAnswer(code=kept.code, error=kept.error)

    def add_received(self, message: ReceivedMessage) -> int:
        assert (message.state is MessageState.REFUSED) == (message.raw is not None)
        self._tables.received[_key(message.header)] = message
        return len(self._tables.received)


def _are_foreign(issuers: Collection[str], others: Collection[str]) -> bool:
    """Whether a merge of one is none of the other's; where one side does not say, it may be."""
    return bool(issuers) and bool(others) and not set(issuers) & set(others)


def _key(header: MessageHeader) -> tuple[str, str, str]:
    return header.sha256, header.sender, header.control_id
