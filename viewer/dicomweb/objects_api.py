"""Whole objects, as Part 10 files (PS3.18 section 10.4.1.1.1)."""

import os
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO

import anyio
import anyio.to_thread
from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse

from viewer.dicomweb import multipart
from viewer.dicomweb.accept import MediaRange, first_of, is_video, parse_accept
from viewer.dicomweb.addresses import INSTANCE, PREFIX, SERIES, STUDY, Uid, Uids, uids_of
from viewer.dicomweb.elements import EXPLICIT_LITTLE
from viewer.dicomweb.ports import DicomWeb
from viewer.ports import CannotDecode
from worklist.archived import ArchivedObject

_DICOM = "application/dicom"
_PIECE_BYTES = 1024**2
_HEADERS = {"Cache-Control": "private, no-cache", "Vary": "Accept"}
_ANSWERS: dict[int | str, dict[str, object]] = {
    200: {"content": {f'multipart/related; type="{_DICOM}"': {}, _DICOM: {}}}
}
_Accept = Annotated[str | None, Header()]
_Query = Annotated[str | None, Query(alias="accept", max_length=1024)]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sent:
    """One object, and how it is handed out."""

    archived: ArchivedObject
    as_stored: bool
    may_be_stored: bool  # the client takes it as stored, too
    is_multipart: bool

    @property
    def content_type(self) -> str:
        """As stored unless it is transcoded."""
        syntax = self.archived.transfer_syntax_uid if self.as_stored else EXPLICIT_LITTLE
        return f"{_DICOM}; transfer-syntax={syntax}"


def make_router(dicomweb: DicomWeb) -> APIRouter:
    """Objects of a study, of a series, and one alone."""
    router = APIRouter(prefix=PREFIX, tags=["dicomweb"])
    at_once = anyio.CapacityLimiter(max(2, os.cpu_count() or 1))

    async def opened(sent: _Sent) -> tuple[str, BinaryIO]:
        return await anyio.to_thread.run_sync(_opened, dicomweb, sent, limiter=at_once)

    async def answer(uids: Uids, accept: str | None) -> Response:
        objects = await anyio.to_thread.run_sync(dicomweb.archive.objects, *uids)
        sent = _choose(objects, parse_accept(accept))
        # The first is opened before anything is said: what goes wrong then is a problem in words.
        media_type, file = await opened(sent[0])
        if not sent[0].is_multipart:
            size = os.fstat(file.fileno()).st_size
            headers = {**_HEADERS, "Content-Length": str(size)}
            return StreamingResponse(_pieces(file), media_type=media_type, headers=headers)
        mark = multipart.boundary()

        async def parts() -> AsyncIterator[bytes]:
            here, there = media_type, file
            for number, one in enumerate(sent):
                if number:
                    here, there = await opened(one)
                yield multipart.part_head(mark, here, os.fstat(there.fileno()).st_size)
                async for piece in _pieces(there):
                    yield piece
                yield multipart.PART_END
            yield multipart.closing(mark)

        return StreamingResponse(
            parts(), media_type=multipart.content_type(_DICOM, mark), headers=_HEADERS
        )

    @router.get(STUDY, response_class=Response, responses=_ANSWERS)
    async def of_study(
        study_instance_uid: Uid, accept: _Accept = None, query: _Query = None
    ) -> Response:
        """Every object of a study."""
        return await answer(uids_of(study_instance_uid), query or accept)

    @router.get(SERIES, response_class=Response, responses=_ANSWERS)
    async def of_series(
        study_instance_uid: Uid,
        series_instance_uid: Uid,
        accept: _Accept = None,
        query: _Query = None,
    ) -> Response:
        """Every object of a series."""
        return await answer(uids_of(study_instance_uid, series_instance_uid), query or accept)

    @router.get(INSTANCE, response_class=Response, responses=_ANSWERS)
    async def of_instance(
        study_instance_uid: Uid,
        series_instance_uid: Uid,
        sop_instance_uid: Uid,
        accept: _Accept = None,
        query: _Query = None,
    ) -> Response:
        """One object."""
        uids = uids_of(study_instance_uid, series_instance_uid, sop_instance_uid)
        return await answer(uids, query or accept)

    return router


def _choose(objects: Sequence[ArchivedObject], ranges: Sequence[MediaRange]) -> list[_Sent]:
    """How each is handed out; all in one answer of one kind.

    Raises
    ------
    NotAcceptable
        If the client takes none of the ways in which one of them can be had.
    """
    return [_choose_one(one, ranges, alone=len(objects) == 1) for one in objects]


def _choose_one(one: ArchivedObject, ranges: Sequence[MediaRange], *, alone: bool) -> _Sent:
    stored = one.transfer_syntax_uid
    # What nobody can decode can be had as it is stored only.
    can_be_explicit = stored == EXPLICIT_LITTLE or not is_video(stored)

    def choose(wanted: MediaRange) -> _Sent | None:
        is_multipart = wanted.is_multipart or wanted.media_type == "*/*"
        if not wanted.takes(_DICOM) or not (is_multipart or alone):
            return None
        says = wanted.transfer_syntax
        as_stored = says in ("*", stored) or stored == EXPLICIT_LITTLE
        if as_stored and says not in (None, "*", stored):
            return None
        if not as_stored and (says not in (None, EXPLICIT_LITTLE) or not can_be_explicit):
            if wanted.media_type != "*/*" or says is not None:
                return None
            as_stored = True
        takes_stored = says is None and wanted.media_type == "*/*"
        return _Sent(
            archived=one,
            as_stored=as_stored,
            may_be_stored=as_stored or takes_stored,
            is_multipart=is_multipart,
        )

    there_is = f"{_DICOM}; transfer-syntax={stored}"
    if can_be_explicit and stored != EXPLICIT_LITTLE:
        there_is += f", or transfer-syntax={EXPLICIT_LITTLE}"
    return first_of(ranges, choose, f"multipart/related parts of {there_is}")


def _opened(dicomweb: DicomWeb, sent: _Sent) -> tuple[str, BinaryIO]:
    """Content type and file; raises CannotDecode."""
    stored = f"{_DICOM}; transfer-syntax={sent.archived.transfer_syntax_uid}"
    if not sent.as_stored:
        try:
            return sent.content_type, _transcoded(dicomweb, sent.archived.path)
        except CannotDecode:
            if not sent.may_be_stored:
                raise
    try:
        return stored, sent.archived.path.open("rb", buffering=0)
    except OSError as error:
        raise CannotDecode("the archived object cannot be read") from error


def _transcoded(dicomweb: DicomWeb, path: Path) -> BinaryIO:
    """The object in Explicit VR Little Endian, in a file that has lost its name already."""
    dicomweb.cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = dicomweb.cache / f"{secrets.token_hex(8)}.dcm"
    try:
        dicomweb.transcode(path, target)
        return target.open("rb", buffering=0)
    except OSError as error:
        raise CannotDecode("there is no room to transcode the object") from error
    finally:
        target.unlink(missing_ok=True)


async def _pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    read: Callable[[int], bytes] = file.read
    with file:
        while piece := await anyio.to_thread.run_sync(read, _PIECE_BYTES):
            yield piece
