"""What could not be made of an assessment for a reason that may pass, and is tried again."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from worklist.outbound import MAKING, MakingProblem
from worklist.store import outbound_tables as o
from worklist.store import tables as t
from worklist.store.rows import storable_text
from worklist.uid import StudyInstanceUID

_R, _A, _S = o.making_retry.c, t.assessment.c, o.result_set.c


def put_off(
    connection: sa.Connection, uid: StudyInstanceUID, number: int, problem: str, now: datetime
) -> bool:
    """Let it be tried again later; False: it was tried for long enough."""
    mine = (_R.study_instance_uid == uid, _R.assessment_number == number)
    known = connection.execute(sa.select(_R.tries, _R.first_at).where(*mine)).one_or_none()
    tries, first_at = (known.tries + 1, known.first_at) if known is not None else (1, now)
    if now - first_at >= MAKING.limit:
        done(connection, uid, number)
        return False
    values = {
        "tries": tries,
        "first_at": first_at,
        "next_try_at": now + MAKING.pause(tries),
        "problem": storable_text(problem),
    }
    new = insert(o.making_retry).values(study_instance_uid=uid, assessment_number=number, **values)
    key = [_R.study_instance_uid, _R.assessment_number]
    connection.execute(new.on_conflict_do_update(index_elements=key, set_=values))
    return True


def done(connection: sa.Connection, uid: StudyInstanceUID, number: int) -> None:
    """Nothing of it is to be tried again."""
    connection.execute(
        sa.delete(o.making_retry).where(
            _R.study_instance_uid == uid, _R.assessment_number == number
        )
    )


def forget(connection: sa.Connection, uid: StudyInstanceUID) -> None:
    """Nothing of a study is to be tried again."""
    connection.execute(sa.delete(o.making_retry).where(_R.study_instance_uid == uid))


def waits(
    uid: sa.ColumnElement[str], number: sa.ColumnElement[int], now: datetime
) -> sa.ColumnElement[bool]:
    """Whether an assessment is to be tried again, and not yet."""
    return sa.exists().where(
        _R.study_instance_uid == uid, _R.assessment_number == number, _R.next_try_at > now
    )


def study_waits(uid: sa.ColumnElement[str], now: datetime) -> sa.ColumnElement[bool]:
    """Whether an assessment of the study is to be tried again, and not yet."""
    return sa.exists().where(_R.study_instance_uid == uid, _R.next_try_at > now)


def is_due(
    uid: sa.ColumnElement[str], number: sa.ColumnElement[int], now: datetime
) -> sa.ColumnElement[bool]:
    """Whether an assessment is to be tried again, now."""
    return sa.exists().where(
        _R.study_instance_uid == uid, _R.assessment_number == number, _R.next_try_at <= now
    )


def problems(connection: sa.Connection, limit: int) -> list[MakingProblem]:
    """Newest assessments of which something could not be made, the last tried first."""
    newest = sa.and_(
        t.study.c.study_instance_uid == _A.study_instance_uid,
        t.study.c.assessment_number == _A.number,
    )
    counts = sa.and_(
        _S.study_instance_uid == _A.study_instance_uid,
        _S.assessment_number == _A.number,
        _S.superseded_at.is_(None),
        _S.retracted_at.is_(None),
        _S.problem != "",
    )
    tried = sa.and_(
        _R.study_instance_uid == _A.study_instance_uid, _R.assessment_number == _A.number
    )
    at = sa.func.greatest(_S.made_at, _R.first_at)
    rows = connection.execute(
        sa.select(
            _A.study_instance_uid,
            _A.number,
            sa.func.coalesce(_R.problem, _S.problem).label("problem"),
            at.label("at"),
            _R.next_try_at,
        )
        .join(t.study, newest)
        .outerjoin(o.result_set, counts)
        .outerjoin(o.making_retry, tried)
        .where(sa.or_(_S.result_set_id.is_not(None), _R.tries.is_not(None)))
        .order_by(at.desc(), _A.study_instance_uid)
        .limit(limit)
    )
    return [
        MakingProblem(
            study_instance_uid=StudyInstanceUID(row.study_instance_uid),
            assessment_number=row.number,
            problem=row.problem,
            at=row.at,
            next_try_at=row.next_try_at,
        )
        for row in rows
    ]
