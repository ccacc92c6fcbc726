"""`vigie claims` and `vigie release`, and the web role's keeper of claims."""

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner, Result

from tests.builders import STUDY, arrival
from tests.people import House
from vigie.__main__ import make_app
from vigie.changes import changes_of
from vigie.claim_keeper import ClaimKeeper
from vigie.people import People
from worklist.api_tokens import ApiTokens
from worklist.due_time import DueTargets
from worklist.people import OTHERS_ABOUT_PEOPLE, AccountName, Role
from worklist.service import Worklist
from worklist.store.postgres import PostgresStore

Command = Callable[..., Result]
ANNA = AccountName("anna")


@pytest.fixture
def command(database_url: str, tmp_path: Path) -> Command:
    settings = {"VIGIE_DATABASE_URL": database_url, "VIGIE_DATA": str(tmp_path)}
    return lambda *arguments: CliRunner().invoke(make_app(), arguments, env=settings)


@pytest.fixture
def house(engine: sa.Engine) -> House:
    house = House(engine, now=datetime.now(UTC))
    house.person(ANNA)
    return house


@pytest.fixture
def room(house: House) -> Worklist:
    room = Worklist(PostgresStore(house.engine), DueTargets())
    room.record_arrivals([arrival(received_at=house.now)], now=house.now)
    return room


def test_claims_are_listed_and_released_by_command(
    command: Command, room: Worklist, house: House
) -> None:
    assert "nobody has claimed a study" in command("claims").stdout
    room.claim(STUDY, ANNA, take_over=False, now=house.now - timedelta(minutes=5))
    listed = command("claims").stdout
    assert STUDY in listed
    assert "anna" in listed
    assert "5 min" in listed
    assert command("release", STUDY).exit_code == 0
    assert room.claims() == []
    assert house.events("claim_released")[0].actor.startswith("person ")
    again = command("release", STUDY)
    assert (again.exit_code, again.stderr.strip()) == (1, "nobody has claimed this study")
    assert command("release", "1.9").exit_code == 1


def test_the_keeper_ends_the_claims_of_people_who_are_gone_and_no_others(
    room: Worklist, house: House
) -> None:
    keeper = ClaimKeeper(room, house.door)
    assert keeper.end_claims() == 0
    desk, sofa = house.sign_in(ANNA), house.sign_in(ANNA)
    room.claim(STUDY, ANNA, take_over=False, now=house.now)
    assert keeper.end_claims() == 0
    house.door.sign_out(desk.secret, house.now)
    assert keeper.end_claims() == 0  # still there in the other browser
    house.door.sign_out(sofa.secret, house.now)
    assert keeper.end_claims() == 1
    assert house.events("claim_ended")[0].details == {"account": "anna", "how": "signed_out"}


def test_who_is_no_longer_a_radiologist_holds_nothing(room: Worklist, house: House) -> None:
    keeper = ClaimKeeper(room, house.door)
    house.sign_in(ANNA)
    room.claim(STUDY, ANNA, take_over=False, now=house.now)
    both = [Role.RADIOLOGIST, Role.QA_REVIEWER]
    house.accounts.set_roles(ANNA, both, actor="person admin", now=house.now)
    assert keeper.end_claims() == 0
    house.accounts.set_roles(ANNA, both[1:], actor="person admin", now=house.now)
    assert keeper.end_claims() == 1
    assert room.claims() == []


def test_a_session_that_time_has_ended_keeps_no_claim(room: Worklist, house: House) -> None:
    long_ago = datetime.now(UTC) - house.door.limits.idle
    house.now = long_ago
    house.sign_in(ANNA)
    room.claim(STUDY, ANNA, take_over=False, now=datetime.now(UTC))
    assert house.door.present([ANNA], long_ago + timedelta(minutes=1)) == {ANNA}
    assert ClaimKeeper(room, house.door).end_claims() == 1


def test_signing_out_frees_the_study_without_waiting_for_the_next_look(
    room: Worklist, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vigie.claim_keeper._LOOK_S", 3600.0)
    session = house.sign_in(ANNA)
    room.claim(STUDY, ANNA, take_over=False, now=house.now)
    looked = threading.Event()
    keeper = ClaimKeeper(room, house.door)
    ended = room.end_claims

    def noted(*args: object, **named: object) -> int:
        count = ended(*args, **named)  # type: ignore[arg-type]
        if count:
            looked.set()
        return count

    monkeypatch.setattr(room, "end_claims", noted)
    with keeper.running():
        tokens = ApiTokens(house.store, house.passwords)
        People(house.door, tokens, keeper.look).sign_out(session.secret, house.now)
        assert looked.wait(60)
    assert room.claims() == []


def test_a_database_that_is_away_does_not_end_the_keeper(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vigie.claim_keeper._LOOK_S", 0.05)
    away = sa.create_engine("postgresql+psycopg://nobody@/nothing?host=/nowhere")
    room = Worklist(PostgresStore(away), DueTargets())
    tried = threading.Semaphore(0)
    asked = room.claims

    def noted() -> object:
        tried.release()
        return asked()

    monkeypatch.setattr(room, "claims", noted)
    with ClaimKeeper(room, house.door).running():
        for _ in range(3):
            assert tried.acquire(timeout=60)


def test_claims_are_told_to_every_open_browser(
    room: Worklist, house: House, database_url: str
) -> None:
    house.person("bert")

    def act() -> None:
        room.claim(STUDY, ANNA, take_over=False, now=house.now)
        room.claim(STUDY, AccountName("bert"), take_over=True, now=house.now)
        room.release(STUDY, AccountName("bert"), now=house.now)

    async def heard() -> list[tuple[str, str | None]]:
        told = []
        async with changes_of(database_url)() as changes:
            await asyncio.to_thread(act)
            while len(told) < 3:
                change = await anext(changes)
                told.append((change.kind, change.study_instance_uid))
            await changes.aclose()  # type: ignore[attr-defined]
        return told

    kinds = ("claimed", "claim_taken_over", "claim_released")
    assert asyncio.run(heard()) == [(kind, STUDY) for kind in kinds]


def test_what_people_like_is_told_to_no_browser() -> None:
    assert {"preferences_changed", "view_saved", "view_removed"} <= OTHERS_ABOUT_PEOPLE
