"""STOW-RS: objects come in, and are durable before anybody says so (PS3.18 section 10.5, P1)."""

import contextlib
from email.message import Message
from typing import Any

import anyio
import anyio.to_thread
import structlog
from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect

from viewer.dicomweb.accept import NotAcceptable, wants_json
from viewer.dicomweb.addresses import PREFIX, STUDY, Uid, base_of
from viewer.dicomweb.json_model import as_json
from viewer.dicomweb.metadata_api import DICOM_JSON
from viewer.dicomweb.multipart_reader import BrokenMultipart
from viewer.dicomweb.ports import StoreDoor
from viewer.dicomweb.stow import (
    OUT_OF_RESOURCES,
    CannotStore,
    NoRoom,
    Result,
    StowRequest,
    TooBusy,
    TooManyParts,
    TooSlow,
    UnsupportedBody,
    answer,
)
from viewer.gate import Caller
from viewer.session_api import WhoAsks
from worklist.uid import StudyInstanceUID

_log = structlog.get_logger(__name__)

_AT_ONCE = 16  # requests; each holds a thread now and then
_PIECE_BYTES = 256 * 1024
_SILENCE_S = 60.0  # between two pieces of a request
_LEAST_BYTES_S = 8192.0  # of each minute of waiting; a slow line has ten times as much
_PATIENCE_S = 10.0  # for one of those requests to end
_DICOM = "application/dicom"
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            'multipart/related; type="application/dicom"': {
                "schema": {"type": "string", "format": "binary"}
            }
        },
    }
}
_ANSWERS: dict[int | str, dict[str, object]] = {
    status: {"content": {DICOM_JSON: {}}} for status in (200, 202, 400, 409, 507)
}


def make_router(door: StoreDoor) -> APIRouter:
    """The ``studies`` resource, to be written to."""
    router = APIRouter(prefix=PREFIX, tags=["dicomweb"])
    at_once = anyio.CapacityLimiter(_AT_ONCE)

    async def store(request: Request, caller: Caller, study: str | None) -> Response:
        uid = None if study is None else StudyInstanceUID(study)
        boundary = _boundary(request.headers.get("content-type", ""))
        if not wants_json(request.headers.get("accept")):
            raise NotAcceptable(f"the answer can be had as {DICOM_JSON}")
        await _turn(at_once)
        try:
            results, is_whole = await _receive(door, request, caller, boundary, uid)
        finally:
            at_once.release()
        return Response(
            as_json(answer(results, is_whole, base_of(request), uid)),
            status_code=_status(results, is_whole),
            media_type=DICOM_JSON,
        )

    @router.post("/studies", response_class=Response, responses=_ANSWERS, openapi_extra=_BODY)
    async def objects(request: Request, caller: WhoAsks) -> Response:
        """Take objects of any studies."""
        return await store(request, caller, None)

    @router.post(STUDY, response_class=Response, responses=_ANSWERS, openapi_extra=_BODY)
    async def objects_of_study(
        request: Request, study_instance_uid: Uid, caller: WhoAsks
    ) -> Response:
        """Take objects of one study; others are refused."""
        return await store(request, caller, study_instance_uid)

    return router


async def _turn(at_once: anyio.CapacityLimiter) -> None:
    """Wait for a place; raises TooBusy."""
    with contextlib.suppress(anyio.WouldBlock):
        at_once.acquire_nowait()
        return
    try:
        with anyio.fail_after(_PATIENCE_S):
            await at_once.acquire()
    except TimeoutError as error:
        raise TooBusy(f"{_AT_ONCE} requests are under way: try again soon") from error


class Pace:
    """Tells a sender that holds its place for nothing: what the node waited for it is counted.

    How long the node itself takes to store is not.
    """

    def __init__(self) -> None:
        self._waited_s = 0.0
        self._bytes = 0

    def came(self, size: int, waited_s: float) -> None:
        """So many bytes more, and how long they took; raises TooSlow."""
        self._waited_s += waited_s
        self._bytes += size
        if self._waited_s < _SILENCE_S:
            return
        if self._bytes < _LEAST_BYTES_S * self._waited_s:
            raise TooSlow(f"fewer than {_LEAST_BYTES_S:g} bytes came a second")
        self._waited_s, self._bytes = 0.0, 0


async def _receive(
    door: StoreDoor,
    request: Request,
    caller: Caller,
    boundary: str | None,
    study: StudyInstanceUID | None,
) -> tuple[list[Result], bool]:
    """Every object of a request, in the order in which they came, and whether it was whole."""
    session_of = door.session(_sender(caller), caller.visitor.address)
    try:
        session = await anyio.to_thread.run_sync(session_of.__enter__)
    except OSError as error:
        _log.error("the inbox cannot be used", error=str(error))
        raise CannotStore("the node cannot take objects now; its log says more") from error
    try:
        if not await anyio.to_thread.run_sync(lambda: session.has_room):
            raise NoRoom("the disk is nearly full")
        incoming = StowRequest(session, boundary, study)
        try:
            await _feed(incoming, request)
            is_whole = await anyio.to_thread.run_sync(incoming.finish)
        except TooManyParts:
            if all(one.failure is not None for one in incoming.results):
                raise
            is_whole = False
        except BrokenMultipart:
            if not incoming.results:
                raise
            is_whole = False
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(incoming.discard)
        return incoming.results, is_whole
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(session_of.__exit__, None, None, None)


async def _feed(incoming: StowRequest, request: Request) -> None:
    """The body, in pieces that are worth a thread's while."""
    held = bytearray()
    stream = request.stream()
    pace = Pace()
    try:
        while True:
            since = anyio.current_time()
            with anyio.fail_after(_SILENCE_S):
                content = await anext(stream, None)
            if content is None:
                break
            pace.came(len(content), anyio.current_time() - since)
            held += content
            if len(held) >= _PIECE_BYTES:
                await anyio.to_thread.run_sync(incoming.feed, bytes(held))
                held.clear()
        await anyio.to_thread.run_sync(incoming.feed, bytes(held))
    except TimeoutError as error:
        raise TooSlow(f"nothing came for {_SILENCE_S:g} s") from error
    except ClientDisconnect as error:
        raise BrokenMultipart("the request was cut short") from error


def _sender(caller: Caller) -> str:
    """Who stands where an association has its calling AE title."""
    if caller.token is not None:
        return caller.token.name
    return caller.account.name if caller.account is not None else ""


def _boundary(content_type: str) -> str | None:
    """Of the parts; None: the request is one object.

    Raises
    ------
    UnsupportedBody
        If it is neither.
    """
    message = Message()
    message["content-type"] = content_type
    kind = message.get_content_type()
    if kind == _DICOM:
        return None
    parts = str(message.get_param("type", _DICOM)).lower()
    if kind != "multipart/related" or parts != _DICOM:
        taken = f'multipart/related; type="{_DICOM}"'
        raise UnsupportedBody(f"objects are taken as {taken}")
    return str(message.get_param("boundary", ""))


def _status(results: list[Result], is_whole: bool) -> int:
    """PS3.18 table 10.5.3-1."""
    failures = [one.failure for one in results if one.failure is not None]
    if not results or len(failures) == len(results):
        if failures and set(failures) == {OUT_OF_RESOURCES}:
            return 507
        return 409 if results or is_whole else 400
    warned = any(one.warning is not None for one in results)
    return 202 if failures or warned or not is_whole else 200
