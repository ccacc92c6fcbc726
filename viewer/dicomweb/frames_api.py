"""Frames of an object: decoded for whoever has no codec, or as they are stored."""

import functools
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import anyio
import anyio.to_thread
from fastapi import APIRouter, Header, Query, Response
from fastapi import Path as PathParameter
from fastapi.responses import StreamingResponse

from viewer.dicomweb import multipart
from viewer.dicomweb.accept import (
    OCTETS,
    PIECES,
    Representation,
    choose_frames,
    is_video,
    stored_media_type,
)
from viewer.dicomweb.addresses import INSTANCE, PREFIX, Uid, Uids, uids_of
from viewer.dicomweb.elements import DEFLATED, EXPLICIT_LITTLE, NATIVE, TooManyElements
from viewer.dicomweb.pixels import UnknownFrame, stored_frame
from viewer.dicomweb.ports import DicomWeb
from viewer.ports import CannotDecode
from worklist.archived import ArchivedObject
from worklist.errors import VigieError

# A workstation has many users: what one was shown is asked for anew, and answered by its ETag.
_CACHE_CONTROL = "private, no-cache"
_DECODER = "1"  # part of every ETag: raise it when frames are decoded differently
_MOST_FRAMES = 4096  # in one request
_LAST_NUMBER = 2**31 - 1


class InvalidFrames(VigieError, ValueError):
    """A list of frame numbers that is none (PS3.18 section 10.1.5)."""


def frame_numbers(text: str) -> list[int]:
    """Numbers from 1, separated by commas; raises InvalidFrames."""
    parts = text.split(",")
    if not all(part.isascii() and part.isdigit() and len(part) <= 10 for part in parts):
        raise InvalidFrames("frames: expected numbers from 1, separated by commas")
    numbers = [int(part) for part in parts]
    if not 1 <= min(numbers) <= max(numbers) <= _LAST_NUMBER:
        raise InvalidFrames("frames: expected numbers from 1, separated by commas")
    if len(numbers) > _MOST_FRAMES:
        raise InvalidFrames(f"frames: at most {_MOST_FRAMES} can be asked for at once")
    return numbers


def make_router(dicomweb: DicomWeb) -> APIRouter:
    """The ``frames`` resource (PS3.18 section 10.4.1.1.4)."""
    router = APIRouter(prefix=PREFIX, tags=["dicomweb"])
    # Pixels must not take every thread from the list.
    at_once = anyio.CapacityLimiter(max(2, os.cpu_count() or 1))

    async def part(one: ArchivedObject, number: int, how: Representation) -> multipart.Part:
        work = functools.partial(read_frame, dicomweb, one, number, as_stored=how.as_stored)
        return await anyio.to_thread.run_sync(work, limiter=at_once)

    async def answer(
        uids: Uids, numbers: list[int], accept: str | None, if_none_match: str | None
    ) -> Response:
        objects = await anyio.to_thread.run_sync(dicomweb.archive.objects, *uids)
        one, how = objects[0], _representation(objects[0], numbers, accept)
        etag = await anyio.to_thread.run_sync(_etag, one.path, numbers, how)
        headers = {"ETag": etag, **_HEADERS}
        if if_none_match is not None and etag in if_none_match:
            return Response(status_code=304, headers=headers)
        first = await part(one, numbers[0], how)
        if not how.is_multipart:
            return Response(first.content, media_type=first.content_type, headers=headers)
        mark = multipart.boundary()
        media_type = multipart.content_type(how.media_type, mark)
        if len(numbers) == 1:
            content = multipart.joined([first], mark)
            return Response(content, media_type=media_type, headers=headers)

        async def pieces() -> AsyncIterator[bytes]:
            yield multipart.whole_part(first, mark)
            for number in numbers[1:]:
                yield multipart.whole_part(await part(one, number, how), mark)
            yield multipart.closing(mark)

        return StreamingResponse(pieces(), media_type=media_type, headers=headers)

    @router.get(f"{INSTANCE}/frames/{{frames}}", response_class=Response, responses=_ANSWERS)
    async def frames(
        study_instance_uid: Uid,
        series_instance_uid: Uid,
        sop_instance_uid: Uid,
        frames: Annotated[str, PathParameter(max_length=32768, examples=["1,2"])],
        accept: Annotated[str | None, Header()] = None,
        query: Annotated[str | None, Query(alias="accept", max_length=1024)] = None,
        if_none_match: Annotated[str | None, Header()] = None,
    ) -> Response:
        """Frames by number, from 1; decoded unless they are asked for as stored."""
        uids = uids_of(study_instance_uid, series_instance_uid, sop_instance_uid)
        return await answer(uids, frame_numbers(frames), query or accept, if_none_match)

    return router


_HEADERS = {"Cache-Control": _CACHE_CONTROL, "Vary": "Accept"}
_ANSWERS: dict[int | str, dict[str, object]] = {200: {"content": PIECES}}


def read_frame(
    dicomweb: DicomWeb, one: ArchivedObject, number: int, *, as_stored: bool
) -> multipart.Part:
    """One frame of those there are; raises CannotDecode."""
    stored = None
    if one.transfer_syntax_uid != DEFLATED:  # in that, nothing has a place in the file
        try:
            stored = stored_frame(one.path, number)
        except TooManyElements:  # the decoder's process has a time limit, and holds up nobody
            if as_stored and one.transfer_syntax_uid not in NATIVE:
                raise
        if stored is not None and (as_stored or stored.is_native):
            media_type = stored_media_type(stored.transfer_syntax_uid)
            return multipart.Part(
                content_type=f"{media_type}; transfer-syntax={stored.transfer_syntax_uid}",
                content=stored.content,
            )
    return multipart.Part(
        content_type=f"{OCTETS}; transfer-syntax={EXPLICIT_LITTLE}",
        content=dicomweb.decode_stored(one.path, number, stored),
    )


def _representation(one: ArchivedObject, numbers: list[int], accept: str | None) -> Representation:
    is_native = one.transfer_syntax_uid in NATIVE
    last = 1 if is_video(one.transfer_syntax_uid) else one.number_of_frames
    if max(numbers) > last:
        raise UnknownFrame(f"the object has no frame {max(numbers)}")
    return choose_frames(
        accept,
        EXPLICIT_LITTLE if is_native else one.transfer_syntax_uid,
        len(numbers),
        decodable=not is_video(one.transfer_syntax_uid),
    )


def _etag(path: Path, numbers: list[int], how: Representation) -> str:
    """A digest of everything the answer depends on; the file by its identity, not re-read."""
    try:
        state = path.stat()
    except OSError as error:
        raise CannotDecode("the archived object cannot be read") from error
    identity = (_DECODER, path.name, state.st_size, state.st_mtime_ns, numbers, how)
    return f'"{hashlib.sha256(repr(identity).encode()).hexdigest()[:32]}"'
