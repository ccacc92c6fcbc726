"""The account by which one signs in to the demonstration."""

from datetime import datetime

import sqlalchemy as sa

from vigie.passwords import Argon2Passwords
from vigie.wiring import make_accounts
from worklist.people import AccountName, Role
from worklist.sign_in import SignIn, Visitor
from worklist.store.people import PostgresPeople

DEMO_ACCOUNT = AccountName("demo")
_HERE = Visitor(address="this machine")


def make_demo_account(engine: sa.Engine, now: datetime) -> str | None:
    """The account `demo` with every role and a new random password, which is returned.

    None where others have accounts: a folder that is in use gets no further one.
    """
    accounts = make_accounts(engine)
    names = {one.name for one in accounts.all()}
    if names - {DEMO_ACCOUNT}:
        return None
    if names:
        given = accounts.reset(DEMO_ACCOUNT, actor="vigie", now=now)
    else:
        given = accounts.add(
            DEMO_ACCOUNT, list(Role), display_name="Demonstration", actor="vigie", now=now
        ).password
    passwords = Argon2Passwords()
    door = SignIn(PostgresPeople(engine), passwords)
    password = passwords.new_password()
    first = door.sign_in(DEMO_ACCOUNT, given, _HERE, now)
    new = door.change_password(first.signed_in, given, password, _HERE, now)
    door.sign_out(new.secret, now)
    return password
