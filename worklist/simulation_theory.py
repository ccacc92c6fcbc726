"""Mean waits by formula, where one exists; what the simulation is held against.

- Erlang (1917): M/M/c, and by Pollaczek and Khinchine M/G/1, first in, first out.
- Cobham (1954): priority classes where what is being read is finished first, M/G/1 and M/M/c of
  one mean.
- Preemptive-resume: M/G/1 (Miller 1960), and M/M/c of one mean, where the classes up to any one
  together are an M/M/c queue of their own.
- M/M/c with two means, for studies that interrupt: `worklist.simulation_two_rates`.

A wait is the time from arrival to the end of the reading, less the reading.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from worklist.simulation_two_rates import mean_number_of_lower


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueClass:
    """One priority class."""

    arrivals_per_min: float
    mean_min: float  # of reading
    second_moment: float  # of reading, min²

    @property
    def work(self) -> float:
        """Readers it keeps busy."""
        return self.arrivals_per_min * self.mean_min

    @property
    def residual_min(self) -> float:
        """What an arrival finds left of a reading of this class, on average, with one reader."""
        return self.arrivals_per_min * self.second_moment / 2.0


def together(classes: Sequence[QueueClass]) -> QueueClass:
    """Several classes as one."""
    rate = math.fsum(one.arrivals_per_min for one in classes)
    if not rate:
        return classes[0]
    return QueueClass(
        arrivals_per_min=rate,
        mean_min=math.fsum(one.work for one in classes) / rate,
        second_moment=2.0 * math.fsum(one.residual_min for one in classes) / rate,
    )


def erlang_c(work: float, readers: int) -> float:
    """The probability that all readers are busy (M/M/c)."""
    blocked = 1.0  # Erlang B by its recursion
    for number in range(1, readers + 1):
        blocked = work * blocked / (number + work * blocked)
    busy = work / readers
    return blocked / (1.0 - busy * (1.0 - blocked))


def fifo(one: QueueClass, readers: int) -> float:
    """The mean wait with a single class; M/M/c with several readers."""
    return non_preemptive([one], readers)[0]


def non_preemptive(classes: Sequence[QueueClass], readers: int) -> list[float]:
    """The mean wait of each class, the first first; what is being read is finished (Cobham).

    With several readers all readings are exponential with one mean.
    """
    everything = together(classes)
    if readers == 1:
        start = everything.residual_min
    else:
        start = erlang_c(everything.work, readers) * everything.mean_min / readers
    waits, before = [], 0.0
    for one in classes:
        after = before + one.work / readers
        waits.append(start / ((1.0 - before) * (1.0 - after)))
        before = after
    return waits


def preemptive(classes: Sequence[QueueClass], readers: int) -> list[float]:
    """The mean wait of each class, the first first, which interrupts; reading resumes.

    With several readers all readings are exponential with one mean.
    """
    if readers > 1:
        return _shared_out(
            classes, [fifo(together(classes[: n + 1]), readers) for n in range(len(classes))]
        )
    waits, before, residual = [], 0.0, 0.0
    for one in classes:
        after = before + one.work
        residual += one.residual_min
        in_all = one.mean_min / (1.0 - before) + residual / ((1.0 - before) * (1.0 - after))
        waits.append(in_all - one.mean_min)
        before = after
    return waits


def preemptive_with_interrupting(
    interrupting: QueueClass, classes: Sequence[QueueClass], readers: int
) -> list[float]:
    """The mean waits of those that interrupt and of each class after them, M/M/c.

    The classes have one mean, those that interrupt another; all readings are exponential.
    """
    cumulative = []
    for number in range(len(classes)):
        lower = together(classes[: number + 1])
        if not lower.arrivals_per_min:
            cumulative.append(0.0)
            continue
        in_room = mean_number_of_lower(
            interrupting.arrivals_per_min,
            1.0 / interrupting.mean_min,
            lower.arrivals_per_min,
            1.0 / lower.mean_min,
            readers,
        )
        cumulative.append(in_room / lower.arrivals_per_min - lower.mean_min)
    return [fifo(interrupting, readers), *_shared_out(classes, cumulative)]


def _shared_out(classes: Sequence[QueueClass], cumulative: Sequence[float]) -> list[float]:
    """The wait of each class from the mean waits of the first class, the first two, and so on."""
    waits, before, rate = [], 0.0, 0.0
    for one, mean in zip(classes, cumulative, strict=True):
        rate += one.arrivals_per_min
        mine = mean * rate - before
        waits.append(mine / one.arrivals_per_min if one.arrivals_per_min else 0.0)
        before = mean * rate
    return waits
