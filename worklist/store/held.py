"""What may not leave now, though it is due, and what counts.

Findings of models that a person has stopped (P7), and what is to be made again first, as where
the site shows fewer marks than when it was made (P8).
"""

from datetime import datetime

import sqlalchemy as sa

from worklist.highlighting import Highlighting, Modes
from worklist.outbound import DeliveryState, ObjectKind
from worklist.store import outbound_tables as o
from worklist.store import tables as t
from worklist.store.destinations import is_held, is_set_no_more

_A, _D, _O, _S = t.assessment.c, o.delivery.c, o.result_object.c, o.result_set.c
_HELD = o.result_object.alias("held").c  # whatever the question is asked within
COUNTS = sa.or_(
    sa.and_(_S.superseded_at.is_(None), _S.retracted_at.is_(None)),
    _O.kind == sa.literal_column(f"'{ObjectKind.REJECTION}'"),
)
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
    """Whether a delivery may be sent now; a rejection may, but not to a new address.

    What counts no more may not, however it came to wait: it was rejected, or is about to be.
    """
    is_of_before = sa.exists().where(
        _HELD.sop_instance_uid == _D.sop_instance_uid,
        _HELD.kind != ObjectKind.REJECTION,
        _S.result_set_id == _HELD.result_set_id,
        sa.or_(
            tells_of_a_stopped_model(_S.study_instance_uid, _S.assessment_number),
            _is_made_again(),
            _S.superseded_at.is_not(None),
            _S.retracted_at.is_not(None),
        ),
    )
    is_for_elsewhere = sa.exists().where(
        o.destination.c.name == _D.destination, sa.or_(is_held(), is_set_no_more())
    )
    return sa.and_(~is_of_before, ~is_for_elsewhere)


def lies_on_disk() -> sa.ColumnElement[bool]:
    """Whether a delivery's file is there; else it is made again first."""
    return sa.exists().where(
        _HELD.sop_instance_uid == _D.sop_instance_uid, _HELD.file_gone_at.is_(None)
    )


def _is_made_again() -> sa.ColumnElement[bool]:
    return sa.exists().where(
        _A.study_instance_uid == _S.study_instance_uid,
        sa.or_(
            sa.and_(
                _A.number == _S.assessment_number,
                sa.or_(_A.results_asked, _A.results_at.is_(None)),
            ),
            # A later one has ended, and what it says takes this place as soon as it is made.
            sa.and_(_A.number > _S.assessment_number, _A.finished_at.is_not(None)),
        ),
    )


def make_again_what_waits(connection: sa.Connection, modes: Modes, since: datetime) -> None:
    """Let what was not sent yet be made again where not all marks are shown at once (any more).

    Of the same facts nothing else is made; of others, what waits is superseded.

    Parameters
    ----------
    since
        Of what ended before, results are made only when they are asked for.
    """
    ended = (DeliveryState.SENT, DeliveryState.COMMITTED, DeliveryState.WITHDRAWN)
    told = t.outcome.c
    found = (
        sa.select(_A.study_instance_uid, _A.number, told.detector)
        .distinct()
        .join(
            o.result_set,
            sa.and_(
                _S.study_instance_uid == _A.study_instance_uid, _S.assessment_number == _A.number
            ),
        )
        .join(o.result_object, _O.result_set_id == _S.result_set_id)
        .join(o.delivery, _D.sop_instance_uid == _O.sop_instance_uid)
        .join(
            t.outcome,
            sa.and_(
                told.study_instance_uid == _A.study_instance_uid,
                told.assessment_number == _A.number,
                told.kind.in_(_FOUND),
            ),
        )
        .where(
            _D.state.not_in(ended),
            _O.kind != ObjectKind.REJECTION,
            _S.superseded_at.is_(None),
            _S.retracted_at.is_(None),
            _A.finished_at.is_not(None),
        )
    )
    rows = connection.execute(found).all()
    again = {row[:2] for row in rows if modes.of(row.detector) is not Highlighting.AT_ONCE}
    for uid, number in sorted(again):
        mine = sa.and_(_A.study_instance_uid == uid, _A.number == number)
        change = sa.update(t.assessment).where(mine)
        connection.execute(change.where(_A.finished_at >= since).values(results_at=None))
        connection.execute(change.where(_A.finished_at < since).values(results_asked=True))
