"""The pages of the model cards show what the installed cards say."""

from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest

from models import fracture, haemorrhage, nodule, radiograph_guard, radiograph_turn
from models.card import read_card
from models.guard_weights import settings_of
from models.measures import wilson_interval
from models.prevalence import at_prevalence
from models.training import export, haemorrhage_export, nodule_export, nodule_limits
from models.training import radiograph_guard as training_of_guard
from models.training import radiograph_turn as training_of_turn
from models.training.detector_files import LICENCE
from models.training.reliability_plot import plot_reliability
from models.training.robustness import CHANGES
from models.training.turned_radiographs import WAYS
from worklist.due_time import DueTargets, due_time
from worklist.finding import TargetFinding
from worklist.study import RequestedPriority

_PAGES = Path(__file__).parents[2] / "docs" / "model_cards"
_OPERATIONS = _PAGES.parent / "operations.md"
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


@_INSTALLED
def test_a_page_names_every_guard_that_its_card_does(installed: ModuleType) -> None:
    card, page = read_card(installed.CARD_PATH), _page(read_card(installed.CARD_PATH).name)
    assert card.licence == LICENCE
    for name, digest in card.guards.items():
        assert f"`models/weights/{name}.safetensors`, SHA-256 `{digest}`" in page


def test_what_a_card_says_is_what_its_training_would_write_again() -> None:
    """So that a sentence mended in the one is mended in the other."""
    for installed, training in (
        (fracture, export),
        (haemorrhage, haemorrhage_export),
        (nodule, nodule_export),
    ):
        card = read_card(installed.CARD_PATH)
        limits = nodule_limits.limits_of(card.performance)
        assert card.training_data == training.TRAINING_DATA
        assert card.intended_use == training.INTENDED_USE
        assert card.limits == (limits if installed is nodule else training.LIMITS)


@pytest.mark.parametrize(
    ("guard", "training"),
    [(radiograph_guard, training_of_guard), (radiograph_turn, training_of_turn)],
    ids=["guard", "turn"],
)
def test_the_toml_of_a_guard_says_what_it_learnt(guard: ModuleType, training: ModuleType) -> None:
    said = settings_of(guard.WEIGHTS)["training_data"]
    assert tuple(said) == training.TRAINING_DATA


def test_the_page_says_how_many_radiographs_are_turned_back() -> None:
    said, page = settings_of(radiograph_turn.WEIGHTS), " ".join(_page("fracture").split())
    assert f"limit of {said['least_margin']:.2f}" in page
    for kind in ("apart", "valid"):
        of, wrongly, back = said["turned"][kind]
        assert f"{wrongly} of {of} are turned as they are, {back} of {of} turned back" in page


def test_no_more_radiographs_are_said_to_be_turned_back_than_were_counted() -> None:
    turned = settings_of(radiograph_turn.WEIGHTS)["turned"]
    shares = [back / of for of, _, back in turned.values()]
    assert min(shares) >= 1 / 3 and max(shares) <= 1 / 2
    (limit,) = (one for one in read_card(fracture.CARD_PATH).limits if "on their side" in one)
    assert limit.endswith("a third to a half are turned back before they are looked at.")
    assert "a third to a half of them" in _page("odd_inputs")


@pytest.mark.parametrize("way", WAYS)
def test_the_page_tells_of_every_way_a_radiograph_was_turned(way: str) -> None:
    (row,) = (line for line in _page("fracture").splitlines() if line.startswith(f"| {way} |"))
    assert row.count("|") == 9


def test_the_robustness_table_of_the_fracture_page_is_that_of_its_card() -> None:
    figures, page = read_card(fracture.CARD_PATH).performance["robustness"], _page("fracture")
    rows = {
        "unchanged": "unchanged",
        "JPEG, quality 40": "jpeg_quality_40",
        "three quarters of its size": "size_75_percent",
        "darker (gamma 1.4)": "darker",
        "a black border of a tenth": "black_border",
        "turned a quarter": "turned_a_quarter",
    }
    assert set(rows.values()) == {"unchanged", *CHANGES}
    assert f"({figures['images']} images)" in page
    for words, name in rows.items():
        area, apart = figures[name]["auc"], figures[name]["mean_difference"]
        assert f"| {words} | {area:.3f} | {apart:.3f} |\n" in page


def test_the_weights_together_are_smaller_than_they_may_be() -> None:
    files = fracture.CARD_PATH.parent.glob("*.safetensors")
    assert sum(file.stat().st_size for file in files) < 60_000_000


@pytest.mark.parametrize("installed", [fracture, haemorrhage], ids=lambda module: module.__name__)
def test_a_page_states_the_limits_of_its_card(installed: ModuleType) -> None:
    card = read_card(installed.CARD_PATH)
    assert "".join(f"- {limit}\n" for limit in card.limits) in _page(card.name)


def test_the_main_table_of_the_fracture_page_is_that_of_its_card() -> None:
    figures, page = read_card(fracture.CARD_PATH).performance, _page("fracture")
    groups = {"all": figures} | {
        name.replace("_", " "): group for name, group in figures["subgroups"].items()
    }
    for name, group in groups.items():
        low, high = group["auc_ci95"]
        assert (
            f"| {name} | {group['n']} | {group['positives']} | {group['auc']:.3f} "
            f"| {low:.3f} to {high:.3f} | {group['map50']:.3f} |\n"
        ) in page


def test_the_main_table_of_the_haemorrhage_page_is_that_of_its_card() -> None:
    card, page = read_card(haemorrhage.CARD_PATH), _page("haemorrhage")
    figures = card.performance
    for row, name, crossed in (
        ("patient AUC", "patient_auc", "patient_auc_cross_fitted"),
        ("slice AUC", "slice_auc", None),
        (
            f"boxed slices with a region that covers some of a box ({figures['boxed_slices']})",
            "box_hit_rate",
            None,
        ),
        (
            f"sensitivity per patient at {card.operating_point}",
            "sensitivity",
            "sensitivity_cross_fitted",
        ),
        ("specificity per patient", "specificity", "specificity_cross_fitted"),
    ):
        low, high = figures[f"{name}_ci95"]
        also = f" (cross-fitted {figures[crossed]:.3f})" if crossed else ""
        assert f"| {row} | {figures[name]:.3f}{also} | {low:.3f} to {high:.3f}" in page
    brier = f"{figures['brier']:.3f} (cross-fitted {figures['brier_cross_fitted']:.3f})"
    ece = f"{figures['ece']:.3f} (cross-fitted {figures['ece_cross_fitted']:.3f})"
    assert f"| Brier score | {brier} |" in page
    assert f"| calibration error (ECE, 10 bins) | {ece} | {figures['ece_by_chance']:.3f} is" in page
    slices = f"{figures['slice_ece']:.3f} (Brier score {figures['slice_brier']:.3f})"
    assert f"| the same of slices | {slices} |" in page
    assert f"| not looked at | {figures['failures']} |" in page
    for kind, seen in figures["patients_by_kind"].items():
        assert f"| {kind} | {seen['patients']} | {seen['flagged']} |\n" in page


def test_the_main_table_of_the_nodule_page_is_that_of_its_card() -> None:
    card, page = read_card(nodule.CARD_PATH), _page("nodule")
    figures, threshold = card.performance, f"{card.performance['candidate_threshold']:.3f}"
    for row, name in (
        ("AUC", "candidate_auc"),
        (f"sensitivity at {threshold}", "sensitivity"),
        (f"specificity at {threshold}", "specificity"),
    ):
        low, high = figures[f"{name}_ci95"]
        assert f"| {row} | {figures[name]:.3f} | {low:.3f} to {high:.3f}" in page
    assert f"| average precision | {figures['candidate_ap']:.3f} |" in page
    for row, name in (("Brier score", "brier"), ("expected calibration error", "ece")):
        crossed = figures[f"{name}_cross_fitted"]
        assert f"| {row} | {figures[name]:.3f} (cross-fitted {crossed:.3f}) |" in page


def test_what_an_unset_share_of_blood_costs_is_what_the_card_and_the_pages_say() -> None:
    card = read_card(haemorrhage.CARD_PATH)
    lowest, _, _ = card.performance["patient_reliability"][0]
    learnt = card.calibration["prevalence"]
    assert any(f"mean {lowest:.3f}" in limit for limit in card.limits)
    for probability, said in (
        (lowest, "due after 108 minutes"),
        (at_prevalence(lowest, learnt=learnt, site=0.1), "after 488 minutes"),
    ):
        received = datetime(2026, 1, 1, tzinfo=UTC)
        found = {TargetFinding.INTRACRANIAL_HAEMORRHAGE: probability}
        due = due_time(received, RequestedPriority.ROUTINE, DueTargets(), found).due_at
        assert str(round((due - received).total_seconds() / 60)) in said
        assert said in " ".join(_page("haemorrhage").split())
        assert said in " ".join(_OPERATIONS.read_text(encoding="utf-8").split())


def _page(name: str) -> str:
    return (_PAGES / f"{name}.md").read_text(encoding="utf-8")
