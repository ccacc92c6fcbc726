"""From a detector's answer to an outcome."""

import json
import math
from dataclasses import asdict, replace

import numpy as np
import pytest

from models.assessment import join_reasons, judge
from models.detector import Assessment
from worklist.finding import Failed, Flagged, NotFlagged, Region
from worklist.uid import SOPInstanceUID

REGION = Region(
    sop_instance_uid=SOPInstanceUID("1.2"), frame_number=1, polygon=((0, 0), (1, 0)), score=0.1
)


@pytest.mark.parametrize(
    ("probability", "kind"),
    [(0.0, NotFlagged), (0.3999, NotFlagged), (0.4, Flagged), (0.4001, Flagged), (1.0, Flagged)],
)
def test_a_study_is_flagged_at_or_above_the_operating_point(probability: float, kind: type) -> None:
    outcome = judge(Assessment(probability=probability, regions=(REGION,)), 0.4)
    assert outcome == kind(probability=probability, regions=(REGION,))


@pytest.mark.parametrize("probability", [-0.001, 1.001, math.nan, math.inf])
def test_p4_what_is_no_probability_is_a_failure(probability: float) -> None:
    outcome = judge(Assessment(probability=probability), 0.4)
    assert isinstance(outcome, Failed)
    assert str(probability) in outcome.reason


def test_p4_places_that_are_no_regions_are_a_failure() -> None:
    outcome = judge(Assessment(probability=0.9, regions=("here",)), 0.4)  # type: ignore[arg-type]
    assert isinstance(outcome, Failed)


@pytest.mark.parametrize("nowhere", [math.nan, math.inf])
def test_p4_places_that_are_nowhere_are_a_failure(nowhere: float) -> None:
    lost = [
        replace(REGION, polygon=((0.0, nowhere), (1.0, 0.0))),
        replace(REGION, score=nowhere),
        replace(REGION, polygon_mm=((0.0, 0.0, nowhere),)),
    ]
    for region in lost:
        outcome = judge(Assessment(probability=0.9, regions=(region,)), 0.4)
        assert isinstance(outcome, Failed)


def test_places_in_numbers_of_numpy_become_plain_ones_that_can_be_stored() -> None:
    one = np.float32(0.5)
    region = replace(REGION, polygon=((one, one), (one, one)), score=one)
    outcome = judge(Assessment(probability=0.9, regions=(region,)), 0.4)
    assert isinstance(outcome, Flagged)
    assert json.loads(json.dumps(asdict(outcome.regions[0])))["polygon"] == [[0.5, 0.5]] * 2


@pytest.mark.parametrize(
    ("reasons", "line"),
    [
        ([], ""),
        (["a", "a"], "a"),
        (["a", "b", "c"], "a; b; c"),
        (["a", "b", "c", "a", "d"], "a; b; c; and 1 more"),
    ],
)
def test_reasons_are_told_once_and_a_few_of_them(reasons: list[str], line: str) -> None:
    assert join_reasons(reasons) == line
