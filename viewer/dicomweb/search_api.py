"""QIDO-RS: what studies, series and objects there are (PS3.18 section 10.6)."""

import functools
import json
from collections.abc import Sequence
from typing import Annotated, Any

import anyio
import anyio.to_thread
from fastapi import APIRouter, Header, Request, Response

from viewer.dicomweb.accept import NotAcceptable, wants_json
from viewer.dicomweb.addresses import PREFIX, SERIES, STUDY, Uid, base_of
from viewer.dicomweb.json_model import as_json, with_base
from viewer.dicomweb.metadata import Metadata
from viewer.dicomweb.metadata_api import DICOM_JSON
from viewer.dicomweb.ports import DicomWeb
from viewer.dicomweb.search import Asked, parse, row
from worklist.archive_search import Found, Level
from worklist.archived import ArchivedObject
from worklist.errors import UnknownStudy
from worklist.uid import SeriesInstanceUID, StudyInstanceUID
from worklist.views import UnknownInstance

_AT_ONCE = 4  # searches, which may be long: in threads and on connections that the list keeps
_SERVICE = "vigie"
_NOT_FUZZY = (
    f'299 {_SERVICE} "The fuzzymatching parameter is not supported. '
    'Only literal matching has been performed."'
)
_MORE = f'299 {_SERVICE} "There are additional results that can be requested"'
_ANSWERS: dict[int | str, dict[str, object]] = {200: {"content": {DICOM_JSON: {}}}}
_Accept = Annotated[str | None, Header()]


def make_router(dicomweb: DicomWeb, metadata: Metadata) -> APIRouter:
    """The searches, over everything and within a study or series."""
    router = APIRouter(prefix=PREFIX, tags=["dicomweb"])

    at_once = anyio.CapacityLimiter(_AT_ONCE)

    async def answer(
        request: Request,
        level: Level,
        accept: str | None,
        study: str | None = None,
        series: str | None = None,
    ) -> Response:
        work = functools.partial(found, request, level, accept, study, series)
        return await anyio.to_thread.run_sync(work, limiter=at_once)

    def found(
        request: Request,
        level: Level,
        accept: str | None,
        study: str | None,
        series: str | None,
    ) -> Response:
        query = request.query_params
        if not wants_json(query.get("accept") or accept):
            raise NotAcceptable(f"results can be had as {DICOM_JSON}")
        asked = parse(
            query.multi_items(),
            level,
            None if study is None else StudyInstanceUID(study),
            None if series is None else SeriesInstanceUID(series),
        )
        rows = dicomweb.archive.search(asked.query)
        if study is not None and not rows and not asked.query.offset:
            _check_there(dicomweb, asked)
        warnings = [_NOT_FUZZY] if asked.fuzzy else []
        if len(rows) > asked.limit:
            warnings.append(_MORE)
        shown = rows[: asked.limit]
        base = base_of(request)
        said = _said(dicomweb, metadata, shown) if asked.described else [None] * len(shown)
        told = [row(one, asked, base, says) for one, says in zip(shown, said, strict=True)]
        headers = {"Warning": ", ".join(warnings)} if warnings else {}
        return Response(with_base(as_json(told), base), media_type=DICOM_JSON, headers=headers)

    @router.get("/studies", response_class=Response, responses=_ANSWERS)
    async def studies(request: Request, accept: _Accept = None) -> Response:
        """Studies, the newest first."""
        return await answer(request, Level.STUDY, accept)

    @router.get("/series", response_class=Response, responses=_ANSWERS)
    async def all_series(request: Request, accept: _Accept = None) -> Response:
        """Series of all studies."""
        return await answer(request, Level.SERIES, accept)

    @router.get("/instances", response_class=Response, responses=_ANSWERS)
    async def all_instances(request: Request, accept: _Accept = None) -> Response:
        """Objects of all studies."""
        return await answer(request, Level.INSTANCE, accept)

    @router.get(f"{STUDY}/series", response_class=Response, responses=_ANSWERS)
    async def series(request: Request, study_instance_uid: Uid, accept: _Accept = None) -> Response:
        """Series of a study."""
        return await answer(request, Level.SERIES, accept, study_instance_uid)

    @router.get(f"{STUDY}/instances", response_class=Response, responses=_ANSWERS)
    async def instances_of_study(
        request: Request, study_instance_uid: Uid, accept: _Accept = None
    ) -> Response:
        """Objects of a study."""
        return await answer(request, Level.INSTANCE, accept, study_instance_uid)

    @router.get(f"{SERIES}/instances", response_class=Response, responses=_ANSWERS)
    async def instances_of_series(
        request: Request,
        study_instance_uid: Uid,
        series_instance_uid: Uid,
        accept: _Accept = None,
    ) -> Response:
        """Objects of a series."""
        return await answer(
            request, Level.INSTANCE, accept, study_instance_uid, series_instance_uid
        )

    return router


def _check_there(dicomweb: DicomWeb, asked: Asked) -> None:
    """Nothing found in a study that is there is an answer; a study that is not there is none."""
    if asked.query.study is not None:
        dicomweb.archive.shown_for(asked.query.study, asked.query.series)


def _said(
    dicomweb: DicomWeb, metadata: Metadata, found: Sequence[Found]
) -> list[dict[str, Any] | None]:
    """What one object of each row says; None where it cannot be read."""
    objects: list[ArchivedObject | None] = []
    for one in found:
        series = None if one.series is None else one.series.series_instance_uid
        instance = None if one.instance is None else one.instance.sop_instance_uid
        try:
            objects.append(
                dicomweb.archive.shown_for(one.study.study_instance_uid, series, instance)
            )
        except (UnknownStudy, UnknownInstance):  # all its objects share their UIDs with others
            objects.append(None)
    there = [one for one in objects if one is not None]
    described = iter(json.loads(b"[" + metadata.of(there, keep=False) + b"]") if there else [])
    return [None if one is None else next(described) for one in objects]
