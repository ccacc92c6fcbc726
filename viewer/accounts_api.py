"""Accounts of people, for administrators: ``/api/accounts``; the rules are `worklist.accounts`."""

from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter

from viewer.accounts_schemas import (
    AccountAnswer,
    AddAccountRequest,
    GivenPasswordAnswer,
    RenewRequest,
    RolesRequest,
    SessionsEndedAnswer,
)
from viewer.acts_api import actor
from viewer.gate import Caller
from viewer.ports import People
from viewer.session_api import WhoAsks
from worklist.accounts import ONE_TIME_PASSWORD_LASTS, Accounts
from worklist.people import Account, AccountName, OwnAccount, UnknownAccount


def make_router(accounts: Accounts, people: People, now: Callable[[], datetime]) -> APIRouter:
    """The routes under ``/api/accounts``; every act is an event with the administrator's name."""
    router = APIRouter(prefix="/api/accounts", tags=["accounts"])

    def shown(known: Account, present: bool) -> AccountAnswer:
        return AccountAnswer.of(known, signed_in=present, now=now())

    def answer(name: AccountName) -> AccountAnswer:
        known = accounts.find(name)
        if known is None:
            raise UnknownAccount(f"there is no account {name}")
        return shown(known, name in people.present([name], now()))

    @router.get("")
    def listed() -> list[AccountAnswer]:
        """Every account, by name."""
        known = accounts.all()
        present = people.present([one.name for one in known], now())
        return [shown(one, one.name in present) for one in known]

    @router.post("", status_code=201)
    def add(asked: AddAccountRequest, caller: WhoAsks) -> GivenPasswordAnswer:
        """Make an account; its one-time password is in this answer and kept nowhere."""
        name = AccountName(asked.name)
        at = now()
        added = accounts.add(
            name, asked.roles, display_name=asked.display_name, actor=_person(caller), now=at
        )
        return _given(added.account, added.password, at)

    @router.put("/{name}/roles")
    def set_roles(name: str, asked: RolesRequest, caller: WhoAsks) -> AccountAnswer:
        """Give a person these roles and no other; 409 for the last administrator."""
        accounts.set_roles(AccountName(name), asked.roles, actor=_person(caller), now=now())
        return answer(AccountName(name))

    @router.post("/{name}/disable")
    def disable(name: str, caller: WhoAsks) -> AccountAnswer:
        """Let a person neither sign in nor go on; 409 for the last administrator."""
        accounts.disable(AccountName(name), actor=_person(caller), now=now())
        return answer(AccountName(name))

    @router.post("/{name}/enable")
    def enable(name: str, caller: WhoAsks) -> AccountAnswer:
        """Let a person sign in again, with the password from before."""
        accounts.enable(AccountName(name), actor=_person(caller), now=now())
        return answer(AccountName(name))

    _add_resets(router, accounts, answer, now)
    return router


def _add_resets(
    router: APIRouter,
    accounts: Accounts,
    answer: Callable[[AccountName], AccountAnswer],
    now: Callable[[], datetime],
) -> None:
    @router.post("/{name}/reset")
    def reset(name: str, asked: RenewRequest, caller: WhoAsks) -> GivenPasswordAnswer:
        """Give out a new one-time password; what the person has open ends.

        Who comes by single sign-on gets none unless it is asked for, and one from before holds no
        longer.
        """
        at = now()
        whose = AccountName(name)
        if whose == actor(caller):  # her session would end before she has read it
            raise OwnAccount("change your own password in the account menu")
        renewed = accounts.renew(
            whose, one_time_password=asked.one_time_password, actor=_person(caller), now=at
        )
        return _given(renewed.account, renewed.password, at)

    @router.post("/{name}/end-sessions")
    def end_sessions(name: str, caller: WhoAsks) -> SessionsEndedAnswer:
        """End what a person has open in browsers, and waits after wrong tries."""
        whose = AccountName(name)
        ended = accounts.end_sessions(whose, actor=_person(caller), now=now())
        return SessionsEndedAnswer(account=answer(whose), sessions_ended=ended)


def _given(saved: Account, password: str | None, at: datetime) -> GivenPasswordAnswer:
    """Of what was saved: a question more could fail, and the password would be lost with it."""
    return GivenPasswordAnswer(
        account=AccountAnswer.of(saved, signed_in=False, now=at),  # nobody is, after either act
        one_time_password=password,
        lasts_until=None if password is None else at + ONE_TIME_PASSWORD_LASTS,
    )


def _person(caller: Caller) -> str:
    return f"person {actor(caller)}"
