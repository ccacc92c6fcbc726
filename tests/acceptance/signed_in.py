"""Accounts on a running node, and browsers in which a person is signed in."""

from playwright.sync_api import BrowserContext
from vigie_node import Node

from vigie.passwords import Argon2Passwords
from vigie.wiring import make_accounts, utc_now
from worklist.people import AccountName, Role
from worklist.sign_in import SignIn, Visitor
from worklist.store.people import PostgresPeople

PASSWORD = "nine green bottles"
_HERE = Visitor(address="127.0.0.1")


def invite(node: Node, name: str, *roles: Role) -> str:
    """A new account's one-time password."""
    with node.engine() as engine:
        return (
            make_accounts(engine)
            .add(
                AccountName(name),
                roles or (Role.RADIOLOGIST,),
                display_name=f"Dr {name.title()}",
                actor="person test",
                now=utc_now(),
            )
            .password
        )


def person(node: Node, name: str, *roles: Role) -> None:
    """A new account with the password `PASSWORD`."""
    given = invite(node, name, *roles)
    with node.engine() as engine:
        door = SignIn(PostgresPeople(engine), Argon2Passwords())
        first = door.sign_in(name, given, _HERE, utc_now())
        new = door.change_password(first.signed_in, given, PASSWORD, _HERE, utc_now())
        door.sign_out(new.secret, utc_now())


def sign_in(context: BrowserContext, node: Node, name: str) -> None:
    """Without the page: another test is about that."""
    with node.engine() as engine:
        door = SignIn(PostgresPeople(engine), Argon2Passwords())
        new = door.sign_in(name, PASSWORD, _HERE, utc_now())
    context.add_cookies([{"name": "vigie_session", "value": new.secret, "url": node.url}])
