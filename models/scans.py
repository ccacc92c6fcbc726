"""Which series of a study are judged: every one that shows what no better one does."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from models.detector import (
    PassedOver,
    Refused,
    SeriesHeader,
    SeriesImages,
    Unjudgeable,
    Unsuitable,
)
from models.images import UndecodableImage
from models.reconstructions import shows_again

Sight = TypeVar("Sight")


@dataclass(frozen=True, kw_only=True, slots=True)
class Scans(Generic[Sight]):
    """The series of a study, sorted out."""

    judged: tuple[tuple[SeriesImages, Sight], ...]  # one reconstruction of each scan
    passed_over: tuple[PassedOver, ...]  # the others, but for what nothing replaces:
    refused: tuple[Refused, ...]  # the images of unjudgeable ones (and none of broken ones)
    why_none: Unsuitable | None = None  # what speaks against all of them, if it is not their files


def scans_of(
    series: Sequence[SeriesImages],
    look: Callable[[SeriesImages], Sight | Unsuitable],
    why_rather: Callable[[SeriesHeader, SeriesHeader], str],
    odd_in: Callable[[Sight], Sequence[Refused]],
) -> Scans[Sight]:
    """Look at the best reconstruction of each scan that can be decoded and is suitable.

    One that refuses some of its images stands for no other, and gives way to one that refuses none.

    Parameters
    ----------
    series
        The best first: one is judged unless one before it was that shows all that it does.
    look
        What is seen in one series; ``Unsuitable``: nothing that counts; ``Unjudgeable``: what may
        count, so that without another series that shows it the study is not clear (P4).
    why_rather
        Why the first header's series is judged and not the second's, a sentence.
    odd_in
        The images of a series that its sight does not rest on.
    """
    judged: list[tuple[SeriesImages, Sight]] = []
    passed_over: list[PassedOver] = []
    unfit: list[tuple[SeriesImages, Unsuitable]] = []
    broken: list[SeriesImages] = []
    in_part: list[tuple[SeriesImages, Sight]] = []
    for one in series:
        try:
            instead = _shown_by(one, judged)
            if instead is not None:
                passed_over.append(_unseen(one, why_rather(instead.header, one.header)))
                continue
            sight = look(one)
        except UndecodableImage:
            broken.append(one)
            continue
        if isinstance(sight, Unsuitable):
            unfit.append((one, sight))
        else:
            (in_part if odd_in(sight) else judged).append((one, sight))
    replaced = [_is_replaced(one, judged) for one, _ in in_part]
    for (one, sight), by_another in zip(in_part, replaced, strict=True):
        if by_another:
            unfit.append((one, Unjudgeable(reason=odd_in(sight)[0].reason)))
        else:
            judged.append((one, sight))
    passed_over += [
        _unseen(one, "Another series of the same scan is looked at instead.")
        for one in broken
        if _is_replaced(one, judged)
    ]
    lost = [
        (one, why)
        for one, why in unfit
        if judged and isinstance(why, Unjudgeable) and not _is_replaced(one, judged)
    ]
    seen = [_seen(one, why) for one, why in unfit if not any(one is other for other, _ in lost)]
    return Scans(
        judged=tuple(judged),
        passed_over=(*seen, *passed_over),
        refused=tuple(image for each in lost for image in _refused(*each)),
        why_none=None if judged else _why_none([why for _, why in unfit]),
    )


def _why_none(why: Sequence[Unsuitable]) -> Unsuitable | None:
    """Of several reasons the first of what should have been judged, else the first."""
    for one in why:
        if isinstance(one, Unjudgeable) and one.fails_alone:
            return one
    return Unsuitable(reason=why[0].reason) if why else None


def less_suspect(series: SeriesImages, probability: float) -> PassedOver:
    """Why a scan that was judged does not decide."""
    return PassedOver(
        series_instance_uid=series.header.series_instance_uid,
        reason=f"Judged by itself ({probability:.2f}), it is less suspect.",
        seen=True,
        judged=True,
    )


def _shown_by(
    one: SeriesImages, judged: Iterable[tuple[SeriesImages, Sight]]
) -> SeriesImages | None:
    """The series judged that shows all that this one does."""
    return next((other for other, _ in judged if shows_again(one, other)), None)


def _is_replaced(one: SeriesImages, judged: Iterable[tuple[SeriesImages, Sight]]) -> bool:
    try:
        return _shown_by(one, judged) is not None
    except UndecodableImage:
        return False


def _unseen(series: SeriesImages, reason: str) -> PassedOver:
    return PassedOver(series_instance_uid=series.header.series_instance_uid, reason=reason)


def _seen(series: SeriesImages, why: Unsuitable) -> PassedOver:
    uid = series.header.series_instance_uid
    return PassedOver(series_instance_uid=uid, reason=why.reason, seen=True)


def _refused(series: SeriesImages, why: Unsuitable) -> list[Refused]:
    return [
        Refused(
            sop_instance_uid=image.sop_instance_uid,
            frame_number=image.frame_number,
            reason=why.reason,
        )
        for image in series.images
    ]
