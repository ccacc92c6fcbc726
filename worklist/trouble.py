"""A detector that does not do its work, as people are told of it (P4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

LATEST = 20  # results that are looked at
_FEWEST = 3  # of less nothing is concluded


@dataclass(frozen=True, kw_only=True, slots=True)
class LatestResult:
    """Whether one attempt at a study came to something."""

    at: datetime
    failed_because: str | None  # None: it did


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """A detector fails on most of the latest studies, or cannot be loaded."""

    detector: str
    broken: bool  # it cannot be loaded
    failed: int
    of: int  # the latest studies it should have looked at
    since: datetime
    reason: str  # of the latest failure


def trouble_of(
    detector: str, latest: Sequence[LatestResult], broken: str | None, registered_at: datetime
) -> Trouble | None:
    """What is wrong with a detector; None: nothing that shows.

    Parameters
    ----------
    latest
        Its results, newest first, without studies that it does not apply to.
    broken
        Why it cannot be loaded.
    """
    failures = [one for one in latest if one.failed_because is not None]
    if broken is None and (len(latest) < _FEWEST or 2 * len(failures) <= len(latest)):
        return None
    since = registered_at if broken else failures[-1].at
    return Trouble(
        detector=detector,
        broken=broken is not None,
        failed=len(failures),
        of=len(latest),
        since=since,
        reason=broken or failures[0].failed_because or "",
    )
