"""From the places that the nodule detector tells to regions, scores and lesions for people."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

from models.nodule_volume import Stack
from worklist.finding import Evidence, ImageScore, Lesion, Region

if TYPE_CHECKING:
    from models.nodule import Found


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """What one series shows, or several."""

    regions: tuple[Region, ...]
    evidence: Evidence


def findings_of(
    stack: Stack, shown: Sequence["Found"], score: Callable[["Found"], float]
) -> Findings:
    """Regions and evidence of the nodules shown, most suspect first."""
    regions: list[Region] = []
    lesions: list[Lesion] = []
    of_image: dict[int, float] = {}
    for number, place in enumerate(shown, start=1):
        cuts = place.outline.cuts
        lesions.append(
            Lesion(
                number=number,
                score=score(place),
                centre_mm=place.outline.centre_mm,
                diameter_mm=place.outline.diameter_mm,
                first_image=stack.images[cuts[0][0]].sop_instance_uid,
                last_image=stack.images[cuts[-1][0]].sop_instance_uid,
            )
        )
        for slice_number, polygon in cuts:
            of_image[slice_number] = max(of_image.get(slice_number, 0.0), score(place))
            regions.append(_region(stack, slice_number, polygon, number, score(place)))
    scores = tuple(
        ImageScore(
            sop_instance_uid=image.sop_instance_uid,
            frame_number=image.frame_number,
            score=of_image.get(number, 0.0),
        )
        for number, image in enumerate(stack.images)
    )
    evidence = Evidence(image_scores=scores, lesions=tuple(lesions))
    return Findings(regions=tuple(regions), evidence=evidence)


def together(several: Sequence[Findings]) -> Findings:
    """What several scans of a study show, with lesions numbered through it, most suspect first.

    Parameters
    ----------
    several
        Of each scan; the decisive one first, which comes first among equals.
    """
    found = [(place, one) for place, each in enumerate(several) for one in each.evidence.lesions]
    found.sort(key=lambda pair: -pair[1].score)
    numbers = {(place, one.number): new for new, (place, one) in enumerate(found, start=1)}
    regions = [
        replace(region, lesion=numbers[place, region.lesion])
        for place, each in enumerate(several)
        for region in each.regions
        if region.lesion is not None  # each is a cut of one
    ]
    regions.sort(key=lambda region: -region.score)
    evidence = Evidence(
        image_scores=tuple(chain.from_iterable(each.evidence.image_scores for each in several)),
        lesions=tuple(replace(one, number=numbers[place, one.number]) for place, one in found),
    )
    return Findings(regions=tuple(regions), evidence=evidence)


def _region(
    stack: Stack,
    number: int,
    polygon: tuple[tuple[float, float], ...],
    lesion: int,
    score: float,
) -> Region:
    image = stack.images[number]
    return Region(
        sop_instance_uid=image.sop_instance_uid,
        frame_number=image.frame_number,
        polygon=polygon,
        score=score,
        polygon_mm=tuple(stack.to_patient(number, column, row) for column, row in polygon),
        lesion=lesion,
    )
