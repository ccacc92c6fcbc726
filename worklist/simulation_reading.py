"""The event loop: readers who always take the first of the list, until all is read."""

import math
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from typing import Any

from worklist.simulation_policies import PlacesOf
from worklist.simulation_studies import SimulatedStudy

Entry = tuple[int, Any, int]  # rank, key, number of the study
Waits = Callable[[Sequence[SimulatedStudy], int], Sequence[float]]
"""An order at work: the wait of each study, minutes, with so many readers."""


class ReadingRoom:
    """Readers and one list. A reader is idle only while the list is empty."""

    def __init__(
        self, studies: Sequence[SimulatedStudy], places_of: PlacesOf, readers: int
    ) -> None:
        self._studies = studies
        self._places_of = places_of
        self._readers = readers
        self._left = [study.reading_min for study in studies]  # still to read
        self._finished = [math.inf] * len(studies)  # when, min
        self._standing: list[Entry | None] = [None] * len(studies)  # None: not in the list
        self._list: list[Entry] = []  # a heap; entries that no longer stand are passed over
        self._moves: list[tuple[float, int, int, Any]] = []  # when, study, rank, key
        self._reading: dict[int, tuple[Entry, float]] = {}  # by study: its place, when it ends
        self._ends: list[tuple[float, int]] = []  # of readings; some were interrupted

    def read_all(self) -> list[float]:
        """When the reading of each study ends, minutes."""
        for study in self._studies:
            self._advance(study.arrived_min)
            first, *later = self._places_of(study)
            for place in later:
                heappush(self._moves, (place.from_min, study.number, place.rank, place.key))
            self._come((first.rank, first.key, study.number), study.arrived_min)
        self._advance(math.inf)
        return self._finished

    def _advance(self, until: float) -> None:
        """Everything that happens before this moment or at it."""
        while self._ends or self._moves:
            end = self._ends[0][0] if self._ends else math.inf
            move = self._moves[0][0] if self._moves else math.inf
            if min(end, move) > until:
                return
            if end <= move:
                self._end(*heappop(self._ends))
            else:
                now, number, rank, key = heappop(self._moves)
                self._move((rank, key, number), now)

    def _come(self, entry: Entry, now: float) -> None:
        """A study comes into the list, or to another place of it."""
        if len(self._reading) < self._readers:
            self._start(entry, now)
            return
        if all(entry[0] >= place[0] for place, _ in self._reading.values()):
            self._stand(entry)
            return
        self._interrupt(max(place for place, _ in self._reading.values()), now)
        self._start(entry, now)

    def _move(self, entry: Entry, now: float) -> None:
        number = entry[2]
        if number in self._reading:
            self._reading[number] = (entry, self._reading[number][1])
        elif self._standing[number] is not None:
            self._standing[number] = None
            self._come(entry, now)

    def _stand(self, entry: Entry) -> None:
        self._standing[entry[2]] = entry
        heappush(self._list, entry)

    def _start(self, entry: Entry, now: float) -> None:
        number = entry[2]
        end = now + self._left[number]
        self._reading[number] = (entry, end)
        heappush(self._ends, (end, number))

    def _interrupt(self, entry: Entry, now: float) -> None:
        _, end = self._reading.pop(entry[2])
        self._left[entry[2]] = end - now
        self._stand(entry)

    def _end(self, now: float, number: int) -> None:
        reading = self._reading.get(number)
        if reading is None or reading[1] != now:
            return  # it was interrupted
        del self._reading[number]
        self._finished[number] = now
        first = self._first(now)
        if first is not None:
            self._standing[first[2]] = None
            self._start(first, now)

    def _first(self, now: float) -> Entry | None:
        """Take the first of the list out of it; None: it is empty."""
        del now  # the order does not change with time
        while self._list:
            entry = heappop(self._list)
            if self._standing[entry[2]] is entry:
                return entry
        return None


def waits_min(
    studies: Sequence[SimulatedStudy],
    readers: int,
    *,
    places_of: PlacesOf,
    room: type[ReadingRoom] = ReadingRoom,
) -> list[float]:
    """How long each study waits: from its arrival to the end of its reading, less the reading.

    Time for which its reading is interrupted counts, as in the FDA's tool.

    Parameters
    ----------
    studies
        In the order of arrival, numbered from 0.
    readers
        How many read side by side, at least 1.
    room
        With another way to take the first of the list, if the order changes with time.
    """
    finished = room(studies, places_of, readers).read_all()
    return [
        max(0.0, end - study.arrived_min - study.reading_min)
        for study, end in zip(studies, finished, strict=True)
    ]
