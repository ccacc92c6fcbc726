"""Series filed in a folder, broken where a test wants it, and detectors that look at them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from models import series_on_demand
from models.assessment import Look, look, select
from models.data_set import data_set_sha256
from models.detector import (
    Assessment,
    Detector,
    Eligible,
    PassedOver,
    SeriesHeader,
    SeriesImages,
    Unsuitable,
)
from models.headers import read_series_headers
from models.images import UndecodableImage
from tests.archived import RAMP, image, writer
from tests.haemorrhage_heads import card as plain_card
from worklist.study import ArchivedInstance
from worklist.uid import SeriesInstanceUID

LIMIT = 10**9
FIRST, SECOND, THIRD = "1.2.3.1", "1.2.3.2", "1.2.3.3"
Archive = Callable[..., list[ArchivedInstance]]


def archive_in(folder: Path) -> Archive:
    """A function that files a series of three planes, 5 mm apart; its second may be broken."""
    write = writer(folder)

    def file(
        series: str,
        *,
        frame: str = "1.2.9",
        broken: bool = False,
        low_mm: float = 0.0,
        frames: int | None = None,
    ) -> list[ArchivedInstance]:
        filed = []
        for number in range(3):
            one = image(
                ImagePositionPatient=[0, 0, low_mm + 5.0 * number],
                ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
                PixelSpacing=[1, 1],
                FrameOfReferenceUID=frame,
                NumberOfFrames=frames,
                SeriesInstanceUID=series,
            )
            if broken and number == 1:
                one.PixelData = RAMP.tobytes()[:-4]
            instance = write(one, series)
            digest = data_set_sha256(folder / instance.archive_path)
            filed.append(replace(instance, sha256=digest))
        return filed

    return file


def decoded_by(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The series that somebody tries to decode from now on, in order."""
    seen: list[str] = []
    real = series_on_demand.load_series

    def noted(header: SeriesHeader, *, limit_bytes: int) -> SeriesImages:
        seen.append(header.series_instance_uid)
        return real(header, limit_bytes=limit_bytes)

    monkeypatch.setattr(series_on_demand, "load_series", noted)
    return seen


class Answers:
    """A detector of CT whose rule a test gives; it counts how often it is asked."""

    card = plain_card(operating_point=0.5)

    def __init__(self, rule: Callable[[Sequence[SeriesImages]], Assessment | Unsuitable]) -> None:
        self._rule = rule
        self.offered: list[list[str]] = []

    def eligibility(self, series: SeriesHeader) -> Eligible:
        return Eligible()

    def assess(self, series: Sequence[SeriesImages]) -> Assessment | Unsuitable:
        self.offered.append([one.header.series_instance_uid for one in series])
        return self._rule(series)


def look_at(detector: Answers, filed: Sequence[ArchivedInstance], archive: Path) -> Look:
    """What comes of the study in a folder."""
    asked = cast(Detector, detector)
    selection = select(asked, read_series_headers(filed, archive))
    return look(asked, selection, limit_bytes=LIMIT)


def left_aside(uid: str, **said: bool) -> PassedOver:
    """What a detector says of a series that it did not choose."""
    return PassedOver(
        series_instance_uid=SeriesInstanceUID(uid), reason="Another is looked at.", **said
    )


def the_first_alone(series: Sequence[SeriesImages], probability: float = 0.1) -> Assessment:
    """Chooses by the headers."""
    chosen, *others = series
    assert len(chosen.images) == 3
    return Assessment(
        probability=probability,
        passed_over=tuple(left_aside(one.header.series_instance_uid) for one in others),
    )


def every_one(series: Sequence[SeriesImages], probability: float = 0.1) -> Assessment:
    """As most third-party detectors: one after the other, nothing caught, nothing passed over."""
    assert all(len(one.images) == 3 for one in series)
    return Assessment(probability=probability)


def the_first_that_can_be_decoded(series: Sequence[SeriesImages]) -> Assessment:
    """Goes on after what is broken, and passes over all but the first good one."""
    good = None
    passed_over = []
    for one in series:
        try:
            if good is None and one.images:
                good = one
                continue
        except UndecodableImage:
            pass
        passed_over.append(left_aside(one.header.series_instance_uid))
    return Assessment(probability=0.1, passed_over=tuple(passed_over))
