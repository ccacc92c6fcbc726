"""Receives objects into the inbox. Needs no database."""

import structlog

from dicom_listener.server import listen
from vigie.listening import listener_settings
from vigie.processes import stop_event
from vigie.settings import Settings

log = structlog.get_logger(__name__)


def run(settings: Settings) -> None:
    """Listen until asked to stop; associations in hand are finished."""
    listen(
        listener_settings(settings),
        stop_event(),
        lambda port: log.info("listening", host=settings.dicom_host, port=port),
    )
