"""Which series of a study are judged: every one that shows what no better one does."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from models.detector import PassedOver, SeriesHeader, SeriesImages, Unsuitable
from models.images import UndecodableImage
from models.reconstructions import shows_again

Sight = TypeVar("Sight")


@dataclass(frozen=True, kw_only=True, slots=True)
class Scans(Generic[Sight]):
    """The series of a study, sorted out."""

    judged: tuple[tuple[SeriesImages, Sight], ...]  # one reconstruction of each scan
    passed_over: tuple[PassedOver, ...]  # the others, but for broken ones that nothing replaces


def scans_of(
    series: Sequence[SeriesImages],
    look: Callable[[SeriesImages], Sight | Unsuitable],
    why_rather: Callable[[SeriesHeader, SeriesHeader], str],
) -> Scans[Sight]:
    """Look at the best reconstruction of each scan that can be decoded and is suitable.

    Parameters
    ----------
    series
        The best first: one is judged unless one before it was that shows all that it does.
    look
        What is seen in one series; ``Unsuitable``: nothing that counts.
    why_rather
        Why the first header's series is judged and not the second's, a sentence.
    """
    judged: list[tuple[SeriesImages, Sight]] = []
    passed_over: list[PassedOver] = []
    broken: list[SeriesImages] = []
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
            uid = one.header.series_instance_uid
            passed_over.append(PassedOver(series_instance_uid=uid, reason=sight.reason, seen=True))
        else:
            judged.append((one, sight))
    passed_over += [
        _unseen(one, "Another series of the same scan is looked at instead.")
        for one in broken
        if _is_replaced(one, judged)
    ]
    return Scans(judged=tuple(judged), passed_over=tuple(passed_over))


def _shown_by(
    one: SeriesImages, judged: Iterable[tuple[SeriesImages, Sight]]
) -> SeriesImages | None:
    """The series judged that shows all that this one does."""
    return next((other for other, _ in judged if shows_again(one, other)), None)


def _is_replaced(broken: SeriesImages, judged: Iterable[tuple[SeriesImages, Sight]]) -> bool:
    try:
        return _shown_by(broken, judged) is not None
    except UndecodableImage:
        return False


def _unseen(series: SeriesImages, reason: str) -> PassedOver:
    return PassedOver(series_instance_uid=series.header.series_instance_uid, reason=reason)
