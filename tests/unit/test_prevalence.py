"""Probabilities for a site's own prevalence."""

import logging
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import fracture, haemorrhage, nodule
from models.assessment import judge
from models.card import ModelCard, read_card
from models.detector import Assessment, Eligible, Unsuitable
from models.prevalence import adjusted, at_prevalence
from worklist.finding import Failed, TargetFinding

CARD = ModelCard(
    name="fracture",
    version="1",
    target=TargetFinding.FRACTURE,
    title="",
    intended_use="",
    limits=(),
    training_data=(),
    weights_file="w",
    weights_sha256="0",
    operating_point=0.3,
    calibration={"prevalence": 0.25},
    performance={},
)
shares = st.floats(0.001, 0.999)
probabilities = st.floats(0.0, 1.0)


class Says:
    """A detector that always answers the same."""

    def __init__(self, answer: Assessment | Unsuitable, card: ModelCard = CARD) -> None:
        self.card = card
        self.answer = answer

    def eligibility(self, series: Any) -> Eligible:
        return Eligible()

    def assess(self, series: Any) -> Assessment | Unsuitable:
        return self.answer


def test_the_odds_move_by_the_ratio_of_the_prevalences() -> None:
    # of 1,000 studies 250 had it; one in ten where it was said with 0.5: odds 1 -> (1/9)/(1/3)
    assert at_prevalence(0.5, learnt=0.25, site=0.1) == pytest.approx(0.25)


@given(probabilities, shares)
def test_at_its_own_prevalence_a_probability_stays(probability: float, share: float) -> None:
    assert at_prevalence(probability, learnt=share, site=share) == pytest.approx(probability)


@given(probabilities, shares, shares)
def test_going_to_a_site_and_back_changes_nothing(
    probability: float, learnt: float, site: float
) -> None:
    there = at_prevalence(probability, learnt=learnt, site=site)
    assert 0.0 <= there <= 1.0
    back = at_prevalence(there, learnt=site, site=learnt)
    assert back == pytest.approx(probability, abs=1e-6)


@given(st.floats(0.0, 1.0), shares)
def test_a_sites_prevalence_never_changes_what_is_flagged(probability: float, site: float) -> None:
    plain = Says(Assessment(probability=probability))
    moved = adjusted(plain, site)
    if abs(probability - CARD.operating_point) < 1e-9 and probability != CARD.operating_point:
        return  # closer than rounding
    at_home = judge(plain.assess(()), plain.card.operating_point)
    at_the_site = judge(moved.assess(()), moved.card.operating_point)
    assert type(at_home) is type(at_the_site)


def test_without_a_sites_prevalence_the_detector_is_left_as_it_is() -> None:
    detector = Says(Assessment(probability=0.5))
    assert adjusted(detector, None) is detector


def test_a_card_without_a_prevalence_is_left_as_it_is_and_that_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    detector = Says(Assessment(probability=0.5), replace(CARD, calibration={}))
    with caplog.at_level(logging.WARNING):
        assert adjusted(detector, 0.1) is detector
    assert "does not say the prevalence" in caplog.text


@pytest.mark.parametrize("installed", [fracture, haemorrhage, nodule], ids=lambda m: m.__name__)
def test_a_sites_prevalence_moves_the_probabilities_of_every_installed_detector(
    installed: ModuleType,
) -> None:
    card = read_card(installed.CARD_PATH)
    detector = adjusted(Says(Assessment(probability=0.5), card), 0.05)
    said = detector.assess(())
    assert isinstance(said, Assessment) and said.probability < 0.2
    assert detector.card.operating_point < card.operating_point


def test_what_is_unsuitable_or_no_probability_passes_through() -> None:
    unsuitable = Unsuitable(reason="noise")
    assert adjusted(Says(unsuitable), 0.1).assess(()) is unsuitable
    outcome = judge(adjusted(Says(Assessment(probability=1.5)), 0.1).assess(()), 0.5)
    assert isinstance(outcome, Failed)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 1.1])
def test_a_prevalence_that_cannot_be_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="prevalence"):
        at_prevalence(0.5, learnt=0.2, site=share)
