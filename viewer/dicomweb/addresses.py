"""Paths of DICOMweb's resources, and what they name."""

from typing import Annotated

from fastapi import Path, Request

from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID

PREFIX = "/dicomweb"
STUDY = "/studies/{study_instance_uid}"
SERIES = STUDY + "/series/{series_instance_uid}"
INSTANCE = SERIES + "/instances/{sop_instance_uid}"

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

Uid = Annotated[str, Path(max_length=200)]
Uids = tuple[StudyInstanceUID, SeriesInstanceUID | None, SOPInstanceUID | None]


def base_of(request: Request) -> str:
    """The address of the whole service, without a slash at its end.

    Some clients leave the port out of the Host header. On the loopback it is known nevertheless.
    """
    base, server = request.base_url, request.scope.get("server")
    is_direct = base.hostname in _LOOPBACK and "x-forwarded-proto" not in request.headers
    if is_direct and base.port is None and server is not None and server[1] not in (None, 80, 443):
        base = base.replace(port=server[1])
    return f"{str(base).rstrip('/')}{PREFIX}"


def uids_of(study: str, series: str | None = None, instance: str | None = None) -> Uids:
    """The UIDs in a path, checked; raises InvalidUID."""
    return (
        StudyInstanceUID(study),
        None if series is None else SeriesInstanceUID(series),
        None if instance is None else SOPInstanceUID(instance),
    )
