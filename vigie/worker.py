"""The worker role: takes assessments from the queue, first due first, records what comes out."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence

import procrastinate
import psycopg
import psycopg_pool
import structlog
from procrastinate.exceptions import ConnectorException

from models.registry import BrokenDetector
from models.runner import AssessmentRunner, ChildGone, Result
from vigie import __version__
from vigie.settings import Settings
from vigie.wiring import utc_now
from worklist.errors import StoreUnavailable, UnknownStudy
from worklist.finding import DetectorIdentity, Failed, Provenance
from worklist.ports import AssessmentTask
from worklist.service import Worklist
from worklist.store.jobs import ASSESS_STUDY, ASSESSMENT_QUEUE
from worklist.store.postgres import PostgresStore
from worklist.uid import StudyInstanceUID

log = structlog.get_logger(__name__)

_RECONNECT_S = 1.0
_NOTICE_S = 2.0
_NEVER_GIVE_UP = 1_000_000
_HEARTBEATS = 4  # signs of life in the time after which a worker counts as stalled


class Assessor:
    """What one job does: ask the detectors, record their outcomes."""

    def __init__(self, settings: Settings, worklist: Worklist, runner: AssessmentRunner) -> None:
        self._settings = settings
        self._worklist = worklist
        self._runner = runner
        self._store: PostgresStore | None = None
        self._registered: object = None

    def notice_changes(self) -> None:
        """Load models that were added, drop those removed, and say so, unless it is at work."""
        if self._store is None or not self._runner.notice_changes():
            return
        if self._registered != (self._runner.identities(), self._runner.cards()):
            self.register(self._store)

    def register(self, store: PostgresStore) -> None:
        """Say which detectors are installed, broken ones included."""
        self._store = store
        self._registered = (self._runner.identities(), self._runner.cards())
        broken = {
            one.name: one.reason
            for one in self._runner.identities()
            if isinstance(one, BrokenDetector)
        }
        for name, reason in broken.items():
            log.error("detector_broken", detector=name, reason=reason)
        store.register_detectors(self._installed(), broken, utc_now(), cards=self._runner.cards())

    def assess(self, uid: StudyInstanceUID, number: int) -> None:
        """Assess one study; whatever happens ends in outcomes that people can see.

        Raises
        ------
        StoreUnavailable, ChildGone
            If the database went away, or no process for detectors can be started; the job is
            to be tried again.
        """
        installed = self._installed()  # before it counts as begun: this may fail
        task = self._worklist.begin_assessment(uid, number, now=utc_now())
        if task is None:
            log.info("assessment_obsolete", study_instance_uid=uid, number=number)
            return
        switch = self._worklist.ai_switch()
        detectors = [one for one in installed if not switch.is_stopped(one.name)]
        for result in self._results(task, detectors):
            if result.provenance is not None:
                self._record(uid, number, result, result.provenance)
        self._worklist.finish_assessment(uid, number, now=utc_now())

    def _record(
        self, uid: StudyInstanceUID, number: int, result: Result, provenance: Provenance
    ) -> None:
        outcome = result.outcome
        try:
            self._worklist.record_outcome(uid, number, outcome, provenance, now=utc_now())
        except (StoreUnavailable, UnknownStudy):
            raise
        except Exception as error:
            log.exception("outcome_not_kept", study_instance_uid=uid, detector=result.name)
            outcome = Failed(reason=f"its answer cannot be kept: {type(error).__name__}")
            self._worklist.record_outcome(uid, number, outcome, provenance, now=utc_now())
        log.info(
            "outcome",
            study_instance_uid=uid,
            detector=result.name,
            outcome=type(outcome).__name__,
            seconds=_seconds(provenance),
        )

    def _installed(self) -> list[DetectorIdentity]:
        identities = [
            one.identity if isinstance(one, BrokenDetector) else one
            for one in self._runner.identities()
        ]
        return [one for one in identities if one is not None]

    def _results(
        self, task: AssessmentTask, detectors: Sequence[DetectorIdentity]
    ) -> Iterator[Result]:
        """One result a detector, each as soon as it is there."""
        limit = self._settings.assessment_attempts
        if task.attempt > limit:
            reason = (
                f"given up: begun {limit} times and never ended, because the worker died or "
                "the database went away"
            )
            yield from (_failed(one, reason) for one in detectors)
            return
        waiting = {one.name: one for one in detectors}
        try:
            for result in self._runner.assess(
                task.study_instance_uid,
                task.instances,
                detectors=list(waiting),
                time_limit_s=self._settings.detector_time_limit_s,
            ):
                del waiting[result.name]
                yield result
        except Exception as error:
            log.exception("assessment_failed", study_instance_uid=task.study_instance_uid)
            reason = f"{type(error).__name__}: {error}"
            yield from (_failed(one, reason) for one in waiting.values())


def _seconds(provenance: Provenance) -> float:
    return round((provenance.finished_at - provenance.started_at).total_seconds(), 3)


def _failed(detector: DetectorIdentity, reason: str) -> Result:
    now = utc_now()
    return Result(
        name=detector.name,
        outcome=Failed(reason=reason),
        provenance=Provenance(
            detector=detector,
            instances=(),
            not_eligible=(),
            software_version=__version__,
            started_at=now,
            finished_at=now,
        ),
    )


def make_jobs(assessor: Assessor, url: str) -> procrastinate.App:
    """The queue's application, its one task bound to the assessor."""
    app = procrastinate.App(
        connector=procrastinate.PsycopgConnector(conninfo=url, min_size=1, max_size=4)
    )

    @app.task(
        name=ASSESS_STUDY,
        queue=ASSESSMENT_QUEUE,
        # Whatever went wrong is tried again: `Assessor` gives up after some attempts, in
        # outcomes that people can see, where a failed job would leave "not run yet" for ever.
        retry=procrastinate.RetryStrategy(max_attempts=_NEVER_GIVE_UP, wait=2),
    )
    def assess_study(study_instance_uid: str, number: int) -> None:
        try:
            assessor.assess(StudyInstanceUID(study_instance_uid), number)
        except UnknownStudy:
            log.warning("study_gone", study_instance_uid=study_instance_uid)

    return app


def run_worker(
    jobs: procrastinate.App,
    url: str,
    settings: Settings,
    stop: threading.Event,
    notice_changes: Callable[[], None],
) -> None:
    """Work until asked to stop; wait and go on when the database goes away.

    Between studies, models that were added or removed are noticed every few seconds.

    When asked to stop, the assessment in hand is finished unless it takes longer than
    ``stop_limit_s``; then another worker takes it over.
    """
    while not stop.is_set():
        try:
            psycopg.connect(url, connect_timeout=5).close()  # a pool would wait half a minute
            asyncio.run(_work(jobs, settings, stop, notice_changes))
        except (ConnectorException, psycopg.Error, psycopg_pool.PoolTimeout, OSError) as error:
            log.warning("database_unavailable", error=str(error))
            stop.wait(_RECONNECT_S)


async def _work(
    jobs: procrastinate.App,
    settings: Settings,
    stop: threading.Event,
    notice_changes: Callable[[], None],
) -> None:
    async with jobs.open_async():
        worker = asyncio.create_task(
            jobs.run_worker_async(
                queues=[ASSESSMENT_QUEUE],
                concurrency=1,
                fetch_job_polling_interval=2,
                delete_jobs="successful",
                install_signal_handlers=False,
                shutdown_graceful_timeout=settings.stop_limit_s,
                update_heartbeat_interval=settings.stalled_worker_s / _HEARTBEATS,
                stalled_worker_timeout=settings.stalled_worker_s,
            )
        )
        rescue = asyncio.create_task(_take_over_stalled(jobs, settings))
        noticing = asyncio.create_task(_keep_noticing(notice_changes))
        stopped = asyncio.create_task(_is_set(stop))
        await asyncio.wait([worker, rescue, noticing, stopped], return_when=asyncio.FIRST_COMPLETED)
        if not worker.done():
            worker.cancel()  # Procrastinate's way of asking a worker to stop
        rescue.cancel()
        noticing.cancel()
        stopped.cancel()
        ended = await asyncio.gather(worker, rescue, noticing, return_exceptions=True)
    for one in ended:
        if isinstance(one, Exception):
            raise one


async def _keep_noticing(notice_changes: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(_NOTICE_S)
        try:
            await asyncio.to_thread(notice_changes)
        except (StoreUnavailable, ChildGone) as error:
            log.warning("models_not_noticed", error=str(error))


async def _is_set(stop: threading.Event) -> None:
    while not stop.is_set():
        await asyncio.sleep(0.2)


async def _take_over_stalled(jobs: procrastinate.App, settings: Settings) -> None:
    """Put back in the queue what a worker that gives no sign of life had in hand."""
    while True:
        stalled = await jobs.job_manager.get_stalled_jobs(
            queue=ASSESSMENT_QUEUE, seconds_since_heartbeat=settings.stalled_worker_s
        )
        for job in stalled:
            log.warning("job_taken_over", job_id=job.id, **job.task_kwargs)
            await jobs.job_manager.retry_job(job)
        await asyncio.sleep(settings.stalled_worker_s / _HEARTBEATS)
