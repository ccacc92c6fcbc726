"""The pages of the model cards show what the installed cards say."""

from pathlib import Path
from types import ModuleType

import pytest

from models import fracture, haemorrhage, nodule
from models.calibration import wilson_interval
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


def test_the_nodule_operating_point_does_what_its_card_and_page_state() -> None:
    card, page = read_card(nodule.CARD_PATH), _page("nodule")
    flagged, with_nodule, clear, without = card.performance["study_chosen_on"]
    wanted = card.performance["study_least_sensitivity"]
    assert wilson_interval(flagged, with_nodule)[0] >= wanted
    assert (
        card.performance["study_sensitivity"] >= wanted
    )  # of scans drawn anew, which did not choose
    assert f"{card.operating_point:.4f}" in page and f"at least {wanted:.2f}" in page
    assert f"{flagged} of {with_nodule}" in page and f"{clear} of {without}" in page
    for figure in ("study_sensitivity", "study_specificity"):  # on scans drawn anew
        low, high = card.performance[f"{figure}_ci95"]
        assert f"{card.performance[figure]:.2f} ({low:.2f} to {high:.2f})" in page
    assert any(
        f"{card.performance['study_sensitivity']:.2f} were flagged" in x for x in card.limits
    )


def test_the_free_response_of_the_nodule_page_is_that_of_its_card() -> None:
    rows = read_card(nodule.CARD_PATH).performance["free_response"]
    page = _page("nodule")
    assert "| nodules found | " + " | ".join(f"{row[1]:.2f}" for row in rows) + " |" in page
    intervals = " | ".join(f"{low:.2f} to {high:.2f}" for *_, low, high in rows)
    assert f"| 95 % interval | {intervals} |" in page


def _page(name: str) -> str:
    return (_PAGES / f"{name}.md").read_text(encoding="utf-8")
