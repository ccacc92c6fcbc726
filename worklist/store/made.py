"""What was assessed and what was made of it, row by row: for `worklist.store.making`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from worklist.outbound import (
    DeliveryState,
    MadeObject,
    MadeSet,
    NotSentBecause,
    ObjectKind,
    RejectionReason,
    Wants,
)
from worklist.ports import Event
from worklist.store import outbound_tables as o
from worklist.store import tables as t
from worklist.store.destinations import VIGIE
from worklist.store.outbound import withdraw
from worklist.store.rows import storable_text
from worklist.store.transaction import PostgresTransaction
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID

_A, _D, _O, _S = t.assessment.c, o.delivery.c, o.result_object.c, o.result_set.c


def skip_superseded(connection: sa.Connection, since: datetime) -> None:
    """Let nothing be made of assessments that a later one took the place of."""
    later = sa.exists().where(
        t.study.c.study_instance_uid == _A.study_instance_uid,
        t.study.c.assessment_number > _A.number,
    )
    counts = sa.exists().where(
        _S.study_instance_uid == _A.study_instance_uid,
        _S.assessment_number == _A.number,
        _S.superseded_at.is_(None),
        _S.retracted_at.is_(None),
    )
    connection.execute(
        sa.update(t.assessment)
        .where(
            sa.text("assessment.finished_at IS NOT NULL AND assessment.results_at IS NULL"),
            _A.finished_at >= since,
            later,
            ~counts,  # else it would be sent until the later one takes its place
        )
        .values(results_at=_A.finished_at)
    )


def earlier_reports(connection: sa.Connection, uid: StudyInstanceUID) -> tuple[MadeObject, ...]:
    """Reports that count until now and may be at some destination."""
    there = sa.exists().where(_D.sop_instance_uid == _O.sop_instance_uid, _D.may_be_there)
    rows = connection.execute(
        sa.select(o.result_object)
        .join(o.result_set)
        .where(
            _O.study_instance_uid == uid,
            _O.kind == ObjectKind.REPORT,
            _S.superseded_at.is_(None),
            _S.retracted_at.is_(None),
            there,
        )
        .order_by(_O.sop_instance_uid)
    )
    return tuple(map(made_object, rows))


def newest_set(connection: sa.Connection, made: MadeSet) -> sa.Row[Any, Any, Any, Any] | None:
    """What was made of this very assessment and counts; where nothing does, the last.

    A later one without objects, as where it could not be told for a while, takes no place.
    """
    has_objects = sa.exists().where(
        _O.result_set_id == _S.result_set_id, _O.kind != ObjectKind.REJECTION
    )
    counts = sa.and_(_S.superseded_at.is_(None), _S.retracted_at.is_(None), has_objects)
    return connection.execute(
        sa.select(_S.result_set_id, _S.retracted_at, _S.superseded_at, _S.digest)
        .where(
            _S.study_instance_uid == made.study_instance_uid,
            _S.assessment_number == made.assessment_number,
        )
        .order_by(counts.desc(), _S.result_set_id.desc())
        .limit(1)
    ).one_or_none()


def made_until_now(
    connection: sa.Connection, uid: StudyInstanceUID, number: int
) -> tuple[str, tuple[MadeObject, ...]]:
    """What was made of an assessment and counts, and the digest of the facts it was made of."""
    rows = connection.execute(
        sa.select(o.result_object, _S.digest)
        .select_from(o.result_object)
        .join(o.result_set, _S.result_set_id == _O.result_set_id)
        .where(
            _S.study_instance_uid == uid,
            _S.assessment_number == number,
            _S.superseded_at.is_(None),
            _S.retracted_at.is_(None),
            _O.kind != ObjectKind.REJECTION,
        )
        .order_by(_O.sop_instance_uid)
    ).all()
    return (rows[0].digest if rows else ""), tuple(map(made_object, rows))


def were_made_before(connection: sa.Connection, made: MadeSet) -> bool:
    """Whether any of these very objects is known, of whatever set."""
    uids = [one.sop_instance_uid for one in made.objects]
    known = sa.exists().where(_O.sop_instance_uid.in_(uids))
    return bool(connection.scalar(sa.select(known)))


def keep_object(
    connection: sa.Connection,
    uid: StudyInstanceUID,
    result_set_id: int,
    made: MadeObject,
    now: datetime,
) -> None:
    """Keep an object, unless it is kept: the same facts make the same."""
    connection.execute(
        insert(o.result_object)
        .values(
            sop_instance_uid=made.sop_instance_uid,
            result_set_id=result_set_id,
            study_instance_uid=uid,
            series_instance_uid=made.series_instance_uid,
            sop_class_uid=made.sop_class_uid,
            kind=made.kind,
            path=made.path,
            sha256=made.sha256,
            size_bytes=made.size_bytes,
            made_at=now,
            names=list(made.names),
            why=made.why,
            said_at=made.said_at,
        )
        .on_conflict_do_nothing()
    )


def add_to_set(connection: sa.Connection, result_set_id: int, made: MadeSet) -> None:
    """Keep what was not made then, with what is known by now of what cannot be made."""
    for one in made.objects:
        keep_object(connection, made.study_instance_uid, result_set_id, one, made.made_at)
    connection.execute(
        sa.update(o.result_set)
        .where(_S.result_set_id == result_set_id)
        .values(rules=made.rules, problem=storable_text(made.problem))
    )


def supersede(connection: sa.Connection, made: MadeSet, by: int) -> None:
    """Let what was made of this study before count no more.

    Also where nothing was made now: what an earlier assessment said holds no more then. Of this
    very assessment it stays, unless something was made in its place.
    """
    in_its_place = [] if made.objects else [_S.assessment_number != made.assessment_number]
    sets = connection.scalars(
        sa.update(o.result_set)
        .where(
            _S.study_instance_uid == made.study_instance_uid,
            _S.result_set_id != by,
            _S.superseded_at.is_(None),
            _S.retracted_at.is_(None),
            *in_its_place,
        )
        .values(superseded_at=made.made_at)
        .returning(_S.result_set_id)
    ).all()
    counts = withdraw(connection, made.study_instance_uid, RejectionReason.SUPERSEDED, sets)
    tell_withdrawn(connection, made, counts, NotSentBecause.SUPERSEDED)


def deliver(connection: sa.Connection, made: MadeSet, to: Wants) -> None:
    """Queue for one destination what it wants of these objects."""
    for one in made.objects:
        if to.wants(one.kind, made.worth):
            queue(connection, one.sop_instance_uid, to.name, made.made_at)


def queue(connection: sa.Connection, uid: SOPInstanceUID, destination: str, now: datetime) -> None:
    """Queue an object for a destination, unless it is on its way there or was sent.

    What was withdrawn while it still counted (its destination was set no more) is queued again.
    """
    connection.execute(
        insert(o.delivery)
        .values(
            sop_instance_uid=uid,
            destination=destination,
            state=DeliveryState.WAITING,
            queued_at=now,
            next_try_at=now,
            tries=0,
            may_be_there=False,
            words="",
        )
        .on_conflict_do_update(
            index_elements=[_D.sop_instance_uid, _D.destination],
            set_={
                "state": DeliveryState.WAITING,
                "queued_at": now,
                "next_try_at": now,
                "tries": 0,
                "words": "",
            },
            where=_D.state == DeliveryState.WITHDRAWN,
        )
    )


def hold_back(
    connection: sa.Connection, newest: sa.Row[Any, Any, Any, Any] | None, made: MadeSet
) -> None:
    """Let what was not sent of a set never be: it is of other facts than hold now."""
    if newest is None:
        return
    mine = sa.select(_O.sop_instance_uid).where(
        _O.result_set_id == newest.result_set_id, _O.kind != ObjectKind.REJECTION
    )
    unsent = (DeliveryState.WAITING, DeliveryState.PARKED, DeliveryState.REFUSED)
    counts = Counter(
        connection.scalars(
            sa.update(o.delivery)
            .where(_D.sop_instance_uid.in_(mine), _D.state.in_(unsent))
            .values(state=DeliveryState.WITHDRAWN, next_try_at=None)
            .returning(_D.destination)
        )
    )
    tell_withdrawn(connection, made, counts, NotSentBecause.UNTELLABLE)


def tell_withdrawn(
    connection: sa.Connection, made: MadeSet, counts: Mapping[str, int], why: NotSentBecause
) -> None:
    """Say for each destination how many objects are not sent any more."""
    for destination, count in sorted(counts.items()):
        details = {"destination": destination, "objects": count, "why": why}
        tell(connection, "results_withdrawn", made.study_instance_uid, details, made.made_at)


def note_made(connection: sa.Connection, made: MadeSet) -> None:
    """Nothing more is to be made of this assessment."""
    connection.execute(
        sa.update(t.assessment)
        .where(
            _A.study_instance_uid == made.study_instance_uid,
            _A.number == made.assessment_number,
            _A.finished_at.is_not(None),
        )
        .values(
            results_at=made.made_at,
            results_asked=sa.and_(_A.results_asked, sa.literal(not made.was_asked)),
        )
    )


def note_withheld(connection: sa.Connection, made: MadeSet) -> None:
    """What is withheld now: nothing older of this assessment waits for a look any more."""
    connection.execute(
        sa.update(o.result_set)
        .where(
            _S.study_instance_uid == made.study_instance_uid,
            _S.assessment_number == made.assessment_number,
            sa.func.cardinality(_S.withheld) > 0,
        )
        .values(withheld=sorted(made.withheld))
    )


def tell(
    connection: sa.Connection,
    kind: str,
    uid: StudyInstanceUID,
    details: Mapping[str, Any],
    now: datetime,
) -> None:
    """Add to the log; whoever listens to it wakes."""
    event = Event(kind=kind, at=now, actor=VIGIE, study_instance_uid=uid, details=details)
    PostgresTransaction(connection).append_events([event])


def rejected_there(
    connection: sa.Connection, destination: str, uid: StudyInstanceUID, why: RejectionReason
) -> Sequence[sa.Row[Any]]:
    """What a destination may have of a study, and is to be rejected there."""
    return connection.execute(
        sa.select(o.result_object, _S.superseded_at, _S.retracted_at)
        .join(o.delivery, _D.sop_instance_uid == _O.sop_instance_uid)
        .join(o.result_set, _S.result_set_id == _O.result_set_id)
        .where(
            _D.destination == destination,
            _O.study_instance_uid == uid,
            _D.to_reject == why,
            _D.may_be_there,
        )
        .order_by(_O.sop_instance_uid)
    ).all()


def newest_of_study(connection: sa.Connection, uid: StudyInstanceUID) -> sa.Row[Any, Any]:
    """The last set with objects."""
    some = sa.exists().where(_O.result_set_id == _S.result_set_id)
    return connection.execute(
        sa.select(_S.result_set_id, _S.assessment_number)
        .where(_S.study_instance_uid == uid, some)
        .order_by(_S.result_set_id.desc())
        .limit(1)
    ).one()


def made_object(row: sa.Row[Any]) -> MadeObject:
    """An object that was made."""
    return MadeObject(
        kind=row.kind,
        sop_class_uid=row.sop_class_uid,
        sop_instance_uid=SOPInstanceUID(row.sop_instance_uid),
        series_instance_uid=SeriesInstanceUID(row.series_instance_uid),
        path=row.path,
        sha256=row.sha256,
        size_bytes=row.size_bytes,
        names=tuple(map(SOPInstanceUID, row.names)),
        why=row.why,
        said_at=row.said_at,
    )
