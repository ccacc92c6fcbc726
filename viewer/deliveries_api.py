"""What goes back, and where it stands; the rules are `worklist.deliveries`."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query

from viewer.acts_api import actor
from viewer.deliveries_schemas import (
    AnewRequest,
    DeliveriesAnswer,
    DeliveryAnswer,
    DestinationAnswer,
    ProblemAnswer,
    ReleasedAnswer,
    ResendRequest,
    ResentAnswer,
    RetractedAnswer,
    RetractRequest,
    TestAnswer,
)
from viewer.ports import TestDestination
from viewer.session_api import WhoAsks
from worklist.deliveries import LONGEST_PAGE, Asked, Deliveries
from worklist.outbound import DeliveryState
from worklist.uid import StudyInstanceUID

_LARGEST = 2**62
_Before = Annotated[int | None, Query(ge=1, le=_LARGEST, description="only those before this one")]
_Limit = Annotated[int, Query(ge=1, le=LONGEST_PAGE, description="deliveries on a page")]
_States = Annotated[list[DeliveryState] | None, Query(description="only in these states")]
_Name = Annotated[str | None, Query(max_length=64, description="only those for this destination")]
_Study = Annotated[str | None, Query(max_length=64, description="only those of this study")]
_DestinationName = Annotated[str, Path(max_length=64)]


def make_router(
    deliveries: Deliveries, test_destination: TestDestination, now: Callable[[], datetime]
) -> APIRouter:
    """The routes of destinations and deliveries."""
    router = APIRouter(prefix="/api", tags=["deliveries"])

    @router.get("/destinations")
    def destinations() -> list[DestinationAnswer]:
        """Where results are sent, with how many objects are in which state."""
        return [DestinationAnswer.of(one) for one in deliveries.destinations()]

    @router.post("/destinations/{name}/test")
    def test(name: _DestinationName) -> TestAnswer:
        """Ask a destination whether it is there; nothing is sent to be kept."""
        reachable, words = test_destination(name)
        return TestAnswer(reachable=reachable, words=words)

    @router.get("/deliveries")
    def listed(
        before: _Before = None,
        limit: _Limit = 50,
        state: _States = None,
        destination: _Name = None,
        study_instance_uid: _Study = None,
    ) -> DeliveriesAnswer:
        """Objects on their way, the last made first."""
        uid = None if study_instance_uid is None else StudyInstanceUID(study_instance_uid)
        asked = Asked(study=uid, destination=destination, states=state)
        page = deliveries.page(asked, before=before, limit=limit)
        return DeliveriesAnswer(
            deliveries=[DeliveryAnswer.of(one) for one in page.deliveries],
            next_before=page.next_before,
        )

    _add_made(router, deliveries)
    _add_acts(router, deliveries, now)
    return router


def _add_made(router: APIRouter, deliveries: Deliveries) -> None:
    @router.get("/deliveries/problems")
    def problems(limit: _Limit = LONGEST_PAGE) -> list[ProblemAnswer]:
        """What could not be made, the last tried first."""
        return [ProblemAnswer.of(one) for one in deliveries.problems(limit=limit)]

    @router.get("/studies/{study_instance_uid}/deliveries")
    def of_study(study_instance_uid: str) -> list[DeliveryAnswer]:
        """What was made of a study, and where each object stands."""
        found = deliveries.of_study(StudyInstanceUID(study_instance_uid))
        return [DeliveryAnswer.of(one) for one in found]


def _add_acts(router: APIRouter, deliveries: Deliveries, now: Callable[[], datetime]) -> None:
    @router.post("/deliveries/resend")
    def resend(asked: ResendRequest, caller: WhoAsks) -> ResentAnswer:
        """Send again what is named, or what was refused, was parked or waits."""
        study = asked.study_instance_uid
        meant = Asked(
            delivery_ids=asked.delivery_ids,
            study=None if study is None else StudyInstanceUID(study),
            destination=asked.destination,
        )
        return ResentAnswer(resent=deliveries.resend(meant, actor=actor(caller), now=now()))

    @router.post("/destinations/{name}/release")
    def release(name: _DestinationName, caller: WhoAsks) -> ReleasedAnswer:
        """Let go to its new address what was held since the address of a destination changed."""
        count = deliveries.release(name, actor=actor(caller), now=now())
        return ReleasedAnswer(released=count)

    @router.post("/studies/{study_instance_uid}/make-results-anew", status_code=204)
    def make_anew(study_instance_uid: str, asked: AnewRequest, caller: WhoAsks) -> None:
        """Make the results of a study again of what holds now, for every destination."""
        uid = StudyInstanceUID(study_instance_uid)
        deliveries.make_anew(uid, actor=actor(caller), now=now(), reason=asked.reason)

    @router.post("/studies/{study_instance_uid}/retract-results")
    def retract(study_instance_uid: str, asked: RetractRequest, caller: WhoAsks) -> RetractedAnswer:
        """Let no result of a study count: what was sent is rejected there."""
        uid = StudyInstanceUID(study_instance_uid)
        count = deliveries.retract(uid, reason=asked.reason, actor=actor(caller), now=now())
        return RetractedAnswer(retracted=count)
