"""Live updates: everyone hears, nobody holds anyone up, and the server can stop."""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest
from fastapi import FastAPI

from tests.viewer_parts import NOW, SIGNED_IN, FakePeople
from viewer import events
from viewer.events import ChangeFeed, Missed
from viewer.gate import Gate
from viewer.serving import InTheClear, Transport, make_server
from worklist.errors import StoreUnavailable
from worklist.uid import StudyInstanceUID
from worklist.views import MissedFlags, NewFlag, WorklistChange


def _change(event_id: int) -> WorklistChange:
    return WorklistChange(
        event_id=event_id,
        study_instance_uid=StudyInstanceUID("1.2.3"),
        kind="outcome",
        at=datetime(2026, 3, 1, tzinfo=UTC),
    )


class FakeStore:
    """Changes come when they are put; None breaks the connection."""

    def __init__(self) -> None:
        self.changes: asyncio.Queue[WorklistChange | None] = asyncio.Queue()

    @contextlib.asynccontextmanager
    async def listen(self) -> AsyncIterator[AsyncIterator[WorklistChange]]:
        yield self._heard()

    async def _heard(self) -> AsyncIterator[WorklistChange]:
        while (change := await self.changes.get()) is not None:
            yield change
        raise StoreUnavailable("gone")


@contextlib.asynccontextmanager
async def _running(
    store: FakeStore, heartbeat_s: float = 60, missed: Missed | None = None
) -> AsyncIterator[ChangeFeed]:
    feed = ChangeFeed(store.listen, missed, heartbeat_s)
    task = asyncio.create_task(feed.run())
    await asyncio.sleep(0)
    yield feed
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _next(stream: AsyncIterator[bytes]) -> str:
    return (await asyncio.wait_for(anext(stream), 2)).decode()


def test_every_browser_hears_every_change() -> None:
    async def scene() -> None:
        store = FakeStore()
        async with _running(store) as feed:
            streams = [feed.stream() for _ in range(3)]
            for stream in streams:
                first = await _next(stream)
                assert first.startswith("retry: 2000\n")
                assert '{"listening": true}' in first
            store.changes.put_nowait(_change(7))
            for stream in streams:
                event = await _next(stream)
                assert event.startswith("id: 7\nevent: worklist\ndata: ")
                data = json.loads(event.split("data: ")[1])
                assert data["study_instance_uid"] == "1.2.3"
                assert data["kind"] == "outcome"

    asyncio.run(scene())


def test_a_browser_is_told_when_changes_are_no_longer_heard_and_when_they_are_again() -> None:
    async def scene() -> None:
        store = FakeStore()
        async with _running(store) as feed:
            stream = feed.stream()
            await _next(stream)
            store.changes.put_nowait(None)
            assert "false" in await _next(stream)
            assert "true" in await _next(stream)
            store.changes.put_nowait(_change(8))
            assert "id: 8" in await _next(stream)

    asyncio.run(scene())


def test_a_browser_that_does_not_read_is_cut_off_and_the_others_are_not() -> None:
    async def scene() -> None:
        store = FakeStore()
        async with _running(store) as feed:
            slow, quick = feed.stream(), feed.stream()
            await _next(slow)
            await _next(quick)
            for event_id in range(events._QUEUE_LENGTH + 1):
                store.changes.put_nowait(_change(event_id))
                assert f"id: {event_id}\n" in await _next(quick)
            with pytest.raises(StopAsyncIteration):
                await _next(slow)

    asyncio.run(scene())


def test_a_quiet_stream_is_kept_open_by_comments() -> None:
    async def scene() -> None:
        async with _running(FakeStore(), heartbeat_s=0.01) as feed:
            stream = feed.stream()
            await _next(stream)
            assert (await _next(stream)).startswith(":")

    asyncio.run(scene())


def test_closing_ends_open_streams_and_opens_no_more() -> None:
    async def scene() -> None:
        async with _running(FakeStore()) as feed:
            stream = feed.stream()
            await _next(stream)
            feed.close()
            for ended in (stream, feed.stream()):
                with pytest.raises(StopAsyncIteration):
                    await _next(ended)

    asyncio.run(scene())


def test_the_server_stops_at_once_although_a_browser_is_listening() -> None:
    store = FakeStore()
    feed = ChangeFeed(store.listen)
    app = FastAPI()
    app.state.feed = feed
    app.include_router(events.make_router(feed, lambda _: True))
    app.add_middleware(Gate, people=FakePeople(), now=lambda: NOW)
    server = make_server(app, Transport(host="127.0.0.1", port=0))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        deadline = time.monotonic() + 10
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        with (
            httpx.Client(trust_env=False) as client,
            client.stream(
                "GET",
                f"http://127.0.0.1:{port}/api/events",
                headers={"cookie": SIGNED_IN},
                timeout=5,
            ) as answer,
        ):
            assert answer.headers["content-type"].startswith("text/event-stream")
            chunks = answer.iter_text()
            assert "retry: 2000" in next(chunks)
            asked_at = time.monotonic()
            server.should_exit = True
            assert list(chunks) == []
            assert time.monotonic() - asked_at < 2
    finally:
        server.should_exit = True
        thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "reading.hospital"])
def test_an_address_others_can_reach_is_refused_without_tls(host: str) -> None:
    with pytest.raises(InTheClear, match="loopback"):
        make_server(FastAPI(), Transport(host=host, port=0))
    make_server(FastAPI(), Transport(host=host, port=0, trusted_proxies=["10.0.0.1"]))


def test_a_stream_ends_when_its_session_does_and_others_go_on() -> None:
    async def scene() -> None:
        store = FakeStore()
        async with _running(store) as feed:
            signed_in = {"anna": True, "bert": True}
            annas, berts = (feed.stream(lambda who=who: signed_in[who]) for who in signed_in)
            await _next(annas)
            await _next(berts)
            await store.changes.put(replace(_change(1), kind="signed_in"))  # nobody's business
            await store.changes.put(_change(2))
            assert "id: 2" in await _next(annas)
            assert "id: 2" in await _next(berts)
            signed_in["anna"] = False
            await store.changes.put(replace(_change(3), kind="account_disabled"))
            with pytest.raises(StopAsyncIteration):
                await _next(annas)
            assert (await _next(berts)).startswith(":")
            await store.changes.put(_change(4))
            assert "id: 4" in await _next(berts)

    asyncio.run(scene())


def test_a_stream_ends_after_its_session_however_much_there_is_to_tell() -> None:
    async def scene() -> None:
        store = FakeStore()
        async with _running(store, heartbeat_s=0.5) as feed:

            async def busy() -> None:
                for event_id in range(10**6):
                    store.changes.put_nowait(_change(event_id))
                    await asyncio.sleep(0.02)

            task = asyncio.create_task(busy())
            heard = 0
            async with asyncio.timeout(10):
                async for message in feed.stream(lambda: False):
                    heard += b"event: worklist" in message
            task.cancel()
            assert heard > 0  # it was busy

    asyncio.run(scene())


def test_a_stream_ends_at_the_heartbeat_after_its_session() -> None:
    async def scene() -> None:
        async with _running(FakeStore(), heartbeat_s=0.01) as feed:
            answers = [True, False]
            stream = feed.stream(lambda: answers.pop(0))
            await _next(stream)
            assert (await _next(stream)).startswith(":")
            with pytest.raises(StopAsyncIteration):
                await _next(stream)

    asyncio.run(scene())


_FLAG = NewFlag(detector="fracture", probability=0.9)


class FakeLog:
    """Events with a flag each; asked for those that a browser missed."""

    def __init__(self, *event_ids: int) -> None:
        self.event_ids = list(event_ids)
        self.away = False

    def missed(self, after: int | None) -> MissedFlags:
        if self.away:
            raise StoreUnavailable("gone")
        flags = [] if after is None else [one for one in self.event_ids if one > after]
        return MissedFlags(
            flags=tuple(replace(_change(one), flagged=_FLAG) for one in flags),
            latest=max(self.event_ids, default=0),
        )


def _told(message: str) -> list[tuple[int, bool]]:
    """Number of each change, and whether it is told late."""
    data = [json.loads(line[6:]) for line in message.splitlines() if line.startswith("data: ")]
    return [(one["event_id"], one["missed"]) for one in data if "event_id" in one]


def test_flags_that_came_while_a_browser_did_not_hear_are_told_once_when_it_does() -> None:
    async def scene() -> None:
        store, log = FakeStore(), FakeLog(5, 6, 7)
        async with _running(store, missed=log.missed) as feed:
            first = await _next(feed.stream())
            assert _told(first) == []  # what was there before is in the list
            assert "id: 7\nevent: state\n" in first  # so that it can say where it was

            back = feed.stream(after=5)
            assert _told(await _next(back)) == [(6, True), (7, True)]
            store.changes.put_nowait(_change(7))  # heard as well: it knows of it
            store.changes.put_nowait(_change(8))
            assert _told(await _next(back)) == [(8, False)]

    asyncio.run(scene())


def test_flags_of_the_time_in_which_nothing_was_heard_are_told_when_it_is_over() -> None:
    async def scene() -> None:
        store, log = FakeStore(), FakeLog(5)
        async with _running(store, missed=log.missed) as feed:
            stream = feed.stream()
            await _next(stream)
            store.changes.put_nowait(_change(6))
            assert _told(await _next(stream)) == [(6, False)]
            store.changes.put_nowait(None)
            assert "false" in await _next(stream)
            log.event_ids += [6, 9]
            caught_up = await _next(stream)
            assert _told(caught_up) == [(9, True)]
            assert '{"listening": true}' in caught_up

    asyncio.run(scene())


def test_browsers_that_come_back_together_are_told_from_one_look_at_the_log() -> None:
    async def scene() -> None:
        store, log = FakeStore(), FakeLog(5, 6)
        asked: list[int | None] = []

        def missed(after: int | None) -> MissedFlags:
            asked.append(after)
            return log.missed(after)

        async with _running(store, missed=missed) as feed:
            for _ in range(3):
                assert _told(await _next(feed.stream(after=5))) == [(6, True)]
            assert _told(await _next(feed.stream(after=6))) == []
            assert asked == [5, 6]
            stream = feed.stream(after=6)
            await _next(stream)
            log.event_ids.append(7)
            store.changes.put_nowait(_change(7))
            assert _told(await _next(stream)) == [(7, False)]
            # What was told to others meanwhile is told to who comes now.
            assert _told(await _next(feed.stream(after=5))) == [(6, True), (7, True)]

    asyncio.run(scene())


def test_who_comes_back_while_the_database_is_away_catches_up_later() -> None:
    async def scene() -> None:
        store, log = FakeStore(), FakeLog(5, 6)
        log.away = True
        async with _running(store, missed=log.missed) as feed:
            stream = feed.stream(after=5)
            assert _told(await _next(stream)) == []
            store.changes.put_nowait(None)
            assert "false" in await _next(stream)
            log.away = False
            assert _told(await _next(stream)) == [(6, True)]

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("asked", "last_event_id", "heard"),
    [("", "41", 41), ("?after=40", "", 40), ("?after=40", "41", 41), ("?after=40", "x", 40)],
)
def test_a_browser_says_what_it_heard_last_by_header_or_address(
    asked: str, last_event_id: str, heard: int
) -> None:
    asked_for: list[int | None] = []

    def missed(after: int | None) -> MissedFlags:
        asked_for.append(after)
        feed.close()  # the stream ends with what it has said
        return MissedFlags(flags=(), latest=50)

    async def scene() -> None:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1"
        ) as client:
            headers = {"cookie": SIGNED_IN, "last-event-id": last_event_id}
            answer = await client.get(f"/api/events{asked}", headers=headers)
            assert answer.status_code == 200

    feed = ChangeFeed(FakeStore().listen, missed)
    feed._listening = True
    app = FastAPI()
    app.include_router(events.make_router(feed, lambda _: True))
    app.add_middleware(Gate, people=FakePeople(), now=lambda: NOW)
    asyncio.run(scene())
    assert asked_for == [heard]
