"""A process that is asked to stop hears it, wherever its main thread is."""

import subprocess
import sys

import pytest

# The signal comes while the main thread waits, with the lock of the event in hand, as it has for a
# moment at the beginning and the end of each wait.
_ASKED_WHILE_WAITING = """
import os, signal
from vigie.processes import stop_event
stop = stop_event()
with stop._cond:
    os.kill(os.getpid(), signal.{name})
print("stopped" if stop.wait(60) else "not heard")
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_is_heard_also_while_the_event_is_locked(name: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _ASKED_WHILE_WAITING.format(name=name)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ended.returncode, ended.stdout.strip()) == (0, "stopped"), ended.stderr
