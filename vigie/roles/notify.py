"""Tells channels what is flagged."""

import structlog

from vigie.notifying import make_notifications, run_channels
from vigie.processes import stop_event
from vigie.settings import Settings
from vigie.wiring import database, wait_for_database
from worklist.store.engine import connect

log = structlog.get_logger(__name__)


def run(settings: Settings) -> None:
    """Tell until asked to stop; without channels there is nothing to do."""
    stop = stop_event()
    if not settings.notifications:
        log.warning("no_notification_channels", see="docs/notifications.md")
        return
    with database(settings) as url:
        engine = connect(url, pool_size=len(settings.notifications))
        try:
            if wait_for_database(engine, stop):
                run_channels(url, settings, make_notifications(settings, engine), stop)
        finally:
            engine.dispose()
