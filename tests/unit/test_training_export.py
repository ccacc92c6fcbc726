"""The least score of a region, and the card as a file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.card import CardError, read_card
from models.fracture import Sight
from models.training.detector_files import write_card
from models.training.evaluation import Judged
from models.training.export import _neutral_card, region_score
from models.training.labels import LabelledRadiograph


def _judged(scores: list[float], box: tuple[float, ...]) -> Judged:
    row = LabelledRadiograph(
        image="a", path=Path(), fractured=True, boxes=((0.0, 0.0, 10.0, 10.0),)
    )
    boxes = np.array([box] * len(scores), np.float32)
    sight = Sight(
        evidence=(0.0, 0.0),
        probability=0.5,
        boxes=boxes,
        scores=np.array(scores, np.float32),
    )
    return Judged(row=row, sight=sight)


def test_the_least_score_keeps_hits_and_leaves_out_misses() -> None:
    hit, miss = (0.0, 0.0, 10.0, 10.0), (50.0, 50.0, 60.0, 60.0)
    judged = [_judged([0.8], hit), _judged([0.7], hit), _judged([0.3, 0.2], miss)]
    assert region_score(judged) == pytest.approx(0.7, abs=1e-4)


def test_a_card_is_read_as_it_was_written(tmp_path: Path) -> None:
    weights = tmp_path / "fracture.safetensors"
    weights.write_bytes(b"weights")
    card = _neutral_card(weights, 448, '1.0 "odd\\name"')
    write_card(card, tmp_path / "fracture.toml")
    assert read_card(tmp_path / "fracture.toml") == card


def test_p6_a_card_whose_guard_is_not_the_installed_one_is_refused(tmp_path: Path) -> None:
    """So that a new guard is a new version of the model, which every result names."""
    weights = tmp_path / "fracture.safetensors"
    weights.write_bytes(b"weights")
    card = _neutral_card(weights, 448, "1.0")
    assert set(card.guards) == {"radiograph_guard", "radiograph_turn"}
    for name in card.guards:
        other = replace(card, guards={**card.guards, name: "0" * 64})
        write_card(other, tmp_path / "fracture.toml")
        with pytest.raises(CardError, match=f"{name} has SHA-256"):
            read_card(tmp_path / "fracture.toml")


@pytest.mark.parametrize("changed", ["radiograph_guard", "radiograph_turn"])
@pytest.mark.parametrize("lost", [True, False])
def test_p6_a_card_whose_guard_has_another_limit_is_refused(
    tmp_path: Path, changed: str, lost: bool
) -> None:
    """The limit decides what is refused as much as the weights do."""
    weights = tmp_path / "fracture.safetensors"
    weights.write_bytes(b"weights")
    card = _neutral_card(weights, 448, "1.0")
    assert set(card.calibration["guards"]) == set(card.guards)
    limits = dict(card.calibration["guards"])
    limits[changed] -= 0.5
    if lost:
        del limits[changed]
    other = replace(card, calibration={**card.calibration, "guards": limits})
    write_card(other, tmp_path / "fracture.toml")
    with pytest.raises(CardError, match="limits of its guards"):
        read_card(tmp_path / "fracture.toml")
