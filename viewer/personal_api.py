"""What a person likes, and views to come back to: ``/api/me``."""

from collections.abc import Callable
from datetime import datetime, time
from typing import Annotated

from fastapi import APIRouter, Path, Response

from viewer.acts_api import actor
from viewer.asking import check_view
from viewer.schemas import PreferencesBody, ViewAnswer, ViewRequest
from viewer.session_api import WhoAsks
from worklist.personal import Personal, Preferences, SavedView, preferences_as_json

_ViewId = Annotated[int, Path(ge=1, le=2**63 - 1)]


def make_router(personal: Personal, now: Callable[[], datetime]) -> APIRouter:
    """The routes under ``/api/me``."""
    router = APIRouter(prefix="/api/me", tags=["personal"])

    @router.get("/preferences")
    def preferences(caller: WhoAsks) -> PreferencesBody:
        """What whoever asks has chosen; the defaults where nothing was."""
        return _preferences(personal.preferences(actor(caller)))

    @router.put("/preferences")
    def choose(chosen: PreferencesBody, caller: WhoAsks) -> PreferencesBody:
        """Put these wishes in place of the former ones, all of them."""
        wishes = Preferences(
            language=chosen.language,
            theme=chosen.theme,
            density=chosen.density,
            claim_on_open=chosen.claim_on_open,
            notifications=chosen.notifications,
            sound=chosen.sound,
            quiet_from=_time(chosen.quiet_from),
            quiet_to=_time(chosen.quiet_to),
        )
        return _preferences(personal.choose(actor(caller), wishes, now()))

    @router.get("/views")
    def views(caller: WhoAsks) -> list[ViewAnswer]:
        """The views of whoever asks, oldest first."""
        return [_view(one) for one in personal.views(actor(caller))]

    @router.post("/views", status_code=201)
    def add_view(asked: ViewRequest, caller: WhoAsks) -> ViewAnswer:
        """Keep a view."""
        name = actor(caller)
        check_view(asked.query, name)
        return _view(personal.add_view(name, asked.name.strip(), asked.query, now()))

    @router.put("/views/{view_id}")
    def change_view(view_id: _ViewId, asked: ViewRequest, caller: WhoAsks) -> ViewAnswer:
        """Put this in place of a view."""
        name = actor(caller)
        check_view(asked.query, name)
        view = SavedView(view_id=view_id, name=asked.name.strip(), query=asked.query)
        return _view(personal.change_view(name, view, now()))

    @router.delete("/views/{view_id}", status_code=204)
    def remove_view(view_id: _ViewId, caller: WhoAsks) -> Response:
        """Forget a view."""
        personal.remove_view(actor(caller), view_id, now())
        return Response(status_code=204)

    return router


def _time(text: str | None) -> time | None:
    return None if text is None else time.fromisoformat(text)


def _preferences(chosen: Preferences) -> PreferencesBody:
    return PreferencesBody.model_validate(preferences_as_json(chosen))


def _view(view: SavedView) -> ViewAnswer:
    return ViewAnswer(id=view.view_id, name=view.name, query=view.query)
