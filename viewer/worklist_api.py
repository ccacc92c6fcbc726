"""The reading worklist and the node's own address, as JSON."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response

from viewer.asking import ListQuery
from viewer.languages import language
from viewer.list_pages import KeptChoices, ListPages, PageAsked
from viewer.ports import NodeInfo, WorklistReader
from viewer.schemas import ChoicesAnswer, NodeAnswer, WorklistAnswer, WorklistRowAnswer
from viewer.session_api import WhoAsks
from worklist.uid import StudyInstanceUID


def make_router(reader: WorklistReader, node: NodeInfo, now: Callable[[], datetime]) -> APIRouter:
    """The routes ``/api/worklist`` and ``/api/node``."""
    router = APIRouter(prefix="/api", tags=["worklist"])
    pages = ListPages(reader, now)

    @router.get("/worklist", response_model=WorklistAnswer)
    def worklist(caller: WhoAsks, query: Annotated[ListQuery, Query()]) -> Response:
        """The list in its one order, computed on the server (P3), or those of it that are asked.

        Studies that were read (``unread=false``) are not on the list: last received first.
        """
        name = caller.account.name if caller.account else None
        page = PageAsked(
            asked=query.as_filter(name),
            after=query.after,
            offset=query.offset,
            limit=query.limit,
            language=language(),
        )
        return Response(pages.body(page, name), media_type="application/json")

    kept = KeptChoices(reader, now)

    @router.get("/worklist/choices")
    def choices() -> ChoicesAnswer:
        """What the list can be filtered by; half a minute old at most."""
        return ChoicesAnswer.model_validate(kept.choices())

    @router.get("/worklist/{study_instance_uid}")
    def row(study_instance_uid: str, caller: WhoAsks) -> WorklistRowAnswer:
        """One study as the list shows it, also if it was read; nothing of its images."""
        found = reader.row(StudyInstanceUID(study_instance_uid))
        name = caller.account.name if caller.account else None
        return WorklistRowAnswer.model_validate(found).seen_by(name)

    @router.get("/node")
    def node_address() -> NodeAnswer:
        """Where to send studies."""
        return NodeAnswer.model_validate(node)

    return router
