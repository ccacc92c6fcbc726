"""What is to be made of recorded assessments, and what was: the store of the role that makes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from worklist.finding import Outcome, Provenance
from worklist.highlighting import Modes
from worklist.outbound import MadeObject, MadeSet, ObjectKind, RejectionReason, Wants
from worklist.store import assessed as a
from worklist.store import made as m
from worklist.store import outbound_tables as o
from worklist.store import reading_tables as r
from worklist.store import retrying
from worklist.store import tables as t
from worklist.store.engine import translated
from worklist.store.held import make_again_what_waits, tells_of_a_stopped_model
from worklist.store.outbound import lock_results
from worklist.store.rows import storable_text
from worklist.study import Completeness
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID

_A, _D, _O, _S = t.assessment.c, o.delivery.c, o.result_object.c, o.result_set.c
_IS_WITHHELD = sa.text(
    "cardinality(result_set.withheld) > 0 AND result_set.superseded_at IS NULL"
    " AND result_set.retracted_at IS NULL"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class DueRejection:
    """Objects that one destination may have and that count no more."""

    destination: str
    study_instance_uid: StudyInstanceUID
    assessment_number: int  # of the newest results that were made
    result_set_id: int  # that the rejection belongs to
    why: RejectionReason
    at: datetime  # since when they count no more
    objects: tuple[MadeObject, ...]


class PostgresMaking:
    """Assessments and results in one PostgreSQL database.

    Parameters
    ----------
    archive
        The folder that archive paths are relative to.
    """

    def __init__(self, engine: sa.Engine, archive: Path) -> None:
        self._engine = engine
        self._archive = archive

    def installation_uid(self, proposed: str) -> str:
        """The node as objects name it: what was proposed first, for good."""
        with translated(), self._engine.begin() as connection:
            connection.execute(insert(o.installation).values(uid=proposed).on_conflict_do_nothing())
            return str(connection.scalar(sa.select(o.installation.c.uid)))

    def make_again_what_waits(self, modes: Modes, since: datetime) -> None:
        """Let nothing leave that shows marks which the site shows no more (P8)."""
        with translated(), self._engine.begin() as connection:
            make_again_what_waits(connection, modes, since)

    def due(
        self, since: datetime, now: datetime, limit: int
    ) -> Sequence[tuple[StudyInstanceUID, int]]:
        """Newest assessments that have ended and of which something is still to be made."""
        newest = _is_newest()
        columns = (_A.study_instance_uid, _A.number)
        may_tell = sa.and_(~tells_of_a_stopped_model(*columns), ~retrying.waits(*columns, now))
        open_ = sa.text("assessment.finished_at IS NOT NULL AND assessment.results_at IS NULL")
        due = (
            sa.select(*columns)
            .join(t.study, newest)
            .where(open_, _A.finished_at >= since, may_tell)
        )
        asked = (
            sa.select(*columns)
            .join(t.study, newest)
            .where(sa.text("assessment.results_asked"), _A.finished_at.is_not(None), may_tell)
            .limit(limit)
        )
        again = (
            sa.select(*columns)
            .join(t.study, newest)
            .where(_A.finished_at.is_not(None), retrying.is_due(*columns, now), may_tell)
            .limit(limit)
        )
        with translated(), self._engine.begin() as connection:
            m.skip_superseded(connection, since)
            due = due.order_by(_A.finished_at).limit(limit)
            rows = connection.execute(asked.union(due, again)).all()
        return [(StudyInstanceUID(row.study_instance_uid), row.number) for row in rows]

    def due_for_reveals(self, now: datetime, limit: int) -> Sequence[tuple[StudyInstanceUID, int]]:
        """Those of which something was withheld that a reader has seen by now."""
        newest = _is_newest()
        revealed = sa.exists(
            a.revealed(_S.study_instance_uid, _S.assessment_number).where(
                r.reveal.c.detector == sa.any_(_S.withheld)
            )
        )
        with translated(), self._engine.connect() as connection:
            rows = connection.execute(
                sa.select(_S.study_instance_uid, _S.assessment_number)
                .join(
                    t.assessment,
                    sa.and_(
                        _A.study_instance_uid == _S.study_instance_uid,
                        _A.number == _S.assessment_number,
                    ),
                )
                .join(t.study, newest)
                .where(
                    _IS_WITHHELD,
                    revealed,
                    _A.finished_at.is_not(None),
                    ~tells_of_a_stopped_model(_A.study_instance_uid, _A.number),
                    ~retrying.waits(_A.study_instance_uid, _A.number, now),
                )
                .limit(limit)
            ).all()
        return [(StudyInstanceUID(row[0]), row[1]) for row in rows]

    def assessed(
        self, uid: StudyInstanceUID, number: int, *, newest: bool = True
    ) -> a.AssessedStudy | None:
        """One assessment; None: it is not known, runs again, or a later one is queued.

        With `newest` False it is told as it stands, whatever runs or came later.
        """
        with translated(), self._engine.begin() as connection:
            connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            row = connection.execute(_assessment(uid, number, newest)).one_or_none()
            if row is None:
                return None
            results = a.results_of(connection, uid, number)
            revealed = connection.scalars(
                a.revealed(sa.literal(uid), sa.literal(number)).with_only_columns(
                    r.reveal.c.detector
                )
            )
            made_of, made = m.made_until_now(connection, uid, number)
            return a.AssessedStudy(
                study_instance_uid=uid,
                number=number,
                completeness=row.completeness or Completeness.INCOMPLETE,
                finished_at=row.finished_at,
                is_asked=row.results_asked,
                results=results,
                seen=self._seen(connection, uid, results),
                revealed=frozenset(revealed),
                earlier_reports=m.earlier_reports(connection, uid),
                made_of=made_of,
                made=made,
            )

    def _seen(
        self,
        connection: sa.Connection,
        uid: StudyInstanceUID,
        results: Sequence[tuple[Outcome, Provenance]],
    ) -> dict[SOPInstanceUID, a.SeenObject]:
        wanted = {one for _, provenance in results for one, _ in provenance.instances}
        columns = t.instance.c
        rows = connection.execute(
            sa.select(
                columns.sop_instance_uid,
                columns.sop_class_uid,
                columns.series_instance_uid,
                columns.archive_path,
            )
            .where(columns.study_instance_uid == uid, ~columns.made_by_vigie)
            .order_by(columns.sop_instance_uid)
        ).all()
        # Where nothing was seen, anything tells whose the study is.
        return {
            SOPInstanceUID(row.sop_instance_uid): a.SeenObject(
                sop_class_uid=row.sop_class_uid,
                sop_instance_uid=SOPInstanceUID(row.sop_instance_uid),
                series_instance_uid=SeriesInstanceUID(row.series_instance_uid),
                path=self._archive / row.archive_path,
            )
            for row in rows
            if not wanted or row.sop_instance_uid in wanted
        }

    def keep(self, made: MadeSet, wants: Sequence[Wants], *, tries_again: bool = False) -> bool:
        """Keep what was made and let it be sent; what was made of other facts is superseded.

        Repeated of the same facts it adds what was not made then, and sends where nothing was.

        Parameters
        ----------
        wants
            Destinations that get what was assessed at that time.
        tries_again
            Whether what could not be made is tried again later, if it was not for long enough.

        Returns
        -------
        bool
            False: nothing is kept. A person has retracted what was made of this assessment, or
            these very objects were superseded before: what was rejected is not sent again.
        """
        uid = made.study_instance_uid
        with translated(), self._engine.begin() as connection:
            lock_results(connection, uid)
            newest = m.newest_set(connection, made)
            m.note_made(connection, made)
            m.note_withheld(connection, made)
            is_retracted = newest is not None and newest.retracted_at is not None
            if tries_again and not is_retracted:
                number, problem = made.assessment_number, made.problem
                retrying.put_off(connection, uid, number, problem, made.made_at)
            else:
                retrying.done(connection, uid, made.assessment_number)
            if is_retracted:
                return False
            if newest is not None and newest.superseded_at is None and newest.digest == made.digest:
                m.add_to_set(connection, newest.result_set_id, made)
                m.supersede(connection, made, newest.result_set_id)
            elif m.were_made_before(connection, made):
                m.hold_back(connection, newest, made)
                self._tell_no_reuse(connection, made)
                return False
            else:
                if made.problem and not made.objects:
                    # What its facts are now is not known: perhaps fewer marks may be shown (P8).
                    m.hold_back(connection, newest, made)
                self._keep_set(connection, made)
            for want in wants:
                m.deliver(connection, made, want)
        return True

    def put_off(self, uid: StudyInstanceUID, number: int, problem: str, now: datetime) -> bool:
        """Let it be tried again later; False: it was tried for long enough."""
        with translated(), self._engine.begin() as connection:
            return retrying.put_off(connection, uid, number, problem, now)

    def _tell_no_reuse(self, connection: sa.Connection, made: MadeSet) -> None:
        details = {
            "assessment_number": made.assessment_number,
            "objects": {},
            "problem": "these very objects were superseded before",
        }
        m.tell(connection, "results_made", made.study_instance_uid, details, made.made_at)

    def _keep_set(self, connection: sa.Connection, made: MadeSet) -> None:
        number = connection.execute(
            sa.insert(o.result_set)
            .values(
                study_instance_uid=made.study_instance_uid,
                assessment_number=made.assessment_number,
                made_at=made.made_at,
                worth=made.worth,
                revealed=sorted(made.revealed),
                withheld=sorted(made.withheld),
                problem=storable_text(made.problem),
                digest=made.digest,
                rules=made.rules,
            )
            .returning(_S.result_set_id)
        ).scalar_one()
        for one in made.objects:
            m.keep_object(connection, made.study_instance_uid, number, one, made.made_at)
        m.supersede(connection, made, number)
        if not made.objects and not made.problem:
            return
        counted = {kind: sum(one.kind is kind for one in made.objects) for kind in ObjectKind}
        details = {
            "assessment_number": made.assessment_number,
            "objects": {kind: count for kind, count in counted.items() if count},
            **({"problem": made.problem} if made.problem else {}),
        }
        m.tell(connection, "results_made", made.study_instance_uid, details, made.made_at)

    def due_rejections(self, now: datetime, limit: int) -> Sequence[DueRejection]:
        """What destinations may have, and is still to be rejected there."""
        with translated(), self._engine.connect() as connection:
            groups = connection.execute(
                sa.select(_D.destination, _O.study_instance_uid, _D.to_reject)
                .join(o.result_object)
                .join(o.destination, o.destination.c.name == _D.destination)
                .where(
                    sa.text("delivery.to_reject IS NOT NULL"),
                    _D.may_be_there,
                    o.destination.c.until.is_(None),
                    ~retrying.study_waits(_O.study_instance_uid, now),
                )
                .group_by(_D.destination, _O.study_instance_uid, _D.to_reject)
                .limit(limit)
            ).all()
            found = [_due_rejection(connection, *group) for group in groups]
        return [one for one in found if one is not None]

    def keep_rejection(self, due: DueRejection, made: MadeObject, now: datetime) -> None:
        """Keep a rejection and let it be sent; what it names is rejected there."""
        with translated(), self._engine.begin() as connection:
            lock_results(connection, due.study_instance_uid)
            m.keep_object(connection, due.study_instance_uid, due.result_set_id, made, now)
            m.queue(connection, made.sop_instance_uid, due.destination, now)
            self._done(connection, due)
            details = {
                "destination": due.destination,
                "objects": len(due.objects),
                "rejected": due.why,
            }
            m.tell(connection, "results_rejected", due.study_instance_uid, details, now)

    def put_off_rejection(self, due: DueRejection, problem: str, now: datetime) -> bool:
        """Let it be tried again later; False: it was tried for long enough."""
        return self.put_off(due.study_instance_uid, due.assessment_number, problem, now)

    def give_up_rejection(self, due: DueRejection, why: str, now: datetime) -> None:
        """Note that no rejection can be made; people must see to the destination."""
        with translated(), self._engine.begin() as connection:
            self._done(connection, due)
            details = {"destination": due.destination, "objects": len(due.objects), "problem": why}
            m.tell(connection, "results_not_rejected", due.study_instance_uid, details, now)

    def _done(self, connection: sa.Connection, due: DueRejection) -> None:
        uids = [one.sop_instance_uid for one in due.objects]
        connection.execute(
            sa.update(o.delivery)
            .where(
                _D.destination == due.destination,
                _D.sop_instance_uid.in_(uids),
                _D.to_reject == due.why,
            )
            .values(to_reject=None)
        )


def _assessment(uid: StudyInstanceUID, number: int, newest: bool) -> sa.Select[Any]:
    ready = (t.study.c.assessment_number == number, _A.finished_at.is_not(None))
    return (
        sa.select(
            sa.func.coalesce(_A.finished_at, _A.queued_at).label("finished_at"),
            _A.results_asked,
            t.study.c.completeness,
        )
        .join(t.study, t.study.c.study_instance_uid == _A.study_instance_uid)
        .where(_A.study_instance_uid == uid, _A.number == number, *(ready if newest else ()))
    )


def _is_newest() -> sa.ColumnElement[bool]:
    return sa.and_(
        t.study.c.study_instance_uid == _A.study_instance_uid,
        t.study.c.assessment_number == _A.number,
    )


def _due_rejection(
    connection: sa.Connection, destination: str, uid: str, why: RejectionReason
) -> DueRejection | None:
    """What is to be rejected; None: meanwhile nothing is, or it counts again."""
    study = StudyInstanceUID(uid)
    rows = m.rejected_there(connection, destination, study, why)
    newest = m.newest_of_study(connection, study)
    is_superseded = why is RejectionReason.SUPERSEDED
    times = [row.superseded_at if is_superseded else row.retracted_at for row in rows]
    known = [one for one in times if one is not None]
    if not known:
        return None
    return DueRejection(
        destination=destination,
        study_instance_uid=study,
        assessment_number=newest.assessment_number,
        result_set_id=newest.result_set_id,
        why=why,
        at=max(known),
        objects=tuple(map(m.made_object, rows)),
    )
