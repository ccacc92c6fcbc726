"""The scans of one study: which reconstruction of each is judged, and what all of them show."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from models.detector import PassedOver, SeriesImages, Unsuitable
from models.haemorrhage_findings import FRACTURE_OF_SKULL, Findings
from models.haemorrhage_rules import aptness, why_less_apt
from models.images import UndecodableImage
from models.reconstructions import shows_again
from worklist.finding import Lesion, SuspectedKind

if TYPE_CHECKING:
    from models.haemorrhage import Sight


@dataclass(frozen=True, kw_only=True, slots=True)
class Scans:
    """The series of a study, sorted out."""

    judged: tuple[tuple[SeriesImages, "Sight"], ...]  # one reconstruction of each scan
    passed_over: tuple[PassedOver, ...]  # the others


def scans_of(
    series: Sequence[SeriesImages], look: Callable[[SeriesImages], "Sight | Unsuitable"]
) -> Scans:
    """Look at the most apt reconstruction of each scan that can be decoded and shows a head."""
    judged: list[tuple[SeriesImages, Sight]] = []
    passed_over: list[PassedOver] = []
    broken: list[SeriesImages] = []
    for one in sorted(series, key=lambda one: aptness(one.header)):
        try:
            instead = _shown_by(one, judged)
            if instead is not None:
                passed_over.append(_unseen(one, why_less_apt(instead.header, one.header)))
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
    one: SeriesImages, judged: Iterable[tuple[SeriesImages, "Sight"]]
) -> SeriesImages | None:
    """The series judged that shows all that this one does."""
    return next((other for other, _ in judged if shows_again(one, other)), None)


def _is_replaced(broken: SeriesImages, judged: Iterable[tuple[SeriesImages, "Sight"]]) -> bool:
    try:
        return _shown_by(broken, judged) is not None
    except UndecodableImage:
        return False


def _unseen(series: SeriesImages, reason: str) -> PassedOver:
    return PassedOver(series_instance_uid=series.header.series_instance_uid, reason=reason)


def together(several: Sequence[Findings]) -> Findings:
    """What all scans show, with lesions numbered through the study, most suspect first.

    Parameters
    ----------
    several
        Of each scan, at least one; the decisive one first, which comes first among equals.
    """
    found = [(place, one) for place, each in enumerate(several) for one in each.evidence.lesions]
    found.sort(key=lambda pair: -pair[1].score)
    numbers = {(place, one.number): new for new, (place, one) in enumerate(found, start=1)}
    regions = [
        region if region.lesion is None else replace(region, lesion=numbers[place, region.lesion])
        for place, each in enumerate(several)
        for region in each.regions
    ]
    regions.sort(key=lambda region: (region.kind == FRACTURE_OF_SKULL, -region.score))
    lesions: list[Lesion] = [
        replace(one, number=numbers[place, one.number]) for place, one in found
    ]
    first, *others = several
    evidence = replace(
        first.with_scores_of(others), lesions=tuple(lesions), kinds=_kinds_of(several)
    )
    return Findings(regions=tuple(regions), evidence=evidence)


def _kinds_of(several: Sequence[Findings]) -> tuple[SuspectedKind, ...]:
    """Each kind with its highest score."""
    best: dict[str, SuspectedKind] = {}
    for kind in (kind for each in several for kind in each.evidence.kinds):
        if kind.name not in best or kind.score > best[kind.name].score:
            best[kind.name] = kind
    return tuple(sorted(best.values(), key=lambda kind: -kind.score))
