"""What accounts and sign-in need from outside: a store, and somebody who knows about hashing."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from worklist.people import Account, AccountName, Tries
from worklist.ports import Event
from worklist.sessions import Handshake, Session


class Passwords(Protocol):
    """Hashes passwords slowly, with salt; and makes what must not be guessed."""

    def hashed(self, password: str) -> str:
        """What is kept instead of the password."""
        ...

    def matches(self, password: str, kept: str | None) -> bool:
        """Whether it is the password; None, which nothing matches, takes as long."""
        ...

    def is_dated(self, kept: str) -> bool:
        """Whether it was hashed with less effort than is usual now."""
        ...

    def new_password(self) -> str:
        """One that a person can copy from paper and nobody can guess."""
        ...

    def new_secret(self) -> str:
        """One for machines and browsers, 256 bits."""
        ...


class PeopleTransaction(Protocol):
    """Everything inside is committed together or not at all."""

    def lock_people(self) -> None:
        """Let nobody else change accounts or tries at the same time, until the transaction ends."""
        ...

    def account(self, name: AccountName) -> Account | None:
        """The account of this name."""
        ...

    def accounts(self) -> Sequence[Account]:
        """All of them, by name."""
        ...

    def save_account(self, account: Account) -> None:
        """Insert it, or write what changed."""
        ...

    def tries(self, keys: Collection[str]) -> Mapping[str, Tries]:
        """What was tried in vain under these keys; others are left out."""
        ...

    def save_tries(self, tries: Mapping[str, Tries]) -> None:
        """Write these."""
        ...

    def forget_tries(self, keys: Collection[str]) -> None:
        """Nothing was tried in vain under these keys."""
        ...

    def forget_tries_of(self, name: AccountName) -> None:
        """Nothing was tried in vain with this name, from wherever."""
        ...

    def forget_tries_before(self, when: datetime) -> None:
        """Forget whatever was last tried before then."""
        ...

    def people_of_browser(self, digest: bytes, since: datetime) -> Collection[AccountName]:
        """Who has signed in with this browser since then."""
        ...

    def save_browser(self, digest: bytes, name: AccountName, now: datetime) -> None:
        """This person signed in with this browser."""
        ...

    def forget_browsers_before(self, when: datetime) -> None:
        """Keep nothing of browsers in which nobody has signed in since then."""
        ...

    def forget_browsers(self, name: AccountName) -> None:
        """Trust none of this person's browsers more than others."""
        ...

    def session(self, digest: bytes) -> tuple[Session, Account] | None:
        """The session of this secret and whose it is, ended or not."""
        ...

    def save_session(self, session: Session) -> None:
        """Insert it, or write what changed."""
        ...

    def end_sessions(self, name: AccountName, now: datetime) -> int:
        """End all sessions of a person; how many there were."""
        ...

    def forget_sessions_before(self, when: datetime) -> None:
        """Keep nothing of sessions in which nobody was seen since then."""
        ...

    def account_of_subject(self, issuer: str, subject: str) -> Account | None:
        """The account of the person for whom this provider vouches by this name of its own."""
        ...

    def add_handshake(self, handshake: Handshake) -> None:
        """Remember who was sent to the provider."""
        ...

    def take_handshake(self, state_digest: bytes) -> Handshake | None:
        """What was remembered; from then on it is not."""
        ...

    def forget_handshakes_before(self, when: datetime) -> None:
        """Whoever set out before then does not come back."""
        ...

    def append_events(self, events: Sequence[Event]) -> None:
        """Append to the log."""
        ...


class PeopleStore(Protocol):
    """Where accounts are kept."""

    def transaction(self) -> AbstractContextManager[PeopleTransaction]:
        """One unit of work; raises StoreUnavailable."""
        ...

    def session(self, digest: bytes) -> tuple[Session, Account] | None:
        """The session of this secret and whose it is, ended or not."""
        ...

    def open_sessions(self, names: Collection[AccountName]) -> Sequence[Session]:
        """The sessions of these people that nobody has ended; time may have."""
        ...

    def note_seen(self, digest: bytes, now: datetime) -> None:
        """The person is still there."""
        ...
