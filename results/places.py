"""What was flagged, place by place: a lesion with all its cuts, or a region that is of none."""

from collections import defaultdict
from dataclasses import dataclass

from results.facts import DetectorResult
from worklist.finding import Flagged, Lesion, Region


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """One thing that was flagged."""

    name: str  # unique in its result, ASCII
    regions: tuple[Region, ...]  # its cuts, in the order of the result; at least one
    score: float  # 0 to 1, how sure the detector is of it; not calibrated
    lesion: Lesion | None  # None: the detector follows it through no images


def places_of(result: DetectorResult) -> tuple[Place, ...]:
    """Most suspect first: lesions by their number, then what is of none."""
    if not isinstance(result.outcome, Flagged):
        return ()
    lesions = {one.number: one for one in result.outcome.evidence.lesions}
    cuts: dict[int, list[Region]] = defaultdict(list)
    single = []
    for region in result.regions:
        if region.lesion in lesions:
            cuts[region.lesion].append(region)
        else:
            single.append(region)
    return tuple(
        [_of_lesion(lesions[number], cuts[number]) for number in sorted(cuts)]
        + [
            Place(
                name=f"place {number}", regions=(region,), score=_share(region.score), lesion=None
            )
            for number, region in enumerate(single, start=1)
        ]
    )


def _of_lesion(lesion: Lesion, regions: list[Region]) -> Place:
    return Place(
        name=f"lesion {lesion.number}",
        regions=tuple(regions),
        score=_share(lesion.score),
        lesion=lesion,
    )


def _share(score: float) -> float:
    """From 0 to 1, whatever somebody else's model may answer."""
    return min(max(score, 0.0), 1.0)
