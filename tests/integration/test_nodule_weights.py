"""The nodule detector that is installed: its card, its runtime, and golden outcomes."""

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread

from models.card import read_card
from models.detector import Assessment, Eligible, Image, SeriesImages, Unjudgeable, Unsuitable
from models.headers import read_series_headers
from models.images import UndecodableImage, load_series
from models.nodule import CARD_PATH, NoduleDetector, blueprint, load
from models.runtime import load_network, load_torch_network
from models.series_on_demand import SeriesOnDemand
from tests.conftest import skip_or_fail
from tests.networks import networks_folder
from tests.nodule_scans import PIXEL_MM, SIDE, Ball, series, slice_hu, with_vessel
from worklist.study import ArchivedInstance
from worklist.uid import SeriesInstanceUID, SOPInstanceUID

REPOSITORY = Path(__file__).parents[2]
MIDDLE = (SIDE - 1) * PIXEL_MM / 2
BALL = Ball(x=MIDDLE + 66, y=MIDDLE + 20, z=60.0, diameter_mm=14.0)


@pytest.fixture(scope="module")
def cache() -> Path:
    return networks_folder()


@pytest.fixture(scope="module")
def detector(cache: Path) -> NoduleDetector:
    return load(cache=cache, device="cpu", threads=2)


@pytest.fixture(scope="module")
def chest(shared_dicom: Path) -> SeriesImages:
    return read(shared_dicom / "studies" / "chestct_a0001")


def read(folder: Path, names: str = "*.dcm") -> SeriesImages:
    """The series of a folder of DICOM files."""
    paths = sorted(folder.glob(names))
    if not paths:
        skip_or_fail(f"there are no images in {folder}")
    instances = [
        ArchivedInstance(
            sop_instance_uid=SOPInstanceUID(f"1.2.{number}"),
            series_instance_uid=SeriesInstanceUID("1.2"),
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            archive_path=path.name,
        )
        for number, path in enumerate(paths, start=1)
    ]
    (header,) = read_series_headers(instances, folder).series
    return load_series(header)


def assessed(detector: NoduleDetector, *made: SeriesImages) -> Assessment:
    said = detector.assess(made)
    assert isinstance(said, Assessment), said
    return said


def test_the_card_names_the_weights_beside_it() -> None:
    card = read_card(CARD_PATH)  # checks the digest
    assert card.name == "nodule"
    assert 0 < card.operating_point < 1 and 0 < card.calibration["prevalence"] < 1
    assert card.limits and card.training_data and card.intended_use
    assert card.performance["candidate_auc"] > 0.975 and card.performance["ece"] < 0.08


@pytest.mark.parametrize("glance", [True, False])
def test_openvino_and_pytorch_agree(glance: bool, cache: Path) -> None:
    plan = blueprint(read_card(CARD_PATH), CARD_PATH.with_suffix(".safetensors"), glance=glance)
    sheet = np.random.default_rng(0).uniform(0, 1, (1, 1, 48 * 16, 48)).astype(np.float32)
    fast = load_network(plan, device="cpu", cache=cache)(sheet)["logit"]
    slow = load_torch_network(plan)(sheet)["logit"]
    assert fast.shape == (16,)
    np.testing.assert_allclose(fast, slow, atol=1e-3)


def test_a_compiled_network_starts_without_pytorch(detector: NoduleDetector, cache: Path) -> None:
    assert detector.card.name == "nodule"  # the fixture has filled the cache
    code = (
        "import sys; from pathlib import Path; from models.nodule import load;"
        f"load(cache=Path({str(cache)!r}), threads=1, device='cpu');"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    assert done.stdout.strip() == "False"


def test_a_nodule_is_told_with_place_size_and_outlines(detector: NoduleDetector) -> None:
    said = assessed(detector, series(balls=[BALL]))
    assert said.probability >= detector.card.operating_point
    lesion = said.evidence.lesions[0]
    assert lesion.number == 1
    assert lesion.centre_mm == pytest.approx((BALL.x, BALL.y, BALL.z), abs=3)
    assert lesion.diameter_mm == pytest.approx(BALL.diameter_mm, abs=2.5)
    regions = [region for region in said.regions if region.lesion == 1]
    assert regions[0].sop_instance_uid == lesion.first_image
    assert regions[-1].sop_instance_uid == lesion.last_image
    for region in regions:
        assert region.polygon_mm is not None and len(region.polygon) == len(region.polygon_mm)
        middle = np.mean(region.polygon_mm, axis=0)
        assert np.linalg.norm(middle - [BALL.x, BALL.y, BALL.z]) < 10
        assert region.score == lesion.score
    assert len(said.evidence.image_scores) == 48
    shown = {region.sop_instance_uid for region in regions}
    for one in said.evidence.image_scores:
        assert (one.score > 0) == (one.sop_instance_uid in shown)


@pytest.mark.parametrize(("ball_mm", "flagged"), [(0.0, False), (6.0, True), (8.0, True)])
def test_a_nodule_on_a_vessel_is_flagged_and_the_vessel_is_not(
    ball_mm: float, flagged: bool, detector: NoduleDetector
) -> None:
    heights = tuple(np.arange(0.0, 120.0, 1.25))
    x, y = MIDDLE + 66, MIDDLE
    balls = [Ball(x=x, y=y, z=60.0, diameter_mm=ball_mm)] if ball_mm else []
    slices = [with_vessel(slice_hu(z, balls), (x, y), 2.0) for z in heights]
    said = assessed(detector, series(heights, slices=slices))
    assert (said.probability >= detector.card.operating_point) is flagged
    assert bool(said.evidence.lesions) is flagged


def test_lungs_without_a_nodule_are_not_flagged(detector: NoduleDetector) -> None:
    said = assessed(detector, series())
    assert said.probability < detector.card.operating_point
    assert not said.regions and not said.evidence.lesions


@pytest.mark.parametrize("lost", [True, False])
def test_p4_slices_lost_with_the_nodule_on_them_are_told_as_what_may_hide_one(
    lost: bool, detector: NoduleDetector
) -> None:
    heights = np.arange(0.0, 120.0, 2.5)
    kept = heights[(heights < 50) | (heights > 70)] if lost else heights
    said = assessed(detector, series(tuple(kept), balls=[BALL]))
    assert (said.probability >= detector.card.operating_point) is not lost
    assert [one.may_hide for one in said.not_shown] == [True] * lost


@pytest.mark.parametrize(
    ("name", "flagged"), [("chest_ct_clear", False), ("chest_ct_nodules", True)]
)
def test_of_the_phantoms_the_one_with_nodules_is_flagged(
    name: str, flagged: bool, detector: NoduleDetector
) -> None:
    said = assessed(detector, read(REPOSITORY / "test_images" / name))
    assert (said.probability >= detector.card.operating_point) is flagged
    assert not said.not_shown


def test_the_order_of_slices_and_the_day_do_not_matter(detector: NoduleDetector) -> None:
    made = series(balls=[BALL])
    once, again = assessed(detector, made), assessed(detector, made)
    assert (once.probability, once.regions, once.evidence) == (
        again.probability,
        again.regions,
        again.evidence,
    )
    turned = assessed(detector, replace(made, images=tuple(reversed(made.images))))
    assert turned.probability == once.probability
    assert turned.evidence == once.evidence


def test_one_and_two_threads_agree(detector: NoduleDetector, cache: Path) -> None:
    one = load(cache=cache, device="cpu", threads=1)
    made = series(balls=[BALL])
    assert assessed(one, made).probability == pytest.approx(
        assessed(detector, made).probability, abs=1e-3
    )


def test_of_two_reconstructions_the_one_with_lungs_is_told_of(detector: NoduleDetector) -> None:
    heights = tuple(np.arange(0.0, 120.0, 1.25))
    empty = series(heights, slices=[np.zeros((SIDE, SIDE), np.float32)] * len(heights))
    thick = series(tuple(np.arange(0.0, 120.0, 5.0)))
    told = series(balls=[BALL])
    said = assessed(detector, *(_numbered(n, one) for n, one in enumerate((empty, told, thick))))
    assert said.evidence.lesions
    refused, thicker = said.passed_over
    assert (refused.series_instance_uid, refused.seen) == ("1.2.3.0", True)
    assert "empty" in refused.reason
    assert (thicker.series_instance_uid, thicker.seen) == ("1.2.3.2", False)
    assert "thinner slices (2.5 mm, not 5.0 mm)" in thicker.reason


@pytest.mark.parametrize("nodule_above", [True, False])
def test_a_nodule_in_either_part_of_a_chest_scanned_in_two_is_told(
    nodule_above: bool, detector: NoduleDetector
) -> None:
    clear, sick = series(), series(balls=[BALL])
    below = _numbered(1, clear if nodule_above else sick)
    above = _numbered(2, sick if nodule_above else clear, up_mm=125.0)
    alone = assessed(detector, above if nodule_above else below)
    said = assessed(detector, below, above)
    assert said.probability == alone.probability >= detector.card.operating_point
    assert {region.sop_instance_uid for region in said.regions} == {
        region.sop_instance_uid for region in alone.regions
    }
    (other,) = said.passed_over
    assert other.series_instance_uid == ("1.2.3.1" if nodule_above else "1.2.3.2")
    assert (other.seen, other.judged) == (True, True) and "less suspect" in other.reason
    assert len(said.evidence.image_scores) == 2 * 48


def test_nodules_of_both_parts_are_told_under_numbers_of_their_own(
    detector: NoduleDetector,
) -> None:
    said = assessed(
        detector, _numbered(1, series(balls=[BALL])), _numbered(2, series(balls=[BALL]), 125.0)
    )
    numbers = [lesion.number for lesion in said.evidence.lesions]
    assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) >= 2
    for lesion in said.evidence.lesions:
        shown = {one.sop_instance_uid for one in said.regions if one.lesion == lesion.number}
        assert {lesion.first_image, lesion.last_image} <= shown
        assert len({uid.rpartition(".")[0] for uid in shown}) == 1  # of one series


def test_a_part_of_the_chest_whose_greys_are_inverted_is_refused(detector: NoduleDetector) -> None:
    sick = _numbered(2, series(balls=[BALL]), up_mm=125.0)
    inverted = tuple(replace(image, pixels=-image.pixels - 960) for image in sick.images)
    unreadable = SeriesImages(header=sick.header, images=inverted)
    said = assessed(detector, _numbered(1, series()), unreadable)
    assert said.probability < detector.card.operating_point and not said.passed_over
    uids = [image.sop_instance_uid for image in inverted]
    assert [one.sop_instance_uid for one in said.refused] == uids
    shown = assessed(detector, _numbered(3, sick), unreadable)  # looked at second, shows the same
    assert not shown.refused and shown.passed_over[0].seen


@pytest.mark.parametrize(
    "changed",
    [
        {"pixels": np.full((SIDE + 4, SIDE), -1000.0, np.float32)},
        {"pixels": np.concatenate([slice_hu(0.0)[:90], np.repeat(slice_hu(0.0)[90:91], 102, 0)])},
        {"pixel_spacing_mm": (1.2, 1.2)},
        {"image_position_mm": None},
    ],
)
def test_p4_one_slice_of_another_grid_hides_no_nodule_of_a_part_of_the_chest(
    changed: dict[str, Any], detector: NoduleDetector
) -> None:
    clear, sick = _numbered(1, series()), _numbered(2, series(balls=[BALL]), up_mm=125.0)
    odd = replace(sick.images[0], **changed)
    said = assessed(detector, clear, replace(sick, images=(odd, *sick.images[1:])))
    assert said.probability >= detector.card.operating_point
    assert [one.sop_instance_uid for one in said.refused] == [odd.sop_instance_uid]
    assert not said.not_shown
    assert odd.sop_instance_uid not in {one.sop_instance_uid for one in said.evidence.image_scores}


def test_p4_a_part_of_the_chest_of_no_one_grid_is_refused(detector: NoduleDetector) -> None:
    sick = _numbered(2, series(balls=[BALL]), up_mm=125.0)
    spacings = [(PIXEL_MM - 0.05 * (place % 5), PIXEL_MM) for place in range(len(sick.images))]
    mixed = tuple(
        replace(image, pixel_spacing_mm=spacing)
        for image, spacing in zip(sick.images[:45], spacings[:45], strict=True)
    )
    said = assessed(detector, _numbered(1, series()), replace(sick, images=mixed))
    assert said.probability < detector.card.operating_point and not said.passed_over
    assert len(said.refused) == 45


def test_p4_lungs_in_fewer_slices_than_most_of_a_series_are_refused(
    detector: NoduleDetector,
) -> None:
    heights = np.arange(0.0, 120.0, 2.5)
    belly = [np.maximum(slice_hu(z), -990 + 1030 * (slice_hu(z) > -900)) for z in heights]
    both = _numbered(2, series(tuple(heights), slices=belly), up_mm=125.0)
    chest = series(balls=[BALL]).images
    images = tuple(
        replace(image, pixels=chest[place].pixels, pixel_spacing_mm=(1.7, 1.7))
        if place < 20
        else image
        for place, image in enumerate(both.images)
    )
    said = assessed(detector, _numbered(1, series()), replace(both, images=images))
    assert len(said.refused) == 48 and not said.passed_over
    few = tuple(images[:9] + both.images[9:])
    said = assessed(detector, _numbered(1, series()), replace(both, images=few))
    assert not said.refused and "No lungs" in said.passed_over[0].reason


def test_a_reconstruction_of_one_grid_is_judged_rather_than_a_thinner_mixed_one(
    detector: NoduleDetector,
) -> None:
    thin = _numbered(1, series(tuple(np.arange(0.0, 120.0, 1.25))))
    first, *others = thin.header.instances
    odd = replace(first, rows=first.rows + 4)
    mixed = replace(thin, header=replace(thin.header, instances=(odd, *others)))
    thick = _numbered(2, series(balls=[BALL]))
    said = assessed(detector, mixed, thick)
    assert said.probability >= detector.card.operating_point and not said.refused
    assert [one.series_instance_uid for one in said.passed_over] == ["1.2.3.1"]
    assert assessed(detector, thin, thick).passed_over[0].series_instance_uid == "1.2.3.2"


def test_if_the_best_reconstruction_is_broken_another_is_looked_at(
    detector: NoduleDetector,
) -> None:
    def broken() -> tuple[Image, ...]:
        raise UndecodableImage("image 3 is cut off")

    thin = _numbered(1, series(tuple(np.arange(0.0, 120.0, 1.25))))
    thick = _numbered(2, series(balls=[BALL]))
    said = detector.assess([SeriesOnDemand(header=thin.header, images=broken), thick])
    assert isinstance(said, Assessment)
    assert said.probability >= detector.card.operating_point
    (passed_over,) = said.passed_over
    assert (passed_over.series_instance_uid, passed_over.seen) == ("1.2.3.1", False)
    elsewhere = _numbered(1, thin, up_mm=125.0)
    said = detector.assess([SeriesOnDemand(header=elsewhere.header, images=broken), thick])
    assert isinstance(said, Assessment)
    assert not said.passed_over  # nothing shows it: the study fails unless it is flagged
    assert isinstance(
        detector.assess([SeriesOnDemand(header=thin.header, images=broken)]), Unsuitable
    )


def _numbered(number: int, made: SeriesImages, up_mm: float = 0.0) -> SeriesImages:
    """As a series of its own in one frame of reference, higher up by so much."""

    def moved(place: tuple[float, float, float] | None) -> tuple[float, float, float] | None:
        return None if place is None else (place[0], place[1], place[2] + up_mm)

    root = f"1.2.3.{number}"
    headers = tuple(
        replace(
            one,
            sop_instance_uid=SOPInstanceUID(f"{root}.{count}"),
            image_position_mm=moved(one.image_position_mm),
            frame_of_reference_uid="1.2.9",
        )
        for count, one in enumerate(made.header.instances, start=1)
    )
    images = tuple(
        replace(
            one,
            sop_instance_uid=SOPInstanceUID(f"{root}.{count}"),
            image_position_mm=moved(one.image_position_mm),
        )
        for count, one in enumerate(made.images, start=1)
    )
    uid = SeriesInstanceUID(root)
    header = replace(made.header, series_instance_uid=uid, instances=headers)
    return SeriesImages(header=header, images=images)


def test_images_without_lungs_are_unsuitable(detector: NoduleDetector) -> None:
    heights = tuple(np.arange(0.0, 120.0, 2.5))
    empty = series(heights, slices=[np.zeros((SIDE, SIDE), np.float32)] * len(heights))
    said = detector.assess([empty])
    assert isinstance(said, Unjudgeable) and "empty" in said.reason
    planes = [slice_hu(z) for z in heights]
    soft = [np.where(plane < -950, plane, np.maximum(plane, 30)) for plane in planes]  # but the air
    said = detector.assess([series(heights, slices=soft)])
    assert type(said) is Unsuitable and "lungs" in said.reason
    with pytest.raises(ValueError, match="no images"):
        detector.assess([])


@pytest.mark.parametrize("name", ["headct051", "headct070", "headct104"])
def test_a_real_head_is_unsuitable_even_if_it_claims_to_be_a_chest(
    name: str, detector: NoduleDetector, shared_dicom: Path
) -> None:
    made = read(shared_dicom / "studies" / name)
    said = detector.assess([replace(made, header=replace(made.header, body_part_examined="CHEST"))])
    assert isinstance(said, Unsuitable) and "No lungs" in said.reason


def test_the_abdomen_of_the_corpus_is_not_looked_at(
    detector: NoduleDetector, shared_dicom: Path, tmp_path: Path
) -> None:
    folder = shared_dicom / "corpus/TotalSegmentator/tests/reference_files/example_ct_dicom"
    for path in folder.glob("CT.*"):
        data_set = dcmread(path)
        data_set.StudyInstanceUID = "1.2.3"  # emptied when it was made anonymous, as the class
        data_set.SOPClassUID = data_set.file_meta.MediaStorageSOPClassUID
        data_set.save_as(tmp_path / f"{path.name}.dcm")
    made = read(tmp_path)
    claimed = replace(made.header, body_part_examined="CHEST")
    assert "cover" in str(getattr(detector.eligibility(claimed), "reason", ""))
    # as if it were long enough: the images themselves show no lungs
    images = tuple(
        replace(image, image_position_mm=(0.0, 0.0, 5.0 * number))
        for number, image in enumerate(made.images)
    )
    said = detector.assess([replace(made, header=claimed, images=images)])
    assert isinstance(said, Unsuitable) and "lungs" in said.reason


def test_a_real_chest_with_a_mass_gives_what_it_gave_before(
    detector: NoduleDetector, chest: SeriesImages
) -> None:
    # a mass of 60 mm is more than the detector looks for: it is flagged for what it sees of it, or
    # of a vessel, on the lowest slice. Other figures mean that stack, lungs, blobs, vessels,
    # network or calibration changed; whoever changes them on purpose writes the new ones.
    assert isinstance(detector.eligibility(chest.header), Eligible)
    said = assessed(detector, chest)
    assert not said.not_shown
    assert said.probability == pytest.approx(0.700, abs=0.01)
    assert said.probability >= detector.card.operating_point
    lesion = said.evidence.lesions[0]
    assert lesion.centre_mm == pytest.approx((34.0, 189.0, -259.0), abs=2)
    assert lesion.diameter_mm == pytest.approx(20.6, abs=0.5)
