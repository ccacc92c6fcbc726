"""Liveness and readiness, for supervisors and administrators."""

from fastapi import APIRouter, Response

from viewer.ports import Readiness
from viewer.schemas import CheckAnswer, LivenessAnswer, ReadinessAnswer


def make_router(readiness: Readiness) -> APIRouter:
    """The routes ``/health/live`` and ``/health/ready``."""
    router = APIRouter(prefix="/health", tags=["health"])

    @router.get("/live")
    async def live() -> LivenessAnswer:
        """Answers as long as the event loop turns; looks at nothing else."""
        return LivenessAnswer(alive=True)

    @router.get("/ready", responses={503: {"model": ReadinessAnswer}})
    def ready(response: Response) -> ReadinessAnswer:
        """200 when every check passes, else 503; the checks say what is wrong."""
        checks = [CheckAnswer.model_validate(check) for check in readiness()]
        all_ok = all(check.ok for check in checks)
        if not all_ok:
            response.status_code = 503
        return ReadinessAnswer(ready=all_ok, checks=checks)

    return router
