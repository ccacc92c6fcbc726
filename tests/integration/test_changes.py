"""What the node hears of changes, and which of them people are told of as new flags."""

import asyncio
import contextlib
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.builders import FRACTURE, NOON, STUDY, arrival, provenance
from vigie.changes import changes_of
from worklist.finding import Flagged, NotFlagged, Outcome
from worklist.service import Worklist
from worklist.store.reader import PostgresReader
from worklist.study import Completeness
from worklist.views import NewFlag, WorklistChange

LIMIT_S = 60


def heard(engine: sa.Engine, worklist: Worklist, *outcomes: Outcome) -> list[NewFlag | None]:
    """What was told of each outcome's recording."""
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)

    changes: list[WorklistChange] = []

    async def listen() -> None:
        ready, done = asyncio.Event(), asyncio.Event()

        async def hear() -> None:
            async with changes_of(url)() as told:
                ready.set()
                async for change in told:
                    if change.kind == "outcome_recorded":
                        changes.append(change)
                    if len(changes) == len(outcomes):
                        done.set()

        hearing = asyncio.create_task(hear())
        await asyncio.wait_for(ready.wait(), LIMIT_S)
        for outcome in outcomes:
            await asyncio.to_thread(
                worklist.record_outcome, STUDY, 1, outcome, provenance(FRACTURE), now=NOON
            )
        await asyncio.wait_for(done.wait(), LIMIT_S)
        hearing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await hearing

    asyncio.run(listen())
    return [one.flagged for one in changes]


def test_a_flag_is_new_once_whatever_is_found_of_it_later(
    emptied_engine: sa.Engine, worklist: Worklist
) -> None:
    worklist.record_arrivals([arrival(f"{STUDY}.1")], now=NOON)
    worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON)
    told = heard(
        emptied_engine,
        worklist,
        NotFlagged(probability=0.2),
        Flagged(probability=0.9),
        Flagged(probability=0.95),
    )
    assert told == [None, NewFlag(detector="fracture", probability=0.9), None]


def test_a_flag_that_came_after_the_reading_is_not_told(
    emptied_engine: sa.Engine, worklist: Worklist
) -> None:
    worklist.record_arrivals([arrival(f"{STUDY}.1")], now=NOON)
    worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON)
    worklist.mark_read(STUDY, actor="person anna", reason="read elsewhere", now=NOON)
    assert heard(emptied_engine, worklist, Flagged(probability=0.9)) == [None]


def test_flags_that_were_missed_are_those_of_studies_that_still_wait(
    emptied_engine: sa.Engine, worklist: Worklist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = PostgresReader(emptied_engine, archive=tmp_path, inbox_objects=lambda: 0)
    before = reader.missed_flags(None)
    assert before.flags == ()
    worklist.record_arrivals([arrival(f"{STUDY}.1")], now=NOON)
    worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON)
    assert reader.missed_flags(before.latest).flags == ()
    for outcome in (NotFlagged(probability=0.2), Flagged(probability=0.9)):
        worklist.record_outcome(STUDY, 1, outcome, provenance(FRACTURE), now=NOON)

    missed = reader.missed_flags(before.latest)
    (told,) = missed.flags
    assert told.study_instance_uid == STUDY
    assert told.flagged == NewFlag(detector=FRACTURE.name, probability=0.9)
    assert before.latest < told.event_id <= missed.latest
    assert reader.missed_flags(told.event_id - 1).flags == (told,)
    assert reader.missed_flags(told.event_id).flags == ()  # just heard
    assert reader.missed_flags(None).flags == ()  # who never heard sees them in the list

    back = missed.latest - told.event_id
    monkeypatch.setattr("worklist.store.flags.MOST_EVENTS", back)
    assert reader.missed_flags(0).flags == ()  # too long ago
    monkeypatch.setattr("worklist.store.flags.MOST_EVENTS", back + 1)
    assert reader.missed_flags(0).flags == (told,)
    monkeypatch.undo()

    worklist.record_outcome(STUDY, 1, Flagged(probability=0.95), provenance(FRACTURE), now=NOON)
    assert reader.missed_flags(before.latest).flags == (told,)  # a flag is new once
    worklist.mark_read(STUDY, actor="a test", reason="elsewhere", now=NOON)
    assert reader.missed_flags(before.latest).flags == ()
