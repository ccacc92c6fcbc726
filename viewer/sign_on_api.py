"""To the single sign-on provider and back."""

import functools
from collections.abc import Callable
from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

import anyio
import structlog
from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import RedirectResponse

from viewer.cookies import (
    give_browser,
    give_handshake,
    give_session,
    handshake_in,
    take_handshake,
)
from viewer.gate import Caller
from viewer.ports import SignOn
from viewer.session_api import WhoAsks
from worklist.errors import StoreUnavailable, VigieError
from worklist.sign_in import SignInRefused, TooManyTries
from worklist.single_sign_on import HandshakeOver, NoRole

_log = structlog.get_logger(__name__)
_SEE_OTHER = 303
_ASKED_AT_ONCE = 4


def make_router(sign_on: SignOn | None, now: Callable[[], datetime]) -> APIRouter:
    """The routes under ``/api/sign-on``; 404 where no provider is set."""
    router = APIRouter(prefix="/api/sign-on", tags=["session"])
    # A provider that does not answer must not take every thread from the list.
    at_once = anyio.CapacityLimiter(_ASKED_AT_ONCE)

    def chosen() -> SignOn:
        if sign_on is None:
            raise HTTPException(404, "no single sign-on is set up")
        return sign_on

    @router.get("", response_class=RedirectResponse, status_code=_SEE_OTHER)
    async def set_out(request: Request, caller: WhoAsks) -> RedirectResponse:
        """Send the browser to the provider."""
        try:
            work = functools.partial(chosen().set_out, _way_back(request), caller.visitor, now())
            address, browser = await anyio.to_thread.run_sync(work, limiter=at_once)
        except VigieError as error:
            return _told(error)
        response = RedirectResponse(address, _SEE_OTHER)
        give_handshake(response, browser, is_secure=caller.is_secure)
        return response

    @router.get("/callback", response_class=RedirectResponse, status_code=_SEE_OTHER)
    async def come_back(
        request: Request,
        caller: WhoAsks,
        state: Annotated[str, Query(max_length=512)] = "",
        code: Annotated[str | None, Query(max_length=4096)] = None,
    ) -> RedirectResponse:
        """Where the provider sends the browser back; the page says why if it is refused."""
        work = functools.partial(
            chosen().come_back,
            code=code,
            state=state,
            browser=handshake_in(request.cookies, is_secure=caller.is_secure),
            redirect_uri=_way_back(request),
            visitor=caller.visitor,
            now=now(),
        )
        try:
            new = await anyio.to_thread.run_sync(work, limiter=at_once)
        except VigieError as error:
            return _ended(_told(error), caller)
        response = RedirectResponse("/", _SEE_OTHER)
        give_session(response, new.secret, is_secure=caller.is_secure)
        if new.browser is not None:
            give_browser(response, new.browser, is_secure=caller.is_secure)
        return _ended(response, caller)

    return router


def _way_back(request: Request) -> str:
    """The address that the provider knows; the host is one of ours, the gate has seen to it."""
    return f"{request.url.scheme}://{request.headers['host']}/api/sign-on/callback"


def _ended(response: RedirectResponse, caller: Caller) -> RedirectResponse:
    take_handshake(response, is_secure=caller.is_secure)
    return response


def _told(error: VigieError) -> RedirectResponse:
    """Back to the page, with one of few words that it knows: nobody puts others into its mouth."""
    match error:
        case NoRole():
            word = "no-role"
        case HandshakeOver():
            word = "over"
        case SignInRefused():
            word = "refused"
        case TooManyTries():
            word = "wait"
        case StoreUnavailable():
            word = "database"
        case _:
            word = "provider"
    _log.warning("sign_on_failed", why=str(error))
    return RedirectResponse(f"/#/?{urlencode({'sign-on': word})}", _SEE_OTHER)
