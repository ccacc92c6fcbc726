"""Several series of one study: which of them the haemorrhage detector judges."""

from dataclasses import replace

import numpy as np
import pytest

from models.detector import Assessment, Image, SeriesImages, Unjudgeable, Unsuitable
from models.haemorrhage_volume import Skull, Stack
from models.images import UndecodableImage
from models.series_on_demand import SeriesOnDemand
from tests.haemorrhage_heads import (
    SIDE,
    head,
    images_of,
    series_of,
)
from tests.made_up_blood import BLEED, assess, detector, in_another_frame, renamed


@pytest.fixture(scope="module")
def bleeding() -> tuple[Image, ...]:
    return images_of(head(bleed=BLEED))


def test_the_series_most_apt_for_blood_decides(bleeding: tuple[Image, ...]) -> None:
    clear = images_of(head())
    bone = series_of(bleeding, 1, convolution_kernel="H70h")
    soft = series_of(clear, 2)
    answer = detector().assess([bone, soft])
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
    answer = detector().assess([spare, series_of(bleeding, 2)])
    assert isinstance(answer, Assessment) and answer.probability > 0.9
    assert spare.undecodable is None
    (other,) = answer.passed_over
    assert (other.series_instance_uid, other.seen) == ("1.2.3.1", False)


def test_a_reconstruction_that_cannot_be_decoded_is_replaced_by_the_next_most_apt(
    bleeding: tuple[Image, ...],
) -> None:
    broken = _undecodable(series_of(images_of(head()), 1))
    thin = series_of(bleeding, 2, convolution_kernel="H60h")
    answer = detector().assess([broken, thin])
    assert isinstance(answer, Assessment) and answer.probability > 0.9
    assert broken.undecodable
    (other,) = answer.passed_over
    assert (other.series_instance_uid, other.seen) == ("1.2.3.1", False)
    assert "looked at instead" in other.reason


def test_p4_what_cannot_be_decoded_and_is_not_shown_again_is_not_passed_over(
    bleeding: tuple[Image, ...],
) -> None:
    broken = _undecodable(in_another_frame(series_of(bleeding, 1)))
    nowhere = _undecodable(series_of(bleeding, 3), placed=False)
    answer = detector().assess([broken, nowhere, series_of(images_of(head()), 2)])
    assert isinstance(answer, Assessment) and answer.passed_over == ()
    assert broken.undecodable and nowhere.undecodable


def test_nothing_that_can_be_decoded_is_told_as_such() -> None:
    broken = _undecodable(series_of(images_of(head()), 1))
    assert detector().assess([broken]) == Unsuitable(reason="There are no images.")


@pytest.mark.parametrize("first", [True, False])
def test_a_bleed_counts_though_a_more_apt_series_of_another_scan_is_clear(
    bleeding: tuple[Image, ...], first: bool
) -> None:
    clear, control = images_of(head(slices=28)), series_of(bleeding, 1 if first else 2)
    alone = assess(bleeding)
    before = in_another_frame(series_of(clear, 2 if first else 1))
    answer = detector().assess([before, control])
    assert isinstance(answer, Assessment)
    assert answer.probability == alone.probability > 0.9
    assert answer.regions == alone.regions and answer.evidence.lesions == alone.evidence.lesions
    assert len(answer.evidence.image_scores) == len(clear) + len(bleeding)
    (other,) = answer.passed_over
    assert (other.series_instance_uid, other.seen) == (before.header.series_instance_uid, True)
    assert "judged by itself (0.0" in other.reason.lower() and other.judged


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_each_of_two_scans_with_blood_shows_its_own_regions_and_lesions(
    bleeding: tuple[Image, ...], order: tuple[int, int]
) -> None:
    head_again = images_of(head(bleed=(-30.0, -20.0, -5.0)))
    control = renamed(in_another_frame(series_of(head_again, 2)), "1.9")
    both = (series_of(bleeding, 1), control)
    answer = detector().assess([both[place] for place in order])
    assert isinstance(answer, Assessment)
    shown = {root: [r for r in answer.regions if r.sop_instance_uid.startswith(root)]
             for root in ("1.2.", "1.9.")}  # fmt: skip
    alone = assess(bleeding)
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
    answer = detector().assess([base, vertex])
    assert isinstance(answer, Assessment) and answer.probability > 0.9
    shown = {region.sop_instance_uid for region in answer.regions}
    assert shown and shown <= {image.sop_instance_uid for image in images[26:]}
    assert len(answer.evidence.image_scores) == 52


def test_a_series_that_is_no_head_is_passed_over(bleeding: tuple[Image, ...]) -> None:
    empty = [replace(i, pixels=np.zeros_like(i.pixels)) for i in bleeding]
    asked = detector()
    answer = asked.assess([series_of(empty, 1), series_of(bleeding, 2, convolution_kernel="H70h")])
    assert isinstance(answer, Assessment) and answer.probability > 0.9
    (other,) = answer.passed_over
    assert (other.series_instance_uid, other.seen) == ("1.2.3.1", True)
    assert "empty" in other.reason
    alone = asked.assess([series_of(empty, 1)])
    assert isinstance(alone, Unjudgeable) and "empty" in alone.reason


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
    other = renamed(series_of(images, 2), "1.9")
    asked = detector(guard=guard)
    answer = asked.assess([clear, in_another_frame(other)])
    assert isinstance(answer, Assessment) and answer.probability < 0.1
    assert answer.passed_over == ()
    assert [one.sop_instance_uid for one in answer.refused] == [
        image.sop_instance_uid for image in other.images
    ]
    assert all(reason in one.reason for one in answer.refused)
    alone = asked.assess([other])  # with little of a skull it may as well be of sinuses or a neck
    assert type(alone) is (Unsuitable if what == "short" else Unjudgeable)
    assert reason in alone.reason
    again = asked.assess([clear, other])  # the same scan: the clear one shows it
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
    other = in_another_frame(renamed(series_of(boneless, 2), "1.9"))
    answer = detector().assess([series_of(images_of(head()), 1), other])
    assert isinstance(answer, Assessment) and answer.refused == ()
    (passed_over,) = answer.passed_over
    assert passed_over.seen and "No skull was found" in passed_over.reason
