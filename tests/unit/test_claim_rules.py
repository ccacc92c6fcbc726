"""When a claim is over by itself."""

from datetime import timedelta

import pytest

from tests.builders import NOON, STUDY
from worklist.claims import Claim, ClaimEnd, over_because, over_limit
from worklist.people import AccountName

ANNA = AccountName("anna")
HOUR = timedelta(hours=1)
MOMENT = timedelta(microseconds=1)
CLAIM = Claim(study_instance_uid=STUDY, account=ANNA, claimed_at=NOON)


@pytest.mark.parametrize(("held", "over"), [(HOUR - MOMENT, False), (HOUR, True), (2 * HOUR, True)])
def test_the_limit(held: timedelta, over: bool) -> None:
    assert over_limit(CLAIM, HOUR, NOON + held) is over


def test_who_is_present_keeps_a_claim_and_who_is_not_loses_it() -> None:
    assert over_because(CLAIM, {ANNA}, HOUR, NOON) is None
    assert over_because(CLAIM, {AccountName("bert")}, HOUR, NOON) is ClaimEnd.SIGNED_OUT
    assert over_because(CLAIM, set(), HOUR, NOON + HOUR) is ClaimEnd.TIME_LIMIT
