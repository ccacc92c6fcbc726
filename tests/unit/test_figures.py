"""What all measurements share."""

import json
import math

import numpy as np
import pytest

from models.training.figures import choose, rates, without_nan
from models.training.labels import LabelsError

SPLITS = ["train"] * 8 + ["valid"] * 3 + [None]


@pytest.mark.parametrize(
    ("split", "places", "words"),
    [
        (None, range(8, 12), "4 of 12 cuts: all but those of split train"),
        ("all", range(12), "all 12 cuts, as asked"),
        ("train", range(8), "8 of 12 cuts: split train, as asked"),
        ("valid", range(8, 11), "3 of 12 cuts: split valid, as asked"),
    ],
)
def test_what_is_measured_on_is_chosen_and_said(
    split: str | None, places: range, words: str
) -> None:
    chosen, said = choose(SPLITS, split, one="cut", several="cuts")
    assert list(np.flatnonzero(chosen)) == list(places)
    assert said == words


@pytest.mark.parametrize("splits", [["train"] * 3, [None] * 3])
def test_where_nothing_is_set_apart_everything_is_measured_on(splits: list[str | None]) -> None:
    chosen, said = choose(splits, None, one="cut", several="cuts")
    assert chosen.all()
    assert said == "all 3 cuts: none is set apart from training"


def test_a_split_that_nothing_has_is_an_error() -> None:
    with pytest.raises(LabelsError, match="no cut has the split 'test'"):
        choose(SPLITS, "test", one="cut", several="cuts")


def test_rates_count_right_and_wrong_in_each_class() -> None:
    flagged = np.array([True, True, False, True, False, False, False])
    labels = np.array([True, True, True, False, False, False, False])
    found = rates(flagged, labels)
    assert found["sensitivity"] == pytest.approx(2 / 3)
    assert found["specificity"] == pytest.approx(3 / 4)
    for name in ("sensitivity", "specificity"):
        low, high = found[f"{name}_ci95"]
        assert 0 <= low < found[name] < high <= 1


def test_a_class_that_is_missing_has_no_rate_and_the_rest_is_json() -> None:
    found = rates(np.array([True, False]), np.array([True, True]))
    assert math.isnan(found["specificity"])
    plain = without_nan({"rates": found, "names": ("a", "b"), "n": 2})
    assert plain["rates"]["specificity"] is None
    assert plain["rates"]["sensitivity"] == 0.5
    assert plain["names"] == ["a", "b"]
    json.dumps(plain, allow_nan=False)
