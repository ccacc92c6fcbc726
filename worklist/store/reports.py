"""Reports of the RIS in PostgreSQL: the part of a transaction for them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from worklist.exchange_ports import KeptReport, ReadingTurn
from worklist.orders import Report
from worklist.reported import READING_ACTS
from worklist.store import exchange_tables as x
from worklist.store import tables as t
from worklist.store.rows import storable_text
from worklist.uid import StudyInstanceUID

_REPORT = x.report.c
_STUDY = t.study.c
_UIDS = sa.ARRAY(sa.Text(collation="C"))
_SAID = (
    "accession_number", "patient_ids", "status", "text", "said_at", "received_at", "issuers",
)  # fmt: skip


class ReportRows:
    """The methods of `worklist.exchange_ports.OrderTransaction` that are about reports."""

    _connection: sa.Connection

    def add_report(
        self, report: Report, uid: StudyInstanceUID | None, received_at: datetime
    ) -> None:
        self._connection.execute(
            sa.insert(x.report).values(
                study_instance_uid=uid,
                accession_number=storable_text(report.accession_number),
                patient_ids=[storable_text(one) for one in report.patient_ids],
                status=report.status,
                text=storable_text(report.text),
                said_at=report.said_at,
                received_at=received_at,
                issuers=[storable_text(one) for one in report.issuers],
            )
        )

    def reports_of(self, uid: StudyInstanceUID) -> list[KeptReport]:
        return reports_of(self._connection, uid)

    def missed_reports(
        self, uids: Collection[StudyInstanceUID]
    ) -> dict[StudyInstanceUID, Sequence[KeptReport]]:
        noted = x.report.alias()
        is_noted = sa.exists().where(
            noted.c.study_instance_uid == _STUDY.study_instance_uid,
            noted.c.received_at == _REPORT.received_at,
            noted.c.said_at == _REPORT.said_at,
            noted.c.status == _REPORT.status,
            noted.c.text == _REPORT.text,
        )
        rows = self._connection.execute(
            sa.select(_STUDY.study_instance_uid.label("study"), *_said())
            .select_from(t.study.join(x.report, _is_of_number()))
            .where(
                _STUDY.study_instance_uid == sa.any_(sa.literal(sorted(uids), _UIDS)),
                _STUDY.accession_number != "",
                ~is_noted,
            )
            .order_by(_REPORT.report_id)
        )
        missed: dict[StudyInstanceUID, dict[KeptReport, None]] = {}
        for row in rows:  # one that other studies have, too, is found once for each of them
            missed.setdefault(StudyInstanceUID(row.study), {})[_kept(row)] = None
        return {uid: list(found) for uid, found in missed.items()}

    def newest_image_at(self, uid: StudyInstanceUID) -> datetime | None:
        made_at = t.instance.c.made_at
        row = self._connection.execute(
            sa.select(sa.func.max(made_at), sa.func.bool_and(made_at.is_not(None))).where(
                t.instance.c.study_instance_uid == uid,
                t.instance.c.rows.is_not(None),
                t.instance.c.made_by_vigie.is_(False),
            )
        ).one()
        newest: datetime | None = row[0]
        return newest if row[1] else None

    def last_reading_act(self, uid: StudyInstanceUID) -> ReadingTurn | None:
        row = self._connection.execute(
            sa.select(t.event.c.kind, t.event.c.at)
            .where(t.event.c.study_instance_uid == uid, t.event.c.kind.in_(READING_ACTS))
            .order_by(t.event.c.event_id.desc())
            .limit(1)
        ).one_or_none()
        return None if row is None else ReadingTurn(kind=row.kind, at=row.at)


def reports_of(connection: sa.Connection, uid: StudyInstanceUID) -> list[KeptReport]:
    """Reports that are noted as a study's, oldest first."""
    rows = connection.execute(
        sa.select(*_said()).where(_REPORT.study_instance_uid == uid).order_by(_REPORT.report_id)
    )
    return [_kept(row) for row in rows]


def _said() -> list[sa.ColumnElement[Any]]:
    return [_REPORT[name] for name in _SAID]


def _is_of_number() -> sa.ColumnElement[bool]:
    """By the index, which takes no long keys."""
    report, study = _REPORT.accession_number, _STUDY.accession_number
    return sa.and_(
        sa.func.left(report, t.INDEXED) == sa.func.left(study, t.INDEXED), report == study
    )


def _kept(row: sa.Row[Any]) -> KeptReport:
    report = Report(
        accession_number=row.accession_number,
        patient_ids=tuple(row.patient_ids),
        status=row.status,
        text=row.text,
        said_at=row.said_at,
        issuers=tuple(row.issuers),
    )
    return KeptReport(report=report, received_at=row.received_at)
