"""The process in which detectors run, as its parent sees it; ``models.child`` is the inside."""

import atexit
import logging
import signal
import threading
from multiprocessing import get_context
from time import monotonic
from typing import TypeVar, cast

from models.child import (
    AreYouReady,
    ChildSettings,
    Message,
    Ready,
    Request,
    run_child,
    too_much_memory,
)
from models.process_family import Family

_READY_LIMIT_S = 10.0
_WATCH_S = 0.2  # between two looks at what the child and what it started take

log = logging.getLogger(__name__)


class ChildGone(Exception):
    """The process that runs detectors died, or was killed for its slowness; says why."""


class Child:
    """The process and this end of its pipe.

    A thread watches it: whatever the process started ends with it, and all of them end once
    they take more memory together than they may.
    """

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
        self._family = Family(cast(int, self._process.pid))  # of a process that was started
        self._limit_bytes = settings.memory_limit_bytes
        self._took_too_much = False
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._keep_watch, name="detectors-watch", daemon=True)
        self._watch.start()
        atexit.register(self.kill)

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
        except Exception as error:  # unpickling runs what others wrote
            log.exception("a message of the process that runs detectors cannot be read")
            self.kill()
            raise ChildGone(
                f"its answer cannot be read: {type(error).__name__}: {error}"
            ) from error
        self.kill()
        raise TimeoutError("it took too long")

    def kill(self) -> None:
        """End it, whatever it does, and whatever it started."""
        if not self._pipe.closed:
            self._pipe.close()
            self._over.set()
            self._watch.join()
            self._process.kill()
            self._process.join()
            atexit.unregister(self.kill)

    def _keep_watch(self) -> None:
        """Until it ends, must end or takes too much; then end the whole family."""
        try:
            while not self._over.wait(_WATCH_S) and not self._family.is_headless:
                if self._family.takes_more_than(self._limit_bytes):
                    self._took_too_much = True
                    break
        finally:
            self._family.end()

    def _gone(self) -> ChildGone:
        self._watch.join(timeout=5)  # its pipe is closed: it is ending
        self.kill()
        code = self._process.exitcode
        if self._took_too_much:
            return ChildGone(too_much_memory(self._limit_bytes))
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
