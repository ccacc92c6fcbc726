"""Which detectors are installed, and loading them so that a broken one stops no other.

A detector is an entry point of the group ``vigie.detectors``: a function
``load(*, threads: int, cache: Path | None) -> Detector``. Its name is its card's name, and
begins with the target finding (``fracture``, ``fracture.acme``), so that a detector that
cannot be loaded can still be shown as failed for what it should have looked for (P4).
"""

import logging
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from models.detector import Detector
from worklist.finding import DetectorIdentity, TargetFinding

GROUP = "vigie.detectors"

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class BrokenDetector:
    """An installed detector that cannot be loaded; every study gets ``Failed`` from it."""

    name: str
    reason: str  # a sentence for people

    @property
    def identity(self) -> DetectorIdentity | None:
        """As much of an identity as the name gives; None where it names no target finding."""
        prefix = self.name.partition(".")[0]
        for target in TargetFinding:
            if prefix in (target.value, target.words):
                return DetectorIdentity(
                    name=self.name,
                    version="not loaded",
                    target=target,
                    weights_sha256="",
                    operating_point=1.0,
                )
        return None


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


def load_detector(
    entry_point: EntryPoint, *, threads: int, cache: Path | None
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
