"""The process in which detectors run, as its parent sees it; ``models.child`` is the inside."""

import logging
import signal
from multiprocessing import get_context
from time import monotonic
from typing import TypeVar

from models.child import AreYouReady, ChildSettings, Message, Ready, Request, run_child

_READY_LIMIT_S = 10.0

log = logging.getLogger(__name__)


class ChildGone(Exception):
    """The process that runs detectors died, or was killed for its slowness; says why."""


class Child:
    """The process and this end of its pipe."""

    def __init__(self, settings: ChildSettings) -> None:
        context = get_context("spawn")  # fork would copy the parent's threads' locks
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=run_child, args=(theirs, settings), name="vigie-detectors", daemon=True
        )
        try:
            self._process.start()
        except OSError as error:
            raise ChildGone(f"no process for detectors can be started: {error}") from error
        finally:
            theirs.close()  # so that its death ends our reads

    @property
    def closed(self) -> bool:
        """Whether it died or was killed."""
        return self._pipe.closed

    def is_ready(self) -> bool:
        """Whether it answers; killed if not."""
        try:
            if not self.closed:
                self.send(AreYouReady())
                return isinstance(self.receive(monotonic() + _READY_LIMIT_S), Ready)
        except (TimeoutError, ChildGone):
            log.warning("the process that runs detectors died between studies")
        return False

    def send(self, request: Request | AreYouReady) -> None:
        """Ask for something; raises ``ChildGone`` if it is dead already."""
        try:
            self._pipe.send(request)
        except OSError:
            raise self._gone() from None

    def receive(self, deadline: float) -> Message:
        """The next message; kills the child if none comes before ``deadline`` (monotonic)."""
        try:
            if self._pipe.poll(max(0.0, deadline - monotonic())):
                message: Message = self._pipe.recv()
                return message
        except (EOFError, OSError):
            raise self._gone() from None
        self.kill()
        raise TimeoutError("it took too long")

    def kill(self) -> None:
        """End it, whatever it does."""
        if not self._pipe.closed:
            self._pipe.close()
            self._process.kill()
            self._process.join()

    def _gone(self) -> ChildGone:
        self._process.join(timeout=5)  # its pipe is closed: it is ending
        code = self._process.exitcode
        self.kill()
        if code is not None and code < 0:
            how = f"killed by {signal.Signals(-code).name}"
        else:
            how = f"exit code {code}"
        return ChildGone(f"the process that runs detectors died ({how})")


_M = TypeVar("_M", bound=Message)


def expected(message: Message, kind: type[_M]) -> _M:
    """The message if it is of this kind; anything else is a fault of ours."""
    if not isinstance(message, kind):
        raise TypeError(f"the child sent {type(message).__name__}, not {kind.__name__}")
    return message
