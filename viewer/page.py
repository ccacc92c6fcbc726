"""The built web client: one page and its assets."""

from http import HTTPStatus
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.responses import PlainTextResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

STATIC_FOLDER = Path(__file__).parent / "static"

_NONCE_PLACEHOLDER = "__CSP_NONCE__"
_NOT_BUILT = """\
The web page of Vigie has not been built.

    pip install .        builds it (from a checkout; add -e to work on the code)

The JSON API works without it: /api/worklist
"""


class Assets(StaticFiles):
    """Files whose names hold a digest of their content: they may be kept for ever."""

    async def check_config(self) -> None:
        """A page that is not built has no assets: 404, not a wrong configuration."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """One file."""
        response = await super().get_response(path, scope)
        if response.status_code == HTTPStatus.OK:
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def make_router(static_folder: Path) -> APIRouter:
    """The page at ``/``; a plain text on how to build it while there is none."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    def page(request: Request) -> Response:
        try:
            html = (static_folder / "index.html").read_text(encoding="utf-8")
        except FileNotFoundError:
            return PlainTextResponse(_NOT_BUILT, status_code=HTTPStatus.NOT_FOUND)
        return HTMLResponse(html.replace(_NONCE_PLACEHOLDER, request.state.nonce))

    return router
