"""Opens cases where people and AI disagree, from what the database has recorded."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from vigie.wiring import utc_now
from worklist.cases import Cases
from worklist.errors import RefusedByStore, VigieError
from worklist.uid import StudyInstanceUID

log = structlog.get_logger(__name__)

_LOOK_S = 10.0


def tell_refused(uid: StudyInstanceUID, error: RefusedByStore) -> None:
    """A study that cannot be looked at is named in the log."""
    log.error("study_not_looked_at", study_instance_uid=uid, error=str(error))


class CaseOpener:
    """Looks every few seconds; several processes may, for each study is looked at once."""

    def __init__(self, cases: Cases) -> None:
        self._cases = cases
        self._stop = threading.Event()

    @contextmanager
    def running(self) -> Iterator["CaseOpener"]:
        """Look in a thread of its own until the block ends."""
        thread = threading.Thread(target=self._run, name="cases", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                opened = self._cases.open_due(now=utc_now(), refused=tell_refused)
                if opened:
                    log.info("cases_opened", count=opened)
            except VigieError as error:  # the database is away: what is due waits in it
                log.warning("cases_not_opened", error=type(error).__name__)
            self._stop.wait(_LOOK_S)
