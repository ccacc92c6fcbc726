"""Detectors of strangers: they answer in classes of their own, start others, take memory.

Copied into packages that the runner's child alone can import.
"""

import mmap
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from runner_detectors import Fake

from models.detector import Assessment, Eligibility, NotEligible, SeriesHeader, SeriesImages
from worklist.finding import Region

_SHARED = 512 * 2**20


def honest(*, threads: int, cache: Path | None) -> Fake:
    return Fake("fracture.honest")


class Text(str):
    """A reason of a vendor's own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark(Region):
    """A region of a vendor's own."""

    vendor: str = "acme"


class _Own(Fake):
    """Answers in its own classes, which only this process can import."""

    def assess(self, series: Sequence[SeriesImages]) -> Assessment:
        image = series[0].images[0]
        mark = Mark(
            sop_instance_uid=image.sop_instance_uid,
            frame_number=1,
            polygon=((0, 0), (1, 0), (1, 1)),
            score=0.5,
            kind=Text("displaced"),
        )
        return Assessment(probability=0.75, regions=(mark,))

    def eligibility(self, series: SeriesHeader) -> Eligibility:
        if series.modality == "MR":
            return NotEligible(reason=Text("not mine"))
        return super().eligibility(series)


def own(*, threads: int, cache: Path | None) -> Fake:
    return _Own("fracture.own")


class _Silent(Fake):
    def assess(self, series: Sequence[SeriesImages]) -> Assessment:
        return None  # type: ignore[return-value]


def silent(*, threads: int, cache: Path | None) -> Fake:
    return _Silent("fracture.silent")


class Trap:
    """Cannot be unpickled where this module is not."""


class _Forging(Fake):
    """Gets an object of its own past the checks, into what the parent is sent."""

    def eligibility(self, series: SeriesHeader) -> Eligibility:
        from models import child
        from models.assessment import Look

        child.look = lambda *_, **__: Look(outcome=Trap(), instances=())  # type: ignore[assignment, misc]
        return super().eligibility(series)


def forging(*, threads: int, cache: Path | None) -> Fake:
    return _Forging("fracture.forging")


class _Parent(Fake):
    """Starts a grandchild and a daemon, writes down which, and then ends or hangs."""

    def assess(self, series: Sequence[SeriesImages]) -> Assessment:
        started = series[0].header.instances[0].path.with_name("started")
        sleep = f"{sys.executable} -c 'import time; time.sleep(600)' & echo $! >> {started}"
        subprocess.Popen(["sh", "-c", f"{sleep}; wait"])
        subprocess.run(["sh", "-c", f"setsid {sleep}"], check=True)
        while not started.exists() or len(started.read_text().split()) < 2:
            time.sleep(0.05)
        time.sleep(1)  # as a program that does some work
        if series[0].images[0].pixels.max() > 500:
            os._exit(3)
        time.sleep(600)
        return super().assess(series)


def parent(*, threads: int, cache: Path | None) -> Fake:
    return _Parent("fracture.parent")


class _Sharing(Fake):
    """Takes memory that RLIMIT_DATA does not count."""

    def assess(self, series: Sequence[SeriesImages]) -> Assessment:
        with mmap.mmap(-1, _SHARED) as shared:
            for at in range(0, _SHARED, mmap.PAGESIZE):
                shared[at] = 1
            time.sleep(600)
        return super().assess(series)


def sharing(*, threads: int, cache: Path | None) -> Fake:
    return _Sharing("fracture.sharing")


class _Several(Fake):
    """Lets several processes take what one of them may."""

    def assess(self, series: Sequence[SeriesImages]) -> Assessment:
        take = f"import time; taken = bytearray(b'x' * {_SHARED // 4}); time.sleep(600)"
        for _ in range(4):
            subprocess.Popen([sys.executable, "-c", take])
        time.sleep(600)
        return super().assess(series)


def several(*, threads: int, cache: Path | None) -> Fake:
    return _Several("fracture.several")
