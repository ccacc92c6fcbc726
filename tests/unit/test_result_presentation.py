"""Presentation states draw the outlines where they are, in a window in which they are seen."""

from dataclasses import replace

import numpy as np
import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from results.facts import AssessmentFacts
from results.presentation import build_presentations
from results.source import source_image_of
from tests.made_up_headers import enhanced_ct, plain_header, read_back, tilted_ct
from tests.result_facts import (
    FRACTURE,
    HAEMORRHAGE,
    NODULE,
    PHANTOMS,
    facts_of,
    flagged,
    headers,
    region_on,
    result,
    usual_facts,
)

_HEAD = PHANTOMS / "head_ct_bleed"


def _built(facts: AssessmentFacts) -> list[Dataset]:
    return [one.dataset() for one in build_presentations(facts)]


def test_every_region_is_drawn_on_its_image_with_its_words() -> None:
    facts = usual_facts(_HEAD)
    (built,) = _built(facts)
    regions = facts.results[0].regions
    for annotation, region in zip(built.GraphicAnnotationSequence, regions, strict=True):
        (image,) = annotation.ReferencedImageSequence
        assert image.ReferencedSOPInstanceUID == region.sop_instance_uid
        (outline,) = annotation.GraphicObjectSequence
        points = np.array(outline.GraphicData).reshape(-1, 2)
        assert (outline.GraphicAnnotationUnits, outline.GraphicFilled) == ("PIXEL", "N")
        assert np.allclose(points[:-1], region.polygon, atol=1e-4)
        assert np.array_equal(points[0], points[-1])
    words = [
        one.TextObjectSequence[0].UnformattedTextValue for one in built.GraphicAnnotationSequence
    ]
    assert words[0] == (
        "AI haemorrhage 2.0: haemorrhage suspected 91 %, this place 75 %. Not reviewed."
    )
    assert built.ContentDescription == "AI result, not reviewed, not for diagnostic use."


@pytest.mark.parametrize(
    ("detector", "window"),
    [(HAEMORRHAGE, (40, 80)), (NODULE, (-600, 1500)), (FRACTURE, (400, 1800))],
)
def test_ct_is_shown_in_the_window_of_the_finding(detector: object, window: object) -> None:
    source = headers(_HEAD)
    images = [source_image_of(one) for one in source]
    told = result(detector, flagged([region_on(images[2])]), images)  # type: ignore[arg-type]
    (built,) = _built(facts_of(source, [told]))
    (voi,) = built.SoftcopyVOILUTSequence
    assert (voi.WindowCenter, voi.WindowWidth) == window
    assert (built.RescaleIntercept, built.RescaleSlope) == (-1024, 1)
    assert built.PresentationLUTShape == "IDENTITY"


def test_a_radiograph_keeps_its_own_window_and_its_polarity() -> None:
    header = plain_header()
    header.PhotometricInterpretation = "MONOCHROME1"
    header.WindowCenter, header.WindowWidth, header.VOILUTFunction = "2000", "3000", "SIGMOID"
    source = [read_back(header)]
    image = source_image_of(source[0])
    (built,) = _built(facts_of(source, [result(FRACTURE, flagged([region_on(image)]), [image])]))
    (voi,) = built.SoftcopyVOILUTSequence
    assert (voi.WindowCenter, voi.WindowWidth, voi.VOILUTFunction) == (2000, 3000, "SIGMOID")
    assert built.PresentationLUTShape == "INVERSE"
    assert "RescaleSlope" not in built


def test_images_without_a_window_are_shown_as_they_are() -> None:
    source = [read_back(plain_header())]
    image = source_image_of(source[0])
    (built,) = _built(facts_of(source, [result(FRACTURE, flagged([region_on(image)]), [image])]))
    assert "SoftcopyVOILUTSequence" not in built
    (area,) = built.DisplayedAreaSelectionSequence
    assert list(area.DisplayedAreaBottomRightHandCorner) == [160, 200]
    assert list(area.PresentationPixelAspectRatio) == [1, 1]


def test_pixels_that_are_not_square_are_drawn_so() -> None:
    source = tilted_ct()
    image = source_image_of(source[0])
    (built,) = _built(facts_of(source, [result(HAEMORRHAGE, flagged([region_on(image)]), [image])]))
    (area,) = built.DisplayedAreaSelectionSequence
    assert list(area.PresentationPixelSpacing) == [0.5, 0.6]


def test_a_frame_of_a_multi_frame_object_is_named() -> None:
    source = enhanced_ct()
    image = source_image_of(source)
    region = region_on(image, frame_number=3)
    (built,) = _built(facts_of([source], [result(NODULE, flagged([region]), [image])]))
    (named,) = built.GraphicAnnotationSequence[0].ReferencedImageSequence
    assert named.ReferencedFrameNumber == 3
    assert named.ReferencedSOPClassUID == source.SOPClassUID
    (listed,) = built.ReferencedSeriesSequence[0].ReferencedImageSequence
    assert listed.ReferencedSOPClassUID == source.SOPClassUID


@pytest.mark.parametrize("corner", [(0.0, 0.0), (120.0, 0.0), (0.0, 190.0), (120.0, 190.0)])
def test_words_and_outlines_stay_in_the_image(corner: tuple[float, float]) -> None:
    source = [read_back(plain_header())]
    image = source_image_of(source[0])
    column, row = corner
    region = replace(
        region_on(image),
        polygon=((column, row), (column + 60, row), (column + 60, row + 30), (column, row + 30)),
    )
    (built,) = _built(facts_of(source, [result(FRACTURE, flagged([region]), [image])]))
    (annotation,) = built.GraphicAnnotationSequence
    points = np.array(annotation.GraphicObjectSequence[0].GraphicData).reshape(-1, 2)
    text = annotation.TextObjectSequence[0]
    corners = [*text.BoundingBoxTopLeftHandCorner, *text.BoundingBoxBottomRightHandCorner]
    for x, y in [*points, corners[:2], corners[2:]]:
        assert 0 <= x <= 160
        assert 0 <= y <= 200


@pytest.mark.parametrize("why", ["colour", "table"])
def test_what_is_not_known_how_to_show_has_no_presentation(why: str) -> None:
    header = plain_header()
    if why == "colour":
        header.PhotometricInterpretation = "RGB"
    else:
        table = Dataset()
        table.LUTDescriptor, table.ModalityLUTType = [2, 0, 16], "US"
        header.ModalityLUTSequence = [table]
        header.PixelRepresentation = 0
    source = [read_back(header)]
    image = source_image_of(source[0])
    assert _built(facts_of(source, [result(FRACTURE, flagged([region_on(image)]), [image])])) == []


def test_two_detectors_and_two_rescales_have_presentations_of_their_own() -> None:
    source = tilted_ct()
    source[2].RescaleIntercept = "-1000"
    images = [source_image_of(one) for one in source]
    regions = [region_on(one, lesion=1) for one in images[1:4]]
    told = [
        result(HAEMORRHAGE, flagged(regions), images),
        result(FRACTURE, flagged([region_on(images[1])]), images),
    ]
    built = _built(facts_of(source, told))
    assert [float(one.RescaleIntercept) for one in built] == [-1024, -1000, -1024]
    assert len({one.SOPInstanceUID for one in built}) == 3
    assert len({one.SeriesInstanceUID for one in built}) == 1


def test_the_same_facts_make_the_same_presentation() -> None:
    made = [[one.file for one in build_presentations(usual_facts(_HEAD))] for _ in range(2)]
    assert made[0] == made[1] != []


@pytest.mark.parametrize("has_window", [True, False])
def test_an_image_whose_window_only_a_table_says_is_not_drawn_on(has_window: bool) -> None:
    header, table = plain_header(), Dataset()
    table.add_new("LUTDescriptor", "US", [4, 0, 8])
    table.add_new("LUTData", "US", [0, 80, 160, 255])
    header.VOILUTSequence = [table]
    if has_window:
        header.WindowCenter, header.WindowWidth = "128", "256"
    header = read_back(header)
    image = source_image_of(header)
    facts = facts_of([header], [result(FRACTURE, flagged([region_on(image)]), [image])])
    assert len(build_presentations(facts)) == has_window


def test_p9_a_kind_as_long_as_a_page_is_cut_in_the_words_of_a_mark() -> None:
    header = read_back(plain_header())
    image = source_image_of(header)
    region = region_on(image, kind="x" * 2000)
    (built,) = _built(facts_of([header], [result(FRACTURE, flagged([region]), [image])]))
    words = built.GraphicAnnotationSequence[0].TextObjectSequence[0].UnformattedTextValue
    assert len(words) < 1024
    assert words.endswith("Not reviewed.")


def test_a_spacing_with_more_digits_than_dicom_holds_is_rounded() -> None:
    header = plain_header()
    header[0x00280030] = RawDataElement(
        Tag("PixelSpacing"), "DS", 40, b"0.12345678901234567\\0.12345678901234567 ", 0, False, True
    )
    header.ImagePositionPatient, header.ImageOrientationPatient = [0, 0, 0], [1, 0, 0, 0, 1, 0]
    image = source_image_of(header)
    told = result(FRACTURE, flagged([region_on(image)]), [image])
    (built,) = build_presentations(facts_of([header], [told]))
    assert b"0.12345678901235" in built.file
    assert b"0.123456789012345" not in built.file
