"""Liveness and readiness, for supervisors and administrators."""

from fastapi import APIRouter, Response

from viewer.ports import Readiness
from viewer.schemas import CheckAnswer, LivenessAnswer, ReadinessAnswer
from viewer.session_api import WhoAsks


def make_router(readiness: Readiness) -> APIRouter:
    """The routes ``/health/live`` and ``/health/ready``."""
    router = APIRouter(prefix="/health", tags=["health"])

    @router.get("/live")
    async def live() -> LivenessAnswer:
        """Answers as long as the event loop turns; looks at nothing else."""
        return LivenessAnswer(alive=True)

    @router.get("/ready", responses={503: {"model": ReadinessAnswer}})
    def ready(response: Response, caller: WhoAsks) -> ReadinessAnswer:
        """200 when every check passes, else 503; on the node's machine with what is wrong."""
        checks = [
            CheckAnswer(name=check.name, ok=check.ok, detail=check.detail * caller.is_local)
            for check in readiness()
        ]
        all_ok = all(check.ok for check in checks)
        if not all_ok:
            response.status_code = 503
        return ReadinessAnswer(ready=all_ok, checks=checks)

    return router
