"""Who works here: accounts, their roles, and the rules for names, passwords and guessing."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from worklist.errors import VigieError


class InvalidAccountName(VigieError, ValueError):
    """A name that no account can have."""


class WeakPassword(VigieError, ValueError):
    """A password that is too easily guessed; the message says why."""


class UnknownAccount(VigieError, LookupError):
    """There is no account of this name."""


class AccountExists(VigieError, ValueError):
    """There is an account of this name already."""


class LastAdministrator(VigieError):
    """Nobody could administer the node any more."""


class OwnAccount(VigieError):
    """What a person cannot do to the account that she is signed in with."""


class Role(StrEnum):
    """What a person is here to do; one person may have several."""

    RADIOLOGIST = "radiologist"
    QA_REVIEWER = "qa_reviewer"
    ADMINISTRATOR = "administrator"

    @property
    def words(self) -> str:
        """For people."""
        return "QA reviewer" if self is Role.QA_REVIEWER else self.value


class AccountName(str):
    """A checked name: lower case, for it stands in events, commands and addresses.

    Raises
    ------
    InvalidAccountName
        If it is empty, too long or has other signs than a-z, 0-9 and ``. _ @ -`` inside.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> "AccountName":
        name = text.strip().lower()
        if not re.fullmatch(r"[a-z0-9][a-z0-9._@-]{0,63}", name):
            raise InvalidAccountName(
                "an account's name has 1 to 64 signs of a-z, 0-9, . _ @ -, and begins with a "
                "letter or a digit"
            )
        return super().__new__(cls, name)


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """One person who may sign in."""

    name: AccountName
    display_name: str
    roles: frozenset[Role]
    password_hash: str | None  # None: signs in by single sign-on only
    must_change_password: bool  # it was given out by another person
    password_ends_at: datetime | None  # a one-time password is refused from then on
    issuer: str | None  # of the provider that vouches for this person; None: none does
    subject: str | None  # the provider's own name for this person
    created_at: datetime
    disabled_at: datetime | None  # None: may sign in

    @property
    def actor(self) -> str:
        """As an event names who acted."""
        return f"person {self.name}"

    @property
    def is_enabled(self) -> bool:
        """Whether this person may sign in and act."""
        return self.disabled_at is None


class AccountState(StrEnum):
    """Whether a person may sign in, and what with."""

    ENABLED = "enabled"
    ONE_TIME_PASSWORD = "one_time_password"  # noqa: S105 - a word; given out, not changed yet
    ONE_TIME_PASSWORD_OVER = "one_time_password_over"  # noqa: S105 - it must be given out anew
    DISABLED = "disabled"


def state_of(account: Account, now: datetime) -> AccountState:
    """How an account stands."""
    if not account.is_enabled:
        return AccountState.DISABLED
    if account.password_ends_at is not None and now >= account.password_ends_at:
        return AccountState.ONE_TIME_PASSWORD_OVER
    if account.must_change_password:
        return AccountState.ONE_TIME_PASSWORD
    return AccountState.ENABLED


SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = (
    256  # characters: hashing a book would be a gift to whoever wants to keep us busy
)

_COMMON = ("password", "passwort", "motdepasse", "123456", "qwerty", "azerty", "radiology", "vigie")


def check_password(password: str, account: Account, old: str) -> None:
    """Refuse what is guessed first; length counts, kinds of signs do not (NIST SP 800-63B).

    Raises
    ------
    WeakPassword
        With the reason.
    """
    if len(password) < SHORTEST_PASSWORD:
        raise WeakPassword(f"a password has at least {SHORTEST_PASSWORD} characters")
    if len(password) > LONGEST_PASSWORD:
        raise WeakPassword(f"a password has at most {LONGEST_PASSWORD} characters")
    if password == old:
        raise WeakPassword("the new password is the present one")
    rest = password.lower()
    for word in (*_COMMON, account.name, *account.display_name.lower().split()):
        if len(word) > 2:
            rest = rest.replace(word, "")
    if len(rest) < SHORTEST_PASSWORD // 2 or len(set(password)) < SHORTEST_PASSWORD // 2:
        raise WeakPassword(
            "this password is guessed easily: take several words, or a generated one"
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Tries:
    """How often somebody has tried in vain lately, under one key."""

    count: int
    last_at: datetime
    wait_until: datetime  # nobody is asked for a password before that


@dataclass(frozen=True, kw_only=True, slots=True)
class Waits:
    """How waits grow with each try that failed: none, then twice as long each time, to a limit."""

    free: int  # tries without a wait
    longest: timedelta
    first: timedelta = timedelta(seconds=2)
    forgotten_after: timedelta = timedelta(hours=1)

    def after(self, count: int) -> timedelta:
        """The wait after this many failures in a row."""
        if count < self.free:
            return timedelta(0)
        return min(self.longest, self.first * (1 << min(count - self.free, 30)))

    def tried(self, before: Tries | None, now: datetime) -> Tries:
        """With one more try, counted as a failure until it turns out to be none.

        Counted before the password is looked at, so that a hundred tries at once are a hundred.
        """
        count = 1
        if before is not None and now < before.last_at + self.forgotten_after:
            count = before.count + 1
        return Tries(count=count, last_at=now, wait_until=now + self.after(count))

    def taken_back(self, kept: Tries, counted: Tries, before: Tries | None) -> Tries | None:
        """Without one try that turned out to be right; None: nothing is left.

        A right try neither renews a wait nor puts off when the failures are forgotten.

        Parameters
        ----------
        kept
            What is counted now; others may have tried meanwhile.
        counted
            What was, just after this try.
        before
            What was, before it.
        """
        if kept == counted:
            return before if counted.count > 1 else None
        if kept.count <= 1:
            return None
        last_at = kept.last_at
        if before is not None and last_at == counted.last_at:  # nobody began after this one
            last_at = before.last_at
        count = kept.count - 1
        return Tries(count=count, last_at=last_at, wait_until=last_at + self.after(count))


# Events about people, none of which changes the list.
SESSIONS_ENDED = frozenset(
    {
        "signed_out",
        "account_disabled",
        "password_changed",
        "password_reset",
        "roles_changed",
        "sessions_ended",
        "api_token_revoked",
    }
)
OTHERS_ABOUT_PEOPLE = frozenset(
    {
        "account_added",
        "account_enabled",
        "administrator_kept",
        "api_token_added",
        "signed_in",
        "sign_in_failed",
        "sign_in_held",
        "preferences_changed",
        "view_saved",
        "view_removed",
    }
)
