"""Equal facts are one object, in whatever types and order they come."""

from dataclasses import replace
from datetime import UTC, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np

from results.facts import AssessmentFacts
from results.report import build_report
from results.selection import build_selections
from tests.result_facts import PHANTOMS, usual_facts
from worklist.finding import Flagged

_HEAD = PHANTOMS / "head_ct_bleed"


def _bytes(facts: AssessmentFacts) -> list[bytes]:
    return [one.file for one in (build_report(facts), *build_selections(facts))]


def _in_other_types(facts: AssessmentFacts) -> AssessmentFacts:
    """Lists for tuples, numbers of numpy, a time of another zone."""
    first = facts.results[0]
    assert isinstance(first.outcome, Flagged)
    regions = [
        replace(
            one,
            polygon=[[np.float64(x), np.float64(y)] for x, y in one.polygon],
            score=np.float64(one.score),
        )
        for one in first.outcome.regions
    ]
    outcome = replace(
        first.outcome, regions=regions, probability=np.float64(first.outcome.probability)
    )
    at = first.provenance.finished_at.astimezone(timezone(timedelta(hours=5)))
    provenance = replace(
        first.provenance,
        finished_at=at,
        instances=[list(one) for one in first.provenance.instances],
    )
    told = replace(first, outcome=outcome, provenance=provenance)
    return replace(facts, results=[told, *facts.results[1:]])


def test_lists_and_numbers_of_numpy_make_no_other_object() -> None:
    facts = usual_facts(_HEAD)
    assert _in_other_types(facts) == facts
    assert _bytes(_in_other_types(facts)) == _bytes(facts)


def test_the_order_in_which_images_are_given_makes_no_other_object() -> None:
    facts = usual_facts(_HEAD)
    turned = replace(facts, images=facts.images[::-1], seen=list(facts.seen[::-1]))
    assert turned.digest == facts.digest
    assert _bytes(turned) == _bytes(facts)


def test_the_same_clock_by_another_name_makes_no_other_object_and_another_does() -> None:
    facts = usual_facts(_HEAD)
    digests = [
        replace(facts, timezone=zone).digest
        for zone in (UTC, ZoneInfo("UTC"), timezone(timedelta(0)), timezone(timedelta(hours=1)))
    ]
    assert digests[0] == digests[1] == digests[2] != digests[3]
