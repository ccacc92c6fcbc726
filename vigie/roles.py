"""The four roles a node consists of; each is one process that runs until asked to stop."""

from collections.abc import Callable, Mapping

import structlog
from dicom_listener.indexer import IndexerSettings
from dicom_listener.indexer import run as run_indexer

from dicom_listener.completion import CompletionSettings
from dicom_listener.server import listen as run_listener
from dicom_listener.settings import ListenerSettings
from models.runner import AssessmentRunner
from viewer.app import create_app
from viewer.decoding import IsolatedDecoder
from viewer.ports import NodeInfo
from viewer.serving import make_server
from vigie import __version__
from vigie.changes import changes_of
from vigie.frames import decode_frame
from vigie.processes import stop_event
from vigie.readiness import readiness
from vigie.settings import Settings
from vigie.wiring import (
    database,
    database_url,
    make_reader,
    make_worklist,
    migrated_engine,
    utc_now,
    wait_for_database,
)
from vigie.worker import Assessor, make_jobs, run_worker
from worklist.store.engine import connect
from worklist.store.postgres import PostgresStore

log = structlog.get_logger(__name__)


def run_listen(settings: Settings) -> None:
    """Receive objects into the inbox. Needs no database."""
    run_listener(
        listener_settings(settings),
        stop_event(),
        lambda port: log.info("listening", host=settings.dicom_host, port=port),
    )


def listener_settings(settings: Settings) -> ListenerSettings:
    """The listener's part of the settings."""
    return ListenerSettings(
        data=settings.data,
        ae_title=settings.ae_title,
        host=settings.dicom_host,
        port=settings.dicom_port,
        allowed_calling_ae_titles=settings.allowed_calling_ae_titles,
        allowed_addresses=settings.allowed_addresses,
        require_called_ae_title=settings.require_called_ae_title,
        max_associations=settings.max_associations,
        max_pdu_bytes=settings.max_pdu_bytes,
        max_object_bytes=settings.max_object_bytes,
        disk_reserve_bytes=settings.disk_reserve_bytes,
        acse_timeout_s=settings.acse_timeout_s,
        network_timeout_s=settings.network_timeout_s,
        dimse_timeout_s=settings.dimse_timeout_s,
        stop_limit_s=settings.stop_limit_s,
    )


def run_file(settings: Settings) -> None:
    """File what was received, and hand complete studies to the detectors."""
    stop = stop_event()
    with migrated_engine(settings) as engine:
        run_indexer(
            IndexerSettings(
                data=settings.data,
                completion=CompletionSettings(
                    quiet_period_s=settings.quiet_period_s,
                    open_association_quiet_period_s=settings.open_association_quiet_period_s,
                    completion_limit_s=settings.completion_limit_s,
                ),
            ),
            make_worklist(settings, engine),
            stop,
            utc_now,
        )


def run_work(settings: Settings) -> None:
    """Run detectors on complete studies."""
    stop = stop_event()
    runner = AssessmentRunner(
        archive=settings.archive,
        software_version=__version__,
        threads=settings.detector_threads,
        cache=settings.model_cache,
    )
    with database(settings) as url, runner:
        engine = connect(url)
        try:
            assessor = Assessor(settings, make_worklist(settings, engine), runner)
            if wait_for_database(engine, stop):
                assessor.register(PostgresStore(engine))
            run_worker(make_jobs(assessor, url), url, settings, stop)
        finally:
            engine.dispose()


def run_web(settings: Settings) -> None:
    """Serve the reading worklist to browsers."""
    with migrated_engine(settings, pool_size=20) as engine, IsolatedDecoder(decode_frame) as frames:
        app = create_app(
            reader=make_reader(settings, engine),
            listen=changes_of(database_url(settings)),
            decode_frame=frames,
            readiness=readiness(settings, engine),
            node=NodeInfo(
                ae_title=settings.ae_title, dicom_port=settings.dicom_port, version=__version__
            ),
            allowed_hosts=settings.allowed_hosts,
            now=utc_now,
        )
        stop_event()  # ends with its supervisor; uvicorn takes over SIGTERM
        make_server(app, host=settings.http_host, port=settings.http_port).run()


ROLES: Mapping[str, Callable[[Settings], None]] = {
    "listen": run_listen,
    "file": run_file,
    "work": run_work,
    "web": run_web,
}
