"""The people part of the web role: satisfies `viewer.ports.People`."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from worklist.api_tokens import ApiToken, ApiTokens
from worklist.people import AccountName
from worklist.sessions import NewSession, SessionLimits, SignedIn
from worklist.sign_in import SignIn, Visitor


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class People:
    """Persons by session, machines by token."""

    door: SignIn
    tokens: ApiTokens
    left: Callable[[], None] = _nothing  # called when somebody has signed out

    @property
    def limits(self) -> SessionLimits:
        """How long sessions last."""
        return self.door.limits

    def sign_in(self, name: str, password: str, visitor: Visitor, now: datetime) -> NewSession:
        """See `SignIn.sign_in`."""
        return self.door.sign_in(name, password, visitor, now)

    def sign_out(self, secret: str, now: datetime) -> None:
        """See `SignIn.sign_out`."""
        self.door.sign_out(secret, now)
        self.left()

    def who(self, secret: str, now: datetime, *, attended: bool) -> SignedIn | None:
        """See `SignIn.who`."""
        return self.door.who(secret, now, attended=attended)

    def change_password(
        self, signed_in: SignedIn, old: str, new: str, visitor: Visitor, now: datetime
    ) -> NewSession:
        """See `SignIn.change_password`."""
        return self.door.change_password(signed_in, old, new, visitor, now)

    def present(self, names: Collection[AccountName], now: datetime) -> Collection[AccountName]:
        """See `SignIn.present`."""
        return self.door.present(names, now)

    def token(self, secret: str, now: datetime) -> ApiToken | None:
        """See `ApiTokens.find`."""
        return self.tokens.find(secret, now)

    def token_holds(self, token: ApiToken, now: datetime) -> bool:
        """See `ApiTokens.holds`."""
        return self.tokens.holds(token, now)
