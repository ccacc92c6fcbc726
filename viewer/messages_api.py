"""Messages exchanged with the RIS, for administrators: ``/api/hl7``."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from viewer.acts_api import actor
from viewer.asked import Asked
from viewer.ports import Messages
from viewer.session_api import WhoAsks
from worklist.exchange_views import LoggedMessage
from worklist.orders import MessageState


class MessageAnswer(BaseModel):
    """One message with what became of it; no patient's name is in it."""

    model_config = ConfigDict(from_attributes=True, frozen=True)

    message_id: str
    at: datetime
    control_id: str
    message_type: str
    state: MessageState
    code: str
    error: str  # in English, as the sender was told
    accession_number: str
    sender: str
    attempts: int
    next_try_at: datetime | None


class DeadLetterAnswer(MessageAnswer):
    """A message that was refused or given up, whole: patient and all."""

    content: str  # decoded as UTF-8, what is none replaced

    @classmethod
    def of(cls, message: LoggedMessage) -> "DeadLetterAnswer":
        """The answer about a dead letter with its bytes."""
        content = (message.raw or b"").decode("utf-8", "replace")
        told = MessageAnswer.model_validate(message).model_dump()
        return cls(**told, content=content)


class DismissRequest(Asked):
    """Why a dead letter needs no more looking after."""

    reason: str = Field(min_length=1, max_length=500)


def make_router(messages: Messages) -> APIRouter:
    """The routes under ``/api/hl7``; what is sent or read again is an event."""
    router = APIRouter(prefix="/api/hl7", tags=["hl7"])

    @router.get("/messages")
    def log(
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        dead: Annotated[bool, Query(description="only dead letters")] = False,
    ) -> list[MessageAnswer]:
        """The newest messages, newest first."""
        found = messages.messages(limit, dead=dead)
        return [MessageAnswer.model_validate(one) for one in found]

    @router.get("/dead-letters/{message_id}")
    def dead_letter(message_id: str) -> DeadLetterAnswer:
        """One message that was refused or given up."""
        return DeadLetterAnswer.of(messages.dead_letter(message_id))

    @router.post("/messages/{message_id}/resend")
    def resend(message_id: str, caller: WhoAsks) -> MessageAnswer:
        """Send a message again that was given up, or read one again that was refused."""
        return MessageAnswer.model_validate(messages.again(message_id, actor(caller)))

    @router.post("/messages/{message_id}/dismiss")
    def dismiss(message_id: str, asked: DismissRequest, caller: WhoAsks) -> MessageAnswer:
        """Let a dead letter be over; the reason stands in the event log."""
        dismissed = messages.dismiss(message_id, actor(caller), asked.reason)
        return MessageAnswer.model_validate(dismissed)

    return router
