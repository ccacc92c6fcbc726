"""Who acts when a command acts: the record names accounts (P10)."""

import getpass
from typing import Annotated

import sqlalchemy as sa
import typer

from vigie.wiring import make_accounts
from worklist.errors import VigieError
from worklist.people import AccountName, InvalidAccountName, UnknownAccount

Account = Annotated[
    str | None,
    typer.Option(
        "--account",
        help="Your account in Vigie, for the event log; left out: the one named as your account "
        "on this machine.",
        show_default=False,
    ),
]


class DisabledAccount(VigieError):
    """Nobody acts by an account that is disabled."""


def acting(engine: sa.Engine, account: str | None) -> str:
    """The name under which an act is recorded, without the word ``person``.

    Whoever may run commands on the node's database may do everything to it; so nobody is asked
    for a password here, and nobody who has no account is kept from stopping AI (P7). The record
    says what is known: no account's name has brackets.
    """
    user = getpass.getuser()
    accounts = make_accounts(engine)
    if account is not None:
        found = accounts.find(AccountName(account))
        if found is None:
            raise UnknownAccount(f"there is no account {account}")
        if not found.is_enabled:
            raise DisabledAccount(f"the account {account} is disabled")
        is_own = found.name == user and found.issuer is None
        return found.name if is_own else f"{found.name} (by {user})"
    try:
        found = accounts.find(AccountName(user))
    except InvalidAccountName:
        found = None
    # A provider names its people as it likes: none of them is thereby who works on this machine.
    is_own = found is not None and found.is_enabled and found.issuer is None
    return f"{found.name}" if found and is_own else f"{user} (no account)"
