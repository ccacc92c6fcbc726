"""What changes in the list, heard from PostgreSQL's NOTIFY."""

import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

from viewer.ports import Listen
from worklist.store.flags import NEW_FLAGS
from worklist.uid import StudyInstanceUID
from worklist.views import NewFlag, WorklistChange

CHANNEL = "vigie_event"  # the trigger on the event log notifies here


def changes_of(url: str) -> Listen:
    """A way to hear every event as it is committed; raises psycopg.Error when it cannot."""

    @asynccontextmanager
    async def listen() -> AsyncIterator[AsyncIterator[WorklistChange]]:
        async with await psycopg.AsyncConnection.connect(
            url, autocommit=True, connect_timeout=5
        ) as connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            # The one that listens answers no questions.
            async with await psycopg.AsyncConnection.connect(
                url, autocommit=True, connect_timeout=5
            ) as asked:
                yield _changes(connection, asked)

    def entered() -> AbstractAsyncContextManager[AsyncIterator[WorklistChange]]:
        return listen()

    return entered


async def _changes(
    connection: psycopg.AsyncConnection, asked: psycopg.AsyncConnection
) -> AsyncIterator[WorklistChange]:
    async for notice in connection.notifies():
        payload = json.loads(notice.payload)
        study = payload["study_instance_uid"]
        yield WorklistChange(
            event_id=payload["event_id"],
            study_instance_uid=StudyInstanceUID(study) if study else None,
            kind=payload["kind"],
            at=datetime.fromisoformat(payload["at"]),
            flagged=await _new_flag(asked, payload),
        )


async def _new_flag(asked: psycopg.AsyncConnection, payload: dict[str, Any]) -> NewFlag | None:
    if payload["kind"] != "outcome_recorded":
        return None
    number = payload["event_id"]
    cursor = asked.cursor(row_factory=dict_row)
    await cursor.execute(NEW_FLAGS, {"after": number - 1, "upto": number})
    found = await cursor.fetchone()
    if found is None:
        return None
    return NewFlag(detector=found["detector"], probability=found["probability"])
