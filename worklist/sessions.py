"""What a browser holds while a person is signed in, and how long that lasts."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from worklist.people import Account, AccountName


def digest_of(secret: str) -> bytes:
    """What is kept of a random secret of 256 bits: who reads the database cannot use it.

    Plain SHA-256 is right for what cannot be guessed; passwords are hashed slowly.
    """
    return hashlib.sha256(secret.encode()).digest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """One browser in which a person is signed in."""

    digest: bytes  # of the secret in its cookie
    account: AccountName
    csrf_token: str  # the page sends it with whatever changes something
    address: str  # where it was started from
    started_at: datetime
    last_seen_at: datetime
    ended_at: datetime | None  # None: not by anybody


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionLimits:
    """How long a session lasts at most."""

    idle: timedelta = timedelta(minutes=30)  # without a sign of the person
    absolute: timedelta = timedelta(hours=12)  # whatever the person does

    def is_over(self, session: Session, now: datetime) -> bool:
        """Whether the person must sign in anew."""
        return (
            session.ended_at is not None
            or now >= session.last_seen_at + self.idle
            or now >= session.started_at + self.absolute
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedIn:
    """A person in a session that holds."""

    account: Account
    session: Session


@dataclass(frozen=True, kw_only=True, slots=True)
class NewSession:
    """A session just begun, with the secrets for the browser; they are kept nowhere else."""

    signed_in: SignedIn
    secret: str
    browser: str | None  # a new secret by which the browser is known; None: it has one


@dataclass(frozen=True, kw_only=True, slots=True)
class Handshake:
    """One person's way to the provider and back; good for one return."""

    state_digest: bytes
    browser_digest: bytes  # of the secret in the cookie of the browser that set out
    nonce: str
    code_verifier: str
    started_at: datetime
