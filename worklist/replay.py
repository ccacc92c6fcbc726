"""The list as it was, put together again from the event log alone (P3).

Every event that moves a study says where it then stood: that it was received and when, whether it
is pinned, when it is due. Followed from the first one on, or from a list that a sealed day kept,
they give the order that was shown after any of them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from worklist.order import Position
from worklist.uid import StudyInstanceUID

DAY_SEALED = "day_sealed"  # the kind of the event that keeps the list at a day's end


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedEvent:
    """One line of the event log, as it is read back."""

    event_id: int
    at: datetime  # by the clock of who wrote it
    recorded_at: datetime | None  # by the database's; None: written before that was kept
    kind: str
    actor: str
    study_instance_uid: StudyInstanceUID | None
    details: Mapping[str, Any]  # JSON values only


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Where a study stood, and the event that put it there."""

    position: Position
    reason: str
    on_list: bool  # False: it was read
    event_id: int  # the event that gave it this position


class ListReplay:
    """The studies as the events heard so far leave them."""

    def __init__(self) -> None:
        self.studies: dict[StudyInstanceUID, Standing] = {}
        self.incomplete: set[StudyInstanceUID] = set()  # moved, but the record has no beginning

    def hear(self, event: RecordedEvent) -> None:
        """Follow one event; those that move no study change nothing."""
        uid, details = event.study_instance_uid, event.details
        if uid is None or "due_at" not in details:
            return
        before = self.studies.get(uid)
        received_at = _moment(details.get("received_at")) or (
            before.position.received_at if before else None
        )
        if received_at is None:
            self.incomplete.add(uid)
            return
        self.incomplete.discard(uid)
        self.studies[uid] = Standing(
            position=Position(
                unpinned=not _pinned(event, before),
                due_at=datetime.fromisoformat(details["due_at"]),
                received_at=received_at,
                study_instance_uid=uid,
            ),
            reason=str(details.get("reason", "")),
            on_list=_on_list(event, before),
            event_id=event.event_id,
        )

    def in_order(self) -> list[Standing]:
        """The unread studies, first to read first."""
        unread = [one for one in self.studies.values() if one.on_list]
        return sorted(unread, key=lambda one: one.position)

    def kept(self) -> list[list[Any]]:
        """The list as an event may keep it; `from_kept` reads it."""
        return [
            [
                one.position.study_instance_uid,
                one.position.unpinned,
                one.position.due_at.isoformat(),
                one.position.received_at.isoformat(),
                one.reason,
                one.event_id,
            ]
            for one in self.in_order()
        ]

    @classmethod
    def from_kept(cls, kept: Iterable[Iterable[Any]]) -> "ListReplay":
        """As it was when `kept` was called; studies that were read then are not in it."""
        replay = cls()
        for uid, unpinned, due_at, received_at, reason, event_id in kept:
            study = StudyInstanceUID(uid)
            replay.studies[study] = Standing(
                position=Position(
                    unpinned=unpinned,
                    due_at=datetime.fromisoformat(due_at),
                    received_at=datetime.fromisoformat(received_at),
                    study_instance_uid=study,
                ),
                reason=reason,
                on_list=True,
                event_id=event_id,
            )
        return replay


def replayed(events: Iterable[RecordedEvent], start: ListReplay | None = None) -> ListReplay:
    """The list after these events, in the order of their numbers."""
    replay = start or ListReplay()
    for one in events:
        replay.hear(one)
    return replay


def why_there(place: int, standing: Standing, ahead: Iterable[Standing]) -> str:
    """Why a study has this place, in a sentence: what stands before it, and by which rule.

    Parameters
    ----------
    place
        From 1.
    ahead
        The studies before it, in order.
    """
    mine = standing.position
    said = [] if mine.unpinned else ["a person has pinned it"]
    if place == 1:
        return "; ".join([*said, "nothing stands before it"])
    pinned = earlier = same = 0
    for other in (one.position for one in ahead):
        if other.unpinned is not mine.unpinned:
            pinned += 1
        elif other.due_at != mine.due_at:
            earlier += 1
        else:
            same += 1
    if pinned:
        said.append(f"after {pinned} that people have pinned")
    if earlier:
        said.append(f"after {earlier} that were due earlier")
    if same:
        said.append(f"after {same} due at the same moment that were received earlier")
    return "; ".join(said)


def _moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None


def _pinned(event: RecordedEvent, before: Standing | None) -> bool:
    if "pinned" in event.details:
        return bool(event.details["pinned"])
    if event.kind in {"pinned", "unpinned"}:  # before every move said so
        return event.kind == "pinned"
    return before is not None and not before.position.unpinned


def _on_list(event: RecordedEvent, before: Standing | None) -> bool:
    """A place of None is that of a study that was read; acts on the whole list name no place."""
    if "place" in event.details:
        return event.details["place"] is not None
    return before is None or before.on_list
