"""A process with everything it started: how much memory all of them take, and their end.

Linux tells both in ``/proc`` (proc(5)). Elsewhere the process group stands for the family, and
what memory it takes is not known.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
_ROUNDS = 20  # of stopping, for what starts others meanwhile
_RESIDENT = ("RssAnon", "RssShmem", "VmSwap")  # in status; quick, counts what is shared twice
_PROPORTIONAL = ("Pss_Anon", "Pss_Shmem", "SwapPss")  # in smaps_rollup


def found_family() -> None:
    """Make this process the head of a session of its own, and of all that it will start.

    On Linux whatever loses its parent falls to this process, so that even what begins another
    session (a daemon) stays a descendant.
    """
    os.setsid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Family:
    """A process that called ``found_family``, and its descendants.

    Parameters
    ----------
    head
        Its process id, of a process that nobody has waited for yet.
    """

    def __init__(self, head: int) -> None:
        self._head = head
        self._began: dict[int, str] = {}  # process id to its start, by which a reused id is told
        self._look_around([head])

    @property
    def is_headless(self) -> bool:
        """Whether its head has ended; False where that cannot be known."""
        return _PROC.is_dir() and not self._runs(self._head)

    def takes_more_than(self, limit_bytes: int) -> bool:
        """Whether all together hold more memory than this; False where it cannot be known.

        Counted is what is no file's, in swap too; what several share counts once.
        """
        self._look_around(self._began)
        if sum(_memory_bytes(one, "status", _RESIDENT) for one in self._began) <= limit_bytes:
            return False
        proportional = (_memory_bytes(one, "smaps_rollup", _PROPORTIONAL) for one in self._began)
        return sum(proportional) > limit_bytes

    def end(self) -> None:
        """Kill all of them; first all are stopped, so that none starts another meanwhile."""
        stopped: set[int] = set()
        for _ in range(_ROUNDS):
            self._look_around(self._began)
            running = {one for one in self._began if self._runs(one)} - stopped - {os.getpid()}
            for one in running:
                _send(one, signal.SIGSTOP)
            if not running:
                break
            stopped |= running
        for one in stopped:
            _send(one, signal.SIGKILL)
        with suppress(ProcessLookupError, PermissionError):  # whom /proc does not show
            os.killpg(self._head, signal.SIGKILL)

    def _look_around(self, known: Iterable[int]) -> None:
        """Learn of descendants; those that were known stay so whoever their parent is now."""
        waiting = list(known)
        while waiting:
            one = waiting.pop()
            state = _state(one)
            if state is not None and self._began.setdefault(one, state[1]) == state[1]:
                waiting += (child for child in _children(one) if child not in self._began)
            elif one != self._head:
                self._began.pop(one, None)

    def _runs(self, one: int) -> bool:
        """Whether this member has not ended; one that nobody has waited for has."""
        state = _state(one)
        return state is not None and state[0] != "Z" and state[1] == self._began.get(one)


def _state(one: int) -> tuple[str, str] | None:
    """One letter, and when it began in ticks of the clock; None: there is no such process."""
    try:
        after_name = (_PROC / str(one) / "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return after_name[0].decode("ascii"), after_name[19].decode("ascii")


def _children(one: int) -> list[int]:
    """Of all its threads."""
    children: list[int] = []
    with suppress(OSError):  # it ends just now
        for thread in (_PROC / str(one) / "task").iterdir():
            with suppress(OSError):
                children += map(int, (thread / "children").read_text(encoding="ascii").split())
    return children


def _memory_bytes(one: int, file: str, names: tuple[str, ...]) -> int:
    """The sum of these lines; 0 where the process is gone, or not to be looked into."""
    try:
        text = (_PROC / str(one) / file).read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    lines = (line.partition(":") for line in text.splitlines())
    return sum(1024 * int(value.split()[0]) for name, _, value in lines if name in names)


def _send(one: int, what: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(one, what)
