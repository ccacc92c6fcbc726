"""Results that are to be made anew of what holds now, by people or where the rules changed."""

from collections.abc import Collection

import sqlalchemy as sa

from worklist.outbound import DeliveryState, ObjectKind
from worklist.store import outbound_tables as o
from worklist.store import tables as t
from worklist.uid import StudyInstanceUID

_A, _D, _N, _O, _S = (
    t.assessment.c,
    o.delivery.c,
    o.destination.c,
    o.result_object.c,
    o.result_set.c,
)


def make_newest_anew(connection: sa.Connection, uid: StudyInstanceUID) -> bool:
    """Let the results of a study be made again for every destination.

    False: no assessment of it has ended, or what was made of its newest one is retracted.
    """
    retracted = sa.exists().where(
        _S.study_instance_uid == uid,
        _S.assessment_number == _A.number,
        _S.retracted_at.is_not(None),
    )
    changed = connection.execute(
        sa.update(t.assessment)
        .where(_is_newest(uid), _A.finished_at.is_not(None), ~retracted)
        .values(results_asked=True)
    )
    return changed.rowcount > 0


def make_anew_of(connection: sa.Connection, uid: StudyInstanceUID, number: int) -> bool:
    """Let what counts of an assessment be made again, for those that got it.

    False: a later one is queued, or nothing of it counts any more.
    """
    counts = sa.exists().where(
        _S.study_instance_uid == uid,
        _S.assessment_number == number,
        _S.superseded_at.is_(None),
        _S.retracted_at.is_(None),
    )
    # One that is set since a later time gets what ended before only where a person asks for it.
    is_older = sa.exists().where(
        _S.study_instance_uid == uid,
        _S.assessment_number == number,
        _O.result_set_id == _S.result_set_id,
        _D.sop_instance_uid == _O.sop_instance_uid,
        _D.state == DeliveryState.WAITING,
        _N.name == _D.destination,
        _N.since > _A.finished_at,
    )
    changed = connection.execute(
        sa.update(t.assessment)
        .where(_is_newest(uid), _A.number == number, _A.finished_at.is_not(None), counts)
        .values(
            results_asked=sa.or_(_A.results_asked, is_older),
            results_at=sa.case((is_older, _A.results_at), else_=None),
        )
    )
    return changed.rowcount > 0


def make_anew_by_other_rules(
    connection: sa.Connection, delivery_ids: Collection[int], rules: str
) -> None:
    """Let be made again what was made by other software or modes than hold now.

    Where a later assessment is queued it is held: what that one says takes its place.
    """
    rows = connection.execute(
        sa.select(_S.study_instance_uid, _S.assessment_number)
        .distinct()
        .join(o.result_object, _O.result_set_id == _S.result_set_id)
        .join(o.delivery, _D.sop_instance_uid == _O.sop_instance_uid)
        .where(
            _D.delivery_id.in_(list(delivery_ids)),
            _O.kind != ObjectKind.REJECTION,
            _S.rules != rules,
        )
        .order_by(_S.study_instance_uid, _S.assessment_number)
    ).all()
    for uid, number in rows:
        if not make_anew_of(connection, StudyInstanceUID(uid), number):
            mine = sa.and_(_A.study_instance_uid == uid, _A.number == number)
            connection.execute(sa.update(t.assessment).where(mine).values(results_at=None))


def _is_newest(uid: StudyInstanceUID) -> sa.ColumnElement[bool]:
    newest = sa.select(t.study.c.assessment_number).where(t.study.c.study_instance_uid == uid)
    return sa.and_(_A.study_instance_uid == uid, _A.number == newest.scalar_subquery())
