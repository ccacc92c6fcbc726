"""The cookies: the session's, the one by which a browser is known, and one for single sign-on."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal

from starlette.responses import Response

_SESSION = "vigie_session"
_BROWSER = "vigie_browser"
_HANDSHAKE = "vigie_sign_on"
_HANDSHAKE_LASTS = timedelta(minutes=10)
_BROWSER_LASTS = timedelta(days=90)


def _named(name: str, *, is_secure: bool) -> str:
    """With TLS the prefix makes browsers refuse what a neighbouring host may have planted."""
    return f"__Host-{name}" if is_secure else name


def session_in(cookies: Mapping[str, str], *, is_secure: bool) -> str | None:
    """The secret of the session."""
    return cookies.get(_named(_SESSION, is_secure=is_secure)) or None


def browser_in(cookies: Mapping[str, str], *, is_secure: bool) -> str | None:
    """The secret by which the browser is known."""
    return cookies.get(_named(_BROWSER, is_secure=is_secure)) or None


def give_session(response: Response, secret: str, *, is_secure: bool) -> None:
    """Kept until the browser is closed; how long it is good for, the server says."""
    _give(response, _SESSION, secret, None, is_secure=is_secure)


def give_browser(response: Response, secret: str, *, is_secure: bool) -> None:
    """Kept for as long as the server remembers it."""
    _give(response, _BROWSER, secret, _BROWSER_LASTS, is_secure=is_secure)


def handshake_in(cookies: Mapping[str, str], *, is_secure: bool) -> str | None:
    """The secret of a browser that was sent to the provider."""
    return cookies.get(_named(_HANDSHAKE, is_secure=is_secure)) or None


def give_handshake(response: Response, secret: str, *, is_secure: bool) -> None:
    """Sent although it is another site, the provider, that sends the browser back."""
    _give(response, _HANDSHAKE, secret, _HANDSHAKE_LASTS, is_secure=is_secure, samesite="lax")


def take_handshake(response: Response, *, is_secure: bool) -> None:
    """Let the browser forget it."""
    _give(response, _HANDSHAKE, "", timedelta(0), is_secure=is_secure, samesite="lax")


def take_session(response: Response, *, is_secure: bool) -> None:
    """Let the browser forget it."""
    _give(response, _SESSION, "", timedelta(0), is_secure=is_secure)


def _give(
    response: Response,
    name: str,
    value: str,
    lasts: timedelta | None,
    *,
    is_secure: bool,
    samesite: Literal["strict", "lax"] = "strict",  # no other site can make a browser send it
) -> None:
    response.set_cookie(
        _named(name, is_secure=is_secure),
        value,
        max_age=None if lasts is None else int(lasts.total_seconds()),
        path="/",
        secure=is_secure,
        httponly=True,  # no script of the page can read it
        samesite=samesite,
    )
