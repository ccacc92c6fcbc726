"""How a role's process lives: it hears SIGTERM, and ends when its supervisor does."""

import ctypes
import os
import signal
import sys
import threading
from queue import SimpleQueue
from types import FrameType

SUPERVISOR_VARIABLE = "VIGIE_SUPERVISOR_PID"
_PR_SET_PDEATHSIG = 1


def is_supervised() -> bool:
    """Whether `vigie serve` started this process."""
    return SUPERVISOR_VARIABLE in os.environ


def stop_event() -> threading.Event:
    """An event that SIGTERM and Ctrl-C set; for the main thread of a role.

    Under a supervisor it is also set when the supervisor is killed, so that none of its roles
    outlives it.
    """
    stop = threading.Event()
    asked: SimpleQueue[int] = SimpleQueue()

    def ask_to_stop(number: int, frame: FrameType | None) -> None:
        # Not `stop.set()`: the main thread is interrupted where it waits, perhaps with the lock of
        # the event in hand, and would wait for itself for ever. This queue takes no such lock.
        del frame
        asked.put(number)

    def heed() -> None:
        asked.get()
        stop.set()

    threading.Thread(target=heed, name="signals", daemon=True).start()
    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    if is_supervised():
        end_with(int(os.environ[SUPERVISOR_VARIABLE]), stop)
    return stop


def end_with(parent: int, stop: threading.Event) -> None:
    """Set `stop` when the process `parent`, ours, is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it was gone before we asked to be told
        stop.set()
