"""People for tests: a door over a real database, with passwords hashed cheaply."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import argon2
import sqlalchemy as sa

from vigie.passwords import Argon2Passwords
from worklist.accounts import Accounts
from worklist.people import AccountName, Role
from worklist.sessions import NewSession
from worklist.sign_in import SignIn, Visitor
from worklist.store.people import PostgresPeople

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PASSWORD = "nine green bottles"
HERE = Visitor(address="10.0.0.1")


def cheap_passwords() -> Argon2Passwords:
    """As the real ones, with little memory and time."""
    return Argon2Passwords(argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


def unasked_accounts() -> Accounts:
    """Those of a database that is not there, for what never asks for them."""
    engine = sa.create_engine("postgresql+psycopg://127.0.0.1:1/none")
    return Accounts(PostgresPeople(engine), cheap_passwords())


@dataclass
class House:
    """Accounts and the door of one database, and a clock that a test turns."""

    engine: sa.Engine
    now: datetime = NOW
    passwords: Argon2Passwords = field(default_factory=cheap_passwords)

    def __post_init__(self) -> None:
        self.store = PostgresPeople(self.engine)
        self.accounts = Accounts(self.store, self.passwords)
        self.door = SignIn(self.store, self.passwords)

    def later(self, **pause: float) -> datetime:
        """Let time go by."""
        self.now += timedelta(**pause)
        return self.now

    def invite(self, name: str, *roles: Role) -> str:
        """A new account's one-time password."""
        return self.accounts.add(
            AccountName(name),
            roles or (Role.RADIOLOGIST,),
            display_name="",
            actor="person admin",
            now=self.now,
        ).password

    def person(self, name: str, *roles: Role) -> AccountName:
        """A new account with the password `PASSWORD`."""
        given = self.invite(name, *roles)
        first = self.sign_in(name, given)
        new = self.door.change_password(first.signed_in, given, PASSWORD, HERE, self.now)
        self.door.sign_out(new.secret, self.now)
        return AccountName(name)

    def sign_in(self, name: str, password: str = PASSWORD, visitor: Visitor = HERE) -> NewSession:
        """As a browser does."""
        return self.door.sign_in(name, password, visitor, self.now)

    def events(self, *kinds: str) -> list[Any]:
        """The log, or the events of these kinds, oldest first."""
        with self.engine.connect() as connection:
            rows = connection.execute(sa.text("SELECT * FROM event ORDER BY event_id")).all()
        return [row for row in rows if not kinds or row.kind in kinds]
