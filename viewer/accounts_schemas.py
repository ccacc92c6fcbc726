"""The JSON of accounts; never a password's hash."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from viewer.asked import Asked
from worklist.people import Account, AccountState, Role, state_of

_LONGEST_NAME = 128


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class AddAccountRequest(Asked):
    """A person who is to come in."""

    name: str = Field(max_length=64)
    display_name: str = Field(default="", max_length=_LONGEST_NAME)
    roles: list[Role] = Field(min_length=1, max_length=len(Role))


class RolesRequest(Asked):
    """What a person is here to do, all of it."""

    roles: list[Role] = Field(min_length=1, max_length=len(Role))


class RenewRequest(Asked):
    """A way in again for a person."""

    one_time_password: bool = False  # also for who comes by single sign-on


class AccountAnswer(_Answer):
    """One account."""

    name: str
    display_name: str
    roles: list[Role]
    state: AccountState
    signed_in: bool  # somewhere, now
    has_password: bool
    issuer: str | None  # of the single sign-on provider that vouches for the person
    created_at: datetime
    disabled_at: datetime | None

    @classmethod
    def of(cls, account: Account, *, signed_in: bool, now: datetime) -> "AccountAnswer":
        """What administrators are shown of an account."""
        return cls(
            name=account.name,
            display_name=account.display_name,
            roles=sorted(account.roles),
            state=state_of(account, now),
            signed_in=signed_in,
            has_password=account.password_hash is not None,
            issuer=account.issuer,
            created_at=account.created_at,
            disabled_at=account.disabled_at,
        )


class GivenPasswordAnswer(_Answer):
    """An account with the one-time password that it was just given; it is said this once."""

    account: AccountAnswer
    one_time_password: str | None = Field(repr=False)  # null: comes by single sign-on
    lasts_until: datetime | None


class SessionsEndedAnswer(_Answer):
    """An account, and how many sessions of it were ended."""

    account: AccountAnswer
    sessions_ended: int
