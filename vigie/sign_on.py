"""Single sign-on of the web role: satisfies `viewer.ports.SignOn`."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
import structlog

from vigie.passwords import Argon2Passwords
from vigie.provider import Provider, ProviderSettings, ProviderUnavailable
from vigie.settings import Settings
from vigie.wiring import make_door
from worklist.sessions import NewSession
from worklist.sign_in import SignInRefused, Visitor
from worklist.single_sign_on import SingleSignOn
from worklist.store.people import PostgresPeople

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class SignOn:
    """The provider and our own door, together."""

    label: str  # of the button
    provider: Provider
    door: SingleSignOn

    def set_out(self, redirect_uri: str, visitor: Visitor, now: datetime) -> tuple[str, str]:
        """Where to send the browser, and the secret it is given."""
        out = self.door.set_out(visitor, now)
        return self.provider.address(out, redirect_uri), out.browser

    def come_back(
        self,
        *,
        code: str | None,
        state: str,
        browser: str | None,
        redirect_uri: str,
        visitor: Visitor,
        now: datetime,
    ) -> NewSession:
        """Begin a session, if all is as it must be; see `SingleSignOn.welcome`."""
        handshake = self.door.come_back(state, browser, now)
        try:
            if code is None:
                raise SignInRefused("the provider refused the sign-in")
            identity = self.provider.identity(code, handshake, redirect_uri, now)
        except SignInRefused as refused:
            self.door.note_failure(str(refused), visitor, now)
            raise
        return self.door.welcome(identity, visitor, now)

    def sign_out_address(self, back_to: str) -> str | None:
        """Where to sign out of the provider too; None: it has no such, or does not answer."""
        try:
            return self.provider.sign_out_address(back_to)
        except ProviderUnavailable as error:
            _log.warning("provider_unavailable", error=str(error))
            return None


def make_sign_on(settings: Settings, engine: sa.Engine) -> SignOn | None:
    """Single sign-on, where it is set up."""
    if settings.sso_issuer is None or settings.sso_client_id is None:
        return None
    store, passwords = PostgresPeople(engine), Argon2Passwords()
    provider = Provider(
        ProviderSettings(
            issuer=settings.sso_issuer,
            client_id=settings.sso_client_id,
            client_secret=settings.sso_secret,
            scopes=settings.sso_scopes,
            role_claim=settings.sso_role_claim,
            roles=settings.sso_role_map,
        )
    )
    door = SingleSignOn(store, passwords, make_door(settings, engine))
    return SignOn(label=settings.sso_label, provider=provider, door=door)
