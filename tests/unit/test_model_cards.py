"""The pages of the model cards show what the installed cards say."""

from pathlib import Path
from types import ModuleType

import pytest

from models import fracture, haemorrhage, nodule
from models.card import read_card
from models.training.reliability_plot import plot_reliability

_PAGES = Path(__file__).parents[2] / "docs" / "model_cards"
_INSTALLED = pytest.mark.parametrize(
    "installed", [fracture, haemorrhage, nodule], ids=lambda module: module.__name__
)


@_INSTALLED
def test_a_page_shows_how_reliable_the_installed_detector_is(installed: ModuleType) -> None:
    card = read_card(installed.CARD_PATH)
    # after installing: copy reliability.svg of the run's folder
    figure = (_PAGES / f"{card.name}_reliability.svg").read_text(encoding="utf-8")
    assert figure == plot_reliability(card.performance)
    assert f"]({card.name}_reliability.svg)" in _page(card.name)


@_INSTALLED
def test_a_page_names_the_installed_weights_and_version(installed: ModuleType) -> None:
    card = read_card(installed.CARD_PATH)
    assert card.weights_sha256 in _page(card.name)
    assert f"`{card.name}`, {card.version}" in _page(card.name)


@pytest.mark.parametrize("installed", [fracture, haemorrhage], ids=lambda module: module.__name__)
def test_an_operating_point_reaches_the_sensitivity_that_its_card_states(
    installed: ModuleType,
) -> None:
    card = read_card(installed.CARD_PATH)
    assert card.performance["sensitivity"] >= card.performance["target_sensitivity"]
    assert card.performance["operating_point"] == card.operating_point
    assert f"{card.operating_point:.4g}" in _page(card.name)


def _page(name: str) -> str:
    return (_PAGES / f"{name}.md").read_text(encoding="utf-8")
