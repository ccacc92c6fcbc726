"""Cases in PostgreSQL: satisfies `worklist.quality_ports`."""

import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from worklist.case_review import Case, CaseState, Involvement, Review
from worklist.finding import TargetFinding
from worklist.people import Role
from worklist.ports import Event
from worklist.quality import CaseKind
from worklist.quality_ports import CaseFilter, CaseRow, Comment, SignedReport, StudyEvidence
from worklist.store import quality_tables as q
from worklist.store import tables as t
from worklist.store.engine import translated
from worklist.store.quality_rows import (
    blind_to,
    case_rows,
    evidence_of,
    involved_in,
    signed_report,
    verified_of,
)
from worklist.store.rows import storable_text
from worklist.store.transaction import PostgresTransaction
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID
from worklist.verification import Verified

_CASE = q.quality_case.c
_DUE = q.quality_due.c


class PostgresQualityTransaction:
    """One unit of work; see `worklist.quality_ports` for what each method promises."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def lock_due(self, uid: StudyInstanceUID) -> bool:
        # The study first, as everybody who says something of it does: else two wait for each other.
        PostgresTransaction(self._connection).lock_studies([uid])
        mine = sa.select(_DUE.study_instance_uid).where(_DUE.study_instance_uid == uid)
        return self._connection.scalar(mine.with_for_update()) is not None

    def looked_at(self, uid: StudyInstanceUID) -> None:
        self._connection.execute(sa.delete(q.quality_due).where(_DUE.study_instance_uid == uid))

    def evidence_of(self, uid: StudyInstanceUID) -> StudyEvidence:
        return evidence_of(self._connection, uid)

    def lot_key(self) -> bytes:
        known = self._connection.scalar(sa.select(q.quality_lot.c.key))
        if known is None:
            self._connection.execute(
                insert(q.quality_lot).values(key=secrets.token_bytes(32)).on_conflict_do_nothing()
            )
            known = self._connection.execute(sa.select(q.quality_lot.c.key)).scalar_one()
        return bytes(known)

    def case_of(self, uid: StudyInstanceUID, target: TargetFinding) -> Case | None:
        mine = sa.and_(_CASE.study_instance_uid == uid, _CASE.target == target)
        rows = case_rows(self._connection, mine)
        return rows[0].case if rows else None

    def lock_case(self, case_id: int) -> Case | None:
        uid = self._connection.scalar(
            sa.select(_CASE.study_instance_uid).where(_CASE.case_id == case_id)
        )
        if uid is None:
            return None
        PostgresTransaction(self._connection).lock_studies([StudyInstanceUID(uid)])
        return case_rows(self._connection, _CASE.case_id == case_id)[0].case

    def add_case(
        self, uid: StudyInstanceUID, target: TargetFinding, now: datetime, due_at: datetime
    ) -> int:
        added = sa.insert(q.quality_case).values(
            study_instance_uid=uid,
            target=target,
            opened_at=now,
            due_at=due_at,
            state=CaseState.WAITING,
        )
        return int(self._connection.execute(added.returning(_CASE.case_id)).scalar_one())

    def add_reason(
        self,
        case_id: int,
        kind: CaseKind,
        evidence: Mapping[str, Any],
        now: datetime,
        *,
        inclusion_probability: float | None,
    ) -> None:
        self._connection.execute(
            sa.insert(q.case_reason).values(
                case_id=case_id,
                kind=kind,
                at=now,
                inclusion_probability=inclusion_probability,
                evidence=dict(evidence),
            )
        )

    def add_review(self, case_id: int, number: int, review: Review) -> None:
        self._connection.execute(
            sa.insert(q.case_review).values(
                case_id=case_id,
                account=review.account,
                number=number,
                answer=review.answer,
                comment=storable_text(review.comment),
                at=review.at,
            )
        )

    def add_comment(self, case_id: int, comment: Comment) -> None:
        self._connection.execute(
            sa.insert(q.case_comment).values(
                case_id=case_id,
                account=comment.account,
                text=storable_text(comment.text),
                at=comment.at,
            )
        )

    def save_case(self, case: Case) -> None:
        self._connection.execute(
            sa.update(q.quality_case)
            .where(_CASE.case_id == case.case_id)
            .values(
                state=case.state,
                assigned_to=case.assigned_to,
                verdict=case.verdict,
                root_cause=case.root_cause,
                action=storable_text(case.action),
                closed_at=case.closed_at,
                closed_by=case.closed_by,
                teaches=case.teaches,
            )
        )

    def involved_in(self, uid: StudyInstanceUID) -> Involvement:
        return involved_in(self._connection, uid)

    def reviewer_exists(self, account: str) -> bool:
        columns = t.account.c
        found = self._connection.scalar(
            sa.select(columns.name).where(
                columns.name == account,
                columns.disabled_at.is_(None),
                sa.literal(Role.QA_REVIEWER, t.account_role_type) == sa.any_(columns.roles),
            )
        )
        return found is not None

    def append_events(self, events: Sequence[Event]) -> None:
        PostgresTransaction(self._connection).append_events(events)


class PostgresQuality:
    """Cases in one PostgreSQL database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @contextmanager
    def transaction(self) -> Iterator[PostgresQualityTransaction]:
        """One unit of work; raises `StoreUnavailable` when the database does not answer."""
        with translated(), self._engine.begin() as connection:
            yield PostgresQualityTransaction(connection)

    def due(self, limit: int) -> list[StudyInstanceUID]:
        """Studies of which something new was said, oldest first."""
        with translated(), self._engine.begin() as connection:
            rows = connection.scalars(
                sa.select(_DUE.study_instance_uid)
                .order_by(_DUE.since, _DUE.study_instance_uid)
                .limit(limit)
            )
            return [StudyInstanceUID(uid) for uid in rows]

    def cases(self, asked: CaseFilter, blind_to: str | None) -> list[CaseRow]:
        """Cases by their numbers."""
        with translated(), self._engine.begin() as connection:
            return case_rows(connection, _asked_for(asked, blind_to), limit=asked.limit)

    def case(self, case_id: int) -> CaseRow | None:
        """One case."""
        with translated(), self._engine.begin() as connection:
            rows = case_rows(connection, _CASE.case_id == case_id)
            return rows[0] if rows else None

    def reasons(self, case_id: int) -> list[tuple[CaseKind, datetime, Mapping[str, Any]]]:
        """Why it is looked at, oldest first."""
        columns = q.case_reason.c
        with translated(), self._engine.begin() as connection:
            rows = connection.execute(
                sa.select(columns.kind, columns.at, columns.evidence)
                .where(columns.case_id == case_id)
                .order_by(columns.at, columns.kind)
            )
            return [(row.kind, row.at, row.evidence) for row in rows]

    def comments(self, case_id: int) -> list[Comment]:
        """Oldest first."""
        columns = q.case_comment.c
        with translated(), self._engine.begin() as connection:
            rows = connection.execute(
                sa.select(q.case_comment)
                .where(columns.case_id == case_id)
                .order_by(columns.comment_id)
            )
            return [Comment(account=row.account, text=row.text, at=row.at) for row in rows]

    def involved_in(self, uid: StudyInstanceUID) -> Involvement:
        """Who has read the study, and who was shown AI's answers."""
        with translated(), self._engine.begin() as connection:
            return involved_in(connection, uid)

    def signed_report(self, uid: StudyInstanceUID) -> SignedReport | None:
        """The newest of a study."""
        with translated(), self._engine.begin() as connection:
            return signed_report(connection, uid)

    def blind_studies(self, account: str) -> frozenset[StudyInstanceUID]:
        """Studies that this person may yet have to review blind."""
        with translated(), self._engine.begin() as connection:
            rows = connection.scalars(
                sa.select(_CASE.study_instance_uid).distinct().where(blind_to(account))
            )
            return frozenset(map(StudyInstanceUID, rows))

    def holds_results(
        self,
        study: StudyInstanceUID,
        series: SeriesInstanceUID | None,
        instance: SOPInstanceUID | None,
    ) -> bool:
        """Whether there are objects that Vigie made in a study, a series, or under a UID."""
        columns = t.instance.c
        mine = [columns.study_instance_uid == study, columns.made_by_vigie]
        if series is not None:
            mine.append(columns.series_instance_uid == series)
        if instance is not None:
            mine.append(columns.sop_instance_uid == instance)
        with translated(), self._engine.begin() as connection:
            return bool(connection.scalar(sa.select(sa.exists().where(*mine))))

    def verified(self, target: TargetFinding) -> list[Verified]:
        """Studies of which it is known whether the finding is there."""
        with translated(), self._engine.begin() as connection:
            return verified_of(connection, target)

    def names(self, accounts: Collection[str]) -> Mapping[str, str]:
        """What people are called."""
        if not accounts:
            return {}
        columns = t.account.c
        with translated(), self._engine.begin() as connection:
            rows = connection.execute(
                sa.select(columns.name, columns.display_name).where(
                    columns.name.in_(sorted(accounts))
                )
            )
            return {row.name: row.display_name for row in rows}


def _asked_for(asked: CaseFilter, person: str | None) -> sa.ColumnElement[bool]:
    wanted: list[sa.ColumnElement[bool]] = [_CASE.case_id > asked.after]
    if asked.states:
        wanted.append(_CASE.state.in_(sorted(asked.states)))
    if asked.target is not None:
        wanted.append(_CASE.target == asked.target)
    if asked.assigned_to is not None:
        wanted.append(_CASE.assigned_to == asked.assigned_to)
    if asked.overdue_at is not None:
        wanted += [_CASE.due_at < asked.overdue_at, _CASE.state != CaseState.CLOSED]
    if asked.teaches:
        wanted.append(_CASE.teaches)
    if asked.kind is not None:
        reason = q.case_reason.c
        wanted.append(sa.exists().where(reason.case_id == _CASE.case_id, reason.kind == asked.kind))
        if person is not None:  # else the filter would tell what the list keeps from her
            blind = sa.select(_CASE.study_instance_uid).where(blind_to(person))
            wanted.append(_CASE.study_instance_uid.not_in(blind.correlate(None)))
    for word in asked.text.split():
        wanted.append(_holds(word))
    return sa.and_(*wanted)


def _holds(word: str) -> sa.ColumnElement[bool]:
    columns = t.study.c
    texts = (
        columns.accession_number,
        columns.patient_id,
        columns.patient_name,
        columns.study_description,
    )
    given = storable_text(word)
    return sa.or_(*(one.icontains(given, autoescape=True) for one in texts))
