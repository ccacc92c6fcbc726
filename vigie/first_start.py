"""The first administrator of a node, made when it starts for the first time."""

import sys

import sqlalchemy as sa

from vigie.wiring import make_accounts, utc_now
from worklist.accounts import ONE_TIME_PASSWORD_LASTS


def make_first_administrator(engine: sa.Engine) -> None:
    """Make an administrator where there is none, and print the one-time password, once.

    It goes to standard output, never into a log line.
    """
    made = make_accounts(engine).add_first_administrator(utc_now())
    if made is None:
        return
    name, password = made
    sys.stdout.write(
        f"\nThe first administrator of this node is {name}, with the one-time password\n\n"
        f"    {password}\n\n"
        f"It is shown this once, lasts {ONE_TIME_PASSWORD_LASTS.days} days and must be changed at "
        f"the first sign-in. Too late? `vigie users reset {name}`.\n\n"
    )
    sys.stdout.flush()
