"""Live updates: one listener on the store, told to any number of browsers (server-sent events).

A browser is told *that* something changed and asks again; no state is kept for it, so one that
was away (Last-Event-ID or not) has missed nothing it cannot fetch.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict

import anyio.to_thread
import structlog
from fastapi import APIRouter
from starlette.responses import StreamingResponse

from viewer.gate import Caller
from viewer.ports import Listen
from viewer.session_api import WhoAsks
from worklist.errors import StoreUnavailable
from worklist.people import OTHERS_ABOUT_PEOPLE, SESSIONS_ENDED
from worklist.views import WorklistChange

_log = structlog.get_logger(__name__)

HEARTBEAT_S = 15.0
RECONNECT_S = 2.0
_RECHECK = b""  # in a queue: somebody's session ended, look whether it was this one
_QUEUE_LENGTH = 256  # a browser this far behind is cut off: it reconnects and fetches anew
_LONGEST_PAUSE_S = 10.0


class _Browser:
    """One open stream. The queue ends with None."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue(_QUEUE_LENGTH)

    def end(self) -> None:
        """Forget what was waiting and let the stream end."""
        while not self.queue.empty():
            self.queue.get_nowait()
        self.queue.put_nowait(None)


class ChangeFeed:
    """Broadcasts the store's changes; lives in one event loop.

    Streams carry two events: ``worklist`` (a change) and ``state`` (whether changes are heard
    at all: while the database is away the page must not look live).
    """

    def __init__(self, listen: Listen, heartbeat_s: float = HEARTBEAT_S) -> None:
        self._listen = listen
        self._heartbeat_s = heartbeat_s
        self._browsers: set[_Browser] = set()
        self._listening = False
        self._closed = False

    async def run(self) -> None:
        """Hear changes until cancelled, through any number of interruptions."""
        pause_s = 0.5
        while True:
            try:
                async with self._listen() as changes:
                    pause_s = 0.5
                    self._say_state(listening=True)
                    async for change in changes:
                        self._tell(change)
            except Exception as error:  # noqa: BLE001 - the boundary: whatever the listener raises
                _log.warning("changes_not_heard", error=type(error).__name__)
            self._say_state(listening=False)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    async def stream(self, holds: Callable[[], bool] = lambda: True) -> AsyncIterator[bytes]:
        """The events for one browser, in the format of the HTML standard, section 9.2.

        Parameters
        ----------
        holds
            Whether who opened it may still hear; asked, in a thread, once a heartbeat, however
            much there is to tell, and whenever somebody's session ends. While the database is away
            nothing is heard anyway.
        """
        if self._closed:
            return
        browser = _Browser()
        self._browsers.add(browser)
        try:
            yield f"retry: {RECONNECT_S * 1000:.0f}\n".encode() + _state_event(self._listening)
            checked_at = time.monotonic()
            while True:
                rest_s = max(0.0, checked_at + self._heartbeat_s - time.monotonic())
                try:
                    message = await asyncio.wait_for(browser.queue.get(), rest_s)
                except TimeoutError:
                    message = _RECHECK
                if message is None:
                    return
                if message == _RECHECK:
                    if not await _asked(holds):
                        return
                    checked_at = time.monotonic()
                yield message or b": still here\n\n"
        finally:
            self._browsers.discard(browser)

    def close(self) -> None:
        """End every stream now, and open no more: the server is stopping."""
        self._closed = True
        for browser in self._browsers:
            browser.end()

    def _tell(self, change: WorklistChange) -> None:
        if change.kind in SESSIONS_ENDED:
            self._broadcast(_RECHECK)
        elif change.kind not in OTHERS_ABOUT_PEOPLE:
            self._broadcast(_change_event(change))

    def _say_state(self, *, listening: bool) -> None:
        if listening != self._listening:
            self._listening = listening
            self._broadcast(_state_event(listening))

    def _broadcast(self, message: bytes) -> None:
        for browser in list(self._browsers):
            if browser.queue.full():
                self._browsers.discard(browser)
                browser.end()
            else:
                browser.queue.put_nowait(message)


async def _asked(holds: Callable[[], bool]) -> bool:
    try:
        return await anyio.to_thread.run_sync(holds)
    except StoreUnavailable:
        return True


def _state_event(listening: bool) -> bytes:
    return f"event: state\ndata: {json.dumps({'listening': listening})}\n\n".encode()


def _change_event(change: WorklistChange) -> bytes:
    data = json.dumps(
        {
            "event_id": change.event_id,
            "study_instance_uid": change.study_instance_uid,
            "kind": change.kind,
            "at": change.at.isoformat(),
            "flagged": None if change.flagged is None else asdict(change.flagged),
        }
    )
    return f"id: {change.event_id}\nevent: worklist\ndata: {data}\n\n".encode()


_ANSWERS: dict[int | str, dict[str, object]] = {200: {"content": {"text/event-stream": {}}}}


def make_router(feed: ChangeFeed, holds: Callable[[Caller], bool]) -> APIRouter:
    """The route ``/api/events``; `holds` says whether a caller may still hear."""
    router = APIRouter(prefix="/api", tags=["worklist"])

    @router.get("/events", response_class=StreamingResponse, responses=_ANSWERS)
    async def events(caller: WhoAsks) -> StreamingResponse:
        """Server-sent events ``worklist`` and ``state``; ask the other routes what changed."""
        stream = feed.stream(lambda: holds(caller))
        return StreamingResponse(stream, media_type="text/event-stream")

    return router
