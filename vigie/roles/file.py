"""Files what was received, and hands complete studies to the detectors."""

from dicom_listener.completion import CompletionSettings
from dicom_listener.indexer import IndexerSettings
from dicom_listener.indexer import run as run_indexer
from vigie.processes import stop_event
from vigie.settings import Settings
from vigie.wiring import make_worklist, migrated_engine, utc_now, wait_for_database


def run(settings: Settings) -> None:
    """File until asked to stop."""
    stop = stop_event()
    with migrated_engine(settings) as engine:
        if not wait_for_database(engine, stop):
            return
        run_indexer(indexer_settings(settings), make_worklist(settings, engine), stop, utc_now)


def indexer_settings(settings: Settings) -> IndexerSettings:
    """The indexer's part of the settings."""
    return IndexerSettings(
        data=settings.data,
        completion=CompletionSettings(
            quiet_period_s=settings.quiet_period_s,
            open_association_quiet_period_s=settings.open_association_quiet_period_s,
            completion_limit_s=settings.completion_limit_s,
        ),
    )
