"""Detectors that behave badly on purpose; imported by the runner's child process only."""

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from models.card import ModelCard
from models.detector import (
    Assessment,
    Eligibility,
    Eligible,
    NotEligible,
    SeriesHeader,
    SeriesImages,
)
from worklist.finding import Region, TargetFinding


class Fake:
    """Looks at CT alone and answers the brightest pixel, in thousandths."""

    def __init__(self, name: str) -> None:
        self.card = ModelCard(
            name=name,
            version="1",
            target=TargetFinding.FRACTURE,
            title=name,
            intended_use="tests",
            limits=(),
            training_data=(),
            weights_file="none",
            weights_sha256="0" * 64,
            operating_point=0.5,
            calibration={},
            performance={},
        )

    def eligibility(self, series: SeriesHeader) -> Eligibility:
        return Eligible() if series.modality == "CT" else NotEligible(reason="not a CT")

    def assess(self, series: Sequence[SeriesImages]) -> Assessment:
        brightest = max(float(image.pixels.max()) for one in series for image in one.images)
        image = series[0].images[0]
        region = Region(
            sop_instance_uid=image.sop_instance_uid,
            frame_number=1,
            polygon=((0, 0), (1, 0), (1, 1)),
            score=0.5,
        )
        return Assessment(probability=brightest / 1000, regions=(region,))


def honest(*, threads: int, cache: Path | None) -> Fake:
    return Fake("fracture.honest")


def misnamed(*, threads: int, cache: Path | None) -> Fake:
    return Fake("fracture.another")


def unloadable(*, threads: int, cache: Path | None) -> Fake:
    raise ValueError("the weights are not the ones the card names")


def deadly(*, threads: int, cache: Path | None) -> Fake:
    os.kill(os.getpid(), signal.SIGSEGV)
    raise AssertionError("still alive")


def mortal(*, threads: int, cache: Path | None) -> Fake:
    """Dies by loading as often as the file ``cache/deaths`` says, as if somebody killed it."""
    assert cache is not None
    left = int((cache / "deaths").read_text())
    if left:
        (cache / "deaths").write_text(str(left - 1))
        os.kill(os.getpid(), signal.SIGKILL)
    return Fake("fracture.mortal")


class _Slow(Fake):
    def assess(self, series: Sequence[SeriesImages]) -> Assessment:
        time.sleep(600)
        return super().assess(series)


def slow(*, threads: int, cache: Path | None) -> Fake:
    return _Slow("fracture.slow")


class _Greedy(Fake):
    def assess(self, series: Sequence[SeriesImages]) -> Assessment:
        np.zeros(2 * 2**30, dtype=np.uint8)  # never touched: harmless where nothing stops it
        return super().assess(series)


def greedy(*, threads: int, cache: Path | None) -> Fake:
    return _Greedy("fracture.greedy")


class _Raising(Fake):
    def assess(self, series: Sequence[SeriesImages]) -> Assessment:
        raise KeyError("a key")


def raising(*, threads: int, cache: Path | None) -> Fake:
    return _Raising("fracture.raising")


class _Stumbling(Fake):
    def assess(self, series: Sequence[SeriesImages]) -> Assessment:
        raise KeyError(len(series[0].images))


def stumbling(*, threads: int, cache: Path | None) -> Fake:
    return _Stumbling("fracture.stumbling")


class _Unsure(Fake):
    def eligibility(self, series: SeriesHeader) -> Eligibility:
        raise KeyError("a rule")


def unsure(*, threads: int, cache: Path | None) -> Fake:
    return _Unsure("fracture.unsure")


class _Choosy(Fake):
    def eligibility(self, series: SeriesHeader) -> Eligibility:
        return Eligible(
            left_out=tuple(
                (i.sop_instance_uid, "It is the second.")
                for i in series.instances
                if i.instance_number == 2
            )
        )


def choosy(*, threads: int, cache: Path | None) -> Fake:
    return _Choosy("fracture.choosy")


class _Crashing(Fake):
    def assess(self, series: Sequence[SeriesImages]) -> Assessment:
        os.kill(os.getpid(), signal.SIGSEGV)
        return super().assess(series)


def crashing(*, threads: int, cache: Path | None) -> Fake:
    return _Crashing("fracture.crashing")


class _NaN(Fake):
    def assess(self, series: Sequence[SeriesImages]) -> Assessment:
        return replace(super().assess(series), probability=float("nan"))


def nan(*, threads: int, cache: Path | None) -> Fake:
    return _NaN("fracture.nan")
