"""The record, for who asks why: ``/api/record`` (P3)."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict

from viewer.languages import Said
from viewer.ports import Record
from worklist.uid import StudyInstanceUID


class _Answer(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True)


class RowThenAnswer(_Answer):
    """One line of the list as it was."""

    place: int
    study_instance_uid: str
    pinned: bool
    due_at: datetime
    received_at: datetime
    reason: Said


class EventThenAnswer(_Answer):
    """One act, as the record has it."""

    event_id: int
    at: datetime
    actor: Said
    words: Said


class SaidThenAnswer(_Answer):
    """What a detector had said; not reviewed."""

    event_id: int
    at: datetime
    detector: str
    actor: Said
    words: Said
    superseded: bool
    instances: list[tuple[str, str]] | None  # UID and SHA-256; null: not recorded then


class StudyThenAnswer(_Answer):
    """A study and the list as they were, put together from the event log alone."""

    study_instance_uid: str
    moment: datetime
    event_id: int  # the last event that had been written
    place: int | None  # null: it was not on the list
    total: int
    why: Said
    row: RowThenAnswer | None
    placed_by: EventThenAnswer | None
    rows: list[RowThenAnswer]
    said: list[SaidThenAnswer]
    people: list[EventThenAnswer]
    ai: list[EventThenAnswer]
    incomplete: int  # studies of which the record no longer keeps the beginning


_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)  # nothing was recorded before
_LATEST = datetime(9000, 1, 1, tzinfo=UTC)


def _within(at: datetime) -> datetime:
    """The moment in UTC; at the ends of the calendar a zone leads out of it."""
    if at.year < _EARLIEST.year:
        return _EARLIEST
    return _LATEST if at.year >= _LATEST.year else at.astimezone(UTC)


def make_router(record: Record) -> APIRouter:
    """The route under ``/api/record``."""
    router = APIRouter(prefix="/api/record", tags=["record"])

    @router.get("/{study_instance_uid}")
    def then(
        study_instance_uid: str,
        at: Annotated[AwareDatetime, Query(description="moment, with its zone")],
        limit: Annotated[int, Query(ge=1, le=500, description="lines of the list, at most")] = 50,
    ) -> StudyThenAnswer:
        """Where a study stood at a moment and why, what AI had said, and who had looked."""
        moment = _within(at)
        found = record.study_at(StudyInstanceUID(study_instance_uid), moment, limit=limit)
        return StudyThenAnswer.model_validate(
            {
                **{name: getattr(found, name) for name in StudyThenAnswer.model_fields},
                "incomplete": len(found.incomplete),
            }
        )

    return router
