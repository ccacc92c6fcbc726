"""`vigie users` on a database, and whose name acts carry."""

import getpass
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner, Result

from tests.people import HERE, House
from vigie.__main__ import make_app
from vigie.commands.acting import acting
from vigie.first_start import make_first_administrator
from vigie.passwords import Argon2Passwords
from worklist.people import AccountName, Role
from worklist.sessions import NewSession
from worklist.single_sign_on import Identity, SingleSignOn

Command = Callable[..., Result]


@pytest.fixture
def command(database_url: str, tmp_path: Path) -> Command:
    settings = {"VIGIE_DATABASE_URL": database_url, "VIGIE_DATA": str(tmp_path)}
    return lambda *arguments: CliRunner().invoke(make_app(), arguments, env=settings)


@pytest.fixture
def house(engine: sa.Engine) -> House:
    return House(engine)


def password_in(output: str) -> str:
    [password] = re.findall(r"\b(?:[a-z2-9]{5}-){3}[a-z2-9]{5}\b", output)
    return str(password)


def test_an_account_is_made_listed_reset_disabled_and_enabled(
    command: Command, house: House
) -> None:
    house.invite("boss", Role.ADMINISTRATOR)
    made = command("users", "add", "Anna", "--role", "radiologist", "--role", "qa_reviewer")
    assert made.exit_code == 0, made.output
    first = password_in(made.stdout)
    listed = {one["name"]: one for one in json.loads(command("users", "list", "--json").stdout)}
    assert listed["anna"]["roles"] == ["qa_reviewer", "radiologist"]
    assert first not in json.dumps(listed)
    assert "argon2" not in json.dumps(listed)
    second = password_in(command("users", "reset", "anna").stdout)
    assert second != first
    assert command("users", "disable", "anna").exit_code == 0
    assert "disabled since" in command("users", "list").stdout
    assert command("users", "enable", "anna").exit_code == 0
    changed = command("users", "roles", "anna", "--role", "administrator")
    assert changed.exit_code == 0, changed.output
    person = house.accounts.find(AccountName("anna"))
    assert person is not None
    assert person.roles == {Role.ADMINISTRATOR}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("users", "add", "boss", "--role", "radiologist"), 1, "already"),
        (("users", "add", "a b", "--role", "radiologist"), 1, "name"),
        (("users", "add", "anna", "--role", "king"), 2, "king"),
        (("users", "add", "anna"), 2, "--role"),
        (("users", "disable", "nobody"), 1, "no account nobody"),
        (("users", "disable", "boss"), 1, "last administrator"),
        (("users", "reset", "boss", "--account", "nobody"), 1, "no account nobody"),
        (("users", "add", "anna", "--role", "radiologist", "--password", "x"), 2, "--password"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    command: Command, house: House, arguments: tuple[str, ...], code: int, words: str
) -> None:
    house.invite("boss", Role.ADMINISTRATOR)
    told = command(*arguments)
    assert told.exit_code == code
    assert words in told.stderr
    assert "Traceback" not in told.stderr


def test_p10_an_act_carries_the_name_of_an_account(house: House) -> None:
    user = getpass.getuser()
    assert acting(house.engine, None) == f"{user} (no account)"
    house.invite("anna")
    assert acting(house.engine, "Anna") == f"anna (by {user})"
    house.invite(user)
    assert acting(house.engine, None) == user
    assert acting(house.engine, user) == user


def provided(house: House, name: str) -> NewSession:
    """A person of the provider, signed in."""
    identity = Identity(
        issuer="https://login.example.org",
        subject=name,
        name=name,
        display_name="",
        roles=frozenset({Role.RADIOLOGIST}),
    )
    door = SingleSignOn(house.store, house.passwords, house.door)
    return door.welcome(identity, HERE, house.now)


def test_p10_nobody_of_the_provider_is_thereby_who_works_on_this_machine(house: House) -> None:
    user = getpass.getuser()
    provided(house, user)
    assert acting(house.engine, None) == f"{user} (no account)"
    assert acting(house.engine, user) == f"{user} (by {user})"


def test_a_reset_of_who_comes_by_the_provider_makes_a_password_only_if_asked(
    command: Command, house: House
) -> None:
    one = provided(house, "anna")
    told = command("users", "reset", "anna")
    assert told.exit_code == 0, told.output
    assert "has no password now; sessions ended: 1" in told.stdout
    assert house.door.who(one.secret, house.now, attended=False) is None
    person = house.accounts.find(AccountName("anna"))
    assert person is not None
    assert person.password_hash is None
    assert not person.must_change_password
    password_in(command("users", "reset", "anna", "--one-time-password").stdout)


def test_p7_p10_stopping_ai_names_the_account_and_needs_none(
    command: Command, house: House
) -> None:
    user = getpass.getuser()
    assert command("ai", "stop", "--reason", "a test").exit_code == 0
    house.invite("anna")
    assert command("ai", "start", "--reason", "over", "--account", "anna").exit_code == 0
    actors = [one.actor for one in house.events("ai_stopped", "ai_started")]
    assert actors == [f"person {user} (no account)", f"person anna (by {user})"]


def test_nobody_acts_by_a_disabled_account(command: Command, house: House) -> None:
    house.invite("anna")
    house.accounts.disable(AccountName("anna"), actor="person x", now=house.now)
    told = command("ai", "stop", "--reason", "a test", "--account", "anna")
    assert told.exit_code == 1
    assert "disabled" in told.stderr
    assert house.events("ai_stopped") == []


def test_the_first_start_prints_a_password_once(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    make_first_administrator(house.engine)
    printed = capsys.readouterr()
    password = password_in(printed.out)
    assert printed.err == ""
    house = House(house.engine, now=datetime.now(UTC), passwords=Argon2Passwords())
    assert house.sign_in("admin", password).signed_in.account.roles == {Role.ADMINISTRATOR}
    make_first_administrator(house.engine)
    assert capsys.readouterr().out == ""
