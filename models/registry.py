"""Which detectors are installed, and loading them so that a broken one stops no other.

A detector is an entry point of the group ``vigie.detectors``: a function
``load(*, threads: int, cache: Path | None) -> Detector``, or a folder that ``vigie models add``
made. Its name is its card's name, and begins with the target finding (``fracture``,
``fracture.acme``), so that a detector that cannot be loaded can still be shown as failed for
what it should have looked for (P4).
"""

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Protocol

from models.detector import Detector
from worklist.finding import DetectorIdentity, TargetFinding

GROUP = "vigie.detectors"
NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9][a-z0-9_-]*)*")  # also of a folder

RETRY_PAUSES_S = (0.0, 30.0, 300.0, 900.0)  # after a first, second ... death; then the last

log = logging.getLogger(__name__)


class Loadable(Protocol):
    """An installed detector, before anything of it is imported; can go to another process."""

    @property
    def name(self) -> str:
        """Unique in the installation."""
        ...

    def load(self) -> Callable[..., Detector]:
        """The function that loads it; may raise anything."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelFolder:
    """A third-party model in the data folder; equal while nobody replaced it."""

    path: Path
    made: tuple[int, int]  # inode and time of change

    @property
    def name(self) -> str:
        """The folder's."""
        return self.path.name

    def load(self) -> Callable[..., Detector]:
        """Loads it as its card says."""
        from models.third_party import load_folder  # imports what is installed from here

        return partial(load_folder, self.path)


@dataclass(frozen=True, kw_only=True, slots=True)
class BrokenDetector:
    """An installed detector that cannot be loaded; every study gets ``Failed`` from it."""

    name: str
    reason: str  # a sentence for people

    @property
    def identity(self) -> DetectorIdentity | None:
        """As much of an identity as the name gives; None where it names no target finding."""
        target = target_of(self.name)
        if target is None:
            return None
        return DetectorIdentity(
            name=self.name,
            version="not loaded",
            target=target,
            weights_sha256="",
            operating_point=1.0,
        )


def target_of(name: str) -> TargetFinding | None:
    """The finding that a detector's name begins with; None where it begins with none."""
    prefix = name.partition(".")[0]
    return next((one for one in TargetFinding if prefix in (one.value, one.words)), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Deaths:
    """How often in a row one detector ended the process by loading."""

    in_a_row: int
    last: BrokenDetector
    retry_at_s: float


class LoadingDeaths:
    """Detectors that ended the process by loading, and when each is tried again.

    A death may be an accident (another process ate the memory, somebody killed this one), so
    no detector is given up for good: it is tried again at once, then after longer and longer
    pauses, and one success forgets all. Times are seconds of a clock that never goes back.

    Parameters
    ----------
    pauses_s
        Before the second attempt, the third, and so on; the last, which must be positive,
        counts for all others.
    """

    def __init__(self, pauses_s: Sequence[float] = RETRY_PAUSES_S) -> None:
        if not pauses_s or pauses_s[-1] <= 0:
            raise ValueError("without a pause at the end a deadly detector is tried for ever")
        self._pauses_s = tuple(pauses_s)
        self._deaths: dict[str, _Deaths] = {}

    def record(self, name: str, reason: str, *, now_s: float, at_once: bool = True) -> None:
        """Note a death.

        Parameters
        ----------
        at_once
            False where it took so long that even the first retry has to wait.
        """
        known = self._deaths.get(name)
        in_a_row = 1 if known is None else known.in_a_row + 1
        pause_s = self._pauses_s[min(in_a_row, len(self._pauses_s)) - 1]
        if not at_once:
            pause_s = max(pause_s, next(pause for pause in self._pauses_s if pause > 0))
        self._deaths[name] = _Deaths(
            in_a_row=in_a_row,
            last=BrokenDetector(name=name, reason=f"the detector cannot be loaded: {reason}"),
            retry_at_s=now_s + pause_s,
        )
        log.error(
            "detector %s cannot be loaded (attempt %d): %s; tried again in %g s",
            name,
            in_a_row,
            reason,
            pause_s,
        )

    def forget(self, name: str) -> None:
        """It got through loading."""
        self._deaths.pop(name, None)

    def waiting(self, now_s: float) -> dict[str, BrokenDetector]:
        """Those that are not to be loaded now, by name."""
        return {
            name: deaths.last for name, deaths in self._deaths.items() if now_s < deaths.retry_at_s
        }

    def is_retry_due(self, now_s: float) -> bool:
        """Whether one that died is to be tried again."""
        return any(deaths.retry_at_s <= now_s for deaths in self._deaths.values())


def installed_detectors() -> dict[str, EntryPoint]:
    """The entry points by name, in the order of their names; nothing is imported.

    Of two with the same name, which only two distributions can cause, the first by its
    value is taken and the clash is logged.
    """
    found: dict[str, EntryPoint] = {}
    for entry_point in sorted(entry_points(group=GROUP), key=lambda e: (e.name, e.value)):
        taken = found.setdefault(entry_point.name, entry_point)
        if taken.value != entry_point.value:
            log.error(
                "detector %s: %s is ignored, the name is taken by %s",
                entry_point.name,
                entry_point.value,
                taken.value,
            )
    return found


def added_models(folder: Path | None) -> dict[str, ModelFolder]:
    """The models that ``vigie models add`` put into a folder, by name; nothing is read of them."""
    if folder is None or not folder.is_dir():
        return {}
    found = [ModelFolder(path=one, made=_made(one)) for one in sorted(folder.iterdir())]
    return {one.name: one for one in found if NAME.fullmatch(one.name)}


def _made(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except FileNotFoundError:  # taken away since it was listed
        return 0, 0
    return status.st_ino, status.st_mtime_ns


def load_detector(
    entry_point: Loadable, *, threads: int, cache: Path | None
) -> Detector | BrokenDetector:
    """Load one detector; whatever it raises makes it a ``BrokenDetector``.

    Parameters
    ----------
    threads
        How many CPU threads its network may use.
    cache
        A folder in which it may keep compiled networks; None: nothing is kept.
    """
    try:
        load = entry_point.load()
        detector: Detector = load(threads=threads, cache=cache)
        name = detector.card.name
    except Exception as error:
        log.exception("detector %s cannot be loaded", entry_point.name)
        return BrokenDetector(
            name=entry_point.name,
            reason=f"the detector cannot be loaded: {type(error).__name__}: {error}",
        )
    if name != entry_point.name:
        return BrokenDetector(
            name=entry_point.name, reason=f"the detector's card calls it {name!r}"
        )
    return detector
