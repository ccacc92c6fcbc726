"""Signing in and out, as JSON."""

import functools
from collections.abc import Callable
from datetime import datetime
from typing import Annotated

import anyio
from fastapi import APIRouter, Depends, Request, Response

from viewer.cookies import give_browser, give_session, take_session
from viewer.gate import Caller
from viewer.ports import People, SignOn
from viewer.schemas import PasswordChange, SessionAnswer, SignedOutAnswer, SignInRequest
from worklist.sessions import NewSession, SignedIn
from worklist.sign_in import SignInRefused

_HASHED_AT_ONCE = 4


def caller_of(request: Request) -> Caller:
    """Who asks, as the gate found out."""
    caller = request.state.caller
    if not isinstance(caller, Caller):
        raise TypeError("the gate was not passed")
    return caller


WhoAsks = Annotated[Caller, Depends(caller_of)]


def make_router(people: People, sign_on: SignOn | None, now: Callable[[], datetime]) -> APIRouter:
    """The routes under ``/api/session``; `sign_on` is None where no provider is set."""
    router = APIRouter(prefix="/api/session", tags=["session"])
    # Hashing is slow on purpose: a flood of tries must not take every thread from the list.
    at_once = anyio.CapacityLimiter(_HASHED_AT_ONCE)

    @router.get("")
    def session(caller: WhoAsks) -> SessionAnswer:
        """Who is signed in in this browser, if anybody."""
        return _answer(caller.signed_in)

    @router.post("")
    async def sign_in(asked: SignInRequest, caller: WhoAsks, response: Response) -> SessionAnswer:
        """Begin a session; a former one in this browser ends."""
        work = functools.partial(people.sign_in, asked.name, asked.password, caller.visitor, now())
        return _begun(await anyio.to_thread.run_sync(work, limiter=at_once), caller, response)

    @router.delete("")
    def sign_out(request: Request, caller: WhoAsks, response: Response) -> SignedOutAnswer:
        """End the session, and let the browser forget what it has seen."""
        if caller.visitor.session is not None:
            people.sign_out(caller.visitor.session, now())
        take_session(response, is_secure=caller.is_secure)
        response.headers["Clear-Site-Data"] = '"cache"'
        address = None
        if sign_on is not None and caller.account is not None and caller.account.issuer:
            back_to = f"{request.url.scheme}://{request.headers['host']}/"
            address = sign_on.sign_out_address(back_to)
        return SignedOutAnswer(provider_address=address)

    @router.post("/password")
    async def change_password(
        asked: PasswordChange, caller: WhoAsks, response: Response
    ) -> SessionAnswer:
        """Put one's own password in place of the present one; all other sessions end."""
        if caller.signed_in is None:
            raise SignInRefused("sign in first")
        work = functools.partial(
            people.change_password,
            caller.signed_in,
            asked.present,
            asked.new,
            caller.visitor,
            now(),
        )
        return _begun(await anyio.to_thread.run_sync(work, limiter=at_once), caller, response)

    def _begun(new: NewSession, caller: Caller, response: Response) -> SessionAnswer:
        give_session(response, new.secret, is_secure=caller.is_secure)
        if new.browser is not None:
            give_browser(response, new.browser, is_secure=caller.is_secure)
        return _answer(new.signed_in)

    def _answer(signed_in: SignedIn | None) -> SessionAnswer:
        if signed_in is None:
            return SessionAnswer(single_sign_on=sign_on.label if sign_on else None)
        account, session = signed_in.account, signed_in.session
        return SessionAnswer(
            name=account.name,
            display_name=account.display_name,
            roles=sorted(account.roles),
            must_change_password=account.must_change_password,
            has_password=account.password_hash is not None,
            csrf_token=session.csrf_token,
            idle_limit_s=people.limits.idle.total_seconds(),
            ends_at=session.started_at + people.limits.absolute,
        )

    return router
