"""Tokens by which machines ask: named, with scopes, hashed, revocable."""

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from worklist.accounts import people_event
from worklist.errors import StoreUnavailable, VigieError
from worklist.people import AccountName
from worklist.people_ports import Passwords
from worklist.ports import Event
from worklist.sessions import digest_of

PREFIX = "vigie_"  # so that scanners for lost secrets find one
_USED_AGAIN_AFTER = timedelta(minutes=1)  # the last use is not written more often


class UnknownToken(VigieError, LookupError):
    """There is no token of this name."""


class TokenExists(VigieError, ValueError):
    """There is a token of this name already."""


class Scope(StrEnum):
    """What a machine may do."""

    METRICS = "metrics"  # scrape /metrics
    READ = "read"  # read the list, studies, images and models
    STORE = "store"  # send objects by STOW-RS


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiToken:
    """One machine's token."""

    name: AccountName  # by the same rules as a person's
    digest: bytes  # of the secret, which is kept nowhere
    scopes: frozenset[Scope]
    created_at: datetime
    ends_at: datetime | None  # None: not by itself
    last_used_at: datetime | None  # to the minute; None: never
    revoked_at: datetime | None

    def holds(self, now: datetime) -> bool:
        """Whether it is good for anything."""
        return self.revoked_at is None and (self.ends_at is None or now < self.ends_at)


class TokenTransaction(Protocol):
    """Everything inside is committed together or not at all."""

    def lock_people(self) -> None:
        """Let nobody else change tokens at the same time, until the transaction ends."""
        ...

    def tokens(self) -> Sequence[ApiToken]:
        """All of them, by name."""
        ...

    def save_token(self, token: ApiToken) -> None:
        """Insert it, or write what changed."""
        ...

    def append_events(self, events: Sequence[Event]) -> None:
        """Append to the log."""
        ...


class TokenStore(Protocol):
    """Where tokens are kept."""

    def transaction(self) -> AbstractContextManager[TokenTransaction]:
        """One unit of work; raises StoreUnavailable."""
        ...

    def token(self, digest: bytes) -> ApiToken | None:
        """The token of this secret, whether it holds or not."""
        ...

    def note_used(self, token: ApiToken, now: datetime) -> None:
        """It was used."""
        ...


class ApiTokens:
    """What administrators do with tokens, and who asks by one."""

    def __init__(self, store: TokenStore, passwords: Passwords) -> None:
        self._store = store
        self._passwords = passwords

    def add(
        self,
        name: AccountName,
        scopes: Collection[Scope],
        *,
        lasts: timedelta | None,
        actor: str,
        now: datetime,
    ) -> str:
        """Make a token (`lasts` None: until it is revoked); its secret, which is kept nowhere.

        Raises
        ------
        TokenExists
            Names are given once: they stand in the event log.
        """
        secret = f"{PREFIX}{self._passwords.new_secret()}"
        token = ApiToken(
            name=name,
            digest=digest_of(secret),
            scopes=frozenset(scopes),
            created_at=now,
            ends_at=None if lasts is None else now + lasts,
            last_used_at=None,
            revoked_at=None,
        )
        details = {
            "token": name,
            "scopes": sorted(scopes),
            "ends_at": None if token.ends_at is None else token.ends_at.isoformat(),
        }
        with self._store.transaction() as transaction:
            transaction.lock_people()
            if any(one.name == name for one in transaction.tokens()):
                raise TokenExists(f"there is, or was, a token {name}: take another name")
            transaction.save_token(token)
            transaction.append_events([people_event("api_token_added", actor, now, **details)])
        return secret

    def all(self) -> Sequence[ApiToken]:
        """Every token, by name."""
        with self._store.transaction() as transaction:
            return transaction.tokens()

    def revoke(self, name: AccountName, *, actor: str, now: datetime) -> None:
        """Make a token good for nothing, at once.

        Raises
        ------
        UnknownToken
            If there is none, or it was revoked.
        """
        with self._store.transaction() as transaction:
            transaction.lock_people()
            for token in transaction.tokens():
                if token.name == name and token.revoked_at is None:
                    transaction.save_token(replace(token, revoked_at=now))
                    event = people_event("api_token_revoked", actor, now, token=name)
                    transaction.append_events([event])
                    return
        raise UnknownToken(f"there is no token {name} that could be revoked")

    def find(self, secret: str, now: datetime) -> ApiToken | None:
        """The token of this secret, if it holds."""
        token = self._store.token(digest_of(secret))
        if token is None or not token.holds(now):
            return None
        if token.last_used_at is None or now >= token.last_used_at + _USED_AGAIN_AFTER:
            with suppress(StoreUnavailable):  # a store that can only be read is read
                self._store.note_used(token, now)
        return token

    def holds(self, token: ApiToken, now: datetime) -> bool:
        """Whether a token that was found is still good."""
        kept = self._store.token(token.digest)
        return kept is not None and kept.holds(now)
