"""Runs detectors on complete studies."""

from models.runner import AssessmentRunner
from vigie import __version__
from vigie.processes import stop_event
from vigie.settings import Settings
from vigie.wiring import database, make_worklist, wait_for_database
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
