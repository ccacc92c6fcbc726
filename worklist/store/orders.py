"""What the RIS said, in PostgreSQL: the part of a transaction for orders, patients and reports."""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from worklist.exchange_ports import KeptAnswer, ReceivedMessage
from worklist.identity import KnownPatient
from worklist.orders import (
    MessageHeader,
    MessageState,
    Order,
    OrderedPatient,
    OrderedStudy,
)
from worklist.search import SEARCHED, study_words
from worklist.store import exchange_tables as x
from worklist.store import tables as t
from worklist.store.rows import storable_text
from worklist.uid import StudyInstanceUID

_ORDER = x.imaging_order.c
_STUDY = t.study.c
_LONGEST_CHAIN = 100  # merges of one patient
_TEXTS = sa.ARRAY(sa.Text)
_UIDS = sa.ARRAY(sa.Text(collation="C"))


def searchable(texts: Sequence[str]) -> sa.Function[Any]:
    """The words that a study is found by, as the database looks for them."""
    return sa.func.array_to_tsvector(sa.literal(study_words(texts), _TEXTS))


def _has(column: sa.ColumnElement[str], value: str) -> sa.ColumnElement[bool]:
    """By the index, which takes no long keys."""
    text = storable_text(value)
    return sa.and_(sa.func.left(column, t.INDEXED) == text[: t.INDEXED], column == text)


def _texts(values: Sequence[str]) -> list[str]:
    return [storable_text(one) for one in values]


class OrderRows:
    """The methods of `worklist.exchange_ports.OrderTransaction`."""

    _connection: sa.Connection

    def orders_with(self, accession_number: str) -> list[Order]:
        rows = self._connection.execute(
            sa.select(x.imaging_order)
            .where(_has(_ORDER.accession_number, accession_number))
            .order_by(_ORDER.order_id)
        )
        return [
            Order(
                accession_number=row.accession_number,
                order_number=row.order_number,
                patient_ids=tuple(row.patient_ids),
                control=row.control,
                requested_priority=row.requested_priority,
                patient_class=row.patient_class,
                said_at=row.said_at,
                issuers=tuple(row.issuers),
            )
            for row in rows
        ]

    def save_order(self, order: Order, before: Order | None) -> None:
        values = {
            **asdict(order),
            "accession_number": storable_text(order.accession_number),
            "order_number": storable_text(order.order_number),
            "patient_class": storable_text(order.patient_class),
            "patient_ids": _texts(order.patient_ids),
            "issuers": _texts(order.issuers),
        }
        if before is None:
            self._connection.execute(sa.insert(x.imaging_order).values(values))
            return
        self._connection.execute(
            sa.update(x.imaging_order)
            .where(
                _has(_ORDER.accession_number, before.accession_number),
                _ORDER.order_number == before.order_number,
                _ORDER.patient_ids == list(before.patient_ids),
                _ORDER.issuers == list(before.issuers),
            )
            .values(values)
        )

    def accession_numbers_of(self, uids: Sequence[StudyInstanceUID]) -> dict[StudyInstanceUID, str]:
        bears = sa.exists().where(
            sa.func.left(_ORDER.accession_number, t.INDEXED)
            == sa.func.left(_STUDY.accession_number, t.INDEXED),
            _ORDER.accession_number == _STUDY.accession_number,
        )
        rows = self._connection.execute(
            sa.select(_STUDY.study_instance_uid, _STUDY.accession_number).where(
                _STUDY.study_instance_uid == sa.any_(sa.literal(list(uids), _UIDS)),
                _STUDY.accession_number != "",
                bears,
            )
        )
        return {StudyInstanceUID(row.study_instance_uid): row.accession_number for row in rows}

    def studies_with(self, accession_number: str) -> list[OrderedStudy]:
        rows = self._connection.execute(
            sa.select(_STUDY.study_instance_uid, _STUDY.patient_id)
            .where(_has(_STUDY.accession_number, accession_number))
            .order_by(_STUDY.study_instance_uid)
        )
        return [
            OrderedStudy(
                study_instance_uid=StudyInstanceUID(row.study_instance_uid),
                patient_id=row.patient_id,
            )
            for row in rows
        ]

    def studies_of_patients(self, patient_ids: Sequence[str]) -> list[StudyInstanceUID]:
        found: list[StudyInstanceUID] = []
        for one in dict.fromkeys(_texts(patient_ids)):
            rows = self._connection.scalars(
                sa.select(_STUDY.study_instance_uid)
                .where(_has(_STUDY.patient_id, one))
                .order_by(_STUDY.study_instance_uid)
            )
            found += map(StudyInstanceUID, rows) if one else ()
        return found

    def update_patient(
        self, uids: Sequence[StudyInstanceUID], patient: OrderedPatient, patient_id: str | None
    ) -> list[StudyInstanceUID]:
        said = {
            "patient_name": None if patient.name is None else storable_text(patient.name),
            "patient_birth_date": patient.birth_date,
            "patient_sex": None if patient.sex is None else storable_text(patient.sex),
            "patient_id": None if patient_id is None else storable_text(patient_id),
        }
        values = {name: value for name, value in said.items() if value is not None}
        changed = []
        for uid in uids if values else ():
            mine = _STUDY.study_instance_uid == uid
            row = self._connection.execute(sa.select(t.study).where(mine)).one()._asdict()
            if all(row[name] == value for name, value in values.items()):
                continue
            texts = [{**row, **values}[name] for name in SEARCHED]
            self._connection.execute(
                sa.update(t.study).where(mine).values(**values, search=searchable(texts))
            )
            changed.append(uid)
        return changed

    def patients_of(self, uids: Collection[StudyInstanceUID]) -> list[KnownPatient]:
        rows = self._connection.execute(
            sa.select(_STUDY.patient_name, _STUDY.patient_birth_date).where(
                _STUDY.study_instance_uid == sa.any_(sa.literal(sorted(uids), _UIDS))
            )
        )
        return [
            KnownPatient(name=row.patient_name, birth_date=row.patient_birth_date) for row in rows
        ]

    def add_merges(
        self, former_ids: Sequence[str], patient_id: str, issuers: Collection[str], now: datetime
    ) -> None:
        into, gave = storable_text(patient_id), _texts(sorted(issuers))
        self._connection.execute(
            sa.delete(x.patient_merge).where(x.patient_merge.c.former_id == into, _may_be_of(gave))
        )
        for former in dict.fromkeys(_texts(former_ids)):
            if former and former != into:
                self._connection.execute(
                    sa.insert(x.patient_merge).values(
                        former_id=former, patient_id=into, issuers=gave, at=now
                    )
                )

    def merges_of(self, patient_id: str, issuers: Collection[str]) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        asked = storable_text(patient_id)
        columns = x.patient_merge.c
        for _ in range(_LONGEST_CHAIN):
            into = self._connection.scalar(
                sa.select(columns.patient_id)
                .where(columns.former_id == asked, _may_be_of(_texts(sorted(issuers))))
                .order_by(columns.merge_id.desc())
                .limit(1)
            )
            if into is None or (asked, into) in found:
                break
            found.append((asked, into))
            asked = into
        return found

    def answer_to(self, header: MessageHeader) -> KeptAnswer | None:
        row = self._connection.execute(
            sa.select(x.hl7_received.c.code, x.hl7_received.c.error).where(
                *_is_message(header),
                x.hl7_received.c.state.not_in([MessageState.REFUSED, MessageState.DISMISSED]),
            )
        ).first()
        return None if row is None else KeptAnswer(code=row.code, error=row.error)

    def add_received(self, message: ReceivedMessage) -> int:
        values = {
            **{name: storable_text(value) for name, value in asdict(message.header).items()},
            "state": message.state,
            "code": message.code,
            "error": storable_text(message.error),
            "received_at": message.received_at,
            "raw": message.raw,
            "is_whole": message.is_whole,
        }
        statement = insert(x.hl7_received).values(values)
        latest = ("message_type", "accession_number", "state", "code", "error", "raw", "is_whole")
        number = self._connection.scalar(
            statement.on_conflict_do_update(
                index_elements=["sha256", "sender", "control_id"],
                set_={name: statement.excluded[name] for name in latest},
            ).returning(x.hl7_received.c.message_id)
        )
        return int(number or 0)


def _may_be_of(issuers: Sequence[str]) -> sa.ColumnElement[bool]:
    """Merges within one of these authorities, or of anybody."""
    gave = x.patient_merge.c.issuers
    if not issuers:
        return sa.true()
    return sa.or_(gave == sa.literal([], _TEXTS), gave.overlap(sa.literal(list(issuers), _TEXTS)))


def _is_message(header: MessageHeader) -> tuple[sa.ColumnElement[bool], ...]:
    columns = x.hl7_received.c
    return (
        columns.sha256 == header.sha256,
        columns.sender == storable_text(header.sender),
        columns.control_id == storable_text(header.control_id),
    )
