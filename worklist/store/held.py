"""What may not leave now, though it is due: findings of models that a person has stopped."""

import sqlalchemy as sa

from worklist.outbound import ObjectKind
from worklist.store import outbound_tables as o
from worklist.store import tables as t

_D, _O, _S = o.delivery.c, o.result_object.c, o.result_set.c
_FOUND = (t.OutcomeKind.FLAGGED, t.OutcomeKind.NOT_FLAGGED)


def tells_of_a_stopped_model(
    uid: sa.ColumnElement[str], number: sa.ColumnElement[int]
) -> sa.ColumnElement[bool]:
    """Whether an assessment holds what a model found that a person has stopped since (P7)."""
    told, switch = t.outcome.c, t.ai_switch.c
    return sa.exists().where(
        told.study_instance_uid == uid,
        told.assessment_number == number,
        told.kind.in_(_FOUND),
        sa.or_(switch.whole, told.detector == sa.any_(switch.detectors)),
    )


def may_leave() -> sa.ColumnElement[bool]:
    """Whether a delivery may be sent now; a rejection always may."""
    return ~sa.exists().where(
        _O.sop_instance_uid == _D.sop_instance_uid,
        _O.kind != ObjectKind.REJECTION,
        _S.result_set_id == _O.result_set_id,
        tells_of_a_stopped_model(_S.study_instance_uid, _S.assessment_number),
    )
