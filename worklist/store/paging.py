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
_LITTLE = 10_000  # rows that are put in order in no time
_ENTRY, _STUDY = t.worklist_entry.c, t.study.c
_KEY = ("unpinned", "due_at", "received_at", "study_instance_uid")
# The value stands in the statement, so that the partial index is seen to fit.
_IS_READ = _STUDY.reading_state == sa.literal_column(f"'{ReadingState.READ}'")


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
    matching: int  # of studies that were read, at most one more than are counted


def count_unread(connection: sa.Connection) -> int:
    """How many studies are on the list."""
    return _count(connection, sa.select(_ENTRY.study_instance_uid))


def unread_page(connection: sa.Connection, wanted: Wanted, total: int) -> Found:
    """A page of the list, which has so many studies."""
    entries = sa.select(*(_ENTRY[name] for name in _KEY)).where(*wanted.conditions)
    matching = _count(connection, entries) if wanted.conditions else total
    source = _source(entries, t.worklist_entry, wanted, matching)
    key = sa.tuple_(*(source.c[name] for name in _KEY))
    rows = sa.select(source.c.study_instance_uid).order_by(*key)
    if source is t.worklist_entry:
        rows = rows.where(*wanted.conditions)
    ahead = wanted.offset
    if wanted.after is not None:
        last = position_tuple(wanted.after)
        rows = rows.where(last < key)
        if not wanted.conditions:
            # Counted, not looked up: the study that ended the last page may have moved on.
            ahead += _count(connection, entries.where(last >= READING_ORDER))
    found = list(connection.scalars(rows.offset(wanted.offset).limit(wanted.limit + 1)))
    uids = [StudyInstanceUID(uid) for uid in found[: wanted.limit]]
    places: dict[StudyInstanceUID, int | None]
    if wanted.conditions:
        places = _places(connection, uids)
    else:
        places = {uid: ahead + number for number, uid in enumerate(uids, start=1)}
    return Found(places=places, more=len(found) > wanted.limit, matching=matching)


def _source(
    through: sa.Select[Any], table: sa.Table, wanted: Wanted, matching: int
) -> sa.FromClause:
    """What a page is taken from, in its order.

    Little is looked for first and then put in order; much is soon found by walking along the order
    and looking at each row. The database, left to choose, walks to the end for what is rare.
    """
    if wanted.conditions and matching <= _LITTLE:
        return through.cte("through").prefix_with("MATERIALIZED")
    return table


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
    studies = sa.select(_STUDY.received_at, _STUDY.study_instance_uid)
    studies = studies.where(_IS_READ, *wanted.conditions)
    matching = _count(connection, studies.limit(COUNTED_READ + 1))
    source = _source(studies, t.study, wanted, matching)
    rows = sa.select(source.c.study_instance_uid)
    if source is t.study:
        rows = rows.where(_IS_READ, *wanted.conditions)
    if wanted.after is not None:
        last = wanted.after
        order = sa.tuple_(source.c.received_at, source.c.study_instance_uid)
        rows = rows.where(order < sa.tuple_(last.received_at, last.study_instance_uid))
    rows = rows.order_by(source.c.received_at.desc(), source.c.study_instance_uid.desc())
    found = list(connection.scalars(rows.offset(wanted.offset).limit(wanted.limit + 1)))
    places = dict.fromkeys(map(StudyInstanceUID, found[: wanted.limit]))
    return Found(places=places, more=len(found) > wanted.limit, matching=matching)


def _count(connection: sa.Connection, rows: sa.Select[Any]) -> int:
    return connection.scalar(sa.select(sa.func.count()).select_from(rows.subquery())) or 0
