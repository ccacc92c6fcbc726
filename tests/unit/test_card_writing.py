"""A trained model's card is written whatever its figures came to."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from models.card import read_card
from models.fracture import CARD_PATH
from models.training.detector_files import write_card


@pytest.mark.parametrize("lost", [None, [None, None], (None, 0.9)])
def test_a_figure_that_cannot_be_computed_is_left_out_of_the_card(
    lost: object, tmp_path: Path
) -> None:
    performance = {"auc": 0.9, "auc_ci95": lost, "subgroups": {"hip": {"auc_ci95": lost, "n": 1}}}
    write_card(replace(read_card(CARD_PATH), performance=performance), tmp_path / "card.toml")
    written = tomllib.loads((tmp_path / "card.toml").read_text(encoding="utf-8"))
    assert written["performance"] == {"auc": 0.9, "subgroups": {"hip": {"n": 1}}}
