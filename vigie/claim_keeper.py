"""Ends claims that are over by themselves: their person has left, or held the study too long."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from vigie.wiring import utc_now
from worklist.errors import VigieError
from worklist.service import Worklist
from worklist.sign_in import SignIn

log = structlog.get_logger(__name__)

_LOOK_S = 10.0


class ClaimKeeper:
    """Looks every few seconds, and at once when somebody signs out."""

    def __init__(self, worklist: Worklist, door: SignIn) -> None:
        self._worklist = worklist
        self._door = door
        self._look = threading.Event()
        self._stopped = False

    def look(self) -> None:
        """Somebody has left: do not wait."""
        self._look.set()

    def end_claims(self) -> int:
        """End those that are over; how many there were."""
        now = utc_now()
        holders = {one.account for one in self._worklist.claims()}
        if not holders:
            return 0
        return self._worklist.end_claims(self._door.readers(holders, now), now=now)

    @contextmanager
    def running(self) -> Iterator["ClaimKeeper"]:
        """Look in a thread of its own until the block ends."""
        thread = threading.Thread(target=self._run, name="claims", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._stopped = True
            self._look.set()
            thread.join()

    def _run(self) -> None:
        while not self._stopped:
            try:
                self.end_claims()
            except VigieError as error:  # the database is away: claims wait with it
                log.warning("claims_not_looked_at", error=type(error).__name__)
            self._look.wait(_LOOK_S)
            self._look.clear()
