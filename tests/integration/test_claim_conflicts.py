"""Two people never hold one study, however many try at once: the database decides."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders import NOON, account, arrival
from tests.conftest import empty
from worklist.claims import ClaimedByAnother, NotClaimed
from worklist.due_time import DueTargets
from worklist.errors import RefusedByStore
from worklist.people import AccountName
from worklist.service import Worklist
from worklist.store.people import PostgresPeople
from worklist.store.postgres import PostgresStore
from worklist.uid import StudyInstanceUID

PEOPLE = [AccountName(name) for name in ("anna", "bert", "carla", "dora")]
STUDIES = [StudyInstanceUID("1.1"), StudyInstanceUID("1.2")]
acts = st.lists(
    st.tuples(st.sampled_from(STUDIES), st.sampled_from(["claim", "take over", "release"])),
    min_size=1,
    max_size=6,
)


def open_room(engine: sa.Engine) -> Worklist:
    empty(engine)
    with PostgresPeople(engine).transaction() as transaction:
        for name in PEOPLE:
            transaction.save_account(account(name))
    room = Worklist(PostgresStore(engine), DueTargets())
    for uid in STUDIES:
        room.record_arrivals([arrival(f"{uid}.1", study=uid)], now=NOON)
    return room


def replayed(engine: sa.Engine) -> dict[str, str]:
    """Who holds what at the end, if every event was possible when it happened."""
    held: dict[str, str] = {}
    with engine.connect() as connection:
        events = connection.execute(sa.text("SELECT * FROM event ORDER BY event_id")).all()
    for event in events:
        uid, details = event.study_instance_uid, event.details
        match event.kind:
            case "claimed":
                assert uid not in held
                held[uid] = details["account"]
            case "claim_taken_over":
                assert held[uid] == details["from"] != details["account"]
                held[uid] = details["account"]
            case "claim_released":
                assert held.pop(uid) == details["account"]
    return held


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(plans=st.lists(acts, min_size=4, max_size=4))
def test_whatever_people_try_at_once_one_person_holds_a_study(
    emptied_engine: sa.Engine, plans: Sequence[Sequence[tuple[StudyInstanceUID, str]]]
) -> None:
    room = open_room(emptied_engine)
    together = Barrier(len(PEOPLE))

    def play(who: AccountName, plan: Sequence[tuple[StudyInstanceUID, str]]) -> None:
        together.wait()
        for uid, act in plan:
            try:
                if act == "release":
                    room.release(uid, who, now=NOON)
                else:
                    claim = room.claim(uid, who, take_over=act == "take over", now=NOON)
                    assert claim.account == who
            except (ClaimedByAnother, NotClaimed):
                continue

    with ThreadPoolExecutor(len(PEOPLE)) as pool:
        list(pool.map(play, PEOPLE, plans))
    holders = {one.study_instance_uid: one.account for one in room.claims()}
    assert len(holders) == len(room.claims())
    assert replayed(emptied_engine) == holders


def test_of_all_who_claim_at_once_exactly_one_gets_the_study(emptied_engine: sa.Engine) -> None:
    room = open_room(emptied_engine)
    together = Barrier(len(PEOPLE))

    def claims(who: AccountName) -> bool:
        together.wait()
        try:
            room.claim(STUDIES[0], who, take_over=False, now=NOON)
        except ClaimedByAnother:
            return False
        return True

    with ThreadPoolExecutor(len(PEOPLE)) as pool:
        won = dict(zip(PEOPLE, pool.map(claims, PEOPLE), strict=True))
    [winner] = [who for who, got_it in won.items() if got_it]
    assert [one.account for one in room.claims()] == [winner]


def test_the_database_refuses_a_second_holder_whichever_program_writes(
    emptied_engine: sa.Engine,
) -> None:
    room = open_room(emptied_engine)
    held = room.claim(STUDIES[0], PEOPLE[0], take_over=False, now=NOON)
    with (
        pytest.raises(RefusedByStore, match="UniqueViolation"),
        PostgresStore(emptied_engine).transaction() as transaction,
    ):
        transaction.add_claim(held)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"ended_at": "2026-03-02 11:00+00", "ended_how": "released"}, "ends_after_claimed"),
        ({"ended_at": "2026-03-02 13:00+00"}, "end_has_a_way"),
        ({"ended_how": "released"}, "end_has_a_way"),
        ({"ended_at": "2026-03-02 13:00+00", "ended_how": "forgotten"}, "claim_end"),
        ({"account": "nobody"}, "foreign key"),
        ({"study_instance_uid": "1.9"}, "foreign key"),
    ],
)
def test_a_claim_that_cannot_be_is_refused(
    emptied_engine: sa.Engine, values: dict[str, Any], named: str
) -> None:
    open_room(emptied_engine)
    row = {"study_instance_uid": "1.1", "account": "anna", "claimed_at": str(NOON)} | values
    statement = f"INSERT INTO claim ({', '.join(row)}) VALUES (:{', :'.join(row)})"
    with (
        pytest.raises(sa.exc.DBAPIError, match=named),
        emptied_engine.begin() as connection,
    ):
        connection.execute(sa.text(statement), row)
