"""Odd images and several passes in one series of a head: what is judged, and what is refused."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from models.detector import Assessment, Image, Unjudgeable, Unsuitable
from models.guard import CUT_OFF
from models.haemorrhage_passes import MOST_PASSES, OTHER_SIZE, TOO_MANY
from models.haemorrhage_volume import Skull, Stack
from tests.haemorrhage_heads import (
    SIDE,
    head,
    images_of,
    series_of,
)
from tests.made_up_blood import BLEED, assess, detector, in_another_frame, renamed
from worklist.uid import SOPInstanceUID


@pytest.fixture(scope="module")
def bleeding() -> tuple[Image, ...]:
    return images_of(head(bleed=BLEED))


@pytest.fixture(scope="module")
def assessment(bleeding: tuple[Image, ...]) -> Assessment:
    return assess(bleeding)


def _of_another_size(image: Image) -> Image:
    return replace(image, pixels=np.pad(image.pixels, 2, constant_values=-1000))


def test_p4_images_of_another_size_are_refused_and_have_no_score() -> None:
    """The bleed lies among them: what is left looks clear, which nobody may be told."""
    bleeding = images_of(head(bleed=(30.0, 20.0, 40.0)))
    images = tuple(_of_another_size(i) if n >= 16 else i for n, i in enumerate(bleeding))
    answer = assess(images)
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
    answer = assess((_cut_off(bleeding[3]), *bleeding[:3], *bleeding[4:]))
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
    answer = detector().assess([series_of(images)])
    assert isinstance(answer, Assessment if judged else Unjudgeable)


def test_a_whole_reconstruction_stands_for_one_of_which_an_image_is_cut_off(
    bleeding: tuple[Image, ...], assessment: Assessment
) -> None:
    cut = series_of((_cut_off(bleeding[3]), *bleeding[:3], *bleeding[4:]), 1)
    spare = series_of(bleeding, 2, convolution_kernel="BONE")
    answer = detector().assess([cut, renamed(spare, "1.9")])
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
    odd = renamed(in_another_frame(series_of(images, 2)), "1.9")
    answer = detector().assess([clear, odd])
    assert isinstance(answer, Assessment)
    assert len(answer.refused) == len(images)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_p4_each_of_two_passes_in_one_series_is_judged(
    bleeding: tuple[Image, ...], assessment: Assessment, order: tuple[int, int]
) -> None:
    clear = renamed(series_of(images_of(head())), "1.9").images
    both = (bleeding, clear)
    answer = assess(tuple(image for place in order for image in both[place]))
    assert answer.probability == pytest.approx(assessment.probability, abs=1e-9)
    assert answer.regions == assessment.regions
    assert answer.evidence.lesions == assessment.evidence.lesions
    scores = {i.sop_instance_uid: i.score for i in answer.evidence.image_scores}
    assert scores.keys() == {image.sop_instance_uid for image in (*clear, *bleeding)}
    assert max(scores[image.sop_instance_uid] for image in clear) < 0.1
    assert answer.refused == () and answer.passed_over == ()


def test_p4_a_pass_that_cannot_be_judged_is_refused() -> None:
    clear = images_of(head())
    raw = renamed(series_of([replace(i, pixels=i.pixels + 1024) for i in clear]), "1.9").images
    answer = assess(clear + raw)
    assert answer.probability < 0.1
    refused = [one.sop_instance_uid for one in answer.refused]
    assert refused == [image.sop_instance_uid for image in raw]


def _little(images: Sequence[Image]) -> tuple[Image, ...]:
    """With bone on five planes alone."""
    return tuple(
        i if 10 <= n < 15 else replace(i, pixels=np.minimum(i.pixels, 60))
        for n, i in enumerate(images)
    )


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_p4_a_pass_with_little_of_a_skull_does_not_hide_that_another_is_upside_down(
    order: tuple[int, int],
) -> None:
    def guard(_stack: Stack, _skull: Skull) -> str | None:
        return "It is upside down."

    turned = images_of(head())
    both = (_little(renamed(series_of(turned), "1.9").images), turned)
    answer = detector(guard=guard).assess([series_of([i for n in order for i in both[n]])])
    assert answer == Unjudgeable(reason="It is upside down.")


def test_p4_little_of_a_skull_is_not_applicable_in_two_passes_too_but_not_beside_an_odd_image() -> (
    None
):
    once = _little(images_of(head()))
    again = [replace(i, pixels=i.pixels + 1) for i in renamed(series_of(once), "1.9").images]
    for images in (once, (*once, *again)):
        answer = detector().assess([series_of(images)])
        assert type(answer) is Unsuitable and "Only about 25 mm" in answer.reason
    with_another = (*once[:25], _of_another_size(once[25]))
    answer = detector().assess([series_of(with_another)])
    assert isinstance(answer, Unjudgeable) and "Only about 25 mm" in answer.reason


def test_a_place_shown_too_often_cannot_be_judged() -> None:
    images = [
        replace(i, sop_instance_uid=SOPInstanceUID(f"1.9.{more}.{n}"), pixels=i.pixels + more)
        for more in range(MOST_PASSES + 1)
        for n, i in enumerate(images_of(head()))
    ]
    assert detector().assess([series_of(images)]) == Unjudgeable(reason=TOO_MANY)


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
    perfusion = in_another_frame(series_of(images, 2))
    answer = detector().assess([series_of(images_of(head())), perfusion])
    assert isinstance(answer, Assessment) and not answer.refused
    assert [one.reason for one in answer.passed_over] == [
        "There seems to be contrast agent in the vessels."
    ]
