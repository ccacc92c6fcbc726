"""People claim studies, give them back, and take over from one another knowingly."""

from collections.abc import Collection, Mapping
from datetime import datetime

from worklist.claims import (
    AlreadyRead,
    Claim,
    ClaimedByAnother,
    ClaimEnd,
    NotClaimed,
    over_because,
    over_limit,
)
from worklist.people import AccountName
from worklist.placement import VIGIE, Rules, locked
from worklist.ports import Event, Transaction
from worklist.reading import ReadingState
from worklist.uid import StudyInstanceUID


class Claiming(Rules):
    """The part of the service that says who reads what."""

    def claim(
        self, uid: StudyInstanceUID, account: AccountName, *, take_over: bool, now: datetime
    ) -> Claim:
        """Let a person hold a study; asked again by the same person, nothing changes.

        Raises
        ------
        UnknownStudy
            If it was never filed.
        AlreadyRead
            If there is nothing left to read.
        ClaimedByAnother
            If another person holds it and the claim is not to be taken over.
        """
        with self._store.transaction() as transaction:
            if locked(transaction, uid).reading_state is ReadingState.READ:
                raise AlreadyRead("this study was read already")
            held = transaction.claim_of(uid)
            events: list[Event] = []
            if held is not None and over_limit(held, self._claim_limit, now):
                how = ClaimEnd.TIME_LIMIT
                events = claim_ended(transaction, uid, how, actor=VIGIE, now=now)
                held = None
            if held is not None and held.account == account:
                return held
            details: dict[str, object] = {"account": account}
            if held is not None:
                if not take_over:
                    raise ClaimedByAnother(held)
                transaction.end_claim(uid, ClaimEnd.TAKEN_OVER, now)
                details |= {"from": held.account, "since": held.claimed_at.isoformat()}
            claim = Claim(study_instance_uid=uid, account=account, claimed_at=now)
            transaction.add_claim(claim)
            kind = "claimed" if held is None else "claim_taken_over"
            event = _event(kind, uid, f"person {account}", now, details)
            transaction.append_events([*events, event])
        return claim

    def release(
        self,
        uid: StudyInstanceUID,
        account: AccountName,
        *,
        anyones: bool = False,
        now: datetime,
    ) -> None:
        """Give a study back.

        Parameters
        ----------
        account
            Who acts.
        anyones
            Whether the study may be another person's, as for an administrator.

        Raises
        ------
        UnknownStudy
            If it was never filed.
        NotClaimed
            If nobody holds it.
        ClaimedByAnother
            If another person does.
        """
        self._release(uid, account, f"person {account}", anyones=anyones, now=now)

    def give_back_unacted(
        self, uid: StudyInstanceUID, account: AccountName, *, claimed_at: datetime, now: datetime
    ) -> bool:
        """Give a study back that a page claimed by itself; whether it was.

        Nothing happens, and nothing is told, where the claim is another's or of another time, or
        its person has said something of the study since.

        Parameters
        ----------
        claimed_at
            When the claim was made.

        Raises
        ------
        UnknownStudy
            If it was never filed.
        """
        with self._store.transaction() as transaction:
            locked(transaction, uid)
            held = transaction.claim_of(uid)
            if held is None or (held.account, held.claimed_at) != (account, claimed_at):
                return False
            if transaction.readings_of(uid).has_acted(account, since=claimed_at):
                return False
            transaction.end_claim(uid, ClaimEnd.RELEASED, now)
            event = _event("claim_released", uid, f"person {account}", now, {"account": account})
            transaction.append_events([event])
        return True

    def release_by_command(self, uid: StudyInstanceUID, *, actor: str, now: datetime) -> None:
        """Give a study back, whoever holds it; raises as `release` does."""
        self._release(uid, None, f"person {actor}", anyones=True, now=now)

    def _release(
        self,
        uid: StudyInstanceUID,
        account: AccountName | None,
        actor: str,
        *,
        anyones: bool,
        now: datetime,
    ) -> None:
        with self._store.transaction() as transaction:
            locked(transaction, uid)
            held = transaction.claim_of(uid)
            if held is None:
                raise NotClaimed("nobody has claimed this study")
            if held.account != account and not anyones:
                raise ClaimedByAnother(held)
            transaction.end_claim(uid, ClaimEnd.RELEASED, now)
            event = _event("claim_released", uid, actor, now, {"account": held.account})
            transaction.append_events([event])

    def claims(self) -> list[Claim]:
        """What people hold, longest held first."""
        with self._store.transaction() as transaction:
            return transaction.open_claims()

    def end_claims(self, present: Collection[AccountName], *, now: datetime) -> int:
        """End the claims that are over by themselves; how many there were.

        Parameters
        ----------
        present
            Those holders of claims who are signed in somewhere and may claim studies.
        """
        limit = self._claim_limit
        with self._store.transaction() as transaction:
            over = {
                one.study_instance_uid
                for one in transaction.open_claims()
                if over_because(one, present, limit, now)
            }
            events: list[Event] = []
            for uid in transaction.lock_studies(over):
                held = transaction.claim_of(uid)  # since it was listed another may hold it
                how = over_because(held, present, limit, now) if held else None
                if how is not None:
                    events += claim_ended(transaction, uid, how, actor=VIGIE, now=now)
            transaction.append_events(events)
        return len(events)


def claim_ended(
    transaction: Transaction, uid: StudyInstanceUID, how: ClaimEnd, *, actor: str, now: datetime
) -> list[Event]:
    """End the claim of a study that is locked, if anybody holds it; the event that says so."""
    held = transaction.claim_of(uid)
    if held is None:
        return []
    transaction.end_claim(uid, how, now)
    return [_event("claim_ended", uid, actor, now, {"account": held.account, "how": how})]


def _event(
    kind: str, uid: StudyInstanceUID, actor: str, now: datetime, details: Mapping[str, object]
) -> Event:
    return Event(kind=kind, at=now, actor=actor, study_instance_uid=uid, details=details)
