"""Every resource of DICOMweb."""

from fastapi import APIRouter

from viewer.dicomweb import (
    bulkdata_api,
    frames_api,
    metadata_api,
    objects_api,
    rendered_api,
    search_api,
    store_api,
)
from viewer.dicomweb.metadata import Metadata
from viewer.dicomweb.ports import DicomWeb
from viewer.ports import DecodeFrame


def make_routers(dicomweb: DicomWeb, decode_frame: DecodeFrame) -> list[APIRouter]:
    """The routes under ``/dicomweb``."""
    metadata = Metadata(dicomweb.describe, dicomweb.cache, dicomweb.cache_limit_bytes)
    return [
        search_api.make_router(dicomweb, metadata),
        metadata_api.make_router(dicomweb, metadata),
        frames_api.make_router(dicomweb),
        bulkdata_api.make_router(dicomweb),
        rendered_api.make_router(dicomweb, decode_frame),
        objects_api.make_router(dicomweb),
        store_api.make_router(dicomweb.store),
    ]
