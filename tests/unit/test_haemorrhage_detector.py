"""The haemorrhage detector around a network that is made up."""

import numpy as np
import pytest

from models.detector import Assessment, Eligible, Image, NotEligible
from models.haemorrhage import smoothed, study_evidence
from models.haemorrhage_findings import FRACTURE_OF_SKULL
from tests.haemorrhage_heads import (
    PIXEL_MM,
    SIDE,
    head,
    header_of,
    images_of,
    instance,
    mirrored_left_right,
    series_of,
    sound_walls,
    transposed,
    upside_down,
)
from tests.made_up_blood import BLEED, Dense, assess, detector


@pytest.fixture(scope="module")
def bleeding() -> tuple[Image, ...]:
    return images_of(head(bleed=BLEED))


@pytest.fixture(scope="module")
def assessment(bleeding: tuple[Image, ...]) -> Assessment:
    return assess(bleeding)


def test_blood_is_flagged_and_a_clear_head_is_not(assessment: Assessment) -> None:
    clear = assess(images_of(head()))
    assert assessment.probability > 0.9
    assert clear.probability < 0.1
    assert clear.regions == () and clear.evidence.kinds == () and clear.evidence.lesions == ()


def test_regions_lie_on_the_blood_of_their_images(assessment: Assessment) -> None:
    assert assessment.regions
    for region in assessment.regions:
        slice_mm = (int(region.sop_instance_uid.split(".")[-1]) - 1 - 12.5) * 5.0
        assert abs(slice_mm - BLEED[2]) < 13
        columns, rows = np.array(region.polygon).T
        assert np.mean(columns) == pytest.approx(SIDE / 2 + BLEED[0] / PIXEL_MM, abs=3)
        assert np.mean(rows) == pytest.approx(SIDE / 2 + BLEED[1] / PIXEL_MM, abs=3)
        assert np.ptp(columns) < 40 / PIXEL_MM and np.ptp(rows) < 40 / PIXEL_MM
        assert 0 < region.score <= 1
        assert region.kind == "subdural haemorrhage"


def test_every_suspect_image_has_a_region_though_nothing_on_it_is_hot(
    bleeding: tuple[Image, ...],
) -> None:
    class Cold(Dense):
        def __call__(self, batch: np.ndarray) -> dict[str, np.ndarray]:
            said = super().__call__(batch)
            return {**said, "heat_logit": np.full_like(said["heat_logit"], -8.0)}

    asked = detector(planes=Cold())
    answer = asked.assess([series_of(bleeding)])
    assert isinstance(answer, Assessment)
    least = asked.card.calibration["plane"]["operating_point"]
    suspect = {i.sop_instance_uid for i in answer.evidence.image_scores if i.score >= least}
    assert suspect
    assert {region.sop_instance_uid for region in answer.regions} == suspect


def test_regions_in_mm_agree_with_their_pixels(assessment: Assessment) -> None:
    region = assessment.regions[0]
    assert region.polygon_mm is not None
    number = int(region.sop_instance_uid.split(".")[-1])
    for (column, row), (x, y, z) in zip(region.polygon, region.polygon_mm, strict=True):
        assert x == pytest.approx(-100 + (column - 0.5) * PIXEL_MM)
        assert y == pytest.approx(-100 + (row - 0.5) * PIXEL_MM)
        assert z == pytest.approx((number - 1) * 5)


def test_what_hangs_together_is_one_lesion_of_about_its_size(assessment: Assessment) -> None:
    (lesion,) = assessment.evidence.lesions
    assert lesion.number == 1
    assert {region.lesion for region in assessment.regions} == {1}
    middle = (SIDE - 1) / 2 * PIXEL_MM - 100
    assert lesion.centre_mm == pytest.approx(
        (middle + BLEED[0], middle + BLEED[1], 62.5 + BLEED[2]), abs=5
    )
    assert lesion.diameter_mm == pytest.approx(24, abs=8)
    shown = sorted(int(r.sop_instance_uid.split(".")[-1]) for r in assessment.regions)
    assert (lesion.first_image, lesion.last_image) == (f"1.2.{shown[0]}", f"1.2.{shown[-1]}")


def test_every_image_has_a_score_and_those_with_blood_the_highest(assessment: Assessment) -> None:
    scores = {one.sop_instance_uid: one.score for one in assessment.evidence.image_scores}
    assert list(scores) == [f"1.2.{n}" for n in range(1, 27)]
    shown = {region.sop_instance_uid for region in assessment.regions}
    assert min(scores[uid] for uid in shown) > max(
        score for uid, score in scores.items() if uid not in shown
    )
    assert [kind.name for kind in assessment.evidence.kinds] == ["subdural"]


@pytest.mark.parametrize("other_way", [mirrored_left_right, upside_down, transposed])
def test_the_way_a_head_is_stored_does_not_change_the_answer(
    bleeding: tuple[Image, ...], assessment: Assessment, other_way
) -> None:
    turned = assess(other_way(bleeding))
    assert turned.probability == pytest.approx(assessment.probability, abs=1e-9)
    assert [r.sop_instance_uid for r in turned.regions] == [
        r.sop_instance_uid for r in assessment.regions
    ]
    for mine, other in zip(turned.regions, assessment.regions, strict=True):
        assert mine.polygon_mm is not None and other.polygon_mm is not None
        np.testing.assert_allclose(
            np.mean(mine.polygon_mm, axis=0)[2:], np.mean(other.polygon_mm, axis=0)[2:], atol=1e-6
        )


def test_the_order_of_the_images_does_not_change_the_answer(
    bleeding: tuple[Image, ...], assessment: Assessment
) -> None:
    turned = assess(bleeding[::-1])
    assert turned.probability == pytest.approx(assessment.probability, abs=1e-9)
    assert turned.regions == assessment.regions


def test_thin_slices_share_the_score_and_the_region_of_their_slab() -> None:
    images = images_of(head(slices=104, gap_mm=1.25, bleed=BLEED), gap_mm=1.25)
    answer = assess(images)
    assert answer.probability > 0.9
    assert len(answer.evidence.image_scores) == 104
    first = min(answer.regions, key=lambda r: int(r.sop_instance_uid.split(".")[-1]))
    same = [region for region in answer.regions if region.polygon == first.polygon]
    assert len(same) == 4


def test_without_geometry_there_are_regions_in_pixels_alone() -> None:
    images = images_of(head(bleed=BLEED), gap_mm=None, pixel_mm=None, orientation=None)
    answer = assess(images)
    assert answer.regions and all(region.polygon_mm is None for region in answer.regions)
    (lesion,) = answer.evidence.lesions
    assert lesion.centre_mm is None and lesion.diameter_mm is None


def test_only_planes_with_brain_go_through_the_network() -> None:
    network = Dense()
    air = np.full((10, SIDE, SIDE), -1000.0, np.float32)
    images = images_of(np.concatenate([air, head()]))
    detector(planes=network).assess([series_of(images)])
    assert sum(len(batch) for batch in network.seen) <= 26


def test_eligibility_comes_with_the_images_left_out() -> None:
    asked = detector()
    assert asked.eligibility(header_of()) == Eligible()
    scout = instance(99, image_type=("ORIGINAL", "PRIMARY", "LOCALIZER"))
    answer = asked.eligibility(header_of(instances=(scout, *header_of().instances)))
    assert isinstance(answer, Eligible) and [uid for uid, _ in answer.left_out] == ["1.2.99"]
    assert isinstance(asked.eligibility(header_of(modality="MR")), NotEligible)


def test_one_plane_alone_counts_less_than_three() -> None:
    alone, three = np.full(9, -4.0, np.float32), np.full(9, -4.0, np.float32)
    alone[4], three[3:6] = 6, 6
    walls = np.full((9, 2), -5.0)
    assert study_evidence(smoothed(alone, walls))[0] < study_evidence(smoothed(three, walls))[0]
    assert smoothed(three, walls)[4].tolist() == [6, -5, -5]
    assert smoothed(alone, walls)[4, 0] == 1


def test_a_wall_that_was_not_unrolled_says_neither() -> None:
    planes = np.zeros(4, np.float32)
    walls = np.array([[np.nan, np.nan], [2.0, -2.0], [-4.0, 1.0], [0.0, 0.0]])
    seen, none = smoothed(planes, walls), smoothed(planes, np.full((4, 2), np.nan))
    usual = none[0, 1:]
    assert (usual < 0).all() and (none[:, 1:] == usual).all()
    np.testing.assert_allclose(seen[0, 1:], usual * 0.75 + np.array([2.0, -2.0]) / 4)


def test_a_broken_skull_is_shown_as_such_and_is_no_blood(bleeding: tuple[Image, ...]) -> None:
    def broken(batch: np.ndarray) -> dict[str, np.ndarray]:
        said = sound_walls(batch)
        said["sign_logits"][:, 1] = 6
        said["heat_logits"][:, 1, 4:6, 30] = 5
        return said

    asked = detector(walls=broken)
    answer = asked.assess([series_of(bleeding)])
    assert isinstance(answer, Assessment)
    kinds = [region.kind for region in answer.regions]
    assert {*kinds} == {"subdural haemorrhage", FRACTURE_OF_SKULL}
    assert kinds.index(FRACTURE_OF_SKULL) == kinds.count("subdural haemorrhage")
    assert all(lesion.number == 1 for lesion in answer.evidence.lesions)
    for region in answer.regions:
        if region.kind == FRACTURE_OF_SKULL:
            assert region.lesion is None
            # less than half around from the back, over the right
            assert np.mean(np.array(region.polygon)[:, 0]) < SIDE / 2


def test_fewer_planes_than_usual_still_make_a_study() -> None:
    assert study_evidence(np.array([[1.0, 5.0], [3.0, 5.0]])) == (2.0, 5.0)


@pytest.mark.parametrize(
    ("lost", "told", "may_hide"), [(0, False, False), (1, True, False), (2, True, True)]
)
def test_p4_planes_lost_in_the_middle_of_a_head_are_told(
    lost: int, told: bool, may_hide: bool
) -> None:
    images = images_of(head())
    answer = assess((*images[:12], *images[12 + lost :]))
    assert [one.may_hide for one in answer.not_shown] == ([may_hide] if told else [])
