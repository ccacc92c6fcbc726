"""Keeps the record, where roles run without `vigie serve`, which does it beside them."""

from vigie.processes import stop_event
from vigie.record_keeper import keep_record
from vigie.settings import Settings
from vigie.wiring import database


def run(settings: Settings) -> None:
    """Keep it until asked to stop."""
    stop = stop_event()
    with database(settings):
        keep_record(settings, stop)
