"""The order of the reading worklist: total, deterministic, the same wherever it is computed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from worklist.uid import StudyInstanceUID


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Position:
    """The sort key of one study; positions compare as the list is ordered.

    The database sorts by the same four columns in the same sense, UIDs by code point
    (``COLLATE "C"``); a contract test holds the two together.
    """

    unpinned: bool  # False sorts first: a person pinned the study to the top
    due_at: datetime
    received_at: datetime
    study_instance_uid: StudyInstanceUID


def in_order(positions: Iterable[Position]) -> list[Position]:
    """The reading order of these studies, first to read first."""
    return sorted(positions)
