"""Which one image stands for a study in the list: small, without marks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from worklist.uid import SeriesInstanceUID, SOPInstanceUID

_NO_PICTURES = frozenset({"SR", "PR", "KO", "SEG", "RTDOSE", "RTPLAN", "RTSTRUCT", "REG", "DOC"})
_SCOUT_WORDS = ("scout", "localizer", "localiser", "topogram", "surview", "scanogram")
_HEAD_WORDS = ("head", "brain", "skull", "kopf", "schadel", "crane", "cerebr")
_CHEST_WORDS = ("chest", "thorax", "lung")
_BRAIN, _LUNG, _SOFT_TISSUE = (40.0, 80.0), (-600.0, 1500.0), (40.0, 400.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyImage:
    """One object with pixels, as far as the choice needs to know it."""

    sop_instance_uid: SOPInstanceUID
    instance_number: int | None
    number_of_frames: int
    series_instance_uid: SeriesInstanceUID
    series_number: int | None
    modality: str
    body_part: str
    description: str  # of the series


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """One frame of a study, and how to show it."""

    series_instance_uid: SeriesInstanceUID
    sop_instance_uid: SOPInstanceUID
    frame_number: int  # counts from 1
    window: tuple[float, float] | None  # centre and width, HU; None: the image's own


def choose_preview(images: Iterable[StudyImage]) -> Preview | None:
    """The middle frame of the series with the most frames; None: there is nothing to show.

    Scouts count only where there is nothing else; among equals the lowest series number does.
    """
    series: dict[SeriesInstanceUID, list[StudyImage]] = {}
    for image in images:
        if image.modality.upper() not in _NO_PICTURES:
            series.setdefault(image.series_instance_uid, []).append(image)
    if not series:
        return None
    best = min(series.values(), key=_rank)
    image, frame_number = _middle(sorted(best, key=_in_series))
    return Preview(
        series_instance_uid=image.series_instance_uid,
        sop_instance_uid=image.sop_instance_uid,
        frame_number=frame_number,
        window=_window(image),
    )


def _rank(series: Sequence[StudyImage]) -> tuple[bool, int, bool, int, str]:
    first = series[0]
    is_scout = any(word in first.description.lower() for word in _SCOUT_WORDS)
    number = first.series_number
    return is_scout, -_frames(series), number is None, number or 0, first.series_instance_uid


def _frames(series: Sequence[StudyImage]) -> int:
    return sum(max(1, image.number_of_frames) for image in series)


def _in_series(image: StudyImage) -> tuple[bool, int, str]:
    return image.instance_number is None, image.instance_number or 0, image.sop_instance_uid


def _middle(series: Sequence[StudyImage]) -> tuple[StudyImage, int]:
    left = _frames(series) // 2
    for image in series:
        frames = max(1, image.number_of_frames)
        if left < frames:
            return image, left + 1
        left -= frames
    raise AssertionError("the middle lies within")


def _window(image: StudyImage) -> tuple[float, float] | None:
    if image.modality.upper() != "CT":
        return None
    words = f"{image.body_part} {image.description}".lower()
    if any(word in words for word in _HEAD_WORDS):
        return _BRAIN
    return _LUNG if any(word in words for word in _CHEST_WORDS) else _SOFT_TISSUE
