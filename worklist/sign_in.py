"""Signing in and out, and what guessing costs."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Network, ip_address

from worklist.accounts import people_event
from worklist.errors import StoreUnavailable, VigieError
from worklist.people import (
    Account,
    AccountName,
    InvalidAccountName,
    Role,
    Tries,
    Waits,
    check_password,
)
from worklist.people_ports import Passwords, PeopleStore, PeopleTransaction
from worklist.sessions import NewSession, Session, SessionLimits, SignedIn, digest_of

_BROWSER_KNOWN_FOR = timedelta(days=90)
_SESSION_KEPT_FOR = timedelta(days=30)  # after it was over, for whoever asks who was there
_SEEN_AGAIN_AFTER = timedelta(seconds=20)  # a sign of life is not written more often


_HERE = Waits(free=5, longest=timedelta(minutes=15))
_ACCOUNT = Waits(free=20, longest=timedelta(seconds=30))
_ADDRESS = Waits(free=50, longest=timedelta(seconds=30))


class SignInRefused(VigieError):
    """Whoever it is may not sign in; the message is for that person."""


class TooManyTries(VigieError):
    """Nobody is asked for a password under these circumstances until a time."""

    def __init__(self, wait: timedelta) -> None:
        self.wait_s = max(1, round(wait.total_seconds() + 0.5))
        super().__init__(f"too many wrong tries: try again in {_in_words(self.wait_s)}")


def _in_words(seconds: int) -> str:
    return f"{seconds} s" if seconds <= 90 else f"{-(-seconds // 60)} min"


@dataclass(frozen=True, kw_only=True, slots=True)
class Visitor:
    """Where a request comes from."""

    address: str
    browser: str | None = None  # the secret by which the browser is known, if it is
    session: str | None = None  # the secret of the session that it is in, if any


def place_of(address: str) -> str:
    """As what an address is counted: of IPv6 one machine has a whole network (/64)."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, IPv4Address) or ip.ipv4_mapped is not None:
        return address
    return str(IPv6Network((int(ip), 64), strict=False))


@dataclass(frozen=True, kw_only=True, slots=True)
class Guessing:
    """What is allowed before waits begin.

    Whoever guesses slows down: tries with one account from one address; with one account from
    anywhere; with any account from one address. The last two have short waits, for they touch
    colleagues. A browser in which a person has signed in before is counted by itself, so that
    nobody who guesses from elsewhere, or from the same address, keeps that person out.
    """

    here: Waits = _HERE
    account: Waits = _ACCOUNT
    address: Waits = _ADDRESS

    def keys(self, name: str, visitor: Visitor, *, known: bool) -> Mapping[str, Waits]:
        """Under which keys a try is counted, and the waits of each."""
        if known and visitor.browser is not None:
            return {f"browser {digest_of(visitor.browser).hex()} {name}": self.here}
        place = place_of(visitor.address)
        return {
            f"here {name} {place}": self.here,
            f"account {name}": self.account,
            f"address {place}": self.address,
        }


@dataclass(frozen=True, slots=True)
class _Try:
    name: AccountName | None  # None: no account can have the name that was typed
    account: Account | None
    keys: Mapping[str, Waits]
    before: Mapping[str, Tries]  # this one
    counted: Mapping[str, Tries]  # with this one


class SignIn:
    """The door."""

    def __init__(
        self,
        store: PeopleStore,
        passwords: Passwords,
        *,
        limits: SessionLimits | None = None,
        guessing: Guessing | None = None,
    ) -> None:
        self._store = store
        self._passwords = passwords
        self.limits = limits or SessionLimits()
        self._guessing = guessing or Guessing()

    def sign_in(self, name: str, password: str, visitor: Visitor, now: datetime) -> NewSession:
        """Begin a session.

        Raises
        ------
        SignInRefused
            The same for a wrong password and an account that is not there.
        TooManyTries
            The password was not looked at.
        """
        tried = self._count(name, visitor, now)
        kept = tried.account.password_hash if tried.account else None
        is_right = self._passwords.matches(password, kept)
        with self._store.transaction() as transaction:
            transaction.lock_people()
            account = transaction.account(tried.name) if tried.name else None
            why = _why_not(account, kept, now) if is_right else "wrong password"
            if account is None or why:
                refusal = self._refused(transaction, tried, why, visitor, now)
            else:
                if self._passwords.is_dated(account.password_hash or ""):
                    account = replace(account, password_hash=self._passwords.hashed(password))
                    transaction.save_account(account)
                self._forgive(transaction, tried)
                if account.must_change_password:  # it may have been read by another
                    transaction.end_sessions(account.name, now)
                return self.begin(transaction, account, visitor, now)
        raise refusal

    def _count(self, typed: str, visitor: Visitor, now: datetime) -> _Try:
        """Count a try as failed before the password is looked at."""
        try:
            name = AccountName(typed)
        except InvalidAccountName:
            name = None
        with self._store.transaction() as transaction:
            transaction.lock_people()
            account = transaction.account(name) if name else None
            known = name in people_of(transaction, visitor, now)
            keys = self._guessing.keys(name or "?", visitor, known=known)
            before = transaction.tries(keys)
            wait = max((one.wait_until for one in before.values()), default=now) - now
            if wait > timedelta(0):
                raise TooManyTries(wait)
            counted = {key: waits.tried(before.get(key), now) for key, waits in keys.items()}
            transaction.save_tries(counted)
            oldest = max(waits.forgotten_after for waits in keys.values())
            transaction.forget_tries_before(now - oldest)
        return _Try(name, account, keys, before, counted)

    def _forgive(self, transaction: PeopleTransaction, tried: _Try) -> None:
        """This try was none in vain; earlier ones by others, from elsewhere, stay counted."""
        own = {key for key in tried.keys if key.startswith(("here ", "browser "))}
        transaction.forget_tries(own)
        others = transaction.tries(set(tried.keys) - own)
        left = {
            key: tried.keys[key].taken_back(one, tried.counted[key], tried.before.get(key))
            for key, one in others.items()
        }
        transaction.save_tries({key: one for key, one in left.items() if one is not None})
        transaction.forget_tries({key for key, one in left.items() if one is None})

    def _refused(
        self,
        transaction: PeopleTransaction,
        tried: _Try,
        why: str,
        visitor: Visitor,
        now: datetime,
    ) -> SignInRefused:
        # A name that is no account's may be a password typed into the wrong field: not kept.
        account = tried.name if tried.account else None
        details = {"account": account, "address": visitor.address}
        actor = "somebody"  # whose account it is did not act
        events = [people_event("sign_in_failed", actor, now, **details, why=why)]
        held_until = max(one.wait_until for one in tried.counted.values())
        if held_until > now:
            counted = {key.partition(" ")[0]: one.count for key, one in tried.counted.items()}
            events.append(
                people_event(
                    "sign_in_held",
                    actor,
                    now,
                    **details,
                    tries=counted,
                    until=held_until.isoformat(),
                )
            )
        transaction.append_events(events)
        return SignInRefused(_WORDS.get(why, "the name or the password is wrong"))

    def begin(
        self,
        transaction: PeopleTransaction,
        account: Account,
        visitor: Visitor,
        now: datetime,
        *,
        by: str = "password",
    ) -> NewSession:
        """A new session, with new secrets, for a person who has proved to be that person."""
        if visitor.session is not None:
            self._end(transaction, digest_of(visitor.session), now)
        secret = self._passwords.new_secret()
        session = Session(
            digest=digest_of(secret),
            account=account.name,
            csrf_token=self._passwords.new_secret(),
            address=visitor.address,
            started_at=now,
            last_seen_at=now,
            ended_at=None,
        )
        transaction.forget_sessions_before(now - _SESSION_KEPT_FOR)
        transaction.forget_browsers_before(now - _BROWSER_KNOWN_FOR)  # they count no longer
        transaction.save_session(session)
        # Only a secret that was given out here makes a browser known.
        is_known = bool(people_of(transaction, visitor, now))
        browser = None if is_known else self._passwords.new_secret()
        transaction.save_browser(digest_of(browser or visitor.browser or ""), account.name, now)
        details = {"account": account.name, "address": visitor.address, "by": by}
        transaction.append_events([people_event("signed_in", account.actor, now, **details)])
        return NewSession(
            signed_in=SignedIn(account=account, session=session), secret=secret, browser=browser
        )

    def who(self, secret: str, now: datetime, *, attended: bool) -> SignedIn | None:
        """Whose session this is, if it holds.

        Parameters
        ----------
        secret
            From the cookie.
        attended
            Whether a person is there: what a page asks by itself does not keep a session open.
        """
        found = self._store.session(digest_of(secret))
        if found is None:
            return None
        session, account = found
        if not account.is_enabled or self.limits.is_over(session, now):
            return None
        if attended and now >= session.last_seen_at + _SEEN_AGAIN_AFTER:
            with suppress(StoreUnavailable):  # a store that can only be read is read
                self._store.note_seen(session.digest, now)
        return SignedIn(account=account, session=session)

    def present(self, names: Collection[AccountName], now: datetime) -> set[AccountName]:
        """Those of these people who are signed in somewhere."""
        return {
            one.account
            for one in self._store.open_sessions(names)
            if not self.limits.is_over(one, now)
        }

    def readers(self, names: Collection[AccountName], now: datetime) -> set[AccountName]:
        """Those of these people who are signed in somewhere and may claim studies."""
        present = self.present(names, now)
        with self._store.transaction() as transaction:
            accounts = [transaction.account(name) for name in present]
        return {one.name for one in accounts if one is not None and Role.RADIOLOGIST in one.roles}

    def sign_out(self, secret: str, now: datetime) -> None:
        """End a session; nothing happens if it does not hold."""
        with self._store.transaction() as transaction:
            self._end(transaction, digest_of(secret), now)

    def _end(self, transaction: PeopleTransaction, digest: bytes, now: datetime) -> None:
        found = transaction.session(digest)
        if found is None or self.limits.is_over(found[0], now):
            return
        session, account = found
        transaction.save_session(replace(session, ended_at=now))
        details = {"account": account.name, "address": session.address}
        transaction.append_events([people_event("signed_out", account.actor, now, **details)])

    def change_password(
        self, signed_in: SignedIn, old: str, new: str, visitor: Visitor, now: datetime
    ) -> NewSession:
        """Put a person's own password in place of the old one; other sessions end.

        Raises
        ------
        SignInRefused
            If `old` is wrong; tries are counted as at sign-in.
        WeakPassword
            If `new` is guessed easily, or is the old one.
        """
        name = signed_in.account.name
        check_password(new, signed_in.account, old)
        tried = self._count(name, visitor, now)
        kept = tried.account.password_hash if tried.account else None
        is_right = self._passwords.matches(old, kept)
        hashed = self._passwords.hashed(new)
        with self._store.transaction() as transaction:
            transaction.lock_people()
            account = transaction.account(name)
            why = _why_not(account, kept, now) if is_right else "old password wrong"
            session = transaction.session(signed_in.session.digest)
            if not why and (session is None or self.limits.is_over(session[0], now)):
                why = "session over"
            if account is None or why:
                refusal = self._refused(transaction, tried, why, visitor, now)
            else:
                self._forgive(transaction, tried)
                account = replace(
                    account, password_hash=hashed, must_change_password=False, password_ends_at=None
                )
                transaction.save_account(account)
                ended = transaction.end_sessions(name, now)
                details = {"account": name, "sessions_ended": ended}
                event = people_event("password_changed", account.actor, now, **details)
                transaction.append_events([event])
                return self.begin(transaction, account, replace(visitor, session=None), now)
        raise refusal


_WORDS = {
    "disabled": "this account is disabled: ask an administrator",
    "one-time password over": "this one-time password is over: ask an administrator for a new one",
    "old password wrong": "the present password is wrong",
    "changed meanwhile": "the password was changed meanwhile: sign in again",
    "session over": "this session is over: sign in again",
}


def people_of(
    transaction: PeopleTransaction, visitor: Visitor, now: datetime
) -> Collection[AccountName]:
    """Who has signed in lately in the browser that this is."""
    if visitor.browser is None:
        return ()
    return transaction.people_of_browser(digest_of(visitor.browser), now - _BROWSER_KNOWN_FOR)


def _why_not(account: Account | None, kept: str | None, now: datetime) -> str:
    """Why a person who knows the password may not sign in; empty: may."""
    if account is None or account.password_hash != kept:
        return "changed meanwhile"
    if not account.is_enabled:
        return "disabled"
    if account.password_ends_at is not None and now >= account.password_ends_at:
        return "one-time password over"
    return ""
