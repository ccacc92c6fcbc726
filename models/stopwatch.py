"""How long each stage of a look at a study took."""

import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


class Stopwatch:
    """Adds up wall-clock seconds by stage.

    Parameters
    ----------
    clock_s
        Seconds from any start.
    """

    def __init__(self, clock_s: Callable[[], float] = time.perf_counter) -> None:
        self.seconds: dict[str, float] = {}
        self._clock_s = clock_s

    def time(self, stage: str, work: Callable[[], Result]) -> Result:
        """Do the work and return its result; its seconds are the stage's."""
        started = self._clock_s()
        result = work()
        spent = self._clock_s() - started
        self.seconds[stage] = self.seconds.get(stage, 0.0) + spent
        return result
