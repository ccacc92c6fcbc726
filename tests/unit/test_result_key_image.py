"""The key image shows at most three regions, and says in its pixels that nobody reviewed them."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw, ImageFont

from results.errors import UnusableFacts
from results.facts import AssessmentFacts
from results.key_image import PANEL, Picture, build_key_image
from results.key_regions import key_regions
from results.source import source_image_of
from tests.made_up_headers import enhanced_ct, plain_header, read_back, tilted_ct
from tests.result_facts import (
    FRACTURE,
    HAEMORRHAGE,
    NODULE,
    PHANTOMS,
    facts_of,
    flagged,
    grey_pictures,
    headers,
    region_on,
    result,
    usual_facts,
)
from worklist.finding import NotFlagged

_HEAD = PHANTOMS / "head_ct_bleed"
Pixels = npt.NDArray[np.uint8]


def _pixels(facts: AssessmentFacts) -> Pixels:
    built = build_key_image(facts, grey_pictures(facts)).dataset()
    return np.asarray(built.pixel_array, np.uint8)


def _shows(picture: Pixels, text: str) -> bool:
    """Whether these words are drawn somewhere, in any colour."""
    font = ImageFont.load_default(18)
    left, top, right, bottom = map(int, font.getbbox(text))
    word = Image.new("L", (right + 1, bottom + 1))
    ImageDraw.Draw(word).text((0, 0), text, 255, font)
    wanted = np.asarray(word)[top:, left:] > 128
    drawn = picture.max(axis=2) > 128
    rows, columns = wanted.shape
    for row in range(drawn.shape[0] - rows + 1):
        for column in np.flatnonzero(drawn[row : row + rows].any(axis=0))[:40]:
            for start in range(max(column - 2, 0), column + 1):
                part = drawn[row : row + rows, start : start + columns]
                if part.shape == wanted.shape and np.array_equal(part, wanted):
                    return True
    return False


def test_p5_the_warning_the_model_and_the_time_are_in_the_pixels() -> None:
    picture = _pixels(usual_facts(PHANTOMS / "forearm_fracture"))
    assert _shows(picture, "AI result, not reviewed, not for diagnostic use.")
    assert _shows(picture, "model: fracture 1.0")
    assert _shows(picture, "fracture suspected, 91 % in the study")
    assert _shows(picture, "this place 75 %")
    assert _shows(picture, "Vigie 0.1.0, 2026-03-02 12:00:00")
    assert not _shows(picture, "model: fracture 1.1")


def test_it_is_a_secondary_capture_that_says_what_is_burned_in() -> None:
    facts = usual_facts(_HEAD)
    built = build_key_image(facts, grey_pictures(facts)).dataset()
    assert built.SOPClassUID == "1.2.840.10008.5.1.4.1.1.7"
    assert (built.BurnedInAnnotation, built.Modality) == ("YES", "OT")
    assert built.ImageComments == "AI result, not reviewed, not for diagnostic use."
    named = [one.ReferencedSOPInstanceUID for one in built.SourceImageSequence]
    assert named == [one.region.sop_instance_uid for one in key_regions(facts)]
    assert (built.Columns, built.SamplesPerPixel) == (2 * PANEL, 3)


def test_the_outline_lies_where_the_region_is_and_pixels_keep_their_shape() -> None:
    source = tilted_ct()  # 200 rows of 0.5 mm, 160 columns of 0.6 mm: 100 x 96 mm
    image = source_image_of(source[0])
    region = region_on(image)
    picture = _pixels(facts_of(source, [result(HAEMORRHAGE, flagged([region]), [image])]))
    yellow = (picture == (255, 214, 0)).all(axis=2)
    rows, columns = np.nonzero(yellow)
    scale_down, scale_across = 512 / 200, 512 * 0.96 / 160
    left = (512 - 512 * 0.96) / 2
    polygon = np.array(region.polygon)
    expected = [
        left + polygon[:, 0].min() * scale_across,
        left + polygon[:, 0].max() * scale_across,
        34 + polygon[:, 1].min() * scale_down,
        34 + polygon[:, 1].max() * scale_down,
    ]
    found = [columns.min(), columns.max(), rows.min(), rows.max()]
    assert np.allclose(found, expected, atol=2.5)


def test_each_detector_comes_first_with_what_it_is_surest_of() -> None:
    source = headers(_HEAD)
    images = [source_image_of(one) for one in source]
    blood = [
        region_on(images[place], lesion=lesion, score=score)
        for place, lesion, score in ((3, 1, 0.9), (4, 1, 0.95), (5, 2, 0.8), (6, 3, 0.7))
    ]
    broken = [region_on(images[9], score=0.4)]
    facts = facts_of(
        source,
        [
            result(HAEMORRHAGE, flagged(blood), images),
            result(FRACTURE, flagged(broken), images),
            result(NODULE, NotFlagged(probability=0.2, regions=(region_on(images[1]),)), images),
        ],
    )
    chosen = [
        (one.result.provenance.detector.name, one.region.sop_instance_uid)
        for one in key_regions(facts)
    ]
    assert chosen == [
        ("haemorrhage", images[4].reference.sop_instance_uid),
        ("fracture", images[9].reference.sop_instance_uid),
        ("haemorrhage", images[5].reference.sop_instance_uid),
    ]


def test_of_equal_cuts_the_largest_stands_for_a_lesion() -> None:
    source = headers(_HEAD)
    images = [source_image_of(one) for one in source]
    small, large = region_on(images[2], lesion=1), region_on(images[3], lesion=1)
    half = tuple((column / 2, row / 2) for column, row in small.polygon)
    told = result(HAEMORRHAGE, flagged([replace(small, polygon=half), large]), images)
    (key,) = key_regions(facts_of(source, [told]))
    assert key.region == large


def test_p8_a_detector_without_marks_has_no_key_region() -> None:
    source = headers(_HEAD)
    images = [source_image_of(one) for one in source]
    told = result(HAEMORRHAGE, flagged([region_on(images[0])]), images, marks=False)
    assert key_regions(facts_of(source, [told])) == ()


def test_a_frame_of_a_multi_frame_object_can_be_shown() -> None:
    source = enhanced_ct()
    image = source_image_of(source)
    region = region_on(image, frame_number=3)
    facts = facts_of([source], [result(NODULE, flagged([region]), [image])])
    assert _pixels(facts).shape[1] == PANEL


def test_words_that_are_too_long_are_cut_and_stay_in_their_panel() -> None:
    source = [read_back(plain_header())]
    image = source_image_of(source[0])
    endless = replace(FRACTURE, name="W" * 300)
    picture = _pixels(facts_of(source, [result(endless, flagged([region_on(image)]), [image])]))
    assert not (picture[:, PANEL - 4 :] > 100).any()


@pytest.mark.parametrize("count", [0, 4])
def test_a_key_image_of_none_or_of_too_many_is_refused(count: int) -> None:
    facts = usual_facts(_HEAD)
    with pytest.raises(UnusableFacts, match=f"not {count}"):
        build_key_image(facts, [grey_pictures(facts)[0]] * count)


def test_a_picture_of_another_size_is_refused() -> None:
    facts = usual_facts(_HEAD)
    key = key_regions(facts)[0]
    with pytest.raises(UnusableFacts, match="not one of its image"):
        build_key_image(facts, [Picture(key=key, pixels=np.zeros((9, 9), np.uint8))])


def test_another_picture_or_another_choice_of_them_is_another_key_image() -> None:
    facts = usual_facts(_HEAD)
    pictures = grey_pictures(facts)
    lighter = [replace(pictures[0], pixels=pictures[0].pixels + 1), *pictures[1:]]
    built = [build_key_image(facts, one) for one in (pictures, lighter, pictures[:1])]
    assert len({one.reference.sop_instance_uid for one in built}) == 3


def test_the_same_facts_make_the_same_key_image() -> None:
    facts = usual_facts(_HEAD)
    made = [build_key_image(facts, grey_pictures(facts)).file for _ in range(2)]
    assert made[0] == made[1]
