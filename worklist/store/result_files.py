"""Which files of results lie on disk: what is no longer needed goes, and is made again if it is."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from worklist.outbound import DeliveryState, MadeObject, ObjectKind
from worklist.ports import Event
from worklist.store import made as m
from worklist.store import outbound_tables as o
from worklist.store import retrying
from worklist.store.anew import make_anew_of
from worklist.store.destinations import VIGIE
from worklist.store.engine import translated
from worklist.store.held import may_leave
from worklist.store.outbound import lock_results
from worklist.store.rows import storable_text
from worklist.store.transaction import PostgresTransaction
from worklist.uid import SOPInstanceUID, StudyInstanceUID

_D, _O, _S = o.delivery.c, o.result_object.c, o.result_set.c


@dataclass(frozen=True, kw_only=True, slots=True)
class GoneFile:
    """An object that is to be sent, and whose file is to be made again first."""

    study_instance_uid: StudyInstanceUID
    assessment_number: int
    made: MadeObject
    named: tuple[MadeObject, ...]  # objects of ours that it names
    digest: str  # of the facts that it was made of; empty: not known
    revealed: frozenset[str]  # detectors whose marks it told because a reader saw them


class PostgresResultFiles:
    """Files of results, as one PostgreSQL database knows of them."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def not_needed(self, sent_before: datetime, now: datetime, limit: int) -> Sequence[str]:
        """Paths of files that nobody waits for; from now on they count as gone.

        What a destination answers for is not needed, nor what was withdrawn; what was only taken,
        refused or parked, after some time. Of a rejection that was not taken yet it is kept: other
        software would make it with other bytes, and nothing else tells the destination.
        """
        lately = sa.or_(
            sa.and_(_D.state == DeliveryState.SENT, _D.sent_at >= sent_before),
            sa.and_(
                _D.state.in_((DeliveryState.REFUSED, DeliveryState.PARKED)),
                sa.or_(_D.queued_at >= sent_before, _O.kind == ObjectKind.REJECTION),
            ),
        )
        needed = sa.exists().where(
            _D.sop_instance_uid == _O.sop_instance_uid,
            sa.or_(_D.state == DeliveryState.WAITING, lately),
        )
        chosen = (
            sa.select(_O.sop_instance_uid)
            .where(sa.text("result_object.file_gone_at IS NULL"), ~needed)
            .order_by(_O.made_at)
            .limit(limit)
        )
        with translated(), self._engine.begin() as connection:
            return connection.scalars(
                sa.update(o.result_object)
                .where(_O.sop_instance_uid.in_(chosen))
                .values(file_gone_at=now)
                .returning(_O.path)
            ).all()

    def unknown(self, paths: Collection[str]) -> set[str]:
        """Those of these paths at which no file of an object is to lie."""
        with translated(), self._engine.connect() as connection:
            known = connection.scalars(
                sa.select(_O.path).where(_O.path.in_(list(paths)), _O.file_gone_at.is_(None))
            )
            return set(paths) - set(known)

    def gone(self, uids: Collection[SOPInstanceUID], now: datetime) -> None:
        """These are not on disk as they were made: they are made again before they are sent."""
        with translated(), self._engine.begin() as connection:
            connection.execute(
                sa.update(o.result_object)
                .where(_O.sop_instance_uid.in_(list(uids)))
                .values(file_gone_at=now)
            )

    def there(self, uid: SOPInstanceUID) -> None:
        """It lies on disk as it was made."""
        with translated(), self._engine.begin() as connection:
            mine = sa.update(o.result_object).where(_O.sop_instance_uid == uid)
            connection.execute(mine.values(file_gone_at=None))

    def kept(self, uids: Collection[SOPInstanceUID]) -> Mapping[SOPInstanceUID, str]:
        """The SHA-256 of those of these objects that are known."""
        with translated(), self._engine.connect() as connection:
            rows = connection.execute(
                sa.select(_O.sop_instance_uid, _O.sha256).where(_O.sop_instance_uid.in_(list(uids)))
            ).all()
        return {SOPInstanceUID(row.sop_instance_uid): row.sha256 for row in rows}

    def to_make_again(self, now: datetime, limit: int) -> Sequence[GoneFile]:
        """Objects that may leave now but for their files."""
        waiting = sa.exists().where(
            _D.sop_instance_uid == _O.sop_instance_uid,
            _D.state == sa.literal_column(f"'{DeliveryState.WAITING}'"),
            may_leave(),
        )
        with translated(), self._engine.connect() as connection:
            rows = connection.execute(
                sa.select(o.result_object, _S.assessment_number, _S.digest, _S.revealed)
                .join(o.result_set, _S.result_set_id == _O.result_set_id)
                .where(
                    _O.file_gone_at.is_not(None),
                    waiting,
                    ~retrying.waits(_S.study_instance_uid, _S.assessment_number, now),
                )
                .order_by(_O.made_at, _O.sop_instance_uid)
                .limit(limit)
            ).all()
            return [_gone_file(connection, row) for row in rows]

    def make_anew(self, one: GoneFile) -> bool:
        """Let results be made of what holds now; False: not of this assessment any more."""
        uid, number = one.study_instance_uid, one.assessment_number
        with translated(), self._engine.begin() as connection:
            lock_results(connection, uid)
            return make_anew_of(connection, uid, number)

    def put_off(self, one: GoneFile, problem: str, now: datetime) -> bool:
        """Let it be tried again later; False: it was tried for long enough."""
        uid, number = one.study_instance_uid, one.assessment_number
        with translated(), self._engine.begin() as connection:
            return retrying.put_off(connection, uid, number, problem, now)

    def give_up(self, one: GoneFile, words: str, now: datetime) -> None:
        """Its file cannot be made again: what waits is refused, by us."""
        mine = _D.sop_instance_uid == one.made.sop_instance_uid
        with translated(), self._engine.begin() as connection:
            names = connection.scalars(
                sa.update(o.delivery)
                .where(mine, _D.state == DeliveryState.WAITING)
                .values(
                    state=DeliveryState.REFUSED,
                    next_try_at=None,
                    status=None,
                    words=storable_text(words),
                )
                .returning(_D.destination)
            ).all()
            events = [
                Event(
                    kind="results_refused",
                    at=now,
                    actor=VIGIE,
                    study_instance_uid=one.study_instance_uid,
                    details={"destination": name, "objects": 1, "why": words},
                )
                for name in sorted(names)
            ]
            PostgresTransaction(connection).append_events(events)


def _gone_file(connection: sa.Connection, row: sa.Row[tuple[object, ...]]) -> GoneFile:
    named = connection.execute(
        sa.select(o.result_object)
        .where(_O.sop_instance_uid.in_(row.names))
        .order_by(_O.sop_instance_uid)
    )
    return GoneFile(
        study_instance_uid=StudyInstanceUID(row.study_instance_uid),
        assessment_number=row.assessment_number,
        made=m.made_object(row),
        named=tuple(map(m.made_object, named)),
        digest=row.digest,
        revealed=frozenset(row.revealed),
    )
