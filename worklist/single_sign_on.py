"""Single sign-on: what is remembered until a person comes back, and whose account it then is."""

import hmac
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count

from worklist.accounts import is_last_administrator, people_event
from worklist.people import Account, AccountName, InvalidAccountName, Role, Waits
from worklist.people_ports import Passwords, PeopleStore, PeopleTransaction
from worklist.sessions import Handshake, NewSession, digest_of
from worklist.sign_in import SignIn, SignInRefused, TooManyTries, Visitor, people_of, place_of

_HANDSHAKE_LASTS = timedelta(minutes=10)
PROVIDER = "single sign-on"  # the actor of what the provider's word changes
_SET_OUTS = Waits(free=50, longest=timedelta(seconds=30))  # that led nowhere, in an hour


class NoRole(SignInRefused):
    """The provider vouches for the person, and gives no role that means anything here."""


class HandshakeOver(SignInRefused):
    """The way back from the provider was used before, is too old, or is not this browser's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SettingOut:
    """What the browser and the provider are given at the beginning."""

    state: str
    browser: str
    nonce: str
    code_verifier: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """A person as the provider vouches for, checked."""

    issuer: str
    subject: str  # never given to another person by this issuer
    name: str  # as the provider calls the person; empty: it does not say
    display_name: str
    roles: frozenset[Role]  # of those that mean something here


class SingleSignOn:
    """The provider's door."""

    def __init__(self, store: PeopleStore, passwords: Passwords, door: SignIn) -> None:
        self._store = store
        self._passwords = passwords
        self._door = door

    def set_out(self, visitor: Visitor, now: datetime) -> SettingOut:
        """Remember that a browser was sent to the provider.

        Raises
        ------
        TooManyTries
            If too many set out from this address lately and did not come in.
        """
        secret = self._passwords.new_secret
        out = SettingOut(state=secret(), browser=secret(), nonce=secret(), code_verifier=secret())
        with self._store.transaction() as transaction:
            transaction.lock_people()
            _count_set_out(transaction, visitor, now)
            transaction.forget_handshakes_before(now - _HANDSHAKE_LASTS)
            transaction.add_handshake(
                Handshake(
                    state_digest=digest_of(out.state),
                    browser_digest=digest_of(out.browser),
                    nonce=out.nonce,
                    code_verifier=out.code_verifier,
                    started_at=now,
                )
            )
        return out

    def come_back(self, state: str, browser: str | None, now: datetime) -> Handshake:
        """What was remembered of it, once.

        Anybody may ask this without end, so what is refused here is in no event.

        Raises
        ------
        HandshakeOver
            A second time, too late, or in another browser than set out.
        """
        with self._store.transaction() as transaction:
            kept = transaction.take_handshake(digest_of(state))
        is_over = kept is None or now >= kept.started_at + _HANDSHAKE_LASTS
        if kept is None or is_over or browser is None:
            raise HandshakeOver("this sign-in is over: begin again")
        if not hmac.compare_digest(digest_of(browser), kept.browser_digest):
            raise HandshakeOver("this sign-in was begun in another browser: begin again")
        return kept

    def welcome(self, identity: Identity, visitor: Visitor, now: datetime) -> NewSession:
        """Begin a session for a person the provider vouches for; her account is made if need be.

        The provider's roles hold, each time anew; only the last administrator keeps that role. An
        account that was made here is never given to a person of the provider because the names
        are alike.

        Raises
        ------
        NoRole
            If none of the person's roles means anything here.
        SignInRefused
            If the account is disabled.
        """
        with self._store.transaction() as transaction:
            transaction.lock_people()
            account = transaction.account_of_subject(identity.issuer, identity.subject)
            refusal = _refusal(account, identity)
            if refusal is None:
                _take_set_out_back(transaction, visitor, now)
                account = self._up_to_date(transaction, account, identity, now)
                return self._door.begin(transaction, account, visitor, now, by=PROVIDER)
            actor = account.actor if account else "somebody"
            details = {
                "account": account.name if account else None,
                "address": visitor.address,
                "by": PROVIDER,
            }
            event = people_event("sign_in_failed", actor, now, **details, why=str(refusal))
            transaction.append_events([event])
        raise refusal

    def note_failure(self, why: str, visitor: Visitor, now: datetime) -> None:
        """Record that the provider's word was not believed, of somebody who had set out here."""
        details = {"account": None, "address": visitor.address, "by": PROVIDER, "why": why}
        with self._store.transaction() as transaction:
            transaction.append_events([people_event("sign_in_failed", "somebody", now, **details)])

    def _up_to_date(
        self,
        transaction: PeopleTransaction,
        before: Account | None,
        identity: Identity,
        now: datetime,
    ) -> Account:
        if before is None:
            account = _account(_free_name(transaction, identity), identity, now)
        else:
            account = replace(
                before,
                roles=identity.roles | _kept_roles(transaction, before, identity, now),
                display_name=identity.display_name or before.display_name,
            )
            if before.must_change_password:  # a one-time password that was not needed
                account = replace(
                    account, password_hash=None, must_change_password=False, password_ends_at=None
                )
                transaction.end_sessions(account.name, now)
        said = {"account": account.name, "roles": sorted(account.roles)}
        if account != before:
            transaction.save_account(account)
        if before is None:
            event = people_event("account_added", PROVIDER, now, **said, issuer=identity.issuer)
            transaction.append_events([event])
        elif account.roles != before.roles:
            roles_before = sorted(before.roles)
            event = people_event("roles_changed", PROVIDER, now, **said, roles_before=roles_before)
            transaction.append_events([event])
        return account


def _set_out_key(transaction: PeopleTransaction, visitor: Visitor, now: datetime) -> str:
    """Under which set-outs are counted: a browser in which somebody was, by itself."""
    is_known = visitor.browser is not None and bool(people_of(transaction, visitor, now))
    by = digest_of(visitor.browser or "").hex() if is_known else place_of(visitor.address)
    return f"set-out {by}"


def _count_set_out(transaction: PeopleTransaction, visitor: Visitor, now: datetime) -> None:
    key = _set_out_key(transaction, visitor, now)
    before = transaction.tries([key]).get(key)
    if before is not None and before.wait_until > now:
        raise TooManyTries(before.wait_until - now)
    tries = _SET_OUTS.tried(before, now)
    if before is not None and tries.count > 1:
        # The hour begins with the first: where many come in all day it must end as well.
        tries = replace(tries, last_at=before.last_at)
    transaction.save_tries({key: tries})
    transaction.forget_tries_before(now - _SET_OUTS.forgotten_after)


def _take_set_out_back(transaction: PeopleTransaction, visitor: Visitor, now: datetime) -> None:
    key = _set_out_key(transaction, visitor, now)
    tries = transaction.tries([key]).get(key)
    if tries is not None and tries.count > 1:
        transaction.save_tries({key: replace(tries, count=tries.count - 1, wait_until=now)})
    elif tries is not None:
        transaction.forget_tries([key])


def _refusal(account: Account | None, identity: Identity) -> SignInRefused | None:
    if account is not None and not account.is_enabled:
        return SignInRefused("this account is disabled: ask an administrator")
    if not identity.roles:
        return NoRole("your account at the provider has no role here: ask an administrator")
    return None


def _kept_roles(
    transaction: PeopleTransaction, before: Account, identity: Identity, now: datetime
) -> frozenset[Role]:
    """What the provider cannot take: from the last administrator, that role."""
    administrator = frozenset({Role.ADMINISTRATOR})
    if not administrator & before.roles - identity.roles:
        return frozenset()
    if not is_last_administrator(transaction, before.name):
        return frozenset()
    said = {"account": before.name, "roles_said": sorted(identity.roles)}
    transaction.append_events([people_event("administrator_kept", PROVIDER, now, **said)])
    return administrator


def _account(name: AccountName, identity: Identity, now: datetime) -> Account:
    return Account(
        name=name,
        display_name=identity.display_name or name,
        roles=identity.roles,
        password_hash=None,
        must_change_password=False,
        password_ends_at=None,
        issuer=identity.issuer,
        subject=identity.subject,
        created_at=now,
        disabled_at=None,
    )


def _free_name(transaction: PeopleTransaction, identity: Identity) -> AccountName:
    """A name that nobody has or had; the provider's, as far as it can be one here."""
    try:
        wanted = AccountName(identity.name)
    except InvalidAccountName:
        wanted = AccountName("person")
    if transaction.account(wanted) is None:
        return wanted
    taken = {one.name for one in transaction.accounts()}
    names = (AccountName(f"{wanted[:58]}-{number}") for number in count(2))
    return next(one for one in names if one not in taken)
