"""What the objects of a study, a series or one object say, without their bulk data."""

import gzip
from collections.abc import AsyncIterator
from itertools import groupby
from typing import Annotated

import anyio
import anyio.to_thread
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from viewer.dicomweb.accept import NotAcceptable, wants_json
from viewer.dicomweb.addresses import INSTANCE, PREFIX, SERIES, STUDY, Uid, Uids, base_of, uids_of
from viewer.dicomweb.json_model import with_base
from viewer.dicomweb.metadata import Metadata
from viewer.dicomweb.ports import DicomWeb
from worklist.archived import ArchivedObject

DICOM_JSON = "application/dicom+json"
_AT_ONCE = 8  # threads that wait for what describes objects; the list keeps its own
_WORTH_PACKING_BYTES = 2048


def make_router(dicomweb: DicomWeb, metadata: Metadata) -> APIRouter:
    """The ``metadata`` resources (PS3.18 section 10.4.1.1.2)."""
    router = APIRouter(prefix=PREFIX, tags=["dicomweb"])

    at_once = anyio.CapacityLimiter(_AT_ONCE)

    async def answer(request: Request, uids: Uids, accept: str | None) -> Response:
        if not wants_json(accept):
            raise NotAcceptable(f"metadata can be had as {DICOM_JSON}")
        objects = await anyio.to_thread.run_sync(dicomweb.archive.objects, *uids, limiter=at_once)
        base = base_of(request)
        series = [list(one) for _, one in groupby(objects, lambda one: one.series_instance_uid)]

        def of(one: list[ArchivedObject]) -> bytes:
            return with_base(metadata.of(one), base)

        async def pieces() -> AsyncIterator[bytes]:
            for number, one in enumerate(series):
                yield b"," if number else b"["
                yield await anyio.to_thread.run_sync(of, one, limiter=at_once)
            yield b"]"

        if len(series) == 1:

            def whole() -> Response:
                return _whole(request, b"[" + of(series[0]) + b"]")

            return await anyio.to_thread.run_sync(whole, limiter=at_once)
        return StreamingResponse(pieces(), media_type=DICOM_JSON)

    @router.get(f"{STUDY}/metadata", response_class=Response, responses=_ANSWERS)
    async def of_study(
        request: Request, study_instance_uid: Uid, accept: _Accept = None, query: _Query = None
    ) -> Response:
        """Of every object of a study."""
        return await answer(request, uids_of(study_instance_uid), query or accept)

    @router.get(f"{SERIES}/metadata", response_class=Response, responses=_ANSWERS)
    async def of_series(
        request: Request,
        study_instance_uid: Uid,
        series_instance_uid: Uid,
        accept: _Accept = None,
        query: _Query = None,
    ) -> Response:
        """Of every object of a series."""
        uids = uids_of(study_instance_uid, series_instance_uid)
        return await answer(request, uids, query or accept)

    @router.get(f"{INSTANCE}/metadata", response_class=Response, responses=_ANSWERS)
    async def of_instance(
        request: Request,
        study_instance_uid: Uid,
        series_instance_uid: Uid,
        sop_instance_uid: Uid,
        accept: _Accept = None,
        query: _Query = None,
    ) -> Response:
        """Of one object."""
        uids = uids_of(study_instance_uid, series_instance_uid, sop_instance_uid)
        return await answer(request, uids, query or accept)

    return router


_Accept = Annotated[str | None, Header()]
_Query = Annotated[str | None, Query(alias="accept", max_length=1024)]
_ANSWERS: dict[int | str, dict[str, object]] = {200: {"content": {DICOM_JSON: {}}}}


def _whole(request: Request, content: bytes) -> Response:
    headers = {"Vary": "Accept, Accept-Encoding"}
    packs = "gzip" in request.headers.get("accept-encoding", "").lower()
    if packs and len(content) > _WORTH_PACKING_BYTES:
        content = gzip.compress(content, 1)
        headers["Content-Encoding"] = "gzip"
    return Response(content, media_type=DICOM_JSON, headers=headers)
