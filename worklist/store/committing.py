"""Whose safekeeping is asked for, and what was asked under which transaction UID."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from worklist.outbound import DeliveryState
from worklist.store import outbound_tables as o
from worklist.store.engine import translated
from worklist.store.held import COUNTS
from worklist.store.outbound import Outgoing, outgoing_of
from worklist.uid import TransactionUID

_D, _N, _O = o.delivery.c, o.destination.c, o.result_object.c
_IS_SENT = _D.state == sa.literal_column(f"'{DeliveryState.SENT}'")
_NEVER_FOR = timedelta(days=1)  # a node that was restarted may offer it then


class PostgresCommitting:
    """Requests for storage commitment in one PostgreSQL database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def to_commit(
        self,
        destination: str,
        now: datetime,
        *,
        asked_before: datetime,
        most_tries: int,
        limit: int,
    ) -> Sequence[Outgoing]:
        """What is there and whose safekeeping is to be asked for.

        Not of what counts no more: an archive may well have it no more once it was rejected.
        Nothing where the destination said within the last day that it answers for none.
        """
        never = sa.exists().where(
            _N.name == destination,
            _N.commits.is_(False),
            _N.commits_at > now - _NEVER_FOR,
        )
        asked = _D.commitment_asked_at
        statement = (
            sa.select(o.delivery, _O.study_instance_uid, _O.sop_class_uid, _O.path, _O.sha256)
            .select_from(o.delivery)
            .join(o.result_object, _O.sop_instance_uid == _D.sop_instance_uid)
            .join(o.result_set, o.result_set.c.result_set_id == _O.result_set_id)
            .where(
                _IS_SENT,
                COUNTS,
                _D.destination == destination,
                sa.or_(
                    asked.is_(None),
                    asked < _D.sent_at,  # it was sent again since
                    sa.and_(asked < asked_before, _D.commitment_tries < most_tries),
                ),
                ~never,
            )
            .order_by(_D.delivery_id)
            .limit(limit)
        )
        with translated(), self._engine.connect() as connection:
            return list(map(outgoing_of, connection.execute(statement)))

    def note_asked(
        self, delivery_ids: Sequence[int], transaction_uid: TransactionUID, now: datetime
    ) -> None:
        """Keep what is asked for, before it is: the answer may come at once."""
        asked = _D.commitment_asked_at
        is_first = sa.or_(asked.is_(None), asked < _D.sent_at)
        with translated(), self._engine.begin() as connection:
            connection.execute(
                sa.update(o.delivery)
                .where(_D.delivery_id.in_(delivery_ids))
                .values(
                    transaction_uid=transaction_uid,
                    commitment_asked_at=now,
                    commitment_tries=sa.case((is_first, 1), else_=_D.commitment_tries + 1),
                )
            )

    def note_none(self, destination: str, now: datetime) -> None:
        """It answers for no safekeeping, and is asked again in a day."""
        with translated(), self._engine.begin() as connection:
            connection.execute(
                sa.update(o.destination)
                .where(_N.name == destination)
                .values(commits=False, commits_at=now)
            )

    def asked_under(self, transaction_uid: TransactionUID) -> Sequence[Outgoing]:
        """What was asked for in one request."""
        with translated(), self._engine.connect() as connection:
            rows = connection.execute(
                sa.select(o.delivery, _O.study_instance_uid, _O.sop_class_uid, _O.path, _O.sha256)
                .join(o.result_object)
                .where(_D.transaction_uid == transaction_uid)
            )
            return list(map(outgoing_of, rows))
