"""Claims: who reads a study holds it, so that no two people read it unknowingly."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from worklist.errors import VigieError
from worklist.people import AccountName
from worklist.uid import StudyInstanceUID


class ClaimEnd(StrEnum):
    """How a person came to hold a study no longer."""

    RELEASED = "released"  # given back, by the person or an administrator
    TAKEN_OVER = "taken_over"  # by another person, knowingly
    CONCLUDED = "concluded"
    READ_ELSEWHERE = "read_elsewhere"
    SIGNED_OUT = "signed_out"  # no session holds of the person as a radiologist
    TIME_LIMIT = "time_limit"


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """One person holds one study."""

    study_instance_uid: StudyInstanceUID
    account: AccountName
    claimed_at: datetime


class ClaimedByAnother(VigieError):
    """Another person holds the study; ``claim`` says who, since when."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        super().__init__(f"{claim.account} has claimed this study")


class NotClaimed(VigieError):
    """The person does not hold the study."""


class AlreadyRead(VigieError):
    """A study that was read is held by nobody."""


def over_limit(claim: Claim, limit: timedelta, now: datetime) -> bool:
    """Whether a study has been held for as long as anybody may hold one."""
    return now >= claim.claimed_at + limit


def over_because(
    claim: Claim, present: Collection[AccountName], limit: timedelta, now: datetime
) -> ClaimEnd | None:
    """Why a claim is over by itself; None: it is not.

    Parameters
    ----------
    present
        Who is signed in somewhere and may claim studies.
    """
    if over_limit(claim, limit, now):
        return ClaimEnd.TIME_LIMIT
    return None if claim.account in present else ClaimEnd.SIGNED_OUT
