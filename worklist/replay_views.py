"""One study and the list as they were at a moment, for people who ask why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from worklist.history import told
from worklist.replay import ListReplay, RecordedEvent, Standing, why_there
from worklist.uid import StudyInstanceUID
from worklist.views import EventView


@dataclass(frozen=True, kw_only=True, slots=True)
class RowThen:
    """One line of the list."""

    place: int  # from 1
    study_instance_uid: StudyInstanceUID
    pinned: bool
    due_at: datetime
    received_at: datetime
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SaidThen:
    """What a detector had said of the study."""

    event_id: int
    at: datetime
    actor: str
    detector: str
    words: str
    superseded: bool  # the same detector said something later, before the moment
    instances: tuple[tuple[str, str], ...] | None  # what it saw: UID and SHA-256; None: not kept


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyThen:
    """A study at a moment, from the event log alone (P3)."""

    study_instance_uid: StudyInstanceUID
    moment: datetime
    event_id: int  # the last event that had been written
    place: int | None  # None: it was not on the list
    total: int  # unread studies
    why: str  # why it stood there, or was not on the list
    row: RowThen | None  # its own line
    placed_by: EventView | None  # the event that gave it its due time; None: no longer kept
    rows: tuple[RowThen, ...]  # the list, or a part of it around the study
    said: tuple[SaidThen, ...]  # oldest first
    people: tuple[EventView, ...]  # what people did with it, oldest first
    ai: tuple[EventView, ...]  # the newest acts that stopped or started AI, oldest first
    incomplete: tuple[StudyInstanceUID, ...]  # on the list, maybe; their beginning is not kept


def study_then(
    uid: StudyInstanceUID,
    moment: datetime,
    event_id: int,
    *,
    replay: ListReplay,
    events: Sequence[RecordedEvent],
    ai: Sequence[RecordedEvent],
    limit: int,
) -> StudyThen:
    """Put together what is told of a moment.

    Parameters
    ----------
    replay
        The list after the last event of that moment.
    events
        Those of the study until then, oldest first.
    ai
        The newest acts that stopped or started AI until then.
    limit
        How many lines of the list, at most: those around the study.
    """
    order = replay.in_order()
    rows = [_row(place, one) for place, one in enumerate(order, start=1)]
    mine = next((one for one in rows if one.study_instance_uid == uid), None)
    standing = replay.studies.get(uid)
    placed_by = standing and next((e for e in events if e.event_id == standing.event_id), None)
    return StudyThen(
        study_instance_uid=uid,
        moment=moment,
        event_id=event_id,
        place=mine.place if mine else None,
        total=len(rows),
        why=_why(mine, standing, order, events),
        row=mine,
        placed_by=_told(placed_by) if placed_by else None,
        rows=tuple(_around(rows, mine, limit)),
        said=_said(events),
        people=tuple(_told(one) for one in events if one.actor.startswith("person ")),
        ai=tuple(map(_told, ai)),
        incomplete=tuple(sorted(replay.incomplete)),
    )


def _row(place: int, standing: Standing) -> RowThen:
    position = standing.position
    return RowThen(
        place=place,
        study_instance_uid=position.study_instance_uid,
        pinned=not position.unpinned,
        due_at=position.due_at,
        received_at=position.received_at,
        reason=standing.reason,
    )


def _why(
    mine: RowThen | None,
    standing: Standing | None,
    order: Sequence[Standing],
    events: Sequence[RecordedEvent],
) -> str:
    if mine is not None and standing is not None:
        return why_there(mine.place, standing, order[: mine.place - 1])
    if standing is not None:
        return "not on the list: it was read"
    if events:
        return "the record does not say where it stood: its beginning is no longer kept"
    return "not on the list: nothing of it had come"


def _around(rows: Sequence[RowThen], mine: RowThen | None, limit: int) -> Sequence[RowThen]:
    if len(rows) <= limit:
        return rows
    start = max(0, (mine.place if mine else 0) - 1 - limit // 2)
    return rows[start : start + limit]


def _said(events: Sequence[RecordedEvent]) -> tuple[SaidThen, ...]:
    outcomes = [one for one in events if one.kind == "outcome_recorded"]
    last = {one.details.get("detector"): one.event_id for one in outcomes}
    return tuple(
        SaidThen(
            event_id=one.event_id,
            at=one.at,
            actor=one.actor,
            detector=str(one.details.get("detector", "")),
            words=told(one.kind, one.details),
            superseded=last[one.details.get("detector")] != one.event_id,
            instances=_instances(one),
        )
        for one in outcomes
    )


def _instances(event: RecordedEvent) -> tuple[tuple[str, str], ...] | None:
    saw = event.details.get("instances")
    return None if saw is None else tuple(sorted(saw.items()))


def _told(event: RecordedEvent) -> EventView:
    return EventView(
        event_id=event.event_id,
        at=event.at,
        kind=event.kind,
        actor=event.actor,
        words=told(event.kind, event.details),
    )
