"""Frames of a study as pictures."""

import functools
import hashlib
import os
from pathlib import Path
from typing import Annotated

import anyio
from fastapi import APIRouter, Header, HTTPException, Query, Response
from fastapi import Path as PathParameter

from viewer.ports import CannotDecode, DecodeFrame, WorklistReader
from viewer.rendering import Rendering, choose_media_type, parse_viewport, parse_window, render
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID

# A workstation has many users: what one was shown is asked for anew, and answered by its ETag.
_CACHE_CONTROL = "private, no-cache"
_RENDERER = "1"  # part of every ETag: raise it when render() draws differently

_RENDERED = (
    "/{study_instance_uid}/series/{series_instance_uid}"
    "/instances/{sop_instance_uid}/frames/{frame_number}/rendered"
)
_FrameNumber = Annotated[int, PathParameter(ge=1, le=1_000_000, description="counts from 1")]
_Window = Annotated[str | None, Query(max_length=64, description="center,width in modality values")]
_Viewport = Annotated[str | None, Query(max_length=32, description="width,height at most")]


def make_router(reader: WorklistReader, decode_frame: DecodeFrame) -> APIRouter:
    """The pictures under ``/api/studies``."""
    router = APIRouter(prefix="/api/studies", tags=["studies"])
    # Pictures must not take every thread from the list.
    at_once = anyio.CapacityLimiter(max(2, os.cpu_count() or 1))

    @router.get(_RENDERED, response_class=Response, responses={200: {"content": _PICTURES}})
    async def rendered(
        study_instance_uid: str,
        series_instance_uid: str,
        sop_instance_uid: str,
        frame_number: _FrameNumber,
        window: _Window = None,
        viewport: _Viewport = None,
        accept: Annotated[str | None, Header()] = None,
        if_none_match: Annotated[str | None, Header()] = None,
    ) -> Response:
        """One frame, windowed on the server; PNG or JPEG by Accept (PS3.18 10.4.1.1.3)."""
        media_type = choose_media_type(accept)
        if media_type is None:
            raise HTTPException(406, "frames are served as image/png and image/jpeg")
        rendering = Rendering(
            media_type=media_type, window=parse_window(window), viewport=parse_viewport(viewport)
        )
        uids = (
            StudyInstanceUID(study_instance_uid),
            SeriesInstanceUID(series_instance_uid),
            SOPInstanceUID(sop_instance_uid),
        )
        work = functools.partial(
            _picture, reader, decode_frame, uids, frame_number, rendering, if_none_match
        )
        return await anyio.to_thread.run_sync(work, limiter=at_once)

    return router


_PICTURES: dict[str, dict[str, object]] = {"image/png": {}, "image/jpeg": {}}


def _picture(
    reader: WorklistReader,
    decode_frame: DecodeFrame,
    uids: tuple[StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID],
    frame_number: int,
    rendering: Rendering,
    if_none_match: str | None,
) -> Response:
    path = reader.archived_path(*uids)
    etag = _etag(path, frame_number, rendering)
    headers = {"ETag": etag, "Cache-Control": _CACHE_CONTROL, "Vary": "Accept"}
    if if_none_match is not None and etag in if_none_match:
        return Response(status_code=304, headers=headers)
    body = render(decode_frame(path, frame_number), rendering)
    return Response(body, media_type=rendering.media_type, headers=headers)


def _etag(path: Path, frame_number: int, rendering: Rendering) -> str:
    """A digest of everything the picture depends on; the file by its identity, not re-read."""
    try:
        status = path.stat()
    except OSError as error:
        raise CannotDecode("the archived object cannot be read") from error
    identity = (
        _RENDERER,
        path.name,
        status.st_size,
        status.st_mtime_ns,
        frame_number,
        rendering.window,
        rendering.viewport,
        rendering.media_type,
    )
    return f'"{hashlib.sha256(repr(identity).encode()).hexdigest()[:32]}"'
