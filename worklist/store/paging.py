"""Pages of the list: which studies are on them, and each one's place in the whole list."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from worklist.order import Position
from worklist.reading import ReadingState
from worklist.store import tables as t
from worklist.store.filtering import Condition
from worklist.store.transaction import READING_ORDER, position_tuple
from worklist.uid import StudyInstanceUID

COUNTED_READ = 10_000  # studies that were read are counted up to here


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Which part of the list."""

    conditions: Sequence[Condition]
    after: Position | None  # None: from the top
    offset: int  # rows that are left out before the first
    limit: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """Studies of a page in their order, with their places; None: read, and off the list."""

    places: dict[StudyInstanceUID, int | None]
    more: bool


def unread_page(connection: sa.Connection, wanted: Wanted) -> Found:
    """A page of the list."""
    uid = t.worklist_entry.c.study_instance_uid
    rows = sa.select(uid).where(*wanted.conditions).order_by(*READING_ORDER)
    ahead = wanted.offset
    if wanted.after is not None:
        last = position_tuple(wanted.after)
        rows = rows.where(last < READING_ORDER)
        # Counted, not looked up: the study that ended the last page may have moved on.
        before = sa.select(sa.func.count()).select_from(t.worklist_entry)
        ahead += connection.scalar(before.where(last >= READING_ORDER)) or 0
    found = list(connection.scalars(rows.offset(wanted.offset).limit(wanted.limit + 1)))
    uids = [StudyInstanceUID(one) for one in found[: wanted.limit]]
    if wanted.conditions:
        places = _places(connection, uids)
    else:
        places = {one: ahead + number for number, one in enumerate(uids, start=1)}
    return Found(places=places, more=len(found) > wanted.limit)


# Between two neighbours of the page the index is counted through once.
_PLACES = sa.text("""
    WITH page AS (
        SELECT unpinned, due_at, received_at, study_instance_uid,
            lag(unpinned, 1, false) OVER reading AS unpinned_before,
            lag(due_at, 1, '-infinity') OVER reading AS due_before,
            lag(received_at, 1, '-infinity') OVER reading AS received_before,
            lag(study_instance_uid, 1, '') OVER reading AS uid_before
        FROM worklist_entry WHERE study_instance_uid = ANY(:uids)
        WINDOW reading AS (ORDER BY unpinned, due_at, received_at, study_instance_uid)
    )
    SELECT study_instance_uid, (
        SELECT count(*) FROM worklist_entry AS entry
        WHERE (entry.unpinned, entry.due_at, entry.received_at, entry.study_instance_uid)
            > (unpinned_before, due_before, received_before, uid_before)
        AND (entry.unpinned, entry.due_at, entry.received_at, entry.study_instance_uid)
            <= (page.unpinned, page.due_at, page.received_at, page.study_instance_uid)
    ) AS further
    FROM page ORDER BY unpinned, due_at, received_at, study_instance_uid
""")


def _places(
    connection: sa.Connection, uids: Sequence[StudyInstanceUID]
) -> dict[StudyInstanceUID, int | None]:
    """The place in the whole list of each of these, which are given in its order."""
    places: dict[StudyInstanceUID, int | None] = {}
    place = 0
    for row in connection.execute(_PLACES, {"uids": list(uids)}):
        place += row.further
        places[StudyInstanceUID(row.study_instance_uid)] = place
    return places


def read_page(connection: sa.Connection, wanted: Wanted) -> Found:
    """A page of the studies that were read, last received first."""
    study = t.study.c
    order = sa.tuple_(study.received_at, study.study_instance_uid)
    rows = sa.select(study.study_instance_uid).where(_IS_READ, *wanted.conditions)
    if wanted.after is not None:
        last = wanted.after
        rows = rows.where(order < sa.tuple_(last.received_at, last.study_instance_uid))
    rows = rows.order_by(study.received_at.desc(), study.study_instance_uid.desc())
    found = list(connection.scalars(rows.offset(wanted.offset).limit(wanted.limit + 1)))
    uids = found[: wanted.limit]
    return Found(places=dict.fromkeys(map(StudyInstanceUID, uids)), more=len(found) > wanted.limit)


_IS_READ = t.study.c.reading_state == sa.literal_column(f"'{ReadingState.READ}'")


def count_unread(connection: sa.Connection, conditions: Sequence[Condition]) -> int:
    """How many rows of the list a filter lets through."""
    return _count(connection, sa.select(t.worklist_entry.c.study_instance_uid).where(*conditions))


def count_read(connection: sa.Connection, conditions: Sequence[Condition]) -> int:
    """How many studies that were read it lets through; at most one more than are counted."""
    rows = sa.select(t.study.c.study_instance_uid).where(_IS_READ, *conditions)
    return _count(connection, rows.limit(COUNTED_READ + 1))


def _count(connection: sa.Connection, rows: sa.Select[Any]) -> int:
    counted = sa.select(sa.func.count()).select_from(rows.subquery())
    return connection.scalar(counted) or 0
