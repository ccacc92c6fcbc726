"""How cases and what they rest on are read from their tables."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from worklist.case_review import OPEN_TO_REVIEW, Case, Involvement, Review
from worklist.conclusion import Answer
from worklist.finding import OutcomeState, TargetFinding
from worklist.orders import ReportStatus
from worklist.quality import AIAnswer, CaseKind, Evidence, ReaderAnswer, ordered_kinds
from worklist.quality_ports import CaseRow, SignedReport, StudyEvidence
from worklist.reading import ReadingState
from worklist.store import exchange_tables as x
from worklist.store import quality_tables as q
from worklist.store import reading_tables as r
from worklist.store import tables as t
from worklist.uid import StudyInstanceUID
from worklist.verification import Verified

_CASE = q.quality_case.c
_REVIEW = q.case_review.c
_REASON = q.case_reason.c
_SAID_BY_READERS = (r.conclusion, t.claim, r.judgement, r.drawn_finding, r.first_look_answer)
_PERSON = "person "  # before an account's name, as events name who acts


def evidence_of(connection: sa.Connection, uid: StudyInstanceUID) -> StudyEvidence:
    """What AI and people said of a study."""
    ai: dict[TargetFinding, list[AIAnswer]] = defaultdict(list)
    outcomes = t.outcome.c
    for row in connection.execute(
        sa.select(t.outcome)
        .where(outcomes.study_instance_uid == uid, outcomes.current)
        .order_by(outcomes.detector)
    ):
        ai[row.target].append(
            AIAnswer(
                detector=row.detector,
                state=OutcomeState(row.kind.value),
                probability=row.probability,
                was_late=row.too_late,
            )
        )
    said: dict[TargetFinding, list[ReaderAnswer]] = defaultdict(list)
    for row in connection.execute(_answers_of(r.conclusion.c.study_instance_uid == uid)):
        said[row.target].append(ReaderAnswer(account=row.account, answer=row.answer))
    detectors = t.detector.c
    looked_for = set(
        connection.scalars(sa.select(detectors.target).where(detectors.broken.is_(None)))
    )
    return StudyEvidence(
        findings=tuple(
            Evidence(
                target=target,
                ai=tuple(ai[target]),
                is_looked_for=target in looked_for,
                conclusions=tuple(said[target]),
            )
            for target in TargetFinding
        ),
        report=signed_report(connection, uid),
    )


def _answers_of(mine: sa.ColumnElement[bool]) -> sa.Select[Any]:
    conclusion, answer = r.conclusion.c, r.conclusion_answer.c
    return (
        sa.select(conclusion.study_instance_uid, conclusion.account, answer.target, answer.answer)
        .join(
            r.conclusion_answer,
            sa.and_(
                answer.study_instance_uid == conclusion.study_instance_uid,
                answer.number == conclusion.number,
            ),
        )
        .where(mine)
        .order_by(conclusion.study_instance_uid, conclusion.number, answer.target)
    )


def signed_report(connection: sa.Connection, uid: StudyInstanceUID) -> SignedReport | None:
    """The newest of a study; one that was cancelled after it was signed is none."""
    columns = x.report.c
    newest = connection.execute(
        sa.select(x.report)
        .where(columns.study_instance_uid == uid, columns.status != ReportStatus.PRELIMINARY)
        .order_by(columns.said_at.desc(), columns.report_id.desc())
        .limit(1)
    ).first()
    if newest is None or newest.status is ReportStatus.CANCELLED or not newest.text.strip():
        return None
    return SignedReport(report_id=newest.report_id, text=newest.text, said_at=newest.said_at)


def case_rows(
    connection: sa.Connection, wanted: sa.ColumnElement[bool], *, limit: int = 1
) -> list[CaseRow]:
    """Cases with their reasons and reviews, by their numbers."""
    study, series = t.study.c, t.series.c
    modalities = (
        sa.select(sa.func.array_agg(sa.distinct(series.modality)))
        .where(series.study_instance_uid == study.study_instance_uid, series.modality != "")
        .scalar_subquery()
    )
    rows = connection.execute(
        sa.select(
            q.quality_case,
            study.accession_number,
            study.patient_id,
            study.patient_name,
            study.study_description,
            study.study_at,
            modalities.label("modalities"),
        )
        .join(t.study, study.study_instance_uid == _CASE.study_instance_uid)
        .where(wanted)
        .order_by(_CASE.case_id)
        .limit(limit)
    ).all()
    numbers = [row.case_id for row in rows]
    reviews = _by_case(connection, q.case_review, numbers, _REVIEW.number)
    reasons = _by_case(connection, q.case_reason, numbers, _REASON.kind)
    return [
        CaseRow(
            case=_case(row, reviews[row.case_id], reasons[row.case_id]),
            accession_number=row.accession_number,
            patient_id=row.patient_id,
            patient_name=row.patient_name,
            study_description=row.study_description,
            modalities=tuple(row.modalities or ()),
            study_at=row.study_at,
        )
        for row in rows
    ]


def _by_case(
    connection: sa.Connection, table: sa.Table, numbers: Sequence[int], by: sa.Column[Any]
) -> dict[int, list[sa.Row[Any]]]:
    found: dict[int, list[sa.Row[Any]]] = defaultdict(list)
    for row in connection.execute(
        sa.select(table).where(table.c.case_id.in_(numbers)).order_by(by)
    ):
        found[row.case_id].append(row)
    return found


def _case(row: sa.Row[Any], reviews: list[sa.Row[Any]], reasons: list[sa.Row[Any]]) -> Case:
    shares = [one.inclusion_probability for one in reasons if one.inclusion_probability]
    return Case(
        case_id=row.case_id,
        study_instance_uid=StudyInstanceUID(row.study_instance_uid),
        target=row.target,
        kinds=ordered_kinds(one.kind for one in reasons),
        opened_at=row.opened_at,
        due_at=row.due_at,
        state=row.state,
        inclusion_probability=shares[0] if shares else None,
        assigned_to=row.assigned_to,
        reviews=tuple(
            Review(account=one.account, answer=one.answer, comment=one.comment, at=one.at)
            for one in reviews
        ),
        verdict=row.verdict,
        root_cause=row.root_cause,
        action=row.action,
        closed_at=row.closed_at,
        closed_by=row.closed_by,
        teaches=row.teaches,
    )


def involved_in(connection: sa.Connection, uid: StudyInstanceUID) -> Involvement:
    """Who has read a study, and who was shown AI's answers."""
    readers = connection.scalars(
        sa.union(
            *(
                sa.select(one.c.account).where(one.c.study_instance_uid == uid)
                for one in _SAID_BY_READERS
            )
        )
    )
    informed = connection.scalars(
        sa.select(r.reveal.c.looker).where(r.reveal.c.study_instance_uid == uid)
    )
    return Involvement(
        readers=frozenset(readers),
        informed=frozenset(
            one.removeprefix(_PERSON) for one in informed if one.startswith(_PERSON)
        ),
    )


def blind_to(account: str) -> sa.ColumnElement[bool]:
    """Cases that this person may yet have to review; as `worklist.case_review.is_blind`.

    None of a study that is on the list again: it is to be read, by whoever can.
    """
    took_part = (
        sa.exists().where(
            one.c.study_instance_uid == _CASE.study_instance_uid, one.c.account == account
        )
        for one in _SAID_BY_READERS
    )
    return sa.and_(
        _CASE.state.in_(sorted(OPEN_TO_REVIEW)),
        sa.exists().where(
            t.study.c.study_instance_uid == _CASE.study_instance_uid,
            t.study.c.reading_state == ReadingState.READ,
        ),
        ~sa.exists().where(_REVIEW.case_id == _CASE.case_id, _REVIEW.account == account),
        ~sa.exists().where(
            r.reveal.c.study_instance_uid == _CASE.study_instance_uid,
            r.reveal.c.looker == f"{_PERSON}{account}",
        ),
        *(~one for one in took_part),
    )


def verified_of(connection: sa.Connection, target: TargetFinding) -> list[Verified]:
    """Studies of which it is known whether the finding is there.

    Known is the verdict of a case; without a case, of what was flagged in time, the last
    conclusion. Unflagged studies without a case are what the lot stands for.
    """
    verdicts = connection.execute(
        sa.select(_CASE.study_instance_uid, _CASE.case_id, _CASE.verdict).where(
            _CASE.target == target
        )
    ).all()
    reasons = _by_case(connection, q.case_reason, [row.case_id for row in verdicts], _REASON.kind)
    answers = {
        row.study_instance_uid: row.answer
        for row in connection.execute(_answers_of(r.conclusion_answer.c.target == target))
    }
    outcomes = t.outcome.c
    in_time = (outcomes.target == target, outcomes.current, ~outcomes.too_late)
    kinds: dict[str, set[str]] = defaultdict(set)
    for row in connection.execute(
        sa.select(outcomes.study_instance_uid, outcomes.kind).where(*in_time)
    ):
        kinds[row.study_instance_uid].add(row.kind.value)
    known = {row.study_instance_uid: row.verdict for row in verdicts}
    shares = {row.study_instance_uid: _share(reasons[row.case_id]) for row in verdicts}
    found = []
    for uid, states in kinds.items():
        is_flagged = OutcomeState.FLAGGED.value in states
        if not is_flagged and OutcomeState.NOT_FLAGGED.value not in states:
            continue
        if uid in known:
            truth, share = known[uid], shares[uid]
        else:
            truth, share = (answers.get(uid) if is_flagged else None), 1.0
        if truth in (Answer.PRESENT, Answer.ABSENT):
            found.append(
                Verified(
                    is_flagged=is_flagged,
                    is_present=truth is Answer.PRESENT,
                    inclusion_probability=share,
                )
            )
    return found


def _share(reasons: list[sa.Row[Any]]) -> float:
    """1 for what is looked at whatever the lot says."""
    if any(one.kind is not CaseKind.SAMPLE for one in reasons):
        return 1.0
    return min((one.inclusion_probability for one in reasons), default=1.0)
