"""Frames as pictures, and a small one that stands for more (PS3.18 sections 10.4.1.1.3, 10.14)."""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

import anyio
import anyio.to_thread
from fastapi import APIRouter, Header, Query, Response
from fastapi import Path as PathParameter
from fastapi.responses import StreamingResponse

from viewer.dicomweb import multipart
from viewer.dicomweb.accept import ANY, MediaRange, first_of, parse_accept
from viewer.dicomweb.addresses import INSTANCE, PREFIX, SERIES, STUDY, Uid, Uids, uids_of
from viewer.dicomweb.frames_api import frame_numbers
from viewer.dicomweb.pixels import UnknownFrame
from viewer.dicomweb.ports import DicomWeb
from viewer.ports import DecodeFrame
from viewer.rendering import MediaType, Rendering, parse_viewport, parse_window, render
from worklist.archived import ArchivedObject

_THUMBNAIL = (128, 128)  # pixels, at most
_HEADERS = {"Cache-Control": "private, no-cache", "Vary": "Accept"}
_ANSWERS: dict[int | str, dict[str, object]] = {
    200: {"content": {"image/jpeg": {}, "image/png": {}, "multipart/related": {}}}
}
_Accept = Annotated[str | None, Header()]
_Query = Annotated[str | None, Query(alias="accept", max_length=1024)]
_Window = Annotated[str | None, Query(max_length=64, description="center,width[,linear]")]
_Viewport = Annotated[str | None, Query(max_length=32, description="width,height at most")]
_Frames = Annotated[str, PathParameter(max_length=32768, examples=["1"])]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """What the client takes, and how it wants to see it."""

    accept: str | None
    window: str | None
    viewport: str | None
    smallest: tuple[int, int] | None = None  # the viewport, where none is asked for

    def how(self, pictures: int) -> tuple[Rendering, bool]:
        """How to render, and whether the answer has parts; raises NotAcceptable."""
        media_type, is_multipart = choose_picture(self.accept, pictures)
        rendering = Rendering(
            media_type=media_type,
            window=parse_window(self.window),
            viewport=parse_viewport(self.viewport) or self.smallest,
        )
        return rendering, is_multipart


def choose_picture(accept: str | None, pictures: int) -> tuple[MediaType, bool]:
    """JPEG, the default of the standard (PS3.18 table 8.7.4-1), or PNG; and whether in parts.

    Raises
    ------
    NotAcceptable
        If the client takes neither, or several pictures without parts.
    """

    def choose(one: MediaRange) -> tuple[MediaType, bool] | None:
        is_multipart = one.is_multipart or (pictures > 1 and one.media_type == ANY)
        if pictures > 1 and not is_multipart:
            return None
        kinds: tuple[MediaType, ...] = ("image/jpeg", "image/png")
        found = next((kind for kind in kinds if one.takes(kind)), None)
        return None if found is None else (found, is_multipart)

    parts = "multipart/related parts of " if pictures > 1 else ""
    return first_of(parse_accept(accept), choose, f"{parts}image/jpeg or image/png")


class _Pictures:
    """Draws frames, a few at once: pictures must not take every thread from the list."""

    def __init__(self, dicomweb: DicomWeb, decode_frame: DecodeFrame) -> None:
        self._archive = dicomweb.archive
        self._decode_frame = decode_frame
        self._at_once = anyio.CapacityLimiter(max(2, os.cpu_count() or 1))

    async def of_frames(self, uids: Uids, numbers: list[int], asked: _Asked) -> Response:
        """These frames of one object."""
        one = (await anyio.to_thread.run_sync(self._archive.objects, *uids))[0]
        if max(numbers) > one.number_of_frames:
            raise UnknownFrame(f"the object has no frame {max(numbers)}")
        return await self._drawn(one, numbers, asked)

    async def of_one(self, uids: Uids, asked: _Asked) -> Response:
        """The middle of what there is."""
        one = await anyio.to_thread.run_sync(self._archive.shown_for, *uids)
        return await self._drawn(one, [one.number_of_frames // 2 + 1], asked)

    async def _drawn(self, one: ArchivedObject, numbers: list[int], asked: _Asked) -> Response:
        rendering, is_multipart = asked.how(len(numbers))
        first = await self._picture(one, numbers[0], rendering)
        if not is_multipart:
            return Response(first, media_type=rendering.media_type, headers=_HEADERS)
        mark = multipart.boundary()

        async def pieces() -> AsyncIterator[bytes]:
            for place, number in enumerate(numbers):
                content = await self._picture(one, number, rendering) if place else first
                part = multipart.Part(content_type=rendering.media_type, content=content)
                yield multipart.whole_part(part, mark)
            yield multipart.closing(mark)

        media_type = multipart.content_type(rendering.media_type, mark)
        return StreamingResponse(pieces(), media_type=media_type, headers=_HEADERS)

    async def _picture(self, one: ArchivedObject, number: int, rendering: Rendering) -> bytes:
        def draw() -> bytes:
            return render(self._decode_frame(one.path, number), rendering)

        return await anyio.to_thread.run_sync(draw, limiter=self._at_once)


def make_router(dicomweb: DicomWeb, decode_frame: DecodeFrame) -> APIRouter:
    """The ``rendered`` and ``thumbnail`` resources."""
    router = APIRouter(prefix=PREFIX, tags=["dicomweb"])
    pictures = _Pictures(dicomweb, decode_frame)
    _add_rendered(router, pictures)
    _add_thumbnails(router, pictures)
    return router


def _add_rendered(router: APIRouter, pictures: _Pictures) -> None:
    @router.get(f"{INSTANCE}/rendered", response_class=Response, responses=_ANSWERS)
    async def of_instance(
        study_instance_uid: Uid,
        series_instance_uid: Uid,
        sop_instance_uid: Uid,
        window: _Window = None,
        viewport: _Viewport = None,
        accept: _Accept = None,
        query: _Query = None,
    ) -> Response:
        """The middle frame of an object, windowed."""
        uids = uids_of(study_instance_uid, series_instance_uid, sop_instance_uid)
        asked = _Asked(accept=query or accept, window=window, viewport=viewport)
        return await pictures.of_one(uids, asked)

    @router.get(
        f"{INSTANCE}/frames/{{frames}}/rendered", response_class=Response, responses=_ANSWERS
    )
    async def of_frames(
        study_instance_uid: Uid,
        series_instance_uid: Uid,
        sop_instance_uid: Uid,
        frames: _Frames,
        window: _Window = None,
        viewport: _Viewport = None,
        accept: _Accept = None,
        query: _Query = None,
    ) -> Response:
        """Frames of an object, windowed."""
        uids = uids_of(study_instance_uid, series_instance_uid, sop_instance_uid)
        asked = _Asked(accept=query or accept, window=window, viewport=viewport)
        return await pictures.of_frames(uids, frame_numbers(frames), asked)


def _add_thumbnails(router: APIRouter, pictures: _Pictures) -> None:
    def small(accept: str | None, viewport: str | None) -> _Asked:
        return _Asked(accept=accept, window=None, viewport=viewport, smallest=_THUMBNAIL)

    @router.get(f"{STUDY}/thumbnail", response_class=Response, responses=_ANSWERS)
    async def of_study(
        study_instance_uid: Uid, viewport: _Viewport = None, accept: _Accept = None
    ) -> Response:
        """The middle image of the largest series of a study, small."""
        return await pictures.of_one(uids_of(study_instance_uid), small(accept, viewport))

    @router.get(f"{SERIES}/thumbnail", response_class=Response, responses=_ANSWERS)
    async def of_series(
        study_instance_uid: Uid,
        series_instance_uid: Uid,
        viewport: _Viewport = None,
        accept: _Accept = None,
    ) -> Response:
        """The middle image of a series, small."""
        uids = uids_of(study_instance_uid, series_instance_uid)
        return await pictures.of_one(uids, small(accept, viewport))

    @router.get(f"{INSTANCE}/thumbnail", response_class=Response, responses=_ANSWERS)
    async def of_instance(
        study_instance_uid: Uid,
        series_instance_uid: Uid,
        sop_instance_uid: Uid,
        viewport: _Viewport = None,
        accept: _Accept = None,
    ) -> Response:
        """The middle frame of an object, small."""
        uids = uids_of(study_instance_uid, series_instance_uid, sop_instance_uid)
        return await pictures.of_one(uids, small(accept, viewport))

    @router.get(
        f"{INSTANCE}/frames/{{frames}}/thumbnail", response_class=Response, responses=_ANSWERS
    )
    async def of_frames(
        study_instance_uid: Uid,
        series_instance_uid: Uid,
        sop_instance_uid: Uid,
        frames: _Frames,
        viewport: _Viewport = None,
        accept: _Accept = None,
    ) -> Response:
        """Frames of an object, small."""
        uids = uids_of(study_instance_uid, series_instance_uid, sop_instance_uid)
        return await pictures.of_frames(uids, frame_numbers(frames), small(accept, viewport))
