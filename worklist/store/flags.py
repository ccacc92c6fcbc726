"""Which events told of a new flag; of these people are told."""

from typing import Any

import sqlalchemy as sa

from worklist.uid import StudyInstanceUID
from worklist.views import NewFlag, WorklistChange

# Flagged again after later images came is no news. In psycopg's style: `vigie.changes` asks it
# on a connection of its own.
NEW_FLAGS = """
    SELECT told.event_id, told.study_instance_uid, told.kind, told.at,
        told.details->>'detector' AS detector,
        (told.details->>'probability')::float AS probability
    FROM event AS told
    WHERE told.event_id > %(after)s AND told.event_id <= %(upto)s
        AND told.kind = 'outcome_recorded'
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

MOST = 100  # of those that were missed: a reader is told how many, and sees them in the list

MOST_EVENTS = 10_000  # looked through: about an hour of a large site; who asks may say any number

_STILL_UNREAD = f"""
    SELECT new.* FROM ({NEW_FLAGS}) AS new
    JOIN study ON study.study_instance_uid = new.study_instance_uid
    WHERE study.reading_state = 'unread'
    ORDER BY new.event_id DESC LIMIT {MOST}
"""  # noqa: S608 - words of our own


def unread_flags(connection: sa.Connection, after: int, upto: int) -> tuple[WorklistChange, ...]:
    """The new flags of studies that still wait, told by events from `after` to `upto`.

    Of the last `MOST_EVENTS` of these only.

    Parameters
    ----------
    after, upto
        Numbers of events; the first is left out.
    """
    bounds = {"after": max(after, upto - MOST_EVENTS), "upto": upto}
    found = connection.exec_driver_sql(_STILL_UNREAD, bounds)
    return tuple(reversed([_change(row) for row in found]))


def _change(row: sa.Row[Any]) -> WorklistChange:
    return WorklistChange(
        event_id=row.event_id,
        study_instance_uid=StudyInstanceUID(row.study_instance_uid),
        kind=row.kind,
        at=row.at,
        flagged=NewFlag(detector=row.detector, probability=row.probability),
    )
