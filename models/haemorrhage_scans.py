"""What all scans of one study show."""

from collections.abc import Sequence
from dataclasses import replace

from models.haemorrhage_findings import FRACTURE_OF_SKULL, Findings
from worklist.finding import Lesion, SuspectedKind


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
