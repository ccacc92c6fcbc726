"""Reports of the RIS: whose they are, and when one takes its study off the list (P5).

A report is kept as it was said, and once more for each study that it turns out to be of.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from worklist.claiming import claim_ended
from worklist.claims import ClaimEnd
from worklist.exchange_ports import KeptReport
from worklist.orders import (
    InUse,
    Order,
    Report,
    ReportStatus,
    given_by,
    is_named,
    merged_into,
)
from worklist.placement import VIGIE, Rules, as_meant, moved_event
from worklist.ports import Event, StudyRecord, Transaction
from worklist.reading import ReadingAct, ReadingState, after
from worklist.uid import StudyInstanceUID

READING_ACTS = (  # kinds of events
    "concluded",
    "marked_read",
    "reopened",
    "reported_elsewhere",
    "report_withdrawn",
    "study_reopened",
)
_REOPENED = "reopened"
_REPORTED = "reported_elsewhere"
_CLOCKS_DIFFER = timedelta(minutes=5)  # of a modality and the RIS


class ReportRules(Rules):
    """What reports do to studies, for messages that come and for images that come."""

    def _reported_on(
        self, transaction: Transaction, report: Report, record: StudyRecord, now: datetime
    ) -> list[Event]:
        """What a report that comes now does to a study that is here; told again it does nothing."""
        known = transaction.reports_of(record.study_instance_uid)
        if any(_is_same(report, one.report) for one in known):
            return []
        is_overtaken = _is_overtaken(report, known)
        transaction.add_report(report, record.study_instance_uid, now)
        details = {"accession_number": report.accession_number, "status": report.status}
        if is_overtaken:
            return [_event("report_observed", record, now, **details)]
        is_read = record.reading_state is ReadingState.READ
        if report.is_signed and not is_read and self._is_of_all(transaction, report, record):
            return self._read_elsewhere(transaction, record, details, now)
        if (
            report.status is ReportStatus.CANCELLED
            and is_read
            and _last_act(transaction, record) == _REPORTED
        ):
            return self._withdrawn(transaction, record, details, now)
        return [_event("report_observed", record, now, **details)]

    def _is_of_all(self, transaction: Transaction, report: Report, record: StudyRecord) -> bool:
        """Whether it was signed after a person put the study back, and when all images were made.

        One that was held up, or is told once more, may be older than either.
        """
        last = transaction.last_reading_act(record.study_instance_uid)
        if last is not None and last.kind == _REOPENED and report.said_at <= last.at:
            return False
        is_newest = report.said_at >= record.last_received_at
        return is_newest or self._is_after_images(transaction, report, record)

    def _is_after_images(
        self, transaction: Transaction, report: Report, record: StudyRecord
    ) -> bool:
        """Whether every image says that it was made well before."""
        made_at = transaction.newest_image_at(record.study_instance_uid)
        if made_at is None:
            return False
        return as_meant(made_at, self._zone) + _CLOCKS_DIFFER <= report.said_at

    def _read_elsewhere(
        self,
        transaction: Transaction,
        record: StudyRecord,
        details: Mapping[str, object],
        now: datetime,
    ) -> list[Event]:
        """It leaves the list, and nobody holds it any more."""
        read = replace(record, reading_state=after(record.reading_state, ReadingAct.MARK_READ))
        transaction.save_study(read)
        event = moved_event(
            transaction,
            record,
            read,
            kind=_REPORTED,
            actor=VIGIE,
            details=details,
            now=now,
        )
        uid = record.study_instance_uid
        ended = claim_ended(transaction, uid, ClaimEnd.READ_ELSEWHERE, actor=VIGIE, now=now)
        return [event, *ended]

    def _withdrawn(
        self,
        transaction: Transaction,
        record: StudyRecord,
        details: Mapping[str, object],
        now: datetime,
    ) -> list[Event]:
        """The report that took it off the list counts no more: somebody has to read it."""
        state = after(record.reading_state, ReadingAct.REOPEN)
        unread = self._placed(transaction, replace(record, reading_state=state))
        transaction.save_study(unread)
        event = moved_event(
            transaction,
            record,
            unread,
            kind="report_withdrawn",
            actor=VIGIE,
            details=details,
            now=now,
        )
        return [event]

    def _reported_before(
        self, transaction: Transaction, uids: Sequence[StudyInstanceUID], now: datetime
    ) -> list[Event]:
        """What was said of these studies when they were not here, or of another patient.

        A signed report marks those read whose images were all here when it came: a merge of
        patients told only later whose it was. For images that come later see `_reported_already`.
        """
        events: list[Event] = []
        missed = transaction.missed_reports(uids)
        for uid, record in transaction.lock_studies(missed).items():
            found = _newest_last(missed[uid])
            who = record.patient_id, self._issuers_of(record)
            mine = [one for one in found if is_of(transaction, *who, one.report)]
            for one in mine:
                transaction.add_report(one.report, uid, one.received_at)
                events.append(_event("earlier_report_found", record, now, **_told(one)))
            if mine and not _is_persons(transaction, record):
                events += self._read_as_found(transaction, record, mine, now)
        return events

    def _read_as_found(
        self,
        transaction: Transaction,
        record: StudyRecord,
        found: Sequence[KeptReport],
        now: datetime,
    ) -> list[Event]:
        """Only what is newest of all its reports counts: one that was known may withdraw these."""
        newest = _newest_last(transaction.reports_of(record.study_instance_uid))[-1]
        is_of_all = self._is_of_all(transaction, newest.report, record)
        if newest not in found or not _is_over(newest, record) or not is_of_all:
            return []
        return self._read_elsewhere(transaction, record, _told(newest), now)

    def _reported_already(
        self, transaction: Transaction, record: StudyRecord, now: datetime
    ) -> list[Event]:
        """Mark a study read that was reported before its images came here, all of them.

        For one that is complete for the first time: images that come after that bring a study
        back, whatever their headers say. Every image has to say when it was made, well before the
        report.
        """
        if _is_persons(transaction, record):
            return []
        reports = _newest_last(transaction.reports_of(record.study_instance_uid))
        if not reports or not reports[-1].report.is_signed:
            return []
        if not self._is_after_images(transaction, reports[-1].report, record):
            return []
        return self._read_elsewhere(transaction, record, _told(reports[-1]), now)


def ids_in_use(transaction: Transaction, issuers: Collection[str]) -> InUse:
    """What gives the patient ID that the RIS has put in place of another, or the same.

    Parameters
    ----------
    issuers
        Who gave them; empty: anybody.
    """
    return lambda patient_id: merged_into(patient_id, transaction.merges_of(patient_id, issuers))


def is_of(
    transaction: Transaction, patient_id: str, issuers: Collection[str], told: Order | Report
) -> bool:
    """Whether a study with this patient ID is of whom the RIS names."""
    theirs = given_by(issuers, told.patient_ids, told.issuers)
    return is_named(patient_id, theirs, ids_in_use(transaction, issuers))


def in_force(reports: Sequence[KeptReport]) -> list[tuple[KeptReport, datetime | None]]:
    """A study's reports in the order in which they were said, and when each was withdrawn.

    A message that came late is no newer for that. None: it was not withdrawn, or is itself what
    withdrew those before it.
    """
    told: list[tuple[KeptReport, datetime | None]] = []
    for one in _newest_last(reports):
        if one.report.status is ReportStatus.CANCELLED:
            told = [(each, _withdrawn_at(each, at, one)) for each, at in told]
        told.append((one, None))
    return told


def _withdrawn_at(kept: KeptReport, at: datetime | None, withdrawal: KeptReport) -> datetime | None:
    is_withdrawal = kept.report.status is ReportStatus.CANCELLED
    return None if is_withdrawal else at or withdrawal.report.said_at


def _is_overtaken(report: Report, known: Sequence[KeptReport]) -> bool:
    """Whether it was signed before it was withdrawn, or withdrawn before it was signed anew."""
    decided = [one.report for one in known if one.report.status is not ReportStatus.PRELIMINARY]
    newer = [one for one in decided if one.said_at > report.said_at]
    return any(one.is_signed is not report.is_signed for one in newer)


def _newest_last(reports: Sequence[KeptReport]) -> list[KeptReport]:
    return sorted(reports, key=lambda one: (one.report.said_at, one.received_at))


def _is_over(kept: KeptReport, record: StudyRecord) -> bool:
    """Whether it was signed when all that is here of the study was here."""
    is_whole = not record.arriving and kept.received_at >= record.last_received_at
    return kept.report.is_signed and is_whole


def _is_persons(transaction: Transaction, record: StudyRecord) -> bool:
    """Whether it is read, or a person has put it back on the list: then no older report counts."""
    if record.reading_state is ReadingState.READ:
        return True
    return _last_act(transaction, record) == _REOPENED


def _last_act(transaction: Transaction, record: StudyRecord) -> str:
    last = transaction.last_reading_act(record.study_instance_uid)
    return "" if last is None else last.kind


def _is_same(report: Report, other: Report) -> bool:
    """Whether the RIS has only told it once more."""
    return (report.status, report.said_at, report.text) == (
        other.status,
        other.said_at,
        other.text,
    )


def _told(kept: KeptReport) -> dict[str, object]:
    return {
        "accession_number": kept.report.accession_number,
        "status": kept.report.status,
        "received_at": kept.received_at.isoformat(),
    }


def _event(kind: str, record: StudyRecord, now: datetime, **details: object) -> Event:
    uid: StudyInstanceUID = record.study_instance_uid
    return Event(kind=kind, at=now, actor=VIGIE, study_instance_uid=uid, details=details)
