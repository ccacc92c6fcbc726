"""Running detectors so that nothing they do harms the worker (DESIGN.md section 3, step 5).

One warm child process holds the loaded detectors. A detector that raises, crashes, is killed
or takes too long becomes ``Failed`` with a reason; the other detectors still get their turn.
"""

import logging
import os
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Self

from models.child import Answer, ChildSettings, Loaded, Loading, Ready, Request, Selected
from models.child_process import Child, ChildGone, expected
from models.headers import DEFAULT_LIMIT_BYTES
from models.registry import (
    RETRY_PAUSES_S,
    BrokenDetector,
    Loadable,
    LoadingDeaths,
    added_models,
    installed_detectors,
)
from worklist.finding import DetectorIdentity, Failed, Outcome, Provenance, TargetFinding
from worklist.study import ArchivedInstance
from worklist.uid import StudyInstanceUID

__all__ = ["AssessmentRunner", "ChildGone", "Result"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What one detector came to on one study."""

    name: str  # of the detector
    outcome: Outcome
    provenance: Provenance | None  # None: not loaded, and its name gives no target finding


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _half_of_memory_bytes() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


class AssessmentRunner:
    """Runs detectors in one warm child process; may be shared by threads, which take turns.

    Parameters
    ----------
    archive
        The folder that ``ArchivedInstance.archive_path`` is relative to.
    software_version
        Stands in every provenance (P6).
    threads
        CPU threads a network may use.
    cache
        Where compiled networks may be kept; None: nowhere.
    detectors
        Entry points by name; None: the installed ones.
    model_folder
        Where third-party models are added and removed while the runner is at work; None: none.
    limit_bytes
        What one series may take in memory once decoded.
    memory_limit_bytes
        What the process of the detectors may take; None: half of the machine's memory.
    prevalence
        Share of the site's studies that show a finding, above 0 and below 1; where one is not
        given, probabilities hold for the prevalence of the detector's own data.
    startup_limit_s
        How long starting the process and loading one detector may take.
    retry_pauses_s
        How long a detector that ended the process by loading is left out: after its first
        death in a row, its second, and so on; the last counts for all others.
    clock
        Gives the aware UTC time that provenance records.
    """

    def __init__(
        self,
        *,
        archive: Path,
        software_version: str,
        threads: int = 1,
        cache: Path | None = None,
        detectors: Mapping[str, Loadable] | None = None,
        model_folder: Path | None = None,
        limit_bytes: int = DEFAULT_LIMIT_BYTES,
        memory_limit_bytes: int | None = None,
        prevalence: Mapping[TargetFinding, float] | None = None,
        startup_limit_s: float = 300.0,
        retry_pauses_s: Sequence[float] = RETRY_PAUSES_S,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._fixed = dict(installed_detectors() if detectors is None else detectors)
        self._model_folder = model_folder
        self._settings = ChildSettings(
            entry_points={},
            archive=archive,
            threads=threads,
            cache=cache,
            limit_bytes=limit_bytes,
            memory_limit_bytes=memory_limit_bytes or _half_of_memory_bytes(),
            prevalence=dict(prevalence or {}),
        )
        self._software_version = software_version
        self._startup_limit_s = startup_limit_s
        self._clock = clock
        self._lock = threading.RLock()
        self._child: Child | None = None
        self._assessing = False  # the child may have answers under way
        self._detectors: dict[str, DetectorIdentity | BrokenDetector] = {}
        self._cards: dict[str, Mapping[str, Any]] = {}
        self._deaths = LoadingDeaths(retry_pauses_s)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Load the detectors ahead of the first study.

        Raises
        ------
        ChildGone
            If no process can be started at all; a broken detector is no reason.
        """
        with self._lock:
            self._warm_child()

    def close(self) -> None:
        """End the child; the runner may be started again."""
        with self._lock:
            if self._child is not None:
                self._child.kill()
                self._child = None

    def identities(self) -> list[DetectorIdentity | BrokenDetector]:
        """The installed detectors by name, those that cannot be loaded included.

        Raises
        ------
        ChildGone
            If no process can be started at all.
        """
        with self._lock:
            if not self._assessing:
                self._warm_child()
            return [self._detectors[name] for name in sorted(self._detectors)]

    def notice_changes(self) -> bool:
        """Load what was added and drop what was removed; False while it is at work.

        Then it does so before the next study.

        Raises
        ------
        ChildGone
            If no process can be started at all.
        """
        if not self._lock.acquire(blocking=False):
            return False
        try:
            if not self._assessing:
                self._warm_child()
            return not self._assessing
        finally:
            self._lock.release()

    def cards(self) -> dict[str, Mapping[str, Any]]:
        """The cards of the detectors that are loaded, by name, as plain JSON values."""
        with self._lock:
            return dict(self._cards)

    def assess(
        self,
        study_instance_uid: StudyInstanceUID,
        instances: Sequence[ArchivedInstance],
        *,
        detectors: Sequence[str],
        time_limit_s: float,
    ) -> Iterator[Result]:
        """Let these detectors look at one study; one result each, in the order given.

        Each result comes as soon as it is there. The work begins with the first one asked
        for, and other threads wait until the iterator is exhausted or closed.

        Parameters
        ----------
        time_limit_s
            For each detector: decoding and assessing; for the first, reading headers too.

        Raises
        ------
        RuntimeError
            If this thread has not finished another iterator of this runner.
        """
        with self._lock:
            if self._assessing:
                raise RuntimeError("this thread has not finished its last assessment")
            self._assessing = True
            try:
                yield from self._assess(
                    study_instance_uid, tuple(instances), detectors, time_limit_s
                )
            finally:
                self._assessing = False

    def _assess(
        self,
        study_instance_uid: StudyInstanceUID,
        instances: tuple[ArchivedInstance, ...],
        detectors: Sequence[str],
        time_limit_s: float,
    ) -> Iterator[Result]:
        waiting = list(detectors)
        while waiting:
            try:
                child = self._warm_child()
            except ChildGone as gone:
                yield from (self._not_run(name, str(gone)) for name in waiting)
                return
            loaded = tuple(takewhile(self._is_loaded, waiting))
            if not loaded:
                yield self._not_loaded(waiting.pop(0))
                continue
            request = Request(
                study_instance_uid=study_instance_uid, instances=instances, detectors=loaded
            )
            with closing(self._ask(child, request, time_limit_s)) as results:
                for result in results:
                    waiting.remove(result.name)
                    yield result

    def _ask(
        self, child: Child, request: Request, time_limit_s: float
    ) -> Generator[Result, None, None]:
        """Results of the request's detectors, up to the first that ends the child."""
        unanswered = list(request.detectors)
        started_at, deadline = self._clock(), monotonic() + time_limit_s
        try:
            with suppress(ChildGone):  # the first answer will say so
                child.send(request)
            while unanswered:
                answer = _answer_of(child, deadline, time_limit_s)
                name = unanswered.pop(0)
                if isinstance(answer.outcome, Failed):
                    log.warning("detector %s failed: %s", name, answer.outcome.reason)
                result = self._result(name, answer, started_at)
                # the child is at the next one by now, however long this result is looked at
                started_at, deadline = self._clock(), monotonic() + time_limit_s
                yield result
                if child.closed:
                    return
        finally:
            if unanswered:  # an answer nobody waits for must not meet the next question
                child.kill()

    def _result(self, name: str, answer: Answer, started_at: datetime) -> Result:
        known = self._detectors.get(name)
        identity = known.identity if isinstance(known, BrokenDetector) else known
        provenance = None
        if identity is not None:
            provenance = Provenance(
                detector=identity,
                instances=answer.instances,
                not_eligible=answer.not_used,
                software_version=self._software_version,
                started_at=started_at,
                finished_at=self._clock(),
            )
        return Result(name=name, outcome=answer.outcome, provenance=provenance)

    def _is_loaded(self, name: str) -> bool:
        return isinstance(self._detectors.get(name), DetectorIdentity)

    def _not_loaded(self, name: str) -> Result:
        known = self._detectors.get(name)
        if isinstance(known, BrokenDetector):
            return self._not_run(name, known.reason)
        return self._not_run(name, f"no detector named {name} is installed")

    def _not_run(self, name: str, reason: str) -> Result:
        answer = Answer(outcome=Failed(reason=reason), instances=(), not_used=())
        return self._result(name, answer, self._clock())

    def _warm_child(self) -> Child:
        """The child with its detectors loaded; started anew where there is none.

        Where only a detector that died is to be tried again, the child at hand stays until
        the new one is ready.
        """
        self._look_for_changes()
        if self._child is not None and not self._child.is_ready():
            self._child.kill()
            self._child = None
        while self._child is None or self._deaths.is_retry_due(monotonic()):
            waiting = self._deaths.waiting(monotonic())
            loadable = {
                name: entry_point
                for name, entry_point in self._settings.entry_points.items()
                if name not in waiting
            }
            try:
                child = Child(replace(self._settings, entry_points=loadable))
                is_loaded = self._load(child, waiting)
            except ChildGone:
                if self._child is None:
                    raise
                log.exception("a detector cannot be tried again")
                break
            if is_loaded:
                if self._child is not None:
                    self._child.kill()
                self._child = child
        return self._child

    def _look_for_changes(self) -> None:
        """Models added, replaced or removed since: a new child loads what there is now."""
        present = {**added_models(self._model_folder), **self._fixed}
        known = self._settings.entry_points
        if present == known:
            return
        for name in known.keys() | present.keys():
            # an entry point cannot be compared with None
            if name not in known or name not in present or known[name] != present[name]:
                self._deaths.forget(name)
        self._settings = replace(self._settings, entry_points=present)
        if self._child is not None:
            log.info("the installed detectors changed: loading %s", ", ".join(present))
            self._child.kill()
            self._child = None

    def _load(self, child: Child, waiting: Mapping[str, BrokenDetector]) -> bool:
        """Whether the child got through loading; the detector that killed it is noted."""
        detectors: dict[str, DetectorIdentity | BrokenDetector] = dict(waiting)
        cards: dict[str, Mapping[str, Any]] = {}
        loading: str | None = None
        while True:
            try:
                message = child.receive(monotonic() + self._startup_limit_s)
            except (TimeoutError, ChildGone) as error:
                if loading is None:
                    raise ChildGone(f"no process for detectors can be started: {error}") from error
                slow = isinstance(error, TimeoutError)
                self._deaths.record(loading, str(error), now_s=monotonic(), at_once=not slow)
                return False
            if isinstance(message, Loading):
                loading = message.name
            elif isinstance(message, Loaded):
                detectors[message.detector.name] = message.detector
                if message.card is not None:
                    cards[message.detector.name] = message.card
                self._deaths.forget(message.detector.name)
            else:
                expected(message, Ready)
                self._detectors, self._cards = detectors, cards
                return True


def _answer_of(child: Child, deadline: float, time_limit_s: float) -> Answer:
    """What one detector came to, and what it was about to see; a failure if it ends the child."""
    selected = Selected(instances=(), not_used=())
    try:
        message = child.receive(deadline)
        if isinstance(message, Selected):
            selected = message
            message = child.receive(deadline)
        return expected(message, Answer)
    except TimeoutError:
        reason = f"took longer than {time_limit_s:g} s"
    except ChildGone as gone:
        reason = str(gone)
    return Answer(
        outcome=Failed(reason=reason),
        instances=selected.instances,
        not_used=selected.not_used,
    )
