"""The list as people are shown it, read from PostgreSQL."""

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from worklist.errors import UnknownStudy
from worklist.filters import EVERYTHING, ListFilter
from worklist.store import tables as t
from worklist.store.cursor import from_cursor
from worklist.store.engine import translated
from worklist.store.filtering import Filtered
from worklist.store.flags import unread_flags
from worklist.store.listing import Installed, installed, listed_studies
from worklist.store.paging import (
    COUNTED_READ,
    Found,
    Wanted,
    count_unread,
    read_page,
    unread_page,
)
from worklist.store.transaction import PostgresTransaction
from worklist.store.troubles import last_event, troubles
from worklist.uid import StudyInstanceUID
from worklist.views import FilterChoices, MissedFlags, WorklistPage, WorklistRow


class ListReader:
    """Reads the list; each call is one consistent snapshot."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine.execution_options(isolation_level="REPEATABLE READ")

    def worklist_page(
        self,
        after: str | None,
        limit: int,
        now: datetime,
        *,
        offset: int = 0,
        asked: ListFilter = EVERYTHING,
    ) -> WorklistPage:
        """A part of the list; see `viewer.ports.WorklistReader`."""
        last = None if after is None else from_cursor(after)
        with translated(), self._engine.begin() as connection:
            version = last_event(connection)
            ai = installed(connection)
            conditions = Filtered(
                table=t.study if asked.read else t.worklist_entry,
                detectors=[one.name for one in ai.detectors],
                switch=ai.switch,
            ).conditions(asked)
            wanted = Wanted(conditions=conditions, after=last, offset=offset, limit=limit)
            total = count_unread(connection)
            if asked.read:
                found = read_page(connection, wanted)
            else:
                found = unread_page(connection, wanted, total)
            rows = _rows(connection, found, ai)
            trouble = troubles(connection, ai.detectors, ai.switch)
        return WorklistPage(
            rows=rows,
            total=total,
            matching=min(found.matching, COUNTED_READ) if asked.read else found.matching,
            matching_limited=asked.read and found.matching > COUNTED_READ,
            next_cursor=rows[-1].cursor if found.more else None,
            ai_stopped=ai.switch.whole,
            stopped_detectors=tuple(sorted(ai.switch.detectors)),
            trouble=trouble,
            version=version,
            generated_at=now,
        )

    def list_version(self) -> int:
        """The number of the last event: whatever changes the list is one."""
        with translated(), self._engine.begin() as connection:
            return last_event(connection)

    def missed_flags(self, after: int | None) -> MissedFlags:
        """What was flagged since an event; see `viewer.ports.WorklistReader`."""
        with translated(), self._engine.begin() as connection:
            latest = last_event(connection)
            flags = () if after is None else unread_flags(connection, after, latest)
        return MissedFlags(flags=flags, latest=latest)

    def choices(self) -> FilterChoices:
        """What the list can be filtered by; see `viewer.ports.WorklistReader`."""
        every = sa.select(sa.func.unnest(t.worklist_entry.c.facets).label("facet")).subquery()
        with translated(), self._engine.begin() as connection:
            facets = list(connection.scalars(sa.select(every.c.facet).distinct()))
        return FilterChoices(
            modalities=_values("modality:", facets), body_parts=_values("body:", facets)
        )

    def row(self, study_instance_uid: StudyInstanceUID) -> WorklistRow:
        """One study as a row; see `viewer.ports.WorklistReader`."""
        with translated(), self._engine.begin() as connection:
            return row_of(connection, study_instance_uid)


def _values(kind: str, facets: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(one.removeprefix(kind) for one in facets if one.startswith(kind)))


def _rows(connection: sa.Connection, found: Found, ai: Installed) -> tuple[WorklistRow, ...]:
    listed = {one.uid: one for one in listed_studies(connection, list(found.places), ai)}
    return tuple(listed[uid].at(place) for uid, place in found.places.items())


def row_of(connection: sa.Connection, uid: StudyInstanceUID) -> WorklistRow:
    """One study as a row, at its place.

    Raises
    ------
    UnknownStudy
        If it was never filed.
    """
    listed = listed_studies(connection, [uid], installed(connection))
    if not listed:
        raise UnknownStudy(f"no study {uid} has been filed here")
    [one] = listed
    return one.at(None if one.is_read else PostgresTransaction(connection).place_of(one.position))
