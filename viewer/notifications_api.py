"""What was told on notification channels, for administrators: ``/api/notifications``."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from viewer.acts_api import actor
from viewer.asked import Asked
from viewer.gate import Caller
from viewer.languages import Said
from viewer.ports import Notifying
from viewer.session_api import WhoAsks
from worklist.finding import TargetFinding
from worklist.notifications import KeptNotification, UnknownChannel, UnknownNotification
from worklist.notifying import Answer, Channel, Confirmed, Notification, NotificationState


class NotificationsQuery(Asked):
    """Which part of them."""

    before: int | None = Field(
        default=None, ge=1, le=2**63 - 1, description="Go on after the one of this number."
    )
    limit: int = Field(default=100, ge=1, le=500, description="Notifications at most.")
    state: NotificationState | None = Field(default=None, description="Only those in this state.")


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class ChannelAnswer(_Answer):
    """One channel that is set."""

    name: str
    findings: list[TargetFinding]
    looked_at: datetime | None  # when it was last looked for flags; null: never


class NotificationAnswer(_Answer):
    """One finding of one study for one channel."""

    number: int
    notification_id: uuid.UUID  # the same in every try
    channel: str
    study_instance_uid: str
    target: TargetFinding
    finding: Said
    detector: str
    detector_version: str
    state: NotificationState
    flagged_at: datetime
    due_at: datetime  # the next try, while it waits
    changed_at: datetime
    delivered_at: datetime | None
    attempts: int
    words: Said  # what happened last
    reached: list[str]  # of several receivers those who have it, until all have

    @classmethod
    def of(cls, kept: KeptNotification) -> "NotificationAnswer":
        """As administrators are shown it."""
        one = kept.notification
        return cls(
            number=kept.number,
            notification_id=one.notification_id,
            channel=one.channel,
            study_instance_uid=one.study_instance_uid,
            target=one.target,
            finding=one.target.words,
            detector=kept.detector,
            detector_version=kept.detector_version,
            state=one.state,
            flagged_at=one.flagged_at,
            due_at=one.due_at,
            changed_at=one.changed_at,
            delivered_at=one.delivered_at,
            attempts=one.attempts,
            words=one.words,
            reached=list(one.reached),
        )


class NotificationsAnswer(_Answer):
    """A page of notifications, the newest first."""

    channels: list[ChannelAnswer]
    notifications: list[NotificationAnswer]
    next_before: int | None  # ask for those before this one; null: these are the last


class TriedAnswer(_Answer):
    """What came of a test."""

    confirmed: bool
    words: Said


class SentAgainAnswer(_Answer):
    """It is told as soon as its channel has its turn."""

    notification_id: uuid.UUID
    state: NotificationState


class NoChannels:
    """What is told where no channel is set; satisfies `viewer.ports.Notifying`."""

    @property
    def channels(self) -> Sequence[Channel]:
        """None."""
        return ()

    def newest(
        self, *, before: int | None, limit: int, state: NotificationState | None
    ) -> Sequence[KeptNotification]:
        """Nothing."""
        del before, limit, state
        return ()

    def looked_at(self) -> Mapping[str, datetime]:
        """For no channel."""
        return {}

    def send_again(self, number: uuid.UUID, *, actor: str, now: datetime) -> Notification:
        """There is none; raises UnknownNotification."""
        del actor, now
        raise UnknownNotification(f"there is no notification {number}")

    def test(self, name: str, *, actor: str, now: datetime) -> Answer:
        """There is none; raises UnknownChannel."""
        del actor, now
        raise UnknownChannel(f"there is no notification channel {name}")


def make_router(notifying: Notifying, now: Callable[[], datetime]) -> APIRouter:
    """The routes under ``/api/notifications``."""
    router = APIRouter(prefix="/api/notifications", tags=["notifications"])

    @router.get("")
    def listed(asked: Annotated[NotificationsQuery, Query()]) -> NotificationsAnswer:
        """What was told or is to be, the newest first, and the channels that are set."""
        found = notifying.newest(before=asked.before, limit=asked.limit + 1, state=asked.state)
        page = found[: asked.limit]
        looked_at = notifying.looked_at()
        return NotificationsAnswer(
            channels=[
                ChannelAnswer(
                    name=one.name, findings=sorted(one.findings), looked_at=looked_at.get(one.name)
                )
                for one in notifying.channels
            ],
            notifications=[NotificationAnswer.of(one) for one in page],
            next_before=page[-1].number if len(found) > len(page) else None,
        )

    @router.post("/{notification_id}/send-again")
    def send_again(notification_id: uuid.UUID, caller: WhoAsks) -> SentAgainAnswer:
        """Let one be told at once, whatever became of it; it keeps its ID."""
        again = notifying.send_again(notification_id, actor=_person(caller), now=now())
        return SentAgainAnswer(notification_id=again.notification_id, state=again.state)

    @router.post("/channels/{name}/test")
    def test(name: str, caller: WhoAsks) -> TriedAnswer:
        """Tell a channel that it is tested, at once and whatever its hours."""
        answer = notifying.test(name, actor=_person(caller), now=now())
        return TriedAnswer(confirmed=isinstance(answer, Confirmed), words=answer.words)

    return router


def _person(caller: Caller) -> str:
    return f"person {actor(caller)}"
