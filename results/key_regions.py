"""Which regions stand for a study where there is room for three."""

from dataclasses import dataclass

from results.facts import AssessmentFacts, DetectorResult
from results.places import Place, places_of
from worklist.finding import Region

MOST = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyRegion:
    """One place that was flagged, on the image that shows it best."""

    result: DetectorResult
    place: Place
    region: Region


def key_regions(facts: AssessmentFacts) -> tuple[KeyRegion, ...]:
    """At most three: the most suspect place of each detector first, then the next ones.

    Of a lesion the cut of the highest score, and among equals the largest.
    """
    ranked = [
        (rank, -place.score, result.provenance.detector.name, place.name, result, place)
        for result in facts.flagged
        for rank, place in enumerate(sorted(places_of(result), key=lambda one: -one.score))
    ]
    ranked.sort(key=lambda one: one[:4])
    return tuple(
        KeyRegion(result=result, place=place, region=max(place.regions, key=_worth))
        for *_, result, place in ranked[:MOST]
    )


def _worth(region: Region) -> tuple[float, float]:
    """Score, and the area in square pixels (the shoelace formula)."""
    pairs = zip(region.polygon, (*region.polygon[1:], region.polygon[0]), strict=True)
    return region.score, abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairs)) / 2
