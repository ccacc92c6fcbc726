"""The nodule card's operating point is chosen on simulated scans, for a stated sensitivity."""

from dataclasses import replace

import numpy as np
import pytest

from models.card import ModelCard, read_card
from models.nodule import CARD_PATH
from models.training.nodule_calibrating import calibrated, of_actionable_size, stated, study_figures
from models.training.nodule_froc import Place, Scan
from models.training.nodule_simulation import Setting, SimulatedNodule, Texture


def scan(random: np.random.Generator, diameter_mm: float | None) -> Scan:
    """A scan with false places and, where it has a nodule, a more suspect place on it."""
    nodule = SimulatedNodule(
        centre_mm=(0.0, 0.0, 0.0),
        diameter_mm=diameter_mm or 0.0,
        texture=Texture.SOLID,
        setting=Setting.OPEN_LUNG,
    )
    on_them = range(1) if diameter_mm else ()
    logits = [float(x) for x in random.normal(-2, 1.5, 4)]
    hits = [None] * 4 + list(on_them)
    logits += [float(random.normal(1, 1.5)) for _ in on_them]
    places = tuple(
        Place(
            hit=hit,
            suspicion=logit,
            logit=logit,
            roundness=float(random.uniform(0.3, 0.9)),
            diameter_mm=8.0 if hit is None else float(diameter_mm or 0),
        )
        for hit, logit in zip(hits, logits, strict=True)
    )
    return Scan(nodules=(nodule,) * len(on_them), places=places)


@pytest.fixture(scope="module")
def scans() -> tuple[list[Scan], list[Scan]]:
    random = np.random.default_rng(3)
    single = [scan(random, 4.0 if n % 3 == 0 else 9.0) for n in range(45)]
    return single, [scan(random, None) for _ in range(40)]


@pytest.fixture
def card(scans: tuple[list[Scan], list[Scan]]) -> ModelCard:
    return calibrated(read_card(CARD_PATH), *scans)


@pytest.mark.parametrize("wanted", [0.7, 0.8, 0.9])
def test_the_point_is_the_highest_that_flags_so_many_single_nodules(
    wanted: float, scans: tuple[list[Scan], list[Scan]]
) -> None:
    card = calibrated(read_card(CARD_PATH), *scans, wanted=wanted)
    flagged, large, clear, without = card.performance["study_chosen_on"]
    assert (large, without) == (30, 40)
    assert flagged / large >= wanted > (flagged - 1) / large
    assert card.performance["study_target_sensitivity"] == wanted
    assert clear / without > 0.5


def test_small_nodules_do_not_choose_the_point() -> None:
    random = np.random.default_rng(0)
    below, at = scan(random, 5.99), scan(random, 6.0)
    assert of_actionable_size([below, at]) == [at]


def test_what_is_stated_is_what_the_point_does(
    card: ModelCard, scans: tuple[list[Scan], list[Scan]]
) -> None:
    single, without = scans
    flagging_all = replace(card, operating_point=0.0)
    figures = stated(flagging_all, single, without).performance
    assert (figures["study_sensitivity"], figures["study_specificity"]) == (1.0, 0.0)
    flagging_none = replace(card, operating_point=1.0001)
    figures = study_figures(flagging_none, single, without)
    assert (figures["study_sensitivity"], figures["study_specificity"]) == (0.0, 1.0)
    low, high = figures["study_specificity_ci95"]
    assert 0.9 < low < 1.0 and high == 1.0
    assert "30 simulated scans" in figures["study_measured_on"]
