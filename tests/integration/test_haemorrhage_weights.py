"""The haemorrhage detector that is installed: its card, its runtime, phantoms and real heads."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest

from models.card import read_card
from models.detector import Assessment, Eligible, NotEligible, SeriesImages, Unsuitable
from models.haemorrhage import (
    CARD_PATH,
    HaemorrhageDetector,
    load,
    planes_blueprint,
    walls_blueprint,
)
from models.haemorrhage_volume import CANVAS
from models.runtime import Blueprint, load_network, load_torch_network
from models.skull_unrolled import COLUMNS, ROWS
from tests.haemorrhage_heads import (
    head,
    images_of,
    mirrored_left_right,
    read_series,
    series_of,
    upside_down,
)
from tests.networks import networks_folder

_GOLDEN = 0.01  # by which another processor's probabilities may differ
PHANTOMS = Path(__file__).parents[2] / "test_images"


@pytest.fixture(scope="module")
def cache() -> Path:
    return networks_folder()


@pytest.fixture(scope="module")
def detector(cache: Path) -> HaemorrhageDetector:
    return load(cache=cache, device="cpu")


def _assess(detector: HaemorrhageDetector, *series: SeriesImages) -> Assessment:
    answer = detector.assess(series)
    assert isinstance(answer, Assessment), answer
    return answer


def test_the_card_names_the_weights_beside_it() -> None:
    card = read_card(CARD_PATH)  # checks the digest
    assert card.name == "haemorrhage"
    assert 0 < card.operating_point < 1
    assert card.limits and card.training_data and card.intended_use
    assert CARD_PATH.with_suffix(".safetensors").stat().st_size < 45e6


@pytest.mark.parametrize("images", [1, 3, 8])
@pytest.mark.parametrize(
    ("blueprint", "shape", "outputs"),
    [
        (planes_blueprint, (CANVAS, CANVAS), ["slice_logit", "kind_logits", "heat_logit"]),
        (walls_blueprint, (ROWS, COLUMNS), ["sign_logits", "heat_logits"]),
    ],
    ids=["planes", "walls"],
)
def test_openvino_and_pytorch_agree(
    images: int,
    blueprint: Callable[..., Blueprint],
    shape: tuple[int, int],
    outputs: list[str],
    cache: Path,
) -> None:
    plan = blueprint(read_card(CARD_PATH), CARD_PATH.with_suffix(".safetensors"))
    batch = np.random.default_rng(0).uniform(-1, 1, (images, 3, *shape)).astype(np.float32)
    fast = load_network(plan, device="cpu", cache=cache)(batch)
    slow = load_torch_network(plan)(batch)
    assert list(fast) == list(slow) == outputs
    for name, said in fast.items():
        np.testing.assert_allclose(said, slow[name], atol=1e-3)


def test_one_and_two_threads_and_a_repeat_give_the_same(
    detector: HaemorrhageDetector, cache: Path
) -> None:
    series = series_of(images_of(head(bleed=(30, 20, 10))))
    first, again = _assess(detector, series), _assess(detector, series)
    alone = _assess(load(cache=cache, threads=1, device="cpu"), series)
    assert again.probability == first.probability and again.regions == first.regions
    assert alone.probability == pytest.approx(first.probability, abs=1e-3)


@pytest.mark.parametrize(
    "change",
    [mirrored_left_right, upside_down, lambda images: images[::-1]],
    ids=["columns", "rows", "order"],
)
def test_the_way_a_head_is_stored_does_not_change_the_probability(
    detector: HaemorrhageDetector, change: Callable[..., tuple]
) -> None:
    images = images_of(head(bleed=(30, 20, 10)))
    plain = _assess(detector, series_of(images)).probability
    assert _assess(detector, series_of(change(images))).probability == pytest.approx(
        plain, abs=1e-4
    )


def test_the_phantom_with_blood_is_flagged_where_it_lies(detector: HaemorrhageDetector) -> None:
    series = read_series(PHANTOMS / "head_ct_bleed")
    assert detector.eligibility(series.header) == Eligible()
    answer = _assess(detector, series)
    assert answer.probability >= detector.card.operating_point
    assert answer.regions and answer.evidence.kinds
    assert answer.probability == pytest.approx(0.840, abs=_GOLDEN)
    best = answer.regions[0]
    assert best.polygon_mm is not None
    # the clot of the basal ganglia: 32 mm left, 4 in front, 13 above the middle (test_images/head)
    away = np.mean(best.polygon_mm, axis=0) - np.array([32.0, -4.0, 13.0])
    assert np.hypot(*away[:2]) < 25 and abs(away[2]) < 40


@pytest.mark.parametrize(
    ("name", "probability"), [("head_ct_clear_routine", 0.057), ("head_ct_clear_urgent", 0.116)]
)
def test_the_phantoms_without_blood_are_not_flagged(
    detector: HaemorrhageDetector, name: str, probability: float
) -> None:
    answer = _assess(detector, read_series(PHANTOMS / name))
    assert answer.probability < detector.card.operating_point
    assert answer.probability == pytest.approx(probability, abs=_GOLDEN)


@pytest.mark.parametrize(
    ("study", "blood", "probability"),
    [("headct051", True, 1.000), ("headct070", True, 0.740), ("headct104", False, 0.088)],
)
def test_real_heads_are_flagged_if_they_bleed(
    detector: HaemorrhageDetector, shared_dicom: Path, study: str, blood: bool, probability: float
) -> None:
    # these three are among the patients that the networks learnt from: a check, not a figure
    series = read_series(shared_dicom / "studies" / study)
    assert detector.eligibility(series.header) == Eligible()
    answer = _assess(detector, series)
    assert (answer.probability >= detector.card.operating_point) is blood
    assert answer.probability == pytest.approx(probability, abs=_GOLDEN)
    assert len(answer.evidence.image_scores) == len(series.images)
    assert not answer.not_shown  # headct104 lacks its second plane, below the brain


def test_a_real_head_with_a_tilted_gantry_and_uneven_gaps_is_looked_at(
    detector: HaemorrhageDetector, shared_dicom: Path
) -> None:
    series = read_series(shared_dicom / "corpus" / "dcm_qa_ct" / "GE")
    assert detector.eligibility(series.header) == Eligible()
    answer = _assess(detector, series)
    assert len(answer.evidence.image_scores) == len(series.images) == 28
    assert 0 < answer.probability < 1
    assert not answer.not_shown  # the gaps are those of two thicknesses


def test_a_chest_is_none_even_if_its_header_says_head(
    detector: HaemorrhageDetector, shared_dicom: Path
) -> None:
    series = read_series(shared_dicom / "studies" / "chestct_a0001")
    assert isinstance(detector.eligibility(series.header), NotEligible)
    said = replace(
        series.header,
        body_part_examined="HEAD",
        study_description="CT HEAD",
        series_description="HEAD 5MM",
    )
    assert detector.eligibility(said) == Eligible()
    answer = detector.assess([SeriesImages(header=said, images=series.images)])
    assert isinstance(answer, Unsuitable)
    assert answer.reason


def test_an_abdomen_is_none_even_if_its_header_says_head(
    detector: HaemorrhageDetector, shared_dicom: Path
) -> None:
    folder = shared_dicom / "corpus/TotalSegmentator/tests/reference_files/example_ct_dicom"
    planes = []
    for path in sorted(folder.iterdir()):
        data_set = pydicom.dcmread(path)
        planes.append(data_set.pixel_array.astype(np.float32) + float(data_set.RescaleIntercept))
    answer = detector.assess([series_of(images_of(np.stack(planes), gap_mm=3.0))])
    assert isinstance(answer, Unsuitable)
