"""`vigie users`: the accounts of people, for administrators of the machine."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from vigie.commands.acting import Account, acting
from vigie.commands.common import Data, one_line_errors, out, settings_or_exit
from vigie.wiring import make_accounts, migrated_engine, utc_now
from worklist.accounts import ONE_TIME_PASSWORD_LASTS, Accounts
from worklist.people import Account as Person
from worklist.people import AccountName, AccountState, Role, state_of

users = typer.Typer(help="Accounts of people, and what they may do.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name that the person signs in with.")]
Roles = Annotated[
    list[Role], typer.Option("--role", help="What the person is here to do; may be repeated.")
]


@contextmanager
def _accounts(data: Data, account: Account = None) -> Iterator[tuple[Accounts, str]]:
    """The accounts, and who acts as events name it."""
    settings = settings_or_exit(data=data)
    with one_line_errors(), migrated_engine(settings) as engine:
        yield make_accounts(engine), f"person {acting(engine, account)}"


def _tell_once(name: str, password: str) -> None:
    days = ONE_TIME_PASSWORD_LASTS.days
    out.print(f"One-time password of {name}: {password}", markup=False, soft_wrap=True)
    out.print(
        f"It is shown this once, lasts {days} days and must be changed at the first sign-in.",
        style="dim",
    )


@users.command("add")
def add(
    name: Name,
    role: Roles,
    display_name: Annotated[
        str, typer.Option("--display-name", help="As colleagues know this person.")
    ] = "",
    account: Account = None,
    data: Data = None,
) -> None:
    """Make an account; a one-time password is printed, once.

    Example: vigie users add anna --role radiologist --display-name "Dr Anna Weber"

    Exit codes: 0 made, 1 it could not be made, 2 misused.
    """
    with _accounts(data, account) as (accounts, actor):
        added = accounts.add(
            AccountName(name), role, display_name=display_name, actor=actor, now=utc_now()
        )
    _tell_once(AccountName(name), added.password)


@users.command("list")
def list_users(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    data: Data = None,
) -> None:
    """List the accounts: name, roles, whether they may sign in, and how.

    Example: vigie users list --json

    Exit codes: 0 printed, 1 the database does not answer, 2 a setting cannot be meant.
    """
    with _accounts(data) as (accounts, _):
        people = accounts.all()
    if as_json:
        typer.echo(json.dumps([_content(one) for one in people], indent=1))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("name", "who", "roles", "state", "signs in by"):
        table.add_column(heading, overflow="fold")
    for one in people:
        shown = (
            one.name,
            one.display_name,
            ", ".join(role.words for role in sorted(one.roles)),
            _state(one),
            ", ".join(_ways(one)),
        )
        table.add_row(*map(Text, shown))
    out.print(table)


def _state(person: Person) -> str:
    match state_of(person, utc_now()):
        case AccountState.DISABLED:
            return f"disabled since {person.disabled_at:%Y-%m-%d}"
        case AccountState.ONE_TIME_PASSWORD_OVER:
            return "one-time password over: reset it"
        case AccountState.ONE_TIME_PASSWORD:
            return "has a one-time password"
        case AccountState.ENABLED:
            return "enabled"


def _ways(person: Person) -> list[str]:
    ways = ["password"] if person.password_hash is not None else []
    return [*ways, f"single sign-on ({person.issuer})"] if person.issuer else ways


def _content(person: Person) -> dict[str, object]:
    return {
        "name": person.name,
        "display_name": person.display_name,
        "roles": sorted(person.roles),
        "enabled": person.is_enabled,
        "must_change_password": person.must_change_password,
        "has_password": person.password_hash is not None,
        "issuer": person.issuer,
        "created_at": person.created_at.isoformat(),
    }


@users.command("disable")
def disable(name: Name, account: Account = None, data: Data = None) -> None:
    """Let a person neither sign in nor go on; what is open in browsers ends at once.

    Example: vigie users disable anna

    Exit codes: 0 done, 1 no such account, or the last administrator, 2 a setting cannot be meant.
    """
    with _accounts(data, account) as (accounts, actor):
        ended = accounts.disable(AccountName(name), actor=actor, now=utc_now())
    out.print(f"disabled; sessions ended: {ended}")


@users.command("enable")
def enable(name: Name, account: Account = None, data: Data = None) -> None:
    """Let a person sign in again, with the password from before.

    Example: vigie users enable anna

    Exit codes: 0 done, 1 no such account, 2 a setting cannot be meant.
    """
    with _accounts(data, account) as (accounts, actor):
        accounts.enable(AccountName(name), actor=actor, now=utc_now())
    out.print("enabled")


@users.command("roles")
def roles(name: Name, role: Roles, account: Account = None, data: Data = None) -> None:
    """Give a person these roles and no other.

    Example: vigie users roles anna --role radiologist --role qa_reviewer

    Exit codes: 0 done, 1 no such account, or the last administrator, 2 misused.
    """
    with _accounts(data, account) as (accounts, actor):
        accounts.set_roles(AccountName(name), role, actor=actor, now=utc_now())
    out.print(f"roles: {', '.join(one.words for one in sorted(role))}")


@users.command("reset")
def reset(
    name: Name,
    one_time_password: Annotated[
        bool,
        typer.Option(
            "--one-time-password", help="Make one though the person comes by single sign-on."
        ),
    ] = False,
    account: Account = None,
    data: Data = None,
) -> None:
    """Print a new one-time password; sessions and waits after wrong tries end.

    Who comes by single sign-on gets none unless it is asked for; one from before holds no longer.

    Example: vigie users reset anna

    Exit codes: 0 done, 1 no such account, 2 a setting cannot be meant.
    """
    with _accounts(data, account) as (accounts, actor):
        renewed = accounts.renew(
            AccountName(name), one_time_password=one_time_password, actor=actor, now=utc_now()
        )
    if renewed.password is None:
        ended = renewed.sessions_ended
        out.print(f"comes by single sign-on: has no password now; sessions ended: {ended}")
        return
    _tell_once(AccountName(name), renewed.password)
