"""The nodule card's operating point is chosen on simulated scans, for a stated sensitivity."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import nodule_froc
from benchmarks.nodule_froc import Part
from models.card import ModelCard, read_card
from models.measures import wilson_interval
from models.nodule import CARD_PATH
from models.training.detector_files import write_card
from models.training.nodule_calibrating import (
    calibrated,
    of_actionable_size,
    stated,
    study_figures,
    surely_flagging,
)
from models.training.nodule_froc import Place, Scan
from models.training.nodule_limits import limits_of
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


@pytest.mark.parametrize("wanted", [0.5, 0.7, 0.8])
def test_the_point_is_the_highest_that_surely_flags_so_many_single_nodules(
    wanted: float, scans: tuple[list[Scan], list[Scan]]
) -> None:
    card = calibrated(read_card(CARD_PATH), *scans, wanted=wanted)
    flagged, large, clear, without = card.performance["study_chosen_on"]
    assert (large, without) == (30, 40)
    assert wilson_interval(flagged, large)[0] >= wanted > wilson_interval(flagged - 1, large)[0]
    assert card.performance["study_least_sensitivity"] == wanted
    assert clear / without > 0.4


def test_what_is_surely_flagged_is_flagged_of_almost_every_other_sample() -> None:
    random = np.random.default_rng(0)
    reached = [
        float(np.mean(random.normal(size=2000) >= surely_flagging(random.normal(size=60), 0.7)))
        for _ in range(400)
    ]
    assert np.mean(np.array(reached) >= 0.7) > 0.95  # of the share itself it were every other
    assert np.mean(reached) < 0.85  # and not by flagging everything


@pytest.mark.parametrize(("scans_n", "enough"), [(8, False), (9, True)])
def test_too_few_scans_choose_no_point(scans_n: int, enough: bool) -> None:
    told = np.linspace(0.1, 0.9, scans_n)
    if enough:
        assert surely_flagging(told, 0.7) == pytest.approx(0.1, abs=1e-4)
        return
    with pytest.raises(ValueError, match="8 scans are too few"):
        surely_flagging(told, 0.7)


def test_cross_fitted_rates_come_from_points_of_other_scans(
    scans: tuple[list[Scan], list[Scan]],
) -> None:
    single, without = scans
    figures = calibrated(read_card(CARD_PATH), single, without, 0.7).performance
    flagged, large, clear, total = figures["study_chosen_on"]
    assert figures["study_sensitivity_cross_fitted"] == pytest.approx(27 / 30)
    assert figures["study_specificity_cross_fitted"] == pytest.approx(25 / 40)
    assert (flagged / large, clear / total) == (26 / 30, 29 / 40)  # of the scans that chose
    few = calibrated(read_card(CARD_PATH), single[:14], without, 0.65).performance
    assert "study_sensitivity_cross_fitted" not in few  # four fifths of them choose no point


def test_small_nodules_do_not_choose_the_point() -> None:
    random = np.random.default_rng(0)
    below, at = scan(random, 5.99), scan(random, 6.0)
    assert of_actionable_size([below, at]) == [at]


def test_what_is_stated_is_what_the_point_does(
    card: ModelCard, scans: tuple[list[Scan], list[Scan]]
) -> None:
    single, without = scans
    flagging_all = replace(card, operating_point=0.0)
    figures = stated(flagging_all, single, single, without).performance
    assert (figures["study_sensitivity"], figures["study_specificity"]) == (1.0, 0.0)
    flagging_none = replace(card, operating_point=1.0001)
    figures = study_figures(flagging_none, single, without)
    assert (figures["study_sensitivity"], figures["study_specificity"]) == (0.0, 1.0)
    low, high = figures["study_specificity_ci95"]
    assert 0.9 < low < 1.0 and high == 1.0
    assert "30 simulated scans" in figures["study_measured_on"]


def test_the_free_response_is_stated_with_intervals(
    card: ModelCard, scans: tuple[list[Scan], list[Scan]]
) -> None:
    single, without = scans
    figures = stated(card, single, single, without).performance
    assert "45 simulated nodules in 45 scans" in figures["free_response_measured_on"]
    rows = figures["free_response"]
    assert [row[0] for row in rows] == [0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0]
    assert all(low <= share <= high for _, share, low, high in rows)
    assert rows[0][1] < rows[-1][1]


def test_a_card_claims_of_its_operating_point_what_its_own_figures_bear_out(
    card: ModelCard, scans: tuple[list[Scan], list[Scan]]
) -> None:
    single, without = scans
    assert any("not yet chosen for these networks" in one for one in limits_of({}))
    (chosen,) = (one for one in card.limits if "flags at least 0.55" in one)
    assert "not tried on scans drawn anew" in chosen
    figures = stated(card, single, single, without)
    (said,) = (one for one in figures.limits if "flags at least 0.55" in one)
    assert f"drawn anew, {figures.performance['study_sensitivity']:.2f} were flagged" in said
    again = calibrated(figures, single, without)  # the old point's figures are not the new one's
    assert "study_sensitivity" not in again.performance
    assert "free_response" not in again.performance and again.limits == card.limits


def test_scans_that_choose_a_point_are_others_than_those_that_state_what_it_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def drawn(*arguments: object) -> tuple[float, int]:
        *_, count, _sizes, random = arguments
        assert isinstance(random, np.random.Generator) and isinstance(count, int)
        return float(random.random()), count

    monkeypatch.setattr(nodule_froc, "one_scan", drawn)
    simulation = nodule_froc.Simulation(
        studies=[(None, ())],  # type: ignore[list-item]
        seed=3,
        sizes_mm=(4, 20),
        counts=dict.fromkeys(Part, 40),
    )
    every = {(part, n): simulation.scan(None, part, n) for part in Part for n in range(40)}  # type: ignore[arg-type]
    assert len(set(every.values())) == len(every)
    # one is the same without those before it
    assert simulation.scan(None, Part.ONE, 39) == every[Part.ONE, 39]  # type: ignore[arg-type]
    assert [every[part, 0][1] for part in Part] == [1, 0, 3, 1, 0]  # type: ignore[index]


def test_the_command_says_where_the_card_says_something_else(
    card: ModelCard,
    scans: tuple[list[Scan], list[Scan]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    single, without = scans
    now = stated(card, single, single, without)
    write_card(now, tmp_path / "nodule.toml")
    shutil.copy(CARD_PATH.with_suffix(".safetensors"), tmp_path)
    nodule_froc.print_differences(read_card(tmp_path / "nodule.toml"), now)
    assert "says the same" in capsys.readouterr().out
    nodule_froc.print_differences(replace(now, operating_point=0.9), now)
    assert capsys.readouterr().out == "the card differs in: operating_point\n"
