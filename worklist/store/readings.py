"""What people see and say of studies, in PostgreSQL: the part of a transaction for readers."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONPATH, insert

from worklist.finding import TargetFinding
from worklist.readings import (
    Conclusion,
    DrawnFinding,
    FirstLook,
    ImageSize,
    Judgement,
    Outline,
    Readings,
    Result,
    Reveal,
)
from worklist.store import reading_tables as r
from worklist.store import tables as t
from worklist.store.rows import storable_text
from worklist.uid import SOPInstanceUID, StudyInstanceUID

_LESION_NUMBERS = sa.cast("$.lesions[*].number", JSONPATH)


class ReadingRows:
    """The methods of `worklist.ports.Transaction` for readings."""

    _connection: sa.Connection

    def readings_of(self, uid: StudyInstanceUID) -> Readings:
        return readings_of(self._connection, uid)

    def add_first_look(self, uid: StudyInstanceUID, look: FirstLook) -> None:
        self._connection.execute(
            sa.insert(r.first_look_answer),
            [
                {
                    "study_instance_uid": uid,
                    "account": look.account,
                    "assessment_number": look.assessment_number,
                    "target": target,
                    "answer": answer,
                    "at": look.at,
                }
                for target, answer in look.answers.items()
            ],
        )

    def add_reveals(
        self, uid: StudyInstanceUID, reveals: Sequence[Reveal], now: datetime
    ) -> list[Reveal]:
        new = []
        for one in reveals:
            kept = self._connection.execute(
                insert(r.reveal)
                .values(
                    study_instance_uid=uid,
                    looker=one.looker,
                    detector=one.detector,
                    assessment_number=one.assessment_number,
                    at=now,
                )
                .on_conflict_do_nothing()
                .returning(r.reveal.c.detector)
            )
            if kept.first() is not None:
                new.append(one)
        return new

    def add_judgement(self, uid: StudyInstanceUID, judgement: Judgement) -> None:
        self._connection.execute(
            sa.insert(r.judgement).values(
                study_instance_uid=uid,
                account=judgement.account,
                detector=judgement.detector,
                assessment_number=judgement.assessment_number,
                lesion=judgement.lesion,
                region=judgement.region,
                agrees=judgement.agrees,
                comment=storable_text(judgement.comment),
                at=judgement.at,
            )
        )

    def add_drawn(
        self, uid: StudyInstanceUID, account: str, outline: Outline, now: datetime
    ) -> int:
        drawn_id = self._connection.scalar(
            sa.insert(r.drawn_finding)
            .values(
                study_instance_uid=uid,
                account=account,
                target=outline.target,
                sop_instance_uid=outline.sop_instance_uid,
                frame_number=outline.frame_number,
                polygon=[list(point) for point in outline.polygon],
                at=now,
            )
            .returning(r.drawn_finding.c.drawn_id)
        )
        return int(drawn_id or 0)

    def withdraw_drawn(self, drawn_id: int, now: datetime) -> None:
        self._connection.execute(sa.insert(r.drawn_withdrawal).values(drawn_id=drawn_id, at=now))

    def add_conclusion(self, uid: StudyInstanceUID, conclusion: Conclusion) -> None:
        self._connection.execute(
            sa.insert(r.conclusion).values(
                study_instance_uid=uid,
                number=conclusion.number,
                account=conclusion.account,
                assessment_number=conclusion.assessment_number,
                reading_s=conclusion.reading_s,
                opened_at=conclusion.opened_at,
                concluded_at=conclusion.concluded_at,
                amends=conclusion.amends,
            )
        )
        if conclusion.answers:
            self._connection.execute(
                sa.insert(r.conclusion_answer),
                [
                    {
                        "study_instance_uid": uid,
                        "number": conclusion.number,
                        "target": target,
                        "answer": answer,
                    }
                    for target, answer in conclusion.answers.items()
                ],
            )

    def image_size(self, uid: StudyInstanceUID, image: SOPInstanceUID) -> ImageSize | None:
        columns = t.instance.c
        row = self._connection.execute(
            sa.select(columns.number_of_frames, columns.rows, columns.columns).where(
                columns.sop_instance_uid == image, columns.study_instance_uid == uid
            )
        ).first()
        if row is None:
            return None
        return ImageSize(number_of_frames=row[0], rows=row[1], columns=row[2])


def readings_of(connection: sa.Connection, uid: StudyInstanceUID) -> Readings:
    """Everything that is kept of the reading of a study; nothing, of one that is not known."""
    number = connection.scalar(
        sa.select(t.study.c.assessment_number).where(t.study.c.study_instance_uid == uid)
    )
    kept = Readings(
        assessment_number=number or 0,
        results=tuple(map(_result, connection.execute(_results_of(uid)))),
        first_looks=_first_looks(connection, uid),
        reveals=frozenset(map(_reveal, _rows(connection, r.reveal, uid, "at"))),
        judgements=tuple(map(_judgement, _rows(connection, r.judgement, uid, "judgement_id"))),
        drawn=tuple(map(_drawn, connection.execute(_drawn_in(uid)))),
        conclusions=_conclusions(connection, uid),
    )
    return replace(kept, names=_names(connection, kept.people))


def _rows(
    connection: sa.Connection, table: sa.Table, uid: StudyInstanceUID, *by: str
) -> Sequence[sa.Row[Any]]:
    mine = sa.select(table).where(table.c.study_instance_uid == uid)
    return connection.execute(mine.order_by(*(table.c[name] for name in by))).all()


def _names(connection: sa.Connection, accounts: Collection[str]) -> dict[str, str]:
    if not accounts:
        return {}
    rows = connection.execute(
        sa.select(t.account.c.name, t.account.c.display_name).where(
            t.account.c.name.in_(sorted(accounts))
        )
    )
    return {row.name: row.display_name for row in rows}


def _results_of(uid: StudyInstanceUID) -> sa.Select[Any]:
    columns = t.outcome.c
    return (
        sa.select(
            columns.detector,
            columns.target,
            columns.assessment_number,
            columns.kind,
            columns.probability,
            sa.func.jsonb_array_length(columns.regions).label("regions"),
            sa.func.jsonb_path_query_array(columns.evidence, _LESION_NUMBERS).label("lesions"),
        )
        .where(columns.study_instance_uid == uid, columns.current)
        .order_by(columns.detector)
    )


def _result(row: sa.Row[Any]) -> Result:
    return Result(
        detector=row.detector,
        target=row.target,
        assessment_number=row.assessment_number,
        is_applicable=row.kind is not t.OutcomeKind.NOT_APPLICABLE,
        has_marks=row.probability is not None,
        lesions=frozenset(row.lesions),
        regions=row.regions,
    )


def _reveal(row: sa.Row[Any]) -> Reveal:
    return Reveal(looker=row.looker, detector=row.detector, assessment_number=row.assessment_number)


def _judgement(row: sa.Row[Any]) -> Judgement:
    return Judgement(
        account=row.account,
        detector=row.detector,
        assessment_number=row.assessment_number,
        lesion=row.lesion,
        region=row.region,
        agrees=row.agrees,
        comment=row.comment,
        at=row.at,
    )


def _drawn_in(uid: StudyInstanceUID) -> sa.Select[Any]:
    return (
        sa.select(r.drawn_finding, r.drawn_withdrawal.c.at.label("withdrawn_at"))
        .outerjoin(r.drawn_withdrawal)
        .where(r.drawn_finding.c.study_instance_uid == uid)
        .order_by(r.drawn_finding.c.drawn_id)
    )


def _drawn(row: sa.Row[Any]) -> DrawnFinding:
    return DrawnFinding(
        drawn_id=row.drawn_id,
        account=row.account,
        outline=Outline(
            target=row.target,
            sop_instance_uid=SOPInstanceUID(row.sop_instance_uid),
            frame_number=row.frame_number,
            polygon=tuple((column, line) for column, line in row.polygon),
        ),
        at=row.at,
        withdrawn_at=row.withdrawn_at,
    )


def _first_looks(connection: sa.Connection, uid: StudyInstanceUID) -> tuple[FirstLook, ...]:
    """One for each time somebody answered."""
    answers: dict[tuple[datetime, str, int], dict[TargetFinding, Any]] = defaultdict(dict)
    for row in _rows(connection, r.first_look_answer, uid, "at", "account", "target"):
        answers[row.at, row.account, row.assessment_number][row.target] = row.answer
    return tuple(
        FirstLook(account=account, assessment_number=number, answers=said, at=at)
        for (at, account, number), said in answers.items()
    )


def _conclusions(connection: sa.Connection, uid: StudyInstanceUID) -> tuple[Conclusion, ...]:
    answers: dict[int, dict[TargetFinding, Any]] = defaultdict(dict)
    for row in _rows(connection, r.conclusion_answer, uid, "number", "target"):
        answers[row.number][row.target] = row.answer
    return tuple(
        Conclusion(
            number=row.number,
            account=row.account,
            answers=answers[row.number],
            assessment_number=row.assessment_number,
            reading_s=row.reading_s,
            opened_at=row.opened_at,
            concluded_at=row.concluded_at,
            amends=row.amends,
        )
        for row in _rows(connection, r.conclusion, uid, "number")
    )
