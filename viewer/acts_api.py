"""What people do to the list: claim studies, overrule their place, stop and start AI (P7).

Who acts is whoever is signed in, never what the body says.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime

from viewer.gate import Caller
from viewer.ports import WorklistReader
from viewer.problems import problem_of
from viewer.schemas import (
    ClaimRequest,
    PinRequest,
    PriorityRequest,
    SwitchAnswer,
    SwitchRequest,
    WorklistRowAnswer,
)
from viewer.session_api import WhoAsks
from worklist.claims import ClaimedByAnother
from worklist.people import AccountName, Role
from worklist.service import Worklist
from worklist.uid import StudyInstanceUID

_ClaimedAt = Annotated[
    AwareDatetime | None,
    Query(
        description="only one's own claim of this very time, and only if one has said nothing of"
        " the study since; otherwise nothing happens"
    ),
]


def make_router(
    worklist: Worklist, reader: WorklistReader, now: Callable[[], datetime]
) -> APIRouter:
    """The routes that change the list."""
    router = APIRouter(prefix="/api", tags=["acts"])

    def row(uid: StudyInstanceUID, caller: Caller) -> WorklistRowAnswer:
        return WorklistRowAnswer.model_validate(reader.row(uid)).seen_by(actor(caller))

    def refused(uid: StudyInstanceUID, error: ClaimedByAnother) -> JSONResponse:
        claim = reader.row(uid).claim
        known = claim if claim is not None and claim.name == error.claim.account else None
        return problem_of(error, display_name=known.display_name if known else None)

    @router.post("/studies/{study_instance_uid}/claim", response_model=WorklistRowAnswer)
    def claim(
        study_instance_uid: str, asked: ClaimRequest, caller: WhoAsks
    ) -> WorklistRowAnswer | JSONResponse:
        """Hold a study, so that nobody else reads it unknowingly; 409 if another holds it."""
        uid = StudyInstanceUID(study_instance_uid)
        try:
            worklist.claim(uid, actor(caller), take_over=asked.take_over, now=now())
        except ClaimedByAnother as error:
            return refused(uid, error)
        return row(uid, caller)

    @router.delete("/studies/{study_instance_uid}/claim", response_model=WorklistRowAnswer)
    def release(
        study_instance_uid: str, caller: WhoAsks, claimed_at: _ClaimedAt = None
    ) -> WorklistRowAnswer | JSONResponse:
        """Give a study back; an administrator gives back anybody's."""
        uid = StudyInstanceUID(study_instance_uid)
        if claimed_at is not None:
            worklist.give_back_unacted(uid, actor(caller), claimed_at=claimed_at, now=now())
            return row(uid, caller)
        anyones = caller.account is not None and Role.ADMINISTRATOR in caller.account.roles
        try:
            worklist.release(uid, actor(caller), anyones=anyones, now=now())
        except ClaimedByAnother as error:
            return refused(uid, error)
        return row(uid, caller)

    @router.post("/studies/{study_instance_uid}/priority")
    def priority(
        study_instance_uid: str, asked: PriorityRequest, caller: WhoAsks
    ) -> WorklistRowAnswer:
        """Put a person's priority in place of the requested one; null takes it back."""
        uid = StudyInstanceUID(study_instance_uid)
        worklist.override_priority(
            uid, asked.priority, actor=actor(caller), reason=asked.reason, now=now()
        )
        return row(uid, caller)

    @router.post("/studies/{study_instance_uid}/pin")
    def pin(study_instance_uid: str, asked: PinRequest, caller: WhoAsks) -> WorklistRowAnswer:
        """Pin a study to the top of the list, or let go of it."""
        uid = StudyInstanceUID(study_instance_uid)
        worklist.pin(uid, asked.pinned, actor=actor(caller), reason=asked.reason, now=now())
        return row(uid, caller)

    @router.post("/ai/stop")
    def stop(asked: SwitchRequest, caller: WhoAsks) -> SwitchAnswer:
        """Stop detectors: they neither run nor count, and the list falls back at once."""
        return switched(worklist.stop_ai, asked, caller)

    @router.post("/ai/start")
    def start(asked: SwitchRequest, caller: WhoAsks) -> SwitchAnswer:
        """Start detectors again; studies that they missed are assessed now."""
        return switched(worklist.start_ai, asked, caller)

    def switched(switch: Callable[..., int], asked: SwitchRequest, caller: Caller) -> SwitchAnswer:
        moved = switch(
            asked.detectors,
            installed=[one.name for one in reader.models()],
            actor=actor(caller),
            reason=asked.reason,
            now=now(),
        )
        state = worklist.ai_switch()
        return SwitchAnswer(
            ai_stopped=state.whole, stopped_detectors=sorted(state.detectors), moved=moved
        )

    return router


def actor(caller: Caller) -> AccountName:
    """The person who acts; the gate lets nobody else come here."""
    if caller.account is None:
        raise HTTPException(403, "only a person does this")
    return caller.account.name
