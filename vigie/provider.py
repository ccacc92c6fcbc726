"""The OpenID Connect provider: asked and checked by Authlib.

Discovery, code flow with PKCE (S256), state and nonce; the ID token's signature against the
provider's keys, its issuer, audience, times and nonce (OpenID Connect Core 1.0, 3.1.3.7).
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import requests
import structlog
from authlib.common.errors import AuthlibBaseError
from authlib.common.urls import add_params_to_uri
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from worklist.errors import VigieError
from worklist.people import Role
from worklist.sessions import Handshake
from worklist.sign_in import SignInRefused
from worklist.single_sign_on import Identity, SettingOut

_log = structlog.get_logger(__name__)

_TIMEOUT_S = 5.0
_CLOCKS_APART_S = 60
_SIGNATURES = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]


class ProviderUnavailable(VigieError):
    """The provider does not answer, or not as one does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderSettings:
    """How this node is known to the provider."""

    issuer: str
    client_id: str
    client_secret: str
    scopes: Sequence[str]
    role_claim: str  # dots lead into objects: realm_access.roles
    roles: Mapping[str, Role]  # what the claim's values mean here


class Provider:
    """One provider; may be used from many threads."""

    def __init__(self, settings: ProviderSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._learning = threading.Lock()  # held while somebody asks in the background
        self._metadata: dict[str, Any] | None = None
        self._keys: KeySet | None = None

    def address(self, out: SettingOut, redirect_uri: str) -> str:
        """Where to send the browser.

        Raises
        ------
        ProviderUnavailable
            If its metadata cannot be had.
        """
        endpoint = self._endpoint("authorization_endpoint")
        with self._client(redirect_uri) as client:
            url, _ = client.create_authorization_url(
                endpoint, state=out.state, nonce=out.nonce, code_verifier=out.code_verifier
            )
        return str(url)

    def identity(
        self, code: str, handshake: Handshake, redirect_uri: str, now: datetime
    ) -> Identity:
        """Who came back, with what the provider says of that person.

        Raises
        ------
        SignInRefused
            If the provider refuses the code, or what it says cannot be believed.
        ProviderUnavailable
            If it does not answer.
        """
        endpoint = self._endpoint("token_endpoint")
        try:
            with self._client(redirect_uri) as client:
                token = client.fetch_token(
                    endpoint, code=code, code_verifier=handshake.code_verifier
                )
        except AuthlibBaseError as error:
            raise SignInRefused("the provider refused the sign-in: begin again") from error
        except (requests.RequestException, ValueError) as error:
            raise ProviderUnavailable("the single sign-on provider does not answer") from error
        claims = self._checked(token, handshake, now)
        said = dict(claims)
        if _at(said, self._settings.role_claim) is None:
            said = self._user_info(token, claims["sub"]) | said
        return self._identity(said)

    def sign_out_address(self, back_to: str) -> str | None:
        """Where to send a browser to sign out of the provider too; None: it offers no such.

        Never waits for the provider.

        Raises
        ------
        ProviderUnavailable
            If its metadata is not known; it is asked for, for the next time.
        """
        if self._metadata is None:
            self.learn()
            raise ProviderUnavailable("the single sign-on provider has not answered yet")
        endpoint = self._metadata.get("end_session_endpoint")
        if not isinstance(endpoint, str):
            return None
        parameters = [
            ("client_id", self._settings.client_id),
            ("post_logout_redirect_uri", back_to),
        ]
        return str(add_params_to_uri(endpoint, parameters))

    def learn(self) -> None:
        """Ask for the metadata in the background, unless they are known or being asked for."""
        if self._metadata is None and self._learning.acquire(blocking=False):
            threading.Thread(target=self._learn, name="provider", daemon=True).start()

    def _learn(self) -> None:
        try:
            self._known()
        except ProviderUnavailable as error:
            _log.warning("provider_unavailable", error=str(error))
        finally:
            self._learning.release()

    def _checked(
        self, token: Mapping[str, Any], handshake: Handshake, now: datetime
    ) -> CodeIDToken:
        """The claims of the ID token, once everything about it is as it must be."""
        text = token.get("id_token")
        if not isinstance(text, str):
            raise SignInRefused("the provider sent no ID token")
        try:
            decoded = self._decoded(text)
            claims = CodeIDToken(
                decoded.claims,
                decoded.header,
                options={
                    "iss": {"essential": True, "value": self._settings.issuer},
                    "aud": {"essential": True, "value": self._settings.client_id},
                    "sub": {"essential": True},
                },
                params={
                    "nonce": handshake.nonce,
                    "client_id": self._settings.client_id,
                    "access_token": token.get("access_token"),
                },
            )
            claims.validate(now=int(now.timestamp()), leeway=_CLOCKS_APART_S)
        except (AuthlibBaseError, JoseError, ValueError) as error:
            kind = getattr(error, "claim", None) or type(error).__name__
            raise SignInRefused(f"the provider's ID token cannot be believed: {kind}") from error
        return claims

    def _decoded(self, text: str) -> jwt.Token:
        """With the keys that are known; once more with new ones, for providers change theirs."""
        keys = self._keys or self._new_keys()
        try:
            return jwt.decode(text, keys, algorithms=_SIGNATURES)
        except (JoseError, ValueError):
            return jwt.decode(text, self._new_keys(), algorithms=_SIGNATURES)

    def _new_keys(self) -> KeySet:
        served: Any = self._json(self._endpoint("jwks_uri"))
        self._keys = KeySet.import_key_set(served)
        return self._keys

    def _user_info(self, token: Mapping[str, Any], subject: str) -> dict[str, Any]:
        endpoint = self._known().get("userinfo_endpoint")
        if not isinstance(endpoint, str):
            return {}
        said = self._json(endpoint, {"Authorization": f"Bearer {token.get('access_token')}"})
        if said.get("sub") != subject:  # OpenID Connect Core 1.0, 5.3.2
            raise SignInRefused("the provider told about another person than it vouched for")
        return said

    def _identity(self, said: Mapping[str, Any]) -> Identity:
        given = _at(said, self._settings.role_claim)
        values = [given] if isinstance(given, str) else given
        named = {one for one in values if isinstance(one, str)} if isinstance(values, list) else ()
        roles = frozenset(self._settings.roles[one] for one in named if one in self._settings.roles)
        name = said.get("preferred_username") or said.get("email") or ""
        return Identity(
            issuer=self._settings.issuer,
            subject=str(said["sub"]),
            name=str(name),
            display_name=str(said.get("name") or "")[:200],
            roles=roles,
        )

    def _endpoint(self, name: str) -> str:
        endpoint = self._known().get(name)
        if not isinstance(endpoint, str):
            raise ProviderUnavailable(f"the single sign-on provider names no {name}")
        return endpoint

    def _known(self) -> dict[str, Any]:
        """The provider's metadata, asked once (OpenID Connect Discovery 1.0, 4)."""
        with self._lock:
            if self._metadata is None:
                issuer = self._settings.issuer
                metadata = self._json(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
                if metadata.get("issuer") != issuer:
                    raise ProviderUnavailable(
                        f"the single sign-on provider calls itself {metadata.get('issuer')!r}, "
                        f"not {issuer!r}: correct the setting sso_issuer"
                    )
                self._metadata = metadata
            return self._metadata

    def _json(self, url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        try:
            answer = requests.get(
                url, headers=dict(headers or {}), timeout=_TIMEOUT_S, allow_redirects=False
            )
            answer.raise_for_status()
            content = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise ProviderUnavailable("the single sign-on provider does not answer") from error
        if not isinstance(content, dict):
            raise ProviderUnavailable("the single sign-on provider does not answer as one does")
        return content

    def _client(self, redirect_uri: str) -> OAuth2Session:
        return OAuth2Session(
            self._settings.client_id,
            self._settings.client_secret,
            scope=" ".join(self._settings.scopes),
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            default_timeout=_TIMEOUT_S,
        )


def _at(said: Mapping[str, Any], path: str) -> Any:
    """What a claim says; some providers nest theirs. The whole path may be one name, too."""
    if path in said:
        return said[path]
    found: Any = said
    for name in path.split("."):
        if not isinstance(found, Mapping) or name not in found:
            return None
        found = found[name]
    return found
