"""Answers of storage commitment told on associations of our own, so that no peer holds up another.

A peer that hangs takes its time out on a thread of its own: each AE title is told one answer after
the other, several AE titles at once.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue

import structlog

from results.sending.destination import DimseDestination
from results.sending.errors import DestinationUnavailable
from worklist.commitment import CommitmentAnswer

_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=10), timedelta(minutes=10)
_MOST_AT_ONCE = 32  # AE titles; the others have their turn when one of these is done

Report = Callable[[DimseDestination, CommitmentAnswer], None]
Prepared = Callable[[str], CommitmentAnswer | None]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What came of telling one answer."""

    name: str  # of the request
    answer: CommitmentAnswer | None  # None: somebody else has told it
    why_not: str = ""  # empty: it was taken


class CommitmentTelling:
    """Who is told what; called from one thread.

    Parameters
    ----------
    report
        Tells one answer; raises `DestinationUnavailable`.
    prepared
        The answer to the request of a name; None: somebody else has told it.
    """

    def __init__(self, report: Report, prepared: Prepared) -> None:
        self._report = report
        self._prepared = prepared
        self._threads: dict[str, threading.Thread] = {}  # by AE title
        self._told: SimpleQueue[tuple[str, Told]] = SimpleQueue()
        self._pauses: dict[str, tuple[datetime, timedelta]] = {}  # by AE title: until, length

    def begin(self, title: str, peer: DimseDestination, names: Sequence[str]) -> bool:
        """Tell one peer the answers to these requests; False: not now."""
        if title in self._threads or len(self._threads) >= _MOST_AT_ONCE:
            return False
        # Not waited for when the process ends: what is cut short is told again.
        thread = threading.Thread(
            target=self._tell, args=(title, peer, tuple(names)), name="commitment", daemon=True
        )
        self._threads[title] = thread
        thread.start()
        return True

    def may_begin(self, title: str, now: datetime) -> bool:
        """Whether a peer is neither being told nor left alone for a while."""
        until, _ = self._pauses.get(title, (now, _FIRST_PAUSE))
        return title not in self._threads and now >= until

    def told(self, now: datetime) -> Iterator[tuple[str, Told]]:
        """AE title and what came of it, each once; who did not take one is left alone a while."""
        for title, thread in list(self._threads.items()):
            if not thread.is_alive():
                del self._threads[title]
        while True:
            try:
                title, one = self._told.get_nowait()
            except Empty:
                return
            if one.why_not:
                _, pause = self._pauses.get(title, (now, _FIRST_PAUSE))
                self._pauses[title] = (now + pause, min(2 * pause, _LONGEST_PAUSE))
            else:
                self._pauses.pop(title, None)
            yield title, one

    def finish(self, limit_s: float) -> None:
        """Wait for those who are being told, together no longer than this."""
        deadline = time.monotonic() + limit_s
        for thread in self._threads.values():
            thread.join(max(0.0, deadline - time.monotonic()))

    def _tell(self, title: str, peer: DimseDestination, names: Sequence[str]) -> None:
        for name in names:
            one = self._told_one(name, peer)
            self._told.put((title, one))
            if one.why_not:
                return

    def _told_one(self, name: str, peer: DimseDestination) -> Told:
        answer = None
        try:
            answer = self._prepared(name)
            if answer is not None:
                self._report(peer, answer)
        except DestinationUnavailable as error:
            return Told(name=name, answer=answer, why_not=str(error))
        except Exception as error:  # the boundary of the thread: recorded, and told again
            log.exception("an answer of storage commitment cannot be told now", name=name)
            return Told(name=name, answer=answer, why_not=type(error).__name__)
        return Told(name=name, answer=answer)
