"""The process in which detectors run: loads them once, then answers requests over a pipe.

It trusts nothing to go well: a codec may crash it, a network may ask for all memory, and the
parent may be killed. Then it is gone, and the parent starts another or nobody needs one.
"""

import logging
import os
import resource
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection, parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter
from typing import Any

from models.answers import OddAnswer, plain_identity
from models.assessment import Look, Selection, instances_of, look, not_used, select
from models.card import card_content
from models.detector import Detector, SeriesHeader
from models.headers import SeriesHeaders, read_series_headers
from models.prevalence import adjusted
from models.process_family import Family, found_family
from models.registry import BrokenDetector, Loadable, load_detector
from models.series_on_demand import AlteredInstance
from worklist.finding import DetectorIdentity, Failed, Outcome, TargetFinding
from worklist.study import ArchivedInstance
from worklist.uid import SOPInstanceUID

log = logging.getLogger(__name__)

_ENDED = "The detector ended before it answered: which of the images it saw is not known."
_NOT_SHOWN = "The detector failed before it was shown the images."


@dataclass(frozen=True, kw_only=True, slots=True)
class ChildSettings:
    """What the process is started with."""

    entry_points: Mapping[str, Loadable]
    archive: Path
    threads: int
    cache: Path | None
    limit_bytes: int  # of one series decoded
    memory_limit_bytes: int  # of the whole process
    prevalence: Mapping[TargetFinding, float]  # of the site, where it is known


@dataclass(frozen=True, kw_only=True, slots=True)
class Loading:
    """The next detector to load; if nothing follows, this one killed the process."""

    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """A detector is ready, or broken."""

    detector: DetectorIdentity | BrokenDetector
    card: Mapping[str, Any] | None = None  # plain JSON values; None: broken


@dataclass(frozen=True, kw_only=True, slots=True)
class Ready:
    """All detectors have been tried; also the answer to ``AreYouReady``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AreYouReady:
    """Asked before a study, so that a child that died idle costs no detector its turn."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """Look at one study with these detectors, one after the other."""

    study_instance_uid: str
    instances: Sequence[ArchivedInstance]
    detectors: Sequence[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Selected:
    """What a detector may look at; sent ahead, so that a crash still has provenance."""

    instances: tuple[tuple[SOPInstanceUID, str], ...]
    not_used: tuple[tuple[str, str], ...]  # with what is said of each series if no answer follows


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What one detector came to, what it saw, and which series that does not rest on."""

    outcome: Outcome
    instances: tuple[tuple[SOPInstanceUID, str], ...]
    not_used: tuple[tuple[str, str], ...]


Message = Loading | Loaded | Ready | Selected | Answer


def run_child(pipe: Connection, settings: ChildSettings) -> None:
    """Serve until the parent closes the pipe or dies."""
    found_family()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides, not the terminal
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(name)s %(message)s"
    )
    threading.Thread(target=_die_with_parent, daemon=True).start()
    with suppress(OSError):  # Linux: if memory runs out, this process is the one to lose
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")
    _limit_memory(settings.memory_limit_bytes)
    detectors = _load(pipe, settings)
    while True:
        try:
            request: Request | AreYouReady = pipe.recv()
        except EOFError:
            return
        if isinstance(request, AreYouReady):
            pipe.send(Ready())
        else:
            _answer(pipe, request, detectors, settings)


def _limit_memory(limit_bytes: int) -> None:
    """Let what asks for too much fail with MemoryError, instead of the machine's memory ending.

    Counted is what can be written to (Linux: RLIMIT_DATA), not all addresses: runtimes reserve
    many times more of those than they use (fracture on CPU: 1.8 GiB of addresses, 0.6 GiB data).
    What this lets through (memory shared with others, other processes) the parent watches.
    """
    if sys.platform == "linux":
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        soft = limit_bytes if hard == resource.RLIM_INFINITY else min(limit_bytes, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def too_much_memory(limit_bytes: int) -> str:
    """Why a detector that did not keep to the limit has failed."""
    return f"it needed more memory than the {limit_bytes / 2**20:.0f} MiB that detectors may take"


def _die_with_parent() -> None:
    """End at once when the parent is gone, in the middle of an assessment if need be."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        try:
            Family(os.getpid()).end()
        finally:
            os._exit(1)


def _load(pipe: Connection, settings: ChildSettings) -> dict[str, Detector]:
    detectors: dict[str, Detector] = {}
    for name, entry_point in settings.entry_points.items():
        pipe.send(Loading(name=name))
        started = perf_counter()
        detector, loaded = _loaded(entry_point, settings)
        pipe.send(loaded)
        if detector is not None:
            detectors[name] = detector
            log.info("detector %s loaded in %.1f s", name, perf_counter() - started)
    pipe.send(Ready())
    return detectors


def _loaded(entry_point: Loadable, settings: ChildSettings) -> tuple[Detector | None, Loaded]:
    """The detector, and what the parent is told of it; None: it is broken."""
    found = load_detector(entry_point, threads=settings.threads, cache=settings.cache)
    if isinstance(found, BrokenDetector):
        return None, Loaded(detector=found)
    try:
        detector = adjusted(found, settings.prevalence.get(found.card.target))
        identity, card = plain_identity(detector.card), card_content(detector.card)
    except Exception as error:
        log.exception("the card of detector %s cannot be used", entry_point.name)
        reason = f"the detector cannot be loaded: its card: {type(error).__name__}: {error}"
        return None, Loaded(detector=BrokenDetector(name=entry_point.name, reason=reason))
    return detector, Loaded(detector=identity, card=card)


def _answer(
    pipe: Connection, request: Request, detectors: Mapping[str, Detector], settings: ChildSettings
) -> None:
    headers = read_series_headers(request.instances, settings.archive)
    for name in request.detectors:
        started = perf_counter()
        answer = _assess(pipe, detectors[name], headers, settings)
        pipe.send(
            Answer(outcome=answer.outcome, instances=answer.instances, not_used=answer.not_used)
        )
        log.info(
            "detector %s on study %s: %s in %.2f s",
            name,
            request.study_instance_uid,
            type(answer.outcome).__name__,
            perf_counter() - started,
        )


def _assess(
    pipe: Connection, detector: Detector, headers: SeriesHeaders, settings: ChildSettings
) -> Look:
    """Whatever a detector raises ends here, as a reason; named is what it was shown (P6)."""
    selection = Selection(eligible=(), not_eligible=(), unread=())
    shown: list[SeriesHeader] = []
    try:
        selection = select(detector, headers)
        ended = ((s.series_instance_uid, _ENDED) for s in selection.eligible)
        pipe.send(
            Selected(
                instances=selection.instances,
                not_used=not_used([*selection.not_eligible, *ended]),
            )
        )
        return look(detector, selection, limit_bytes=settings.limit_bytes, on_shown=shown.append)
    except AlteredInstance as error:
        reason = str(error)
    except MemoryError:
        log.exception("detector %s failed", detector.card.name)
        reason = too_much_memory(settings.memory_limit_bytes)
    except OddAnswer as error:
        reason = f"the detector {detector.card.name} answered with {error}"
    except Exception as error:
        log.exception("detector %s failed", detector.card.name)
        reason = f"the detector failed: {type(error).__name__}: {error}"
    return _failure(reason[:500], selection, shown)


def _failure(reason: str, selection: Selection, shown: Sequence[SeriesHeader]) -> Look:
    uids = {series.series_instance_uid for series in shown}
    seen = [series for series in selection.eligible if series.series_instance_uid in uids]
    not_shown = (
        (series.series_instance_uid, _NOT_SHOWN)
        for series in selection.eligible
        if series.series_instance_uid not in uids
    )
    return Look(
        outcome=Failed(reason=reason),
        instances=instances_of(seen),
        not_used=not_used([*selection.not_eligible, *not_shown]),
    )
