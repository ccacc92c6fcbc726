"""Runs detectors on complete studies."""

import os
import threading

from models.runner import AssessmentRunner
from vigie import __version__
from vigie.processes import stop_event
from vigie.settings import Settings
from vigie.wiring import database, make_worklist, model_folder, site_prevalence, wait_for_database
from vigie.worker import Assessor, make_jobs, run_worker
from worklist.store.engine import connect
from worklist.store.postgres import PostgresStore


def run(settings: Settings) -> None:
    """Work until asked to stop."""
    stop = stop_event()
    runner = AssessmentRunner(
        archive=settings.archive,
        software_version=__version__,
        threads=settings.detector_threads,
        cache=settings.model_cache,
        model_folder=model_folder(settings),
        prevalence=site_prevalence(settings),
    )
    if not _loaded(runner, stop):
        # At once: while Python winds down, the thread left behind would start another process.
        # The child sees its parent go and ends by itself.
        os._exit(0)
    with database(settings) as url, runner:
        engine = connect(url)
        try:
            assessor = Assessor(settings, make_worklist(settings, engine), runner)
            if wait_for_database(engine, stop):
                assessor.register(PostgresStore(engine))
            run_worker(make_jobs(assessor, url), url, settings, stop, assessor.notice_changes)
        finally:
            engine.dispose()


def _loaded(runner: AssessmentRunner, stop: threading.Event) -> bool:
    """Whether the detectors are loaded; False if asked to stop before they were."""
    loading = threading.Thread(target=runner.start, daemon=True)
    loading.start()
    while loading.is_alive() and not stop.is_set():
        loading.join(timeout=0.1)
    return not stop.is_set()
