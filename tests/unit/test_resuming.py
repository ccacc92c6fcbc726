"""A training goes on only with the settings and data that it began with."""

from pathlib import Path

import pytest

from models.training.fitting import write_checkpoint
from models.training.resuming import MADE_WITH, made_with, read_to_resume

SETTINGS = {"image_size": 448, "seed": 1, "epochs": 8, "threads": 2}
DATA = [("a.png", True), ("b.png", False)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_checkpoint(tmp_path, {"step": 3, MADE_WITH: made_with(SETTINGS, DATA)})
    return tmp_path


def test_the_same_training_goes_on(folder: Path) -> None:
    state = read_to_resume(folder, made_with(SETTINGS, DATA))
    assert state is not None and state["step"] == 3


def test_a_training_goes_on_for_longer_and_with_other_threads(folder: Path) -> None:
    longer = {**SETTINGS, "epochs": 12, "threads": 1}
    assert read_to_resume(folder, made_with(longer, DATA)) is not None


def test_every_setting_that_differs_is_named(folder: Path) -> None:
    other = {**SETTINGS, "image_size": 576, "seed": 2}
    with pytest.raises(ValueError, match="image_size 448, not 576, seed 1, not 2: go on"):
        read_to_resume(folder, made_with(other, DATA))


@pytest.mark.parametrize(
    "data", [DATA[:1], DATA[::-1], [("a.png", True), ("b.png", True)], [b"\x00", b"\x01"]]
)
def test_other_data_are_said_to_be_other_data(folder: Path, data: list[object]) -> None:
    with pytest.raises(ValueError, match="made with other data: go on"):
        read_to_resume(folder, made_with(SETTINGS, data))


def test_a_checkpoint_that_does_not_say_what_it_was_made_with_is_taken(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, {"step": 3})
    assert read_to_resume(tmp_path, made_with(SETTINGS, DATA)) == {"step": 3}


def test_where_there_is_no_checkpoint_nothing_goes_on(tmp_path: Path) -> None:
    assert read_to_resume(tmp_path, made_with(SETTINGS, DATA)) is None
