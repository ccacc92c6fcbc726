"""Paths of DICOMweb's resources, and what they name."""

from typing import Annotated

from fastapi import Path, Request

from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID

PREFIX = "/dicomweb"
STUDY = "/studies/{study_instance_uid}"
SERIES = STUDY + "/series/{series_instance_uid}"
INSTANCE = SERIES + "/instances/{sop_instance_uid}"

Uid = Annotated[str, Path(max_length=200)]
Uids = tuple[StudyInstanceUID, SeriesInstanceUID | None, SOPInstanceUID | None]


def base_of(request: Request) -> str:
    """The address of the whole service, without a slash at its end."""
    return f"{str(request.base_url).rstrip('/')}{PREFIX}"


def uids_of(study: str, series: str | None = None, instance: str | None = None) -> Uids:
    """The UIDs in a path, checked; raises InvalidUID."""
    return (
        StudyInstanceUID(study),
        None if series is None else SeriesInstanceUID(series),
        None if instance is None else SOPInstanceUID(instance),
    )
