"""Where a page of the list ended, as an opaque text that browsers hand back."""

import base64
import json
from datetime import UTC, datetime

from worklist.order import Position
from worklist.uid import StudyInstanceUID
from worklist.views import InvalidCursor


def to_cursor(position: Position) -> str:
    """A position as a text that fits a URL."""
    key = [
        position.unpinned,
        position.due_at.isoformat(),
        position.received_at.isoformat(),
        position.study_instance_uid,
    ]
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def from_cursor(cursor: str) -> Position:
    """The position in a cursor.

    Raises
    ------
    InvalidCursor
        If it holds anything but what `to_cursor` writes.
    """
    try:
        unpinned, due_at, received_at, uid = json.loads(
            base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        )
        return Position(
            unpinned=bool(unpinned),
            due_at=_utc(due_at),
            received_at=_utc(received_at),
            study_instance_uid=StudyInstanceUID(uid),
        )
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise InvalidCursor("this is no cursor of this list") from error


def _utc(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without its zone")
    return moment.astimezone(UTC)
