"""Bulk data: what metadata leave out and name by address (PS3.18 section 10.4.1.1.5)."""

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
    ANY,
    OCTETS,
    PIECES,
    MediaRange,
    first_of,
    is_video,
    parse_accept,
    stored_media_type,
)
from viewer.dicomweb.addresses import INSTANCE, PREFIX, Uid, uids_of
from viewer.dicomweb.bulkdata import BulkData, find_bulk_data, parse_address
from viewer.dicomweb.elements import ArchivedFile
from viewer.dicomweb.frames_api import read_frame
from viewer.dicomweb.ports import DicomWeb
from viewer.dicomweb.values import little_endian
from worklist.archived import ArchivedObject

_PIECE_BYTES = 1024**2
_HEADERS = {
    "Cache-Control": "private, no-cache",
    "Vary": "Accept",
    # It may be a page somebody made: it is saved, never shown as one of ours.
    "Content-Disposition": "attachment",
}
_ANSWERS: dict[int | str, dict[str, object]] = {200: {"content": PIECES}}


def make_router(dicomweb: DicomWeb) -> APIRouter:
    """The ``bulkdata`` resource."""
    router = APIRouter(prefix=PREFIX, tags=["dicomweb"])
    at_once = anyio.CapacityLimiter(max(2, os.cpu_count() or 1))

    @router.get(
        f"{INSTANCE}/bulkdata/{{address:path}}", response_class=Response, responses=_ANSWERS
    )
    async def bulkdata(
        study_instance_uid: Uid,
        series_instance_uid: Uid,
        sop_instance_uid: Uid,
        address: Annotated[str, PathParameter(max_length=1500, examples=["7FE00010"])],
        accept: Annotated[str | None, Header()] = None,
        query: Annotated[str | None, Query(alias="accept", max_length=1024)] = None,
    ) -> Response:
        """One value that is too long for the metadata, which name its address."""
        uids = uids_of(study_instance_uid, series_instance_uid, sop_instance_uid)
        tags = parse_address(address)
        one = (await anyio.to_thread.run_sync(dicomweb.archive.objects, *uids))[0]
        found = await anyio.to_thread.run_sync(_found, one.path, tags, limiter=at_once)
        if found.is_encapsulated:
            return await _codestreams(dicomweb, one, query or accept, at_once)
        is_multipart = _is_multipart(query or accept, OCTETS, alone=True)
        pieces, size = await _value(one.path, found)
        if not is_multipart:
            headers = {**_HEADERS, "Content-Length": str(size)}
            return StreamingResponse(pieces, media_type=OCTETS, headers=headers)
        mark = multipart.boundary()
        content = multipart.streamed([(multipart.part_head(mark, OCTETS, size), pieces)], mark)
        media_type = multipart.content_type(OCTETS, mark)
        return StreamingResponse(content, media_type=media_type, headers=_HEADERS)

    return router


def _found(path: Path, tags: tuple[int, ...]) -> BulkData:
    with ArchivedFile(path) as file:
        return find_bulk_data(file, tags)


def _is_multipart(accept: str | None, media_type: str, *, alone: bool) -> bool:
    """Whether the answer is to have parts; raises NotAcceptable."""

    def choose(one: MediaRange) -> bool | None:
        is_multipart = one.is_multipart or one.media_type == ANY
        takes = one.takes(media_type) and (alone or is_multipart)
        return is_multipart if takes else None

    return first_of(parse_accept(accept), choose, f"{media_type}, or multipart/related parts of it")


async def _value(path: Path, found: BulkData) -> tuple[AsyncIterator[bytes], int]:
    """The bytes in little endian order, and how many."""
    if found.encoding.is_little_endian:
        return _from_file(path, found), found.length

    def swapped() -> bytes:
        with ArchivedFile(path) as file:
            content = file.read(found.value_at, found.length)
        return little_endian(found.vr, content, is_little_endian=False)

    content = await anyio.to_thread.run_sync(swapped)

    async def whole() -> AsyncIterator[bytes]:
        yield content

    return whole(), len(content)


async def _from_file(path: Path, found: BulkData) -> AsyncIterator[bytes]:
    with await anyio.to_thread.run_sync(ArchivedFile, path) as file:
        position, end = found.value_at, found.value_at + found.length
        while position < end:
            length = min(_PIECE_BYTES, end - position)
            piece = await anyio.to_thread.run_sync(file.read, position, length)
            if not piece:
                return
            position += len(piece)
            yield piece


async def _codestreams(
    dicomweb: DicomWeb, one: ArchivedObject, accept: str | None, at_once: anyio.CapacityLimiter
) -> Response:
    """Encapsulated pixel data: a part for each frame, as it is stored."""
    media_type = stored_media_type(one.transfer_syntax_uid)
    frames = 1 if is_video(one.transfer_syntax_uid) else one.number_of_frames
    alone = frames == 1
    try_octets = any(range_.takes(OCTETS) for range_ in parse_accept(accept))
    is_multipart = _is_multipart(accept, OCTETS if try_octets else media_type, alone=alone)

    async def part(number: int) -> multipart.Part:
        def read() -> multipart.Part:
            return read_frame(dicomweb, one, number, as_stored=True)

        return await anyio.to_thread.run_sync(read, limiter=at_once)

    first = await part(1)
    if not is_multipart:
        return Response(first.content, media_type=first.content_type, headers=_HEADERS)
    mark = multipart.boundary()

    async def pieces() -> AsyncIterator[bytes]:
        yield multipart.whole_part(first, mark)
        for number in range(2, frames + 1):
            yield multipart.whole_part(await part(number), mark)
        yield multipart.closing(mark)

    return StreamingResponse(
        pieces(), media_type=multipart.content_type(media_type, mark), headers=_HEADERS
    )
