"""The haemorrhage detector around a network that is made up."""

from dataclasses import replace

import numpy as np
import pytest

from models.detector import Assessment, Eligible, Image, NotEligible, SeriesImages, Unsuitable
from models.guard import CUT_OFF
from models.haemorrhage import HaemorrhageDetector, smoothed, study_evidence
from models.haemorrhage_findings import FRACTURE_OF_SKULL
from models.haemorrhage_network import KINDS, STRIDE
from models.haemorrhage_passes import MOST_PASSES, OTHER_SIZE, TOO_MANY
from models.haemorrhage_volume import CANVAS, Skull, Stack
from models.images import UndecodableImage
from models.series_on_demand import SeriesOnDemand
from tests.haemorrhage_heads import (
    PIXEL_MM,
    SIDE,
    card,
    head,
    header_of,
    images_of,
    instance,
    mirrored_left_right,
    series_of,
    sound_walls,
    transposed,
    upright,
    upside_down,
)
from worklist.uid import SOPInstanceUID

BLEED = (30.0, 20.0, 10.0)  # mm to the left, the back, the top
SUBDURAL = KINDS.index("subdural")


class Dense:
    """Says that there is subdural blood where the plane itself has much between 55 and 85 HU."""

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []

    def __call__(self, batch: np.ndarray) -> dict[str, np.ndarray]:
        assert batch.shape[1:] == (3, CANVAS, CANVAS)
        self.seen.append(batch)
        middle = batch[:, 1]
        dense = (middle > 0.15) & (middle < 0.6)
        cells = CANVAS // STRIDE
        shares = dense.reshape(len(batch), cells, STRIDE, cells, STRIDE).mean(axis=(2, 4))
        hot = shares > 0.8
        found = hot.any(axis=(1, 2))
        kinds = np.full((len(batch), len(KINDS)), -4.0, np.float32)
        kinds[found, SUBDURAL] = 3.0
        return {
            "slice_logit": np.where(found, 8.0, -6.0).astype(np.float32),
            "kind_logits": kinds,
            "heat_logit": np.where(hot, 4.0, -8.0)[:, None].astype(np.float32),
        }


@pytest.fixture(scope="module")
def bleeding() -> tuple[Image, ...]:
    return images_of(head(bleed=BLEED))


@pytest.fixture(scope="module")
def assessment(bleeding: tuple[Image, ...]) -> Assessment:
    return _assess(bleeding)


def _detector() -> HaemorrhageDetector:
    return HaemorrhageDetector(card=card(), planes=Dense(), walls=sound_walls, guard=upright)


def _assess(images: tuple[Image, ...]) -> Assessment:
    answer = _detector().assess([series_of(images)])
    assert isinstance(answer, Assessment)
    return answer


def test_blood_is_flagged_and_a_clear_head_is_not(assessment: Assessment) -> None:
    clear = _assess(images_of(head()))
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

    detector = HaemorrhageDetector(card=card(), planes=Cold(), walls=sound_walls, guard=upright)
    answer = detector.assess([series_of(bleeding)])
    assert isinstance(answer, Assessment)
    least = detector.card.calibration["plane"]["operating_point"]
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
    turned = _assess(other_way(bleeding))
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
    turned = _assess(bleeding[::-1])
    assert turned.probability == pytest.approx(assessment.probability, abs=1e-9)
    assert turned.regions == assessment.regions


def _of_another_size(image: Image) -> Image:
    return replace(image, pixels=np.pad(image.pixels, 2, constant_values=-1000))


def test_p4_images_of_another_size_are_refused_and_have_no_score() -> None:
    """The bleed lies among them: what is left looks clear, which nobody may be told."""
    bleeding = images_of(head(bleed=(30.0, 20.0, 40.0)))
    images = tuple(_of_another_size(i) if n >= 16 else i for n, i in enumerate(bleeding))
    answer = _assess(images)
    assert answer.probability < 0.1
    odd = [image.sop_instance_uid for image in images[16:]]
    assert [one.sop_instance_uid for one in answer.refused] == odd
    assert {one.reason for one in answer.refused} == {OTHER_SIZE}
    scored = {one.sop_instance_uid for one in answer.evidence.image_scores}
    assert scored == {image.sop_instance_uid for image in images[:16]}


def _cut_off(image: Image) -> Image:
    pixels = image.pixels.copy()
    pixels[96:] = pixels[95]
    return replace(image, pixels=pixels)


def test_p4_an_image_cut_off_hides_no_blood_on_the_others(
    bleeding: tuple[Image, ...], assessment: Assessment
) -> None:
    """One image of the base is cut: that clears nobody of the blood above."""
    answer = _assess((_cut_off(bleeding[3]), *bleeding[:3], *bleeding[4:]))
    assert answer.probability == pytest.approx(assessment.probability, abs=1e-6)
    (refused,) = answer.refused
    assert (refused.sop_instance_uid, refused.reason) == (bleeding[3].sop_instance_uid, CUT_OFF)
    scored = {one.sop_instance_uid for one in answer.evidence.image_scores}
    assert scored == {image.sop_instance_uid for image in bleeding} - {refused.sop_instance_uid}


@pytest.mark.parametrize(("cut", "judged"), [(13, True), (14, False)])
def test_p4_a_head_most_of_whose_images_are_cut_off_cannot_be_judged(
    cut: int, judged: bool
) -> None:
    places = (*range(1, 26, 2), 0)[:cut]
    images = tuple(_cut_off(i) if n in places else i for n, i in enumerate(images_of(head())))
    answer = _detector().assess([series_of(images)])
    assert isinstance(answer, Assessment if judged else Unsuitable)


def test_a_whole_reconstruction_stands_for_one_of_which_an_image_is_cut_off(
    bleeding: tuple[Image, ...], assessment: Assessment
) -> None:
    cut = series_of((_cut_off(bleeding[3]), *bleeding[:3], *bleeding[4:]), 1)
    spare = series_of(bleeding, 2, convolution_kernel="BONE")
    answer = _detector().assess([cut, _renamed(spare, "1.9")])
    assert isinstance(answer, Assessment)
    assert answer.probability == pytest.approx(assessment.probability, abs=1e-6)
    assert not answer.refused
    (passed_over,) = answer.passed_over
    assert (passed_over.series_instance_uid, passed_over.seen) == ("1.2.3.1", True)
    assert passed_over.reason == CUT_OFF


def test_p4_a_series_of_which_only_odd_images_may_show_a_head_cannot_be_judged() -> None:
    clear = series_of(images_of(head()), 1)
    empty = np.full((SIDE, SIDE), -1000.0, np.float32)
    images = [replace(i, pixels=empty) for i in clear.images]
    images[5] = _of_another_size(clear.images[5])
    odd = _renamed(_in_another_frame(series_of(images, 2)), "1.9")
    answer = _detector().assess([clear, odd])
    assert isinstance(answer, Assessment)
    assert len(answer.refused) == len(images)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_p4_each_of_two_passes_in_one_series_is_judged(
    bleeding: tuple[Image, ...], assessment: Assessment, order: tuple[int, int]
) -> None:
    clear = _renamed(series_of(images_of(head())), "1.9").images
    both = (bleeding, clear)
    answer = _assess(tuple(image for place in order for image in both[place]))
    assert answer.probability == pytest.approx(assessment.probability, abs=1e-9)
    assert answer.regions == assessment.regions
    assert answer.evidence.lesions == assessment.evidence.lesions
    scores = {i.sop_instance_uid: i.score for i in answer.evidence.image_scores}
    assert scores.keys() == {image.sop_instance_uid for image in (*clear, *bleeding)}
    assert max(scores[image.sop_instance_uid] for image in clear) < 0.1
    assert answer.refused == () and answer.passed_over == ()


def test_p4_a_pass_that_cannot_be_judged_is_refused() -> None:
    clear = images_of(head())
    raw = _renamed(series_of([replace(i, pixels=i.pixels + 1024) for i in clear]), "1.9").images
    answer = _assess(clear + raw)
    assert answer.probability < 0.1
    refused = [one.sop_instance_uid for one in answer.refused]
    assert refused == [image.sop_instance_uid for image in raw]


def test_a_place_shown_too_often_cannot_be_judged() -> None:
    images = [
        replace(i, sop_instance_uid=SOPInstanceUID(f"1.9.{more}.{n}"), pixels=i.pixels + more)
        for more in range(MOST_PASSES + 1)
        for n, i in enumerate(images_of(head()))
    ]
    assert _detector().assess([series_of(images)]) == Unsuitable(reason=TOO_MANY)


def test_perfusion_is_passed_over_beside_a_plain_head() -> None:
    """What is seen in the mean of its many passes speaks against it, as in any series."""
    volume = head()
    z, y, x = np.indices(volume.shape)
    for row, column in ((80, 96), (96, 75), (96, 117), (110, 96)):
        volume[(np.hypot(y - row, x - column) < 4.5) & (z > 3)] = 320
    images = [
        replace(i, sop_instance_uid=SOPInstanceUID(f"1.9.{more}.{n}"), pixels=i.pixels + more)
        for more in range(MOST_PASSES + 1)
        for n, i in enumerate(images_of(volume))
    ]
    perfusion = _in_another_frame(series_of(images, 2))
    answer = _detector().assess([series_of(images_of(head())), perfusion])
    assert isinstance(answer, Assessment) and not answer.refused
    assert [one.reason for one in answer.passed_over] == [
        "There seems to be contrast agent in the vessels."
    ]


def test_thin_slices_share_the_score_and_the_region_of_their_slab() -> None:
    images = images_of(head(slices=104, gap_mm=1.25, bleed=BLEED), gap_mm=1.25)
    answer = _assess(images)
    assert answer.probability > 0.9
    assert len(answer.evidence.image_scores) == 104
    first = min(answer.regions, key=lambda r: int(r.sop_instance_uid.split(".")[-1]))
    same = [region for region in answer.regions if region.polygon == first.polygon]
    assert len(same) == 4


def test_without_geometry_there_are_regions_in_pixels_alone() -> None:
    images = images_of(head(bleed=BLEED), gap_mm=None, pixel_mm=None, orientation=None)
    answer = _assess(images)
    assert answer.regions and all(region.polygon_mm is None for region in answer.regions)
    (lesion,) = answer.evidence.lesions
    assert lesion.centre_mm is None and lesion.diameter_mm is None


def test_the_series_most_apt_for_blood_decides(bleeding: tuple[Image, ...]) -> None:
    clear = images_of(head())
    bone = series_of(bleeding, 1, convolution_kernel="H70h")
    soft = series_of(clear, 2)
    answer = HaemorrhageDetector(
        card=card(), planes=Dense(), walls=sound_walls, guard=upright
    ).assess([bone, soft])
    assert isinstance(answer, Assessment)
    assert answer.probability < 0.1
    assert answer.regions == ()
    assert len(answer.evidence.image_scores) == 26
    (other,) = answer.passed_over
    assert (other.series_instance_uid, other.seen) == ("1.2.3.1", False)
    assert "bone kernel" in other.reason


def _undecodable(series: SeriesImages, *, placed: bool = True) -> SeriesOnDemand:
    """The series, its geometry in its header (not in those of enhanced ones), its pixels broken."""

    def decode() -> tuple[Image, ...]:
        raise UndecodableImage("it is cut off")

    planes = zip(series.header.instances, series.images, strict=True)
    instances = tuple(
        replace(
            one,
            image_position_mm=i.image_position_mm if placed else None,
            pixel_spacing_mm=i.pixel_spacing_mm,
            rows=SIDE,
            columns=SIDE,
        )
        for one, i in planes
    )
    header = replace(series.header, instances=instances)
    return SeriesOnDemand(header=header, images=decode)


def test_the_pixels_of_a_spare_reconstruction_are_not_asked_for(
    bleeding: tuple[Image, ...],
) -> None:
    spare = _undecodable(series_of(bleeding, 1, convolution_kernel="H70h"))
    answer = _detector().assess([spare, series_of(bleeding, 2)])
    assert isinstance(answer, Assessment) and answer.probability > 0.9
    assert spare.undecodable is None
    (other,) = answer.passed_over
    assert (other.series_instance_uid, other.seen) == ("1.2.3.1", False)


def test_a_reconstruction_that_cannot_be_decoded_is_replaced_by_the_next_most_apt(
    bleeding: tuple[Image, ...],
) -> None:
    broken = _undecodable(series_of(images_of(head()), 1))
    thin = series_of(bleeding, 2, convolution_kernel="H60h")
    answer = _detector().assess([broken, thin])
    assert isinstance(answer, Assessment) and answer.probability > 0.9
    assert broken.undecodable
    (other,) = answer.passed_over
    assert (other.series_instance_uid, other.seen) == ("1.2.3.1", False)
    assert "looked at instead" in other.reason


def test_p4_what_cannot_be_decoded_and_is_not_shown_again_is_not_passed_over(
    bleeding: tuple[Image, ...],
) -> None:
    broken = _undecodable(_in_another_frame(series_of(bleeding, 1)))
    nowhere = _undecodable(series_of(bleeding, 3), placed=False)
    answer = _detector().assess([broken, nowhere, series_of(images_of(head()), 2)])
    assert isinstance(answer, Assessment) and answer.passed_over == ()
    assert broken.undecodable and nowhere.undecodable


def test_nothing_that_can_be_decoded_is_told_as_such() -> None:
    broken = _undecodable(series_of(images_of(head()), 1))
    assert _detector().assess([broken]) == Unsuitable(reason="There are no images.")


def _in_another_frame(series: SeriesImages) -> SeriesImages:
    instances = tuple(
        replace(one, frame_of_reference_uid="1.2.10") for one in series.header.instances
    )
    return replace(series, header=replace(series.header, instances=instances))


@pytest.mark.parametrize("first", [True, False])
def test_a_bleed_counts_though_a_more_apt_series_of_another_scan_is_clear(
    bleeding: tuple[Image, ...], first: bool
) -> None:
    clear, control = images_of(head(slices=28)), series_of(bleeding, 1 if first else 2)
    alone = _assess(bleeding)
    before = _in_another_frame(series_of(clear, 2 if first else 1))
    answer = _detector().assess([before, control])
    assert isinstance(answer, Assessment)
    assert answer.probability == alone.probability > 0.9
    assert answer.regions == alone.regions and answer.evidence.lesions == alone.evidence.lesions
    assert len(answer.evidence.image_scores) == len(clear) + len(bleeding)
    (other,) = answer.passed_over
    assert (other.series_instance_uid, other.seen) == (before.header.series_instance_uid, True)
    assert "judged by itself (0.0" in other.reason.lower() and other.judged


def _renamed(series: SeriesImages, root: str) -> SeriesImages:
    """With other images' UIDs."""
    images = tuple(
        replace(i, sop_instance_uid=SOPInstanceUID(f"{root}.{number}"))
        for number, i in enumerate(series.images, start=1)
    )
    return replace(series, images=images)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_each_of_two_scans_with_blood_shows_its_own_regions_and_lesions(
    bleeding: tuple[Image, ...], order: tuple[int, int]
) -> None:
    head_again = images_of(head(bleed=(-30.0, -20.0, -5.0)))
    control = _renamed(_in_another_frame(series_of(head_again, 2)), "1.9")
    both = (series_of(bleeding, 1), control)
    answer = _detector().assess([both[place] for place in order])
    assert isinstance(answer, Assessment)
    shown = {root: [r for r in answer.regions if r.sop_instance_uid.startswith(root)]
             for root in ("1.2.", "1.9.")}  # fmt: skip
    alone = _assess(bleeding)
    assert [r.polygon for r in shown["1.2."]] == [r.polygon for r in alone.regions]
    assert shown["1.9."] and all(r.kind == "subdural haemorrhage" for r in answer.regions)
    assert [lesion.number for lesion in answer.evidence.lesions] == [1, 2]
    scores = [lesion.score for lesion in answer.evidence.lesions]
    assert scores == sorted(scores, reverse=True)
    for lesion in answer.evidence.lesions:
        (root,) = (root for root in shown if lesion.first_image.startswith(root))
        assert {region.lesion for region in shown[root]} == {lesion.number}
    assert [r.score for r in answer.regions] == sorted(r.score for r in answer.regions)[::-1]
    assert [kind.name for kind in answer.evidence.kinds] == ["subdural"]
    assert len(answer.evidence.image_scores) == 52


def test_the_base_and_the_vertex_of_a_head_scanned_apart_are_both_judged() -> None:
    images = images_of(head(slices=52, gap_mm=2.5, bleed=(30.0, 20.0, 32.0)), gap_mm=2.5)
    base, vertex = series_of(images[:26], 1), series_of(images[26:], 2)
    answer = _detector().assess([base, vertex])
    assert isinstance(answer, Assessment) and answer.probability > 0.9
    shown = {region.sop_instance_uid for region in answer.regions}
    assert shown and shown <= {image.sop_instance_uid for image in images[26:]}
    assert len(answer.evidence.image_scores) == 52


def test_a_series_that_is_no_head_is_passed_over(bleeding: tuple[Image, ...]) -> None:
    empty = [replace(i, pixels=np.zeros_like(i.pixels)) for i in bleeding]
    detector = HaemorrhageDetector(card=card(), planes=Dense(), walls=sound_walls, guard=upright)
    answer = detector.assess(
        [series_of(empty, 1), series_of(bleeding, 2, convolution_kernel="H70h")]
    )
    assert isinstance(answer, Assessment) and answer.probability > 0.9
    (other,) = answer.passed_over
    assert (other.series_instance_uid, other.seen) == ("1.2.3.1", True)
    assert "empty" in other.reason
    alone = detector.assess([series_of(empty, 1)])
    assert isinstance(alone, Unsuitable) and "empty" in alone.reason


@pytest.mark.parametrize("what", ["values", "short", "turned"])
def test_p4_another_scan_that_cannot_be_judged_is_refused_and_not_taken_for_clear(
    bleeding: tuple[Image, ...], what: str
) -> None:
    def guard(stack: Stack, _: Skull) -> str | None:
        return "It is upside down." if what == "turned" and len(stack.planes) == 26 else None

    images = {
        "values": tuple(replace(i, pixels=-i.pixels) for i in bleeding),
        "short": bleeding[10:15],
        "turned": bleeding,
    }[what]
    reason = {
        "values": "Bone is not what is dense",
        "short": "Only about",
        "turned": "It is upside down.",
    }[what]
    clear = series_of(images_of(head(slices=28)), 1)
    other = _renamed(series_of(images, 2), "1.9")
    detector = HaemorrhageDetector(card=card(), planes=Dense(), walls=sound_walls, guard=guard)
    answer = detector.assess([clear, _in_another_frame(other)])
    assert isinstance(answer, Assessment) and answer.probability < 0.1
    assert answer.passed_over == ()
    assert [one.sop_instance_uid for one in answer.refused] == [
        image.sop_instance_uid for image in other.images
    ]
    assert all(reason in one.reason for one in answer.refused)
    again = detector.assess([clear, other])  # the same scan: the clear one shows it
    assert isinstance(again, Assessment) and again.refused == ()
    assert [one.series_instance_uid for one in again.passed_over] == ["1.2.3.2"]


def test_another_scan_without_a_head_is_passed_over_and_refuses_nothing(
    bleeding: tuple[Image, ...],
) -> None:
    water = tuple(replace(i, pixels=np.minimum(i.pixels, 60)) for i in bleeding)
    boneless = tuple(
        replace(i, pixels=np.where(i.pixels > -500, 30 + (n % 2) * 300, -1000).astype(np.float32))
        for n, i in enumerate(water)
    )
    other = _in_another_frame(_renamed(series_of(boneless, 2), "1.9"))
    answer = _detector().assess([series_of(images_of(head()), 1), other])
    assert isinstance(answer, Assessment) and answer.refused == ()
    (passed_over,) = answer.passed_over
    assert passed_over.seen and "No skull was found" in passed_over.reason


def test_only_planes_with_brain_go_through_the_network() -> None:
    network = Dense()
    air = np.full((10, SIDE, SIDE), -1000.0, np.float32)
    images = images_of(np.concatenate([air, head()]))
    HaemorrhageDetector(card=card(), planes=network, walls=sound_walls, guard=upright).assess(
        [series_of(images)]
    )
    assert sum(len(batch) for batch in network.seen) <= 26


def test_eligibility_comes_with_the_images_left_out() -> None:
    detector = HaemorrhageDetector(card=card(), planes=Dense(), walls=sound_walls, guard=upright)
    assert detector.eligibility(header_of()) == Eligible()
    scout = instance(99, image_type=("ORIGINAL", "PRIMARY", "LOCALIZER"))
    answer = detector.eligibility(header_of(instances=(scout, *header_of().instances)))
    assert isinstance(answer, Eligible) and [uid for uid, _ in answer.left_out] == ["1.2.99"]
    assert isinstance(detector.eligibility(header_of(modality="MR")), NotEligible)


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

    detector = HaemorrhageDetector(card=card(), planes=Dense(), walls=broken, guard=upright)
    answer = detector.assess([series_of(bleeding)])
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
    answer = _assess((*images[:12], *images[12 + lost :]))
    assert [one.may_hide for one in answer.not_shown] == ([may_hide] if told else [])
