"""Live updates: one listener on the store, told to any number of browsers (server-sent events).

A browser is told *that* something changed and asks again; no state is kept for it. One that was
away fetches what is true now, and is told of the new flags that it missed: it says which event it
heard last (Last-Event-ID, or ``after``).
"""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass
from datetime import UTC
from typing import Annotated

import anyio.to_thread
import structlog
from fastapi import APIRouter, Header, Query
from starlette.responses import StreamingResponse

from viewer.gate import Caller
from viewer.ports import Listen
from viewer.session_api import WhoAsks
from worklist.errors import StoreUnavailable
from worklist.people import OTHERS_ABOUT_PEOPLE, SESSIONS_ENDED
from worklist.views import MissedFlags, WorklistChange

_log = structlog.get_logger(__name__)

HEARTBEAT_S = 15.0
RECONNECT_S = 2.0
_QUEUE_LENGTH = 256  # a browser this far behind is cut off: it reconnects and fetches anew
_LONGEST_PAUSE_S = 10.0
_SAME_ANSWER_S = 1.0  # browsers that come back together are told from one look at the log


Missed = Callable[[int | None], MissedFlags]
"""The flags that were told after the event of this number; may raise StoreUnavailable."""


@dataclass(frozen=True, slots=True)
class _Message:
    """What waits in a queue for a browser."""

    data: bytes
    event_id: int | None = None  # of a change
    listening: bool | None = None  # of a state


_RECHECK = _Message(b"")  # somebody's session ended: look whether it was this one


class _Browser:
    """One open stream. The queue ends with None."""

    def __init__(self, heard: int | None) -> None:
        self.heard = heard  # the last event that it knows of; None: it never heard any
        self.queue: asyncio.Queue[_Message | None] = asyncio.Queue(_QUEUE_LENGTH)

    def knows(self, message: _Message) -> bool:
        """Whether it was told of this change when it caught up."""
        return (
            message.event_id is not None
            and self.heard is not None
            and message.event_id <= self.heard
        )

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

    def __init__(
        self, listen: Listen, missed: Missed | None = None, heartbeat_s: float = HEARTBEAT_S
    ) -> None:
        self._listen = listen
        self._missed = missed
        self._heartbeat_s = heartbeat_s
        self._browsers: set[_Browser] = set()
        self._listening = False
        self._closed = False
        self._looks: dict[int | None, tuple[float, asyncio.Task[MissedFlags]]] = {}

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

    async def stream(
        self, holds: Callable[[], bool] = lambda: True, after: int | None = None
    ) -> AsyncIterator[bytes]:
        """The events for one browser, in the format of the HTML standard, section 9.2.

        Parameters
        ----------
        holds
            Whether who opened it may still hear; asked, in a thread, once a heartbeat, however
            much there is to tell, and whenever somebody's session ends. While the database is away
            nothing is heard anyway.
        after
            Number of the last event that the browser heard; None: it hears for the first time.
        """
        if self._closed:
            return
        browser = _Browser(after)
        self._browsers.add(browser)
        try:
            state = await self._state(browser, listening=self._listening)
            yield f"retry: {RECONNECT_S * 1000:.0f}\n".encode() + state
            checked_at = time.monotonic()
            while True:
                rest_s = max(0.0, checked_at + self._heartbeat_s - time.monotonic())
                try:
                    message = await asyncio.wait_for(browser.queue.get(), rest_s)
                except TimeoutError:
                    message = _RECHECK
                if message is None:
                    return
                if message is _RECHECK:
                    if not await _asked(holds):
                        return
                    checked_at = time.monotonic()
                if not browser.knows(message):
                    yield await self._said(browser, message)
        finally:
            self._browsers.discard(browser)

    async def _said(self, browser: _Browser, message: _Message) -> bytes:
        if message.listening is not None:
            return await self._state(browser, listening=message.listening)
        if message.event_id is not None:
            browser.heard = message.event_id
        return message.data or b": still here\n\n"

    async def _state(self, browser: _Browser, *, listening: bool) -> bytes:
        """Whether changes are heard, after the flags that this browser was not told of."""
        if not listening or self._missed is None:
            return _state_event(listening=listening)
        try:
            missed = await self._missed_since(self._missed, browser.heard)
        except StoreUnavailable:  # then it is soon no longer heard, and heard again
            return _state_event(listening=listening)
        browser.heard = missed.latest
        flags = b"".join(_change_event(one, missed=True) for one in missed.flags)
        return flags + _state_event(listening=listening, event_id=missed.latest)

    async def _missed_since(self, ask: Missed, heard: int | None) -> MissedFlags:
        """What was missed; not asked again for a moment in which nothing more was told."""
        now = time.monotonic()
        self._looks = {
            one: (at, look) for one, (at, look) in self._looks.items() if now < at + _SAME_ANSWER_S
        }
        if heard not in self._looks:
            look = asyncio.ensure_future(anyio.to_thread.run_sync(ask, heard))
            self._looks[heard] = (now, look)
        _, look = self._looks[heard]
        try:
            return await asyncio.shield(look)  # another browser may wait for it, too
        except StoreUnavailable:
            self._looks.pop(heard, None)
            raise

    def close(self) -> None:
        """End every stream now, and open no more: the server is stopping."""
        self._closed = True
        for browser in self._browsers:
            browser.end()

    def _tell(self, change: WorklistChange) -> None:
        if change.kind in SESSIONS_ENDED:
            self._broadcast(_RECHECK)
        elif change.kind not in OTHERS_ABOUT_PEOPLE:
            self._broadcast(_Message(_change_event(change), event_id=change.event_id))

    def _say_state(self, *, listening: bool) -> None:
        if listening != self._listening:
            self._listening = listening
            self._broadcast(_Message(b"", listening=listening))

    def _broadcast(self, message: _Message) -> None:
        self._looks.clear()  # they are older than this
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


def _state_event(*, listening: bool, event_id: int | None = None) -> bytes:
    number = "" if event_id is None else f"id: {event_id}\n"
    return f"{number}event: state\ndata: {json.dumps({'listening': listening})}\n\n".encode()


def _change_event(change: WorklistChange, *, missed: bool = False) -> bytes:
    data = json.dumps(
        {
            "event_id": change.event_id,
            "study_instance_uid": change.study_instance_uid,
            "kind": change.kind,
            "at": change.at.astimezone(UTC).isoformat(),  # one name for it, live or missed
            "flagged": None if change.flagged is None else asdict(change.flagged),
            "missed": missed,  # told late: the browser did not hear then
        }
    )
    return f"id: {change.event_id}\nevent: worklist\ndata: {data}\n\n".encode()


_NUMBER = re.compile(r"[0-9]{1,18}")
_After = Annotated[
    int | None, Query(ge=0, le=2**63 - 1, description="the last event that was heard")
]
_ANSWERS: dict[int | str, dict[str, object]] = {200: {"content": {"text/event-stream": {}}}}


def make_router(feed: ChangeFeed, holds: Callable[[Caller], bool]) -> APIRouter:
    """The route ``/api/events``; `holds` says whether a caller may still hear."""
    router = APIRouter(prefix="/api", tags=["worklist"])

    @router.get("/events", response_class=StreamingResponse, responses=_ANSWERS)
    async def events(
        caller: WhoAsks, after: _After = None, last_event_id: Annotated[str, Header()] = ""
    ) -> StreamingResponse:
        """Server-sent events ``worklist`` and ``state``; ask the other routes what changed."""
        heard = int(last_event_id) if _NUMBER.fullmatch(last_event_id) else after
        stream = feed.stream(lambda: holds(caller), heard)
        return StreamingResponse(stream, media_type="text/event-stream")

    return router
