"""What changes in the list, heard from PostgreSQL's NOTIFY."""

import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Any

import psycopg

from viewer.ports import Listen
from worklist.uid import StudyInstanceUID
from worklist.views import NewFlag, WorklistChange

CHANNEL = "vigie_event"  # the trigger on the event log notifies here

# Flagged again after later images came is no news.
_NEW_FLAG = """
    SELECT told.details->>'detector', (told.details->>'probability')::float
    FROM event AS told
    WHERE told.event_id = %s
        AND told.details->>'outcome' = 'flagged'
        AND NOT (told.details->>'too_late')::bool
        AND NOT EXISTS (
            SELECT FROM event AS earlier
            WHERE earlier.study_instance_uid = told.study_instance_uid
                AND earlier.event_id < told.event_id
                AND earlier.kind = 'outcome_recorded'
                AND earlier.details->>'outcome' = 'flagged'
                AND earlier.details->>'detector' = told.details->>'detector')
"""


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
    cursor = await asked.execute(_NEW_FLAG, [payload["event_id"]])
    found = await cursor.fetchone()
    return None if found is None else NewFlag(detector=found[0], probability=found[1])
