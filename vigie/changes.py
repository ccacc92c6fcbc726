"""What changes in the list, heard from PostgreSQL's NOTIFY."""

import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime

import psycopg

from viewer.ports import Listen
from worklist.uid import StudyInstanceUID
from worklist.views import WorklistChange

CHANNEL = "vigie_event"  # the trigger on the event log notifies here


def changes_of(url: str) -> Listen:
    """A way to hear every event as it is committed; raises psycopg.Error when it cannot."""

    @asynccontextmanager
    async def listen() -> AsyncIterator[AsyncIterator[WorklistChange]]:
        async with await psycopg.AsyncConnection.connect(
            url, autocommit=True, connect_timeout=5
        ) as connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            yield _changes(connection)

    def entered() -> AbstractAsyncContextManager[AsyncIterator[WorklistChange]]:
        return listen()

    return entered


async def _changes(connection: psycopg.AsyncConnection) -> AsyncIterator[WorklistChange]:
    async for notice in connection.notifies():
        payload = json.loads(notice.payload)
        study = payload["study_instance_uid"]
        yield WorklistChange(
            event_id=payload["event_id"],
            study_instance_uid=StudyInstanceUID(study) if study else None,
            kind=payload["kind"],
            at=datetime.fromisoformat(payload["at"]),
        )
