"""`vigie tokens` on a database, and the demonstration's account."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner, Result

from tests.people import House
from vigie.__main__ import make_app
from vigie.demo_account import make_demo_account
from vigie.passwords import Argon2Passwords
from vigie.wiring import utc_now
from worklist.api_tokens import PREFIX, ApiTokens, Scope
from worklist.people import AccountName, Role

Command = Callable[..., Result]


@pytest.fixture
def command(database_url: str, tmp_path: Path) -> Command:
    settings = {"VIGIE_DATABASE_URL": database_url, "VIGIE_DATA": str(tmp_path)}
    return lambda *arguments: CliRunner().invoke(make_app(), arguments, env=settings)


@pytest.fixture
def house(engine: sa.Engine) -> House:
    return House(engine)


def test_a_token_is_printed_once_listed_used_and_revoked(command: Command, house: House) -> None:
    made = command("tokens", "add", "prometheus", "--scope", "metrics", "--days", "30")
    assert made.exit_code == 0, made.output
    secret = made.stdout.strip()
    assert secret.startswith(PREFIX)
    tokens = ApiTokens(house.store, house.passwords)
    now = utc_now()
    found = tokens.find(secret, now)
    assert found is not None
    assert found.scopes == {Scope.METRICS}
    listed = command("tokens", "list", "--json").stdout
    assert secret not in listed
    [one] = json.loads(listed)
    assert one["holds"]
    assert one["last_used_at"] == now.isoformat()
    assert tokens.find(secret, now + timedelta(days=30)) is None
    assert command("tokens", "revoke", "prometheus").exit_code == 0
    assert tokens.find(secret, now) is None
    assert not tokens.holds(found, now)
    assert "revoked" in command("tokens", "list").stdout
    kinds = [one.kind for one in house.events()]
    assert kinds == ["api_token_added", "api_token_revoked"]
    kept = str(house.events()) + everything_kept(house)
    assert secret not in kept
    assert secret.removeprefix(PREFIX) not in kept


def everything_kept(house: House) -> str:
    with house.engine.connect() as connection:
        return str(connection.execute(sa.text("SELECT * FROM api_token")).all())


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("add", "m"), 2, "--scope"),
        (("add", "m", "--scope", "everything"), 2, "everything"),
        (("add", "m m", "--scope", "read"), 1, "name"),
        (("add", "taken", "--scope", "read"), 1, "taken"),
        (("revoke", "nobody"), 1, "nobody"),
    ],
)
def test_what_cannot_be_done_is_said(
    command: Command, house: House, arguments: tuple[str, ...], code: int, words: str
) -> None:
    ApiTokens(house.store, house.passwords).add(
        AccountName("taken"), [Scope.READ], lasts=None, actor="person x", now=house.now
    )
    told = command("tokens", *arguments)
    assert told.exit_code == code
    assert words in told.stderr


def test_the_demonstration_has_an_account_with_a_new_password_each_time(house: House) -> None:
    door = House(house.engine, passwords=Argon2Passwords())
    first = make_demo_account(house.engine, house.now)
    second = make_demo_account(house.engine, house.now)
    assert first is not None
    assert second is not None
    assert first != second
    account = door.sign_in("demo", second).signed_in.account
    assert account.roles == set(Role)
    assert not account.must_change_password


def test_the_demonstration_leaves_a_folder_alone_in_which_others_have_accounts(
    house: House,
) -> None:
    house.invite("anna")
    assert make_demo_account(house.engine, house.now) is None
    assert [one.name for one in house.accounts.all()] == ["anna"]
