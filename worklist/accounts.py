"""Accounts of people: made, disabled, reset. Each act is one transaction with its event."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from worklist.people import (
    Account,
    AccountExists,
    AccountName,
    InvalidAccountName,
    LastAdministrator,
    Role,
    UnknownAccount,
)
from worklist.people_ports import Passwords, PeopleStore, PeopleTransaction
from worklist.ports import Event

ONE_TIME_PASSWORD_LASTS = timedelta(days=3)


@dataclass(frozen=True, kw_only=True, slots=True)
class Added:
    """A new account, as it was saved."""

    account: Account
    password: str = field(repr=False)  # for one time; kept nowhere


@dataclass(frozen=True, kw_only=True, slots=True)
class Renewed:
    """What an account was given so that its person can come in again."""

    account: Account  # as it was saved
    password: str | None = field(repr=False)  # kept nowhere; None: single sign-on lets her in
    sessions_ended: int


class Accounts:
    """What administrators do with accounts.

    Every method takes who acts as events name it: ``person NAME``, or ``vigie``.
    """

    def __init__(self, store: PeopleStore, passwords: Passwords) -> None:
        self._store = store
        self._passwords = passwords

    def all(self) -> Sequence[Account]:
        """Every account, by name."""
        with self._store.transaction() as transaction:
            return transaction.accounts()

    def find(self, name: AccountName) -> Account | None:
        """The account of this name."""
        with self._store.transaction() as transaction:
            return transaction.account(name)

    def add_first_administrator(self, now: datetime) -> tuple[AccountName, str] | None:
        """Make an administrator where there never was one.

        Returns
        -------
        tuple[AccountName, str] | None
            Name and one-time password, which is kept nowhere; None if there is one already.
        """
        with self._store.transaction() as transaction:
            transaction.lock_people()
            accounts = transaction.accounts()
            if any(Role.ADMINISTRATOR in one.roles for one in accounts):
                return None
            taken = {one.name for one in accounts}
            name = next(one for one in _names_of_the_first() if one not in taken)
            added = self._add(
                transaction,
                name,
                "First administrator",
                frozenset({Role.ADMINISTRATOR}),
                actor="vigie",
                now=now,
            )
        return name, added.password

    def add(
        self,
        name: AccountName,
        roles: Collection[Role],
        *,
        display_name: str,
        actor: str,
        now: datetime,
    ) -> Added:
        """Make an account with a one-time password, which must be changed at first sign-in.

        Raises
        ------
        AccountExists
            Names are never given to a second person: they stand in the event log.
        """
        with self._store.transaction() as transaction:
            transaction.lock_people()
            if transaction.account(name) is not None:
                raise AccountExists(f"there is an account {name} already")
            return self._add(
                transaction, name, display_name, frozenset(roles), actor=actor, now=now
            )

    def _add(
        self,
        transaction: PeopleTransaction,
        name: AccountName,
        display_name: str,
        roles: frozenset[Role],
        *,
        actor: str,
        now: datetime,
    ) -> Added:
        if not roles:
            raise InvalidAccountName("an account has at least one role")
        password = self._passwords.new_password()
        account = Account(
            name=name,
            display_name=display_name.strip() or name,
            roles=roles,
            password_hash=self._passwords.hashed(password),
            must_change_password=True,
            password_ends_at=now + ONE_TIME_PASSWORD_LASTS,
            issuer=None,
            subject=None,
            created_at=now,
            disabled_at=None,
        )
        transaction.save_account(account)
        details = {"account": name, "roles": sorted(roles)}
        transaction.append_events([people_event("account_added", actor, now, **details)])
        return Added(account=account, password=password)

    def disable(self, name: AccountName, *, actor: str, now: datetime) -> int:
        """Let a person neither sign in nor go on; how many sessions were ended.

        Raises
        ------
        LastAdministrator
            If nobody else could administer the node.
        """
        with self._store.transaction() as transaction:
            account = _locked(transaction, name)
            if account.disabled_at is None:
                account = replace(account, disabled_at=now)
                _keep_an_administrator(transaction, account)
                transaction.save_account(account)
            transaction.forget_browsers(name)
            ended = transaction.end_sessions(name, now)
            event = people_event("account_disabled", actor, now, account=name, sessions_ended=ended)
            transaction.append_events([event])
        return ended

    def enable(self, name: AccountName, *, actor: str, now: datetime) -> None:
        """Let a person sign in again, with the password from before."""
        with self._store.transaction() as transaction:
            account = _locked(transaction, name)
            transaction.save_account(replace(account, disabled_at=None))
            ended = transaction.end_sessions(name, now)  # none from before comes to life again
            event = people_event("account_enabled", actor, now, account=name, sessions_ended=ended)
            transaction.append_events([event])

    def set_roles(
        self, name: AccountName, roles: Collection[Role], *, actor: str, now: datetime
    ) -> None:
        """Give a person these roles and no other; they hold from the next request on.

        Raises
        ------
        LastAdministrator
            If nobody else could administer the node.
        """
        if not roles:
            raise InvalidAccountName("an account has at least one role: disable it instead")
        with self._store.transaction() as transaction:
            before = _locked(transaction, name)
            account = replace(before, roles=frozenset(roles))
            _keep_an_administrator(transaction, account)
            transaction.save_account(account)
            details = {
                "account": name,
                "roles": sorted(roles),
                "roles_before": sorted(before.roles),
            }
            transaction.append_events([people_event("roles_changed", actor, now, **details)])

    def reset(self, name: AccountName, *, actor: str, now: datetime) -> str:
        """Give out a new one-time password; sessions end, and waits after wrong tries too.

        A disabled account stays so.
        """
        with self._store.transaction() as transaction:
            account = _locked(transaction, name)
            _, password, _ = self._reset(transaction, account, actor, now)
        return password

    def renew(
        self, name: AccountName, *, one_time_password: bool = False, actor: str, now: datetime
    ) -> Renewed:
        """Reset an account; who comes by single sign-on gets no password unless asked for.

        Without one, a password of hers from before holds no longer: she comes by the provider.

        Parameters
        ----------
        one_time_password
            Give one out though a provider vouches for the person.
        """
        with self._store.transaction() as transaction:
            account = _locked(transaction, name)
            if account.issuer is not None and not one_time_password:
                password = None
                account, ended = _without_password(transaction, account, actor, now)
            else:
                account, password, ended = self._reset(transaction, account, actor, now)
        return Renewed(account=account, password=password, sessions_ended=ended)

    def _reset(
        self, transaction: PeopleTransaction, account: Account, actor: str, now: datetime
    ) -> tuple[Account, str, int]:
        password = self._passwords.new_password()
        account = replace(
            account,
            password_hash=self._passwords.hashed(password),
            must_change_password=True,
            password_ends_at=now + ONE_TIME_PASSWORD_LASTS,
        )
        transaction.save_account(account)
        ended = _end_all(transaction, "password_reset", account.name, actor, now)
        return account, password, ended

    def end_sessions(self, name: AccountName, *, actor: str, now: datetime) -> int:
        """End a person's sessions, and waits after wrong tries; how many sessions there were."""
        with self._store.transaction() as transaction:
            _locked(transaction, name)
            return _end_all(transaction, "sessions_ended", name, actor, now)


def _without_password(
    transaction: PeopleTransaction, account: Account, actor: str, now: datetime
) -> tuple[Account, int]:
    """Leave single sign-on as the only way in; the account, and how many sessions ended."""
    had_one = account.password_hash is not None
    account = replace(
        account, password_hash=None, must_change_password=False, password_ends_at=None
    )
    transaction.save_account(account)
    ended = _end_all(
        transaction, "sessions_ended", account.name, actor, now, password_removed=had_one
    )
    return account, ended


def _end_all(
    transaction: PeopleTransaction,
    kind: str,
    name: AccountName,
    actor: str,
    now: datetime,
    **details: Any,
) -> int:
    """End what a person has open, and what was tried in vain; record it as an event."""
    transaction.forget_browsers(name)
    transaction.forget_tries_of(name)
    ended = transaction.end_sessions(name, now)
    event = people_event(kind, actor, now, account=name, sessions_ended=ended, **details)
    transaction.append_events([event])
    return ended


def _names_of_the_first() -> Iterator[AccountName]:
    yield AccountName("admin")
    yield from (AccountName(f"admin-{number}") for number in count(2))


def people_event(kind: str, actor: str, now: datetime, **details: Any) -> Event:
    """An event about accounts; holds no secrets."""
    return Event(kind=kind, at=now, actor=actor, study_instance_uid=None, details=details)


def _locked(transaction: PeopleTransaction, name: AccountName) -> Account:
    transaction.lock_people()
    account = transaction.account(name)
    if account is None:
        raise UnknownAccount(f"there is no account {name}")
    return account


def _administers(account: Account) -> bool:
    return account.is_enabled and Role.ADMINISTRATOR in account.roles


def is_last_administrator(transaction: PeopleTransaction, name: AccountName) -> bool:
    """Whether nobody else could administer the node."""
    return [one.name for one in transaction.accounts() if _administers(one)] == [name]


def _keep_an_administrator(transaction: PeopleTransaction, changed: Account) -> None:
    if not _administers(changed) and is_last_administrator(transaction, changed.name):
        raise LastAdministrator(f"{changed.name} is the last administrator: make another one first")
