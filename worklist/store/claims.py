"""Claims in PostgreSQL: the part of `worklist.ports.Transaction` about them."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from worklist.claims import Claim, ClaimEnd
from worklist.people import AccountName
from worklist.store import tables as t
from worklist.uid import StudyInstanceUID

_OPEN = t.claim.c.ended_at.is_(None)


class ClaimRows:
    """See `worklist.ports.Transaction` for what each method promises."""

    _connection: sa.Connection

    def claim_of(self, uid: StudyInstanceUID) -> Claim | None:
        row = self._connection.execute(
            sa.select(t.claim).where(t.claim.c.study_instance_uid == uid, _OPEN)
        ).first()
        return None if row is None else _claim(row)

    def add_claim(self, claim: Claim) -> None:
        self._connection.execute(
            sa.insert(t.claim).values(
                study_instance_uid=claim.study_instance_uid,
                account=claim.account,
                claimed_at=claim.claimed_at,
            )
        )

    def end_claim(self, uid: StudyInstanceUID, how: ClaimEnd, now: datetime) -> None:
        self._connection.execute(
            sa.update(t.claim)
            .where(t.claim.c.study_instance_uid == uid, _OPEN)
            .values(ended_at=sa.func.greatest(now, t.claim.c.claimed_at), ended_how=how)
        )

    def open_claims(self) -> list[Claim]:
        rows = self._connection.execute(
            sa.select(t.claim).where(_OPEN).order_by(t.claim.c.claimed_at, t.claim.c.claim_id)
        )
        return list(map(_claim, rows))


def _claim(row: sa.Row[Any]) -> Claim:
    return Claim(
        study_instance_uid=StudyInstanceUID(row.study_instance_uid),
        account=AccountName(row.account),
        claimed_at=row.claimed_at,
    )
