"""The nodule card's operating point is chosen on simulated scans, for a stated sensitivity."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import nodule_froc
from models.card import ModelCard, read_card
from models.nodule import CARD_PATH
from models.training.detector_files import write_card
from models.training.nodule_calibrating import calibrated, of_actionable_size, stated, study_figures
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
    (chosen,) = (one for one in card.limits if "chosen to flag 0.70" in one)
    assert "not tried on scans drawn anew" in chosen
    figures = stated(card, single, single, without)
    (said,) = (one for one in figures.limits if "chosen to flag 0.70" in one)
    assert f"drawn anew, {figures.performance['study_sensitivity']:.2f} were flagged" in said
    again = calibrated(figures, single, without)  # the old point's figures are not the new one's
    assert "study_sensitivity" not in again.performance
    assert "free_response" not in again.performance and again.limits == card.limits


def test_scans_that_choose_a_point_do_not_state_what_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    card = read_card(CARD_PATH)
    seeded = {**card.performance, "study_chosen_with_seed": 7}
    write_card(replace(card, performance=seeded), tmp_path / "nodule.toml")
    shutil.copy(CARD_PATH.with_suffix(".safetensors"), tmp_path)
    at = ["--card", str(tmp_path / "nodule.toml")]
    for options, reason in (
        (["--calibrate", "--state"], "not allowed with"),
        (["--state", "--seed", "7", *at], "draw others"),
    ):
        monkeypatch.setattr("sys.argv", ["nodule_froc.py", *options])
        with pytest.raises(SystemExit) as left:
            nodule_froc.main()
        assert left.value.code == 2 and reason in capsys.readouterr().err
