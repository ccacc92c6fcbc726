"""The reading worklist and the node's own address, as JSON."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query

from viewer.ports import NodeInfo, WorklistReader
from viewer.schemas import NodeAnswer, WorklistAnswer


def make_router(reader: WorklistReader, node: NodeInfo, now: Callable[[], datetime]) -> APIRouter:
    """The routes ``/api/worklist`` and ``/api/node``."""
    router = APIRouter(prefix="/api", tags=["worklist"])

    @router.get("/worklist")
    def worklist(
        after: Annotated[
            str | None, Query(max_length=512, description="go on after this cursor")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=500, description="rows at most")] = 100,
    ) -> WorklistAnswer:
        """The list in its one order, computed on the server (P3)."""
        return WorklistAnswer.model_validate(reader.worklist_page(after, limit, now()))

    @router.get("/node")
    def node_address() -> NodeAnswer:
        """Where to send studies."""
        return NodeAnswer.model_validate(node)

    return router
